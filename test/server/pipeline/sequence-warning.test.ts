import { expect, test } from "vitest";
import { Reader, Writer } from "../../../protocol/jute.ts";
import { CreateFlag, OpCode } from "../../../protocol/opcodes.ts";
import { writeCreateRequest } from "../../../protocol/proto.ts";
import { readTxn, type Txn } from "../../../protocol/txn.ts";
import { defaultConfig } from "../../../server/config/config.ts";
import { Prep } from "../../../server/pipeline/prep.ts";
import { SequenceWarning } from "../../../server/pipeline/sequence-warning.ts";
import { World } from "../../../server/testing/index.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { TreeDriver } from "../tree/tree-driver.ts";

const ACL = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];

/** A server whose /p has had so many creates, and what it says of the next ones. */
function numbering(creates: number) {
  const world = new World(1);
  const { clock } = world.host("server");
  const tree = new DataTree({ hashSeed: 1 });
  const driver = new TreeDriver(tree);
  driver.create("/p");
  const first = { type: OpCode.create, path: "/p/first", data: null, acl: ACL } as const;
  driver.apply({ ...first, ephemeral: false, parentCVersion: creates });
  const told: unknown[] = [];
  const log = new Writer();
  const sequences = new SequenceWarning(clock, (fields) => told.push(fields));
  const options = { ...defaultConfig("/data", 1), sequences };
  const prep = new Prep(tree, { begin: () => log, commit: () => undefined }, clock, options);
  const next = (): Txn["body"] => {
    log.clear();
    const asked = new Writer();
    const flags = CreateFlag.persistentSequential;
    writeCreateRequest(asked, { path: "/p/n-", data: null, acl: ACL, flags });
    prep.request(OpCode.create, 0, 1, 1, [], new Reader().reset(asked.take()));
    const bytes = log.take();
    tree.apply(bytes, 0, bytes.length, "live");
    prep.applied(tree.lastZxid);
    return readTxn(new Reader().reset(bytes)).body;
  };
  return { world, told, next };
}

// operations 7.9/29 Sequence counter past 2147483647; server-semantics 2.4
test("numbers end at 2^31 - 1 as ZooKeeper's do, and the log says so beforehand", () => {
  const { told, next } = numbering(2 ** 31 - 2);
  expect(next()).toMatchObject({ path: "/p/n-2147483646" });
  expect(told).toEqual([{ parent: "/p", left: 2 }]);
  expect(next()).toMatchObject({ path: "/p/n-2147483647", parentCVersion: -(2 ** 31) });
  expect(next()).toMatchObject({ type: OpCode.error, err: -110 });
});

test("the end of the numbers is told from a million on, once a minute", () => {
  const { world, told, next } = numbering(2 ** 31 - 1_000_001);
  next();
  expect(told).toEqual([]);
  next();
  next();
  expect(told).toEqual([{ parent: "/p", left: 1_000_000 }]);
  world.runUntil(world.nowUs + 60_000_000);
  next();
  expect(told).toHaveLength(2);
});
