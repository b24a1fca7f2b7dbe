// The two servers of a comparison, as processes of their own on one machine: ours as it ships, and
// Apache ZooKeeper as Debian ships it. Each can be started on old data, killed, and asked what it
// has used of processor and memory.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fourLetterWord, freePort, javaClassPath } from "../tools/apache.ts";

export type PeerKind = "quorate" | "apache";

export interface PeerOptions {
  /** Apache only: -Xmx in MB. Default 1024, as in the design's table. */
  readonly heapMb?: number;
}

const START_LIMIT_MS = 120_000;
/** /proc counts in hundredths of a second. */
const TICK_US = 10_000;

export class PeerProcess {
  readonly kind: PeerKind;
  readonly port: number;
  readonly home: string;
  readonly #options: PeerOptions;
  #process: ChildProcess | undefined;

  private constructor(kind: PeerKind, port: number, options: PeerOptions) {
    this.kind = kind;
    this.port = port;
    this.#options = options;
    this.home = mkdtempSync(join(tmpdir(), `quorate-bench-${kind}-`));
    mkdirSync(join(this.home, "data"));
    const settings = {
      dataDir: join(this.home, "data"),
      clientPort: String(port),
      clientPortAddress: "127.0.0.1",
      tickTime: "2000",
      initLimit: "10",
      syncLimit: "5",
      maxClientCnxns: "0",
      "admin.enableServer": "false",
      "4lw.commands.whitelist": "*",
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(join(this.home, "zoo.cfg"), lines.join(""));
  }

  static async start(kind: PeerKind, options: PeerOptions = {}): Promise<PeerProcess> {
    const peer = new PeerProcess(kind, await freePort(), options);
    peer.launch();
    await peer.untilServing();
    return peer;
  }

  get hosts(): string {
    return `127.0.0.1:${this.port}`;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error(`${this.kind} does not run`);
    return pid;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null;
  }

  /** Starts the process and returns at once. */
  launch(): void {
    const [command, ...args] = this.kind === "apache" ? this.#apache() : this.#quorate();
    if (command === undefined) throw new Error("no command");
    this.#process = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  }

  async untilServing(): Promise<void> {
    const deadline = performance.now() + START_LIMIT_MS;
    while (!(await fourLetterWord(this.port, "srvr")).includes("Mode:")) {
      if (!this.isRunning || performance.now() > deadline) {
        throw new Error(`${this.kind} did not start`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async end(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    const exited = once(process, "exit");
    process.kill(signal);
    await exited;
  }

  async remove(): Promise<void> {
    await this.end();
    rmSync(this.home, { recursive: true, force: true });
  }

  /** Microseconds of processor time since it was started. */
  cpuUs(): number {
    return processCpuUs(this.pid);
  }

  /** Resident memory in MB, now and at its highest. */
  memoryMb(): { now: number; peak: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) / 1024;
    return { now: field("VmRSS"), peak: field("VmHWM") };
  }

  #apache(): string[] {
    const heapMb = this.#options.heapMb ?? 1024;
    return [
      "/usr/bin/java",
      `-Xms${Math.min(256, heapMb)}m`,
      `-Xmx${heapMb}m`,
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
      "-Dorg.slf4j.simpleLogger.logFile=/dev/null",
      "-XX:+ExitOnOutOfMemoryError",
      "-cp",
      javaClassPath(),
      "org.apache.zookeeper.server.quorum.QuorumPeerMain",
      join(this.home, "zoo.cfg"),
    ];
  }

  #quorate(): string[] {
    return [process.execPath, "dist/cli.js", "server", join(this.home, "zoo.cfg")];
  }
}

/** Microseconds of processor time that a process has used since it was started. */
export function processCpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // Behind the name in parentheses, which may hold blanks: utime and stime are the 12th and 13th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}
