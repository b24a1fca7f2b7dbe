/**
 * Access lists, each kept once for all znodes that have it (storage ST-15).
 *
 * A znode holds a handle, a small number that is used again when no znode has the list any more.
 * A list's file id names it in snapshots of this server: file ids are never used again, so that a
 * fuzzy snapshot, which copies the lists before the znodes, cannot give a znode a list that came
 * later (storage F-6).
 */
import { assert } from "../../protocol/assert.ts";
import { readACLs } from "../../protocol/data.ts";
import { Reader, type Writer } from "../../protocol/jute.ts";
import { type AccessList, accessEntry, WORLD_ANYONE_ALL } from "./access-entry.ts";
import { equalBytes } from "./bytes.ts";
import type { NameHash } from "./name-hash.ts";

/** 0 is the open list of a fresh tree's own znodes; others come from `acquire`. */
export type AclHandle = number;

/** World may do anything. Not in the snapshot's list of lists; znodes of clients never have it. */
export const OPEN_HANDLE: AclHandle = 0;
const OPEN_FILE_ID = -1;

/** Stands for a list that a snapshot names and does not hold: nobody may do anything. */
const UNKNOWN_ACL: AccessList = [accessEntry({ perms: 0, id: { scheme: "world", id: "anyone" } })];

const NO_BYTES = Buffer.alloc(0);

interface Entry {
  readonly handle: AclHandle;
  readonly fileId: number;
  readonly acl: AccessList;
  /** As on the wire, from the count on; empty for the open list and for unknown ones. */
  readonly bytes: Buffer;
  readonly hash: number;
  /** Znodes that have it. */
  references: number;
  /** The next entry with the same hash. */
  next: Entry | undefined;
}

export class AclCache {
  readonly #hash: NameHash;
  readonly #reader = new Reader();
  readonly #entries: (Entry | undefined)[] = [];
  readonly #freeHandles: AclHandle[] = [];
  readonly #byHash = new Map<number, Entry>();
  /** While a snapshot is loaded. */
  readonly #byFileId = new Map<number, Entry>();
  /** Invariant: greater than every file id in use. */
  #nextFileId = 1;
  /** The list that was acquired last: the next is most often the same. */
  #last: Entry | undefined;

  constructor(hash: NameHash) {
    this.#hash = hash;
    // One reference of its own, so that it is never dropped.
    this.#add(OPEN_FILE_ID, WORLD_ANYONE_ALL, NO_BYTES, 0).references = 1;
  }

  /** Distinct lists that clients gave. */
  get size(): number {
    return this.#entries.length - this.#freeHandles.length - 1;
  }

  get(handle: AclHandle): AccessList {
    return this.#entry(handle).acl;
  }

  /** The id under which a snapshot's znodes name the list. */
  fileId(handle: AclHandle): number {
    return this.#entry(handle).fileId;
  }

  /** The handle of the vector<ACL> that fills `bytes` from `start` up to `end`, for one more znode. */
  acquire(bytes: Buffer, start: number, end: number): AclHandle {
    const entry = this.#find(bytes, start, end) ?? this.#create(bytes, start, end);
    entry.references++;
    this.#last = entry;
    return entry.handle;
  }

  /** One more user of a list that is in use. */
  retain(handle: AclHandle): void {
    this.#entry(handle).references++;
  }

  /** One user less; the last one drops the list. */
  release(handle: AclHandle): void {
    const entry = this.#entry(handle);
    entry.references--;
    assert(entry.references >= 0, "a list has as many users as were counted");
    if (entry.references === 0) this.#drop(entry);
  }

  /** Adds a list of a snapshot; znodes that have it follow. */
  load(fileId: number, bytes: Buffer, start: number, end: number): void {
    const copy = Buffer.from(bytes.subarray(start, end));
    this.#advancePast(fileId);
    const hash = this.#hash.of(0, copy, 0, copy.length);
    this.#byFileId.set(fileId, this.#add(fileId, this.#parse(copy), copy, hash));
  }

