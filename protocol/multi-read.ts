/**
 * The two records of multiRead (client-protocol 7): reads, each behind a MultiHeader, and what
 * became of each in the same order. Unlike a multi's operations they succeed or fail on their own.
 */
import { JuteError, type Reader, type Writer } from "./jute.ts";
import { MULTI_END, readMultiHeader, writeMultiHeader } from "./multi.ts";
import { OpCode } from "./opcodes.ts";
import {
  type GetChildrenResponse,
  type GetDataResponse,
  readErrorResponse,
  readGetChildrenResponse,
  readGetDataResponse,
  readWatchableRequest,
  type WatchableRequest,
  writeErrorResponse,
  writeGetChildrenResponse,
  writeGetDataResponse,
  writeWatchableRequest,
} from "./proto.ts";

/** A read of a multiRead. Servers take no notice of its watch. */
export interface MultiReadOp {
  readonly type: typeof OpCode.getData | typeof OpCode.getChildren;
  readonly request: WatchableRequest;
}

export type MultiReadResult =
  | ({ readonly type: typeof OpCode.getData } & GetDataResponse)
  | ({ readonly type: typeof OpCode.getChildren } & GetChildrenResponse)
  | { readonly type: typeof OpCode.error; readonly err: number };

// MultiReadRequest: n x (MultiHeader(type, false, -1), WatchableRequest), MultiHeader(-1, true, -1)

/** @throws JuteError also for an operation that no multiRead may hold. */
export function readMultiReadRequest(reader: Reader): MultiReadOp[] {
  const ops: MultiReadOp[] = [];
  for (;;) {
    const { type, done } = readMultiHeader(reader);
    if (done) return ops;
    if (type !== OpCode.getData && type !== OpCode.getChildren) {
      throw new JuteError(`operation ${type} in a multiRead`);
    }
    ops.push({ type, request: readWatchableRequest(reader) });
  }
}

export function writeMultiReadRequest(writer: Writer, ops: readonly MultiReadOp[]): void {
  for (const { type, request } of ops) {
    writeMultiHeader(writer, { type, done: false, err: -1 });
    writeWatchableRequest(writer, request);
  }
  writeMultiHeader(writer, MULTI_END);
}

// MultiReadResponse: n x (MultiHeader(type, false, err), the result's body),
//                    MultiHeader(-1, true, -1)
//   body: getData: buffer data, Stat; getChildren: vector<ustring>; error: int err, again

/** @throws JuteError also for a result that no server sends. */
export function readMultiReadResponse(reader: Reader): MultiReadResult[] {
  const results: MultiReadResult[] = [];
  for (;;) {
    const { type, done } = readMultiHeader(reader);
    if (done) return results;
    results.push(readMultiReadResult(reader, type));
  }
}

function readMultiReadResult(reader: Reader, type: number): MultiReadResult {
  switch (type) {
    case OpCode.getData:
      return { type, ...readGetDataResponse(reader) };
    case OpCode.getChildren:
      return { type, ...readGetChildrenResponse(reader) };
    case OpCode.error:
      return { type, ...readErrorResponse(reader) };
    default:
      throw new JuteError(`result ${type} in a multiRead`);
  }
}

export function writeMultiReadResponse(writer: Writer, results: readonly MultiReadResult[]): void {
  for (const result of results) {
    const err = result.type === OpCode.error ? result.err : 0;
    writeMultiHeader(writer, { type: result.type, done: false, err });
    switch (result.type) {
      case OpCode.getData:
        writeGetDataResponse(writer, result);
        break;
      case OpCode.getChildren:
        writeGetChildrenResponse(writer, result);
        break;
      case OpCode.error:
        writeErrorResponse(writer, result);
        break;
    }
  }
  writeMultiHeader(writer, MULTI_END);
}
