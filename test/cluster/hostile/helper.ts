// A process of our own beside the server: told things, it says things.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const LOADER = fileURLToPath(new URL("../../tools/typescript.mjs", import.meta.url));

export class Helper {
  readonly #process: ChildProcess;

  /** @param file Beside this one. */
  constructor(file: string, args: readonly string[] = []) {
    this.#process = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
      execArgv: ["--import", LOADER],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error("a helper process did not start");
    return this.#process.pid;
  }

  /** The next thing that it says. */
  async hear<T>(): Promise<T> {
    const ended = new AbortController();
    const end = once(this.#process, "exit", { signal: ended.signal }).then(
      () => Promise.reject(new Error("a helper process has ended")),
      () => new Promise<never>(() => undefined),
    );
    try {
      const [said] = (await Promise.race([once(this.#process, "message"), end])) as [T];
      return said;
    } finally {
      ended.abort();
    }
  }

  ask<T>(what: object | string | number): Promise<T> {
    const answer = this.hear<T>();
    this.#process.send(what);
    return answer;
  }

  stop(): void {
    this.#process.kill("SIGKILL");
  }
}
