// A server as a process of its own, with a zoo.cfg, a port and a data directory: Apache's or ours.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ServerProcessOptions {
  /** Default 500: sessions of a second and up. */
  readonly tickTimeMs?: number;
  /** A data directory to open; without it a new one, which `stop` removes. */
  readonly dataDir?: string;
  /** More lines of zoo.cfg. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** The command that runs a server with a configuration file. */
export type ServerCommand = (configFile: string) => readonly [program: string, ...args: string[]];

export class ServerProcess {
  readonly port: number;
  readonly dataDir: string;
  readonly #home: string;
  readonly #command: ServerCommand;
  /** Undefined while it does not run. */
  #process: ChildProcess | undefined;
  #stderr = "";

  protected constructor(port: number, command: ServerCommand, options: ServerProcessOptions) {
    this.port = port;
    this.#command = command;
    this.#home = mkdtempSync(join(tmpdir(), "quorate-test-"));
    this.dataDir = options.dataDir ?? join(this.#home, "data");
    const settings = {
      dataDir: this.dataDir,
      clientPort: String(port),
      clientPortAddress: "127.0.0.1",
      tickTime: String(options.tickTimeMs ?? 500),
      maxClientCnxns: "0",
      "admin.enableServer": "false",
      "4lw.commands.whitelist": "*",
      ...options.settings,
    };
    mkdirSync(this.dataDir, { recursive: true });
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(join(this.#home, "zoo.cfg"), lines.join(""));
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** @throws Error if it does not run. */
  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error("the server does not run");
    return pid;
  }

  /** Starts it on the same port and data, and waits until it answers. */
  async restart(): Promise<void> {
    this.#stderr = "";
    const [program, ...args] = this.#command(join(this.#home, "zoo.cfg"));
    const process = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    process.stderr.on("data", (bytes: Buffer) => {
      this.#stderr = (this.#stderr + bytes.toString()).slice(-STDERR_KEPT);
    });
    this.#process = process;
    const deadline = performance.now() + START_LIMIT_MS;
    while (!(await fourLetterWord(this.port, "srvr")).includes("Mode:")) {
      if (process.exitCode !== null || performance.now() > deadline) {
        process.kill("SIGKILL");
        throw new Error(`${program} did not start: ${this.#stderr}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  word(word: string): Promise<string> {
    return fourLetterWord(this.port, word);
  }

  /** SIGKILL; the data stay. */
  async kill(): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    if (process.exitCode !== null) return;
    const exited = once(process, "exit");
    process.kill("SIGKILL");
    await exited;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#home, { recursive: true, force: true });
  }
}

const STDERR_KEPT = 8192;
const START_LIMIT_MS = 90_000;
const ANSWER_LIMIT_MS = 2000;

/** A server that is just starting may take a connection and forget it. */
const WORD_LIMIT_MS = 5000;

/** What a server answers to a four-letter word; "" while nobody answers. */
export async function fourLetterWord(port: number, word: string | Buffer): Promise<string> {
  const socket = connectSocket({ port, host: "127.0.0.1" });
  socket.setTimeout(WORD_LIMIT_MS, () => socket.destroy());
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  // A server that is just starting may accept and never answer.
  socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy());
  const closed = new Promise<void>((resolve) => {
    socket.on("close", () => resolve());
    socket.on("error", () => resolve());
  });
  socket.write(word);
  await closed;
  return Buffer.concat(chunks).toString();
}

/** A TCP port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
