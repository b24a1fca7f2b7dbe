import { describe, expect, test } from "vitest";
import { CreateFlag, OpCode } from "../../../protocol/opcodes.ts";
import { data, RawClient, stat } from "../../tools/raw-client.ts";
import { freshPath, type Peer, testOurs } from "./peer.ts";

const LIMITS = "zookeeper_limits";
const STATS = "zookeeper_stats";
const EXCEEDED = -125;

/** Quotas in Apache's layout, on servers that enforce hard limits. */
export function quotaSuite(peer: Peer): void {
  const open = (): Promise<RawClient> => RawClient.open(peer.port);

  /** Makes a quota as zkCli does: what is missing on the way, the limits, then the statistics. */
  async function setQuota(client: RawClient, path: string, limits: string): Promise<void> {
    await makeWay(client, path);
    await put(client, quotaOf(path, LIMITS), limits);
    await put(client, quotaOf(path, STATS), "count=0,bytes=0");
  }

  async function makeWay(client: RawClient, path: string): Promise<void> {
    let way = "/zookeeper/quota";
    for (const name of path.split("/").slice(1)) {
      way += `/${name}`;
      expect([0, -110]).toContain((await client.create(way)).err);
    }
  }

  async function put(client: RawClient, path: string, text: string): Promise<void> {
    expect((await client.create(path, { data: Buffer.from(text) })).err).toBe(0);
  }

  function quotaOf(path: string, name: string): string {
    return `/zookeeper/quota${path}/${name}`;
  }

  async function textOf(client: RawClient, path: string): Promise<string> {
    const reply = await client.getData(path);
    expect(reply.err).toBe(0);
    return data(reply)?.toString() ?? "null";
  }

  const statsOf = (client: RawClient, path: string): Promise<string> =>
    textOf(client, quotaOf(path, STATS));

  const bytes = (length: number): Buffer => Buffer.alloc(length, "x");

  describe("statistics of a quota", () => {
    // server-semantics 9.1/limit node, 9.1/stats node, 9.1/who creates them, 9.1/initial stats (A), 9.1/update (A)
    test("begin with what is there and follow every change below it", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path, { data: bytes(3) });
      await client.create(`${path}/a`, { data: bytes(4) });
      await setQuota(client, path, "count=5,bytes=-1");
      expect(await statsOf(client, path)).toBe("count=2,bytes=7");
      await client.create(`${path}/a/b`, { data: bytes(10) });
      expect(await statsOf(client, path)).toBe("count=3,bytes=17");
      await client.set(`${path}/a`, bytes(1));
      expect(await statsOf(client, path)).toBe("count=3,bytes=14");
      await client.set(path, null);
      expect(await statsOf(client, path)).toBe("count=3,bytes=11");
      await client.create(`${path}/n`, { data: null });
      await client.create(`${path}/s-`, { flags: CreateFlag.ephemeralSequential });
      expect(await statsOf(client, path)).toBe("count=5,bytes=11");
      await client.delete(`${path}/a/b`);
      expect(await statsOf(client, path)).toBe("count=4,bytes=1");
      await client.multi([
        { type: OpCode.delete, request: { path: `${path}/a`, version: -1 } },
        { type: OpCode.delete, request: { path: `${path}/n`, version: -1 } },
      ]);
      expect(await statsOf(client, path)).toBe("count=2,bytes=0");
      client.drop();
    });

    // server-semantics 9.1/initial stats (A)
    test("are told to their creator as it wrote them", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path, { data: bytes(1234) });
      await makeWay(client, path);
      await put(client, quotaOf(path, LIMITS), "count=5,bytes=-1");
      const text = Buffer.from("count=0,bytes=0");
      const reply = await client.create(quotaOf(path, STATS), { data: text, type: OpCode.create2 });
      expect(stat(reply).dataLength).toBe(text.length);
      expect(await statsOf(client, path)).toBe("count=1,bytes=1234");
      client.drop();
    });

    // server-semantics 9.1/update (A)
    test("lose a session's ephemerals when it ends", async () => {
      const path = freshPath();
      const client = await open();
      const other = await open();
      await client.create(path);
      await setQuota(client, path, "count=5");
      await other.create(`${path}/e`, { data: bytes(4), flags: CreateFlag.ephemeral });
      await other.create(`${path}/f`, { data: bytes(4), flags: CreateFlag.ephemeral });
      expect(await statsOf(client, path)).toBe("count=3,bytes=8");
      await other.call(OpCode.closeSession);
      expect(await statsOf(client, path)).toBe("count=1,bytes=0");
      client.drop();
      other.drop();
    });

    // server-semantics 9.1/update (A)
    test("are those of the deepest quota around a change alone", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      await client.create(`${path}/in`);
      await setQuota(client, path, "count=100");
      await setQuota(client, `${path}/in`, "count=100");
      await client.create(`${path}/in/a`, { data: bytes(5) });
      await client.set(`${path}/in`, bytes(2));
      expect(await statsOf(client, `${path}/in`)).toBe("count=2,bytes=7");
      expect(await statsOf(client, path)).toBe("count=2,bytes=0");
      await client.create(`${path}/inn`, { data: bytes(1) });
      expect(await statsOf(client, path)).toBe("count=3,bytes=1");
      client.drop();
    });

    // server-semantics 9.1/activation (A)
    test("stand still while there are no limits", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      await setQuota(client, path, "count=100");
      expect((await client.delete(quotaOf(path, LIMITS))).err).toBe(0);
      await client.create(`${path}/a`);
      expect(await statsOf(client, path)).toBe("count=1,bytes=0");
      await put(client, quotaOf(path, LIMITS), "count=100");
      await client.create(`${path}/b`);
      expect(await statsOf(client, path)).toBe("count=2,bytes=0");
      client.drop();
    });

    // server-semantics 9.1/activation (A), 9.1/initial stats (A)
    test("may be there before what they are of", async () => {
      const path = freshPath();
      const client = await open();
      await setQuota(client, path, "count=100");
      expect(await statsOf(client, path)).toBe("count=0,bytes=0");
      await client.create(path, { data: bytes(3) });
      expect(await statsOf(client, path)).toBe("count=1,bytes=3");
      await client.delete(path);
      expect(await statsOf(client, path)).toBe("count=0,bytes=0");
      client.drop();
    });

    // server-semantics 9.1/visibility, Trap 24
    test("change in silence: their length, and nothing else that can be seen", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      await setQuota(client, path, "count=100");
      const stats = quotaOf(path, STATS);
      await client.getData(stats, true);
      const before = await client.statOf(stats);
      for (let i = 0; i < 10; i++) await client.create(`${path}/${i}`);
      expect(await statsOf(client, path)).toBe("count=11,bytes=0");
      expect(await client.statOf(stats)).toEqual({ ...before, dataLength: before.dataLength + 1 });
      expect(client.events).toEqual([]);
      await client.set(stats, Buffer.from("count=0"));
      expect(client.events).toMatchObject([{ path: stats }]);
      client.drop();
    });

    // server-semantics 9.1/text format
    test("go on from whatever a client wrote that can be read", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      await setQuota(client, path, "count=100");
      for (const [written, after] of [
        ["count=5,bytes=7", "count=6,bytes=9"],
        ["", "count=0,bytes=1"],
        ["bytes=3", "count=0,bytes=5"],
        ["count==9", "count=0,bytes=1"],
        ["count=+5;;bytes=-9", "count=6,bytes=-7"],
        ["count=1,bytes=2=;b=3;a=4", "count=2,bytes=4=;a=4;b=3"],
        ["bytes=8;B=1;count=3;a=2=x,count=4", "count=5,bytes=10=;B=1;a=2"],
        ["count=9223372036854775807,bytes=0", "count=-9223372036854775808,bytes=2"],
        ["count=9007199254740993,bytes=0", "count=9007199254740994,bytes=2"],
        ["countHardLimit=5", "count=0,bytes=1=;countHardLimit=5"],
      ] as const) {
        await client.set(quotaOf(path, STATS), Buffer.from(written));
        await client.create(`${path}/x`, { data: bytes(2) });
        expect(await statsOf(client, path), written).toBe(after);
        await client.delete(`${path}/x`);
      }
      client.drop();
    });

    // server-semantics 9.1/stats node; operations 7.9/19
    // An unreadable text stops an Apache server: the txn that changes it cannot be applied.
    testOurs(peer, "that cannot be read stand still, and stop nobody", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      await setQuota(client, path, "count=100");
      for (const text of ["garbage", "count=x", "count=1,bytes=99999999999999999999", "=="]) {
        await client.set(quotaOf(path, STATS), Buffer.from(text));
        expect((await client.create(`${path}/x`)).err, text).toBe(0);
        expect((await client.delete(`${path}/x`)).err, text).toBe(0);
        expect(await statsOf(client, path)).toBe(text === "==" ? "count=-1,bytes=-1=;=-1" : text);
      }
      await client.delete(quotaOf(path, STATS));
      expect((await client.create(`${path}/x`)).err).toBe(0);
      await client.set(quotaOf(path, LIMITS), Buffer.from("garbage"));
      expect((await client.create(`${path}/y`)).err).toBe(0);
      await client.delete(quotaOf(path, LIMITS));
      // Directly below the root of all quotas: the root itself has none.
      await put(client, `/zookeeper/quota/${LIMITS}`, "count=1,bytes=1=;countHardLimit=1");
      expect((await client.create(`${path}/z`)).err).toBe(0);
      await client.delete(`/zookeeper/quota/${LIMITS}`);
      client.drop();
    });
  });

  describe("a limit of a quota", () => {
    // server-semantics 9.1/soft limits count bytes
    test("that is soft refuses nothing", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      await setQuota(client, path, "count=1,bytes=1");
      expect((await client.create(`${path}/a`, { data: bytes(9) })).err).toBe(0);
      expect((await client.set(path, bytes(9))).err).toBe(0);
      expect(await statsOf(client, path)).toBe("count=2,bytes=18");
      client.drop();
    });

    // server-semantics 9.1/hard limits countHardLimit byteHardLimit (3.7+); client-protocol 9/-125 QUOTAEXCEEDED (3.7+)
    test("of znodes that is hard refuses the one too many, of every kind", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      await setQuota(client, path, "count=1,bytes=-1=;countHardLimit=2");
      expect((await client.create(`${path}/a`)).err).toBe(0);
      for (const flags of [
        CreateFlag.persistent,
        CreateFlag.ephemeral,
        CreateFlag.persistentSequential,
      ]) {
        expect((await client.create(`${path}/b`, { flags })).err).toBe(EXCEEDED);
      }
      const container = { type: OpCode.createContainer, flags: CreateFlag.container };
      expect((await client.create(`${path}/b`, container)).err).toBe(EXCEEDED);
      expect((await client.set(`${path}/a`, bytes(99))).err).toBe(0);
      await client.delete(`${path}/a`);
      expect((await client.create(`${path}/b`)).err).toBe(0);
      client.drop();
    });

    // server-semantics 9.1/hard limits countHardLimit byteHardLimit (3.7+); client-protocol 9/-125 QUOTAEXCEEDED (3.7+)
    test("of bytes that is hard refuses what goes beyond it, a smaller one that still does too", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path, { data: bytes(20) });
      await setQuota(client, path, "count=-1,bytes=-1=;byteHardLimit=10");
      expect((await client.create(`${path}/a`)).err).toBe(0);
      expect((await client.create(`${path}/b`, { data: bytes(1) })).err).toBe(EXCEEDED);
      expect((await client.set(path, bytes(15))).err).toBe(EXCEEDED);
      expect((await client.set(path, bytes(20))).err).toBe(0);
      expect((await client.set(path, bytes(10))).err).toBe(0);
      expect((await client.set(path, bytes(11))).err).toBe(EXCEEDED);
      expect((await client.set(`${path}/a`, bytes(1))).err).toBe(EXCEEDED);
      expect((await client.delete(`${path}/a`)).err).toBe(0);
      expect(await statsOf(client, path)).toBe("count=1,bytes=10");
      client.drop();
    });

    // server-semantics 9.1/hard limits countHardLimit byteHardLimit (3.7+)
    test("that is hard takes the place of the soft one of its kind", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      await setQuota(client, path, "count=1,bytes=1=;countHardLimit=2");
      expect((await client.create(`${path}/a`, { data: bytes(5) })).err).toBe(0);
      expect((await client.create(`${path}/b`)).err).toBe(EXCEEDED);
      await client.set(quotaOf(path, LIMITS), Buffer.from("countHardLimit=0"));
      expect((await client.create(`${path}/b`)).err).toBe(EXCEEDED);
      expect((await client.set(`${path}/a`, bytes(50))).err).toBe(0);
      client.drop();
    });

    // server-semantics 9.1/basis, 3.5
    test("is compared with what is committed: one multi may pass it", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      await setQuota(client, path, "count=-1,bytes=-1=;countHardLimit=2");
      const create = (name: string): { type: 1; request: object } => ({
        type: OpCode.create,
        request: {
          path: `${path}/${name}`,
          data: null,
          acl: [{ perms: 31, id: { scheme: "world", id: "anyone" } }],
          flags: 0,
        },
      });
      const both = [create("a"), create("b")] as Parameters<typeof client.multi>[0];
      const { results } = await client.multi(both);
      expect(results.map((result) => result.type)).toEqual([OpCode.create, OpCode.create]);
      expect(await statsOf(client, path)).toBe("count=3,bytes=0");
      const refused = [create("c")] as Parameters<typeof client.multi>[0];
      expect((await client.multi(refused)).results).toMatchObject([{ err: EXCEEDED }]);
      client.drop();
    });

    // server-semantics 3.2/create family, 3.2/setData, 3.3/data
    test("is looked at after rights and before versions", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      await client.create(`${path}/a`);
      await client.create(`${path}/e`, { flags: CreateFlag.ephemeral });
      await client.create(`${path}/r`, {
        acl: [{ perms: 1, id: { scheme: "world", id: "anyone" } }],
      });
      await setQuota(client, path, "count=-1,bytes=-1=;countHardLimit=1;byteHardLimit=1");
      expect((await client.create(`${path}/a`)).err).toBe(-110);
      expect((await client.create(`${path}/e/x`)).err).toBe(-108);
      expect((await client.create(`${path}/r/x`)).err).toBe(-102);
      expect((await client.create(`${path}/x/y`)).err).toBe(-101);
      expect((await client.set(`${path}/a`, bytes(9), 7)).err).toBe(EXCEEDED);
      expect((await client.set(`${path}/r`, bytes(9))).err).toBe(-102);
      client.drop();
    });

    // server-semantics 3.3/data, 9.1/basis
    test("of bytes asks what a write adds to the one before it, though that is under way", async () => {
      const path = freshPath();
      const client = await open();
      await client.create(path);
      await setQuota(client, path, "count=-1,bytes=-1=;byteHardLimit=10");
      const first = client.sendSet(path, bytes(10));
      // As long as what will be there: nothing is asked, whatever is committed.
      const second = client.sendSet(path, bytes(10));
      expect((await client.reply(first)).err).toBe(0);
      expect((await client.reply(second)).err).toBe(0);
      expect(await statsOf(client, path)).toBe("count=1,bytes=10");
      client.drop();
    });
  });
}
