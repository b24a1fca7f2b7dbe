// A million znodes of 100 bytes: what they take, and how fast a restart answers. Apache's heap is the smallest, in steps of 64 MB, with which it fills,
// takes a snapshot (its restart does) and starts again.

import { connect } from "node:net";
import type { LoadGenerator } from "./load.ts";
import { PeerProcess } from "./peer-process.ts";

const HEAP_STEP_MB = 64;
const HEAP_MAX_MB = 2048;
const FAN = 1000;

export interface MemoryFigures {
  readonly heapMb: number | undefined;
  /** Resident after the fill and a snapshot, MB. */
  readonly filledMb: number;
  /** Resident once it serves again, MB. */
  readonly restartedMb: number;
  readonly restartMs: readonly number[];
}

export async function measureOurs(
  load: LoadGenerator,
  keys: number,
  restarts: number,
): Promise<MemoryFigures> {
  const peer = await PeerProcess.start("quorate");
  try {
    return await fillAndRestart(load, peer, undefined, keys, restarts);
  } finally {
    await peer.remove();
  }
}

export async function measureApache(
  load: LoadGenerator,
  keys: number,
  restarts: number,
  fromHeapMb: number,
): Promise<MemoryFigures> {
  for (let heapMb = fromHeapMb; heapMb <= HEAP_MAX_MB; heapMb += HEAP_STEP_MB) {
    const peer = await PeerProcess.start("apache", { heapMb });
    try {
      return await fillAndRestart(load, peer, heapMb, keys, restarts);
    } catch (error) {
      process.stderr.write(`Apache with -Xmx${heapMb}m: ${String(error)}\n`);
    } finally {
      await peer.remove();
    }
  }
  throw new Error(`Apache does not hold ${keys} znodes in ${HEAP_MAX_MB} MB`);
}

async function fillAndRestart(
  load: LoadGenerator,
  peer: PeerProcess,
  heapMb: number | undefined,
  keys: number,
  restarts: number,
): Promise<MemoryFigures> {
  const filled = await load.run(peer.hosts, { op: "fill", keys, fan: FAN, size: 100 });
  if (filled.failed !== 0) throw new Error(`${filled.failed} creates failed`);
  const filledMb = peer.memoryMb().now;
  const restartMs: number[] = [];
  for (let i = 0; i < restarts; i++) {
    await peer.end();
    const startedMs = performance.now();
    peer.launch();
    await untilAnswered(peer, `/zkload/d0/n${i}`);
    restartMs.push(performance.now() - startedMs);
  }
  return { heapMb, filledMb, restartedMb: peer.memoryMb().now, restartMs };
}

/** Until a client that tries again and again has read a znode. */
async function untilAnswered(peer: PeerProcess, path: string): Promise<void> {
  const deadline = performance.now() + 180_000;
  while (!(await answers(peer.port, path))) {
    if (!peer.isRunning || performance.now() > deadline) {
      throw new Error(`${peer.kind} does not come back`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** One session's handshake and one getData, as bytes; true when the data came. */
function answers(port: number, path: string): Promise<boolean> {
  const handshake = Buffer.alloc(49);
  handshake.writeInt32BE(45, 0);
  handshake.writeInt32BE(10_000, 16);
  handshake.writeInt32BE(16, 28);
  const name = Buffer.from(path);
  const request = Buffer.alloc(17 + name.length);
  request.writeInt32BE(13 + name.length, 0);
  request.writeInt32BE(1, 4);
  request.writeInt32BE(4, 8);
  request.writeInt32BE(name.length, 12);
  name.copy(request, 16);
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const chunks: Buffer[] = [];
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(2000, () => end(false));
    socket.on("error", () => end(false));
    socket.on("close", () => end(false));
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      // The handshake's 41 bytes, then a frame whose error code is at 16.
      if (bytes.length >= 41 + 20) end(bytes.readInt32BE(41 + 16) === 0);
    });
    socket.write(Buffer.concat([handshake, request]));
  });
}
