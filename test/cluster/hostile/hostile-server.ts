// The server under attack: a process of its own, with all that it logs and what memory it takes.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogEntry, QuorateCommand, servingPort } from "../../tools/quorate-command.ts";
import { fourLetterWord } from "../../tools/server-process.ts";
import { SUPER_DIGEST } from "../../tools/tree-dump.ts";

const KB_PER_MB = 1024;
/** What a server says of a peer that it got rid of. */
const CLOSED = /^connection closed: /;

export class HostileServer {
  readonly dataDir: string;
  readonly #home: string;
  readonly #configFile: string;
  #process: QuorateCommand | undefined;
  #port = 0;

  private constructor(settings: Readonly<Record<string, string>>, parent: string) {
    this.#home = mkdtempSync(join(parent, "quorate-hostile-"));
    this.dataDir = join(this.#home, "data");
    this.#configFile = join(this.#home, "zoo.cfg");
    const all = {
      dataDir: this.dataDir,
      clientPort: "0",
      clientPortAddress: "127.0.0.1",
      tickTime: "200",
      maxSessionTimeout: "8000",
      maxClientCnxns: "0",
      "4lw.commands.whitelist": "*",
      // What the tree is must not depend on when it is looked at.
      "znode.container.checkIntervalMs": "86400000",
      "DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
      ...settings,
    };
    const lines = Object.entries(all).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(this.#configFile, lines.join(""));
  }

  /** @param parent Where its directory is made. */
  static async start(
    settings: Readonly<Record<string, string>> = {},
    parent: string = tmpdir(),
  ): Promise<HostileServer> {
    const server = new HostileServer(settings, parent);
    await server.launch();
    return server;
  }

  /** Starts it, on the data that are there. */
  async launch(): Promise<void> {
    this.#process = new QuorateCommand(["server", this.#configFile]);
    this.#port = await servingPort(this.#process);
  }

  get port(): number {
    return this.#port;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get pid(): number {
    return this.#running.pid;
  }

  get isRunning(): boolean {
    return !this.#running.hasEnded;
  }

  get #running(): QuorateCommand {
    if (this.#process === undefined) throw new Error("the server was not started");
    return this.#process;
  }

  get log(): readonly LogEntry[] {
    return this.#running.log;
  }

  /** What nobody may bring a server to say, and how it ended if it did. */
  complaints(): string[] {
    const { log, stderr } = this.#running;
    const lines = log
      .filter(({ level }) => level === "error" || level === "fatal")
      .map((entry) => JSON.stringify(entry));
    if (stderr !== "") lines.push(stderr);
    if (!this.isRunning) lines.push("the server has ended");
    return lines;
  }

  /**
   * Why it closed or refused connections, all or those from one address, each reason once. A line
   * a minute is all that an address gets for a reason: how often is in mntr.
   */
  reasons(from?: string): string[] {
    const closed = this.log.filter(({ msg }) => CLOSED.test(msg));
    const theirs = closed.filter(({ address }) => from === undefined || address === from);
    return [...new Set(theirs.map(({ msg }) => msg.replace(CLOSED, "")))];
  }

  /** A figure of mntr. */
  async figure(name: string): Promise<number> {
    const text = await fourLetterWord(this.#port, "mntr");
    const value = new RegExp(`^${name}\\t(-?[\\d.]+)$`, "m").exec(text)?.[1];
    if (value === undefined) throw new Error(`mntr says nothing of ${name}: ${text}`);
    return Number(value);
  }

  /** Resident memory now, and the most since `forgetPeak`. */
  memoryMb(): { now: number; peak: number } {
    const text = readFileSync(`/proc/${this.pid}/status`, "utf8");
    const field = (name: string): number =>
      Math.round(Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(text)?.[1]) / KB_PER_MB);
    return { now: field("VmRSS"), peak: field("VmHWM") };
  }

  forgetPeak(): void {
    writeFileSync(`/proc/${this.pid}/clear_refs`, "5");
  }

  /** Processor time so far, of all its threads. */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_JIFFY;
  }

  /** SIGKILL; the data stay. */
  async kill(): Promise<void> {
    await this.#running.end("SIGKILL");
  }

  async stop(): Promise<void> {
    if (this.#process !== undefined && this.isRunning) await this.kill();
    rmSync(this.#home, { recursive: true, force: true });
  }
}

const MS_PER_JIFFY = 10;
