// One cell of the mixed ensembles' table: who its servers are, what is done to them while several
// clients write, and what is found afterwards. Its tests and `npm run mixed` run the same.

import { Ensemble, type EnsembleMember, type MemberKind } from "../../tools/ensemble.ts";
import { forceDiff, forceSnap, forceTrunc } from "../../tools/forced-syncs.ts";
import { MotleyLoad } from "../../tools/motley-load.ts";
import { RecordedLoad } from "../../tools/recorded-load.ts";
import type { SyncKind } from "../../tools/sync-log.ts";
import { readTree, treeDifferences } from "../../tools/tree-dump.ts";

export interface Cell {
  readonly name: string;
  /** The first one is server 1. */
  readonly kinds: readonly MemberKind[];
  /** The number of the one that does not vote, if there is one. */
  readonly observer?: number;
  /**
   * Who leads whom, at some time: in each of them every kind of sync must happen, and leader and
   * learner must have been killed in their roles.
   */
  readonly directions: readonly Direction[];
  readonly story: (run: CellRun) => Promise<void>;
}

/** From a leader to a learner. */
export type Direction = readonly [leader: MemberKind, learner: MemberKind];

export interface CellOutcome {
  readonly acknowledged: number;
  /** While everybody served. */
  readonly acknowledgedPerSecond: number;
  /** Of every kind, beside those that are recorded. */
  readonly motley: number;
  /** Writes whose reply was lost. */
  readonly unknown: number;
  /** How often what happened, in the words of `missingFrom`. */
  readonly counts: ReadonlyMap<string, number>;
  /** What must not be: writes lost, sessions expired, trees that differ. */
  readonly problems: readonly string[];
}

const SYNC_KINDS = ["DIFF", "TRUNC", "SNAP"] as const;
const CLIENTS = 16;
const WRITES_PER_SECOND = 550;
/** As ours says it of a txn that it applies, and of one that it replays. */
const DIVERGED = ["the tree here is not the leader's", "is not what the txn says"];
/** Between two blows. */
const CALM_WRITES = 300;

/** What a story may do to its servers. Each step ends with all of them serving. */
export class CellRun {
  readonly ensemble: Ensemble;
  readonly #load: RecordedLoad;
  readonly #motley: MotleyLoad;
  readonly #observer: number | undefined;
  readonly #counts = new Map<string, number>();
  #calmWrites = 0;
  #calmMs = 0;

  constructor(
    ensemble: Ensemble,
    load: RecordedLoad,
    motley: MotleyLoad,
    observer: number | undefined,
  ) {
    this.ensemble = ensemble;
    this.#load = load;
    this.#observer = observer;
    this.#motley = motley;
  }

  lead(sid: number): Promise<void> {
    return this.ensemble.makeLeader(sid);
  }

  /** SIGKILL of the leader; the others go on, and it comes back. */
  async killLeader(): Promise<void> {
    await this.#kill("leader", await this.ensemble.awaitServing());
  }

  async killFollower(): Promise<void> {
    await this.ensemble.awaitServing();
    await this.#kill("learner", await this.ensemble.awaitFollower());
  }

