// Programs that know nothing of quorate, each run twice: against Apache ZooKeeper and against ours.
// What they print must be the same, line for line, once what no two runs share is masked. A test
// names every line that may differ, beside the row of docs/compatibility.md that says why.
//
// A program marks what it prints of such values: {zxid:12}, {session:0x1000}, {time:1700000000000}.
// A line that starts with "! " is no part of the transcript but asks for something, and the program
// then waits for the line "done" on its standard input:
//
//   ! restart       SIGKILL for the server, then a start on the same port and data
//   ! kill, ! start the two halves of it
//   ! cut, ! heal   the second address swallows all bytes, in both directions; or works again
//   ! drop          the links of the second address are reset

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { ApacheServer } from "./apache.ts";
import { Proxy } from "./proxy.ts";
import { QuorateServer } from "./quorate-server.ts";
import type { ServerProcess } from "./server-process.ts";

/** How a program is started, given the server's address, and one whose links can be cut. */
export type ProgramCommand = (
  address: string,
  fragileAddress: string,
) => readonly [program: string, ...args: string[]];

export interface RunOptions {
  /** What the program reads from its standard input, for one that asks for nothing. */
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly masks?: readonly Mask[];
}

/**
 * What differs from run to run: the first group of `pattern` (which is global). A zxid becomes its
 * rank among the transcript's zxids, a session its number in order of appearance, so that equality
 * and order are still compared; of a time, only that it is there.
 */
export interface Mask {
  readonly kind: "zxid" | "session" | "time";
  readonly pattern: RegExp;
}

/** The masked lines of a program on both servers. */
export interface Transcripts {
  readonly apache: readonly string[];
  readonly ours: readonly string[];
}

/** A stretch of lines that the two servers answer differently. */
export interface Difference {
  /** The first column of its row in docs/compatibility.md. */
  readonly row: string;
  readonly apache: readonly [string, ...string[]];
  readonly ours: readonly [string, ...string[]];
}

export interface PairOptions {
  readonly tickTimeMs?: number;
  /** Lines of zoo.cfg for both. */
  readonly settings?: Readonly<Record<string, string>>;
  /** What Apache reads from Java's system properties, and ours from zoo.cfg. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** A session that is not meant to expire shall not, on a machine that stalls for seconds. */
const SESSION_TIMEOUT_MAX_MS = "60000";

/** Both servers, empty at first, with the same settings. */
export class ServerPair implements AsyncDisposable {
  readonly apache: ServerProcess;
  readonly ours: ServerProcess;

  private constructor(apache: ServerProcess, ours: ServerProcess) {
    this.apache = apache;
    this.ours = ours;
  }

  static async start(options: PairOptions = {}): Promise<ServerPair> {
    const { properties, ...common } = options;
    const settings = { maxSessionTimeout: SESSION_TIMEOUT_MAX_MS, ...options.settings };
    const ours = await QuorateServer.start({
      ...common,
      settings: { ...settings, ...properties },
    });
    try {
      const apache = await ApacheServer.start({
        ...common,
        settings,
        properties: properties ?? {},
      });
      return new ServerPair(apache, ours);
    } catch (cause) {
      await ours.stop();
      throw cause;
    }
  }

  /** Runs the program against both at once. Fails where it does not end with code 0. */
  async run(command: ProgramCommand, options: RunOptions = {}): Promise<Transcripts> {
    const [apache, ours] = await Promise.all(
      [this.apache, this.ours].map((server) => transcriptOf(server, command, options)),
    );
    return { apache: apache ?? [], ours: ours ?? [] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.apache.stop(), this.ours.stop()]);
  }
}

/** Holds where the two transcripts differ in exactly these places, in this order. */
export function expectSame(
  { apache, ours }: Transcripts,
  differences: readonly Difference[] = [],
): void {
  const expected = [...apache];
  let from = 0;
  const unseen: Difference[] = [];
  for (const difference of differences) {
    const { row, apache: theirs, ours: own } = difference;
    expect(COMPATIBILITY_ROWS).toContain(row);
    const at = expected.findIndex(
      (_, index) =>
        index >= from && startsAt(expected, index, theirs) && startsAt(ours, index, own),
    );
    if (at === -1) {
      unseen.push(difference);
    } else {
      expected.splice(at, theirs.length, ...own);
      from = at + own.length;
    }
  }
  expect(ours).toEqual(expected);
  expect(unseen).toEqual([]);
}

