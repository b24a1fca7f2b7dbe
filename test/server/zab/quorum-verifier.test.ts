import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { QuorumVerifier } from "../../../server/zab/quorum-verifier.ts";
import { type EnsembleShape, ensembleConfig } from "./election-bench.ts";

function verifier(shape: EnsembleShape): QuorumVerifier {
  return new QuorumVerifier(ensembleConfig(shape));
}

function isQuorum(quorum: QuorumVerifier, sids: readonly number[]): boolean {
  return quorum.containsQuorum((sid) => sids.includes(sid));
}

describe("a majority", () => {
  // quorum-protocol 4.5, 4.5/majority
  test("is more than half of the voters, observers and strangers left out", () => {
    const three = verifier({ voters: [1, 2, 3], observers: [4, 5] });
    expect(isQuorum(three, [1, 2])).toBe(true);
    expect(isQuorum(three, [1, 4, 5, 9])).toBe(false);
    const four = verifier({ voters: [1, 2, 3, 4] });
    expect(isQuorum(four, [1, 2])).toBe(false);
    expect(isQuorum(four, [1, 2, 4])).toBe(true);
    const one = verifier({ voters: [7] });
    expect(isQuorum(one, [])).toBe(false);
    expect(isQuorum(one, [7])).toBe(true);
  });

  test("has reached the number that its slowest member has", () => {
    expect(verifier({ voters: [1, 2, 3] }).reachedByQuorum([5, 9, 7])).toBe(7);
    expect(verifier({ voters: [1, 2, 3, 4] }).reachedByQuorum([5, 9, 7, 8])).toBe(7);
    expect(verifier({ voters: [1] }).reachedByQuorum([3])).toBe(3);
  });

  test("counts each voter once, whatever weights say", () => {
    const quorum = verifier({ voters: [1, 2, 3], weights: { 1: 9, 2: 0 } });
    expect(isQuorum(quorum, [1])).toBe(false);
    expect(quorum.weight(1)).toBe(1);
    expect(quorum.weight(2)).toBe(1);
    expect(quorum.weight(8)).toBe(0);
  });
});

describe("groups", () => {
  const shape: EnsembleShape = {
    voters: [1, 2, 3, 4, 5, 6, 7],
    groups: { 1: [1, 2, 3], 2: [4, 5, 6], 3: [7] },
    weights: { 7: 0 },
  };

  // quorum-protocol 4.5/hierarchical
  test("win by more than half of their weight, and more than half of them make a quorum", () => {
    const quorum = verifier(shape);
    // The third group has no weight, so both others are needed.
    expect(isQuorum(quorum, [1, 2, 4, 5])).toBe(true);
    expect(isQuorum(quorum, [1, 2, 3, 4, 7])).toBe(false);
    expect(quorum.weight(7)).toBe(0);
    expect(quorum.reachedByQuorum([9, 8, 1, 7, 6, 5, 99])).toBe(6);
  });

  // quorum-protocol 4.5/hierarchical
  test("are heavier by the observers in them, who cannot vote, as in Apache's servers", () => {
    const quorum = verifier({ voters: [1, 2], observers: [3, 4], groups: { 1: [1, 2, 3, 4] } });
    expect(isQuorum(quorum, [1, 2, 3, 4])).toBe(false);
    expect(quorum.reachedByQuorum([1, 2])).toBe(Number.NEGATIVE_INFINITY);
  });

  // quorum-protocol 4.5/hierarchical
  test("without any weight at all never make a quorum", () => {
    const quorum = verifier({ voters: [1], groups: { 1: [1] }, weights: { 1: 0 } });
    expect(isQuorum(quorum, [1])).toBe(false);
    expect(quorum.reachedByQuorum([1])).toBe(Number.NEGATIVE_INFINITY);
  });
});

const shapes = fc
  .record({
    sizes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
    weights: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 16, maxLength: 16 }),
    flat: fc.boolean(),
  })
  .map(({ sizes, weights, flat }): EnsembleShape => {
    let next = 1;
    const groups = sizes.map((size) => Array.from({ length: size }, () => next++));
    const voters = groups.flat();
    if (flat) return { voters };
    return {
      voters,
      groups: Object.fromEntries(groups.map((sids, i) => [i + 1, sids])),
      weights: Object.fromEntries(voters.map((sid, i) => [sid, weights[i] ?? 1])),
    };
  });

// quorum-protocol 4.5
test("any two quorums have a server in common", () => {
  fc.assert(
    fc.property(shapes, fc.array(fc.boolean(), { minLength: 16, maxLength: 16 }), (shape, side) => {
      const quorum = verifier(shape);
      const one = quorum.containsQuorum((sid) => side[sid - 1] ?? false);
      const other = quorum.containsQuorum((sid) => !(side[sid - 1] ?? false));
      expect(one && other).toBe(false);
    }),
  );
});

test("what a quorum has reached is the greatest number that the servers beyond it contain", () => {
  const numbers = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(shapes, numbers, (shape, all) => {
      const quorum = verifier(shape);
      const values = quorum.voters.map((_, i) => all[i] ?? 0);
      const have = (value: number): boolean =>
        quorum.containsQuorum((sid) => (values[quorum.indexOf(sid)] ?? 0) >= value);
      const reached = [...new Set(values)].toSorted((a, b) => b - a).find(have);
      expect(quorum.reachedByQuorum(values)).toBe(reached ?? Number.NEGATIVE_INFINITY);
    }),
  );
});
