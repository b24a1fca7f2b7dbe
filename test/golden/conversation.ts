// A golden read as what it is: who said what to whom. Each frame is decoded with our readers and
// encoded again with our writers; a test compares the two.

import { readStat, writeStat } from "../../protocol/data.ts";
import { Reader, Writer } from "../../protocol/jute.ts";
import {
  readMultiRequest,
  readMultiResponse,
  writeMultiRequest,
  writeMultiResponse,
} from "../../protocol/multi.ts";
import { OpCode, Xid } from "../../protocol/opcodes.ts";
import * as proto from "../../protocol/proto.ts";
import type { Golden } from "./golden-file.ts";

export type Said =
  | { readonly kind: "connect"; readonly request: proto.ConnectRequest }
  | { readonly kind: "connected"; readonly response: proto.ConnectResponse }
  | { readonly kind: "request"; readonly header: proto.RequestHeader; readonly body: unknown }
  | { readonly kind: "reply"; readonly header: proto.ReplyHeader; readonly body: unknown }
  | {
      readonly kind: "event";
      readonly header: proto.ReplyHeader;
      readonly body: proto.WatcherEvent;
    };

export interface Message {
  readonly said: Said;
  /** The frame as it was captured, without its length. */
  readonly captured: Buffer;
  /** What our writers make of `said`. */
  readonly written: Buffer;
}

/** Reads a record and writes it again. */
type Echo = (reader: Reader, writer: Writer) => unknown;

function echo<T>(read: (reader: Reader) => T, write: (writer: Writer, value: T) => void): Echo {
  return (reader, writer) => {
    const value = read(reader);
    write(writer, value);
    return value;
  };
}

const nothing: Echo = () => undefined;
const watchable = echo(proto.readWatchableRequest, proto.writeWatchableRequest);
const versioned = echo(proto.readVersionedRequest, proto.writeVersionedRequest);
const path = echo(proto.readPathRequest, proto.writePathRequest);
const create = echo(proto.readCreateRequest, proto.writeCreateRequest);
const created = echo(proto.readCreate2Response, proto.writeCreate2Response);
const watcher = echo(proto.readWatcherRequest, proto.writeWatcherRequest);
const stat = echo(readStat, writeStat);

/** What an operation asks and what it answers. */
const RECORDS: ReadonlyMap<number, readonly [request: Echo, response: Echo]> = new Map([
  [OpCode.create, [create, echo(proto.readPathResponse, proto.writePathResponse)]],
  [OpCode.create2, [create, created]],
  [OpCode.createContainer, [create, created]],
  [OpCode.delete, [versioned, nothing]],
  [OpCode.exists, [watchable, stat]],
  [OpCode.getData, [watchable, echo(proto.readGetDataResponse, proto.writeGetDataResponse)]],
  [OpCode.setData, [echo(proto.readSetDataRequest, proto.writeSetDataRequest), stat]],
  [OpCode.getACL, [path, echo(proto.readGetACLResponse, proto.writeGetACLResponse)]],
  [OpCode.setACL, [echo(proto.readSetACLRequest, proto.writeSetACLRequest), stat]],
  [
    OpCode.getChildren,
    [watchable, echo(proto.readGetChildrenResponse, proto.writeGetChildrenResponse)],
  ],
  [
    OpCode.getChildren2,
    [watchable, echo(proto.readGetChildren2Response, proto.writeGetChildren2Response)],
  ],
  [OpCode.sync, [path, echo(proto.readPathResponse, proto.writePathResponse)]],
  [
    OpCode.multi,
    [echo(readMultiRequest, writeMultiRequest), echo(readMultiResponse, writeMultiResponse)],
  ],
  [OpCode.auth, [echo(proto.readAuthPacket, proto.writeAuthPacket), nothing]],
  [OpCode.setWatches, [echo(proto.readSetWatches, proto.writeSetWatches), nothing]],
  [OpCode.setWatches2, [echo(proto.readSetWatches2, proto.writeSetWatches2), nothing]],
  [OpCode.checkWatches, [watcher, nothing]],
  [OpCode.removeWatches, [watcher, nothing]],
  [OpCode.ping, [nothing, nothing]],
  [OpCode.closeSession, [nothing, nothing]],
]);

/** @throws JuteError for a frame that is no record, as some requests are meant to be. */
export function* conversation(golden: Golden): Generator<Message> {
  /** By xid: what its reply will hold. */
  const awaited = new Map<number, Echo>();
  let handshake = false;
  for (const { from, bytes } of golden.frames) {
    const captured = bytes.subarray(4);
    const reader = new Reader().reset(captured);
    const writer = new Writer();
    let said: Said;
    // No request has the xid 0 here: it is the handshake's protocol version.
    if (from === "client" && captured.readInt32BE(0) === 0) {
      handshake = true;
      said = { kind: "connect", request: proto.readConnectRequest(reader) };
      proto.writeConnectRequest(writer, said.request);
    } else if (from === "client") {
      said = readRequest(reader, writer, awaited);
    } else if (handshake) {
      handshake = false;
      said = { kind: "connected", response: proto.readConnectResponse(reader) };
      proto.writeConnectResponse(writer, said.response);
    } else {
      said = readReply(reader, writer, awaited);
    }
    yield { said, captured, written: writer.take() };
  }
}

function readRequest(reader: Reader, writer: Writer, awaited: Map<number, Echo>): Said {
  const header = proto.readRequestHeader(reader);
  proto.writeRequestHeader(writer, header);
  const [request, response] = RECORDS.get(header.type) ?? [nothing, nothing];
  // A ping's reply has the xid of pings, whatever was asked with.
  awaited.set(header.type === OpCode.ping ? Xid.ping : header.xid, response);
  return { kind: "request", header, body: request(reader, writer) };
}

function readReply(reader: Reader, writer: Writer, awaited: Map<number, Echo>): Said {
  const header = proto.readReplyHeader(reader);
  proto.writeReplyHeader(writer, header);
  if (header.xid === Xid.notification) {
    const body = proto.readWatcherEvent(reader);
    proto.writeWatcherEvent(writer, body);
    return { kind: "event", header, body };
  }
  const response = awaited.get(header.xid);
  if (response === undefined) throw new Error(`a reply to nothing: xid ${header.xid}`);
  awaited.delete(header.xid);
  return { kind: "reply", header, body: header.err === 0 ? response(reader, writer) : undefined };
}
