// What every record's reader and writer promise, as tests: each record's own file names its
// arbitrary and asks for these.

import fc from "fast-check";
import { expect, test } from "vitest";
import { JuteError, Reader, Writer } from "../../protocol/jute.ts";

export interface Codec<T> {
  readonly arbitrary: fc.Arbitrary<T>;
  readonly read: (reader: Reader) => T;
  readonly write: (writer: Writer, value: T) => void;
  /** The record's end may be absent, so that a record cut short can be a record too. */
  readonly optionalEnd?: boolean;
}

/** Bytes before and after a record: readers start anywhere and stop at the record's end. */
const BEFORE = 5;
const AFTER = 7;

export function codecLaws<T>(codec: Codec<T>): void {
  const { arbitrary, read, write } = codec;

  test("what is written is read back, and its bytes again are the same", () => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const bytes = written(write, value);
        const reader = new Reader().reset(bytes);
        const back = read(reader);
        expect(back).toEqual(value);
        expect(reader.remaining).toBe(0);
        expect(written(write, back).equals(bytes)).toBe(true);
      }),
    );
  });

  test("is read in place between other bytes", () => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const bytes = written(write, value);
        const around = Buffer.alloc(BEFORE + bytes.length + AFTER, 0xff);
        bytes.copy(around, BEFORE);
        const reader = new Reader().reset(around, BEFORE, BEFORE + bytes.length);
        expect(read(reader)).toEqual(value);
        expect(reader.offset).toBe(BEFORE + bytes.length);
      }),
    );
  });

  test("cut at any byte it is a JuteError and nothing else", () => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const bytes = written(write, value);
        for (let end = 0; end < bytes.length; end++) {
          const failure = failureOf(() => read(new Reader().reset(bytes, 0, end)));
          if (failure === undefined) expect(codec.optionalEnd).toBe(true);
          else expect(failure).toBeInstanceOf(JuteError);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("any bytes at all are a record or a JuteError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (noise) => {
        const failure = failureOf(() => read(new Reader().reset(Buffer.from(noise))));
        if (failure !== undefined) expect(failure).toBeInstanceOf(JuteError);
      }),
    );
  });
}

function written<T>(write: (writer: Writer, value: T) => void, value: T): Buffer {
  // A small writer, so that it grows in the middle of a field.
  const writer = new Writer(3);
  write(writer, value);
  return writer.take();
}

function failureOf(body: () => unknown): unknown {
  try {
    body();
    return undefined;
  } catch (failure) {
    return failure;
  }
}
