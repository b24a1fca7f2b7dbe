/**
 * Who belongs to an ensemble: what the lines `server.N`, `group.N` and `weight.N` say, in a file,
 * in a notification, in NEWLEADER and in the znode /zookeeper/config (quorum-protocol 12.1).
 *
 *     server.<sid>=<addr>{|<addr>}[;[<client>][;<secure>]]
 *     group.<g>=<sid>{:<sid>}          weight.<sid>=<n>
 *     version=<hex zxid>
 *
 *     <addr>   = <host>:<quorumPort>:<electionPort>[:participant|:observer]
 *     <client> = [<host>:]<port>, and <secure> alike
 *     <host>   = name | IPv4 | [IPv6]
 *
 * Servers compare members by this text, never by what a name resolves to at the moment.
 *
 * @see ZooKeeper 3.9, QuorumPeer.QuorumServer, QuorumPeerConfig.parseDynamicConfig,
 *   QuorumHierarchical.parse and their toString
 */
import { parseProperties } from "./properties.ts";
import type { Zxid } from "./zxid.ts";

export interface EnsembleConfig {
  /** The zxid of the reconfiguration that made it; 0: the one from the file. */
  readonly version: Zxid;
  /** By sid, in its order. */
  readonly members: ReadonlyMap<number, Member>;
  /**
   * By number; empty: any majority of the participants is a quorum. Invariant: where there are
   * groups, every participant is in exactly one.
   */
  readonly groups: ReadonlyMap<number, readonly number[]>;
  /** Those that were said; the others weigh 1. Invariant: empty where there are no groups. */
  readonly weights: ReadonlyMap<number, number>;
}

export interface Member {
  /** 0 to 2^53 - 1. Session ids carry its low 8 bits. */
  readonly sid: number;
  readonly role: "participant" | "observer";
  /** At least one. */
  readonly addresses: readonly MemberAddress[];
  /** What follows the semicolon; undefined where nothing does. */
  readonly client: ClientAddress | undefined;
}

export interface MemberAddress {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly quorumPort: number;
  readonly electionPort: number;
}

export interface ClientAddress {
  /** Undefined: every address of the machine. */
  readonly host: string | undefined;
  readonly port: number;
}

/** Ends the sentence "expected ..., got ..." where `parseMember` found nothing. */
export const MEMBER_EXPECTED: string =
  "host:quorumPort:electionPort[:participant|:observer][;[clientHost:]clientPort], " +
  "ports from 1 to 65535, IPv6 in brackets";

const HOST = String.raw`(?:\[[^\s[\]]+\]|[^\s:;|[\]]+)`;
const ADDRESS = new RegExp(String.raw`^(${HOST}):(\d+):(\d+)(?::(participant|observer))?$`, "i");
const CLIENT = new RegExp(String.raw`^(?:(${HOST}):)?(\d+)$`);
const EVERY_ADDRESS = "0.0.0.0";

/**
 * Reads a member's line, or undefined when it has another form. A third part, the port for TLS of
 * ZooKeeper 3.10, is read over: 3.9 would refuse it, so it is never written.
 */
export function parseMember(sid: number, text: string): Member | undefined {
  const [first = "", second = "", third = "", ...rest] = text.split(";");
  if (rest.length > 0) return undefined;
  const roles = new Set<string>();
  const addresses: MemberAddress[] = [];
  for (const each of first.split("|")) {
    const match = ADDRESS.exec(each.trim());
    const quorumPort = portOf(match?.[2]);
    const electionPort = portOf(match?.[3]);
    if (match === null || quorumPort === undefined || electionPort === undefined) return undefined;
    if (match[4] !== undefined) roles.add(match[4].toLowerCase());
    addresses.push({ host: withoutBrackets(match[1] ?? ""), quorumPort, electionPort });
  }
  if (roles.size > 1) return undefined;
  const client = parseClient(second.trim());
  if (client === "wrong" || parseClient(third.trim()) === "wrong") return undefined;
  return { sid, role: roles.has("observer") ? "observer" : "participant", addresses, client };
}

/** Reads what follows `server.`, `group.` or `weight.`, or undefined. */
export function parseSid(text: string): number | undefined {
  const sid = /^\d{1,16}$/.test(text) ? Number(text) : undefined;
  return Number.isSafeInteger(sid) ? sid : undefined;
}

/** Reads the sids of a group, or undefined. */
export function parseGroup(text: string): readonly number[] | undefined {
  const sids = text.split(":").map((each) => parseSid(each.trim()));
  return sids.every((sid) => sid !== undefined) ? sids : undefined;
}

/**
 * Puts an ensemble together, or says why these are none. Who votes at least is not decided here:
 * a file and a reconfiguration have their own rules for it.
 */
