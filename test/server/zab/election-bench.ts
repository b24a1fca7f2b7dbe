// One election core, what it says as lines of text, and what is said to it as such lines.
//
//     →2 LOOKING v1 z0 r1 pe0      told to server 2: the vote's leader, zxid, round and epoch

import { NOBODY, type Notification, PeerState } from "../../../protocol/election.ts";
import type { EnsembleConfig, Member } from "../../../protocol/ensemble.ts";
import type { ElectionLinks, ElectionOutcome, ZabLog } from "../../../server/zab/effects.ts";
import { type Candidate, Election } from "../../../server/zab/election.ts";
import { QuorumVerifier } from "../../../server/zab/quorum-verifier.ts";

export interface EnsembleShape {
  readonly voters: readonly number[];
  readonly observers?: readonly number[];
  readonly groups?: Readonly<Record<number, readonly number[]>>;
  readonly weights?: Readonly<Record<number, number>>;
}

export function ensembleConfig(shape: EnsembleShape): EnsembleConfig {
  const { voters, observers = [], groups = {}, weights = {} } = shape;
  const member = (sid: number, role: Member["role"]): [number, Member] => [
    sid,
    {
      sid,
      role,
      addresses: [{ host: `s${sid}`, quorumPort: 2888, electionPort: 3888 }],
      client: undefined,
    },
  ];
  return {
    version: 0,
    members: new Map([
      ...voters.map((sid) => member(sid, "participant")),
      ...observers.map((sid) => member(sid, "observer")),
    ]),
    groups: new Map(Object.entries(groups).map(([group, sids]) => [Number(group), sids])),
    weights: new Map(Object.entries(weights).map(([sid, weight]) => [Number(sid), weight])),
  };
}

export const CONFIG_TEXT = "server.1=s1:2888:3888:participant\nversion=0";

export class BenchLinks implements ElectionLinks {
  hasEmptyQueue = true;
  readonly live: Set<number>;
  /** Why some were not reached. */
  readonly apart: Map<number, string> = new Map();
  readonly #note: (line: string) => void;
  readonly #send: (sid: number, notification: Notification) => void;

  constructor(
    live: readonly number[],
    note: (line: string) => void,
    send: (sid: number, notification: Notification) => void = () => undefined,
  ) {
    this.live = new Set(live);
    this.#note = note;
    this.#send = send;
  }

  notify(sid: number, notification: Notification): void {
    this.#note(`→${sid} ${notificationText(notification)}`);
    this.#send(sid, notification);
  }

  dialAll(): void {
    this.#note("dial all");
  }

  isLive(sid: number): boolean {
    return this.live.has(sid);
  }

  whyApart(sid: number): string | undefined {
    return this.apart.get(sid);
  }
}

export interface BenchOptions extends EnsembleShape {
  readonly sid: number;
  readonly minIntervalMs?: number;
  readonly maxIntervalMs?: number;
  readonly send?: (sid: number, notification: Notification) => void;
}

export class ElectionBench {
  readonly core: Election;
  readonly links: BenchLinks;
  readonly outcomes: ElectionOutcome[] = [];
  readonly warnings: string[] = [];
  nowMs = 1000;
  #said: string[] = [];

  constructor(options: BenchOptions) {
    const note = (line: string): void => void this.#said.push(line);
    this.links = new BenchLinks(options.voters, note, options.send);
    const log: ZabLog = {
      info: () => undefined,
      warn: (details, message) => void this.warnings.push(`${JSON.stringify(details)} ${message}`),
      error: (_, message) => void this.warnings.push(message),
    };
    this.core = new Election(
      {
        sid: options.sid,
        quorum: new QuorumVerifier(ensembleConfig(options)),
        config: CONFIG_TEXT,
        minIntervalMs: options.minIntervalMs ?? 200,
        maxIntervalMs: options.maxIntervalMs ?? 60_000,
      },
      {
        links: this.links,
        log,
        decided: (outcome) => {
          this.outcomes.push(outcome);
          note(`${outcome.state} ${outcome.leader}`);
        },
        deserted: () => note("deserted"),
      },
    );
  }

  /** What was said since the last call. */
  said(): string[] {
    const said = this.#said;
    this.#said = [];
    return said;
  }

  start(candidate: Partial<Candidate> = {}): string[] {
    this.core.start(this.nowMs, {
      zxid: 0,
      currentEpoch: 0,
      isEmpty: false,
      isDiverged: false,
      ...candidate,
    });
    return this.said();
  }

  /** The connections of these are lost, and the core is told. */
  lose(...sids: readonly number[]): string[] {
    for (const sid of sids) this.links.live.delete(sid);
    this.core.tick(this.nowMs);
    return this.said();
  }

  /** A server says a line such as "LOOKING v1 z0 r1 pe0"; what that leads to. */
  hear(sid: number, line: string): string[] {
    this.core.receive(sid, notificationOf(line), this.nowMs);
    return this.said();
  }

  pass(ms: number): string[] {
    this.nowMs += ms;
    this.core.tick(this.nowMs);
    return this.said();
  }
}

const NAMES = ["LOOKING", "FOLLOWING", "LEADING", "OBSERVING"] as const;
const STATES = Object.values(PeerState);

function numberText(value: number): string {
  if (value === NOBODY) return "-";
  return value < 0 ? String(value) : value.toString(16);
}

export function notificationText(notification: Notification): string {
  const { leader, zxid, electionEpoch, peerEpoch } = notification;
  const state = NAMES[notification.state];
  return `${state} v${numberText(leader)} z${numberText(zxid)} r${electionEpoch} pe${numberText(peerEpoch)}`;
}

/** A trailing "old" is the format without epoch and configuration. */
function notificationOf(line: string): Notification {
  const [name = "", leader = "", zxid = "", round = "", epoch = "", old] = line.split(" ");
  const number = (text: string, letters: number, base: number): number =>
    text.slice(letters) === "-" ? NOBODY : Number.parseInt(text.slice(letters), base);
  const state = STATES[NAMES.findIndex((known) => known === name)];
  if (state === undefined) throw new Error(`no state: ${line}`);
  return {
    state,
    leader: number(leader, 1, 16),
    zxid: number(zxid, 1, 16),
    electionEpoch: number(round, 1, 10),
    peerEpoch: number(epoch, 2, 16),
    config: old === undefined ? CONFIG_TEXT : undefined,
  };
}
