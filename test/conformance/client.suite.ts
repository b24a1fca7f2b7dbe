// What the client does with a real server, Apache's or ours: one suite, run against both.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Client,
  type ConnectOptions,
  connect,
  creatorAcl,
  isZooKeeperError,
  openAcl,
  type StateEvent,
  type WatchOutcome,
  type ZooKeeperError,
} from "../../client/index.ts";
import { Proxy } from "../tools/proxy.ts";
import { until } from "../tools/until.ts";

/** A server as a process: what `test/tools/server-process.ts` starts. */
export interface ClientSuiteServer {
  readonly port: number;
  readonly address: string;
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface ClientSuiteKind {
  readonly name: string;
  /** Starts one with a tick of `tickTimeMs`. */
  start(options: { readonly tickTimeMs: number }): Promise<ClientSuiteServer>;
}

/** Sessions of 3 s are six ticks: as short as the ownership promise allows. */
const TICK_MS = 500;
const SESSION_MS = 3000;

export function clientSuite(kind: ClientSuiteKind): void {
  describe(`the client and ${kind.name}`, () => {
    let server: ClientSuiteServer;
    let rooms = 0;

    beforeAll(async () => {
      server = await kind.start({ tickTimeMs: TICK_MS });
    });

    afterAll(() => server.stop());

    /** A client with a chroot of its own, a link that can be cut, and all that it was told. */
    async function open(options: ConnectOptions = {}): Promise<Room> {
      const proxy = await Proxy.start(server.port);
      const chroot = `/room-${rooms++}`;
      const admin = await connect(server.address);
      await admin.create(chroot);
      const zk = await connect(`${proxy.address}${chroot}`, {
        sessionTimeoutMs: SESSION_MS,
        serverTickTimeMs: TICK_MS,
        ...options,
      });
      return new Room(zk, admin, proxy, chroot);
    }

    // client-protocol 6/create2, client-protocol 6/createContainer, recipes CL-51
    test("creates znodes of every kind, and parents", async () => {
      await using room = await open();
      const { zk } = room;
      const plain = await zk.create("/a/b", Buffer.from("x"), { parents: "container" });
      expect(plain.path).toBe("/a/b");
      expect(plain.stat).toMatchObject({ version: 0, dataLength: 1, ephemeralOwner: 0n });
      const ephemeral = await zk.create("/e", null, { mode: "ephemeral" });
      expect(ephemeral.stat.ephemeralOwner).toBe(zk.sessionId);
      expect(ephemeral.sessionId).toBe(zk.sessionId);
      const mode = "ephemeral-sequential";
      const first = await zk.create("/a/n-", null, { mode });
      const second = await zk.create("/a/n-", null, { mode });
      expect([first.path, second.path]).toEqual(["/a/n-0000000001", "/a/n-0000000002"]);
      expect(second.stat.czxid > first.stat.czxid).toBe(true);
      const numbered = await zk.create("/a/", null, { mode: "persistent-sequential" });
      expect(numbered.path).toBe("/a/0000000003");
      await zk.create("/c", null, { mode: "container" });
      expect((await zk.exists("/c"))?.ephemeralOwner).toBe(0n);
    });

    // client-protocol 6/21 createTTL, 5/5 PERSISTENT_WITH_TTL, 5/6 PERSISTENT_SEQUENTIAL_WITH_TTL
    test("creates znodes that live for a time, alone and in transactions", async () => {
      await using room = await open();
      const { zk } = room;
      const ttlMs = 3_600_000;
      const { path, stat } = await zk.create("/t", Buffer.from("x"), { mode: "ttl", ttlMs });
      expect([path, stat.ephemeralOwner, stat.dataLength]).toEqual(["/t", 0n, 1]);
      const numbered = await zk.create("/t/n-", null, { mode: "ttl-sequential", ttlMs });
      expect(numbered.path).toBe("/t/n-0000000000");
      await refused(zk.create("/none", null, { mode: "ttl" }), "BadArguments");
      const [first, second] = await zk
        .transaction()
        .create("/m", null, { mode: "ttl", ttlMs })
        .create("/t/n-", null, { mode: "ttl-sequential", ttlMs })
        .commit();
      expect([first.path, second.path]).toEqual(["/m", "/t/n-0000000001"]);
      expect(first.stat?.czxid).toBe(second.stat?.czxid);
    });

    // client-protocol 6/103 getEphemerals, 6/104 getAllChildrenNumber, 6/107 whoAmI
    test("asks for its ephemerals, for the size of a subtree and who it is", async () => {
      await using room = await open();
      const { zk } = room;
      await zk.create("/p");
      await zk.create("/p/plain");
      const mode = "ephemeral";
      for (const path of ["/p/a", "/p/ab", "/q"]) await zk.create(path, null, { mode });
      expect((await zk.getEphemerals()).toSorted()).toEqual(["/p/a", "/p/ab", "/q"]);
      expect((await zk.getEphemerals("/p/")).toSorted()).toEqual(["/p/a", "/p/ab"]);
      expect(await zk.getEphemerals("/p/ab")).toEqual(["/p/ab"]);
      expect(await zk.getAllChildrenNumber("/p")).toBe(3);
      expect(await zk.getAllChildrenNumber("/")).toBe(5);
      await refused(zk.getAllChildrenNumber("/none"), "NoNode");
      await zk.addAuth({ scheme: "digest", auth: "mine:secret" });
      const identities = await zk.whoAmI();
      expect(identities).toContainEqual({ scheme: "digest", user: "mine" });
      expect(identities).toContainEqual({ scheme: "ip", user: "127.0.0.1" });
    });

    // client-protocol 6/22 multiRead, 7/multiRead
    test("reads several znodes at once, each for itself", async () => {
      await using room = await open();
      const { zk } = room;
      await zk.create("/p", Buffer.from("x"));
      await zk.create("/p/c", null);
      const outcomes = await zk.multiRead([
        { read: "data", path: "/p" },
        { read: "data", path: "/none" },
        { read: "children", path: "/p" },
        { read: "data", path: "/p/c" },
      ]);
      expect(outcomes).toMatchObject([
        { read: "data", data: Buffer.from("x"), stat: { childCount: 1 } },
        { read: "failed", error: { code: "NoNode", path: "/none" } },
        { read: "children", children: ["c"] },
        { read: "data", data: null },
      ]);
      expect(await zk.multiRead([])).toEqual([]);
    });

    // client-protocol Trap 13, recipes Trap 25
    test("keeps null and empty data apart", async () => {
      await using room = await open();
      const { zk } = room;
      await zk.create("/null", null);
      await zk.create("/empty");
      expect((await zk.getData("/null")).data).toBeNull();
      expect((await zk.getData("/empty")).data).toEqual(Buffer.alloc(0));
      await zk.setData("/empty", null);
      expect((await zk.getData("/empty")).data).toBeNull();
    });

    test("reads, sets and deletes by version", async () => {
      await using room = await open();
      const { zk } = room;
      await zk.create("/v", Buffer.from("0"));
      expect((await zk.setData("/v", Buffer.from("1"), { version: 0 })).version).toBe(1);
      await refused(zk.setData("/v", null, { version: 0 }), "BadVersion");
      const { data, stat } = await zk.getData("/v");
      expect(data?.toString()).toBe("1");
      expect(stat.mzxid > stat.czxid).toBe(true);
      await refused(zk.delete("/v", { version: 7 }), "BadVersion");
      await zk.delete("/v", { version: 1 });
      expect(await zk.exists("/v")).toBeUndefined();
      await refused(zk.delete("/v"), "NoNode");
      await zk.delete("/v", { quiet: true });
      await zk.create("/p");
      await zk.create("/p/c");
      await refused(zk.delete("/p"), "NotEmpty");
      await refused(zk.create("/p"), "NodeExists");
      expect((await zk.getChildren("/p")).children).toEqual(["c"]);
      await zk.create("/e", null, { mode: "ephemeral" });
      await refused(zk.create("/e/c"), "NoChildrenForEphemerals");
    });

    // recipes CL-120, T-CL-38
    test("guards znodes by ACLs, and proves who it is on every connection", async () => {
      await using room = await open();
      const { zk, admin, chroot } = room;
      await zk.addAuth({ scheme: "digest", auth: "mine:secret" });
      await zk.create("/private", Buffer.from("p"), { acl: creatorAcl });
      const { acl, stat } = await zk.getACL("/private");
      expect(acl.map(({ scheme, permissions }) => [scheme, permissions])).toEqual([["digest", 31]]);
      await refused(admin.getData(`${chroot}/private`), "NoAuth");
      room.proxy.reset();
      expect((await zk.getData("/private")).data?.toString()).toBe("p");
      await zk.setACL("/private", openAcl, { version: stat.aversion });
      expect((await admin.getData(`${chroot}/private`)).data?.toString()).toBe("p");
      await refused(zk.setACL("/private", []), "InvalidACL");
    });

    // recipes ST-12, T-CL-38, client-protocol 10.4/auth refused
    test("ends when its credentials are refused", async () => {
      await using room = await open();
      await refused(room.zk.addAuth({ scheme: "no-such-scheme", auth: "x" }), "AuthFailed");
      expect(room.zk.state).toBe("closed");
    });

    // recipes CL-90, CL-91, CL-95, T-CL-33, client-protocol 7
    test("commits transactions whole or not at all", async () => {
      await using room = await open();
      const { zk } = room;
      const mode = "persistent-sequential";
      const [checked, created, set, one, two, deleted] = await zk
        .transaction()
        .check("/")
        .create("/t", Buffer.from("0"))
        .setData("/t", Buffer.from("1"), 0)
        .create("/t/n-", null, { mode })
        .create("/t/n-", null, { mode })
        .delete("/t/n-0000000000")
        .commit();
      expect([checked, deleted]).toEqual([undefined, undefined]);
      expect(created.path).toBe("/t");
      expect(set.version).toBe(1);
      expect([one.path, two.path]).toEqual(["/t/n-0000000000", "/t/n-0000000001"]);
      const refusal = zk
        .transaction()
        .delete("/t/n-0000000001")
        .check("/gone")
        .create("/x")
        .commit();
      const error = await refused(refusal, "NoNode");
      expect([error.failedIndex, error.path]).toEqual([1, "/gone"]);
      expect(error.results).toEqual(["Ok", "NoNode", "RuntimeInconsistency"]);
      expect((await zk.getChildren("/t")).children).toEqual(["n-0000000001"]);
      expect(await zk.transaction().commit()).toEqual([]);
    });

    // recipes CL-92, FT-7, T-CL-33
    test("refuses a transaction whose claim is gone, and ends the claim", async () => {
      await using room = await open();
      const { zk } = room;
      const node = await zk.create("/claim", null, { mode: "ephemeral" });
      const claim = zk.hold(node.path, { sessionId: node.sessionId });
      await zk.transaction().guardedBy(claim).create("/done").commit();
      await room.admin.delete(`${room.chroot}/claim`);
      const late = zk.transaction().guardedBy(claim).delete("/done").commit();
      await refused(late, "NotHeld");
      expect(claim.isHeld()).toBe(false);
      expect(await zk.exists("/done")).toBeDefined();
    });

    // client-protocol 8.1, client-protocol 8.2, recipes CL-66
    test("hears of each change once, before it can read it", async () => {
      await using room = await open();
      const { zk } = room;
      await zk.create("/w", Buffer.from("0"));
      const heard: string[] = [];
      const hear =
        (name: string) =>
        (outcome: WatchOutcome): void =>
          void heard.push(`${name} ${outcome.type} ${outcome.path}`);
      await zk.getData("/w", { watch: hear("data") });
      await zk.exists("/w", { watch: hear("exists") });
      await zk.getChildren("/w", { watch: hear("children") });
      await zk.exists("/later", { watch: hear("later") });
      await room.admin.setData(`${room.chroot}/w`, Buffer.from("1"));
      await until("the change can be read", async () => {
        const told = heard.includes("data data-changed /w");
        const seen = (await zk.getData("/w")).data?.toString() === "1";
        if (seen && !told) expect(heard).toContain("data data-changed /w");
        return seen;
      });
      await zk.setData("/w", Buffer.from("2"));
      await zk.create("/w/c");
      await zk.create("/later");
      expect(heard).toEqual([
        "data data-changed /w",
        "exists data-changed /w",
        "children children-changed /w",
        "later created /later",
      ]);
      const event = zk.watchOnce("/later", "data");
      await zk.delete("/later");
      expect(await event).toMatchObject({ type: "deleted", path: "/later" });
    });

    // recipes CL-65
    test("takes a watch back that nobody wants any more", async () => {
      await using room = await open();
      const { zk } = room;
      await zk.create("/r");
      const heard: string[] = [];
      const end = new AbortController();
      const watch = ({ type }: WatchOutcome): void => void heard.push(type);
      await zk.getData("/r", { watch, watchSignal: end.signal });
      await zk.getChildren("/r", { watch });
      end.abort();
      await zk.removeWatches("/r", "children");
      await refused(zk.removeWatches("/r", "children"), "NoWatcher");
      await zk.create("/r/c");
      await zk.setData("/r", null);
      expect(heard).toEqual(["cancelled", "cancelled"]);
    });

    test("keeps the order of calls that were made at once", async () => {
      await using room = await open();
      const { zk } = room;
      await zk.create("/order", Buffer.from("0"));
      const results = await Promise.all(
        Array.from({ length: 500 }, async (_, i) => {
          const [stat, read] = await Promise.all([
            zk.setData("/order", Buffer.from(String(i + 1)), { version: i }),
            zk.getData("/order"),
          ]);
          return [stat.version, read.data?.toString()];
        }),
      );
      expect(results).toEqual(results.map((_, i) => [i + 1, String(i + 1)]));
    });

    // recipes T-CL-4, ST-3, ST-4, client-protocol 3.8, client-protocol 8.4
    test("comes back after a reset with its session, its ephemerals and its watches", async () => {
      await using room = await open();
      const { zk, admin, chroot } = room;
      await zk.create("/e", null, { mode: "ephemeral" });
      await zk.create("/w");
      const heard: string[] = [];
      await zk.getData("/w", { watch: ({ type }) => heard.push(type) });
      const before = zk.sessionId;
      room.proxy.cut();
      await admin.setData(`${chroot}/w`, Buffer.from("while we are away"));
      room.proxy.heal();
      await until("the missed event is told", () => heard.length > 0);
      expect(heard).toEqual(["data-changed"]);
      expect(zk.sessionId).toBe(before);
      expect((await zk.exists("/e"))?.ephemeralOwner).toBe(before);
      expect(room.states).toEqual(["suspended", "reconnected"]);
    });

    // recipes A.6, T-CL-18, CL-30
    test("tells a write whose answer was lost from one that was not sent", async () => {
      await using room = await open();
      const { zk, admin, chroot } = room;
      await zk.create("/x");
      room.proxy.cut("down");
      const write = zk.setData("/x", Buffer.from("arrived"));
      await until("the write took effect", async () => {
        return (await admin.exists(`${chroot}/x`))?.version === 1;
      });
      const options = { mode: "ephemeral-sequential", protect: true } as const;
      const protectedCreate = zk.create("/lock-", null, options);
      await until("the create took effect", async () => {
        return (await admin.getChildren(chroot)).children.some((name) => name.startsWith("_c_"));
      });
      room.proxy.heal();
      expect((await refused(write, "ConnectionLoss")).ambiguous).toBe(true);
      const { path, stat } = await protectedCreate;
      expect(stat.ephemeralOwner).toBe(zk.sessionId);
      const names = (await zk.getChildren("/")).children.filter((name) => name.startsWith("_c_"));
      expect(names).toEqual([path.slice(1)]);
    });

    // recipes CL-7, CL-8, ST-8, ST-10, T-CL-7, T-CL-11, TM-4, TM-7, CL-11
    test("cut off for longer than its session it loses it by its own clock, and starts anew", async () => {
      await using room = await open();
      const { zk, admin, chroot } = room;
      await zk.create("/e", null, { mode: "ephemeral" });
      const claim = zk.hold("/e");
      const lostAt: Record<string, number> = {};
      claim.signal.addEventListener("abort", () => {
        lostAt["claim"] = performance.now();
      });
      zk.on("state", ({ state }) => {
        lostAt[state] ??= performance.now();
      });
      let heard: WatchOutcome | undefined;
      await zk.exists("/nothing", {
        watch: (outcome) => {
          heard = outcome;
        },
      });
      room.proxy.cut();
      let goneAt = Number.NaN;
      await until("the server has expired the session", async () => {
        const isGone = (await admin.exists(`${chroot}/e`)) === undefined;
        if (isGone) goneAt = performance.now();
        return isGone;
      });
      // The promise of the ownership deadline: nobody else can own before our signal.
      expect(lostAt["claim"]).toBeLessThan(goneAt);
      await until("it gives the session up", () => zk.state === "lost");
      expect(heard).toEqual({ type: "lost", path: "/nothing", cause: "local-clock" });
      room.proxy.heal();
      await until("it has a new one", () => zk.state === "reconnected");
      expect(room.states).toEqual(["suspended", "lost", "reconnected"]);
      await zk.create("/e", null, { mode: "ephemeral" });
    });

    // recipes ST-7, T-CL-5
    test("a session that the server expired is told as lost, once", async () => {
      await using room = await open();
      const { zk } = room;
      const before = zk.sessionId;
      room.proxy.cut("up");
      await until("the connection is given up", () => room.states.length > 0);
      await until("the session is over", async () => {
        const { children } = await room.admin.getChildren("/");
        expect(children.length).toBeGreaterThan(0);
        return room.states.includes("lost");
      });
      room.proxy.heal();
      await until("it has a new one", () => zk.state === "reconnected");
      expect(zk.sessionId).not.toBe(before);
      expect(room.states).toEqual(["suspended", "lost", "reconnected"]);
    });

    // recipes ST-9, T-CL-6
    test("gives up its session when told to, ephemerals included", async () => {
      await using room = await open();
      const { zk, admin, chroot } = room;
      await zk.create("/e", null, { mode: "ephemeral" });
      zk.resetSession();
      await until("it has a new one", () => zk.state === "reconnected");
      expect(await admin.exists(`${chroot}/e`)).toBeUndefined();
      expect(room.states).toEqual(["lost", "reconnected"]);
    });

    // recipes CL-130, client-protocol 10.4/close
    test("takes its ephemerals along when it is closed", async () => {
      await using room = await open();
      await room.zk.create("/e", null, { mode: "ephemeral" });
      await room.zk.close();
      expect(await room.admin.exists(`${room.chroot}/e`)).toBeUndefined();
    });

    // recipes CL-94
    test("stores as much as fits into a request, and refuses more by itself", async () => {
      await using room = await open();
      const { zk } = room;
      const data = Buffer.alloc(1_000_000, 7);
      await zk.create("/big", data);
      expect((await zk.getData("/big")).data?.equals(data)).toBe(true);
      await refused(zk.setData("/big", Buffer.alloc(1_048_575)), "PacketTooLarge");
      expect(zk.state).toBe("connected");
    });

    // recipes T-CL-30, CL-65
    test("ten thousand watches taken and given back leave nothing behind", async () => {
      await using room = await open();
      const { zk } = room;
      await zk.create("/w");
      let cancelled = 0;
      for (let round = 0; round < 20; round++) {
        await Promise.all(
          Array.from({ length: 500 }, async () => {
            const end = new AbortController();
            const watch = ({ type }: WatchOutcome): void => {
              if (type === "cancelled") cancelled++;
            };
            await zk.getData("/w", { watch, watchSignal: end.signal });
            end.abort();
          }),
        );
      }
      expect(cancelled).toBe(10_000);
      await zk.sync();
      await refused(zk.removeWatches("/w", "data"), "NoWatcher");
    });

    // recipes T-CL-5, ST-3, ST-4
    test("outlives a restart of the server, with what waited for it", async () => {
      const own = await kind.start({ tickTimeMs: TICK_MS });
      try {
        await using zk = await connect(own.address, { sessionTimeoutMs: 10_000 });
        const states: string[] = [];
        zk.on("state", ({ state }) => states.push(state));
        await zk.create("/kept", Buffer.from("k"));
        await own.kill();
        await until("it notices", () => zk.state === "suspended");
        const waiting = zk.setData("/kept", Buffer.from("later"), { timeoutMs: 60_000 });
        await own.restart();
        expect((await waiting).version).toBe(1);
        expect(states).toEqual(["suspended", "reconnected"]);
      } finally {
        await own.stop();
      }
    });
  });
}

/** The error of a call that must fail with this code. */
async function refused(call: Promise<unknown>, code: string): Promise<ZooKeeperError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isZooKeeperError(error)) throw new Error(`expected ${code}, not ${String(error)}`);
  expect(error.code).toBe(code);
  return error;
}

class Room {
  readonly zk: Client;
  /** Another client, without chroot and without proxy. */
  readonly admin: Client;
  readonly proxy: Proxy;
  readonly chroot: string;
  readonly states: string[] = [];

  constructor(zk: Client, admin: Client, proxy: Proxy, chroot: string) {
    this.zk = zk;
    this.admin = admin;
    this.proxy = proxy;
    this.chroot = chroot;
    zk.on("state", ({ state }: StateEvent) => this.states.push(state));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.zk.close({ timeoutMs: 1000 });
    await this.admin.close();
    await this.proxy.close();
  }
}
