// One worker of the demo: takes the lock, reads the counter, thinks, writes the counter back, in a
// transaction that the server refuses if the lock is no longer ours.

import { setTimeout as sleep } from "node:timers/promises";
import { type Client, connect, isZooKeeperError } from "quorate/client";
import { isRecipeError, mutex, type OwnedHandle } from "quorate/recipes";

const COUNTER = "/demo/counter";
const THINKING_MS = 400;
const GOODBYE_MS = 1000;

const [name = "worker", servers = "127.0.0.1:2181"] = process.argv.slice(2);
const stopping = new AbortController();
const { signal: stop } = stopping;
const isStopping = (): boolean => stop.aborted;
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stopping.abort());

try {
  const zk = await connect(servers, {
    sessionTimeoutMs: 10_000,
    connectTotalTimeoutMs: Number.POSITIVE_INFINITY,
    signal: stop,
  });
  zk.on("state", ({ state }) => console.log(`is ${state}`));
  await takeTurns(zk);
  await zk.close({ timeoutMs: GOODBYE_MS });
} catch (error) {
  if (!isStopping()) throw error;
}

/** Until the demo stops. */
async function takeTurns(zk: Client): Promise<void> {
  const lock = mutex(zk, "/demo/lock", { identity: name });
  while (!isStopping()) {
    try {
      await using handle = await lock.acquire({
        timeoutMs: Number.POSITIVE_INFINITY,
        signal: stop,
      });
      await countOnce(zk, handle);
    } catch (error) {
      if (isStopping()) return;
      // The lock was lost, or the outcome is not known: the next turn reads what is there.
      if (!isRecipeError(error) && !isZooKeeperError(error)) throw error;
      console.log(`starts over: ${error.message}`);
    }
  }
}

async function countOnce(zk: Client, handle: OwnedHandle): Promise<void> {
  const { signal } = handle;
  if ((await zk.exists(COUNTER, { signal })) === undefined) {
    await zk.create(COUNTER, Buffer.from("0"), { parents: "persistent", signal });
  }
  const { data, stat } = await zk.getData(COUNTER, { signal });
  const count = Number(data?.toString() ?? 0) + 1;
  console.log(`holds the lock with token ${handle.fencingToken}, counts to ${count}`);
  await sleep(THINKING_MS, undefined, { signal });
  await zk
    .transaction()
    .guardedBy(handle.guard())
    .setData(COUNTER, Buffer.from(String(count)), stat.version)
    .commit({ signal });
  console.log(`wrote ${count}, releases`);
}
