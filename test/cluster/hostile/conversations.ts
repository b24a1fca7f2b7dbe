// Valid frames of every operation of the client port: what mutations start from. Each is one frame,
// its length included; their paths lie below /h, where nobody else's znodes are.

import { Writer } from "../../../protocol/jute.ts";
import { writeMultiRequest } from "../../../protocol/multi.ts";
import { CreateFlag, OpCode, Xid } from "../../../protocol/opcodes.ts";
import {
  writeAuthPacket,
  writeConnectRequest,
  writeCreateRequest,
  writePathRequest,
  writeSetACLRequest,
  writeSetDataRequest,
  writeSetWatches,
  writeSetWatches2,
  writeVersionedRequest,
  writeWatchableRequest,
  writeWatcherRequest,
} from "../../../protocol/proto.ts";
import type { SimRandom } from "../../../server/testing/index.ts";
import { ANYONE } from "../../tools/raw-client.ts";

/** Shorter than any that a server grants: what is left behind is soon gone. */
const SESSION_TIMEOUT_MS = 400;
const DEPTH_MAX = 4;
const MULTI_OPS_MAX = 6;
/** Requests that may end their connection come this rarely, so that the others are heard. */
const FATAL_SHARE = 0.02;
const NAMES = ["a", "b", "c", "dd", "\u00fc"];

export function frame(fill: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  writer.int(0);
  fill(writer);
  writer.patchInt(0, writer.length - 4);
  return writer.take();
}

/** The type of a request that a server goes on after. */
export function lastingType(draw: SimRandom): number {
  return draw.pick(KINDS)[0];
}

/** A session's first frame. */
export function connectFrame(timeoutMs: number = SESSION_TIMEOUT_MS): Buffer {
  return frame((writer) =>
    writeConnectRequest(writer, {
      protocolVersion: 0,
      lastZxidSeen: 0,
      timeoutMs,
      sessionHigh: 0,
      sessionLow: 0,
      password: Buffer.alloc(16),
      readOnly: false,
    }),
  );
}

export function requestFrame(
  type: number,
  fill: (writer: Writer) => void = () => undefined,
  xid = 1,
): Buffer {
  return frame((writer) => {
    writer.int(xid);
    writer.int(type);
    fill(writer);
  });
}

export const PING: Buffer = requestFrame(OpCode.ping, undefined, Xid.ping);

/** One request of any kind, as a client would send it. */
export function validRequest(draw: SimRandom): Buffer {
  const [type, fill] = draw.pick(draw.chance(FATAL_SHARE) ? FATAL_KINDS : KINDS);
  return requestFrame(type, (writer) => fill(writer, draw), draw.between(1, 1000));
}

function path(draw: SimRandom): string {
  let text = "/h";
  for (let depth = draw.between(0, DEPTH_MAX); depth > 0; depth--) text += `/${draw.pick(NAMES)}`;
  return text;
}

function data(draw: SimRandom): Buffer | null {
  return draw.chance(0.2) ? null : Buffer.alloc(draw.pick([0, 1, 20, 300]), 0x64);
}

const acl = [...ANYONE];
const create = (writer: Writer, draw: SimRandom, flags: number): void =>
  writeCreateRequest(writer, { path: path(draw), data: data(draw), acl, flags });
const plain = (writer: Writer, draw: SimRandom): void =>
  create(writer, draw, draw.pick([CreateFlag.persistent, CreateFlag.ephemeral]));
const numbered = (writer: Writer, draw: SimRandom): void =>
  create(writer, draw, CreateFlag.persistentSequential);
const read = (writer: Writer, draw: SimRandom): void =>
  writeWatchableRequest(writer, { path: path(draw), watch: draw.chance(0.5) });
const versioned = (writer: Writer, draw: SimRandom): void =>
  writeVersionedRequest(writer, { path: path(draw), version: draw.pick([-1, -1, 0, 1]) });
const onlyPath = (writer: Writer, draw: SimRandom): void =>
  writePathRequest(writer, { path: path(draw) });
const setData = (writer: Writer, draw: SimRandom): void =>
  writeSetDataRequest(writer, { path: path(draw), data: data(draw), version: -1 });
