// SIGTERM of a leader of ours: it hands over to a server of ours where those are a quorum, and resigns
// plainly where they are not. Servers of Apache's see neither the one nor the other.
// needs: apache

import { expect, test } from "vitest";
import { PacketType } from "../../../protocol/quorum.ts";
import { Ensemble, type EnsembleMember, type EnsembleOptions } from "../../tools/ensemble.ts";
import { RecordedLoad } from "../../tools/recorded-load.ts";
import { readTree, treeDifferences } from "../../tools/tree-dump.ts";
import { readQuorumStream } from "../../tools/wire-recording.ts";
import { recordWires, type WireStream } from "../../tools/wire-streams.ts";

interface Leaving {
  readonly leader: EnsembleMember;
  /** What was said on the way. */
  readonly streams: ReadonlyMap<string, WireStream>;
}

/** The leader is told to go under load, and comes back; nothing is lost by that. */
async function leave(options: EnsembleOptions, sid: number): Promise<Leaving> {
  await using ensemble = await Ensemble.create({ ...options, routed: true });
  // Connections are read from their beginning.
  const streams = recordWires(ensemble);
  for (const each of ensemble.members) each.start();
  await ensemble.awaitServing();
  await ensemble.makeLeader(sid);
  const leader = ensemble.member(sid);
  const load = RecordedLoad.start(ensemble.clientPorts);
  await load.more(CALM_WRITES);
  expect(await leader.terminate()).toBe(0);
  await load.more(CALM_WRITES);
  leader.start();
  await ensemble.awaitServing();
  await load.allClients();
  await load.stop();
  expect(load.expiredSessions).toBe(0);
  expect(load.problems(await readTree(leader.address))).toEqual([]);
  const addresses = ensemble.members.map((each) => each.address);
  expect(await treeDifferences(addresses, "/zookeeper/config")).toEqual([]);
  return { leader, streams };
}

const CALM_WRITES = 200;

/** The numbers of those who were told who leads next. */
function toldBy({ leader, streams }: Leaving): number[] {
  const told: number[] = [];
  for (const { port, from, to, chunks } of streams.values()) {
    if (port !== "quorum" || from !== leader.sid) continue;
    if (readQuorumStream(chunks).types.includes(PacketType.HANDOVER)) told.push(to);
  }
  return told.toSorted((a, b) => a - b);
}

test("our leader of Apache's servers resigns plainly when it is told to stop", async () => {
  const leaving = await leave({ kinds: ["apache", "apache", "quorate"] }, 3);
  expect(toldBy(leaving)).toEqual([]);
});

test("our leader resigns plainly where those of ours are no quorum without it", async () => {
  const leaving = await leave({ kinds: ["apache", "quorate", "quorate"] }, 3);
  expect(toldBy(leaving)).toEqual([]);
});

test("our leader hands over to ours and says nothing of it to an observer of Apache's", async () => {
  const kinds = ["quorate", "quorate", "quorate", "apache"] as const;
  const leaving = await leave({ kinds, observers: [4] }, 3);
  expect(toldBy(leaving)).toEqual([1, 2]);
});
