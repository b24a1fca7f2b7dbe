// Elections as transcripts: what was said in the order in which it arrived, and what came of it.
//
//     1→2 LOOKING v1 z0 r1 pe0     server 1 votes for 1, which has zxid 0, in round 1 and epoch 0
//     2 LEADING 2                  server 2 has decided
//
// The numbers are those of issues of ZooKeeper (quorum-protocol 16).

import { describe, expect, test } from "vitest";
import { SimRandom } from "../../server/testing/sim-random.ts";
import type { EnsembleShape } from "../server/zab/election-bench.ts";
import { ElectionNetwork } from "../server/zab/election-network.ts";

const THREE = { voters: [1, 2, 3] };

function room(shape: EnsembleShape = THREE): ElectionNetwork {
  return new ElectionNetwork(shape, new SimRandom(1), { delayMaxMs: 1, repeated: 0, lost: 0 });
}

/** What happens from now on, for as long as `run` takes. */
function transcript(network: ElectionNetwork, run: () => void): string[] {
  network.transcript.length = 0;
  run();
  return [...network.transcript];
}

function decisions(lines: readonly string[]): string[] {
  return lines.filter((line) => !line.includes("→")).toSorted();
}

function established(network: ElectionNetwork, sids: readonly number[], epoch: number): void {
  for (const sid of sids) network.servers.get(sid)?.core.established(epoch);
}

/** Servers 1 and 2 follow and lead in epoch 1; 3 never was there. */
function twoOfThree(): ElectionNetwork {
  const network = room();
  network.boot(1);
  network.boot(2);
  network.run(500);
  established(network, [1, 2], 1);
  return network;
}

// quorum-protocol 14.1
describe("as Apache's servers were seen to do it", () => {
  // quorum-protocol 14.1, F-9, F-11, E-10
  test("a cold start of two, and a third that comes later", () => {
    const network = room();
    const start = transcript(network, () => {
      network.boot(1);
      network.boot(2);
      network.run(500);
    });
    expect(start).toEqual([
      "1→2 LOOKING v1 z0 r1 pe0",
      "2→1 LOOKING v2 z0 r1 pe0",
      // Ours tells who has not heard yet; Apache's waits for its next turn to speak.
      "2→1 LOOKING v2 z0 r1 pe0",
      "1→2 LOOKING v2 z0 r1 pe0",
      // After 200 ms of silence, since server 3 could be about to start.
      "1 FOLLOWING 2",
      "2 LEADING 2",
    ]);
    established(network, [1, 2], 1);
    const join = transcript(network, () => {
      network.boot(3);
      network.run(500);
    });
    expect(join).toEqual([
      "1→3 LOOKING v2 z0 r1 pe0",
      "2→3 LOOKING v2 z0 r1 pe0",
      "3→1 LOOKING v3 z0 r1 pe0",
      "3→2 LOOKING v3 z0 r1 pe0",
      // What it heard was old, so it tells them again.
      "3→1 LOOKING v3 z0 r1 pe0",
      "3→2 LOOKING v3 z0 r1 pe0",
      "1→3 FOLLOWING v2 z0 r1 pe1",
      "2→3 LEADING v2 z0 r1 pe1",
      "3 FOLLOWING 2",
      "1→3 FOLLOWING v2 z0 r1 pe1",
      "2→3 LEADING v2 z0 r1 pe1",
    ]);
  });

  // quorum-protocol 14.1, N-8, F-10
  test("a follower that restarts inside the term", () => {
    const network = twoOfThree();
    network.boot(3);
    network.run(500);
    established(network, [3], 1);
    const restart = transcript(network, () => {
      network.kill(1);
      network.boot(1, { zxid: 0x1_0000_000c, currentEpoch: 1 });
      network.run(500);
    });
    expect(restart[0]).toBe("2→1 LOOKING v2 z0 r1 pe0");
    expect(restart).toContain("1→2 LOOKING v1 z10000000c r1 pe1");
    expect(restart).toContain("1→3 LOOKING v1 z10000000c r1 pe1");
    expect(decisions(restart)).toEqual(["1 FOLLOWING 2"]);
    expect(restart).toContain("2→1 LEADING v2 z0 r1 pe1");
    expect(restart).toContain("3→1 FOLLOWING v2 z0 r1 pe1");
  });
});

