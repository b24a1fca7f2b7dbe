// Requests and replies as the history keeps them: the bytes that they hold are copies, since a
// frame's are gone when its handler returns.

import { readStat } from "../../protocol/data.ts";
import {
  readGetAllChildrenNumberResponse,
  readGetEphemeralsResponse,
  readWhoAmIResponse,
} from "../../protocol/inquiries.ts";
import { type Reader } from "../../protocol/jute.ts";
import { type MultiOp, readMultiRequest, readMultiResponse } from "../../protocol/multi.ts";
import { readMultiReadRequest, readMultiReadResponse } from "../../protocol/multi-read.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import {
  readAuthPacket,
  readCreate2Response,
  readCreateRequest,
  readCreateTTLRequest,
  readGetACLResponse,
  readGetChildren2Response,
  readGetChildrenResponse,
  readGetDataResponse,
  readPathRequest,
  readPathResponse,
  readSetACLRequest,
  readSetDataRequest,
  readSetWatches,
  readVersionedRequest,
  readWatchableRequest,
  readWatcherRequest,
} from "../../protocol/proto.ts";
import type { Op, Result } from "./history.ts";

export function decodeRequest(reader: Reader, type: number): Op {
  switch (type) {
    case OpCode.create:
    case OpCode.create2:
    case OpCode.createContainer:
      return { type, request: withCopy(readCreateRequest(reader)) };
    case OpCode.createTTL:
      return { type, request: withCopy(readCreateTTLRequest(reader)) };
    case OpCode.delete:
      return { type, request: readVersionedRequest(reader) };
    case OpCode.setData:
      return { type, request: withCopy(readSetDataRequest(reader)) };
    case OpCode.setACL:
      return { type, request: readSetACLRequest(reader) };
    case OpCode.multi:
      return { type, ops: readMultiRequest(reader).map(copiedPart) };
    case OpCode.exists:
    case OpCode.getData:
    case OpCode.getChildren:
    case OpCode.getChildren2:
      return { type, request: readWatchableRequest(reader) };
    case OpCode.getACL:
    case OpCode.sync:
    case OpCode.getEphemerals:
    case OpCode.getAllChildrenNumber:
      return { type, path: readPathRequest(reader).path };
    case OpCode.setWatches:
      return { type, request: readSetWatches(reader) };
    case OpCode.removeWatches:
    case OpCode.checkWatches:
      return { type, request: readWatcherRequest(reader) };
    case OpCode.auth: {
      const { scheme, auth, ...packet } = readAuthPacket(reader);
      return { type, request: { ...packet, scheme, auth: copied(auth) } };
    }
    case OpCode.multiRead:
      return { type, reads: readMultiReadRequest(reader) };
    case OpCode.ping:
    case OpCode.whoAmI:
    case OpCode.closeSession:
      return { type };
    default:
      throw new Error(`the workload sends no request of type ${type}`);
  }
}

/** The body of a successful reply. */
export function decodeResult(reader: Reader, op: Op): Result {
  switch (op.type) {
    case OpCode.create:
      return { path: readPathResponse(reader).path ?? "" };
    case OpCode.create2:
    case OpCode.createContainer:
    case OpCode.createTTL: {
      const { path, stat } = readCreate2Response(reader);
      return { path: path ?? "", stat };
    }
    case OpCode.exists:
    case OpCode.setData:
    case OpCode.setACL:
      return { stat: readStat(reader) };
    case OpCode.getData:
      return withCopy(readGetDataResponse(reader));
    case OpCode.getChildren:
      return { children: readGetChildrenResponse(reader).children ?? [] };
    case OpCode.getChildren2: {
      const { children, stat } = readGetChildren2Response(reader);
      return { children: children ?? [], stat };
    }
    case OpCode.getACL: {
      const { acl, stat } = readGetACLResponse(reader);
      return { acl: acl ?? [], stat };
    }
    case OpCode.multi:
      return { results: readMultiResponse(reader) };
    case OpCode.getEphemerals:
      return { paths: readGetEphemeralsResponse(reader).ephemerals ?? [] };
    case OpCode.getAllChildrenNumber:
      return { total: readGetAllChildrenNumberResponse(reader).totalNumber };
    case OpCode.whoAmI: {
      const identities = readWhoAmIResponse(reader).clientInfo ?? [];
      return { identities: identities.map(({ authScheme, user }) => `${authScheme}:${user}`) };
    }
    case OpCode.multiRead:
      return {
        reads: readMultiReadResponse(reader).map((read) =>
          read.type === OpCode.getData ? withCopy(read) : read,
        ),
      };
    default:
      return {};
  }
}

function copied(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}

function withCopy<T extends { readonly data: Buffer | null }>(record: T): T {
  return { ...record, data: copied(record.data) };
}

function copiedPart(op: MultiOp): MultiOp {
  switch (op.type) {
    case OpCode.delete:
    case OpCode.check:
      return op;
    case OpCode.setData:
      return { type: op.type, request: withCopy(op.request) };
    case OpCode.createTTL:
      return { type: op.type, request: withCopy(op.request) };
    default:
      return { type: op.type, request: withCopy(op.request) };
  }
}
