// A data directory as a killed server left it, opened in ways that its server would not: from one
// snapshot of several, from the logs alone, or with a digest that is wrong.

import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { nodeHost } from "../../protocol/node-host.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { adler32 } from "../../server/storage/adler32.ts";
import { fileZxid, isLogName, isSnapshotName, UNFINISHED } from "../../server/storage/files.ts";
import { LogFile } from "../../server/storage/log-file.ts";
import { type Recovered, recover } from "../../server/storage/recovery.ts";

/** What follows a snapshot's znodes and their seal: digest, seal, lastZxid, seal. */
const SECTIONS_BYTES = 54;
const DIGEST_AT = 12;
const DIGEST_SEAL_AT = 20;
const LAST_SEAL_AT = 41;
/** Within a txn's header. */
const TYPE_AT = 28;

export class CrashedDirectory {
  readonly #files: string;
  /** Where copies are made. */
  readonly #work: string;
  #copies = 0;

  constructor(dataDir: string, work: string) {
    this.#files = join(dataDir, "version-2");
    this.#work = work;
  }

  /** Names of whole snapshots, oldest first. */
  get snapshots(): string[] {
    return this.#names(isSnapshotName).filter((name) => !name.endsWith(UNFINISHED));
  }

  /** Whether the server was killed while it wrote a snapshot. */
  get hasUnfinishedSnapshot(): boolean {
    return readdirSync(this.#files).some((name) => name.endsWith(UNFINISHED));
  }

  removeSnapshot(name: string): void {
    rmSync(join(this.#files, name));
  }

  /** From a snapshot and the logs; without one from an empty tree. */
  reload(snapshot?: string): Recovered {
    return this.#withCopy(snapshot, reload);
  }

  /** As `reload`, of a copy that is changed before. */
  reloadChanged(snapshot: string, change: (files: string) => void): Recovered {
    return this.#withCopy(snapshot, (files) => {
      change(files);
      return reload(files);
    });
  }

  #withCopy<T>(snapshot: string | undefined, use: (files: string) => T): T {
    const files = join(this.#work, `copy-${this.#copies++}`);
    mkdirSync(files);
    const logs = this.#names(isLogName);
    // Recovery cuts the tail of the last log; what is changed is written anew.
    for (const name of logs.slice(0, -1)) linkSync(join(this.#files, name), join(files, name));
    for (const name of logs.slice(-1)) copyFileSync(join(this.#files, name), join(files, name));
    if (snapshot !== undefined) linkSync(join(this.#files, snapshot), join(files, snapshot));
    try {
      return use(files);
    } finally {
      rmSync(files, { recursive: true });
    }
  }

  #names(isOne: (name: string) => boolean): string[] {
    return readdirSync(this.#files)
      .filter(isOne)
      .toSorted((a, b) => fileZxid(a) - fileZxid(b));
  }
}

function reload(files: string): Recovered {
  return recover(
    nodeHost().disk,
    { snapshots: files, logs: files },
    { tree: { hashSeed: 1 }, trustEmpty: true, mayBeEmpty: false },
  );
}

/** Takes a snapshot's digest away, as servers before 3.6 wrote it: nothing says where it ends. */
export function cutDigestSection(path: string): void {
  const bytes = readFileSync(path);
  replace(path, bytes.subarray(0, bytes.length - SECTIONS_BYTES));
}

/** Changes one bit of the digest in a snapshot whose seals all hold. */
export function spoilSnapshotDigest(path: string): void {
  const bytes = readFileSync(path);
  const section = bytes.length - SECTIONS_BYTES;
  flipBit(bytes, section + DIGEST_AT);
  for (const seal of [section + DIGEST_SEAL_AT, section + LAST_SEAL_AT]) {
    bytes.writeUInt32BE(adler32(bytes, 0, seal) >>> 0, seal + 4);
  }
  replace(path, bytes);
}

/** Changes one bit of the digest in the first txn from `zxid` on that has one. Returns its zxid. */
export function spoilTxnDigest(files: string, zxid: number): number {
  const names = readdirSync(files)
    .filter(isLogName)
    .toSorted((a, b) => fileZxid(a) - fileZxid(b));
  const first = Math.max(
    names.findLastIndex((name) => fileZxid(name) <= zxid),
    0,
  );
  for (const name of names.slice(first)) {
    const spoilt = spoilInFile(join(files, name), zxid);
    if (spoilt !== undefined) return spoilt;
  }
  throw new Error(`no txn from ${zxid} on has a digest`);
}

function spoilInFile(path: string, zxid: number): number | undefined {
  const log = new LogFile(nodeHost().disk, path);
  try {
    while (log.next()) {
      const isError = log.bytes.readInt32BE(log.start + TYPE_AT) === OpCode.error;
      if (log.zxid < zxid || isError) continue;
      const end = log.offset - 1;
      const start = end - (log.end - log.start);
      const bytes = readFileSync(path);
      flipBit(bytes, end - 1);
      // The checksum stands before the length, in the lower half of eight bytes.
      bytes.writeUInt32BE(adler32(bytes, start, end) >>> 0, start - 8);
      replace(path, bytes);
      return log.zxid;
    }
    return undefined;
  } finally {
    log.close();
  }
}

function flipBit(bytes: Buffer, at: number): void {
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
}

/** By a new file: the old one may be the server's own under a second name. */
function replace(path: string, bytes: Buffer): void {
  rmSync(path);
  writeFileSync(path, bytes);
}
