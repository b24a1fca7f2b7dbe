import { describe, expect, test } from "vitest";
import type { ACL } from "../../../protocol/data.ts";
import { Reader, type Writer } from "../../../protocol/jute.ts";
import { AddWatchMode, CreateFlag, OpCode, WatcherType, Xid } from "../../../protocol/opcodes.ts";
import { ANYONE, path as pathIn, RawClient, type Reply } from "../../tools/raw-client.ts";
import { until } from "../../tools/until.ts";
import { freshPath, type Peer } from "./peer.ts";

const MARSHALLING = -5;
const BAD_ARGUMENTS = -8;
const NO_AUTH = -102;
const INVALID_ACL = -114;
const NO_WATCHER = -121;
const SOME_SCHEME: ACL = { perms: 31, id: { scheme: "world", id: null } };
const HIDDEN: readonly ACL[] = [{ perms: 30, id: { scheme: "world", id: "anyone" } }];
const CLOSED: readonly ACL[] = [{ perms: 16, id: { scheme: "world", id: "anyone" } }];

/**
 * Where Apache ZooKeeper 3.8.0 answers otherwise: each test has the name of a row of
 * docs/compatibility.md, and shows what either server does. The differential test excuses these and
 * nothing else (test/interop/differential/habits.ts).
 */
