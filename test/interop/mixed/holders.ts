// Drives holders.py: kazoo clients that hold sessions, ephemerals and a lock while servers change.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("holders.py", import.meta.url));

export class Holders {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  private constructor(connectString: string) {
    const child = spawn("/usr/bin/python3", ["-B", SCRIPT, connectString], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#process = child;
    this.#reader = createInterface(child.stdout);
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** Resolves once the lock is held and the others stand in line. */
  static async start(connectString: string): Promise<Holders> {
    const holders = new Holders(connectString);
    await holders.#next();
    return holders;
  }

  /** All that they hold, which is not to change. */
  look(): Promise<unknown> {
    return this.#ask("look");
  }

  /** Who has the lock after its holder gave it away, and who stands in line. */
  pass(): Promise<unknown> {
    return this.#ask("pass");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reader.close();
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }

  #ask(what: string): Promise<unknown> {
    this.#process.stdin?.write(`${what}\n`);
    return this.#next();
  }

  async #next(): Promise<unknown> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error("the kazoo clients have ended");
    const told: unknown = JSON.parse(line.value);
    return told;
  }
}
