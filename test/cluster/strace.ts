// Reads what strace saw of a server: which log records were covered by an fdatasync when a reply
// left. A page cache survives SIGKILL, so only this tells a flushed write from a lucky one.

import { fromWords } from "../../protocol/zxid.ts";

/** One system call, with the moments at which it began and returned. */
interface Call {
  readonly name: string;
  readonly args: string;
  readonly result: string;
  readonly began: number;
  readonly returned: number;
}

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

/** The calls that the trace must hold, for strace's -e. */
export const TRACED = "trace=openat,write,writev,pwrite64,pwritev,sendmsg,sendto,fdatasync,fsync";

const RECORD_HEAD_BYTES = 12;
const LOG_HEADER_BYTES = 16;
const ZXID_IN_RECORD = RECORD_HEAD_BYTES + 12;

/** @param text Of `strace -f -ttt -xx -s <enough>`. */
export function readTrace(text: string): Trace {
  const calls = parseCalls(text);
  const logs = new Map<string, { written: { zxid: number; at: number }[] }>();
  const coverage: { zxid: number; at: number }[] = [];
  const replies: Reply[] = [];
  let syncs = 0;
  for (const call of calls) {
    const fd = /^(\d+)/.exec(call.args)?.[1] ?? "";
    if (call.name === "openat") {
      const path = decode(/"([^"]*)"/.exec(call.args)?.[1] ?? "").toString();
      if (/\/log\.[0-9a-f]+$/.test(path)) logs.set(call.result, { written: [] });
      else logs.delete(call.result);
    } else if (call.name === "fdatasync" || call.name === "fsync") {
      const log = logs.get(fd);
      if (log === undefined) continue;
      syncs++;
      const covered = log.written.filter((one) => one.at <= call.began).map((one) => one.zxid);
      coverage.push({ zxid: Math.max(0, ...covered), at: call.returned });
    } else {
      const log = logs.get(fd);
      const bytes = written(call.args);
      if (log !== undefined) {
        for (const zxid of recordZxids(bytes)) log.written.push({ zxid, at: call.returned });
        continue;
      }
      for (const zxid of replyZxids(bytes)) {
        const before = coverage.filter((one) => one.at <= call.began).map((one) => one.zxid);
        replies.push({ zxid, durableZxid: Math.max(0, ...before) });
      }
    }
  }
  return { replies, syncs };
}

/** Joins the halves of calls that others interrupted, in the order in which calls returned. */
function parseCalls(text: string): Call[] {
  const calls: Call[] = [];
  const unfinished = new Map<string, { began: number; head: string }>();
  for (const line of text.split("\n")) {
    const match = /^(?:\[pid +)?(\d+)\]? +(\d+\.\d+) (.*)$/.exec(line);
    if (match === null) continue;
    const [, thread = "", time = "", rest = ""] = match;
    const at = Number(time);
    const cut = / <unfinished \.\.\.>$/.exec(rest);
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    if (cut !== null) {
      unfinished.set(thread, { began: at, head: rest.slice(0, cut.index) });
    } else if (resumed !== null) {
      const first = unfinished.get(thread);
      unfinished.delete(thread);
      if (first !== undefined) add(calls, first.head + (resumed[1] ?? ""), first.began, at);
    } else {
      add(calls, rest, at, at);
    }
  }
  return calls;
}

function add(calls: Call[], text: string, began: number, returned: number): void {
  const match = /^(\w+)\((.*)\) += (-?\d+)/.exec(text);
  if (match === null) return;
  const [, name = "", args = "", result = ""] = match;
  calls.push({ name, args, result, began, returned });
}

/** All bytes of the strings in a call's arguments, one after another. */
function written(args: string): Buffer {
  return Buffer.concat(
    [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map((one) => decode(one[1] ?? "")),
  );
}

function decode(escaped: string): Buffer {
  return Buffer.from(escaped.replaceAll("\\x", ""), "hex");
}

function recordZxids(bytes: Buffer): number[] {
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
function replyZxids(bytes: Buffer): number[] {
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