// quorum-protocol 16/569, F-12
test("569: a leader that dies before it leads is not elected again by who remembers it", () => {
  const network = room();
  for (const sid of [1, 2, 3]) network.boot(sid);
  network.run(500);
  network.kill(3);
  network.elect(1);
  // Server 2 still says that it follows 3, and nobody hears 3 say that it leads.
  expect(decisions(transcript(network, () => network.run(3000)))).toEqual([]);
  network.elect(2);
  network.run(500);
  expect(decisions(network.transcript)).toEqual(["1 FOLLOWING 2", "2 LEADING 2"]);
});

// quorum-protocol 16/790
test("790: who was a leader without followers stands again with the history that it has", () => {
  const network = room();
  network.boot(1, { zxid: 0x1_0000_0009, currentEpoch: 1 });
  network.boot(2, { zxid: 0x1_0000_0009, currentEpoch: 1 });
  network.boot(3, { zxid: 0x1_0000_0008, currentEpoch: 1 });
  network.run(500);
  expect(network.servers.get(2)?.core.state).toBe(2);
  // It never had an epoch of its own, whatever it was about to begin.
  const again = transcript(network, () => {
    for (const sid of [2, 1, 3]) network.elect(sid);
    network.run(500);
  });
  expect(again.some((line) => line.includes("z200000000"))).toBe(false);
  expect(again).toContain("2 LEADING 2");
});

// quorum-protocol 16/975, F-11, F-12, E-11
test("975: a late server does not lead next to a live ensemble because of what was said long ago", () => {
  const network = room();
  network.boot(1);
  network.boot(2);
  network.run(500);
  established(network, [1, 2], 1);
  // The greatest sid, and as long a history as the old notifications tell of.
  const late = transcript(network, () => {
    network.boot(3, { zxid: 0, currentEpoch: 0 });
    network.run(1000);
  });
  expect(late).toContain("1→3 LOOKING v2 z0 r1 pe0");
  expect(decisions(late)).toEqual(["3 FOLLOWING 2"]);
});

// quorum-protocol 16/1732/1805, F-9, F-11
test("1732, 1805: members that joined in different rounds are one ensemble for who comes next", () => {
  const network = room({ voters: [1, 2, 3, 4, 5] });
  for (const sid of [1, 2, 3, 4]) network.boot(sid);
  network.run(500);
  established(network, [1, 2, 3, 4], 1);
  // Server 2 leaves its leader and finds it again, with a longer history and in a later round.
  network.candidates.set(2, { zxid: 7, currentEpoch: 1, isEmpty: false, isDiverged: false });
  for (let i = 0; i < 3; i++) network.elect(2);
  network.run(500);
  established(network, [2], 1);
  const votes = [1, 2, 3, 4].map((sid) => network.servers.get(sid)?.core.vote);
  expect(new Set(votes.map((vote) => `${vote?.leader} ${vote?.peerEpoch}`))).toEqual(
    new Set(["4 1"]),
  );
  network.boot(5, { zxid: 9, currentEpoch: 0 });
  network.run(500);
  expect(decisions(network.transcript)).toContain("5 FOLLOWING 4");
});

// quorum-protocol 16/3537, F-11
test("3537: one that is in a later round than everybody joins what runs", () => {
  const network = twoOfThree();
  network.boot(3);
  network.cut(3);
  for (let i = 0; i < 8; i++) network.elect(3);
  network.run(100);
  network.heal();
  const join = transcript(network, () => network.run(1000));
  expect(join).toContain("3→2 LOOKING v3 z0 r9 pe0");
  expect(join).toContain("3 FOLLOWING 2");
  expect(network.servers.get(3)?.core.round).toBe(1);
});

// quorum-protocol Trap 15, F-5
test("one that begins to count rounds anew is told which round it is", () => {
  const network = room();
  network.boot(1);
  for (let i = 0; i < 6; i++) network.elect(1);
  const catchUp = transcript(network, () => {
    network.boot(2);
    network.run(500);
  });
  expect(catchUp).toContain("1→2 LOOKING v1 z0 r7 pe0");
  expect(decisions(catchUp)).toEqual(["1 FOLLOWING 2", "2 LEADING 2"]);
  expect(network.servers.get(2)?.core.round).toBe(7);
});
