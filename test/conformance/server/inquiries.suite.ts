import { describe, expect, test } from "vitest";
import {
  readGetAllChildrenNumberResponse,
  readGetEphemeralsResponse,
  readWhoAmIResponse,
} from "../../../protocol/inquiries.ts";
import { Reader } from "../../../protocol/jute.ts";
import type { MultiReadOp } from "../../../protocol/multi-read.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { writePathRequest } from "../../../protocol/proto.ts";
import { RawClient, type Reply } from "../../tools/raw-client.ts";
import { until } from "../../tools/until.ts";
import { freshPath, type Peer } from "./peer.ts";

/** What is asked about many znodes at once, or about oneself. */
export function inquiriesSuite(peer: Peer): void {
  const port = (): number => peer.port;

  describe("getEphemerals", () => {
    // client-protocol 6/103 getEphemerals, server-semantics 7.3/getEphemerals sync addWatch setWatches removeWatches whoAmI
    test("names the paths of one's own session that begin with a text", async () => {
      const base = freshPath();
      const client = await RawClient.open(port());
      const other = await RawClient.open(port());
      await other.create(`${base}-other`, { flags: 1 });
      for (const name of ["-a", "-ab", "-b"]) await client.create(base + name, { flags: 1 });
      await client.create(`${base}-persistent`);
      const all = [`${base}-a`, `${base}-ab`, `${base}-b`];
      expect(await ephemerals(client, `${base}-a`)).toEqual(all.slice(0, 2));
      for (const everywhere of [null, "", "/", "  ", " / "]) {
        expect(await ephemerals(client, everywhere), `prefix ${everywhere}`).toEqual(all);
      }
      expect(await ephemerals(client, base.slice(1))).toEqual([]);
      await client.delete(`${base}-a`);
      expect(await ephemerals(client, null)).toEqual(all.slice(1));
      client.drop();
      other.drop();
    });
  });

  describe("getAllChildrenNumber", () => {
    // client-protocol 6/104 getAllChildrenNumber
    test("counts descendants of every generation", async () => {
      const base = freshPath();
      const client = await RawClient.open(port());
      await client.create(base);
      expect(await descendants(client, base)).toBe(0);
      for (const name of ["/a", "/a/b", "/a/b/c", "/d"]) await client.create(base + name);
      await client.create(`${base}x`);
      expect(await descendants(client, base)).toBe(4);
      await client.delete(`${base}/d`);
      expect(await descendants(client, base)).toBe(3);
      expect(await descendants(client, `${base}/a/b`)).toBe(1);
      expect(await descendants(client, "/zookeeper")).toBe(2);
      // Ephemerals of other tests may go between two questions, but not for ever.
      let deeper = `${base}/a/b/c`;
      await until("the root has one descendant more for one that is made", async () => {
        const before = await descendants(client, "/");
        await client.create((deeper += "/d"));
        return (await descendants(client, "/")) === before + 1;
      });
      expect((await ask(client, `${base}/nope`)).err).toBe(-101);
      client.drop();
    });

    // server-semantics 7.3/getData getChildren(2) getAllChildrenNumber check
    test("asks for READ", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      const unreadable = [{ perms: 30, id: { scheme: "world", id: "anyone" } }];
      await client.create(path, { acl: unreadable });
      expect((await ask(client, path)).err).toBe(-102);
      client.drop();
    });
  });

  describe("whoAmI", () => {
    // client-protocol 6/107 whoAmI
    test("names each identity of the connection, without what proves it", async () => {
      const client = await RawClient.open(port());
      expect(await identities(client)).toEqual(["ip:127.0.0.1"]);
      await client.auth("digest", "u:p");
      await client.auth("digest", "super:secret");
      expect(await identities(client)).toEqual([
        "digest:super",
        "digest:u",
        "ip:127.0.0.1",
        "super:",
      ]);
      client.drop();
    });
  });

  describe("multiRead", () => {
    // client-protocol 6/22 multiRead, 7/multiRead, 7/4 / 8
    test("answers each of its reads on its own", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path, { data: Buffer.from("x") });
      await client.create(`${path}/child`);
      await client.create(`${path}/secret`, {
        acl: [{ perms: 30, id: { scheme: "world", id: "anyone" } }],
      });
      const results = await client.multiRead([
        read(OpCode.getData, path),
        read(OpCode.getChildren, path),
        read(OpCode.getData, `${path}/nope`),
        read(OpCode.getData, `${path}/secret`),
        read(OpCode.getChildren, `${path}//`),
        read(OpCode.getData, `${path}/child`),
      ]);
      expect(results).toMatchObject([
        { type: 4, data: Buffer.from("x"), stat: { numChildren: 2, dataLength: 1 } },
        { type: 8 },
        { type: -1, err: -101 },
        { type: -1, err: -102 },
        { type: -1, err: -101 },
        { type: 4, data: Buffer.alloc(0) },
      ]);
      const names = results.flatMap((result) =>
        result.type === OpCode.getChildren ? (result.children ?? []) : [],
      );
      expect(names.toSorted()).toEqual(["child", "secret"]);
      expect(await client.multiRead([])).toEqual([]);
      client.drop();
    });

    // client-protocol Trap 15
    test("sets no watch", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      await client.multiRead([
        read(OpCode.getData, path, true),
        read(OpCode.getChildren, path, true),
      ]);
      await client.set(path, null);
      await client.create(`${path}/a`);
      await client.ping();
      expect(client.events).toEqual([]);
      client.drop();
    });

    // client-protocol 7/multiRead with any other op
    test("of anything but getData and getChildren is refused as a whole", async () => {
      const client = await RawClient.open(port());
      for (const type of [OpCode.exists, OpCode.getChildren2, OpCode.create, OpCode.multi]) {
        const reply = await client.call(OpCode.multiRead, (writer) => {
          writer.int(type);
          writer.boolean(false);
          writer.int(-1);
          writer.raw(Buffer.alloc(40));
        });
        expect(reply.err, `operation ${type}`).toBe(-5);
      }
      expect((await client.ping()).err).toBe(0);
      client.drop();
    });

    // server-semantics 3.6
    test("keeps its place behind the session's own writes and before what follows", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      client.sendCreate(path);
      const reading = client.multiRead([read(OpCode.getData, path)]);
      const last = client.sendSet(path, Buffer.from("later"));
      await client.reply(last);
      expect(client.frames.map(({ xid }) => xid)).toEqual([1, 2, 3]);
      expect(await reading).toMatchObject([{ data: Buffer.alloc(0) }]);
      client.drop();
    });
  });

  describe("a read", () => {
    // client-protocol 1/ustring (string), Trap 13; server-semantics 12/undecodable body of an ordinary request
    test("of a null path is no request", async () => {
      const client = await RawClient.open(port());
      const { exists, getData, getChildren, getChildren2, getACL, getAllChildrenNumber } = OpCode;
      for (const type of [exists, getData, getChildren, getChildren2]) {
        const reply = await client.call(type, (writer) => {
          writer.string(null);
          writer.boolean(true);
        });
        expect(reply.err, `operation ${type}`).toBe(-5);
      }
      for (const type of [getACL, getAllChildrenNumber]) {
        const reply = await client.call(type, (writer) => writePathRequest(writer, { path: null }));
        expect(reply.err, `operation ${type}`).toBe(-5);
      }
      client.drop();
    });
  });
}

