// Batches of spoilt frames on many connections, and what must hold after each: the server lives and
// complains of nothing, whoever it closed has a reason in its log, replies are replies, and other
// sessions noticed nothing.

import { ErrorCode } from "../../../protocol/errors.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { writeWatchableRequest } from "../../../protocol/proto.ts";
import { SimRandom } from "../../../server/testing/index.ts";
import { until } from "../../tools/until.ts";
import type { Bystander } from "./bystander.ts";
import { connectFrame, requestFrame, validRequest } from "./conversations.ts";
import type { HostileServer } from "./hostile-server.ts";
import { FRAMED, garbage, headless, type Mutation, refusedLength } from "./mutations.ts";
import { LAST_XID, type VolleyOptions, type VolleyResult, volley } from "./volley.ts";

export interface Batch {
  readonly name: string;
  /** Makes one connection's bytes; says how many frames they hold. */
  readonly aim: (draw: SimRandom) => Shot;
  readonly connections: number;
}

interface Shot extends Omit<VolleyOptions, "from"> {
  readonly frames: number;
  /** Whether the server may close it and say nothing: it was asked to. */
  readonly mayEndItself: boolean;
  /** Whether the server has to close it. */
  readonly mustBeClosed: boolean;
}

export interface BatchReport {
  readonly name: string;
  readonly connections: number;
  /** Sent. */
  readonly frames: number;
  readonly replies: number;
  /** Closed by the server. */
  readonly closed: number;
  /** What its log says of that. */
  readonly reasons: readonly string[];
}

const FRAMES_PER_CONNECTION = 24;
const AT_ONCE = 64;
const CHUNKS_MAX = 6;
const KNOWN_CODES: ReadonlySet<number> = new Set(Object.values(ErrorCode));
const LAST_REQUEST = requestFrame(
  OpCode.exists,
  (writer) => writeWatchableRequest(writer, { path: "/h", watch: false }),
  LAST_XID,
);
const NOT_FOR_US = [
  "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client says hello",
  "SSH-2.0-OpenSSH_9.2p1\r\n",
  "*1\r\n$4\r\nPING\r\n",
  "wchp",
  "wxyz",
  "\0\0\0\0",
  "\r\n\r\n",
];

/** Batches that together send about so many frames. */
export function batches(frames: number): Batch[] {
  const kinds = Object.entries(FRAMED);
  const share = Math.ceil(frames / kinds.length / FRAMES_PER_CONNECTION);
  // One frame is all that these connections get to send.
  const single = Math.max(200, Math.ceil(share / 4));
  return [
    ...kinds.map(([name, mutation]) => ({
      name,
      aim: (draw: SimRandom) => inSession(draw, mutation),
      connections: share,
    })),
    { name: "refused length", aim: (draw) => offence(draw, refusedLength), connections: single },
    { name: "headless", aim: (draw) => offence(draw, headless), connections: single },
    { name: "torn", aim: torn, connections: single },
    { name: "before the handshake", aim: unasked, connections: single },
    { name: "not this protocol", aim: foreign, connections: single },
  ];
}

export async function fire(
  server: HostileServer,
  bystander: Bystander,
  batch: Batch,
  seed: number,
): Promise<BatchReport> {
  // An address of its own, so that each reason has a line of its own.
  const from = `127.${1 + (seed & 0x7f)}.${(seed >> 7) & 0xff}.${1 + ((seed >> 15) & 0x7f)}`;
  const droppedBefore = await server.figure("zk_connection_drop_count");
  const draw = new SimRandom(seed);
  let frames = 0;
  let replies = 0;
  let closed = 0;
  let silent = 0;
  let waiting = batch.connections;
  const violations: string[] = [];
  const shoot = async (): Promise<void> => {
    while (waiting > 0 && violations.length === 0) {
      waiting--;
      const shot = batch.aim(draw);
      const result = await volley(server.port, { ...shot, from });
      frames += shot.frames;
      replies += result.replies;
      if (result.closedByServer && !shot.halfClose) closed++;
      if (shot.mayEndItself && result.closedByServer) silent++;
      violations.push(...wrongs(shot, result));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, shoot));
  const dropped = async (): Promise<number> =>
    (await server.figure("zk_connection_drop_count")) - droppedBefore;
  if (violations.length === 0) {
    await until(
      "each closed connection was counted, and its reason told",
      async () =>
        (await dropped()) >= closed - silent &&
        (closed === silent || server.reasons(from).length > 0),
    );
  }
  violations.push(...server.complaints(), ...bystander.problems);
  if (violations.length > 0) {
    throw new Error(`${batch.name}, seed ${seed}: ${violations.slice(0, 5).join("; ")}`);
  }
  const { name, connections } = batch;
  return { name, connections, frames, replies, closed, reasons: server.reasons(from) };
}