function startsAt(lines: readonly string[], index: number, stretch: readonly string[]): boolean {
  return stretch.every((line, offset) => lines[index + offset] === line);
}

const COMPATIBILITY_ROWS: readonly string[] = readFileSync(
  fileURLToPath(new URL("../../docs/compatibility.md", import.meta.url)),
  "utf8",
)
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) => line.slice(2, line.indexOf(" | ")));

// ---- One run ----

/** A program that does not end by itself is stuck. */
const RUN_LIMIT_MS = 240_000;
const STDERR_KEPT = 8192;

async function transcriptOf(
  server: ServerProcess,
  command: ProgramCommand,
  options: RunOptions,
): Promise<string[]> {
  const proxy = await Proxy.start(server.port);
  try {
    const [program, ...args] = command(server.address, proxy.address);
    const child = spawn(program, args, { env: { ...process.env, ...options.environment } });
    const stuck = setTimeout(() => child.kill("SIGKILL"), RUN_LIMIT_MS);
    let stderr = "";
    child.stderr.on("data", (bytes: Buffer) => {
      stderr = (stderr + bytes.toString()).slice(-STDERR_KEPT);
    });
    // A program that ends with input unread is judged by its exit code.
    child.stdin.on("error", () => undefined);
    if (options.input !== undefined) child.stdin.end(options.input);
    const exit = new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    const lines: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      if (line.startsWith("! ")) {
        await demand(line.slice(2), server, proxy);
        child.stdin.write("done\n");
      } else {
        lines.push(line.replaceAll(server.address, "SERVER").replaceAll(proxy.address, "FRAGILE"));
      }
    }
    const code = await exit;
    clearTimeout(stuck);
    if (code !== 0) {
      const all = lines.join("\n");
      throw new Error(`${program} on ${server.address} ended with ${code}:\n${all}\n${stderr}`);
    }
    return masked(lines, [...MARKS, ...(options.masks ?? [])]);
  } finally {
    await proxy.close();
  }
}

async function demand(what: string, server: ServerProcess, proxy: Proxy): Promise<void> {
  switch (what) {
    case "restart":
      await server.kill();
      return server.restart();
    case "kill":
      return server.kill();
    case "start":
      return server.restart();
    case "cut":
      return proxy.cut();
    case "heal":
      return proxy.heal();
    case "drop":
      return proxy.reset();
    default:
      throw new Error(`nobody knows how to ${what}`);
  }
}

// ---- Masks ----

const MARKS: readonly Mask[] = [
  { kind: "zxid", pattern: /\{zxid:([^}]*)\}/g },
  { kind: "session", pattern: /\{session:([^}]*)\}/g },
  { kind: "time", pattern: /\{time:([^}]*)\}/g },
];

function masked(lines: readonly string[], masks: readonly Mask[]): string[] {
  const zxids = new Set<bigint>();
  for (const { pattern } of masks.filter(({ kind }) => kind === "zxid")) {
    for (const line of lines) {
      for (const [, value] of line.matchAll(pattern)) zxids.add(BigInt(value ?? 0));
    }
  }
  zxids.delete(0n);
  const ranks = new Map(
    [...zxids].toSorted((a, b) => (a < b ? -1 : 1)).map((zxid, rank) => [zxid, `zxid#${rank + 1}`]),
  );
  const sessions = new Map<bigint, string>();
  const nameOf = (kind: Mask["kind"], value: string): string => {
    // No zxid, no session and no time has the number 0.
    if (kind === "time") return value === "0" ? "0" : "time";
    const number = BigInt(value);
    if (number === 0n) return "0";
    if (kind === "zxid") return ranks.get(number) ?? "";
    if (!sessions.has(number)) sessions.set(number, `session#${sessions.size + 1}`);
    return sessions.get(number) ?? "";
  };
  return lines.map((line) =>
    masks.reduce(
      (text, { kind, pattern }) =>
        text.replaceAll(pattern, (all: string, value: string) =>
          all.replace(value, nameOf(kind, value)),
        ),
      line,
    ),
  );
}
