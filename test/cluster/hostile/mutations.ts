// Ways to spoil a frame. Each takes a valid one, its length included, and gives what is sent.

import type { SimRandom } from "../../../server/testing/index.ts";
import { frame, lastingType, validRequest } from "./conversations.ts";

export type Mutation = (draw: SimRandom) => Buffer;

/** jute.maxbuffer where nothing else is said. */
const FRAME_MAX = 0xf_ffff;
const HEADER_BYTES = 8;
const GARBAGE_MAX = 200;
const FLIPS_MAX = 8;
/** Of what ends a connection, so that what follows is heard. */
const RARE = 0.02;
/** Unknown, or for servers among themselves. */
const ODD_TYPES = [9999, -1, 0, 20, -10, -11, 0x7fff_ffff];

/** Numbers that a length, a count, a version or a flag may not be, or only just. */
const ODD_INTS = [
  -1,
  -2,
  -0x8000_0000,
  0x7fff_ffff,
  0x7fff_fff0,
  0x4000_0000,
  FRAME_MAX,
  FRAME_MAX + 1,
  2 * FRAME_MAX,
  0x10_0000,
  0x1_0000,
  0,
  1,
  255,
  256,
];

/** A request of a known type whose body is nothing in particular; now and then without that. */
export const garbage: Mutation = (draw) => {
  const body = Buffer.alloc(draw.below(GARBAGE_MAX));
  draw.fill(body);
  return frame((writer) => {
    if (draw.chance(1 - RARE)) {
      writer.int(draw.word() | 0);
      writer.int(lastingType(draw));
    }
    writer.raw(body);
  });
};

/** Cut anywhere, its length told as it then is. */
export const truncated: Mutation = (draw) => {
  const whole = validRequest(draw).subarray(4);
  const least = draw.chance(RARE) ? 0 : HEADER_BYTES;
  return frame((writer) => writer.raw(whole.subarray(0, draw.between(least, whole.length))));
};

/** Some bytes are others, of the header only rarely. */
export const flipped: Mutation = (draw) => {
  const bytes = Buffer.from(validRequest(draw));
  const from = draw.chance(RARE) ? 4 : 4 + HEADER_BYTES;
  if (bytes.length <= from) return bytes;
  for (let flips = draw.between(1, FLIPS_MAX); flips > 0; flips--) {
    bytes[draw.between(from, bytes.length - 1)] = draw.below(256);
  }
  return bytes;
};

/** An int somewhere behind the header, most likely a length, says what cannot be. */
export const oddLength: Mutation = (draw) => {
  const bytes = Buffer.from(validRequest(draw));
  const from = 4 + HEADER_BYTES;
  const to = bytes.length - 4;
  if (from <= to) bytes.writeInt32BE(draw.pick(ODD_INTS), draw.between(from, to));
  return bytes;
};

/** The beginning of one and the end of another. */
export const spliced: Mutation = (draw) => {
  const [head, tail] = [validRequest(draw).subarray(4), validRequest(draw).subarray(4)];
  const least = draw.chance(RARE) ? 0 : HEADER_BYTES;
  return frame((writer) => {
    writer.raw(head.subarray(0, draw.between(least, head.length)));
    writer.raw(tail.subarray(draw.below(tail.length + 1)));
  });
};

/** A header of its own, over the body of something else. */
export const wrongType: Mutation = (draw) => {
  const bytes = Buffer.from(validRequest(draw));
  bytes.writeInt32BE(draw.chance(RARE) ? draw.pick(ODD_TYPES) : lastingType(draw), 8);
  return bytes;
};

/** A length that no frame may have; something follows. */
export const refusedLength: Mutation = (draw) => {
  const bytes = Buffer.from(validRequest(draw));
  const tooLong = draw.between(FRAME_MAX + 1, 0x7fff_ffff);
  bytes.writeInt32BE(draw.pick([-1, -2, -draw.between(1, 0x8000_0000), tooLong, tooLong]), 0);
  return bytes;
};

/** A frame too short for a header. */
export const headless: Mutation = (draw) =>
  frame((writer) => writer.raw(Buffer.alloc(draw.below(8), 1)));

/** What the framing survives: the next frame is where it should be. */
export const FRAMED: Readonly<Record<string, Mutation>> = {
  garbage,
  truncated,
  flipped,
  oddLength,
  spliced,
  wrongType,
  valid: validRequest,
};
