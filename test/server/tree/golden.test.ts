/** The log and the snapshot of one ZooKeeper 3.8.0 server, standalone (storage 13). */
import { expect, test } from "vitest";
import { Writer } from "../../../protocol/jute.ts";
import { wordsHex } from "../../../protocol/zxid.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { copyLists, dumpTree, loadTree } from "./tree-dump.ts";

const ANYONE = "0000001f00000005776f726c6400000006616e796f6e65";
const DIGEST_ID =
  "0000001f000000066469676573740000001e753a4a7137774d79412f7732566435574944414b6475344f49494645513d";
const SESSION = "0100001a7b180000";

/** The payloads of log.1, each with its digest. */
const TXNS = [
  `${SESSION} 00000000 0000000000000001 000001a203fd858a fffffff6` +
    "00007530 00000002 0000000051c6d660",
  `${SESSION} 00000001 0000000000000002 000001a203fd8594 00000001` +
    `00000002 2f61 00000002 7631 00000001 ${ANYONE} 00 00000001 00000002 000000008cccd673`,
  `${SESSION} 00000002 0000000000000003 000001a203fd859c 00000001` +
    `00000004 2f612f65 00000001 45 00000001 ${ANYONE} 01 00000001 00000002 00000000be8022a1`,
  `${SESSION} 00000003 0000000000000004 000001a203fd859f 00000001` +
    `00000002 2f62 00000000 00000001 ${DIGEST_ID} 00 00000002 00000002 000000014a703006`,
  `${SESSION} 00000004 0000000000000005 000001a203fd85a1 00000005` +
    "00000002 2f61 00000002 7632 00000001 00000002 00000001d6a5f919",
].map((hex) => Buffer.from(hex.replaceAll(" ", ""), "hex"));

// The records of snapshot.5, in its own order: parents first, siblings as Java hashes them.
const ZERO_STAT = "00".repeat(60);
const OPEN_ID = "ffffffffffffffff";
const RECORDS: readonly string[] = [
  `00000000 00000000 ${OPEN_ID} ${"00".repeat(36)} 00000002 00000000 ${"00".repeat(8)} 0000000000000004`,
  "00000002 2f61 00000002 7632 0000000000000002" +
    "0000000000000002 0000000000000005 000001a203fd8594 000001a203fd85a1" +
    "00000001 00000001 00000000 0000000000000000 0000000000000003",
  "00000004 2f612f65 00000001 45 0000000000000002" +
    "0000000000000003 0000000000000003 000001a203fd859c 000001a203fd859c" +
    "00000000 00000000 00000000 0100001a7b180000 0000000000000003",
  "00000002 2f62 00000000 0000000000000003" +
    "0000000000000004 0000000000000004 000001a203fd859f 000001a203fd859f" +
    "00000000 00000000 00000000 0000000000000000 0000000000000004",
  `0000000a ${hexOf("/zookeeper")} 00000000 ${OPEN_ID} ${ZERO_STAT}`,
  `00000011 ${hexOf("/zookeeper/config")} 00000000 0000000000000001` +
    `${"00".repeat(40)} ffffffff ${"00".repeat(16)}`,
  `00000010 ${hexOf("/zookeeper/quota")} 00000000 ${OPEN_ID} ${ZERO_STAT}`,
].map((record) => record.replaceAll(" ", ""));

const LISTS =
  `00000001${SESSION}00007530` +
  "000000030000000000000001000000010000000100000005776f726c6400000006616e796f6e65" +
  `000000000000000200000001${ANYONE}000000000000000300000001${DIGEST_ID}`;

function hexOf(text: string): string {
  return Buffer.from(text).toString("hex");
}

function goldenTree(): DataTree {
  const tree = new DataTree({ hashSeed: 7 });
  for (const txn of TXNS) tree.apply(txn, 0, txn.length, "live");
  return tree;
}

// storage 5/empty tree, 5/golden 13.2, ST-16, F-10
test("a log of ZooKeeper's is applied with every digest as it says", () => {
  const tree = new DataTree({ hashSeed: 7 });
  const digests: string[] = [];
  const mismatches: number[] = [];
  tree.observer = { applied: () => {}, digestMismatch: (zxid) => mismatches.push(zxid) };
  expect(wordsHex(tree.digestHigh, tree.digestLow)).toBe("0000000051c6d660");
  expect(tree.count).toBe(5);
  for (const txn of TXNS) {
    tree.apply(txn, 0, txn.length, "live");
    digests.push(wordsHex(tree.digestHigh, tree.digestLow));
  }
  expect(mismatches).toEqual([]);
  expect(digests).toEqual([
    "0000000051c6d660",
    "000000008cccd673",
    "00000000be8022a1",
    "000000014a703006",
    "00000001d6a5f919",
  ]);
  expect(tree.lastZxid).toBe(5);
});

// storage ST-14, ST-15
test("what a walk copies after that log are the records of ZooKeeper's snapshot", () => {
  const tree = goldenTree();
  const writer = new Writer();
  const walk = tree.walk();
  const records: string[] = [];
  while (!walk.done) {
    writer.clear();
    walk.write(writer, 1);
    records.push(writer.written().toString("hex"));
  }
  expect(records.sort()).toEqual([...RECORDS].sort());
  expect(copyLists(tree).toString("hex")).toBe(LISTS);
});

// storage 5/empty tree, 5/golden 13.2, Trap 10
test("ZooKeeper's snapshot is loaded with its digest, and is then the same tree", () => {
  const lists = Buffer.from(LISTS, "hex");
  const znodes = Buffer.from(RECORDS.join(""), "hex");
  const tree = loadTree({ hashSeed: 8 }, { lists, znodes });
  expect(wordsHex(tree.digestHigh, tree.digestLow)).toBe("00000001d6a5f919");
  expect(dumpTree(tree)).toEqual(dumpTree(goldenTree()));
  expect(["", "/a", "/a/e", "/b", "/zookeeper"].map((path) => digestAt(tree, path))).toEqual([
    "a1d6afc",
    "ed9ba7c6",
    "c507da4",
    "84e81b5b",
    "4db44d58",
  ]);
});

test("a txn whose digest is not the tree's is told", () => {
  const tree = goldenTree();
  const told: number[] = [];
  tree.observer = { applied: () => {}, digestMismatch: (zxid) => told.push(zxid) };
  const body = `${SESSION}000000050000000000000006000001a203fd85a200000002000000022f62`;
  const txn = Buffer.from(`${body}000000020000000100000002`, "hex");
  tree.apply(txn, 0, txn.length, "live");
  expect(told).toEqual([6]);
});

function digestAt(tree: DataTree, path: string): string {
  return tree.digest(tree.findText(path)).toString(16);
}
