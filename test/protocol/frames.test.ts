import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameSplitter } from "../../protocol/frames.ts";

const MAXIMUM = 1000;
const LARGE = 0xfffff;

/** A frame as it travels: its length, then its body. */
function framed(...bodies: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(body.length);
      return [length, body];
    }),
  );
}

/** What a splitter hands out, as text; `splitter` is there for the handler to use. */
class Recorder {
  readonly frames: string[] = [];
  readonly refused: number[] = [];
  readonly splitter: FrameSplitter;
  onFrame: (body: string) => void = () => {};

  constructor(maximum: number = MAXIMUM) {
    this.splitter = new FrameSplitter(
      maximum,
      (bytes, start, end) => {
        const body = bytes.toString("latin1", start, end);
        this.frames.push(body);
        this.onFrame(body);
      },
      (length) => this.refused.push(length),
    );
  }

  push(chunk: Buffer): void {
    // The bytes are the splitter's only during the call.
    const lent = Buffer.from(chunk);
    this.splitter.push(lent);
    lent.fill(0xee);
  }
}

function next<T>(values: fc.Stream<T>): T {
  const { value } = values.next() as { readonly value: T };
  return value;
}

test("frames cut at every byte come out whole and in order", () => {
  const bodies = ["", "a", "twelve bytes", "x".repeat(300), "", "end"];
  const stream = framed(...bodies.map((body) => Buffer.from(body)));
  for (let cut = 0; cut <= stream.length; cut++) {
    const recorder = new Recorder();
    recorder.push(stream.subarray(0, cut));
    recorder.push(stream.subarray(cut));
    expect(recorder.frames).toEqual(bodies);
    expect(recorder.splitter.keptBytes).toBe(0);
  }
});

test("a stream that comes byte by byte gives the same frames", () => {
  const bodies = ["one", "", "three", "y".repeat(MAXIMUM)];
  const recorder = new Recorder();
  for (const byte of framed(...bodies.map((body) => Buffer.from(body)))) {
    recorder.push(Buffer.of(byte));
  }
  expect(recorder.frames).toEqual(bodies);
});

test("however a stream is cut into chunks, its frames are the same", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 90 })),
      fc.infiniteStream(fc.boolean()),
      (bodies, sizes, pauses) => {
        const recorder = new Recorder();
        recorder.onFrame = () => {
          if (next(pauses)) recorder.splitter.pause();
        };
        const stream = framed(...bodies);
        for (let at = 0; at < stream.length; ) {
          const chunk = stream.subarray(at, at + next(sizes));
          recorder.push(chunk);
          at += chunk.length;
          if (next(pauses)) recorder.splitter.resume();
        }
        while (recorder.splitter.keptBytes > 0) recorder.splitter.resume();
        expect(recorder.frames).toEqual(bodies.map((b) => Buffer.from(b).toString("latin1")));
      },
    ),
  );
});

test("a frame that lies whole in a chunk is handed out in place", () => {
  const chunk = framed(Buffer.from("first"), Buffer.from("second"));
  const seen: [Buffer, number, number][] = [];
  const splitter = new FrameSplitter(
    MAXIMUM,
    (bytes, start, end) => seen.push([bytes, start, end]),
    () => {},
  );
  splitter.push(chunk);
  expect(seen.map(([bytes]) => bytes === chunk)).toEqual([true, true]);
  expect(seen.map(([, start, end]) => [start, end])).toEqual([
    [4, 9],
    [13, 19],
  ]);
});

// client-protocol 2/request frame
test("the largest length is accepted and one more is refused", () => {
  const accepted = new Recorder();
  accepted.push(framed(Buffer.alloc(MAXIMUM, "z")));
  expect(accepted.frames).toEqual(["z".repeat(MAXIMUM)]);

  const refused = new Recorder();
  refused.push(framed(Buffer.alloc(MAXIMUM + 1, "z")));
  expect(refused.frames).toEqual([]);
  expect(refused.refused).toEqual([MAXIMUM + 1]);
});

