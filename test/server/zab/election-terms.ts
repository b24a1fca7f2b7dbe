// What comes after an election, as far as elections have to do with it: a leader takes office once
// a quorum follows it, brings its followers to its own history, writes, and loses office; servers
// without a leader elect again. It knows which writes were acknowledged, and that every leader in
// office must have them.

import { expect } from "vitest";
import { QuorumVerifier } from "../../../server/zab/quorum-verifier.ts";
import { type EnsembleShape, ensembleConfig } from "./election-bench.ts";
import type { ElectionNetwork } from "./election-network.ts";

const PATIENCE_MS = 1500;
const EPOCH = 0x1_0000_0000;

const [FOLLOWING, LEADING] = [1, 2];

export class Terms {
  /** The last write that a quorum has. */
  acknowledged = 0;
  offices = 0;
  readonly quorum: QuorumVerifier;
  readonly #network: ElectionNetwork;
  /** The leader that each server is in step with. */
  readonly #inStep = new Map<number, number>();
  readonly #accepted = new Map<number, number>();
  readonly #lonelySinceMs = new Map<number, number>();

  constructor(shape: EnsembleShape, network: ElectionNetwork) {
    this.quorum = new QuorumVerifier(ensembleConfig(shape));
    this.#network = network;
  }

  run(ms: number): void {
    for (let step = 0; step < ms; step += 10) {
      this.#network.run(10);
      for (const sid of this.#network.servers.keys()) this.#step(sid);
    }
  }

  ended(sid: number): void {
    this.#inStep.delete(sid);
    this.#lonelySinceMs.delete(sid);
  }

  /** The leader in office writes once; `has` says which followers log it. */
  write(has: (sid: number) => boolean): void {
    const leader = [...this.#inStep].find(([sid, of]) => sid === of && this.#holds(sid))?.[0];
    const own = leader === undefined ? undefined : this.#network.candidates.get(leader);
    if (leader === undefined || own === undefined) return;
    const zxid = Math.max(own.zxid, own.currentEpoch * EPOCH) + 1;
    const loggers = this.#followers(leader).filter((sid) => {
      const history = this.#network.candidates.get(sid);
      return sid === leader || (has(sid) && history?.zxid === own.zxid);
    });
    for (const sid of loggers) this.#learn(sid, zxid, own.currentEpoch);
    if (this.quorum.containsQuorum((sid) => loggers.includes(sid))) this.acknowledged = zxid;
  }

  /** Everybody follows one leader, which is in office. */
  get agreed(): number | undefined {
    const leaders = new Set(this.#inStep.values());
    const [leader] = leaders;
    const isAll = this.#inStep.size === this.#network.servers.size;
    return leaders.size === 1 && isAll ? leader : undefined;
  }

  #step(sid: number): void {
    const core = this.#network.servers.get(sid)?.core;
    if (core === undefined || core.state === 0) return;
    const leader = core.vote.leader;
    const isInStep = core.state === LEADING ? this.#holds(sid) : this.#joins(sid, leader);
    if (isInStep) {
      this.#lonelySinceMs.delete(sid);
      return;
    }
    const sinceMs = this.#lonelySinceMs.get(sid) ?? this.#network.nowMs;
    this.#lonelySinceMs.set(sid, sinceMs);
    if (this.#network.nowMs - sinceMs < PATIENCE_MS) return;
    this.ended(sid);
    this.#network.elect(sid);
  }

  /** A leader keeps or takes office: a quorum that has no more than it follows it (D-3, D-7). */
  #holds(leader: number): boolean {
    const followers = this.#followers(leader);
    const counted = new Set(followers.filter((sid) => this.#inStep.get(sid) === leader));
    if (this.quorum.containsQuorum((sid) => counted.has(sid))) return true;
    this.#inStep.delete(leader);
    const willing = followers.filter((sid) => this.#isCounted(sid) && !this.#exceeds(sid, leader));
    const own = this.#network.candidates.get(leader);
    if (own === undefined || !this.quorum.containsQuorum((sid) => willing.includes(sid))) {
      return false;
    }
    this.offices++;
    expect(own.zxid, "a leader in office has what was acknowledged").toBeGreaterThanOrEqual(
      this.acknowledged,
    );
    const epoch = Math.max(...willing.map((sid) => this.#accepted.get(sid) ?? 0)) + 1;
    for (const sid of willing) {
      this.#accepted.set(sid, epoch);
      this.#learn(sid, own.zxid, epoch);
      this.#inStep.set(sid, leader);
      this.#network.servers.get(sid)?.core.established(epoch);
    }
    return true;
  }

  /** A learner is brought into step by a leader in office, also one that is not counted. */
  #joins(sid: number, leader: number): boolean {
    if (!this.#reaches(sid, leader) || this.#inStep.get(leader) !== leader) return false;
    if (this.#inStep.get(sid) === leader) return true;
    const own = this.#network.candidates.get(leader);
    if (own === undefined || this.#exceeds(sid, leader)) return false;
    if ((this.#accepted.get(sid) ?? 0) > own.currentEpoch) return false;
    this.#accepted.set(sid, own.currentEpoch);
    this.#learn(sid, own.zxid, own.currentEpoch);
    this.#inStep.set(sid, leader);
    this.#network.servers.get(sid)?.core.established(own.currentEpoch);
    return true;
  }

  #followers(leader: number): number[] {
    return [...this.#network.servers].flatMap(([sid, { core }]) => {
      if (sid === leader) return core.state === LEADING ? [sid] : [];
      const isFollowing = core.state === FOLLOWING && core.vote.leader === leader;
      return isFollowing && this.#reaches(sid, leader) ? [sid] : [];
    });
  }

  #reaches(sid: number, leader: number): boolean {
    const state = this.#network.servers.get(leader)?.core.state;
    return state === LEADING && !this.#network.isCut(sid) && !this.#network.isCut(leader);
  }

  #isCounted(sid: number): boolean {
    const isFounder = this.#network.servers.get(sid)?.outcomes.at(-1)?.isFounder ?? false;
    return this.quorum.isVoter(sid) && (isFounder || !this.#network.candidates.get(sid)?.isEmpty);
  }

  #exceeds(sid: number, leader: number): boolean {
    const one = this.#network.candidates.get(sid);
    const own = this.#network.candidates.get(leader);
    if (one === undefined || own === undefined) return true;
    if (one.currentEpoch !== own.currentEpoch) return one.currentEpoch > own.currentEpoch;
    return one.zxid > own.zxid;
  }

  #learn(sid: number, zxid: number, currentEpoch: number): void {
    this.#network.candidates.set(sid, { zxid, currentEpoch, isEmpty: false, isDiverged: false });
  }

  /** A disk is replaced by an empty one. */
  wiped(sid: number): void {
    this.#accepted.delete(sid);
  }
}