const watcher = (writer: Writer, draw: SimRandom): void =>
  writeWatcherRequest(writer, { path: path(draw), watcherType: draw.between(1, 5) });
const paths = (draw: SimRandom): string[] =>
  Array.from({ length: draw.below(4) }, () => path(draw));

function setWatches(writer: Writer, draw: SimRandom): void {
  writeSetWatches(writer, {
    relativeZxid: draw.below(1000),
    dataWatches: paths(draw),
    existWatches: paths(draw),
    childWatches: paths(draw),
  });
}

function setWatches2(writer: Writer, draw: SimRandom): void {
  writeSetWatches2(writer, {
    relativeZxid: draw.below(1000),
    dataWatches: paths(draw),
    existWatches: paths(draw),
    childWatches: paths(draw),
    persistentWatches: paths(draw),
    persistentRecursiveWatches: paths(draw),
  });
}

function multi(writer: Writer, draw: SimRandom): void {
  const version = -1;
  const ops = Array.from({ length: draw.below(MULTI_OPS_MAX) }, () =>
    draw.pick([
      { type: OpCode.create, request: { path: path(draw), data: data(draw), acl, flags: 0 } },
      { type: OpCode.create2, request: { path: path(draw), data: data(draw), acl, flags: 2 } },
      { type: OpCode.setData, request: { path: path(draw), data: data(draw), version } },
      { type: OpCode.delete, request: { path: path(draw), version } },
      { type: OpCode.check, request: { path: path(draw), version } },
    ]),
  );
  writeMultiRequest(writer, ops);
}

// MultiHeader: int type, boolean done, int err; the last one has type -1
function multiRead(writer: Writer, draw: SimRandom): void {
  for (let count = draw.below(MULTI_OPS_MAX); count > 0; count--) {
    writer.int(draw.pick([OpCode.getData, OpCode.getChildren]));
    writer.boolean(false);
    writer.int(-1);
    read(writer, draw);
  }
  writer.int(-1);
  writer.boolean(true);
  writer.int(-1);
}

type Kind = readonly [type: number, fill: (writer: Writer, draw: SimRandom) => void];

const KINDS: readonly Kind[] = [
  [OpCode.create, plain],
  [OpCode.create, numbered],
  [OpCode.create2, plain],
  [OpCode.create2, numbered],
  [OpCode.createContainer, (writer, draw) => create(writer, draw, CreateFlag.container)],
  [
    OpCode.createTTL,
    (writer, draw) => {
      create(writer, draw, CreateFlag.persistentWithTtl);
      writer.long(draw.between(1, 1_000_000));
    },
  ],
  [OpCode.delete, versioned],
  [OpCode.exists, read],
  [OpCode.getData, read],
  [OpCode.setData, setData],
  [OpCode.getACL, onlyPath],
  [
    OpCode.setACL,
    (writer, draw) => writeSetACLRequest(writer, { path: path(draw), acl, version: -1 }),
  ],
  [OpCode.getChildren, read],
  [OpCode.getChildren2, read],
  [OpCode.sync, onlyPath],
  [OpCode.ping, () => undefined],
  [OpCode.multi, multi],
  [OpCode.multiRead, multiRead],
  [OpCode.checkWatches, watcher],
  [OpCode.removeWatches, watcher],
  [OpCode.setWatches, setWatches],
  [OpCode.setWatches2, setWatches2],
  [OpCode.getEphemerals, onlyPath],
  [OpCode.getAllChildrenNumber, onlyPath],
  [
    OpCode.addWatch,
    (writer, draw) => {
      onlyPath(writer, draw);
      writer.int(draw.below(2));
    },
  ],
  [OpCode.whoAmI, () => undefined],
];

/** Spoilt, or at all, they are the last of their connection. */
const FATAL_KINDS: readonly Kind[] = [
  [
    OpCode.auth,
    (writer) => writeAuthPacket(writer, { type: 0, scheme: "digest", auth: Buffer.from("h:p") }),
  ],
  [OpCode.check, versioned],
  [OpCode.reconfig, onlyPath],
  [OpCode.sasl, (writer, draw) => writer.buffer(data(draw))],
  [OpCode.closeSession, () => undefined],
];
