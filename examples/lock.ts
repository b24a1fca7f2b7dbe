// Takes a fair lock, works under it, and gives it back. Start it in several terminals:
//
//   node dist/examples/lock.js 127.0.0.1:2181
//
// The token grows from owner to owner. Whatever the work writes to should keep the highest one it
// saw and refuse lower ones: then even a process that was stopped in the middle does no harm.

import { connect } from "quorate/client";
import { mutex } from "quorate/recipes";

const servers = process.argv[2] ?? "127.0.0.1:2181";
const zk = await connect(servers);
zk.on("state", ({ state }) => console.log(`connection: ${state}`));

const invoices = mutex(zk, "/examples/invoices");
const waiting = await invoices.contenders();
console.log(`${waiting.length} in the queue before us`);

await invoices.withLock(async ({ signal, handle }) => {
  console.log(`ours, with token ${handle.fencingTokenText}`);
  for (let step = 1; step <= 5; step++) {
    // Stops as soon as the lock can no longer be assumed.
    signal.throwIfAborted();
    await handle.ensureHeld();
    console.log(`step ${step}`);
  }
});
console.log("released");
await zk.close();
