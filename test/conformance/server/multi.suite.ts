import { describe, expect, test } from "vitest";
import type { MultiOp, MultiResult } from "../../../protocol/multi.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { ANYONE, path as pathIn, RawClient } from "../../tools/raw-client.ts";
import { freshPath, type Peer, undisturbed } from "./peer.ts";

type CreateType = typeof OpCode.create | typeof OpCode.create2 | typeof OpCode.createContainer;

function create(path: string, flags = 0, type: CreateType = OpCode.create): MultiOp {
  return { type, request: { path, data: Buffer.alloc(0), acl: [...ANYONE], flags } };
}

function set(path: string, version = -1): MultiOp {
  return { type: OpCode.setData, request: { path, data: Buffer.from("set"), version } };
}

function remove(path: string, version = -1): MultiOp {
  return { type: OpCode.delete, request: { path, version } };
}

function check(path: string, version = -1): MultiOp {
  return { type: OpCode.check, request: { path, version } };
}

function codes(results: readonly MultiResult[]): number[] {
  return results.map((result) => (result.type === OpCode.error ? result.err : 0));
}

/** Several operations as one. */
export function multiSuite(peer: Peer): void {
  const port = (): number => peer.port;

  describe("a multi", () => {
    // client-protocol 6/14 multi, 7/all succeed, 7/1, 7/2, 7/5, 7/13, server-semantics 3.5
    test("answers each operation in order, under one zxid", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      const { reply, results } = await client.multi([
        create(path),
        create(`${path}/c`),
        set(path, 0),
        check(path, 1),
        remove(`${path}/c`),
      ]);
      expect(reply.err).toBe(0);
      expect(results).toMatchObject([
        { type: OpCode.create, path },
        { type: OpCode.create, path: `${path}/c` },
        { type: OpCode.setData, stat: { version: 1, numChildren: 1, mzxid: reply.zxid } },
        { type: OpCode.check },
        { type: OpCode.delete },
      ]);
      expect(await client.statOf(path)).toMatchObject({
        czxid: reply.zxid,
        mzxid: reply.zxid,
        pzxid: reply.zxid,
        numChildren: 0,
      });
      client.drop();
    });

    // client-protocol 7/15
    test("answers create2 and createContainer with path and Stat", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      const { results } = await client.multi([
        create(path, 0, OpCode.create2),
        create(`${path}-c`, 4, OpCode.createContainer),
      ]);
      expect(results[1]).toMatchObject({ type: OpCode.create2, stat: { ownerHigh: 0 } });
      // Differs from 3.8.0, which answers create2 as a plain create (docs/compatibility.md).
      const type = peer.name === "quorate" ? OpCode.create2 : OpCode.create;
      expect(results[0]?.type).toBe(type);
      client.drop();
    });

    // client-protocol 7/op k fails, Trap 5, 9/-2 RUNTIMEINCONSISTENCY
    // server-semantics 3.5, Trap 9, Trap 10
    test("that fails changes nothing: zeros, the code, and -2 behind it", () =>
      undisturbed(async () => {
        const path = freshPath();
        const client = await RawClient.open(port());
        await client.create(path);
        const before = await client.statOf(path);
        const { reply, results } = await client.multi([
          create(`${path}/a`),
          set(path),
          check(path, 77),
          create(`${path}/b`),
          remove("/nowhere"),
        ]);
        expect(reply.err).toBe(0);
        expect(codes(results)).toEqual([0, 0, -103, -2, -2]);
        expect(results.every((result) => result.type === OpCode.error)).toBe(true);
        expect(await client.statOf(path)).toEqual(before);
        // The number that the failed create would have had is free, and the parent can go.
        const next = await client.create(`${path}/s`, { flags: 2 });
        expect(pathIn(next)).toBe(`${path}/s0000000000`);
        expect(next.zxid).toBe(reply.zxid + 1);
        client.drop();
      }));

    // client-protocol 7/empty multi
    test("without operations succeeds and consumes a zxid", () =>
      undisturbed(async () => {
        const client = await RawClient.open(port());
        const { zxid } = await client.ping();
        const { reply, results } = await client.multi([]);
        expect(reply).toMatchObject({ err: 0, zxid: zxid + 1 });
        expect(results).toEqual([]);
        client.drop();
      }));

    // client-protocol 7/undecodable
    test("with an operation that no multi may hold is refused as a whole", async () => {
      const client = await RawClient.open(port());
      for (const type of [OpCode.getData, OpCode.setACL, OpCode.closeSession]) {
        const reply = await client.call(OpCode.multi, (writer) => {
          writer.int(type);
          writer.boolean(false);
          writer.int(-1);
          writer.string("/");
          writer.boolean(false);
        });
        expect(reply.err).toBe(-5);
        expect(reply.body.length).toBe(0);
      }
      expect((await client.ping()).err).toBe(0);
      client.drop();
    });

    // server-semantics 3.5
    test("sees its own earlier operations", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      const { results, reply } = await client.multi([
        remove(path),
        create(path),
        create(`${path}/s`, 2),
        create(`${path}/s`, 2),
        remove(`${path}/s0000000000`),
      ]);
      expect(results[3]).toMatchObject({ path: `${path}/s0000000001` });
      expect(await client.statOf(path)).toMatchObject({
        czxid: reply.zxid,
        version: 0,
        numChildren: 1,
        cversion: 3,
      });
      client.drop();
    });

    // server-semantics 3.5, 2.5
    test("makes no child under an ephemeral of its own", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      const { results } = await client.multi([create(path, 1), create(`${path}/a`)]);
      expect(codes(results)).toEqual([0, -108]);
      expect((await client.exists(path)).err).toBe(-101);
      client.drop();
    });

    // server-semantics 3.3, 3.5, Trap 9, Trap 13
    test("that failed leaves no trace in what its session owns", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path, { flags: 1 });
      await client.multi([remove(path), create(path, 1), create(`${path}x`, 1), check("/no")]);
      await client.create(`${path}y`, { flags: 1 });
      const other = await RawClient.open(port());
      await client.call(OpCode.closeSession);
      expect((await other.exists(path)).err).toBe(-101);
      expect((await other.exists(`${path}y`)).err).toBe(-101);
      expect((await other.create(path)).err).toBe(0);
      other.drop();
    });

    // server-semantics 3.5, 6.2, Trap 14
    test("fires its events in order, under its zxid; one that fails fires none", async () => {
      const path = freshPath();
      const watcher = await RawClient.open(port());
      await watcher.create(path);
      await watcher.getChildren(path, true);
      await watcher.exists(`${path}/a`, true);
      await watcher.getData(path, true);
      const client = await RawClient.open(port());
      await client.multi([create(`${path}/a`), check("/no")]);
      await watcher.ping();
      expect(watcher.events).toEqual([]);
      const { reply } = await client.multi([create(`${path}/a`), set(path), remove(`${path}/a`)]);
      await watcher.ping();
      const zxid = peer.name === "quorate" ? reply.zxid : -1;
      expect(watcher.events).toEqual([
        { type: 1, path: `${path}/a`, zxid },
        { type: 4, path, zxid },
        { type: 3, path, zxid },
      ]);
      client.drop();
      watcher.drop();
    });
  });
}
