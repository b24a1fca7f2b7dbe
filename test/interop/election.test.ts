// Our election among two servers of Apache's, which run whole: what they take from our port and
// what we take from theirs.
// needs: apache

import { readFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type Notification, PeerState, readNotification } from "../../protocol/election.ts";
import type { EnsembleConfig } from "../../protocol/ensemble.ts";
import { FrameSplitter } from "../../protocol/frames.ts";
import { Writer } from "../../protocol/jute.ts";
import { nodeHost } from "../../protocol/node-host.ts";
import { makeZxid } from "../../protocol/zxid.ts";
import type { Candidate } from "../../server/zab/election.ts";
import { ensembleConfig } from "../server/zab/election-bench.ts";
import { Ensemble } from "../tools/ensemble.ts";
import { until } from "../tools/until.ts";
import { Voter } from "../tools/voter.ts";

const APACHE = ["apache", "apache", "apache"] as const;

let ensemble: Ensemble;
let ours: Voter | undefined;
let socket: Socket | undefined;

afterEach(async () => {
  ours?.close();
  socket?.destroy();
  await ensemble[Symbol.asyncDispose]();
});

/** The lines of zoo.cfg that say who belongs to the ensemble. */
function memberLines(sid: number): string[] {
  const file = join(ensemble.member(sid).dataDir, "..", "zoo.cfg");
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("server."));
}

function electionPortOf(sid: number): number {
  const line = memberLines(sid).find((one) => one.startsWith(`server.${sid}=`)) ?? "";
  return Number(line.split(":")[2]);
}

function startOurs(sid: number, candidate: Partial<Candidate> = {}): Voter {
  const lines = memberLines(sid);
  const shape = ensembleConfig({ voters: [1, 2, 3] });
  const members: EnsembleConfig["members"] = new Map(
    [...shape.members].map(([other, member]) => {
      const address = { host: "127.0.0.1", quorumPort: 1, electionPort: electionPortOf(other) };
      return [other, { ...member, addresses: [address] }];
    }),
  );
  const text = `${lines.join("\n")}\nversion=0`;
  const voter = new Voter(nodeHost(), { sid, config: { ...shape, members }, text });
  ours = voter;
  voter.open();
  voter.elect(candidate);
  return voter;
}

/** What Apache's servers said last, of those who have a leader. */
function followersOf(voter: Voter, leader: number): number[] {
  const sids = voter.heard
    .filter(({ notification }) => notification.leader === leader)
    .map(({ sid }) => sid);
  return [...new Set(sids)].toSorted((a, b) => a - b);
}

// quorum-protocol F-1, F-6
test("ours is elected by Apache's for its number", async () => {
  ensemble = await Ensemble.create({ kinds: APACHE });
  ensemble.member(1).start();
  ensemble.member(2).start();
  const voter = startOurs(3);
  await until("ours leads", () => voter.outcomes.length > 0);
  expect(voter.outcomes[0]).toEqual({ leader: 3, state: "LEADING", isFounder: false });
  expect(followersOf(voter, 3).length).toBeGreaterThan(0);
});

// quorum-protocol F-1, F-6, E-3, E-4
test("ours is elected by Apache's for its history, though its number is the smallest", async () => {
  ensemble = await Ensemble.create({ kinds: APACHE });
  ensemble.member(2).start();
  ensemble.member(3).start();
  const voter = startOurs(1, { zxid: makeZxid(4, 7), currentEpoch: 4 });
  await until("both are for ours", () => followersOf(voter, 1).length === 2);
  await until("ours leads", () => voter.outcomes.length > 0);
  expect(voter.outcomes[0]).toEqual({ leader: 1, state: "LEADING", isFounder: false });
});

// quorum-protocol F-10, F-11, F-12, F-9, E-3, N-8, 14.1
test.each([
  ["dialled by them", 1, [2, 3], {}],
  ["dialling them", 3, [1, 2], {}],
  ["empty and uncounted", 3, [1, 2], { isEmpty: true }],
])("ours, %s, joins the two that run", async (_, sid, others, candidate) => {
  ensemble = await Ensemble.create({ kinds: APACHE });
  for (const other of others) ensemble.member(other).start();
  for (const other of others) await ensemble.member(other).serving();
  const leader = await ensemble.awaitLeaderAmong(others);
  const voter = startOurs(sid, candidate);
  await until("ours follows", () => voter.outcomes.length > 0);
  expect(voter.outcomes).toEqual([{ leader: leader.sid, state: "FOLLOWING", isFounder: false }]);
  const states = voter.heard.map(({ notification }) => notification.state);
  expect(states).toContain(PeerState.LEADING);
  expect(states).toContain(PeerState.FOLLOWING);
  expect(voter.heard.at(-1)?.notification.config).toContain("server.1=");
  expect(voter.reports).toEqual([]);
});

// quorum-protocol 2, N-6, E-6
test("a server of Apache's takes the oldest handshake, and answers a stranger as ours does", async () => {
  ensemble = await Ensemble.create({ kinds: APACHE });
  for (const sid of [1, 2]) ensemble.member(sid).start();
  for (const sid of [1, 2]) await ensemble.member(sid).serving();
  const leader = await ensemble.awaitLeaderAmong([1, 2]);
  const voter = startOurs(3);
  await until("ours follows", () => voter.outcomes.length > 0);
  // Their first; the vote that was joined may be from the moment before it began.
  voter.core.established(1);
  const answers: Notification[] = [];
  for (const sid of [leader.sid, 3]) {
    const before = answers.length;
    socket = createConnection({ port: electionPortOf(sid), host: "127.0.0.1" });
    const frames = new FrameSplitter(
      0x8_0000,
      (bytes, start, end) => {
        const answer = readNotification(bytes, start, end);
        if (typeof answer !== "string") answers.push(answer);
      },
      () => undefined,
    );
    socket.on("data", (chunk: Buffer) => frames.push(chunk));
    const out = new Writer();
    out.long(77);
    // The format without epoch, from a server that looks for a leader.
    out.int(28);
    out.int(PeerState.LOOKING);
    for (const value of [77, 0, 1]) out.long(value);
    socket.write(Buffer.from(out.written()));
    await until(`server ${sid} answers`, () => answers.length > before);
    socket.destroy();
  }
  const [theirs, mine] = answers;
  expect(theirs?.state).toBe(PeerState.LEADING);
  expect(mine?.state).toBe(PeerState.FOLLOWING);
  expect(mine?.leader).toBe(theirs?.leader);
  expect(mine?.peerEpoch).toBe(theirs?.peerEpoch);
  expect(mine?.electionEpoch).toBe(theirs?.electionEpoch);
});
