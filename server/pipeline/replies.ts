/**
 * What a client is told of its write, once the txn has been applied (client-protocol 6, 7). The
 * tree names each operation as it applies it; of a multi the results gather here until the last
 * one, since events of the same txn go to the client before its reply.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { Writer } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import type { DataTree, Slot } from "../tree/data-tree.ts";

/** What a burst of large multis may leave allocated. */
const RETAINED_BYTES = 0x1_0000;

export class Replies {
  readonly #tree: DataTree;
  #bytes: Buffer = Buffer.alloc(0);
  #isMulti = false;
  /** Nobody here asked for it. */
  #isIdle = true;
  /** The leader refused it because its session has moved to another server. */
  isMoved = false;
  /** Of a multi: what its parts were asked as; a txn has create for create2. */
  #askedTypes: readonly number[] = [];
  /** Parts of it that were applied. */
  #parts = 0;
  #code = 0;
  #slot: Slot = 0;
  #pathStart = 0;
  #pathEnd = 0;
  #results = new Writer(256);

  constructor(tree: DataTree) {
    this.#tree = tree;
  }

  /** A txn that somebody else asked for is about to be applied. */
  beginOthers(): void {
    this.#isIdle = true;
  }

  /** The txn in `bytes`, which was asked for here, is about to be applied. */
  begin(bytes: Buffer, txnType: number, askedTypes: readonly number[]): void {
    this.#isIdle = false;
    this.isMoved = false;
    this.#bytes = bytes;
    this.#askedTypes = askedTypes;
    this.#parts = 0;
    this.#isMulti = txnType === OpCode.multi;
    this.#code = 0;
    if (this.#results.bytes.length > RETAINED_BYTES) this.#results = new Writer(256);
    else this.#results.clear();
  }

  /** One operation of it was applied. */
  applied(type: number, code: number, slot: Slot, pathStart: number, pathEnd: number): void {
    if (this.#isIdle) return;
    if (code === ErrorCode.SessionMoved) this.isMoved = true;
    if (this.#isMulti) {
      const asked = this.#askedTypes[this.#parts++] ?? type;
      this.#addResult(type === OpCode.error ? type : asked, code, slot, pathStart, pathEnd);
      return;
    }
    this.#code = code;
    this.#slot = slot;
    // The statistics of a quota are told as they were written; they are counted behind this call.
    if (slot !== 0 && !this.#tree.quotas.idle) this.#tree.writeStat(slot, this.#results);
    this.#pathStart = pathStart;
    this.#pathEnd = pathEnd;
  }

  /** Writes the body of the reply to a request of `type`; returns the code of its header. */
  write(type: number, out: Writer): number {
    if (this.#isMulti) {
      out.raw(this.#results.written());
      writeMultiHeader(out, -1, true, -1);
      return ErrorCode.Ok;
    }
    if (this.#code !== 0) return this.#code;
    switch (type) {
      case OpCode.create:
        this.#writePath(out, this.#pathStart, this.#pathEnd);
        break;
      case OpCode.create2:
      case OpCode.createContainer:
      case OpCode.createTTL:
        this.#writePath(out, this.#pathStart, this.#pathEnd);
        this.#writeStat(out);
        break;
      case OpCode.setData:
      case OpCode.setACL:
        this.#writeStat(out);
        break;
    }
    return ErrorCode.Ok;
  }

  /** create2, createContainer and createTTL all answer as create2 inside a multi. */
  #addResult(type: number, code: number, slot: Slot, pathStart: number, pathEnd: number): void {
    const results = this.#results;
    switch (type) {
      case OpCode.error:
        writeMultiHeader(results, OpCode.error, false, code);
        results.int(code);
        break;
      case OpCode.create:
        writeMultiHeader(results, OpCode.create, false, 0);
        this.#writePath(results, pathStart, pathEnd);
        break;
      case OpCode.create2:
      case OpCode.createContainer:
      case OpCode.createTTL:
        writeMultiHeader(results, OpCode.create2, false, 0);
        this.#writePath(results, pathStart, pathEnd);
        this.#tree.writeStat(slot, results);
        break;
      case OpCode.setData:
        writeMultiHeader(results, OpCode.setData, false, 0);
        this.#tree.writeStat(slot, results);
        break;
      default:
        writeMultiHeader(results, type, false, 0);
    }
  }

  #writeStat(out: Writer): void {
    if (this.#results.length > 0) out.raw(this.#results.written());
    else this.#tree.writeStat(this.#slot, out);
  }

  #writePath(out: Writer, start: number, end: number): void {
    const length = end - start;
    out.int(length);
    const at = out.reserve(length);
    this.#bytes.copy(out.bytes, at, start, end);
  }
}

// MultiHeader: int type, boolean done, int err

function writeMultiHeader(out: Writer, type: number, done: boolean, error: number): void {
  out.int(type);
  out.boolean(done);
  out.int(error);
}
