// Requests and replies as the history keeps them.

import { readStat } from "../../protocol/data.ts";
import { type Reader } from "../../protocol/jute.ts";
import { readMultiRequest, readMultiResponse } from "../../protocol/multi.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import {
  readAuthPacket,
  readCreate2Response,
  readCreateRequest,
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
      return { type, request: readCreateRequest(reader) };
    case OpCode.delete:
      return { type, request: readVersionedRequest(reader) };
    case OpCode.setData:
      return { type, request: readSetDataRequest(reader) };
    case OpCode.setACL:
      return { type, request: readSetACLRequest(reader) };
    case OpCode.multi:
      return { type, ops: readMultiRequest(reader) };
    case OpCode.exists:
    case OpCode.getData:
    case OpCode.getChildren:
    case OpCode.getChildren2:
      return { type, request: readWatchableRequest(reader) };
    case OpCode.getACL:
    case OpCode.sync:
      return { type, path: readPathRequest(reader).path };
    case OpCode.setWatches:
      return { type, request: readSetWatches(reader) };
    case OpCode.removeWatches:
    case OpCode.checkWatches:
      return { type, request: readWatcherRequest(reader) };
    case OpCode.auth:
      return { type, request: readAuthPacket(reader) };
    case OpCode.ping:
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
    case OpCode.createContainer: {
      const { path, stat } = readCreate2Response(reader);
      return { path: path ?? "", stat };
    }
    case OpCode.exists:
    case OpCode.setData:
    case OpCode.setACL:
      return { stat: readStat(reader) };
    case OpCode.getData:
      return readGetDataResponse(reader);
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
    default:
      return {};
  }
}
