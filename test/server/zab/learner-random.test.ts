// A learner under leaders that may be right, wrong or gone at any moment, on a disk that takes its
// time: whatever comes, it says nothing that is not durable, and ends with memory as the disk.

import fc from "fast-check";
import { expect, test } from "vitest";
import { zxidEpoch } from "../../../protocol/zxid.ts";
import {
  bare,
  commit,
  inform,
  LearnerBench,
  newLeader,
  pairs,
  proposal,
  snap,
  withData,
  z,
} from "./learner-bench.ts";

const BASE = z(1, 3);

/** A leader that does everything right, packet by packet. */
const rightLeader = fc
  .record({
    opening: fc.constantFrom(
      { packets: [bare("DIFF", BASE)], last: BASE },
      { packets: [bare("TRUNC", z(1, 1))], last: z(1, 1) },
      { packets: [snap(z(1, 9))], last: z(1, 9) },
    ),
    settled: fc.nat(3),
    unsettled: fc.nat(3),
    isSettledLater: fc.boolean(),
    served: fc.nat(4),
  })
  .map(({ opening, settled, unsettled, isSettledLater, served }) => {
    const old = Array.from({ length: settled }, (_, i) => opening.last + 1 + i);
    const fresh = Array.from({ length: unsettled }, (_, i) => z(2, i + 1));
    const later = Array.from({ length: served }, (_, i) => z(2, unsettled + i + 1));
    return [
      ...opening.packets,
      ...old.map((zxid) => pairs(zxid)),
      ...fresh.map((zxid) => proposal(zxid)),
      newLeader(2),
      ...(isSettledLater ? fresh.map((zxid) => commit(zxid)) : []),
      bare("UPTODATE", -1),
      ...(isSettledLater ? [] : fresh.map((zxid) => commit(zxid))),
      ...later.map((zxid) => pairs(zxid)),
      bare("PING", z(2, 0)),
    ];
  });

/** What no leader should say then, if ever. */
const wrongPacket = fc.oneof(
  fc.constantFrom(
    bare("UPTODATE", -1),
    bare("DIFF", 0),
    bare("SNAP", z(1, 4)),
    bare("TRUNC", z(1, 1)),
    newLeader(2),
    newLeader(3),
    proposal(z(1, 4)),
    proposal(z(2, 7)),
    commit(z(1, 4)),
    commit(z(2, 1)),
    inform(z(2, 1)),
  ),
  fc
    .record({ type: fc.integer({ min: 0, max: 70 }), data: fc.uint8Array({ maxLength: 40 }) })
    .map(({ type, data }) => withData(type, z(2, 1), Buffer.from(data))),
);

const step = fc.oneof(
  { weight: 40, arbitrary: fc.constant("next" as const) },
  { weight: 40, arbitrary: fc.constant("disk" as const) },
  { weight: 8, arbitrary: fc.constant("flush" as const) },
  { weight: 4, arbitrary: fc.constant("tick" as const) },
  { weight: 1, arbitrary: fc.constant("cut" as const) },
  { weight: 1, arbitrary: wrongPacket },
);

/** Fails when something is said that the disk does not have. */
function watch(bench: LearnerBench): { ends: number; redials: number } {
  const seen = { ends: 0, redials: 0 };
  const { replica } = bench;
  bench.onLine = (line) => {
    const [what, zxid] = [line.slice(0, 6), Number.parseInt(line.slice(6), 16)];
    if (what === "→ ACK " && zxid === z(2, 0)) {
      expect(replica.durableCurrentEpoch, line).toBe(2);
    } else if (what === "→ ACK ") {
      expect(replica.durableLog, line).toContain(zxid);
    } else if (line.startsWith("→ ACKEPOCH")) {
      expect(replica.durableAcceptedEpoch, line).toBe(2);
    } else if (line.startsWith("disk: currentEpoch")) {
      expect(replica.durableZxid, line).toBe(replica.window.committedZxid);
    } else if (line.startsWith("redial")) {
      seen.redials++;
    } else if (/^(step down|exit)/.test(line)) {
      seen.ends++;
    }
  };
  return seen;
}

// quorum-protocol I-10, I-16, S-27
test("whatever a leader says and whenever it goes, only what is durable is acknowledged", () => {
  const reached = { served: 0, right: 0 };
  fc.assert(
    fc.property(
      rightLeader,
      fc.array(step, { minLength: 10, maxLength: 60, size: "max" }),
      (packets, steps) => {
        const bench = new LearnerBench({ lastZxid: BASE, acceptedEpoch: 1 }).connect();
        const seen = watch(bench);
        const script = [bench.leaderInfo(2), ...packets];
        let isRight = true;
        for (const each of steps) {
          const packet = script[0];
          if (each === "disk" && bench.replica.waiting[0] !== undefined) bench.releaseNext();
          else if (each === "flush" && bench.learner.phase === "broadcast") bench.release("logged");
          else if (each === "tick") bench.ticks(1);
          else if (each === "cut") bench.cut();
          else if (each === "next" && packet !== undefined) bench.receive(script.shift() ?? packet);
          else if (each instanceof Buffer) {
            bench.receive(each);
            isRight = false;
          }
          if (each === "cut" || each instanceof Buffer) isRight = false;
        }
        if (bench.learner.phase === "broadcast") reached.served++;
        if (isRight) {
          expect(seen).toEqual({ ends: 0, redials: 0 });
          reached.right++;
        }
        bench.learner.leave("enough");
        bench.releaseAll();
        expect(seen.ends).toBe(1);
        // As whoever owns the replica does before it votes.
        const { replica } = bench;
        replica.flush();
        replica.window.commitTo(replica.window.lastZxid);
        replica.applyAll();
        expect(replica.lastZxid).toBe(replica.durableZxid);
        const epoch = zxidEpoch(replica.durableZxid);
        expect(epoch).toBeLessThanOrEqual(replica.durableAcceptedEpoch);
      },
    ),
    { numRuns: 200, seed: 7 },
  );
  expect(reached.served).toBeGreaterThan(20);
  expect(reached.right).toBeGreaterThan(20);
});
