/**
 * What a quorum is (quorum-protocol 4.5), of one configuration:
 *
 *     no groups   more than half of the participants
 *     groups      more than half of the groups that have any weight, a group being won by more
 *                 than half of the weight in it
 *
 * Any two quorums have a server in common. Whoever asks does so in one of two forms: do these
 * servers make a quorum, and, for the leader's commits, which number has a quorum reached.
 */
import type { EnsembleConfig } from "../../protocol/ensemble.ts";
import type { Zxid } from "../../protocol/zxid.ts";

/** A group that has any weight. */
interface Group {
  /** Of the participants in it: indexes in `voters`. */
  readonly members: readonly number[];
  /** Weight beyond which it is won. */
  readonly half: number;
}

export class QuorumVerifier {
  /** Of the configuration. */
  readonly version: Zxid;
  /** The participants, by sid: what is counted has its place by the index in here. */
  readonly voters: readonly number[];
  readonly observers: readonly number[];
  /** Parallel to `voters`. */
  readonly #weights: readonly number[];
  /** Empty: it is the majority of all that counts. */
  readonly #groups: readonly Group[];
  /** Whether it is groups that vote; then no group with any weight means no quorum ever. */
  readonly #isHierarchical: boolean;
  readonly #indexes = new Map<number, number>();
  /** Scratch for `reachedByQuorum`: numbers, the greatest first, and the weight behind each. */
  readonly #sorted: Float64Array;
  readonly #sortedWeights: Float64Array;
  readonly #ofGroups: Float64Array;

  constructor(config: EnsembleConfig) {
    this.version = config.version;
    const members = [...config.members.values()].toSorted((a, b) => a.sid - b.sid);
    this.voters = members.filter(({ role }) => role === "participant").map(({ sid }) => sid);
    this.observers = members.filter(({ role }) => role === "observer").map(({ sid }) => sid);
    for (const [index, sid] of this.voters.entries()) this.#indexes.set(sid, index);
    this.#isHierarchical = config.groups.size > 0;
    // Without groups weights say nothing (ZooKeeper 3.9, QuorumMaj.getWeight).
    const weightOf = (sid: number): number =>
      this.#isHierarchical ? (config.weights.get(sid) ?? 1) : 1;
    this.#weights = this.voters.map(weightOf);
    const groups: Group[] = [];
    for (const sids of config.groups.values()) {
      // Observers that are listed make the group heavier, though they never vote: so does
      // ZooKeeper 3.9, QuorumHierarchical.computeGroupWeight, and all must mean the same quorums.
      const weight = sids.reduce((sum, sid) => sum + weightOf(sid), 0);
      const voting = sids.map((sid) => this.indexOf(sid)).filter((index) => index >= 0);
      if (weight > 0) groups.push({ members: voting, half: weight / 2 });
    }
    this.#groups = groups;
    this.#sorted = new Float64Array(this.voters.length);
    this.#sortedWeights = new Float64Array(this.voters.length);
    this.#ofGroups = new Float64Array(groups.length);
  }

  isVoter(sid: number): boolean {
    return this.#indexes.has(sid);
  }

  /** The place of a voter in `voters`, or -1. */
  indexOf(sid: number): number {
    return this.#indexes.get(sid) ?? -1;
  }

  /** What its vote weighs; 0 also for those who have none. A server without weight never leads (F-1). */
  weight(sid: number): number {
    const index = this.indexOf(sid);
    return index < 0 ? 0 : (this.#weights[index] ?? 0);
  }

  /** Whether the servers for which `has` is true contain a quorum. It is asked about voters only. */
  containsQuorum(has: (sid: number) => boolean): boolean {
    if (!this.#isHierarchical) {
      let count = 0;
      for (const sid of this.voters) if (has(sid)) count++;
      return count * 2 > this.voters.length;
    }
    let won = 0;
    for (const { members, half } of this.#groups) {
      let weight = 0;
      for (const index of members) {
        if (has(this.voters[index] ?? 0)) weight += this.#weights[index] ?? 0;
      }
      if (weight > half) won++;
    }
    return won * 2 > this.#groups.length;
  }

  /**
   * The greatest number that a quorum has reached, if `values[i]` is how far `voters[i]` has come;
   * -Infinity: no quorum is possible. Makes no garbage: the leader asks for every batch of acks.
   */
  reachedByQuorum(values: ArrayLike<number>): number {
    const sorted = this.#sorted;
    if (!this.#isHierarchical) {
      for (let i = 0; i < sorted.length; i++) insertDescending(sorted, i, values[i] ?? 0);
      return sorted[sorted.length >> 1] ?? Number.NEGATIVE_INFINITY;
    }
    const ofGroups = this.#ofGroups;
    for (let i = 0; i < ofGroups.length; i++) {
      const group = this.#groups[i];
      if (group !== undefined) insertDescending(ofGroups, i, this.#reachedByGroup(group, values));
    }
    return ofGroups[ofGroups.length >> 1] ?? Number.NEGATIVE_INFINITY;
  }

  #reachedByGroup({ members, half }: Group, values: ArrayLike<number>): number {
    const sorted = this.#sorted;
    const weights = this.#sortedWeights;
    for (let i = 0; i < members.length; i++) {
      const index = members[i] ?? 0;
      const place = insertDescending(sorted, i, values[index] ?? 0);
      weights.copyWithin(place + 1, place, i);
      weights[place] = this.#weights[index] ?? 0;
    }
    let weight = 0;
    for (let i = 0; i < members.length; i++) {
      weight += weights[i] ?? 0;
      if (weight > half) return sorted[i] ?? 0;
    }
    return Number.NEGATIVE_INFINITY;
  }
}

/** Puts a value among the `count` that are there, the greatest first; returns its place. */
function insertDescending(sorted: Float64Array, count: number, value: number): number {
  let place = count;
  while (place > 0 && (sorted[place - 1] ?? 0) < value) place--;
  sorted.copyWithin(place + 1, place, count);
  sorted[place] = value;
  return place;
}
