// Each verb of `startEnsemble`, as a client of ours feels it.

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Client, type ConnectOptions, connect } from "../../../client/index.ts";
import { mutex } from "../../../recipes/index.ts";
import { startEnsemble, type TestEnsemble } from "../../../server/testing/index.ts";
import { until } from "../../tools/until.ts";

const QUICK: ConnectOptions = { sessionTimeoutMs: 8000, operationTimeoutMs: 20_000 };

/** For what is done around a test, on a machine that is busy with others. */
const LIMIT_MS = 60_000;

let ensemble: TestEnsemble;

beforeAll(async () => {
  ensemble = await startEnsemble({ servers: 3, seed: 1 });
}, LIMIT_MS);

/** Whatever a test left behind, the next one finds everybody at work. */
beforeEach(async () => {
  for (const sid of ensemble.sids) {
    if (ensemble.state(sid) === "down") await ensemble.start(sid);
    if (ensemble.state(sid) === "paused") await ensemble.resume(sid);
  }
  await ensemble.heal();
}, LIMIT_MS);

afterAll(async () => {
  await ensemble.stop();
});

function client(sid?: number): Promise<Client> {
  return connect(sid === undefined ? ensemble.connectString : ensemble.address(sid), QUICK);
}

async function followers(): Promise<number[]> {
  const leader = await ensemble.leader();
  return ensemble.sids.filter((sid) => sid !== leader);
}

test("three servers serve one tree, one of them leads", async () => {
  expect(ensemble.sids.map((sid) => ensemble.state(sid)).sort()).toEqual([
    "following",
    "following",
    "leading",
  ]);
  await using writer = await client(1);
  await using reader = await client(3);
  await writer.create("/shared", Buffer.from("by all"));
  await reader.sync();
  expect((await reader.getData("/shared")).data?.toString()).toBe("by all");
});

test("a held lock survives the death of the leader", async () => {
  await using zk = await client();
  await using held = await mutex(zk, "/locks/one").acquire();
  const killed = await ensemble.killLeader();
  expect(ensemble.state(killed)).toBe("down");
  expect(await ensemble.leader()).not.toBe(killed);
  // A read is repeated until a server answers it.
  await zk.exists(held.nodePath);
  await held.ensureHeld();
  expect(held.isHeld()).toBe(true);
});

test("a server that is started again has what it had, and what was written meanwhile", async () => {
  const [follower = 0] = await followers();
  await using zk = await client(await ensemble.leader());
  await zk.create("/before");
  await ensemble.kill(follower);
  await zk.create("/meanwhile");
  await ensemble.restart(follower);
  await using beside = await client(follower);
  expect(await beside.exists("/before")).toEqual(await zk.exists("/before"));
  expect(await beside.exists("/meanwhile")).toEqual(await zk.exists("/meanwhile"));
});

test("all servers lose their power at once, and no acknowledged write", async () => {
  // Fresh ones: of what is made at a first start, nothing may hang on what was not synced.
  await using dark = await startEnsemble({ seed: 1 });
  await using zk = await connect(dark.connectString, QUICK);
  const writes = Array.from({ length: 50 }, (_, at) => zk.create(`/power-${at}`));
  const written = await Promise.all(writes);
  await Promise.all(dark.sids.map((sid) => dark.kill(sid, "power")));
  await Promise.all(dark.sids.map((sid) => dark.start(sid)));
  for (const { path, stat } of written) expect(await zk.exists(path)).toEqual(stat);
});

test("the minority of a partition writes nothing and closes its clients, the majority goes on", async () => {
  const leader = await ensemble.leader();
  const others = await followers();
  await using inside = await client(leader);
  const lost = new Promise((resolve) => {
    inside.on("state", ({ state }) => {
      if (state === "suspended") resolve(state);
    });
  });
  ensemble.partition([leader], others);
  const refused = inside.create("/minority", null, { timeoutMs: 3000 }).catch(String);
  const next = await ensemble.leader();
  expect(others).toContain(next);
  await using outside = await client(next);
  await outside.create("/majority");
  expect(await lost).toBe("suspended");
  expect(await refused).toMatch(/ConnectionLoss|Timeout/);
  expect(await outside.exists("/minority")).toBeUndefined();

  await ensemble.heal();
  expect(ensemble.state(leader)).toBe("following");
  await inside.sync();
  expect(await inside.exists("/majority")).toBeDefined();
  expect(await inside.exists("/minority")).toBeUndefined();
});

test("a leader that hears nobody steps down, though it is heard", async () => {
  const leader = await ensemble.leader();
  const others = await followers();
  ensemble.partition(others, [leader], { oneWay: true });
  await until("it does not lead any more", () => ensemble.state(leader) === "looking");
  expect(others).toContain(await ensemble.leader());
});

test("a server that stands still is overtaken, and follows once it goes on", async () => {
  const leader = await ensemble.leader();
  ensemble.pause(leader);
  expect(ensemble.state(leader)).toBe("paused");
  const next = await ensemble.leader();
  expect(next).not.toBe(leader);
  await using zk = await client(next);
  await zk.create("/while-it-stood");
  await ensemble.resume(leader);
  expect(ensemble.state(leader)).toBe("following");
  await using beside = await client(leader);
  await beside.sync();
  expect(await beside.exists("/while-it-stood")).toBeDefined();
});

test("a client whose session is made to expire hears of it, and its ephemerals are gone", async () => {
  await using zk = await client();
  await using other = await client();
  const { path } = await zk.create("/mine", null, { mode: "ephemeral" });
  const before = zk.sessionId;
  const lost = new Promise((resolve) => {
    zk.on("state", ({ state }) => {
      if (state === "lost") resolve(state);
    });
  });
  await ensemble.expireSession(zk);
  await other.sync();
  expect(await other.exists(path)).toBeUndefined();
  expect(await lost).toBe("lost");
  await until("it has another session", () => zk.isConnected);
  expect(zk.sessionId).not.toBe(before);
  await expect(ensemble.expireSession(before)).rejects.toThrow("there is no session");
});

test("a client that loses its connection keeps its session", async () => {
  await using zk = await client();
  const session = zk.sessionId;
  await zk.create("/stays", null, { mode: "ephemeral" });
  const seen: string[] = [];
  zk.on("state", ({ state }) => seen.push(state));
  ensemble.disconnect();
  await until("it is connected again", () => seen.includes("reconnected"));
  expect(seen[0]).toBe("suspended");
  expect(zk.sessionId).toBe(session);
  expect(await zk.exists("/stays")).toBeDefined();
});

test("a leader that is told to end hands over", async () => {
  const leader = await ensemble.leader();
  await ensemble.terminate(leader);
  expect(ensemble.state(leader)).toBe("down");
  expect(await ensemble.leader()).not.toBe(leader);
});

test("an observer serves and does not vote; one server stands alone", async () => {
  await using watched = await startEnsemble({ servers: 1, observers: 1 });
  expect(watched.state(2)).toBe("observing");
  await using alone = await startEnsemble({ servers: 1 });
  expect(alone.state(1)).toBe("standalone");
  await using zk = await connect(alone.connectString, QUICK);
  await zk.create("/alone");
  await alone.restart(1);
  expect(await zk.exists("/alone")).toBeDefined();
  const { sessionId } = zk;
  await alone.expireSession(zk);
  await until("it has another session", () => zk.isConnected && zk.sessionId !== sessionId);
});
