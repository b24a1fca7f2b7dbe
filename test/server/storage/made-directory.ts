/** A directory on a simulated disk, made file by file from one history. */
import { Reader, Writer } from "../../../protocol/jute.ts";
import { LOG_FILE_HEADER, writeFileHeader } from "../../../protocol/persistence.ts";
import { readTxn } from "../../../protocol/txn.ts";
import { fromWords, makeZxid } from "../../../protocol/zxid.ts";
import { adler32 } from "../../../server/storage/adler32.ts";
import { logName } from "../../../server/storage/files.ts";
import { type Recovered, recover } from "../../../server/storage/recovery.ts";
import { SnapshotWriter } from "../../../server/storage/snapshot-writer.ts";
import type { SimHost, World } from "../../../server/testing/index.ts";
import { SimRandom } from "../../../server/testing/index.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { History } from "../tree/history.ts";
import { DIRECTORIES, DIRECTORY, newMachine, randomStep, TREE_OPTIONS } from "./sim-machine.ts";
import { TracedDisk } from "./traced-disk.ts";

const RECORD_END = 0x42;

export class MadeDirectory {
  readonly world: World;
  readonly host: SimHost;
  readonly disk: TracedDisk;
  /** All txns, in order. */
  txns: Buffer[] = [];
  #history = new History("all");
  readonly #draw: SimRandom;

  constructor(seed = 1) {
    ({ world: this.world, host: this.host } = newMachine(seed));
    this.disk = new TracedDisk(this.host.disk);
    this.#draw = new SimRandom(seed);
  }

  /** The next `count` txns of an epoch. */
  grow(epoch: number, count: number): void {
    this.#history.zxid = Math.max(this.#history.zxid, makeZxid(epoch, 0));
    for (let i = 0; i < count; i++) this.txns.push(this.#history.next(randomStep(this.#draw)));
  }

  /** Those behind `zxid` never were: other txns follow. */
  forgetAfter(zxid: number): void {
    this.txns = this.upTo(zxid);
    this.#history = new History("all");
    for (const txn of this.txns) this.#history.model.apply(readTxn(new Reader().reset(txn)));
    this.#history.zxid = zxid;
  }

  /** The tree after the txns up to `zxid`. */
  tree(zxid: number): DataTree {
    const tree = new DataTree(TREE_OPTIONS);
    for (const txn of this.upTo(zxid)) tree.apply(txn, 0, txn.length, "live");
    tree.lastZxid = zxid;
    return tree;
  }

  upTo(zxid: number): Buffer[] {
    return this.txns.filter((txn) => zxidOf(txn) <= zxid);
  }

  /** A log of the txns from `first` to `last`. Returns where each of its records ends. */
  putLog(first: number, last: number): Map<number, number> {
    const ends = new Map<number, number>();
    const file = new Writer(4096);
    writeFileHeader(file, LOG_FILE_HEADER);
    for (const txn of this.upTo(last).filter((one) => zxidOf(one) >= first)) {
      file.long(adler32(txn, 0, txn.length));
      file.int(txn.length);
      file.raw(txn);
      file.byte(RECORD_END);
      ends.set(zxidOf(txn), file.length);
    }
    // As a log has it: space for what comes next.
    file.raw(Buffer.alloc(5000));
    this.put(logName(first), file.take());
    return ends;
  }

  /** The snapshot of one moment. */
  putSnapshot(zxid: number): void {
    this.#snapshot(this.tree(zxid), () => {});
  }

  /** A snapshot that is named for one txn, and copied while the others up to `end` are applied. */
  putFuzzySnapshot(start: number, end: number): void {
    const tree = this.tree(start);
    const left = this.upTo(end).filter((txn) => zxidOf(txn) > start);
    this.#snapshot(tree, () => {
      const txn = left.shift();
      if (txn !== undefined) tree.apply(txn, 0, txn.length, "live");
    });
    if (left.length > 0) throw new Error("it was copied before all of them were applied");
  }

  put(name: string, bytes: Buffer): void {
    this.host.disk.open(`${DIRECTORY}/${name}`, "create", (_, file) => {
      file?.write(bytes, 0, () => file.datasyncNow());
    });
    while (this.world.step());
    this.host.disk.syncDirectoryNow(DIRECTORY);
  }

  names(): string[] {
    return this.host.disk.names(DIRECTORY).toSorted();
  }

  size(name: string): number | undefined {
    return this.host.disk.stat(`${DIRECTORY}/${name}`)?.size;
  }

  recover(): Recovered {
    return recover(this.host.disk, DIRECTORIES, {
      tree: TREE_OPTIONS,
      trustEmpty: false,
      mayBeEmpty: true,
    });
  }

  /** Of what was not synced, any part is lost. */
  cutPower(): void {
    this.host.crash("power");
    this.host.restart();
  }

  #snapshot(tree: DataTree, between: () => void): void {
    const writer = new SnapshotWriter(this.host, tree, { directory: DIRECTORY, sliceBytes: 60 });
    writer.take((error) => {
      if (error !== undefined) throw error;
    });
    while (writer.isRunning && this.world.step()) between();
    while (this.world.step());
  }
}

export function zxidOf(txn: Buffer): number {
  return fromWords(txn.readInt32BE(12), txn.readInt32BE(16));
}