export function habitsSuite(peer: Peer): void {
  const open = (): Promise<RawClient> => RawClient.open(peer.port);
  /** What either server is expected to say. */
  const either = <T>(ours: T, apaches: T): T => (peer.name === "quorate" ? ours : apaches);

  /** That a request takes a zxid at ours, and none there; the ends of other sessions take some. */
  async function takesZxid(client: RawClient, ask: () => Promise<Reply>): Promise<void> {
    if (peer.name === "quorate") {
      const { zxid } = await client.ping();
      expect((await ask()).zxid).toBeGreaterThan(zxid);
      return;
    }
    await until("a request takes no zxid", async () => {
      const { zxid } = await client.ping();
      return (await ask()).zxid === zxid;
    });
  }

  describe("a habit of Apache ZooKeeper 3.8.0:", () => {
    test("exists on a znode that may not be read", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path, { acl: HIDDEN });
      expect((await client.exists(path)).err).toBe(either(NO_AUTH, 0));
      client.drop();
    });

    test("zxid of a watch event", async () => {
      const path = freshPath();
      const client = await open();
      await client.exists(path, true);
      const { zxid } = await client.create(path);
      expect(client.events).toMatchObject([{ path, zxid: either(zxid, -1) }]);
      client.drop();
    });

    test("create2 in a multi", async () => {
      const client = await open();
      const reply = await client.call(OpCode.multi, (writer) =>
        writeParts(writer, [[OpCode.create2, creation(freshPath(), CreateFlag.persistent)]]),
      );
      expect(firstType(reply)).toBe(either(OpCode.create2, OpCode.create));
      client.drop();
    });

    test("create with the container flag in a multi", async () => {
      const client = await open();
      const reply = await client.call(OpCode.multi, (writer) =>
        writeParts(writer, [[OpCode.create, creation(freshPath(), CreateFlag.container)]]),
      );
      expect(firstType(reply)).toBe(either(OpCode.create, OpCode.create2));
      client.drop();
    });

    test("an unknown create flag in a multi", async () => {
      const client = await open();
      const reply = await client.call(OpCode.multi, (writer) =>
        writeParts(writer, [[OpCode.create, creation(freshPath(), 7)]]),
      );
      expect(reply.err).toBe(either(MARSHALLING, 0));
      if (reply.err === 0) expect(reply.body.readInt32BE(9)).toBe(BAD_ARGUMENTS);
      client.drop();
    });

    test("a TTL flag of create in a multi", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      const failing = client.send(OpCode.multi, (writer) =>
        writeParts(writer, [
          [OpCode.create, creation(`${path}/a`, CreateFlag.persistent)],
          [OpCode.create, creation(`${path}/b`, CreateFlag.persistentWithTtl)],
        ]),
      );
      const flags = CreateFlag.persistentSequential;
      const behind = await client.create(`${path}/`, { flags });
      expect((await client.reply(failing)).err).toBe(MARSHALLING);
      const [first, second] = [`${path}/0000000000`, `${path}/0000000001`];
      // There the count of the create that failed is seen if the next one comes in time.
      expect(either([first], [first, second])).toContain(pathIn(behind));
      client.drop();
    });

    test("a null path in a multi", async () => {
      const client = await open();
      const ask = (): Promise<Reply> =>
        client.call(OpCode.multi, (writer) => writeParts(writer, [[OpCode.setData, nullPath]]));
      const reply = await ask();
      // There without a txn, and the error has a body.
      expect([reply.err, reply.body.length]).toEqual(either([0, 9 + 4 + 9], [MARSHALLING, 9]));
      await takesZxid(client, ask);
      client.drop();
    });

    test("a null in an entry of an ACL", async () => {
      const client = await open();
      const reply = await client.create(freshPath(), { acl: [SOME_SCHEME] });
      expect(reply.err).toBe(either(INVALID_ACL, MARSHALLING));
      client.drop();
    });

    test("a write behind a setACL on its way", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      client.send(OpCode.setACL, (writer) => {
        writer.string(path);
        writer.int(CLOSED.length);
        for (const { perms, id } of CLOSED) {
          writer.int(perms);
          writer.string(id.scheme);
          writer.string(id.id);
        }
        writer.int(-1);
      });
      // Now and then Apache has applied the setACL by then.
      const { err } = await client.set(path, null);
      expect(either([NO_AUTH], [NO_AUTH, 0])).toContain(err);
      client.drop();
    });

    test("createContainer with another flag", async () => {
      const client = await open();
      const reply = await client.create(freshPath(), { type: OpCode.createContainer, flags: 0 });
      expect(reply.err).toBe(either(BAD_ARGUMENTS, 0));
      client.drop();
    });

    test("createTTL with another flag in a multi", async () => {
      const client = await open();
      const plain = creation(freshPath(), CreateFlag.persistent);
      const timed = (writer: Writer): void => {
        plain(writer);
        writer.long(1000);
      };
      const reply = await client.call(OpCode.multi, (writer) =>
        writeParts(writer, [[OpCode.createTTL, timed]]),
      );
      expect(firstType(reply)).toBe(either(OpCode.error, OpCode.create));
      client.drop();
    });

    test("several watch modes on one path and connection", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      await client.addWatch(path, AddWatchMode.persistent);
      await client.getData(path, true);
      await client.set(path, null);
      await client.set(path, null);
      // There the watch of getData takes the place of the one that stays.
      expect(client.events).toHaveLength(either(2, 1));
      client.drop();
    });

    test("watch types 4 and 5 of removeWatches, checkWatches", async () => {
      const client = await open();
      for (const type of [OpCode.removeWatches, OpCode.checkWatches]) {
        for (const kind of [WatcherType.persistent, WatcherType.persistentRecursive]) {
          const { err } = await client.watcher(type, freshPath(), kind);
          expect(err).toBe(either(NO_WATCHER, MARSHALLING));
        }
      }
      client.drop();
    });

    test("checkWatches for a watch of others", async () => {
      const path = freshPath();
      const [watcher, stranger] = [await open(), await open()];
      await watcher.exists(path, true);
      const { err } = await stranger.watcher(OpCode.checkWatches, path, WatcherType.any);
      expect(err).toBe(either(NO_WATCHER, 0));
      const bare = await stranger.watcher(OpCode.checkWatches, "no-path", WatcherType.any);
      expect(bare.err).toBe(either(NO_WATCHER, MARSHALLING));
      watcher.drop();
      stranger.drop();
    });

    test("addWatch and removeWatches of a null path", async () => {
      const client = await open();
      const ask = async (type: number, last: number): Promise<number> => {
        const reply = await client.call(type, (writer) => {
          writer.string(null);
          writer.int(last);
        });
        return reply.err;
      };
      expect(await ask(OpCode.removeWatches, WatcherType.any)).toBe(
        either(MARSHALLING, NO_WATCHER),
      );
      expect(await ask(OpCode.addWatch, AddWatchMode.persistent)).toBe(either(MARSHALLING, 0));
      client.drop();
    });

    test("a null list of setWatches", async () => {
      const path = freshPath();
      const client = await open();
      const lists = { dataWatches: [path], existWatches: null, childWatches: [] };
      const reply = await client.setWatches({ relativeZxid: 0, ...lists });
      expect(reply.err).toBe(MARSHALLING);
      // There what comes before the null is done.
      expect(client.events.map((event) => event.path)).toEqual(either([], [path]));
      client.drop();
    });

    test("a vector of fewer than -1 elements", async () => {
      const client = await open();
      const reply = await client.call(OpCode.setWatches, (writer) => {
        writer.long(0);
        for (let list = 0; list < 3; list++) writer.int(-2);
      });
      expect(reply.err).toBe(either(MARSHALLING, 0));
      client.drop();
    });

    test("characters beyond the BMP", async () => {
      const client = await open();
      const reply = await client.call(OpCode.sync, (writer) => writer.string("/😀"));
      // Java writes each half of the pair by itself.
      expect(pathIn(reply)).toBe(either("/😀", "/\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd"));
      client.drop();
    });

    test("reply to an auth or sasl packet", async () => {
      const client = await open();
      const write = client.sendCreate(freshPath());
      await client.auth("digest", "u:p");
      await client.reply(write);
      const order = client.frames.map(({ xid }) => xid);
      // There it is answered where it is read, and now and then the write was faster.
      expect(
        either(
          [[write, Xid.auth]],
          [
            [Xid.auth, write],
            [write, Xid.auth],
          ],
        ),
      ).toContainEqual(order);
      client.drop();
    });

    test("a sasl packet without a token", async () => {
      const client = await open();
      client.send(OpCode.sasl, (writer) => writer.buffer(null));
      if (peer.name === "quorate") expect((await client.ping()).err).toBe(0);
      else await client.untilClosed();
      client.drop();
    });

    test("a reconfig that does not decode", async () => {
      const client = await open();
      const ask = (): Promise<Reply> => client.call(OpCode.reconfig, (writer) => writer.int(9));
      expect((await ask()).err).toBe(MARSHALLING);
      await takesZxid(client, ask);
      client.drop();
    });

    test("reply to an unknown operation", async () => {
      const client = await open();
      const write = client.sendCreate(freshPath());
      const unknown = client.send(99);
      await client.untilClosed();
      const order = client.frames.map(({ xid }) => xid);
      const overtaken = [[unknown], [unknown, write], [write, unknown]];
      expect(either([[write, unknown]], overtaken)).toContainEqual(order);
      client.drop();
    });

    test("re-attach with a wrong password", async () => {
      const owner = await open();
      const { sessionHigh = 0, sessionLow = 0 } = owner.response ?? {};
      const password = Buffer.alloc(16, 1);
      const intruder = await RawClient.open(peer.port, { sessionHigh, sessionLow, password });
      expect(intruder.response?.timeoutMs).toBe(0);
      if (peer.name === "quorate") expect((await owner.ping()).err).toBe(0);
      else await until("the owner's connection is closed", () => owner.closed);
      owner.drop();
      intruder.drop();
    });

    test("the end of a connection that was refused", async () => {
      const client = await open();
      const { err } = await client.reply(client.send(99));
      expect(err).toBe(-6);
      // There it stays open once in some hundreds.
      if (peer.name === "quorate") await client.untilClosed();
      client.drop();
    });

    test("the connection that a session has left", async () => {
      const connections = [await open()];
      const { sessionHigh = 0, sessionLow = 0, password = null } = connections[0]?.response ?? {};
      for (let move = 0; move < 3; move++) {
        connections.push(await RawClient.open(peer.port, { sessionHigh, sessionLow, password }));
      }
      const left = connections.slice(0, -1);
      if (peer.name === "quorate") {
        for (const connection of left) await connection.untilClosed();
      }
      expect((await connections.at(-1)?.ping())?.err).toBe(0);
      for (const connection of connections) connection.drop();
    });

    test("requests behind closeSession", async () => {
      const client = await open();
      const ending = client.send(OpCode.closeSession);
      const behind = client.sendCreate(freshPath());
      await client.untilClosed();
      const answered = client.frames.map(({ xid }) => xid);
      // There, now and then.
      expect(either([[ending]], [[ending], [ending, behind]])).toContainEqual(answered);
      client.drop();
    });

    test("check outside a multi, deleteContainer and createSession from a client", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      client.send(OpCode.deleteContainer, (writer) => writer.string(path));
      // There it is executed as well as may be, and the connection stays.
      if (peer.name === "quorate") await client.untilClosed();
      else expect((await client.ping()).err).toBe(0);
      client.drop();
    });
  });
}

type Fill = (writer: Writer) => void;

function creation(path: string, flags: number): Fill {
  return (writer) => {
    writer.string(path);
    writer.buffer(null);
    writer.int(ANYONE.length);
    for (const { perms, id } of ANYONE) {
      writer.int(perms);
      writer.string(id.scheme);
      writer.string(id.id);
    }
    writer.int(flags);
  };
}

/** A SetDataRequest. */
function nullPath(writer: Writer): void {
  writer.string(null);
  writer.buffer(null);
  writer.int(-1);
}

// MultiRequest, and where its response has the first result's type.

function writeParts(writer: Writer, parts: readonly (readonly [number, Fill])[]): void {
  for (const [type, fill] of parts) {
    writer.int(type);
    writer.boolean(false);
    writer.int(-1);
    fill(writer);
  }
  writer.int(-1);
  writer.boolean(true);
  writer.int(-1);
}

function firstType(reply: Reply): number {
  expect(reply.err).toBe(0);
  return new Reader().reset(reply.body).int();
}
