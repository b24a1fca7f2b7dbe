// One worker of the demo: takes the lock, reads the counter, thinks, writes the counter back, in a
// transaction that the server refuses if the lock is no longer ours.

import { setTimeout as sleep } from "node:timers/promises";
import { connect, isZooKeeperError } from "quorate/client";
import { isRecipeError, mutex, type OwnedHandle } from "quorate/recipes";

const COUNTER = "/demo/counter";
const THINKING_MS = 400;

const [name = "worker", servers = "127.0.0.1:2181"] = process.argv.slice(2);
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stopping.abort());

const zk = await connect(servers, { sessionTimeoutMs: 10_000, connectTotalTimeoutMs: Infinity });
zk.on("state", ({ state }) => console.log(`is ${state}`));

try {
  await zk.create(COUNTER, Buffer.from("0"), { parents: "persistent" });
} catch (error) {
  if (!isZooKeeperError(error, "NodeExists")) throw error;
}
const lock = mutex(zk, "/demo/lock", { identity: name });
stopping.signal.addEventListener("abort", () => void zk.close());
for (;;) {
  try {
    await using handle = await lock.acquire({ timeoutMs: Number.POSITIVE_INFINITY });
    await countOnce(handle);
  } catch (error) {
    if (isZooKeeperError(error, "Closed")) break;
    // The lock was lost, or the outcome is not known: the next turn reads what is there.
    if (!isRecipeError(error) && !isZooKeeperError(error)) throw error;
    console.log(`starts over: ${error.message}`);
  }
}

async function countOnce(handle: OwnedHandle): Promise<void> {
  const { signal } = handle;
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