  /** The handle of a list that a loaded znode names; one that was not loaded denies everything. */
  acquireFileId(fileId: number): AclHandle {
    let entry = fileId === OPEN_FILE_ID ? this.#entries[OPEN_HANDLE] : this.#byFileId.get(fileId);
    if (entry === undefined) {
      this.#advancePast(fileId);
      entry = this.#add(fileId, UNKNOWN_ACL, NO_BYTES, 0);
      this.#byFileId.set(fileId, entry);
    }
    entry.references++;
    return entry.handle;
  }

  /** All znodes of a snapshot are there: drops the lists that none of them has (storage F-7). */
  loaded(): void {
    for (const entry of this.#byFileId.values()) if (entry.references === 0) this.#drop(entry);
    this.#byFileId.clear();
  }

  // The snapshot's section: int m, m x (long fileId, vector<ACL>)
  write(writer: Writer): void {
    const known = this.#entries.filter(isKnown);
    writer.int(known.length);
    for (const entry of known) {
      writer.long(entry.fileId);
      writer.raw(entry.bytes);
    }
  }

  #find(bytes: Buffer, start: number, end: number): Entry | undefined {
    if (this.#last !== undefined && isEntry(this.#last, bytes, start, end)) return this.#last;
    let entry = this.#byHash.get(this.#hash.of(0, bytes, start, end));
    while (entry !== undefined && !isEntry(entry, bytes, start, end)) entry = entry.next;
    return entry;
  }

  #create(bytes: Buffer, start: number, end: number): Entry {
    const copy = Buffer.from(bytes.subarray(start, end));
    const hash = this.#hash.of(0, copy, 0, copy.length);
    return this.#add(this.#nextFileId++, this.#parse(copy), copy, hash);
  }

  /** A null vector is as good as an empty one. */
  #parse(bytes: Buffer): AccessList {
    return (readACLs(this.#reader.reset(bytes)) ?? []).map(accessEntry);
  }

  #add(fileId: number, acl: AccessList, bytes: Buffer, hash: number): Entry {
    const handle = this.#freeHandles.pop() ?? this.#entries.length;
    const next = bytes.length > 0 ? this.#byHash.get(hash) : undefined;
    const entry: Entry = { handle, fileId, acl, bytes, hash, references: 0, next };
    this.#entries[handle] = entry;
    if (bytes.length > 0) this.#byHash.set(hash, entry);
    return entry;
  }

  #drop(entry: Entry): void {
    this.#entries[entry.handle] = undefined;
    this.#freeHandles.push(entry.handle);
    if (this.#last === entry) this.#last = undefined;
    if (entry.bytes.length === 0) return;
    const first = this.#byHash.get(entry.hash);
    if (first === entry) {
      if (entry.next === undefined) this.#byHash.delete(entry.hash);
      else this.#byHash.set(entry.hash, entry.next);
      return;
    }
    let previous = first;
    while (previous !== undefined && previous.next !== entry) previous = previous.next;
    assert(previous !== undefined, "a list is in the chain of its hash");
    previous.next = entry.next;
  }

  #advancePast(fileId: number): void {
    this.#nextFileId = Math.max(this.#nextFileId, fileId + 1);
  }

  #entry(handle: AclHandle): Entry {
    const entry = this.#entries[handle];
    assert(entry !== undefined, "a list is kept while a znode has it");
    return entry;
  }
}

function isEntry(entry: Entry, bytes: Buffer, start: number, end: number): boolean {
  const length = end - start;
  return entry.bytes.length === length && equalBytes(entry.bytes, 0, bytes, start, length);
}

/** Whether a snapshot lists it: the open list and unknown ones have no bytes. */
function isKnown(entry: Entry | undefined): entry is Entry {
  return entry !== undefined && entry.bytes.length > 0;
}