// client-protocol 2/request frame
test("a length is refused on its four bytes, whole or torn, before any body is kept", () => {
  for (const length of [-1, -0x8000_0000, MAXIMUM + 1, 0x7fff_ffff]) {
    for (let cut = 0; cut < 4; cut++) {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(length);
      const recorder = new Recorder();
      recorder.push(framed(Buffer.from("before")));
      recorder.push(bytes.subarray(0, cut));
      expect(recorder.refused).toEqual([]);
      recorder.push(bytes.subarray(cut));
      expect(recorder.refused).toEqual([length]);
      expect(recorder.splitter.keptBytes).toBe(0);
      recorder.push(framed(Buffer.from("after")));
      expect(recorder.frames).toEqual(["before"]);
      expect(recorder.refused).toEqual([length]);
    }
  }
});

// client-protocol 3.1
test("a four-letter word is told as the length that it would be", () => {
  const recorder = new Recorder();
  recorder.push(Buffer.from("ruok"));
  expect(recorder.refused).toEqual([0x72756f6b]);
});

test("a torn frame occupies what came, not what was announced", () => {
  const announced = Buffer.alloc(4);
  announced.writeInt32BE(LARGE);
  const before = process.memoryUsage().arrayBuffers;
  const splitters = Array.from({ length: 100 }, () => {
    const splitter = new FrameSplitter(
      LARGE,
      () => {},
      () => {},
    );
    splitter.push(announced);
    return splitter;
  });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(LARGE);
  expect(splitters.every((splitter) => splitter.keptBytes === 4)).toBe(true);
});

test("torn frames share one buffer, which is given up when it has grown large", () => {
  const buffers: Buffer[] = [];
  const splitter = new FrameSplitter(
    LARGE,
    (bytes) => buffers.push(bytes),
    () => {},
  );
  for (const size of [100, 90, LARGE, 80, 70]) {
    const stream = framed(Buffer.alloc(size));
    splitter.push(stream.subarray(0, -1));
    splitter.push(stream.subarray(-1));
  }
  expect(buffers[1]).toBe(buffers[0]);
  expect(buffers[3]).not.toBe(buffers[2]);
  expect(buffers[3]?.length).toBeLessThan(1000);
  expect(buffers[4]).toBe(buffers[3]);
});

test("a paused splitter hands out nothing, and everything in order after resume", () => {
  const recorder = new Recorder();
  recorder.onFrame = (body) => {
    if (body === "connect") recorder.splitter.pause();
  };
  const stream = framed(Buffer.from("connect"), Buffer.from("one"), Buffer.from("two"));
  recorder.push(stream.subarray(0, -2));
  recorder.push(stream.subarray(-2));
  expect(recorder.frames).toEqual(["connect"]);
  recorder.splitter.resume();
  expect(recorder.frames).toEqual(["connect", "one", "two"]);
  expect(recorder.splitter.keptBytes).toBe(0);
});

test("pause and resume inside a handler let the frames go on", () => {
  const recorder = new Recorder();
  recorder.onFrame = () => {
    recorder.splitter.pause();
    recorder.splitter.resume();
  };
  recorder.push(framed(Buffer.from("one"), Buffer.from("two"), Buffer.from("three")));
  expect(recorder.frames).toEqual(["one", "two", "three"]);
});

test("pause and resume inside a handler hand out no kept frame twice", () => {
  const recorder = new Recorder();
  recorder.splitter.pause();
  recorder.push(framed(Buffer.from("one"), Buffer.from("two"), Buffer.from("three")));
  recorder.onFrame = () => {
    recorder.splitter.pause();
    recorder.splitter.resume();
  };
  recorder.splitter.resume();
  expect(recorder.frames).toEqual(["one", "two", "three"]);
});

test("a length that no frame has is refused when resume reaches it", () => {
  const recorder = new Recorder();
  recorder.onFrame = () => recorder.splitter.pause();
  recorder.push(Buffer.concat([framed(Buffer.from("one")), Buffer.alloc(4, 0xff)]));
  expect(recorder.refused).toEqual([]);
  recorder.splitter.resume();
  expect(recorder.refused).toEqual([-1]);
});

// client-protocol Trap 22
test("after stop nothing is handed out, not even from the same chunk", () => {
  const recorder = new Recorder();
  recorder.onFrame = (body) => {
    if (body === "close") recorder.splitter.stop();
  };
  recorder.push(framed(Buffer.from("close"), Buffer.from("behind")));
  recorder.push(framed(Buffer.from("later")));
  recorder.splitter.resume();
  expect(recorder.frames).toEqual(["close"]);
  expect(recorder.splitter.keptBytes).toBe(0);
});
