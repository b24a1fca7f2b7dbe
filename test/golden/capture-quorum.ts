// The tree that a leader of Apache ZooKeeper sends to an empty learner, as it was on the wire. Two
// servers open the captured data directory; the third, which they are told of, is this program.

import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApacheServer, freePort } from "../tools/apache.ts";
import { goldenDataDirectory } from "./data-directory.ts";
import { formatGolden, type GoldenFrame, quorumGoldenFile } from "./golden-file.ts";

const SERVERS = [1, 2] as const;
const LEARNER_SID = 3;
/** int type, long zxid, and the lengths of no data and no ids. */
const BARE_PACKET_BYTES = 20;
/** A packet with the four bytes of a version. */
const LEADERINFO_BYTES = 24;
const SIGNATURE = Buffer.from("\0\0\0\x0aBenWasHere", "latin1");

export async function captureQuorumPort(provenance: {
  readonly release: string;
  readonly captured: string;
}): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "quorate-golden-"));
  const ports = new Map<number, number>();
  const servers: ApacheServer[] = [];
  try {
    const lines: Record<string, string> = { initLimit: "20", syncLimit: "10" };
    for (const sid of [...SERVERS, LEARNER_SID]) {
      ports.set(sid, await freePort());
      lines[`server.${sid}`] = `127.0.0.1:${ports.get(sid)}:${await freePort()}`;
    }
    const started = SERVERS.map(async (sid) => {
      const dataDir = join(home, String(sid));
      mkdirSync(dataDir);
      writeFileSync(join(dataDir, "myid"), String(sid));
      cpSync(join(goldenDataDirectory(provenance.release), "version-2"), `${dataDir}/version-2`, {
        recursive: true,
      });
      servers.push(await ApacheServer.start({ dataDir, settings: lines }));
    });
    await Promise.all(started);
    for (const server of servers) {
      if (!(await server.word("srvr")).includes("Mode: leader")) continue;
      const sid = Number(/^serverId=(\d+)/m.exec(await server.word("conf"))?.[1]);
      const frames = await learn(ports.get(sid) ?? 0);
      const head = new Map([...Object.entries(provenance), ["client", "by hand, as learner 3"]]);
      const file = quorumGoldenFile(provenance.release, "snap");
      mkdirSync(new URL(".", file), { recursive: true });
      writeFileSync(file, formatGolden({ provenance: head, frames }));
      return;
    }
    throw new Error("there is no leader");
  } finally {
    for (const server of servers) await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

/** Introduces itself as an empty server, and takes what it is sent up to NEWLEADER. */
async function learn(port: number): Promise<GoldenFrame[]> {
  const socket = connect({ port, host: "127.0.0.1" });
  const frames: GoldenFrame[] = [];
  const say = (hex: string): void => {
    const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
    frames.push({ from: "client", bytes });
    socket.write(bytes);
  };
  const reader = new StreamReader(socket);
  const hear = async (length: () => number): Promise<void> => {
    frames.push({ from: "server", bytes: await reader.take(length) });
  };
  say("0000000b 0000000000000000 00000014 0000000000000003 00010000 0000000000000000 ffffffff");
  await hear(() => LEADERINFO_BYTES);
  say("00000012 0000000000000000 00000004 00000000 ffffffff");
  await hear(() => BARE_PACKET_BYTES);
  await hear(() => {
    const at = reader.received.indexOf(SIGNATURE);
    return at < 0 ? Number.POSITIVE_INFINITY : at + SIGNATURE.length;
  });
  await hear(() => {
    const { received } = reader;
    return received.length < 16 ? 16 : BARE_PACKET_BYTES + Math.max(received.readInt32BE(12), 0);
  });
  socket.destroy();
  return frames;
}

class StreamReader {
  received: Buffer = Buffer.alloc(0);
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
  }

  async take(length: () => number): Promise<Buffer> {
    while (this.received.length < length()) {
      if (this.#socket.readableEnded) throw new Error("the leader closed the connection");
      await Promise.race([once(this.#socket, "data"), once(this.#socket, "end")]);
    }
    const bytes = this.received.subarray(0, length());
    this.received = this.received.subarray(bytes.length);
    return bytes;
  }
}
