// `npm run golden`: captures test/golden/zookeeper-RELEASE anew from the Apache ZooKeeper that is
// installed on this machine: the client port step by step, a data directory, and that directory's
// tree as it is sent to a learner.
//
// Golden.java drives Apache's own client through a proxy that writes down every frame. What no Java
// client sends (old handshakes, other clients' habits, bad requests) is sent from here by hand.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { bigIntHighWord, bigIntLowWord } from "../../protocol/zxid.ts";
import { ApacheServer, javaClassPath } from "../tools/apache.ts";
import { Proxy } from "../tools/proxy.ts";
import { captureQuorumPort } from "./capture-quorum.ts";
import {
  type DirectorySession,
  type DirectoryZnode,
  formatDirectoryContents,
} from "./data-directory.ts";
import { formatGolden, type GoldenFrame } from "./golden-file.ts";
import { type RawStep, rawSteps } from "./raw-steps.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PING_XID = -2;
/** Long enough for a session to outlive the restart of its server. */
const SESSION_TIMEOUT_MAX_MS = 600_000;
const CONTAINER_CHECK_MS = 200;

async function main(): Promise<void> {
  await captureClientPort();
  await captureQuorumPort(await captureDirectory());
}

// ---- The client port ----

async function captureClientPort(): Promise<void> {
  const server = await ApacheServer.start();
  const proxy = await Proxy.start(server.port);
  try {
    const provenance = await provenanceOf(server);
    const directory = join(HERE, `zookeeper-${provenance.release}`, "client-port");
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    const save = (step: string, client: string, frames: readonly GoldenFrame[]): void => {
      const head = new Map([...Object.entries(provenance), ["client", client]]);
      writeFileSync(join(directory, `${step}.txt`), formatGolden({ provenance: head, frames }));
    };

    let frames: GoldenFrame[] = [];
    proxy.inspect = ({ direction, frame }) => {
      frames.push({ from: direction === "up" ? "client" : "server", bytes: framed(frame) });
      return "pass";
    };
    await driveJava("session", proxy.address, {
      begin: () => {
        frames = [];
      },
      end: (step) => {
        const wanted = step === "ping" ? () => true : (frame: GoldenFrame) => !isPing(frame);
        save(step, "Apache ZooKeeper's Java client of this release", frames.filter(wanted));
      },
      reset: () => proxy.reset(),
    });
    for (const step of rawSteps) save(step.name, "by hand", await runRaw(server.port, step));
  } finally {
    await proxy.close();
    await server.stop();
  }
}

function framed(body: Buffer): Buffer {
  const bytes = Buffer.alloc(4 + body.length);
  bytes.writeInt32BE(body.length);
  body.copy(bytes, 4);
  return bytes;
}

/** A handshake's frame is none: its first field is 0. */
function isPing({ bytes }: GoldenFrame): boolean {
  return bytes.readInt32BE(4) === PING_XID;
}

/** Sends each frame and waits for the frame that it brings. */
async function runRaw(port: number, step: RawStep): Promise<GoldenFrame[]> {
  const socket = connect({ port, host: "127.0.0.1" });
  const frames: GoldenFrame[] = [];
  let received: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
  for (const body of step.requests) {
    const bytes = framed(Buffer.from(body.replaceAll(/\s/g, ""), "hex"));
    frames.push({ from: "client", bytes });
    socket.write(bytes);
    while (received.length < 4 || received.length < 4 + received.readInt32BE(0)) {
      if (socket.readableEnded) throw new Error(`${step.name}: the server closed the connection`);
      await Promise.race([once(socket, "data"), once(socket, "end")]);
    }
    const length = 4 + received.readInt32BE(0);
    frames.push({ from: "server", bytes: received.subarray(0, length) });
    received = received.subarray(length);
  }
  if (step.closes && !socket.readableEnded) await once(socket, "end");
  socket.destroy();
  return frames;
}

// ---- A data directory ----

