// Reads what strace saw of a server: which log records were covered by an fdatasync when a reply
// left. A page cache survives SIGKILL, so only this tells a flushed write from a lucky one.

import { fromWords } from "../../protocol/zxid.ts";
import { parseCalls, targetOf, written } from "./strace-calls.ts";

export interface Reply {
  readonly zxid: number;
  /** The highest zxid that an fdatasync had covered when the reply was handed to the kernel. */
  readonly durableZxid: number;
}

export interface Trace {
  /** Replies to requests, in the order in which they left. */
  readonly replies: readonly Reply[];
  readonly syncs: number;
}

const RECORD_HEAD_BYTES = 12;
const LOG_HEADER_BYTES = 16;
const ZXID_IN_RECORD = RECORD_HEAD_BYTES + 12;

/** @param text Of `strace`, called as strace-calls.ts says. */
export function readTrace(text: string): Trace {
  const logs = new Map<string, { zxid: number; at: number }[]>();
  const coverage: { zxid: number; at: number }[] = [];
  const replies: Reply[] = [];
  let syncs = 0;
  for (const call of parseCalls(text)) {
    const target = targetOf(call);
    if (target?.kind === "file" && isLog(target.path)) {
      const log = logs.get(target.path) ?? [];
      logs.set(target.path, log);
      if (call.name === "fdatasync" || call.name === "fsync") {
        syncs++;
        const covered = log.filter((one) => one.at <= call.began).map((one) => one.zxid);
        coverage.push({ zxid: Math.max(0, ...covered), at: call.returned });
      } else {
        for (const zxid of recordZxids(written(call))) log.push({ zxid, at: call.returned });
      }
    } else if (target?.kind === "connection") {
      for (const zxid of replyZxids(written(call))) {
        const before = coverage.filter((one) => one.at <= call.began).map((one) => one.zxid);
        replies.push({ zxid, durableZxid: Math.max(0, ...before) });
      }
    }
  }
  return { replies, syncs };
}

export function isLog(path: string): boolean {
  return /\/log\.[0-9a-f]+$/.test(path);
}

/** Of the records in what was written to a log, whole ones each time. */
export function recordZxids(bytes: Buffer): number[] {
  const zxids: number[] = [];
  let at = bytes.subarray(0, 4).toString("latin1") === "ZKLG" ? LOG_HEADER_BYTES : 0;
  while (bytes.length - at > ZXID_IN_RECORD + 8) {
    const length = bytes.readInt32BE(at + 8);
    if (length <= 0) break;
    const zxidAt = at + ZXID_IN_RECORD;
    zxids.push(fromWords(bytes.readInt32BE(zxidAt), bytes.readInt32BE(zxidAt + 4)));
    at += RECORD_HEAD_BYTES + length + 1;
  }
  return zxids;
}

/** zxids of the reply frames in what was sent to a client; others (events, handshakes) have none. */
export function replyZxids(bytes: Buffer): number[] {
  const zxids: number[] = [];
  let at = 0;
  while (bytes.length - at >= 20) {
    const length = bytes.readInt32BE(at);
    if (length < 16 || length > bytes.length - at - 4) break;
    const xid = bytes.readInt32BE(at + 4);
    if (xid > 0) zxids.push(fromWords(bytes.readInt32BE(at + 8), bytes.readInt32BE(at + 12)));
    at += 4 + length;
  }
  return zxids;
}
