// One worker of the demo. At once it
//   - takes turns: takes the lock, reads the counter, thinks, and writes the counter back, in a
//     transaction that the servers refuse if the lock is no longer ours;
//   - registers: an ephemeral znode stands for it as long as its session lives;
//   - stands for leader: another lock, kept as long as it can be. The leader watches the registry,
//     and writes into the configuration how long everybody may think;
//   - follows the configuration, by a watch.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, connect, isZooKeeperError, type Watcher } from "quorate/client";
import { isRecipeError, mutex, type OwnedHandle } from "quorate/recipes";

const COUNTER = "/demo/counter";
const REGISTRY = "/demo/workers";
const CONFIG = "/demo/config";
/** All workers together count once in this time. */
const PACE_MS = 1200;
const RETRY_MS = 500;
const GOODBYE_MS = 1000;

const [name = "worker", servers = "127.0.0.1:2181"] = process.argv.slice(2);
const stopping = new AbortController();
const { signal: stop } = stopping;
const isStopping = (): boolean => stop.aborted;
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stopping.abort());

/** From the configuration. */
let thinkingMs = PACE_MS;

try {
  const zk = await connect(servers, {
    sessionTimeoutMs: 10_000,
    connectTotalTimeoutMs: Number.POSITIVE_INFINITY,
    signal: stop,
  });
  zk.on("state", ({ state }) => console.log(`is ${state}`));
  const duties = [takeTurns, register, lead, followConfig];
  const done = Promise.all(duties.map((duty) => again(() => duty(zk))));
  // Where no server answers any more, locks cannot be given back: the session's end does that.
  await Promise.race([done, goodbye()]);
  await zk.close({ timeoutMs: GOODBYE_MS });
} catch (error) {
  if (!isStopping()) throw error;
}

async function goodbye(): Promise<void> {
  if (!isStopping()) await once(stop, "abort");
  await sleep(GOODBYE_MS);
}

/** Does it until the demo stops: what a lost connection or session ended is begun again. */
async function again(duty: () => Promise<void>): Promise<void> {
  while (!isStopping()) {
    try {
      await duty();
    } catch (error) {
      if (isStopping()) return;
      // The lock was lost, or the outcome is not known: the next turn reads what is there.
      if (!isRecipeError(error) && !isZooKeeperError(error)) throw error;
      console.log(`starts over: ${error.message}`);
      await sleep(RETRY_MS);
    }
  }
}

async function takeTurns(zk: Client): Promise<void> {
  const lock = mutex(zk, "/demo/lock", { identity: name });
  await using handle = await lock.acquire({ timeoutMs: Number.POSITIVE_INFINITY, signal: stop });
  await countOnce(zk, handle);
}

async function countOnce(zk: Client, handle: OwnedHandle): Promise<void> {
  const { signal } = handle;
  await createOnce(zk, COUNTER, "0");
  const { data, stat } = await zk.getData(COUNTER, { signal });
  const count = Number(data?.toString() ?? 0) + 1;
  console.log(`holds the lock with token ${handle.fencingToken}, counts to ${count}`);
  await sleep(thinkingMs, undefined, { signal });
  await zk
    .transaction()
    .guardedBy(handle.guard())
    .setData(COUNTER, Buffer.from(String(count)), stat.version)
    .commit({ signal });
  console.log(`wrote ${count}, releases`);
}

/** Its session may end while it lives: then it registers anew. */
async function register(zk: Client): Promise<void> {
  const path = `${REGISTRY}/${name}`;
  for await (const stat of seen(stop, (watch) => zk.exists(path, { watch }))) {
    if (stat !== undefined) continue;
    await createOnce(zk, path, String(process.pid), "ephemeral");
    console.log("is registered");
  }
}

async function lead(zk: Client): Promise<void> {
  const office = mutex(zk, "/demo/leader", { identity: name });
  await using handle = await office.acquire({ timeoutMs: Number.POSITIVE_INFINITY, signal: stop });
  console.log(`leads the workers, with token ${handle.fencingToken}`);
  await createOnce(zk, CONFIG, "{}");
  const until = AbortSignal.any([stop, handle.signal]);
  for await (const { children } of seen(until, (watch) => zk.getChildren(REGISTRY, { watch }))) {
    const config = { thinkingMs: Math.round(PACE_MS / Math.max(1, children.length)) };
    console.log(`sees ${children.toSorted().join(", ")} registered, and changes the configuration`);
    await zk
      .transaction()
      .guardedBy(handle.guard())
      .setData(CONFIG, Buffer.from(JSON.stringify(config)))
      .commit();
  }
}

async function followConfig(zk: Client): Promise<void> {
  await createOnce(zk, CONFIG, "{}");
  for await (const { data } of seen(stop, (watch) => zk.getData(CONFIG, { watch }))) {
    const config: unknown = JSON.parse(String(data));
    if (typeof config !== "object" || config === null || !("thinkingMs" in config)) continue;
    thinkingMs = Number(config.thinkingMs);
    console.log(`reads in the configuration to think for ${thinkingMs} ms`);
  }
}

/** What a read tells, now and again whenever its watch fires or is lost, until the signal. */
async function* seen<T>(
  signal: AbortSignal,
  read: (watch: Watcher) => Promise<T>,
): AsyncGenerator<T> {
  while (!signal.aborted) {
    let wake = (): void => undefined;
    const change = new Promise<void>((resolve) => {
      wake = resolve;
    });
    signal.addEventListener("abort", wake);
    try {
      yield await read(() => wake());
      await change;
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }
}

async function createOnce(
  zk: Client,
  path: string,
  data: string,
  mode: "persistent" | "ephemeral" = "persistent",
): Promise<void> {
  try {
    await zk.create(path, Buffer.from(data), { mode, parents: "persistent" });
  } catch (error) {
    if (!isZooKeeperError(error, "NodeExists")) throw error;
  }
}
