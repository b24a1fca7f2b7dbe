/** `cons`: every connection, and of those with a session how their requests fare. */
import { OpCode } from "../../../protocol/opcodes.ts";
import { sessionHex, zxidHex } from "../../../protocol/zxid.ts";
import type { AdminSource, SessionUseView } from "../source.ts";
import { addressText, first, whole } from "./texts.ts";

/** ZooKeeper's names for the last operation (3.9, FinalRequestProcessor). */
const OPERATIONS: ReadonlyMap<number, string> = new Map<number, string>([
  [OpCode.createSession, "SESS"],
  [OpCode.closeSession, "CLOS"],
  [OpCode.ping, "PING"],
  [OpCode.create, "CREA"],
  [OpCode.create2, "CREA"],
  [OpCode.createContainer, "CREA"],
  [OpCode.createTTL, "CREA"],
  [OpCode.delete, "DELE"],
  [OpCode.deleteContainer, "DELE"],
  [OpCode.setData, "SETD"],
  [OpCode.setACL, "SETA"],
  [OpCode.check, "CHEC"],
  [OpCode.multi, "MULT"],
  [OpCode.multiRead, "MLTR"],
  [OpCode.reconfig, "RECO"],
  [OpCode.sync, "SYNC"],
  [OpCode.exists, "EXIS"],
  [OpCode.getData, "GETD"],
  [OpCode.getACL, "GETA"],
  [OpCode.getChildren, "GETC"],
  [OpCode.getChildren2, "GETC"],
  [OpCode.getAllChildrenNumber, "GETACN"],
  [OpCode.getEphemerals, "GETE"],
  [OpCode.setWatches, "SETW"],
  [OpCode.setWatches2, "STW2"],
  [OpCode.addWatch, "ADDW"],
  [OpCode.checkWatches, "CHKW"],
  [OpCode.removeWatches, "REMW"],
  [OpCode.whoAmI, "HOMI"],
]);

export function* connections(source: AdminSource): Generator<string> {
  for (const each of first(source.connections(), source.connectionCount)) {
    yield ` ${addressText(each.remoteAddress, each.remotePort)}[${each.interest}]` +
      `(queued=${each.queued},recved=${each.received},sent=${each.sent}` +
      `${each.session === undefined ? "" : sessionText(each.session)})\n`;
  }
  yield "\n";
}

function sessionText({ high, low, sinceMs, timeoutMs, usage }: SessionUseView): string {
  const average = usage.answers === 0 ? 0 : usage.totalLatencyMs / usage.answers;
  return (
    `,sid=${sessionHex(high, low)},lop=${OPERATIONS.get(usage.lastType) ?? "NA"}` +
    `,est=${sinceMs},to=${timeoutMs}` +
    (usage.lastXid < 0 ? "" : `,lcxid=0x${usage.lastXid.toString(16)}`) +
    `,lzxid=0x${zxidHex(usage.lastZxid)},lresp=${whole(usage.lastResponseMs)}` +
    `,llat=${whole(usage.lastLatencyMs)},minlat=${whole(usage.minLatencyMs)}` +
    `,avglat=${whole(average)},maxlat=${whole(usage.maxLatencyMs)}`
  );
}