  /** SIGKILL of a learner, who misses a little. */
  async diff(sid: number): Promise<void> {
    await this.#calm();
    const learner = this.ensemble.member(sid);
    this.#count(killed("learner", learner.kind));
    await forceDiff(this.ensemble, this.#load, learner);
  }

  /** SIGKILL of a learner, who comes back with an empty disk. */
  async snap(sid: number): Promise<void> {
    await this.#calm();
    await forceSnap(this.ensemble, this.#load, this.ensemble.member(sid));
  }

  /** SIGKILL of all at once. */
  async killAll(): Promise<void> {
    await this.#calm();
    const { members } = this.ensemble;
    await Promise.all(members.map((each) => each.kill()));
    for (const each of members) each.start();
    await this.ensemble.awaitServing();
  }

  /** SIGSTOP of a server: the others go on, and it wakes up in another world. */
  async freeze(sid: number): Promise<void> {
    await this.#calm();
    const member = this.ensemble.member(sid);
    member.pause();
    await this.#load.more(CALM_WRITES);
    member.resume();
    await this.ensemble.awaitServing();
  }

  /** Nothing passes between a server and the others for a while. */
  async isolate(sid: number): Promise<void> {
    await this.#calm();
    const sids = this.ensemble.members.map((each) => each.sid);
    const others = sids.filter((each) => each !== sid);
    this.ensemble.partition([sid], others);
    await this.#load.more(CALM_WRITES);
    this.ensemble.heal();
    await this.ensemble.awaitServing();
  }

  /** What one server says is not heard by another for a while. */
  async silence(from: number, to: number): Promise<void> {
    await this.#calm();
    this.ensemble.cut(from, to);
    await this.#load.more(CALM_WRITES);
    this.ensemble.heal();
    await this.ensemble.awaitServing();
  }

  /** The leader has logged what nobody else has, and is killed; an observer gets its disk as well. */
  async trunc(): Promise<void> {
    await this.#calm();
    // A session that ends would be a write behind the leader's back.
    await this.#motley.stop();
    const heir = this.#observer === undefined ? undefined : this.ensemble.member(this.#observer);
    await forceTrunc(this.ensemble, this.#load, heir);
    this.#motley.start();
    await this.#load.allClients();
  }

  /** Ends the writing and looks at everything. */
  async outcome(): Promise<CellOutcome> {
    const { ensemble } = this;
    await ensemble.awaitServing();
    await this.#load.allClients();
    await Promise.all([this.#load.stop(), this.#motley.stop()]);
    const problems = await this.#problems();
    this.#countSyncs();
    if (problems.length > 0) problems.push(ensemble.logTails());
    return {
      acknowledged: this.#load.acknowledged,
      acknowledgedPerSecond: Math.round((1000 * this.#calmWrites) / this.#calmMs),
      motley: this.#motley.done,
      unknown: this.#load.unknown,
      counts: this.#counts,
      problems,
    };
  }

  /** Everybody serves, for a while. */
  async #calm(): Promise<void> {
    const [writes, ms] = [this.#load.acknowledged, performance.now()];
    await this.#load.more(CALM_WRITES);
    this.#calmWrites += this.#load.acknowledged - writes;
    this.#calmMs += performance.now() - ms;
  }

  async #kill(role: Role, member: EnsembleMember): Promise<void> {
    await this.#calm();
    this.#count(killed(role, member.kind));
    await member.kill();
    await this.#load.more(CALM_WRITES);
    member.start();
    await this.ensemble.awaitServing();
  }

  async #problems(): Promise<string[]> {
    const { members } = this.ensemble;
    const addresses = members.map((each) => each.address);
    const problems = this.#load.problems(await readTree(addresses[0] ?? ""));
    const { expiredSessions } = this.#load;
    if (expiredSessions > 0) problems.push(`${expiredSessions} sessions expired`);
    // Their wires are routed, so each has its own addresses.
    problems.push(...(await treeDifferences(addresses, "/zookeeper/config")));
    for (const member of members) {
      const mismatches = /^zk_digest_mismatches_count\s+(.*)$/m.exec(
        await member.word("mntr"),
      )?.[1];
      // A server of ours would have taken another tree since.
      const wasWrong = DIVERGED.some((each) => member.log().includes(each));
      if (Number(mismatches) !== 0 || wasWrong) {
        problems.push(`server ${member.sid} (${member.kind}) found digests that its tree has not`);
      }
    }
    return problems;
  }

  /** Where there is an observer, only its own count. */
  #countSyncs(): void {
    for (const { kind, leader, learner } of this.ensemble.takeSyncs()) {
      if (this.#observer !== undefined && learner.sid !== this.#observer) continue;
      this.#count(synced(kind, leader.kind, learner.kind));
    }
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }
}

type Role = "leader" | "learner";

function killed(role: Role, kind: MemberKind): string {
  return `${kind} killed as ${role}`;
}

function synced(kind: SyncKind, leader: MemberKind, learner: MemberKind): string {
  return `${kind} from ${leader} to ${learner}`;
}

/** What has to happen in a cell, and did not. */
export function missingFrom(cell: Cell, counts: ReadonlyMap<string, number>): string[] {
  const wanted = cell.directions.flatMap(([leader, learner]) => [
    ...SYNC_KINDS.map((kind) => synced(kind, leader, learner)),
    killed("leader", leader),
    killed("learner", learner),
  ]);
  return wanted.filter((each) => !counts.has(each));
}

export interface CellOptions {
  /** Of all that is random. */
  readonly seed: number;
  /** More of everybody's zoo.cfg. */
  readonly settings?: Readonly<Record<string, string>>;
  /** More of everybody's Java properties. */
  readonly properties?: Readonly<Record<string, string>>;
  /** What happens behind the cell's story. */
  readonly afterwards?: (run: CellRun) => Promise<void>;
}

export async function runCell(cell: Cell, options: CellOptions): Promise<CellOutcome> {
  const { seed } = options;
  const { kinds, observer } = cell;
  await using ensemble = await Ensemble.start({
    kinds,
    observers: observer === undefined ? [] : [observer],
    settings: { extendedTypesEnabled: "true", ...options.settings },
    properties: { "zookeeper.extendedTypesEnabled": "true", ...options.properties },
    routed: true,
  });
  const load = RecordedLoad.start(ensemble.clientPorts, {
    clients: CLIENTS,
    writesPerSecond: WRITES_PER_SECOND,
  });
  const addresses = ensemble.members.map((each) => each.address);
  const motley = MotleyLoad.start(addresses, { seed, withTtl: true, clients: 3, intervalMs: 15 });
  try {
    const run = new CellRun(ensemble, load, motley, observer);
    await cell.story(run);
    await options.afterwards?.(run);
    return await run.outcome();
  } catch (error) {
    throw new Error(`${cell.name}: ${String(error)}\n${ensemble.logTails()}`, { cause: error });
  } finally {
    await Promise.all([load.stop(), motley.stop()]);
  }
}