export function reportLine(report: BatchReport): string {
  const { name, connections, frames, replies, closed, reasons } = report;
  const sent = `${frames} frames on ${connections} connections`;
  return `${name}: ${sent}, ${replies} answered, ${closed} closed (${reasons.join("; ")})`;
}

function wrongs(shot: Shot, result: VolleyResult): string[] {
  const found: string[] = [];
  if (result.malformed !== undefined) found.push(`the server sent ${result.malformed}`);
  for (const code of result.codes) {
    if (!KNOWN_CODES.has(code)) found.push(`a reply has the code ${code}, which nobody knows`);
  }
  if (shot.mustBeClosed && !result.closedByServer) found.push("an offender was not closed");
  return found;
}

// What one connection sends.

function inSession(draw: SimRandom, mutation: Mutation): Shot {
  const frames = Array.from({ length: FRAMES_PER_CONNECTION }, () => mutation(draw));
  return {
    chunks: inPieces(draw, [connectFrame(), ...frames, LAST_REQUEST]),
    frames: frames.length,
    halfClose: false,
    mayEndItself: frames.some(closesItself),
    mustBeClosed: false,
  };
}

function offence(draw: SimRandom, mutation: Mutation): Shot {
  const before = Array.from({ length: draw.below(4) }, () => validRequest(draw));
  const chunks = inPieces(draw, [connectFrame(), ...before, mutation(draw)]);
  const mayEndItself = before.some(closesItself);
  const frames = before.length + 1;
  return { chunks, frames, halfClose: false, mayEndItself, mustBeClosed: true };
}

/** A connection that ends within a frame, the handshake's among them. */
function torn(draw: SimRandom): Shot {
  const frames = [
    connectFrame(),
    ...Array.from({ length: draw.below(4) }, () => validRequest(draw)),
  ];
  const bytes = Buffer.concat(frames);
  const cut = bytes.subarray(0, bytes.length - 1 - draw.below((frames.at(-1)?.length ?? 1) - 1));
  const chunks = inPieces(draw, [cut]);
  return {
    chunks,
    frames: frames.length,
    halfClose: true,
    mayEndItself: true,
    mustBeClosed: false,
  };
}

/** Whatever stands where the handshake should. */
function unasked(draw: SimRandom): Shot {
  const first = draw.pick([garbage, validRequest, refusedLength, spoiltHandshake])(draw);
  const chunks = inPieces(draw, [first, validRequest(draw), validRequest(draw)]);
  return { chunks, frames: 3, halfClose: true, mayEndItself: true, mustBeClosed: false };
}

function spoiltHandshake(draw: SimRandom): Buffer {
  const bytes = Buffer.from(connectFrame());
  bytes[draw.between(4, bytes.length - 1)] = draw.below(256);
  return bytes;
}

function foreign(draw: SimRandom): Shot {
  const chunks = inPieces(draw, [Buffer.from(draw.pick(NOT_FOR_US), "latin1")]);
  return {
    chunks,
    frames: 1,
    halfClose: true,
    deaf: true,
    mayEndItself: true,
    mustBeClosed: false,
  };
}

function closesItself(frame: Buffer): boolean {
  return frame.length >= 12 && frame.readInt32BE(8) === OpCode.closeSession;
}

/** The same bytes, cut anywhere. */
function inPieces(draw: SimRandom, frames: readonly Buffer[]): Buffer[] {
  let rest: Buffer = Buffer.concat(frames);
  const pieces: Buffer[] = [];
  for (let cuts = draw.below(CHUNKS_MAX); cuts > 0 && rest.length > 1; cuts--) {
    const at = draw.between(1, rest.length - 1);
    pieces.push(rest.subarray(0, at));
    rest = rest.subarray(at);
  }
  return [...pieces, rest];
}