async function captureDirectory(): Promise<Provenance> {
  const server = await ApacheServer.start({
    properties: { "znode.container.checkIntervalMs": String(CONTAINER_CHECK_MS) },
    settings: { maxSessionTimeout: String(SESSION_TIMEOUT_MAX_MS) },
  });
  try {
    const provenance = await provenanceOf(server);
    const sessions: DirectorySession[] = [];
    const znodes: DirectoryZnode[] = [];
    let lastZxid: number | undefined;
    await driveJava("directory", server.address, {
      restart: async () => {
        await server.kill();
        await server.restart();
      },
      session: (id, timeoutMs) =>
        sessions.push({ id: id.padStart(16, "0"), timeoutMs: +timeoutMs }),
      znode: (...fields) => znodes.push(dumpedZnode(fields)),
      dumped: async () => {
        lastZxid = Number(/Zxid: (0x[0-9a-f]+)/.exec(await server.word("srvr"))?.[1]);
        // Nothing may be written between the dump and the end.
        await server.kill();
      },
    });
    const directory = join(HERE, `zookeeper-${provenance.release}`, "data-directory");
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(join(directory, "version-2"), { recursive: true });
    const source = join(server.dataDir, "version-2");
    for (const name of readdirSync(source)) {
      const bytes = readFileSync(join(source, name));
      const kept = name.startsWith("log.") ? bytes.subarray(0, endOfRecords(bytes)) : bytes;
      writeFileSync(join(directory, "version-2", name), kept);
    }
    if (lastZxid === undefined) throw new Error("the directory was not dumped");
    const head = { ...provenance, lastZxid };
    writeFileSync(
      join(directory, "contents.jsonl"),
      formatDirectoryContents({ head, sessions, znodes }),
    );
    return provenance;
  } finally {
    await server.stop();
  }
}

/** From a line of Golden.java's `dump`. */
function dumpedZnode([path = "", data = "", stat = "", ...acl]: readonly string[]): DirectoryZnode {
  const figures = stat.split(",");
  const figure = (at: number): number => Number(figures[at]);
  const owner = BigInt(`0x${figures[7]}`);
  return {
    path,
    data: data === "null" ? null : data.slice("0x".length),
    acl: acl.map((entry) => {
      const [perms, scheme = "", id = ""] = entry.split(" ");
      return { perms: Number(perms), id: { scheme, id } };
    }),
    stat: {
      czxid: figure(0),
      mzxid: figure(1),
      ctime: figure(2),
      mtime: figure(3),
      version: figure(4),
      cversion: figure(5),
      aversion: figure(6),
      ownerHigh: bigIntHighWord(owner),
      ownerLow: bigIntLowWord(owner),
      dataLength: figure(8),
      numChildren: figure(9),
      pzxid: figure(10),
    },
  };
}

/** Where the padding of a log begins: header, then records of crc, length, payload and an end byte. */
function endOfRecords(log: Buffer): number {
  let at = 16;
  while (at + 12 <= log.length && log.readInt32BE(at + 8) > 0)
    at += 12 + log.readInt32BE(at + 8) + 1;
  return at;
}

// ---- Both ----

interface Provenance {
  readonly release: string;
  readonly captured: string;
}

async function provenanceOf(server: ApacheServer): Promise<Provenance> {
  const release = /version: ([0-9.]+)/.exec(await server.word("srvr"))?.[1];
  if (release === undefined) throw new Error("the server does not tell its release");
  const captured = statSync(server.dataDir).mtime.toISOString().slice(0, "2026-11-22".length);
  return { release, captured };
}

/** What to do at each line that Golden.java prints, by its first word. */
type Lines = Readonly<Record<string, (...fields: string[]) => unknown>>;

/** Lines that Golden.java waits behind. */
const AWAITED: ReadonlySet<string> = new Set(["begin", "end", "restart", "dumped"]);

async function driveJava(mode: string, address: string, lines: Lines): Promise<void> {
  const classes = mkdtempSync(join(tmpdir(), "quorate-golden-"));
  try {
    const compiler = spawn(
      "/usr/bin/javac",
      ["-proc:none", "-cp", javaClassPath(), "-d", classes, join(HERE, "Golden.java")],
      { stdio: "inherit" },
    );
    await once(compiler, "exit");
    if (compiler.exitCode !== 0) throw new Error("Golden.java does not compile");
    const java = spawn("/usr/bin/java", [
      "-Dfile.encoding=UTF-8",
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
      "-cp",
      `${classes}:${javaClassPath()}`,
      "Golden",
      mode,
      address,
    ]);
    java.stderr.pipe(process.stderr);
    await followLines(java, lines);
  } finally {
    rmSync(classes, { recursive: true, force: true });
  }
}

async function followLines(java: ChildProcessWithoutNullStreams, lines: Lines): Promise<void> {
  const exited = once(java, "exit");
  for await (const line of createInterface({ input: java.stdout })) {
    const [word = "", ...fields] = line.split(line.includes("\t") ? "\t" : " ");
    const handle = lines[word];
    if (handle === undefined) throw new Error(`an unexpected line of Golden.java: ${line}`);
    await handle(...fields);
    if (AWAITED.has(word)) java.stdin.write("\n");
  }
  await exited;
  if (java.exitCode !== 0) throw new Error(`Golden.java ended with ${java.exitCode}`);
}

await main();
