// One round of the durability proof: load, kill, restart, and what must be found then.

import { type Client, connect, isZooKeeperError } from "quorate/client";
import { expect } from "vitest";
import type { QuorateServer } from "../tools/quorate-server.ts";
import { pause, until } from "../tools/until.ts";

const WRITERS = 4;
const IN_FLIGHT = 24;
const KILL_JITTER_MS = 12;

export interface RoundResult {
  readonly acknowledged: number;
  readonly inFlightAtKill: number;
  /** Writes without an answer that took effect all the same. */
  readonly unknownApplied: number;
  /** Looks again at what the round left: nothing of it may ever change. */
  readonly recheck: (client: Client) => Promise<void>;
}

type Fate = "sent" | "acknowledged" | "unknown";

interface Write {
  readonly kind: "create" | "delete" | "set" | "sequential";
  /** Of a sequential create: what was answered. */
  path: string;
  /** Unique: what a create or a set leaves in the znode. */
  readonly tag: string;
  fate: Fate;
}

/** A client with its own znodes, and everything it asked for, in order. */
class Writer {
  readonly root: string;
  readonly writes: Write[] = [];
  readonly #client: Client;
  readonly #shared: string;
  readonly #random: () => number;
  readonly #settled: () => void;
  #stopped = false;
  #inFlight = 0;
  #counter = 0;

  constructor(client: Client, root: string, shared: string, settled: () => void) {
    this.#client = client;
    this.root = root;
    this.#shared = shared;
    this.#random = Math.random;
    this.#settled = settled;
  }

  get inFlight(): number {
    return this.writes.filter((write) => write.fate === "sent").length;
  }

  start(): void {
    this.#fill();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#client.close({ timeoutMs: 0 });
    for (const write of this.writes) if (write.fate === "sent") write.fate = "unknown";
  }

  #fill(): void {
    while (!this.#stopped && this.#inFlight < IN_FLIGHT) {
      this.#inFlight++;
      void this.#issue();
    }
  }

  async #issue(): Promise<void> {
    const write = this.#next();
    this.writes.push(write);
    try {
      const path = await this.#send(write);
      if (write.fate === "sent") write.fate = "acknowledged";
      write.path = path;
    } catch (error) {
      if (!isZooKeeperError(error, "ConnectionLoss") && !isZooKeeperError(error, "Closed")) {
        throw error;
      }
      write.fate = "unknown";
    }
    this.#inFlight--;
    this.#settled();
    this.#fill();
  }

  #next(): Write {
    const number = this.#counter++;
    const tag = `${this.root}#${number}`;
    const chance = this.#random();
    if (chance < 0.35) {
      return { kind: "create", path: `${this.root}/n${number}`, tag, fate: "sent" };
    }
    if (chance < 0.6) return { kind: "set", path: `${this.root}/register`, tag, fate: "sent" };
    if (chance < 0.75) {
      const victim = this.writes.find((write) => write.kind === "create" && !this.#deletes(write));
      if (victim !== undefined) return { kind: "delete", path: victim.path, tag, fate: "sent" };
    }
    return { kind: "sequential", path: `${this.#shared}/s-`, tag, fate: "sent" };
  }

  #deletes(create: Write): boolean {
    return this.writes.some((write) => write.kind === "delete" && write.path === create.path);
  }

  async #send({ kind, path, tag }: Write): Promise<string> {
    const data = Buffer.from(tag);
    switch (kind) {
      case "create":
        return (await this.#client.create(path, data)).path;
      case "sequential":
        return (await this.#client.create(path, data, { mode: "persistent-sequential" })).path;
      case "set":
        await this.#client.setData(path, data);
        return path;
      case "delete":
        await this.#client.delete(path);
        return path;
    }
  }
}

