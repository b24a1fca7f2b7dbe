// One server of an ensemble as a process: Apache's or ours, on one directory that outlives it, so
// that a member may change its kind between two starts.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { javaClassPath } from "./apache.ts";
import { fourLetterWord } from "./server-process.ts";
import { until } from "./until.ts";

export type MemberKind = "apache" | "quorate";

/** As `srvr` words it; undefined: it serves nobody, or does not run. */
export type MemberMode = "leader" | "follower" | "observer" | "read-only" | undefined;

export interface MemberOptions {
  readonly sid: number;
  readonly kind: MemberKind;
  readonly clientPort: number;
  /** Of the member: its data directory, zoo.cfg and log are below it. */
  readonly home: string;
  /** All of zoo.cfg but its data directory and client port. */
  readonly configLines: readonly string[];
  /** Java system properties of Apache's. */
  readonly properties: Readonly<Record<string, string>>;
  /** Of Apache's Java machine, in the place of those that make many small ones fit a machine. */
  readonly javaFlags?: readonly string[] | undefined;
  /** What runs our server's command, asked at each start: a tracer with its arguments. */
  readonly runBy?: ((sid: number) => readonly string[]) | undefined;
}

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const START_LIMIT_MS = 90_000;
const LOG_SHOWN_BYTES = 6000;

const SMALL_JAVA = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/** What must not outlive the tests, however they end. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const each of running) each.kill("SIGKILL");
});

export class EnsembleMember {
  readonly sid: number;
  readonly clientPort: number;
  readonly dataDir: string;
  /** What it wrote in all its lives. */
  readonly logFile: string;
  #kind: MemberKind;
  readonly #configFile: string;
  readonly #properties: Readonly<Record<string, string>>;
  readonly #javaFlags: readonly string[];
  readonly #runBy: ((sid: number) => readonly string[]) | undefined;
  /** Undefined while it does not run. */
  #process: ChildProcess | undefined;
  #isPaused = false;
  #logTaken = 0;

  constructor(options: MemberOptions) {
    this.sid = options.sid;
    this.clientPort = options.clientPort;
    this.#kind = options.kind;
    this.#properties = options.properties;
    this.#javaFlags = options.javaFlags ?? SMALL_JAVA;
    this.#runBy = options.runBy;
    this.dataDir = join(options.home, "data");
    this.logFile = join(options.home, "log");
    this.#configFile = join(options.home, "zoo.cfg");
    this.wipe();
    const lines = [
      `dataDir=${this.dataDir}`,
      `clientPort=${this.clientPort}`,
      "clientPortAddress=127.0.0.1",
      ...options.configLines,
    ];
    writeFileSync(this.#configFile, `${lines.join("\n")}\n`);
  }

  get address(): string {
    return `127.0.0.1:${this.clientPort}`;
  }

  get kind(): MemberKind {
    return this.#kind;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** @throws Error if it does not run. */
  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error(`server ${this.sid} does not run`);
    return pid;
  }

  /** An empty disk in the place of the old one, with the member's number on it. */
  wipe(): void {
    if (this.isRunning) throw new Error(`server ${this.sid} runs`);
    rmSync(this.dataDir, { recursive: true, force: true });
    mkdirSync(this.dataDir, { recursive: true });
    writeFileSync(join(this.dataDir, "myid"), `${this.sid}\n`);
  }

  /** The next start runs the other program on the same data. */
  become(kind: MemberKind): void {
    if (this.isRunning) throw new Error(`server ${this.sid} runs`);
    this.#kind = kind;
  }

  /** Starts the process; whether it serves is another question. */
  start(): void {
    if (this.isRunning) throw new Error(`server ${this.sid} runs already`);
    const [program = "", ...args] = this.#kind === "apache" ? this.#java() : this.#node();
    const log = openSync(this.logFile, "a");
    const child = spawn(program, args, { stdio: ["ignore", log, log] });
    closeSync(log);
    running.add(child);
    child.on("exit", () => {
      running.delete(child);
      if (this.#process === child) this.#process = undefined;
    });
    this.#process = child;
    this.#isPaused = false;
  }

  /** Resolves once it answers clients, in whichever role. */
  async serving(): Promise<void> {
    const what = `server ${this.sid} (${this.#kind}) serves`;
    const died = `server ${this.sid} (${this.#kind}) ended`;
    await until(
      what,
      async () => {
        if (!this.isRunning) throw new Error(`${died}:\n${this.logTail()}`);
        return (await this.mode()) !== undefined;
      },
      START_LIMIT_MS,
    ).catch((error: unknown) => {
      throw new Error(`${what}: ${String(error)}\n${this.logTail()}`);
    });
  }

  async mode(): Promise<MemberMode> {
    if (!this.isRunning || this.#isPaused) return undefined;
    const mode = /^Mode: (.*)$/m.exec(await this.word("srvr"))?.[1];
    return MODES.find((each) => each === mode);
  }

  word(word: string): Promise<string> {
    return fourLetterWord(this.clientPort, word);
  }

  /** SIGKILL; the data stay. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** SIGTERM, and its exit code. */
  async terminate(): Promise<number | null> {
    const child = this.#process;
    await this.#end("SIGTERM");
    return child?.exitCode ?? null;
  }

  /** SIGSTOP: sockets stay open and silent. */
  pause(): void {
    process.kill(this.pid, "SIGSTOP");
    this.#isPaused = true;
  }

  resume(): void {
    process.kill(this.pid, "SIGCONT");
    this.#isPaused = false;
  }

  log(): string {
    return readFileSync(this.logFile, "utf8");
  }

  /** What it wrote since the last call. */
  takeLog(): string {
    const log = this.log();
    const end = log.lastIndexOf("\n") + 1;
    const part = log.slice(this.#logTaken, end);
    this.#logTaken = end;
    return part;
  }

  /** The end of what it wrote, for the message of a test that fails. */
  logTail(): string {
    return `--- log of server ${this.sid}:\n${this.log().slice(-LOG_SHOWN_BYTES)}`;
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    const exited = once(child, "exit");
    child.kill(signal);
    if (this.#isPaused) child.kill("SIGCONT");
    await exited;
    this.#process = undefined;
    this.#isPaused = false;
  }

  #node(): readonly string[] {
    const runner = this.#runBy?.(this.sid) ?? [];
    return [...runner, process.execPath, CLI, "server", this.#configFile];
  }

  #java(): readonly string[] {
    const properties = Object.entries(this.#properties);
    return [
      "/usr/bin/java",
      ...this.#javaFlags,
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
      "-Dorg.slf4j.simpleLogger.showDateTime=true",
      // What leaders send and learners get is told at these levels (sync-log.ts).
      "-Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.server.quorum=info",
      "-Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.server.quorum.LearnerHandler=debug",
      ...properties.map(([key, value]) => `-D${key}=${value}`),
      "-cp",
      javaClassPath(),
      "org.apache.zookeeper.server.quorum.QuorumPeerMain",
      this.#configFile,
    ];
  }
}

const MODES = ["leader", "follower", "observer", "read-only"] as const;
