import { describe, expect, test } from "vitest";
import { ElectionBench } from "./election-bench.ts";

const EMPTY = { isEmpty: true };

/** An empty server 1 that is electing. */
function empty(voters: readonly number[] = [1, 2, 3]): ElectionBench {
  const bench = new ElectionBench({ voters, sid: 1 });
  bench.start(EMPTY);
  return bench;
}

describe("an empty voter", () => {
  // quorum-protocol F-5
  test("says that it is not to be counted, and votes for nobody", () => {
    const bench = new ElectionBench({ voters: [1, 2, 3], sid: 1 });
    expect(bench.start(EMPTY)).toEqual(["→2 LOOKING v1 z-1 r1 pe0", "→3 LOOKING v1 z-1 r1 pe0"]);
    expect(bench.hear(3, "LOOKING v3 z7 r1 pe1")).toEqual([]);
    expect(bench.hear(2, "LOOKING v3 z7 r5 pe1")).toEqual([]);
    bench.lose(2, 3);
    expect(bench.pass(150)).toEqual([]);
    expect(bench.core.round).toBe(1);
  });

  // quorum-protocol F-5
  test("is not counted by one that has data, which does not wait for its vote either", () => {
    const bench = new ElectionBench({ voters: [1, 2, 3], sid: 3 });
    bench.start({ zxid: 7, currentEpoch: 1 });
    expect(bench.hear(1, "LOOKING v1 z-1 r1 pe0")).toEqual([]);
    expect(bench.hear(1, "LOOKING v1 z-1 r9 pe0")).toEqual([]);
    expect(bench.hear(2, "LOOKING v3 z7 r1 pe1")).toEqual(["LEADING 3"]);
  });

  // quorum-protocol F-10, F-11
  test("joins an ensemble that runs, uncounted", () => {
    const bench = empty();
    bench.hear(3, "LEADING v3 z7 r1 pe1");
    expect(bench.hear(2, "FOLLOWING v3 z7 r1 pe1")).toEqual(["FOLLOWING 3"]);
    expect(bench.outcomes).toEqual([{ leader: 3, state: "FOLLOWING", isFounder: false }]);
  });

  test("tells operators whom it waits for and what they can do", () => {
    const bench = empty();
    bench.hear(3, "LOOKING v3 z7 r1 pe1");
    for (let second = 0; second < 10; second++) bench.pass(1000);
    expect(bench.warnings).toHaveLength(1);
    expect(bench.warnings[0]).toContain('{"unheard":[2],"withData":[3]}');
    expect(bench.warnings[0]).toContain("`initialize`");
  });

  test("votes like any other once somebody said that it may", () => {
    const bench = new ElectionBench({ voters: [1, 2, 3], sid: 1 });
    expect(bench.start({ isEmpty: false })[0]).toBe("→2 LOOKING v1 z0 r1 pe0");
  });
});

describe("empty voters alone", () => {
  test("found an ensemble when all of them were heard, whichever way they say it", () => {
    const bench = empty();
    // One of ours, and one of Apache's.
    bench.hear(2, "LOOKING v2 z-1 r1 pe0");
    expect(bench.hear(3, "LOOKING v3 z0 r1 pe0")).toEqual([]);
    expect(bench.core.wakeAtMs).toBe(bench.nowMs + 200);
    expect(bench.pass(200)).toEqual(["→2 LOOKING v1 z0 r1 pe0", "→3 LOOKING v1 z0 r1 pe0"]);
    bench.hear(2, "LOOKING v3 z0 r1 pe0");
    bench.hear(3, "LOOKING v3 z0 r1 pe0");
    expect(bench.outcomes).toEqual([{ leader: 3, state: "FOLLOWING", isFounder: true }]);
  });

  test("do not found it while one is missing", () => {
    const bench = empty([1, 2, 3, 4]);
    bench.hear(2, "LOOKING v2 z-1 r1 pe0");
    bench.hear(3, "LOOKING v3 z-1 r1 pe0");
    for (let second = 0; second < 100; second++) bench.pass(1000);
    expect(bench.core.vote.zxid).toBe(-1);
    expect(bench.outcomes).toEqual([]);
  });

  test("do not found it when what they heard turns out to be old", () => {
    const bench = empty();
    bench.hear(2, "LOOKING v3 z0 r1 pe0");
    bench.hear(3, "LOOKING v3 z0 r1 pe0");
    bench.hear(2, "FOLLOWING v3 z0 r1 pe1");
    expect(bench.core.wakeAtMs).toBe(bench.nowMs + 200);
    expect(bench.pass(200)).toEqual(["→2 LOOKING v1 z-1 r1 pe0", "→3 LOOKING v1 z-1 r1 pe0"]);
  });

  // quorum-protocol 16/2325/3056/3781
  test("never vote with one that has data: a wiped disk is no memory of what it acknowledged", () => {
    const bench = empty();
    bench.hear(2, "LOOKING v3 z0 r1 pe0");
    bench.hear(3, "LOOKING v3 z0 r1 pe0");
    bench.pass(200);
    // Server 3 is gone; 2 lacks what 1 and 3 acknowledged, and asks for the vote of 1.
    bench.lose(3);
    expect(bench.hear(2, "LOOKING v2 z7 r5 pe1")).toEqual([
      "→2 LOOKING v1 z-1 r1 pe0",
      "→3 LOOKING v1 z-1 r1 pe0",
    ]);
    bench.pass(200);
    expect(bench.outcomes).toEqual([]);
    expect(bench.warnings[0]).toContain('"server":2');
  });

  test("never vote with one that has adopted an epoch, though it has no txn", () => {
    const bench = empty();
    bench.hear(2, "LOOKING v2 z0 r1 pe1");
    // What 3 said when it was empty; since then it acknowledged a txn with 1, before 1 was wiped.
    bench.hear(3, "LOOKING v3 z0 r1 pe0");
    bench.pass(200);
    bench.lose(3);
    bench.hear(2, "LOOKING v2 z0 r5 pe1");
    for (let second = 0; second < 10; second++) bench.pass(1000);
    expect(bench.outcomes).toEqual([]);
    expect(bench.core.vote.zxid).toBe(-1);
  });

  test("join a leader that they founded with, and are counted", () => {
    const bench = empty();
    bench.hear(2, "LOOKING v2 z-1 r1 pe0");
    bench.hear(3, "LOOKING v3 z-1 r1 pe0");
    bench.pass(200);
    bench.hear(3, "LEADING v3 z0 r1 pe0");
    bench.hear(2, "FOLLOWING v3 z0 r1 pe0");
    expect(bench.outcomes).toEqual([{ leader: 3, state: "FOLLOWING", isFounder: true }]);
  });

  test("are not founders of an ensemble that was there before them", () => {
    const bench = empty();
    bench.hear(2, "LOOKING v2 z-1 r1 pe0");
    bench.hear(3, "LOOKING v3 z-1 r1 pe0");
    bench.pass(200);
    bench.hear(3, "LEADING v3 z0 r1 pe1");
    bench.hear(2, "FOLLOWING v3 z0 r1 pe1");
    expect(bench.outcomes).toEqual([{ leader: 3, state: "FOLLOWING", isFounder: false }]);
  });

  test("that are one are an ensemble", () => {
    const bench = empty([1]);
    expect(bench.pass(200)).toEqual(["LEADING 1"]);
    expect(bench.outcomes[0]?.isFounder).toBe(true);
  });
});