export function makeEnsemble(
  version: Zxid,
  members: Iterable<Member>,
  groups: Iterable<readonly [number, readonly number[]]> = [],
  weights: Iterable<readonly [number, number]> = [],
): EnsembleConfig | string {
  const bySid = new Map<number, Member>();
  for (const member of [...members].sort((a, b) => a.sid - b.sid)) {
    if (bySid.has(member.sid)) return `two members have the number ${member.sid}`;
    bySid.set(member.sid, member);
  }
  const made: EnsembleConfig = {
    version,
    members: bySid,
    groups: new Map([...groups].sort(([a], [b]) => a - b)),
    weights: new Map([...weights].sort(([a], [b]) => a - b)),
  };
  return hierarchyProblem(made) ?? made;
}

/** Where there is one group or weight, every participant has to be in one group. */
function hierarchyProblem({ members, groups, weights }: EnsembleConfig): string | undefined {
  if (groups.size === 0 && weights.size === 0) return undefined;
  const grouped = new Set<number>();
  for (const sid of [...groups.values()].flat()) {
    if (grouped.has(sid)) return `server ${sid} is in two groups`;
    grouped.add(sid);
  }
  for (const { sid, role } of members.values()) {
    if (role === "participant" && !grouped.has(sid)) return `server ${sid} is in no group`;
  }
  for (const { sid, role } of members.values()) {
    if (role === "participant" && (weights.get(sid) ?? 1) > 0) return undefined;
  }
  return "every participant has the weight 0: nobody could be elected";
}

/** Reads the text of a whole configuration, or says what is wrong with it. */
export function parseEnsemble(text: string): EnsembleConfig | string {
  let version = 0;
  const members: Member[] = [];
  const groups: [number, readonly number[]][] = [];
  const weights: [number, number][] = [];
  const { properties, problems } = parseProperties(text);
  const problem = problems.find((each) => each.severity === "error");
  if (problem !== undefined) return problem.message;
  for (const { key, value } of properties) {
    const [kind, number = "", ...rest] = key.split(".");
    const id = rest.length === 0 ? parseSid(number) : undefined;
    if (key === "version") {
      version = Number(`0x${value}`);
      if (!/^[0-9a-f]{1,14}$/i.test(value) || !Number.isSafeInteger(version)) {
        return `version: expected hexadecimal digits, got "${value}"`;
      }
    } else if (kind === "server" && id !== undefined) {
      const member = parseMember(id, value);
      if (member === undefined) return `${key}: expected ${MEMBER_EXPECTED}, got "${value}"`;
      members.push(member);
    } else if (kind === "group" && id !== undefined) {
      const group = parseGroup(value);
      if (group === undefined) return `${key}: expected numbers of servers, got "${value}"`;
      groups.push([id, group]);
    } else if (kind === "weight" && id !== undefined) {
      const weight = parseSid(value);
      if (weight === undefined) return `${key}: expected a weight, got "${value}"`;
      weights.push([id, weight]);
    } else {
      return `"${key}" does not belong to a configuration`;
    }
  }
  return makeEnsemble(version, members, groups, weights);
}

/**
 * The one text of a configuration, as notifications, NEWLEADER and /zookeeper/config have it.
 *
 * Differs from ZooKeeper: lines come in the order of their numbers, also where a hash table of
 * Java's would order numbers above 15 otherwise.
 */
export function ensembleText(ensemble: EnsembleConfig): string {
  const { members, groups, weights, version } = ensemble;
  const lines = [...members.values()].map((each) => `server.${each.sid}=${memberText(each)}`);
  for (const [number, sids] of groups) {
    lines.push(`group.${number}=${[...sids].sort((a, b) => a - b).join(":")}`);
  }
  if (groups.size > 0) {
    const participants = [...members.values()].filter((each) => each.role === "participant");
    const weighed = new Set([...weights.keys(), ...participants.map((each) => each.sid)]);
    for (const sid of [...weighed].sort((a, b) => a - b)) {
      lines.push(`weight.${sid}=${weights.get(sid) ?? 1}`);
    }
  }
  return [...lines, `version=${version.toString(16)}`].join("\n");
}

function memberText({ addresses, role, client }: Member): string {
  const sorted = [...addresses].sort((a, b) => (a.host < b.host ? -1 : a.host > b.host ? 1 : 0));
  const places = sorted.map(
    ({ host, quorumPort, electionPort }) => `${bracketed(host)}:${quorumPort}:${electionPort}`,
  );
  const behind =
    client === undefined ? "" : `;${bracketed(client.host ?? EVERY_ADDRESS)}:${client.port}`;
  return `${places.join("|")}:${role}${behind}`;
}

function parseClient(text: string): ClientAddress | undefined | "wrong" {
  if (text === "") return undefined;
  const match = CLIENT.exec(text);
  const port = portOf(match?.[2]);
  if (port === undefined) return "wrong";
  const host = match?.[1] === undefined ? EVERY_ADDRESS : withoutBrackets(match[1]);
  return { host: host === EVERY_ADDRESS ? undefined : host, port };
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, "");
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function portOf(text: string | undefined): number | undefined {
  const port = Number(text);
  return port >= 1 && port <= 65_535 ? port : undefined;
}
