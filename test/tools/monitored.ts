// A server that says how long its event loop was kept from turning, in a process of its own.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

type MonitoredProcess = ChildProcessByStdio<Writable, Readable, null>;

export interface LoopDelay {
  readonly delayMs: number;
  readonly busyMs: number;
}

export class Monitored implements AsyncDisposable {
  readonly port: number;
  readonly #home: string;
  readonly #process: MonitoredProcess;
  readonly #nextLine: () => Promise<string>;

  private constructor(
    home: string,
    process: MonitoredProcess,
    port: number,
    nextLine: () => Promise<string>,
  ) {
    this.#home = home;
    this.#process = process;
    this.port = port;
    this.#nextLine = nextLine;
  }

  static async start(tickMs?: number): Promise<Monitored> {
    const home = mkdtempSync(join(tmpdir(), "quorate-monitored-"));
    const args = [
      "--import",
      "./test/tools/typescript.mjs",
      "test/tools/monitored-server.ts",
      home,
    ];
    if (tickMs !== undefined) args.push(String(tickMs));
    const server = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const nextLine = async (): Promise<string> => {
      const line: IteratorResult<string, undefined> = await lines.next();
      if (line.done === true) throw new Error("the server ended");
      return line.value;
    };
    return new Monitored(home, server, Number(await nextLine()), nextLine);
  }

  /** Sends one of its commands and reads the answer, which the caller knows the shape of. */
  async ask<T extends object = LoopDelay>(command: "watch" | "told" | "snapshot"): Promise<T> {
    this.#process.stdin.write(`${command}\n`);
    return JSON.parse(await this.#nextLine()) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGKILL");
    await exited;
    rmSync(this.#home, { recursive: true, force: true });
  }
}
