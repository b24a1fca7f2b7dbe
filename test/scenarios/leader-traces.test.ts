// What Apache's servers were seen to say to each other (quorum-protocol 14.1), with our leader in
// the place of theirs. A line with → is said to the leader, one with ← by it.

import { expect, test } from "vitest";
import { type FakeLearner, LeaderBench, range, z } from "../server/zab/leader-bench.ts";

const NEWLEADER = (sid: number, epoch: number): string =>
  `${sid} ← NEWLEADER ${z(epoch, 0).toString(16)} config`;

/** Plays what learners say, and returns it with what the leader answers. */
function play(
  bench: LeaderBench,
  ...says: readonly (readonly [string, () => unknown])[]
): string[] {
  const story: string[] = [];
  for (const [line, say] of says) {
    bench.lines();
    story.push(line);
    say();
    bench.releaseAll();
    story.push(...bench.lines().filter((each) => !each.startsWith("disk: ")));
  }
  return story;
}

// quorum-protocol 14.1, 7.2/1 P = L, 7.2/5, 6
test("A: cold start of three voters, the last one late", () => {
  const bench = new LeaderBench({ sid: 2 });
  const one = bench.accept(1);
  const three = bench.accept(3);
  const story = play(
    bench,
    ["1 → FOLLOWERINFO 0", () => one.hello(1, 0)],
    ["1 → ACKEPOCH 0 epoch 0", () => one.ackEpoch(0, 0)],
    ["1 → ACK 100000000", () => one.ack(z(1, 0))],
    ["1 → ACK 100000000", () => one.ack(z(1, 0))],
    ["half a tick", () => bench.ticks(1)],
    ["1 → PING", () => one.pong()],
    ["3 → FOLLOWERINFO 0", () => three.hello(3, 0)],
    ["3 → ACKEPOCH 0 epoch 0", () => three.ackEpoch(0, 0)],
    ["3 → ACK 100000000", () => three.ack(z(1, 0))],
    ["3 → ACK 100000000", () => three.ack(z(1, 0))],
  );
  expect(story).toEqual([
    "1 → FOLLOWERINFO 0",
    "1 ← LEADERINFO 100000000",
    "1 → ACKEPOCH 0 epoch 0",
    "1 ← DIFF 0",
    NEWLEADER(1, 1),
    "1 → ACK 100000000",
    "lead 1",
    "1 ← UPTODATE -1",
    "1 → ACK 100000000",
    "half a tick",
    "1 ← PING 100000000",
    "1 → PING",
    "reported 1",
    "3 → FOLLOWERINFO 0",
    "3 ← LEADERINFO 100000000",
    "3 → ACKEPOCH 0 epoch 0",
    "3 ← SNAP 100000000",
    "3 ← tree",
    NEWLEADER(3, 1),
    "3 → ACK 100000000",
    "3 ← UPTODATE -1",
    "3 → ACK 100000000",
  ]);
});

/** A leader of epoch 1 that wrote up to 1:17, with server 3. */
function wrote(count: number): [LeaderBench, FakeLearner] {
  const bench = new LeaderBench({ sid: 2 });
  const [three] = bench.establish(3);
  if (three === undefined) throw new Error("it was established");
  bench.propose(count).logged(z(1, count));
  three.ack(z(1, count));
  bench.replica.applyAll();
  return [bench, three];
}

// quorum-protocol 14.1, 7.2/3 min ≤ P ≤ max, S-25, Trap 9
test("B: a follower comes back within the term, and acknowledges what the DIFF brought", () => {
  const [bench] = wrote(0x11);
  const one = bench.accept(1);
  const story = play(
    bench,
    ["1 → FOLLOWERINFO 100000000", () => one.hello(1, 1)],
    ["1 → ACKEPOCH 10000000c epoch -1", () => one.ackEpoch(z(1, 0xc), -1)],
    ["1 → ACK 100000000", () => one.ack(z(1, 0))],
    ["1 → ACK 100000000", () => one.ack(z(1, 0))],
    ["1 → ACK d to 11, as 3.8.0 says", () => one.ack(...range(1, 0xd, 0x11))],
  );
  expect(story).toEqual([
    "1 → FOLLOWERINFO 100000000",
    "1 ← LEADERINFO 100000000",
    "1 → ACKEPOCH 10000000c epoch -1",
    "1 ← DIFF 100000011",
    ...["d", "e", "f", "10", "11"].flatMap((counter) => {
      const zxid = `1${counter.padStart(8, "0")}`;
      return [`1 ← PROPOSAL ${zxid}`, `1 ← COMMIT ${zxid}`];
    }),
    NEWLEADER(1, 1),
    "1 → ACK 100000000",
    "1 ← UPTODATE -1",
    "1 → ACK 100000000",
    "1 → ACK d to 11, as 3.8.0 says",
  ]);
});

/** A leader of epoch 2 whose history ends with 1:6, with server 3. */
function afterFall(): [LeaderBench, FakeLearner] {
  const bench = new LeaderBench({ sid: 2, history: range(1, 1, 6) });
  const [three] = bench.establish(3);
  if (three === undefined) throw new Error("it was established");
  return [bench, three];
}

/** The leader of epoch 1 comes back, with 1:7 to 1:a that nobody else has. */
function deposedLeaderJoins(bench: LeaderBench): string[] {
  const one = bench.accept(1);
  const story = play(
    bench,
    ["1 → FOLLOWERINFO 100000000", () => one.hello(1, 1)],
    ["1 → ACKEPOCH 10000000a epoch 1", () => one.ackEpoch(z(1, 0xa), 1)],
  );
  expect(story.splice(0, 3)).toEqual([
    "1 → FOLLOWERINFO 100000000",
    "1 ← LEADERINFO 200000000",
    "1 → ACKEPOCH 10000000a epoch 1",
  ]);
  return story;
}

// quorum-protocol 14.1, 7.2/2 P > max and low32(P) ≠ 0, 16/1154
test("C: a deposed leader with txns that nobody has is truncated", () => {
  const [bench] = afterFall();
  expect(deposedLeaderJoins(bench)).toEqual(["1 ← TRUNC 100000006", NEWLEADER(1, 2)]);
});

// quorum-protocol 14.1, 7.2/3 min ≤ P ≤ max, 16/1154, 16/2846
test("D: once the new epoch has txns, it is sent the tree, and nothing of its own comes back", () => {
  const [bench, three] = afterFall();
  bench.propose(4).logged(z(2, 4));
  three.ack(z(2, 4));
  bench.replica.applyAll();
  expect(deposedLeaderJoins(bench)).toEqual(["1 ← SNAP 200000004", "1 ← tree", NEWLEADER(1, 2)]);
});

// quorum-protocol 7.2/2 P > max and low32(P) ≠ 0, S-11
test("while those txns are not settled it is truncated, and they are proposed to it as well", () => {
  const [bench] = afterFall();
  bench.propose(2);
  expect(deposedLeaderJoins(bench)).toEqual([
    "1 ← TRUNC 100000006",
    NEWLEADER(1, 2),
    "1 ← PROPOSAL 200000001",
    "1 ← PROPOSAL 200000002",
  ]);
});
