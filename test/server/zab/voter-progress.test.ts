import { expect, test } from "vitest";
import { QuorumVerifier } from "../../../server/zab/quorum-verifier.ts";
import { VoterProgress } from "../../../server/zab/voter-progress.ts";

function progress(...sids: readonly number[]): VoterProgress {
  const members = sids.map((sid) => {
    const role = sid < 10 ? ("participant" as const) : ("observer" as const);
    return [sid, { sid, role, addresses: [], client: undefined }] as const;
  });
  const config = { version: 0, members: new Map(members), groups: new Map(), weights: new Map() };
  return new VoterProgress(new QuorumVerifier(config));
}

// quorum-protocol B-6, I-11
test("what a quorum has reached is what all of some quorum have", () => {
  const five = progress(1, 2, 3, 4, 5);
  five.reach(1, 9);
  five.reach(2, 7);
  expect(five.reached).toBe(0);
  five.reach(5, 8);
  expect(five.reached).toBe(7);
  five.reach(3, Number.POSITIVE_INFINITY);
  expect(five.reached).toBe(8);
});

test("nobody goes back, unless what it had reached is forgotten", () => {
  const three = progress(1, 2, 3);
  three.reach(1, 9);
  three.reach(2, 7);
  three.reach(2, 5);
  expect(three.reached).toBe(7);
  three.forget(2);
  expect(three.reached).toBe(0);
});

// quorum-protocol B-5, 16/2959
test("who is no voter reaches nothing", () => {
  const three = progress(1, 2, 3, 11);
  three.reach(1, 9);
  for (const sid of [11, 12]) {
    three.reach(sid, 9);
    three.forget(sid);
  }
  expect(three.reached).toBe(0);
});
