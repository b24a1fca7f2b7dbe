// What may be compared of a reply or an event: all of it but times and ids. Ids stay recognisable,
// since a session is called by its place in the run, and a zxid that a race gave is called by the
// write that got it. Lists whose order nobody promises come in one order.

import { readStat, readStrings, type Stat } from "../../../protocol/data.ts";
import { Reader } from "../../../protocol/jute.ts";
import { OpCode, Xid } from "../../../protocol/opcodes.ts";
import { readGetACLResponse } from "../../../protocol/proto.ts";
import type { Heard } from "./connection.ts";

/** What sessions and zxids are called, at one server. */
export interface Names {
  session(hex: string): string;
  zxid(zxid: number): string;
}

/** A reply's error and the rest of it as text. */
export function replyText({ request, xid, err, body }: Heard, zxid: string, names: Names): string {
  const head = `xid ${xid} zxid ${zxid} err ${err}`;
  if (body.length === 0 || request === undefined) return head;
  const reader = new Reader(0x7fff_ffff).reset(body);
  const text = bodyText(request.type, reader, names);
  const rest = reader.remaining > 0 ? ` and ${reader.remaining} bytes more` : "";
  return `${head} ${text}${rest}`;
}

export function eventText({ body }: Heard): string {
  const reader = new Reader(0x7fff_ffff).reset(body);
  return `event ${reader.int()} state ${reader.int()} ${eventPath({ body })}`;
}

export function eventPath({ body }: Pick<Heard, "body">): string {
  return new Reader(0x7fff_ffff).reset(body, 8).string() ?? "null";
}

export function isEvent({ xid }: Heard): boolean {
  return xid === Xid.notification;
}

/** The path that a create made, behind a sequence number's digits too. */
export function createdPath({ request, err, body }: Heard): string | undefined {
  if (request === undefined || err !== 0 || !CREATES.has(request.type)) return undefined;
  return new Reader(0x7fff_ffff).reset(body).string() ?? undefined;
}

const CREATES: ReadonlySet<number> = new Set([
  OpCode.create,
  OpCode.create2,
  OpCode.createContainer,
  OpCode.createTTL,
]);

/** Requests that take a zxid of their own, failed ones too. */
const WRITES: ReadonlySet<number> = new Set([
  ...CREATES,
  OpCode.delete,
  OpCode.setData,
  OpCode.setACL,
  OpCode.multi,
  OpCode.reconfig,
  OpCode.closeSession,
]);

export function isWrite({ request }: Heard): boolean {
  return request !== undefined && WRITES.has(request.type);
}

function bodyText(type: number, reader: Reader, names: Names): string {
  switch (type) {
    case OpCode.create:
    case OpCode.sync:
      return quoted(reader.string());
    case OpCode.create2:
    case OpCode.createContainer:
    case OpCode.createTTL:
      return `${quoted(reader.string())} ${statText(readStat(reader), names)}`;
    case OpCode.exists:
    case OpCode.setData:
    case OpCode.setACL:
      return statText(readStat(reader), names);
    case OpCode.getData:
      return `${dataText(reader.buffer())} ${statText(readStat(reader), names)}`;
    case OpCode.getChildren:
    case OpCode.getEphemerals:
      return listText(readStrings(reader));
    case OpCode.getChildren2:
      return `${listText(readStrings(reader))} ${statText(readStat(reader), names)}`;
    case OpCode.getACL: {
      const { acl, stat } = readGetACLResponse(reader);
      // `auth` stands for a session's ids, which have no order.
      const entries = acl?.map(({ perms, id }) => `${perms} ${quoted(id.scheme)} ${quoted(id.id)}`);
      return `[${entries?.toSorted().join() ?? "null"}] ${statText(stat, names)}`;
    }
    case OpCode.multi:
    case OpCode.multiRead:
      return multiText(reader, names);
    case OpCode.whoAmI:
      return clientInfosText(reader);
    default: {
      const { offset } = reader;
      reader.offset = reader.end;
      return reader.bytes.toString("hex", offset, reader.end);
    }
  }
}

function multiText(reader: Reader, names: Names): string {
  const results: string[] = [];
  for (;;) {
    const type = reader.int();
    const done = reader.boolean();
    const err = reader.int();
    if (done) return `${results.join(" | ")} end ${type} ${err}`;
    results.push(`${type} ${err} ${resultText(type, reader, names)}`);
  }
}

function resultText(type: number, reader: Reader, names: Names): string {
  switch (type) {
    case OpCode.create:
      return quoted(reader.string());
    case OpCode.create2:
      return `${quoted(reader.string())} ${statText(readStat(reader), names)}`;
    case OpCode.setData:
      return statText(readStat(reader), names);
    case OpCode.getData:
      return `${dataText(reader.buffer())} ${statText(readStat(reader), names)}`;
    case OpCode.getChildren:
      return listText(readStrings(reader));
    case OpCode.error:
      return String(reader.int());
    default:
      return "";
  }
}

function clientInfosText(reader: Reader): string {
  const infos = Array.from({ length: reader.vectorLength(8) }, () => {
    return `${quoted(reader.string())}:${quoted(reader.string())}`;
  });
  return infos.toSorted().join();
}

function statText(stat: Stat, names: Names): string {
  const { version, cversion, aversion, dataLength, numChildren } = stat;
  const [czxid, mzxid, pzxid] = [stat.czxid, stat.mzxid, stat.pzxid].map((zxid) =>
    names.zxid(zxid),
  );
  const words = [stat.ownerHigh, stat.ownerLow].map((word) => (word >>> 0).toString(16));
  const owner = names.session(words.map((word) => word.padStart(8, "0")).join(""));
  const versions = `v${version} c${cversion} a${aversion}`;
  return `[c${czxid} m${mzxid} p${pzxid} ${versions} ${owner} ${dataLength}b ${numChildren}n]`;
}

/** Large data by its length and its ends. */
function dataText(data: Buffer | null): string {
  if (data === null) return "null";
  const hex = data.toString("hex");
  return hex.length <= 200 ? `<${hex}>` : `<${hex.slice(0, 20)}..${hex.slice(-20)} ${data.length}>`;
}

function listText(names: readonly string[] | null): string {
  return names === null ? "null" : `(${names.map(quoted).toSorted().join()})`;
}

function quoted(text: string | null): string {
  return JSON.stringify(text);
}