function read(type: MultiReadOp["type"], path: string, watch = false): MultiReadOp {
  return { type, request: { path, watch } };
}

async function ephemerals(client: RawClient, prefix: string | null): Promise<string[]> {
  const reply = await client.call(OpCode.getEphemerals, (writer) =>
    writePathRequest(writer, { path: prefix }),
  );
  expect(reply.err).toBe(0);
  const response = readGetEphemeralsResponse(new Reader().reset(reply.body));
  return (response.ephemerals ?? []).toSorted();
}

function ask(client: RawClient, path: string): Promise<Reply> {
  return client.call(OpCode.getAllChildrenNumber, (writer) => writePathRequest(writer, { path }));
}

async function descendants(client: RawClient, path: string): Promise<number> {
  const reply = await ask(client, path);
  expect(reply.err).toBe(0);
  expect(reply.body.length).toBe(4);
  return readGetAllChildrenNumberResponse(new Reader().reset(reply.body)).totalNumber;
}

async function identities(client: RawClient): Promise<string[]> {
  const { body } = await client.call(OpCode.whoAmI);
  const { clientInfo } = readWhoAmIResponse(new Reader().reset(body));
  return (clientInfo ?? []).map(({ authScheme, user }) => `${authScheme}:${user}`).toSorted();
}
