import { describe, expect, test } from "vitest";
import { AddWatchMode, OpCode, WatcherType } from "../../../protocol/opcodes.ts";
import { RawClient } from "../../tools/raw-client.ts";
import { freshPath, type Peer, testOurs } from "./peer.ts";

const CREATED = 1;
const DELETED = 2;
const DATA_CHANGED = 3;
const CHILDREN_CHANGED = 4;

/** Watches that stay: on a znode, or on all that is below it as well. */
export function addWatchSuite(peer: Peer): void {
  const port = (): number => peer.port;

  describe("addWatch", () => {
    // client-protocol 6/106 addWatch, 5/ErrorResponse, 8.1/addWatch mode 0, 8.2/P created, 8.2/P deleted
    test("of mode 0 hears of a znode and of its children, whether it is there or not", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      const reply = await client.addWatch(path, AddWatchMode.persistent);
      expect([reply.err, reply.body.toString("hex")]).toEqual([0, "00000000"]);
      for (let round = 0; round < 2; round++) {
        await client.create(path);
        await client.set(path, null);
        await client.create(`${path}/a`);
        await client.set(`${path}/a`, null);
        await client.delete(`${path}/a`);
        await client.delete(path);
      }
      const told = [
        { type: CREATED, path },
        { type: DATA_CHANGED, path },
        { type: CHILDREN_CHANGED, path },
        { type: CHILDREN_CHANGED, path },
        { type: DELETED, path },
      ];
      expect(client.events).toMatchObject([...told, ...told]);
      client.drop();
    });

    // client-protocol 8.1/addWatch mode 1, 8.2/child C of P created / deleted, 8.2/data of child C set
    // client-protocol 8.2/deeper descendant D created / set / deleted, server-semantics Trap 19
    test("of mode 1 hears of what happens below, and never of child lists", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      expect((await client.addWatch(path, AddWatchMode.persistentRecursive)).err).toBe(0);
      await client.create(path);
      await client.create(`${path}/a`);
      await client.create(`${path}/a/b`);
      await client.set(`${path}/a/b`, null);
      await client.set(path, null);
      await client.create(`${path}x`);
      await client.delete(`${path}/a/b`);
      await client.delete(`${path}/a`);
      expect(client.events).toMatchObject([
        { type: CREATED, path },
        { type: CREATED, path: `${path}/a` },
        { type: CREATED, path: `${path}/a/b` },
        { type: DATA_CHANGED, path: `${path}/a/b` },
        { type: DATA_CHANGED, path },
        { type: DELETED, path: `${path}/a/b` },
        { type: DELETED, path: `${path}/a` },
      ]);
      client.drop();
    });

    // client-protocol 8.2, server-semantics Trap 18
    test("and other watches of one connection are told of a change once", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      await client.create(`${path}/a`);
      await client.addWatch(path, AddWatchMode.persistentRecursive);
      await client.addWatch("/", AddWatchMode.persistentRecursive);
      await client.exists(`${path}/a`, true);
      await client.getChildren(`${path}/a`, true);
      await client.set(`${path}/a`, null);
      await client.delete(`${path}/a`);
      const own = client.events.filter((event) => event.path.startsWith(path));
      expect(own).toMatchObject([
        { type: DATA_CHANGED, path: `${path}/a` },
        { type: DELETED, path: `${path}/a` },
      ]);
      client.drop();
    });

    // client-protocol 8, 9/-5 MARSHALLINGERROR
    test("knows two modes", async () => {
      const client = await RawClient.open(port());
      for (const mode of [2, -1]) expect((await client.addWatch("/", mode)).err).toBe(-5);
      client.drop();
    });

    // server-semantics 6.6, 7.3/getEphemerals sync addWatch setWatches removeWatches whoAmI
    test("asks for no permission and looks at no path", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      const unreadable = [{ perms: 30, id: { scheme: "world", id: "anyone" } }];
      await client.create(path, { acl: unreadable });
      for (const watched of [path, "", "a//b"]) {
        expect((await client.addWatch(watched, AddWatchMode.persistent)).err).toBe(0);
      }
      client.drop();
    });

    // server-semantics 6.3/several modes on one path and connection, client-protocol Trap 18
    testOurs(peer, "and removeWatches know each kind of watch apart", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      const remove = async (type: number): Promise<number> =>
        (await client.watcher(OpCode.removeWatches, path, type)).err;
      await client.create(path);
      await client.addWatch(path, AddWatchMode.persistent);
      await client.addWatch(path, AddWatchMode.persistentRecursive);
      await client.getData(path, true);
      expect(await remove(WatcherType.data)).toBe(0);
      expect(await remove(WatcherType.data)).toBe(-121);
      expect(await remove(WatcherType.persistent)).toBe(0);
      await client.create(`${path}/a`);
      expect(client.events).toMatchObject([{ type: CREATED, path: `${path}/a` }]);
      expect(await remove(WatcherType.persistentRecursive)).toBe(0);
      await client.delete(`${path}/a`);
      expect(client.events.length).toBe(1);
      client.drop();
    });

    // client-protocol 1/ustring (string)
    testOurs(peer, "of a null path is no request", async () => {
      const client = await RawClient.open(port());
      expect((await client.addWatch(null, AddWatchMode.persistent)).err).toBe(-5);
      client.drop();
    });
  });
}
