/**
 * The two records of multi (client-protocol 7): operations, each behind a MultiHeader, and their
 * results in the same order. A header with `done` ends either.
 */
import { readStat, type Stat, writeStat } from "./data.ts";
import { JuteError, type Reader, type Writer } from "./jute.ts";
import { OpCode } from "./opcodes.ts";
import {
  type Create2Response,
  type CreateRequest,
  type CreateTTLRequest,
  readCreate2Response,
  readCreateRequest,
  readCreateTTLRequest,
  readErrorResponse,
  readPathResponse,
  readSetDataRequest,
  readVersionedRequest,
  type SetDataRequest,
  type VersionedRequest,
  writeCreate2Response,
  writeCreateRequest,
  writeCreateTTLRequest,
  writeErrorResponse,
  writePathResponse,
  writeSetDataRequest,
  writeVersionedRequest,
} from "./proto.ts";

// MultiHeader: int type, boolean done, int err

export interface MultiHeader {
  /** An operation's or a result's, -1 at the end. */
  readonly type: number;
  readonly done: boolean;
  /** -1 in requests and at the end, 0 or the error's code before a result. */
  readonly err: number;
}

export function readMultiHeader(reader: Reader): MultiHeader {
  return { type: reader.int(), done: reader.boolean(), err: reader.int() };
}

export function writeMultiHeader(writer: Writer, header: MultiHeader): void {
  writer.int(header.type);
  writer.boolean(header.done);
  writer.int(header.err);
}

export const MULTI_END: MultiHeader = { type: -1, done: true, err: -1 };

/** An operation of a multi. */
export type MultiOp =
  | {
      readonly type: typeof OpCode.create | typeof OpCode.create2 | typeof OpCode.createContainer;
      readonly request: CreateRequest;
    }
  | { readonly type: typeof OpCode.createTTL; readonly request: CreateTTLRequest }
  | {
      readonly type: typeof OpCode.delete | typeof OpCode.check;
      readonly request: VersionedRequest;
    }
  | { readonly type: typeof OpCode.setData; readonly request: SetDataRequest };

/** What became of an operation; every create but the first kind answers as create2. If one failed all are errors: those before it with code 0. */
export type MultiResult =
  | { readonly type: typeof OpCode.create; readonly path: string | null }
  | ({ readonly type: typeof OpCode.create2 } & Create2Response)
  | { readonly type: typeof OpCode.delete | typeof OpCode.check }
  | { readonly type: typeof OpCode.setData; readonly stat: Stat }
  | { readonly type: typeof OpCode.error; readonly err: number };

// MultiRequest: n x (MultiHeader(type, false, -1), the operation's request), MultiHeader(-1, true, -1)

/** @throws JuteError also for an operation that no multi may hold. */
export function readMultiRequest(reader: Reader): MultiOp[] {
  const ops: MultiOp[] = [];
  for (;;) {
    const { type, done } = readMultiHeader(reader);
    if (done) return ops;
    ops.push(readMultiOp(reader, type));
  }
}

function readMultiOp(reader: Reader, type: number): MultiOp {
  switch (type) {
    case OpCode.create:
    case OpCode.create2:
    case OpCode.createContainer:
      return { type, request: readCreateRequest(reader) };
    case OpCode.createTTL:
      return { type, request: readCreateTTLRequest(reader) };
    case OpCode.delete:
    case OpCode.check:
      return { type, request: readVersionedRequest(reader) };
    case OpCode.setData:
      return { type, request: readSetDataRequest(reader) };
    default:
      throw new JuteError(`operation ${type} in a multi`);
  }
}

export function writeMultiRequest(writer: Writer, ops: readonly MultiOp[]): void {
  for (const op of ops) {
    writeMultiHeader(writer, { type: op.type, done: false, err: -1 });
    switch (op.type) {
      case OpCode.create:
      case OpCode.create2:
      case OpCode.createContainer:
        writeCreateRequest(writer, op.request);
        break;
      case OpCode.createTTL:
        writeCreateTTLRequest(writer, op.request);
        break;
      case OpCode.delete:
      case OpCode.check:
        writeVersionedRequest(writer, op.request);
        break;
      case OpCode.setData:
        writeSetDataRequest(writer, op.request);
        break;
    }
  }
  writeMultiHeader(writer, MULTI_END);
}

// MultiResponse: n x (MultiHeader(type, false, err), the result's body), MultiHeader(-1, true, -1)
//   body: create: ustring path; create2: ustring path, Stat; setData: Stat; error: int err, again

/** @throws JuteError also for a result that no server sends. */
export function readMultiResponse(reader: Reader): MultiResult[] {
  const results: MultiResult[] = [];
  for (;;) {
    const { type, done } = readMultiHeader(reader);
    if (done) return results;
    results.push(readMultiResult(reader, type));
  }
}

function readMultiResult(reader: Reader, type: number): MultiResult {
  switch (type) {
    case OpCode.create:
      return { type, ...readPathResponse(reader) };
    case OpCode.create2:
      return { type, ...readCreate2Response(reader) };
    case OpCode.delete:
    case OpCode.check:
      return { type };
    case OpCode.setData:
      return { type, stat: readStat(reader) };
    case OpCode.error:
      return { type, ...readErrorResponse(reader) };
    default:
      throw new JuteError(`result ${type} in a multi`);
  }
}

export function writeMultiResponse(writer: Writer, results: readonly MultiResult[]): void {
  for (const result of results) {
    const err = result.type === OpCode.error ? result.err : 0;
    writeMultiHeader(writer, { type: result.type, done: false, err });
    switch (result.type) {
      case OpCode.create:
        writePathResponse(writer, result);
        break;
      case OpCode.create2:
        writeCreate2Response(writer, result);
        break;
      case OpCode.setData:
        writeStat(writer, result.stat);
        break;
      case OpCode.error:
        writeErrorResponse(writer, result);
        break;
      case OpCode.delete:
      case OpCode.check:
        break;
    }
  }
  writeMultiHeader(writer, MULTI_END);
}
