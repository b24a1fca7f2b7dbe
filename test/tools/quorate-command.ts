// The `quorate` command as a process of its own, from dist, with all that it says and how it ends.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { until } from "./until.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

/** The limit is $0; beyond it a write fails, as the signal that comes with it is ignored. */
const LIMITED = `trap "" XFSZ; ulimit -f "$0"; exec "$@"`;

/** How a process of the `quorate` command ended, and what it had to say. */
export interface Ending {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** For Node itself. */
  readonly nodeOptions?: readonly string[];
  /** No file of the process grows beyond this: a disk that is full. */
  readonly fileSizeLimitKb?: number;
}

/** A running `quorate` command. */
export class QuorateCommand {
  readonly #process: ChildProcess;
  readonly #ended: Promise<Ending>;
  #stdout = "";
  #stderr = "";

  constructor(args: readonly string[], options: CommandOptions = {}) {
    const { environment = {}, nodeOptions = [], fileSizeLimitKb } = options;
    const command = [process.execPath, ...nodeOptions, CLI, ...args];
    if (fileSizeLimitKb !== undefined)
      command.unshift("bash", "-c", LIMITED, String(fileSizeLimitKb));
    const [program = "", ...rest] = command;
    this.#process = spawn(program, rest, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
    });
    this.#process.stdout?.on("data", (bytes: Buffer) => {
      this.#stdout += bytes.toString();
    });
    this.#process.stderr?.on("data", (bytes: Buffer) => {
      this.#stderr += bytes.toString();
    });
    this.#ended = new Promise((resolve) => {
      this.#process.on("close", (code, signal) => {
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error("the process did not start");
    return this.#process.pid;
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** What it logged so far, line by line. */
  get log(): readonly LogEntry[] {
    const complete = this.#stdout.slice(0, this.#stdout.lastIndexOf("\n") + 1);
    return complete
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as LogEntry);
  }

  ended(): Promise<Ending> {
    return this.#ended;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Ending> {
    this.signal(signal);
    return this.#ended;
  }
}

export interface LogEntry {
  readonly level: string;
  readonly msg: string;
  readonly port?: number;
  readonly place?: string;
  /** Of the peer that the entry is about. */
  readonly address?: string;
  /** Of the znode that the entry is about. */
  readonly path?: string;
}

/** The port that a server serves on, once it does. */
export async function servingPort(server: QuorateCommand): Promise<number> {
  let port: number | undefined;
  await until("the server serves", () => {
    port = server.log.find((entry) => entry.msg === "serving clients")?.port;
    if (port === undefined && server.hasEnded) {
      throw new Error(`the server ended: ${server.stderr}${server.stdout}`);
    }
    return port !== undefined;
  });
  return port ?? 0;
}
