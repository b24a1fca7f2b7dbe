// Every byte that servers of ZooKeeper 3.8.0 say to each other, on both ports, is read by our
// codecs and comes out of them again as it was.
// needs: apache

import { expect, test } from "vitest";
import { connect } from "../../client/index.ts";
import { HandshakeReader, PeerState } from "../../protocol/election.ts";
import { PacketType } from "../../protocol/quorum.ts";
import { SimRandom } from "../../server/testing/sim-random.ts";
import { Ensemble } from "../tools/ensemble.ts";
import { RawSession } from "../tools/raw-session.ts";
import { readElectionStream, readQuorumStream } from "../tools/wire-recording.ts";
import { recordWires, type WireStream } from "../tools/wire-streams.ts";

/** The same bytes in pieces of other lengths, each in memory that is somebody else's afterwards. */
function* recut(bytes: Buffer, random: SimRandom): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const length = random.chance(0.3) ? random.between(1, 20) : random.between(1, 5000);
    const piece = Buffer.from(bytes.subarray(at, at + length));
    yield piece;
    piece.fill(0xee);
    at += length;
  }
}

/** As much of the protocol as happens without a reconfiguration. */
async function live(ensemble: Ensemble): Promise<void> {
  const [one, two, three, four] = [1, 2, 3, 4].map((sid) => ensemble.member(sid));
  if (!one || !two || !three || !four) throw new Error("four servers were asked for");
  one.start();
  two.start();
  await ensemble.awaitServing();
  const client = await connect(one.address);
  await client.create("/a", Buffer.from("v1"));
  await client.setData("/a", Buffer.alloc(300_000, "large"));
  await client.transaction().create("/a/b").delete("/a/b").commit();
  await client.create("/a/e", null, { mode: "ephemeral" });
  await client.sync("/a");
  // Both come when there is a history: a tree is sent to them.
  three.start();
  four.start();
  await ensemble.awaitServing();
  for (let i = 0; i < 50; i++) await client.create(`/a/n${i}`, Buffer.from(`${i}`));
  const session = await RawSession.open(four.clientPort);
  await session.create("/a/observed", Buffer.alloc(0));
  session.drop();
  // It comes back elsewhere: that server asks the leader whether it lives.
  const moved = await RawSession.open(three.clientPort, { identity: session.identity });
  moved.drop();
  await three.kill();
  for (let i = 0; i < 20; i++) await client.setData("/a", Buffer.from(`${i}`));
  three.start();
  await ensemble.awaitServing();
  await client.close();
  // An election with a history behind it, and a learner that takes its place again.
  const leader = await ensemble.awaitLeader();
  await leader.kill();
  await ensemble.awaitServing();
  leader.start();
  await ensemble.awaitServing();
}

// quorum-protocol 2, 5, 14, 14.1
test("what Apache's servers say to each other is read and written again, byte for byte", async () => {
  let streams: Map<string, WireStream>;
  {
    const kinds = ["apache", "apache", "apache", "apache"] as const;
    await using ensemble = await Ensemble.create({ kinds, observers: [4], routed: true });
    streams = recordWires(ensemble);
    await live(ensemble);
  }
  const random = new SimRandom(1);
  const types = new Map<number, number>();
  const states = new Set<number>();
  let treeBytes = 0;
  let handshakes = 0;
  for (const { name, port, isDialler, chunks } of streams.values()) {
    const bytes = Buffer.concat(chunks);
    for (const pieces of [[bytes], chunks, recut(bytes, random)]) {
      const reading =
        port === "quorum" ? readQuorumStream(pieces) : readElectionStream(pieces, isDialler);
      const { rewritten, tornBytes, problem } = reading;
      expect(problem, name).toBeUndefined();
      expect(rewritten.length + tornBytes, name).toBe(bytes.length);
      expect(rewritten.equals(bytes.subarray(0, rewritten.length)), name).toBe(true);
      if ("types" in reading) {
        for (const type of reading.types) types.set(type, (types.get(type) ?? 0) + 1);
        treeBytes += reading.treeBytes;
      } else {
        for (const { state } of reading.notifications) states.add(state);
        if (reading.handshake !== undefined) handshakes++;
      }
    }
  }
  const { REQUEST, PROPOSAL, ACK, COMMIT, PING, REVALIDATE, SYNC, INFORM } = PacketType;
  const { NEWLEADER, FOLLOWERINFO, UPTODATE, DIFF, SNAP, OBSERVERINFO, LEADERINFO } = PacketType;
  const expected: number[] = [
    REQUEST,
    PROPOSAL,
    ACK,
    COMMIT,
    PING,
    REVALIDATE,
    SYNC,
    INFORM,
    NEWLEADER,
  ];
  expected.push(FOLLOWERINFO, UPTODATE, DIFF, SNAP, OBSERVERINFO, LEADERINFO, PacketType.ACKEPOCH);
  expect(expected.filter((type) => !types.has(type))).toEqual([]);
  expect([...types.keys()].filter((type) => type > PacketType.INFORMANDACTIVATE)).toEqual([]);
  expect(treeBytes).toBeGreaterThan(0);
  expect(handshakes).toBeGreaterThan(5);
  expect(states).toEqual(new Set(Object.values(PeerState)));
});

// quorum-protocol 2
test("the greeting of servers with multiAddress.enabled is understood", async () => {
  let streams: Map<string, WireStream>;
  {
    await using ensemble = await Ensemble.create({
      kinds: ["apache", "apache"],
      routed: true,
      properties: { "zookeeper.multiAddress.enabled": "true" },
    });
    streams = recordWires(ensemble);
    for (const member of ensemble.members) member.start();
    await ensemble.awaitServing();
  }
  const greetings = [...streams.values()].filter(
    (each) => each.port === "election" && each.isDialler,
  );
  expect(greetings.length).toBeGreaterThan(0);
  for (const { name, chunks } of greetings) {
    const reader = new HandshakeReader();
    const bytes = Buffer.concat(chunks);
    reader.push(bytes);
    expect(bytes.toString("hex", 0, 8), name).toBe("ffffffffffff0001");
    expect(reader.handshake?.addresses, name).toMatchObject([{ host: "127.0.0.1" }]);
  }
});
