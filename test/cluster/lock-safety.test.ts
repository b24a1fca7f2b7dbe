// What a lock promises when processes and links fail, with our command and compiled client in
// processes of their own. Times are of the machine's monotonic clock, which they share.

import { type Client, connect } from "quorate/client";
import { mutex } from "quorate/recipes";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Proxy } from "../tools/proxy.ts";
import { QuorateServer } from "../tools/quorate-server.ts";
import { pause, until } from "../tools/until.ts";
import { isNotification } from "../tools/wire.ts";
import { LockHolder } from "./lock-holder.ts";

const TICK_MS = 500;
/** Six ticks: the shortest for which the ownership promise holds. */
const SESSION_MS = 3000;
const SESSIONS = 200;

let server: QuorateServer;
let observer: Client;

beforeAll(async () => {
  server = await QuorateServer.start({ tickTimeMs: TICK_MS });
  observer = await connect(server.address, { serverTickTimeMs: TICK_MS });
  await observer.create("/target", Buffer.from("first"));
});

afterAll(async () => {
  await observer.close();
  await server.stop();
});

/** Storage outside of ZooKeeper that remembers the highest token it saw. */
class Register {
  #highest = "";

  /** False: refused, the token is older than one that was here before. */
  write(token: string): boolean {
    if (token < this.#highest) return false;
    this.#highest = token;
    return true;
  }
}

// recipes T-MUTEX-3, OWN-5
test("two hundred sessions, one release: one waiter is told", async () => {
  const proxy = await Proxy.start(server.port);
  let told = 0;
  proxy.inspect = (passage) => {
    if (isNotification(passage)) told += 1;
    return "pass";
  };
  const clients = await Promise.all(
    Array.from({ length: SESSIONS }, () => connect(proxy.address, { serverTickTimeMs: TICK_MS })),
  );
  const holder = await mutex(observer, "/locks/crowd").acquire();
  let granted = 0;
  const turns = Promise.allSettled(
    clients.map(async (client) => {
      await mutex(client, "/locks/crowd").acquire();
      granted += 1;
    }),
  );
  // Each waiter has one watch, and the holder has one on its own znode.
  await until("everybody watches", async () => (await watchCount()) === SESSIONS + 1);
  expect(told).toBe(0);

  await holder.release();
  await until("one has it", () => granted > 0);
  // A later reply on every connection: whatever was sent before it has arrived.
  await Promise.all(clients.map((client) => client.sync()));
  expect(told).toBe(1);
  expect(granted).toBe(1);

  await Promise.all(clients.map((client) => client.close()));
  await turns;
  await proxy.close();
});

// recipes T-MUTEX-9, CL-10, TM-8
test("a holder whose link is cut in silence is told before anyone else holds", async () => {
  const proxy = await Proxy.start(server.port);
  await using holder = new LockHolder(proxy.address, "/locks/cut", "/target", SESSION_MS);
  const { token } = await holder.told("acquired");
  const next = mutex(observer, "/locks/cut").acquire();
  proxy.cut();
  const lock = await next;
  const grantedAtNs = process.hrtime.bigint();
  const lost = await holder.told("lost");
  const aheadMs = Number(grantedAtNs - BigInt(String(lost["lostAtNs"]))) / 1e6;
  console.log(`the signal fired ${aheadMs.toFixed(0)} ms before the next one held the lock`);
  expect(aheadMs).toBeGreaterThan(0);
  expect(lost["reason"]).toBe("deadline");
  expect(lock.fencingTokenText > String(token)).toBe(true);
  await lock.release();
  await proxy.close();
});

// recipes T-MUTEX-28, T-MUTEX-29, CL-13, CL-14, FT-1, FT-7
test("a holder that was stopped for too long knows it first, and can harm nothing", async () => {
  const proxy = await Proxy.start(server.port);
  await using holder = new LockHolder(proxy.address, "/locks/stopped", "/target", SESSION_MS);
  const { token } = await holder.told("acquired");
  const register = new Register();
  expect(register.write(String(token))).toBe(true);
  holder.do("work");
  await pause(SESSION_MS / 2);

  holder.signal("SIGSTOP");
  const next = await mutex(observer, "/locks/stopped").acquire();
  expect(register.write(next.fencingTokenText)).toBe(true);
  const sentAtNs: bigint[] = [];
  proxy.inspect = ({ direction, atNs }) => {
    if (direction === "up") sentAtNs.push(atNs);
    return "pass";
  };
  const continuedAtNs = process.hrtime.bigint();
  holder.signal("SIGCONT");

  expect(await holder.told("resumed")).toMatchObject({ isHeld: false, isAborted: true });
  const sent = await holder.told("sent");
  const lostAtNs = BigInt(String(sent["lostAtNs"]));
  expect(lostAtNs).toBeGreaterThan(continuedAtNs);
  expect(BigInt(String(sent["firstAtNs"]))).toBeGreaterThan(lostAtNs);
  await until("bytes arrive", () => sentAtNs.length > 0);
  expect(sentAtNs[0]).toBeGreaterThan(lostAtNs);

  holder.do("writeGuarded");
  expect(await holder.told("guarded")).toMatchObject({ code: "NotHeld" });
  expect(await holder.told("checked")).toMatchObject({ code: "NoNode" });
  expect((await observer.getData("/target")).data?.toString()).toBe("first");
  expect(register.write(String(token))).toBe(false);
  expect(register.write(next.fencingTokenText)).toBe(true);
  expect(next.isHeld()).toBe(true);
  await next.release();
  await proxy.close();
});

/** As the server counts them. */
async function watchCount(): Promise<number> {
  return Number(/^zk_watch_count\t(\d+)$/m.exec(await server.word("mntr"))?.[1]);
}
