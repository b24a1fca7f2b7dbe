/** All that a tree says of itself through its public face, for comparing. */
import {
  type ACL,
  readACLs,
  readStatPersisted,
  type StatPersisted,
} from "../../../protocol/data.ts";
import { Reader, Writer } from "../../../protocol/jute.ts";
import { DataTree, type TreeOptions } from "../../../server/tree/data-tree.ts";

export interface DumpedZnode {
  readonly data: string | null;
  readonly acl: readonly ACL[];
  readonly stat: StatPersisted;
}

export interface Dump {
  /** By path; the root's is "". */
  readonly znodes: Map<string, DumpedZnode>;
  readonly sessions: Map<string, number>;
  /** Paths by session, sorted. */
  readonly ephemerals: Map<string, string[]>;
  readonly containers: string[];
  readonly ttls: string[];
  readonly digest: [number, number];
  readonly count: number;
  readonly dataSize: number;
}

export function dumpTree(tree: DataTree): Dump {
  const writer = new Writer();
  const walk = tree.walk();
  while (walk.write(writer, 4096));
  const znodes = new Map<string, DumpedZnode>();
  for (const { path, data, stat } of snapshotRecords(writer.written())) {
    const slot = tree.findText(path);
    const acl = tree.acls.get(tree.acl(slot)).map(({ perms, id }) => ({ perms, id }));
    if (znodes.has(path)) throw new Error(`${path} is there twice`);
    znodes.set(path, { data: data?.toString("hex") ?? null, acl, stat });
  }
  const sessions = new Map<string, number>();
  tree.sessions.forEach((high, low, timeoutMs) => sessions.set(`${high}:${low}`, timeoutMs));
  const texts = (slots: Iterable<number>): string[] =>
    [...slots].map((slot) => tree.pathText(slot)).sort();
  return {
    znodes,
    sessions,
    ephemerals: new Map(
      [...tree.ephemerals.sessions()].map((key) => [key, texts(tree.ephemerals.of(key))]),
    ),
    containers: texts(tree.containers),
    ttls: texts(tree.ttls),
    digest: [tree.digestHigh, tree.digestLow],
    count: tree.count,
    dataSize: tree.approximateDataSize,
  };
}

export interface SnapshotRecord {
  readonly path: string;
  readonly data: Buffer | null;
  readonly aclFileId: number;
  readonly stat: StatPersisted;
}

/** The records that a walk wrote. */
export function snapshotRecords(bytes: Buffer): SnapshotRecord[] {
  const reader = new Reader().reset(bytes);
  const records: SnapshotRecord[] = [];
  while (reader.remaining > 0) {
    records.push({
      path: reader.string() ?? "",
      data: reader.buffer(),
      aclFileId: reader.long(),
      stat: readStatPersisted(reader),
    });
  }
  return records;
}

/** The parts of a snapshot as they were copied: the two lists at once, the znodes over time. */
export interface CopiedSnapshot {
  readonly lists: Buffer;
  readonly znodes: Buffer;
}

export function copyLists(tree: DataTree): Buffer {
  const writer = new Writer();
  tree.sessions.write(writer);
  tree.acls.write(writer);
  return writer.take();
}

export function loadTree(options: TreeOptions, { lists, znodes }: CopiedSnapshot): DataTree {
  const tree = DataTree.empty(options);
  const reader = new Reader().reset(lists);
  for (let left = reader.int(); left > 0; left--) {
    tree.sessions.set(reader.int(), reader.int(), reader.int());
  }
  for (let left = reader.int(); left > 0; left--) {
    const id = reader.long();
    const start = reader.offset;
    readACLs(reader);
    tree.acls.load(id, lists, start, reader.offset);
  }
  reader.reset(znodes);
  while (reader.remaining > 0) {
    const pathLength = reader.bufferLength();
    const path = reader.offset;
    reader.skip(pathLength);
    const dataLength = reader.bufferLength();
    const data = reader.offset;
    reader.skip(Math.max(dataLength, 0));
    const acl = reader.long();
    const stat = reader.offset;
    reader.skip(60);
    if (!tree.load(znodes, path, path + pathLength, data, dataLength, acl, stat)) {
      throw new Error("a znode came before its parent");
    }
  }
  if (!tree.loaded()) throw new Error("there is no root");
  return tree;
}
