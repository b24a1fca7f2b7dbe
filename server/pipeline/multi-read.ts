/**
 * A multiRead (client-protocol 7): getData and getChildren in one frame, each of which succeeds or
 * fails on its own. Watches are not set.
 *
 * Differs from ZooKeeper: there the answer has no bound, and a frame of a megabyte may ask for sixty
 * thousand megabytes. Here it is held to `jute.maxbuffer`, which is what a Java client takes: the
 * reads for which there is no room are answered ThrottledOp (not executed) and can be asked again.
 * The first has its room whatever it takes, as if it had been asked alone.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { JuteError, Reader, type Writer } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import type { LongRead } from "./long-reads.ts";
import type { Reads } from "./reads.ts";
import type { AuthId } from "./requester.ts";

/** Reads in a slice: a millisecond or two. */
const SLICE_READS = 1000;

/** MultiHeader at the end, behind what has room. */
const END_BYTES = 9;

export class MultiRead implements LongRead {
  readonly code: number = ErrorCode.Ok;
  readonly #reads: Reads;
  readonly #ids: readonly AuthId[];
  readonly #maxBytes: number;
  #reader: Reader;
  #done = 0;
  /** There was no room for one: the others are not looked at. */
  #isFull = false;

  /**
   * @param reader At the request's record; it is looked through before the first read runs.
   * @throws JuteError also for an operation that no multiRead may hold.
   */
  constructor(reads: Reads, ids: readonly AuthId[], reader: Reader, maxBytes: number) {
    this.#reads = reads;
    this.#ids = ids;
    this.#reader = reader;
    this.#maxBytes = maxBytes - END_BYTES;
    checkRequest(reader);
  }

  // n x (MultiHeader: int type, boolean done, int err; body), MultiHeader(-1, true, -1)

  step(out: Writer): boolean {
    const reader = this.#reader;
    for (let i = 0; i < SLICE_READS; i++) {
      const type = reader.int();
      const isDone = reader.boolean();
      reader.skip(4);
      if (isDone) {
        out.int(-1);
        out.boolean(true);
        out.int(-1);
        return false;
      }
      this.#one(type, out);
    }
    return true;
  }

  keep(): void {
    const { bytes, offset, end, limit } = this.#reader;
    const rest = Buffer.from(bytes.subarray(offset, end));
    this.#reader = new Reader(limit).reset(rest);
  }

  close(): void {}

  #one(type: number, out: Writer): void {
    const start = out.length;
    const isFirst = this.#done++ === 0;
    if (this.#isFull) {
      this.#reader.skip(this.#reader.bufferLength() + 1);
      writeFailure(out, ErrorCode.ThrottledOp);
      return;
    }
    out.int(type);
    out.boolean(false);
    out.int(0);
    const code = this.#reads.answerPart(type, this.#ids, this.#reader, out);
    this.#isFull = !isFirst && out.length > this.#maxBytes;
    if (code === ErrorCode.Ok && !this.#isFull) return;
    out.length = start;
    writeFailure(out, code === ErrorCode.Ok ? ErrorCode.ThrottledOp : code);
  }
}

/** Leaves the reader where it was. */
function checkRequest(reader: Reader): void {
  const { offset } = reader;
  for (;;) {
    const type = reader.int();
    const isDone = reader.boolean();
    reader.skip(4);
    if (isDone) break;
    if (type !== OpCode.getData && type !== OpCode.getChildren) {
      throw new JuteError(`operation ${type} in a multiRead`);
    }
    const length = reader.bufferLength();
    if (length < 0) throw new JuteError("a null path in a multiRead");
    reader.skip(length + 1);
  }
  reader.offset = offset;
}

// MultiHeader(-1, false, err), int err

function writeFailure(out: Writer, code: number): void {
  out.int(OpCode.error);
  out.boolean(false);
  out.int(code);
  out.int(code);
}