export async function runRound(
  server: QuorateServer,
  round: number,
  acknowledgedMin: number,
  earlier: readonly RoundResult[],
): Promise<RoundResult> {
  const root = `/round-${round}`;
  const shared = `${root}/shared`;
  const first = await connect(server.address);
  await first.create(shared, null, { parents: "persistent" });
  const writers: Writer[] = [];
  const target = acknowledgedMin + Math.floor(Math.random() * 2 * acknowledgedMin);
  let settled = 0;
  for (let i = 0; i < WRITERS; i++) {
    const own = `${root}/w${i}`;
    await first.create(`${own}/register`, Buffer.from("none"), { parents: "persistent" });
    const client = await connect(server.address, { reapOldSession: false });
    writers.push(
      new Writer(client, own, shared, () => {
        settled++;
      }),
    );
  }
  await first.close();
  for (const writer of writers) writer.start();
  await until("enough writes are settled", () => settled >= target);
  await pause(Math.random() * KILL_JITTER_MS);
  const inFlightAtKill = writers.reduce((sum, writer) => sum + writer.inFlight, 0);
  await server.kill();
  for (const writer of writers) await writer.stop();
  await server.restart();

  const client = await connect(server.address);
  let unknownApplied = 0;
  const recheck = async (again: Client): Promise<void> => {
    unknownApplied = await checkRound(again, writers, shared);
  };
  await recheck(client);
  const old = earlier[Math.floor(Math.random() * earlier.length)];
  await old?.recheck(client);
  await client.close();
  const writes = writers.flatMap((writer) => writer.writes);
  const acknowledged = writes.filter((write) => write.fate === "acknowledged").length;
  return { acknowledged, inFlightAtKill, unknownApplied, recheck };
}

/** Returns how many writes of unknown fate are found to have taken effect. */
async function checkRound(
  client: Client,
  writers: readonly Writer[],
  shared: string,
): Promise<number> {
  let unknownApplied = 0;
  for (const writer of writers) {
    unknownApplied += await checkCreates(client, writer);
    unknownApplied += await checkRegister(client, writer);
  }
  const sequential = writers
    .flatMap((writer) => writer.writes)
    .filter((write) => write.kind === "sequential");
  return unknownApplied + (await checkSequential(client, shared, sequential));
}

async function checkCreates(client: Client, writer: Writer): Promise<number> {
  const { children } = await client.getChildren(writer.root);
  const found = new Set(children.map((name) => `${writer.root}/${name}`));
  found.delete(`${writer.root}/register`);
  const contents = await readAll(client, [...found]);
  let unknownApplied = 0;
  for (const { path, tag, fate } of writer.writes.filter((write) => write.kind === "create")) {
    const removal = writer.writes.find((write) => write.kind === "delete" && write.path === path);
    const exists = found.delete(path);
    if (exists) {
      expect(removal?.fate, `${path} was deleted, and that was acknowledged`).not.toBe(
        "acknowledged",
      );
      expect(contents.get(path)).toBe(tag);
      if (fate === "unknown") unknownApplied++;
    } else if (removal === undefined) {
      expect(fate, `${path} was acknowledged and is not there`).toBe("unknown");
    }
  }
  expect([...found], "znodes nobody created").toEqual([]);
  return unknownApplied;
}

/** One client's sets take effect in order: what is there is the last acknowledged one or later. */
async function checkRegister(client: Client, writer: Writer): Promise<number> {
  const sets = writer.writes.filter((write) => write.kind === "set");
  const { data, stat } = await client.getData(`${writer.root}/register`);
  const at = sets.findIndex((write) => write.tag === data?.toString());
  const lastAcknowledged = sets.findLastIndex((write) => write.fate === "acknowledged");
  expect(at, "an acknowledged set is lost").toBeGreaterThanOrEqual(lastAcknowledged);
  expect(stat.version, "a set took effect twice, or not at all").toBe(at + 1);
  return at - lastAcknowledged;
}

async function checkSequential(
  client: Client,
  shared: string,
  writes: readonly Write[],
): Promise<number> {
  const { children } = await client.getChildren(shared);
  const contents = await readAll(
    client,
    children.map((name) => `${shared}/${name}`),
  );
  const tags = new Map<string, string>();
  for (const [path, tag] of contents) {
    expect(tags.has(tag), `${tag} was created twice`).toBe(false);
    tags.set(tag, path);
  }
  const answered = writes.filter((write) => write.fate === "acknowledged");
  expect(new Set(answered.map((write) => write.path)).size, "one number, two creates").toBe(
    answered.length,
  );
  for (const { tag, path } of answered) expect(tags.get(tag)).toBe(path);
  return tags.size - answered.length;
}

async function readAll(client: Client, paths: readonly string[]): Promise<Map<string, string>> {
  const texts = paths.map(async (path): Promise<[string, string]> => {
    const { data } = await client.getData(path);
    return [path, data?.toString() ?? ""];
  });
  return new Map(await Promise.all(texts));
}
