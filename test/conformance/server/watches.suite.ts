import { describe, expect, test } from "vitest";
import { AddWatchMode, OpCode, WatcherType } from "../../../protocol/opcodes.ts";
import { writeSetWatches } from "../../../protocol/proto.ts";
import { RawClient } from "../../tools/raw-client.ts";
import { freshPath, type Peer } from "./peer.ts";

const CREATED = 1;
const DELETED = 2;
const DATA_CHANGED = 3;
const CHILDREN_CHANGED = 4;

const NONE = { dataWatches: [], existWatches: [], childWatches: [] };

/** What is told to whom, once, and in which place. */
export function watchesSuite(peer: Peer): void {
  const port = (): number => peer.port;

  describe("a watch", () => {
    // client-protocol 8.1/exists watch = 1, Trap 12, 8.2/P created
    test("of exists waits for a znode that is not there", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      expect((await client.exists(path, true)).err).toBe(-101);
      await client.create(path);
      await client.set(path, null);
      expect(client.events).toMatchObject([{ type: CREATED, path }]);
      client.drop();
    });

    // client-protocol 8.1/getData watch = 1, 8.1/getChildren(2) watch = 1
    test("of getData and getChildren is set only if they succeed", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.getData(path, true);
      await client.getChildren(path, true);
      await client.create(path);
      await client.create(`${path}/a`);
      await client.ping();
      expect(client.events).toEqual([]);
      client.drop();
    });

    // client-protocol 8.2/P data set, Trap 11, server-semantics 6.4, 6.2
    test("is told before the reply to the write that fires it, and once", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      await client.getData(path, true);
      const first = client.sendSet(path, Buffer.from("1"));
      const second = client.sendSet(path, Buffer.from("2"));
      await client.reply(second);
      const order = client.frames.map((frame) => frame.xid).slice(-3);
      expect(order).toEqual([-1, first, second]);
      expect(client.events).toMatchObject([{ type: DATA_CHANGED, path }]);
      client.drop();
    });

    // client-protocol 4/notification, 4/notification #2, 8, Trap 10
    test("is told with the zxid of the change", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.exists(path, true);
      const { zxid } = await client.create(path);
      // Differs from 3.8, which sends -1.
      expect(client.events[0]?.zxid).toBe(peer.name === "quorate" ? zxid : -1);
      client.drop();
    });

    // client-protocol 8.2/P deleted, 8.2/child C of P created / deleted
    // server-semantics 6.2, Trap 18
    test("of data, of existence and of children together are told of a deletion once", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      await client.getData(path, true);
      await client.exists(path, true);
      await client.getChildren(path, true);
      await client.delete(path);
      expect(client.events).toMatchObject([{ type: DELETED, path }]);
      client.drop();
    });

    // client-protocol 8.2/child C of P created / deleted, 8.2/data of child C set, server-semantics 6.2
    test("of children hears of creates and deletes below, not of data", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      await client.create(`${path}/a`);
      await client.getChildren(path, true);
      await client.set(`${path}/a`, Buffer.from("x"));
      await client.set(path, Buffer.from("x"));
      expect(client.events).toEqual([]);
      await client.create(`${path}/b`);
      await client.getChildren(path, true);
      await client.delete(`${path}/b`);
      expect(client.events).toMatchObject([
        { type: CHILDREN_CHANGED, path },
        { type: CHILDREN_CHANGED, path },
      ]);
      client.drop();
    });

    // client-protocol 8.2/ACL changed, server-semantics 6.2/setACL sync failed ops quota counter updates
    test("hears nothing of ACLs, syncs and what fails", async () => {
      const parent = freshPath();
      const path = `${parent}/a`;
      const client = await RawClient.open(port());
      await client.create(parent);
      await client.create(path);
      await client.addWatch(parent, AddWatchMode.persistentRecursive);
      await client.getData(path, true);
      await client.getChildren(path, true);
      await client.setACL(path, [{ perms: 31, id: { scheme: "world", id: "anyone" } }]);
      await client.call(OpCode.sync, (writer) => writer.string(path));
      await client.set(path, null, 99);
      await client.create(path);
      await client.ping();
      expect(client.events).toEqual([]);
      client.drop();
    });

    // server-semantics 6.1, 5.3, Trap 17
    test("belongs to its connection, not to the session", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.exists(path, true);
      const next = await RawClient.open(port(), { ...client.response });
      await next.create(path);
      await next.ping();
      expect(next.events).toEqual([]);
      next.drop();
    });

    // server-semantics 5.5, 6.2
    test("is told of the ephemerals that go with a session, each with its parent", async () => {
      const path = freshPath();
      const watcher = await RawClient.open(port());
      await watcher.create(path);
      const owner = await RawClient.open(port());
      await owner.create(`${path}/e`, { flags: 1 });
      await watcher.getChildren(path, true);
      await watcher.exists(`${path}/e`, true);
      await owner.call(OpCode.closeSession);
      await watcher.ping();
      expect(watcher.events).toMatchObject([
        { type: DELETED, path: `${path}/e` },
        { type: CHILDREN_CHANGED, path },
      ]);
      watcher.drop();
    });
  });

  describe("setWatches", () => {
    // server-semantics 6.5/data, 6.5/exist, 6.5/child, 6.5, Trap 21, client-protocol 6/101 setWatches, 8.4
    test("tells what was missed, before its reply, with zxid -1", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      for (const name of ["kept", "set", "gone", "kids"]) await client.create(`${path}-${name}`);
      const { zxid } = await client.ping();
      await client.set(`${path}-set`, null);
      await client.delete(`${path}-gone`);
      await client.create(`${path}-kids/a`);
      await client.delete(`${path}-kids/a`);
      await client.create(`${path}-new`);
      const fresh = await RawClient.open(port());
      const reply = await fresh.setWatches({
        relativeZxid: zxid,
        dataWatches: [`${path}-kept`, `${path}-set`, `${path}-gone`],
        existWatches: [`${path}-new`, `${path}-none`],
        childWatches: [`${path}-kept`, `${path}-kids`, `${path}-gone`],
      });
      expect(reply.err).toBe(0);
      expect(fresh.frames.at(-1)).toBe(reply);
      const missed = [
        { type: DATA_CHANGED, path: `${path}-set`, zxid: -1 },
        { type: DELETED, path: `${path}-gone`, zxid: -1 },
        { type: CREATED, path: `${path}-new`, zxid: -1 },
        { type: CHILDREN_CHANGED, path: `${path}-kids`, zxid: -1 },
        { type: DELETED, path: `${path}-gone`, zxid: -1 },
      ];
      expect(fresh.events).toEqual(missed);
      await client.set(`${path}-kept`, null);
      await client.create(`${path}-kept/a`);
      await client.create(`${path}-none`);
      await fresh.ping();
      expect(fresh.events.slice(missed.length)).toMatchObject([
        { type: DATA_CHANGED, path: `${path}-kept` },
        { type: CHILDREN_CHANGED, path: `${path}-kept` },
        { type: CREATED, path: `${path}-none` },
      ]);
      client.drop();
      fresh.drop();
    });

    // client-protocol 8.4/go-zookeeper, 4/-8
    test("in several frames, under the xids of ordinary requests, restores each frame's list", async () => {
      const path = freshPath();
      const names = ["one", "two", "three"];
      const old = await RawClient.open(port());
      for (const name of names) await old.create(`${path}-${name}`);
      const { zxid } = await old.ping();
      await old.set(`${path}-two`, null);
      const next = await RawClient.open(port(), { ...old.response });
      expect((await next.auth("digest", "u:p", 41)).xid).toBe(41);
      for (const name of names) {
        const dataWatches = [`${path}-${name}`];
        const restored = await next.call(OpCode.setWatches, (writer) =>
          writeSetWatches(writer, { ...NONE, relativeZxid: zxid, dataWatches }),
        );
        expect(restored.err).toBe(0);
      }
      expect(next.events).toEqual([{ type: DATA_CHANGED, path: `${path}-two`, zxid: -1 }]);
      for (const name of names) await next.set(`${path}-${name}`, null);
      expect(next.events.slice(1)).toMatchObject([
        { type: DATA_CHANGED, path: `${path}-one` },
        { type: DATA_CHANGED, path: `${path}-three` },
      ]);
      next.drop();
    });

    // server-semantics 6.5/persistent, 6.5/persistentRecursive, client-protocol 6/105 setWatches2
    // client-protocol 8.2/deeper descendant D created / set / deleted, Trap 19
    test("of the second kind restores watches that last", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      await client.setWatches2({
        relativeZxid: 0,
        ...NONE,
        persistentWatches: [path],
        persistentRecursiveWatches: [`${path}-r`],
      });
      await client.set(path, null);
      await client.set(path, null);
      await client.create(`${path}/a`);
      await client.create(`${path}-r`);
      await client.create(`${path}-r/b`);
      await client.set(`${path}-r/b`, null);
      expect(client.events).toMatchObject([
        { type: DATA_CHANGED, path },
        { type: DATA_CHANGED, path },
        { type: CHILDREN_CHANGED, path },
        { type: CREATED, path: `${path}-r` },
        { type: CREATED, path: `${path}-r/b` },
        { type: DATA_CHANGED, path: `${path}-r/b` },
      ]);
      client.drop();
    });

    // server-semantics 6.5
    test("with a null list is no request", async () => {
      const client = await RawClient.open(port());
      const reply = await client.setWatches({ relativeZxid: 0, ...NONE, childWatches: null });
      expect(reply.err).toBe(-5);
      client.drop();
    });
  });

  describe("removeWatches and checkWatches", () => {
    // client-protocol 6/17 checkWatches, 6/18 removeWatches, 9/-121 NOWATCHER, server-semantics 6.3/result
    test("find a watch or say that there is none, and tell nobody", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      const ask = async (type: number, watcherType: number): Promise<number> =>
        (await client.watcher(type, path, watcherType)).err;
      expect(await ask(OpCode.checkWatches, WatcherType.any)).toBe(-121);
      await client.getData(path, true);
      expect(await ask(OpCode.checkWatches, WatcherType.data)).toBe(0);
      expect(await ask(OpCode.checkWatches, WatcherType.data)).toBe(0);
      expect(await ask(OpCode.checkWatches, WatcherType.children)).toBe(-121);
      expect(await ask(OpCode.removeWatches, WatcherType.children)).toBe(-121);
      expect(await ask(OpCode.removeWatches, WatcherType.data)).toBe(0);
      expect(await ask(OpCode.removeWatches, WatcherType.data)).toBe(-121);
      await client.set(path, null);
      expect(client.events).toEqual([]);
      client.drop();
    });

    // client-protocol 8, server-semantics 6.3/Persistent (4) PersistentRecursive (5)
    test("know the kinds of 3.9, and no others", async () => {
      const client = await RawClient.open(port());
      for (const kind of [0, 6, -1]) {
        expect((await client.watcher(OpCode.removeWatches, "/", kind)).err).toBe(-5);
      }
      if (peer.name === "quorate") {
        expect((await client.watcher(OpCode.checkWatches, "/", WatcherType.persistent)).err).toBe(
          -121,
        );
      }
      client.drop();
    });
  });
}
