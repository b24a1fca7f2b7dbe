// The test's end of lock-holder.mjs: starts it, and reads what it tells.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until } from "../tools/until.ts";

const SCRIPT = fileURLToPath(new URL("lock-holder.mjs", import.meta.url));

/** One line of the process; its fields depend on the event. */
export interface HolderEvent {
  readonly event: string;
  readonly atNs: string;
  readonly [field: string]: unknown;
}

export class LockHolder implements AsyncDisposable {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #events: HolderEvent[] = [];
  #stderr = "";

  constructor(servers: string, path: string, target: string, sessionTimeoutMs: number) {
    const args = [SCRIPT, servers, path, target, String(sessionTimeoutMs)];
    this.#process = spawn(process.execPath, args);
    this.#process.stderr.on("data", (bytes: Buffer) => {
      this.#stderr += bytes.toString();
    });
    createInterface(this.#process.stdout).on("line", (line) => {
      this.#events.push(JSON.parse(line) as HolderEvent);
    });
  }

  /** What it told last under this name, once it has. */
  async told(event: string): Promise<HolderEvent> {
    const find = (): HolderEvent | undefined => this.#events.findLast((e) => e.event === event);
    await until(`the holder tells "${event}"`, () => {
      if (this.#process.exitCode !== null) throw new Error(`the holder ended: ${this.#stderr}`);
      return find() !== undefined;
    });
    return find()!;
  }

  do(command: "work" | "writeGuarded"): void {
    this.#process.stdin.write(`${command}\n`);
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }
}
