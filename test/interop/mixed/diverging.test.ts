// A server of ours whose tree is not the leader's: somebody has started it alone on its directory, and
// written there what the ensemble knows nothing of. Its history looks like the leader's.
// needs: apache

import { expect, test } from "vitest";
import { connect } from "../../../client/index.ts";
import { Ensemble, type EnsembleMember, type MemberKind } from "../../tools/ensemble.ts";
import { QuorateServer } from "../../tools/quorate-server.ts";
import { RecordedLoad } from "../../tools/recorded-load.ts";
import { readTree, treeDifferences } from "../../tools/tree-dump.ts";
import { pause, until } from "../../tools/until.ts";

const PATH = "/settled";
const RIGHT = "as all have it";
const WRONG = "as nobody else has it";
/** More than the one who is alone writes: then its last txn is in the leader's history. */
const MISSED_WRITES = 100;
const LOOK_EVERY_MS = 5;

async function write(address: string, data: string): Promise<void> {
  const client = await connect(address);
  if ((await client.exists(PATH)) === undefined) await client.create(PATH);
  await client.setData(PATH, Buffer.from(data));
  await client.close();
}

async function writeAlone(member: EnsembleMember): Promise<void> {
  const alone = await QuorateServer.start({ dataDir: member.dataDir });
  await write(alone.address, WRONG);
  await alone.stop();
}

/** All that a client of this server reads there, whenever it serves. */
function lookOn(member: EnsembleMember): { seen: Set<string>; stop: () => Promise<void> } {
  const seen = new Set<string>();
  let isOver = false;
  const looking = (async () => {
    const client = await connect(member.address);
    while (!isOver) {
      const found = await client.getData(PATH).catch(() => undefined);
      if (found !== undefined) seen.add(String(found.data));
      await pause(LOOK_EVERY_MS);
    }
    await client.close();
  })();
  return {
    seen,
    stop: () => {
      isOver = true;
      return looking;
    },
  };
}

/** What a server tells whose tree was made another than its leader's while it was down. */
async function diverge(
  kinds: readonly MemberKind[],
  leaderSid: number,
  sid: number,
): Promise<string> {
  await using ensemble = await Ensemble.start({ kinds });
  await ensemble.makeLeader(leaderSid);
  const member = ensemble.member(sid);
  await write(member.address, RIGHT);
  const load = RecordedLoad.start(ensemble.clientPorts);
  await load.more(MISSED_WRITES);
  await member.kill();
  await writeAlone(member);
  await load.more(MISSED_WRITES);
  member.takeLog();
  const look = lookOn(member);
  member.start();
  await ensemble.awaitServing();
  await load.allClients();
  await load.stop();
  await until("the client of that server has read", () => look.seen.size > 0);
  await look.stop();
  expect(look.seen).toEqual(new Set([RIGHT]));
  expect(load.problems(await readTree(member.address))).toEqual([]);
  expect(await member.word("mntr")).toMatch(/^zk_digest_mismatches_count\s+1$/m);
  expect(await treeDifferences(ensemble.members.map((each) => each.address))).toEqual([]);
  return member.takeLog();
}

const LOUD = "the tree here is not the leader's";

test.each([
  ["Apache's", ["apache", "apache", "quorate"], 2, 3],
  ["ours", ["apache", "quorate", "quorate"], 3, 2],
] as const)(
  "a tree that is not that of a leader of %s is reported and replaced before anybody reads it",
  async (_whose, kinds, leader, sid) => {
    const log = await diverge(kinds, leader, sid);
    const line = log.split("\n").find((each) => each.includes(LOUD)) ?? log;
    expect(line).toMatch(/"zxid":"[0-9a-f]+"/);
    expect(line).toMatch(/"paths":\["\/[^"]+"/);
  },
);
