// What makes a leader send a learner a part of the history, a cut behind some txn, or a whole tree.
// Each ends with everybody serving; what was sent is for `Ensemble.takeSyncs` to tell.

import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { OpCode } from "../../protocol/opcodes.ts";
import { writeCreateRequest, writeSetDataRequest } from "../../protocol/proto.ts";
import type { Ensemble, EnsembleMember } from "./ensemble.ts";
import { ANYONE, RawClient } from "./raw-client.ts";
import type { RecordedLoad } from "./recorded-load.ts";
import { lastLoggedZxid } from "./txn-log.ts";
import { pause, until } from "./until.ts";
import { LOAD_ROOT } from "./write-ledger.ts";

/** Fewer than any leader keeps in memory. */
const MISSED_WRITES = 100;
const SETTLE_MS = 100;
const SESSION_TIMEOUT_MS = 60_000;

/** DIFF: the member misses writes that the leader still has in memory. */
export async function forceDiff(
  ensemble: Ensemble,
  load: RecordedLoad,
  learner: EnsembleMember,
): Promise<void> {
  await learner.kill();
  await load.more(MISSED_WRITES);
  learner.start();
  await ensemble.awaitServing();
}

/** SNAP: the member comes back with an empty disk. */
export async function forceSnap(
  ensemble: Ensemble,
  load: RecordedLoad,
  learner: EnsembleMember,
): Promise<void> {
  await learner.kill();
  learner.wipe();
  await load.more(MISSED_WRITES);
  learner.start();
  await ensemble.awaitServing();
}

/**
 * TRUNC: the leader logs what nobody else hears of, and comes back when others have elected a leader
 * that has written nothing yet: behind writes of a new epoch Apache's leaders send a whole tree. The
 * ensemble must be routed: what waits in a socket would reach the others after all.
 *
 * @param heir Comes back with a copy of that leader's disk: the one way for an observer, who hears of
 *             nothing that is not committed, to have something that must go.
 */
export async function forceTrunc(
  ensemble: Ensemble,
  load: RecordedLoad,
  heir?: EnsembleMember,
): Promise<void> {
  await load.pause();
  const leader = await ensemble.awaitServing();
  const sids = ensemble.members.map((each) => each.sid).filter((sid) => sid !== leader.sid);
  // Nothing of it may end by itself meanwhile: that would be a write.
  const client = await RawClient.open(leader.clientPort, { timeoutMs: SESSION_TIMEOUT_MS });
  ensemble.partition([leader.sid], sids);
  // Answers will never come; who keeps any of these has another tree.
  client.send(OpCode.create, (writer) => {
    const path = `/known-to-server-${leader.sid}-alone`;
    writeCreateRequest(writer, { path, data: null, acl: [...ANYONE], flags: 0 });
  });
  client.send(OpCode.setData, (writer) => {
    writeSetDataRequest(writer, { path: LOAD_ROOT, data: Buffer.from("lost"), version: -1 });
  });
  const others = ensemble.voters.filter((each) => each !== leader);
  let known = -1;
  await until("the leader has logged what the others have not", async () => {
    // What was on its way to the others when the wires were cut is theirs yet.
    await pause(SETTLE_MS);
    const before = known;
    known = Math.max(...others.map((each) => lastLoggedZxid(each.dataDir)));
    return known === before && lastLoggedZxid(leader.dataDir) > known + 1;
  });
  await leader.kill();
  client.drop();
  if (heir !== undefined) {
    await heir.kill();
    heir.wipe();
    copyHistory(leader, heir);
  }
  ensemble.heal();
  await ensemble.awaitLeaderAmong(sids);
  heir?.start();
  leader.start();
  await ensemble.awaitServing();
  load.resume();
}

function copyHistory(from: EnsembleMember, to: EnsembleMember): void {
  const history = (member: EnsembleMember): string => join(member.dataDir, "version-2");
  rmSync(history(to), { recursive: true, force: true });
  cpSync(history(from), history(to), { recursive: true });
}
