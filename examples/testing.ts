// What becomes of a lock when servers fail, tried on three servers in this process:
//
//   node dist/examples/testing.js
//
// Nothing has to be installed, nothing is left behind. Any other client of ZooKeeper can connect too.

import { once } from "node:events";
import { connect } from "quorate/client";
import { mutex } from "quorate/recipes";
import { startEnsemble } from "quorate/testing";

await using ensemble = await startEnsemble({ servers: 3 });
await using zk = await connect(ensemble.connectString);
await using lock = await mutex(zk, "/examples/report").acquire();

const killed = await ensemble.killLeader();
// A read is repeated until a server answers it; the session goes on there.
await zk.exists(lock.nodePath);
await lock.ensureHeld();
console.log(`server ${killed} led and is dead, ${await ensemble.leader()} leads; we hold the lock`);
await ensemble.restart(killed);

const leader = await ensemble.leader();
const others = ensemble.sids.filter((sid) => sid !== leader);
ensemble.partition([leader], others);
console.log(`${leader} is cut off, ${await ensemble.leader()} leads`);
await ensemble.heal();
await zk.exists(lock.nodePath);
await lock.ensureHeld();

const isOver = once(lock.signal, "abort");
await ensemble.expireSession(zk);
await isOver;
console.log("our session has expired: the lock's signal told us");
