/**
 * The lines that name an ensemble's members. Their forms are read in `protocol/ensemble.ts`; here
 * is what must hold between them.
 *
 * @see operations 2.4 (refused), 2.5
 */
import {
  type EnsembleConfig,
  MEMBER_EXPECTED,
  type Member,
  type MemberAddress,
  makeEnsemble,
  parseGroup,
  parseMember,
  parseSid,
} from "../../protocol/ensemble.ts";
import type { Assignment, Problems } from "./problems.ts";

export interface MemberLine {
  readonly member: Member;
  readonly said: Assignment;
}

/** Above it a session id does not tell any more which server made it. */
const SESSION_ID_SIDS = 256;

/** What the lines say, in the file's order. */
export class MemberLines {
  readonly #problems: Problems;
  readonly #lines: MemberLine[] = [];
  readonly #groups: { number: number; sids: readonly number[]; said: Assignment }[] = [];
  readonly #weights: { sid: number; weight: number; said: Assignment }[] = [];
  /** The first line of any kind, for what is wrong with all of them. */
  #first: Assignment | undefined;
  #hasUnreadable = false;

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  get first(): Assignment | undefined {
    return this.#first;
  }

  /** Then it is not known who the members are. */
  get hasUnreadable(): boolean {
    return this.#hasUnreadable;
  }

  get lines(): readonly MemberLine[] {
    return this.#lines;
  }

  get participantCount(): number {
    return this.#lines.filter(({ member }) => member.role === "participant").length;
  }

  /** Takes a line `server.N`, `group.N` or `weight.N`. */
  add(said: Assignment): void {
    this.#first ??= said;
    const dot = said.key.indexOf(".");
    const kind = said.key.slice(0, dot);
    const id = parseSid(said.key.slice(dot + 1));
    if (id === undefined) {
      this.#hasUnreadable = true;
      this.#problems.fail(said.keyAt, `${said.key}: expected a number from 0 to 2^53 - 1`);
    } else if (kind === "server") {
      const member = parseMember(id, said.value);
      if (member === undefined) this.#failValue(said, MEMBER_EXPECTED);
      else this.#lines.push({ member, said });
    } else if (kind === "group") {
      const sids = parseGroup(said.value);
      if (sids === undefined) this.#failValue(said, "numbers of servers with colons between them");
      else this.#groups.push({ number: id, sids, said });
    } else {
      const weight = parseSid(said.value);
      if (weight === undefined) this.#failValue(said, "a weight, 0 or more");
      else this.#weights.push({ sid: id, weight, said });
    }
  }

  /** The ensemble; undefined with the reasons among the problems. */
  assemble(options: {
    readonly multiAddress: boolean;
    readonly extendedTypes: boolean;
  }): EnsembleConfig | undefined {
    const members = this.#lines.map(({ member }) => member);
    const made = makeEnsemble(
      0,
      members,
      this.#groups.map(({ number, sids }) => [number, sids]),
      this.#weights.map(({ sid, weight }) => [sid, weight]),
    );
    this.#checkAddresses(options.multiAddress);
    this.#warnOfUnknown();
    this.#checkSids(options.extendedTypes);
    const { first } = this;
    if (first !== undefined) {
      if (typeof made === "string") this.#problems.fail(first.keyAt, made);
      this.#warnOfCount(first);
    }
    return typeof made === "string" ? undefined : made;
  }

  #checkAddresses(multiAddress: boolean): void {
    const taken = new Map<string, string>();
    for (const { member, said } of this.#lines) {
      if (member.addresses.length > 1 && !multiAddress) {
        this.#problems.fail(
          said.valueAt,
          `${said.key}: several addresses need multiAddress.enabled=true, on every server`,
        );
      }
      for (const address of member.addresses) {
        if (address.quorumPort === address.electionPort) {
          this.#problems.fail(
            said.valueAt,
            `${said.key}: the quorum port and the election port must not be the same`,
          );
        } else {
          this.#checkTaken(taken, address, said);
        }
      }
    }
  }

  #checkTaken(taken: Map<string, string>, address: MemberAddress, said: Assignment): void {
    for (const port of [address.quorumPort, address.electionPort]) {
      const place = `${address.host.toLowerCase()}:${port}`;
      const other = taken.get(place);
      if (other !== undefined) {
        const message = `${said.key}: ${place} is also an address of ${other}`;
        // ZooKeeper lets loopback pass: each of them may mean a machine of its own.
        if (isLoopback(address.host)) this.#problems.warn(said.valueAt, message);
        else this.#problems.fail(said.valueAt, message);
      }
      taken.set(place, said.key);
    }
  }

  /** ZooKeeper does not look at them either: what is in no line has no vote. */
  #warnOfUnknown(): void {
    const known = new Set(this.#lines.map(({ member }) => member.sid));
    for (const { sids, said } of this.#groups) {
      const unknown = sids.filter((sid) => !known.has(sid));
      if (unknown.length > 0) {
        this.#problems.warn(
          said.valueAt,
          `${said.key}: no line server.${unknown.join(", server.")}`,
        );
      }
    }
    for (const { sid, said } of this.#weights) {
      if (!known.has(sid)) this.#problems.warn(said.keyAt, `${said.key}: no line server.${sid}`);
    }
  }

  #checkSids(extendedTypes: boolean): void {
    const byLowBits = new Map<number, string>();
    for (const { member, said } of this.#lines) {
      const { sid } = member;
      if (extendedTypes && sid >= SESSION_ID_SIDS - 1) {
        this.#problems.fail(
          said.keyAt,
          `${said.key}: with extendedTypesEnabled=true numbers end at 254, TTL znodes need the rest`,
        );
      }
      const other = byLowBits.get(sid % SESSION_ID_SIDS);
      if (other !== undefined) {
        this.#problems.warn(
          said.keyAt,
          `${said.key}: equal to ${other} modulo 256: the two may give two sessions one id`,
        );
      } else if (sid >= SESSION_ID_SIDS) {
        this.#problems.warn(
          said.keyAt,
          `${said.key}: a number above 255: session ids carry its low 8 bits only`,
        );
      }
      byLowBits.set(sid % SESSION_ID_SIDS, said.key);
    }
  }

  #warnOfCount(first: Assignment): void {
    const count = this.participantCount;
    if (count === 2) {
      this.#problems.warn(first.keyAt, "two participants: when one fails, nothing is written");
    } else if (count % 2 === 0 && this.#groups.length === 0) {
      this.#problems.warn(
        first.keyAt,
        `${count} participants survive no more failures than ${count - 1}`,
      );
    }
  }

  #failValue(said: Assignment, expected: string): void {
    this.#hasUnreadable = true;
    this.#problems.fail(said.valueAt, `${said.key}: expected ${expected}, got "${said.value}"`);
  }
}

function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|::1)$/i.test(host);
}
