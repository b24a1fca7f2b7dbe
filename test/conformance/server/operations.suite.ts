import { describe, expect, test } from "vitest";
import { CreateFlag, OpCode } from "../../../protocol/opcodes.ts";
import { children, data, path as pathIn, RawClient, stat } from "../../tools/raw-client.ts";
import { freshPath, type Peer } from "./peer.ts";

/** What single operations check, in which order, and what they leave in Stats. */
export function operationsSuite(peer: Peer): void {
  const port = (): number => peer.port;

  describe("a fresh tree", () => {
    // server-semantics 1.2, 1.2//, 1.2//zookeeper, 1.2//zookeeper/quota, 1.2//zookeeper/config, Trap 3
    // server-semantics 1.1/getData
    test("has the server's own znodes, and the empty path is the root", async () => {
      const client = await RawClient.open(port());
      expect(children(await client.getChildren("/"))).toContain("zookeeper");
      expect(children(await client.getChildren(""))).toEqual(
        children(await client.getChildren("/")),
      );
      expect(children(await client.getChildren("/zookeeper"))).toEqual(["config", "quota"]);
      expect(await client.statOf("/zookeeper")).toMatchObject({ cversion: -2, numChildren: 2 });
      expect(await client.statOf("/zookeeper/config")).toMatchObject({ aversion: -1, czxid: 0 });
      expect((await client.set("/zookeeper/config", null)).err).toBe(-102);
      expect((await client.create("/zookeeper/config/x")).err).toBe(-102);
      for (const reserved of ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"]) {
        expect((await client.delete(reserved)).err).toBe(-8);
      }
      expect((await client.create("/")).err).toBe(-110);
      client.drop();
    });
  });

  describe("paths", () => {
    // operations 7.9/8, Trap 31; server-semantics 1.1, 1.1/create family, Trap 7; client-protocol 9/-8 BADARGUMENTS
    test("of a create are looked at after the parent", async () => {
      const base = freshPath();
      const client = await RawClient.open(port());
      await client.create(base);
      for (const [path, err] of [
        [`${base}/./a`, -101],
        [`${base}/.`, -8],
        [`${base}/..`, -8],
        [`${base}//a`, -101],
        [`${base}/a/`, -101],
        [`${base}/`, -8],
        [`${base}/a\u0001`, -8],
        [`${base}/a\u0000`, -8],
        [`${base}/\u{1f600}`, -8],
        [`${base}/\ue000`, -8],
        [`${base}/.a`, 0],
        [`${base}/...`, 0],
        [`${base}/ü`, 0],
        ["relative", -8],
        ["rel/ative", -101],
        [null, -5],
      ] as const) {
        expect((await client.create(path)).err, `create ${path}`).toBe(err);
      }
      client.drop();
    });

    // operations 7.9/31
    test("may be named as JavaScript names what every object has", async () => {
      const base = freshPath();
      const names = ["__proto__", "constructor", "hasOwnProperty", "prototype", "toString"];
      const client = await RawClient.open(port());
      await client.create(base);
      for (const name of names) {
        const path = `${base}/${name}`;
        expect((await client.exists(path, true)).err, name).toBe(-101);
        expect((await client.delete(path)).err, name).toBe(-101);
        expect((await client.create(path, { data: Buffer.from(name), flags: 1 })).err).toBe(0);
        expect((await client.create(path)).err).toBe(-110);
        expect(data(await client.getData(path))).toEqual(Buffer.from(name));
      }
      expect(children(await client.getChildren(base))).toEqual(names);
      expect(client.events.map((event) => event.path)).toEqual(
        names.map((name) => `${base}/${name}`),
      );
      for (const name of names) expect((await client.delete(`${base}/${name}`)).err).toBe(0);
      expect(children(await client.getChildren(base))).toEqual([]);
      client.drop();
    });

    // server-semantics 1.1/delete deleteContainer, 1.1/setData setACL check, 1.1/exists
    test("of other operations are looked at as far as they look", async () => {
      const client = await RawClient.open(port());
      for (const path of ["/a//b", "/a/", "a", "/./a"]) {
        expect((await client.set(path, null)).err, `setData ${path}`).toBe(-8);
        expect((await client.exists(path)).err, `exists ${path}`).toBe(-101);
        expect((await client.getData(path)).err, `getData ${path}`).toBe(-101);
      }
      expect((await client.delete("/a//b")).err).toBe(-101);
      expect((await client.delete("nothing")).err).toBe(-8);
      expect((await client.delete(null)).err).toBe(-5);
      expect((await client.exists("/a\u0000")).err).toBe(-8);
      client.drop();
    });
  });

  describe("create", () => {
    // server-semantics 2.1/create create2 createContainer createTTL, 2.2/dataLength
    // server-semantics 2.2/others, client-protocol 6/1 create, 6/15 create2
    test("makes a znode of its txn, with the time of the server", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      const beforeMs = Date.now();
      const reply = await client.create(path, { data: Buffer.from("abc"), type: OpCode.create2 });
      expect(pathIn(reply)).toBe(path);
      const made = stat(reply);
      expect(made).toMatchObject({
        czxid: reply.zxid,
        mzxid: reply.zxid,
        pzxid: reply.zxid,
        version: 0,
        cversion: 0,
        aversion: 0,
        ownerHigh: 0,
        ownerLow: 0,
        dataLength: 3,
        numChildren: 0,
      });
      expect(made.ctime).toBe(made.mtime);
      expect(made.ctime).toBeGreaterThanOrEqual(beforeMs);
      expect(await client.statOf(path)).toEqual(made);
      const second = await client.create(`${path}/b`);
      expect(second.body.length).toBe(4 + path.length + 2);
      client.drop();
    });

    // client-protocol Trap 13, 1/buffer
    test("keeps null and empty data apart", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path, { data: null });
      expect(data(await client.getData(path))).toBe(null);
      await client.set(path, Buffer.alloc(0));
      expect(data(await client.getData(path))).toEqual(Buffer.alloc(0));
      client.drop();
    });

    // server-semantics 2.2/cversion, 2.2/numChildren, Trap 3, Trap 5, 2.1/delete deleteContainer
    test("and delete of a child change cversion, pzxid and the number of children, no more", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      const before = await client.statOf(path);
      const made = await client.create(`${path}/a`);
      const during = await client.statOf(path);
      expect(during).toEqual({ ...before, cversion: 1, numChildren: 1, pzxid: made.zxid });
      const removed = await client.delete(`${path}/a`);
      expect(await client.statOf(path)).toEqual({ ...before, cversion: 2, pzxid: removed.zxid });
      client.drop();
    });

    // server-semantics 2.4, Trap 1, Trap 2, 1.1/create family, client-protocol 5/2 PERSISTENT_SEQUENTIAL
    test("numbers by all creates under the parent, whatever was deleted or failed", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      const next = async (name: string): Promise<string | null> =>
        pathIn(await client.create(`${path}/${name}`, { flags: 2 }));
      expect(await next("a-")).toBe(`${path}/a-0000000000`);
      expect(await next("b-")).toBe(`${path}/b-0000000001`);
      await client.create(`${path}/plain`);
      await client.delete(`${path}/plain`);
      expect((await client.create(`${path}/plain/missing`)).err).toBe(-101);
      expect((await client.create(`${path}/b-0000000001`)).err).toBe(-110);
      expect(await next("a-")).toBe(`${path}/a-0000000003`);
      expect(await next("")).toBe(`${path}/0000000004`);
      client.drop();
    });

    // server-semantics 2.4
    test("numbers from 0 again under a parent that was made anew", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      for (let life = 0; life < 2; life++) {
        await client.create(path);
        const child = pathIn(await client.create(`${path}/s`, { flags: 2 }));
        expect(child).toBe(`${path}/s0000000000`);
        await client.delete(child);
        await client.delete(path);
      }
      client.drop();
    });

    // server-semantics 2.5/ephemeral, 2.5/persistent, 2.2/ephemeralOwner
    // client-protocol 9/-108 NOCHILDRENFOREPHEMERALS, 5/1 EPHEMERAL, 5/3 EPHEMERAL_SEQUENTIAL
    test("of an ephemeral names its session, and it can have no child", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path, { flags: CreateFlag.ephemeral });
      const { sessionHigh, sessionLow } = client.response ?? {};
      expect(await client.statOf(path)).toMatchObject({
        ownerHigh: sessionHigh,
        ownerLow: sessionLow,
      });
      expect((await client.create(`${path}/a`)).err).toBe(-108);
      const sequential = await client.create(`${path}-`, { flags: CreateFlag.ephemeralSequential });
      expect(pathIn(sequential)).toMatch(/-\d{10}$/);
      client.drop();
    });

    // server-semantics 2.5/container, 2.5, Trap 12, client-protocol 6/19 createContainer, 6, 5/4 CONTAINER
    test("of a container shows no owner, and with flag 4 alone it is a plain znode", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      const made = await client.create(path, { flags: 4, type: OpCode.createContainer });
      expect(made.err).toBe(0);
      expect(stat(made)).toMatchObject({ ownerHigh: 0, ownerLow: 0 });
      expect((await client.create(`${path}/e`, { flags: 1 })).err).toBe(0);
      expect((await client.create(`${path}-plain`, { flags: 4 })).err).toBe(0);
      if (peer.name === "quorate") {
        // Differs from ZooKeeper, where any flag makes a container.
        const odd = { flags: 0, type: OpCode.createContainer };
        expect((await client.create(`${path}-odd`, odd)).err).toBe(-8);
      }
      client.drop();
    });

    // client-protocol 5, 9/-6 UNIMPLEMENTED, 9/-8 BADARGUMENTS, server-semantics 3.2/create family
    test("with a flag that is unknown or not enabled is refused", async () => {
      const client = await RawClient.open(port());
      for (const [flags, err] of [
        [7, -8],
        [-1, -8],
        [5, -6],
        [6, -6],
      ] as const) {
        expect((await client.create(freshPath(), { flags })).err).toBe(err);
        expect((await client.createTTL(freshPath(), 1000, flags)).err).toBe(err);
      }
      expect((await client.createTTL(freshPath(), 0)).err).toBe(-6);
      expect((await client.createTTL(freshPath(), 1000, CreateFlag.persistent)).err).toBe(-8);
      client.drop();
    });

    // server-semantics 3.2/create family, Trap 7
    // server-semantics 7.2/1; client-protocol 9/-114 INVALIDACL, 9/-101 NONODE, 9/-110 NODEEXISTS
    test("tells of the ACL before the parent, of the parent before the znode", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      expect((await client.create(`${path}/x/y`, { acl: [] })).err).toBe(-114);
      expect((await client.create(`${path}/x/y`, { acl: null })).err).toBe(-114);
      expect((await client.create(`${path}/x/y`)).err).toBe(-101);
      await client.create(path);
      expect((await client.create(path)).err).toBe(-110);
      client.drop();
    });
  });

  describe("setData and delete", () => {
    // server-semantics 2.3, 2.1/setData reconfig, client-protocol 9/-103 BADVERSION
    test("compare the version, of which -1 is any", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      expect((await client.set(path, Buffer.from("1"), 0)).err).toBe(0);
      expect((await client.set(path, Buffer.from("2"), 0)).err).toBe(-103);
      const set = await client.set(path, Buffer.from("3"));
      const before = await client.statOf(path);
      expect(stat(set)).toEqual(before);
      expect(before).toMatchObject({ version: 2, mzxid: set.zxid, cversion: 0, aversion: 0 });
      expect((await client.delete(path, 1)).err).toBe(-103);
      expect((await client.delete(path, 2)).err).toBe(0);
      expect((await client.exists(path)).err).toBe(-101);
      client.drop();
    });

    // server-semantics 3.2/delete, Trap 7, client-protocol 9/-111 NOTEMPTY
    test("tell of the version before the children", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      await client.create(`${path}/a`);
      expect((await client.delete(path, 9)).err).toBe(-103);
      expect((await client.delete(path)).err).toBe(-111);
      expect((await client.delete(`${path}/nope`)).err).toBe(-101);
      client.drop();
    });
  });

  describe("pipelined requests", () => {
    // server-semantics 3.3, 3.3/stat, 3.3/childCount, 3.3/zxid path, Trap 8
    test("see what is on its way before them", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      client.sendCreate(path);
      client.sendCreate(`${path}/a`);
      client.sendDelete(path);
      client.sendSet(path, null, 0);
      const last = client.sendSet(path, null, 0);
      await client.reply(last);
      expect(client.frames.map((frame) => frame.err)).toEqual([0, 0, -111, 0, -103]);
      client.drop();
    });

    // server-semantics 3.3, 2.4
    test("get consecutive numbers, and a delete frees the path at once", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      client.sendCreate(path);
      const first = client.sendCreate(`${path}/s`, { flags: 2 });
      const second = client.sendCreate(`${path}/s`, { flags: 2 });
      client.sendDelete(`${path}/s0000000000`);
      const again = client.sendCreate(`${path}/s0000000000`);
      const third = client.sendCreate(`${path}/s`, { flags: 2 });
      expect(pathIn(await client.reply(first))).toBe(`${path}/s0000000000`);
      expect(pathIn(await client.reply(second))).toBe(`${path}/s0000000001`);
      expect((await client.reply(again)).err).toBe(0);
      expect(pathIn(await client.reply(third))).toBe(`${path}/s0000000003`);
      client.drop();
    });
  });
}
