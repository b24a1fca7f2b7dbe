import { describe, expect, test } from "vitest";
import type { MultiOp } from "../../../protocol/multi.ts";
import { AddWatchMode, CreateFlag, OpCode } from "../../../protocol/opcodes.ts";
import { ANYONE, path as pathIn, RawClient, stat } from "../../tools/raw-client.ts";
import { until } from "../../tools/until.ts";
import { freshPath, type Peer, testOurs } from "./peer.ts";

/** How often the servers look for what is over. */
export const TTL_CHECK_MS = 300;

/** Longer than any test. */
const LONG_MS = 3_600_000;
const TTL_MAX_MS = 2 ** 40 - 1;

const { persistentWithTtl, persistentSequentialWithTtl } = CreateFlag;

/** Znodes with a time to live, on servers that have them enabled. */
export function ttlSuite(peer: Peer): void {
  const port = (): number => peer.port;

  describe("a TTL znode", () => {
    // client-protocol 6/21 createTTL, 5/5 PERSISTENT_WITH_TTL, 5/6 PERSISTENT_SEQUENTIAL_WITH_TTL
    // server-semantics 2.5/TTL, Trap 12
    test("is made by createTTL, numbered or not, and shows no owner", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      const made = await client.createTTL(path, LONG_MS);
      expect(pathIn(made)).toBe(path);
      expect(stat(made)).toMatchObject({ czxid: made.zxid, ownerHigh: 0, ownerLow: 0 });
      expect(await client.statOf(path)).toEqual(stat(made));
      const numbered = await client.createTTL(`${path}/n`, 1, persistentSequentialWithTtl);
      expect(pathIn(numbered)).toBe(`${path}/n0000000000`);
      expect((await client.create(`${path}/e`, { flags: 1 })).err).toBe(0);
      expect((await client.createTTL(`${path}-most`, TTL_MAX_MS)).err).toBe(0);
      expect((await client.createTTL(path, LONG_MS)).err).toBe(-110);
      client.drop();
    });

    // server-semantics 3.2/create family, client-protocol 9/-8 BADARGUMENTS
    test("has from 1 ms to 40 bits of them, and that is looked at first", async () => {
      const client = await RawClient.open(port());
      for (const ttlMs of [0, -1, TTL_MAX_MS + 1, -(2 ** 50)]) {
        for (const flags of [persistentWithTtl, persistentSequentialWithTtl]) {
          expect((await client.createTTL(freshPath(), ttlMs, flags)).err, `${ttlMs}`).toBe(-8);
        }
      }
      expect((await client.createTTL("/none/child", 0)).err).toBe(-8);
      expect((await client.createTTL("/none/child", 1)).err).toBe(-101);
      client.drop();
    });

    // client-protocol 6, 6/21 createTTL, Trap 23
    test("is not made by the other creates, nor is another kind by createTTL", async () => {
      const client = await RawClient.open(port());
      for (const type of [OpCode.create, OpCode.create2, OpCode.createContainer]) {
        for (const flags of [persistentWithTtl, persistentSequentialWithTtl]) {
          expect((await client.create(freshPath(), { type, flags })).err).toBe(-8);
        }
      }
      for (const flags of [0, 1, 2, 3, 4, 7, -1]) {
        expect((await client.createTTL(freshPath(), LONG_MS, flags)).err).toBe(-8);
      }
      client.drop();
    });

    // client-protocol 6/21 createTTL, Trap 23, server-semantics Trap 25
    testOurs(
      peer,
      "is not asked for with another flag and no time: that kills others",
      async () => {
        const client = await RawClient.open(port());
        for (const flags of [0, 1, 2, 3, 4]) {
          expect((await client.createTTL(freshPath(), -1, flags)).err).toBe(-8);
          const op: MultiOp = createOp(freshPath(), -1, flags);
          const { results } = await client.multi([op]);
          expect(results).toMatchObject([{ type: OpCode.error, err: -8 }]);
        }
        expect((await client.ping()).err).toBe(0);
        client.drop();
      },
    );

    // client-protocol 7/15, 7/undecodable disallowed sub op read op in multi mixed
    test("is made in a multi too, whose result has its Stat", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      const { reply, results } = await client.multi([createOp(path, LONG_MS)]);
      expect(results).toMatchObject([{ type: OpCode.create2, path, stat: { czxid: reply.zxid } }]);
      const refused = await client.multi([createOp(`${path}/a`, LONG_MS), createOp(path, 0)]);
      expect(refused.results).toMatchObject([
        { type: OpCode.error, err: 0 },
        { type: OpCode.error, err: -8 },
      ]);
      for (const type of [OpCode.create, OpCode.create2, OpCode.createContainer] as const) {
        const request = { path: freshPath(), data: null, acl: ANYONE, flags: persistentWithTtl };
        expect((await client.multi([{ type, request }])).reply.err).toBe(-5);
      }
      client.drop();
    });

    // server-semantics 9.3/TTL
    test("goes when its time is over and it has no child, as any delete to who watches", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.addWatch(path, AddWatchMode.persistent);
      await client.createTTL(path, 1);
      await client.createTTL(`${path}-kept`, LONG_MS);
      const [parent, child] = [`${path}-parent`, `${path}-parent/child`];
      const { results } = await client.multi([
        createOp(parent, 1),
        {
          type: OpCode.create,
          request: { path: child, data: null, acl: ANYONE, flags: CreateFlag.persistent },
        },
      ]);
      expect(results.length).toBe(2);
      const gone = async (one: string): Promise<boolean> => (await client.exists(one)).err === -101;
      await until("it is gone", () => gone(path));
      expect(client.events).toMatchObject([
        { type: 1, path },
        { type: 2, path },
      ]);
      await client.createTTL(`${path}-next`, 1);
      await until("the next one is gone", () => gone(`${path}-next`));
      expect([await gone(parent), await gone(`${path}-kept`)]).toEqual([false, false]);
      await client.delete(child);
      await until("the parent is gone", () => gone(parent));
      client.drop();
    });
  });
}

function createOp(path: string, ttlMs: number, flags: number = persistentWithTtl): MultiOp {
  const request = { path, data: Buffer.alloc(0), acl: [...ANYONE], flags, ttlMs };
  return { type: OpCode.createTTL, request };
}
