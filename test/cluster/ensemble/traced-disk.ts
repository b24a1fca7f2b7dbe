// One server's disk as a trace of its system calls tells it: since when each txn, each promise and
// each snapshot would survive a power cut. A file counts once its bytes were synced and its name was,
// by an fsync of its directory that began after it was created or renamed.

import { dirname } from "node:path";
import { type Zxid, zxidCounter, zxidEpoch } from "../../../protocol/zxid.ts";
import { isLog, recordZxids } from "../strace.ts";
import { type Call, pathsOf, targetOf, written } from "../strace-calls.ts";

/** Lines order what one server did, milliseconds what several did. */
interface Since {
  readonly line: number;
  readonly ms: number;
}

interface Held extends Since {
  readonly value: number;
}

interface TracedFile {
  /** When its last name was made. */
  readonly namedAt: number;
  isNamed: boolean;
  /** Unsynced writes, each with the records that were in it. */
  dirty: { readonly line: number; readonly zxids: readonly Zxid[] }[];
  /** Synced, while the file has no durable name. */
  synced: Zxid[];
  /** All that was written to it, as text: an epoch. */
  text: string;
}

export class TracedDisk {
  readonly #files = new Map<string, TracedFile>();
  readonly #records = new Map<Zxid, Since>();
  readonly #snapshots: Held[] = [];
  readonly #epochs: Record<"acceptedEpoch" | "currentEpoch", Held[]> = {
    acceptedEpoch: [],
    currentEpoch: [],
  };

  /** Calls in the order in which they returned. */
  take(call: Call): void {
    switch (call.name) {
      case "openat":
        if (call.result >= 0 && call.args.includes("O_TRUNC")) this.#create(call);
        return;
      case "rename":
      case "renameat":
      case "renameat2":
        if (call.result === 0) this.#rename(call);
        return;
      case "fdatasync":
      case "fsync":
        if (call.result === 0) this.#sync(call);
        return;
      default:
        this.#write(call);
    }
  }

  /** Whether a power cut before `line` would have left the txn here. */
  holds(zxid: Zxid, line: number): boolean {
    if (zxid === 0) return true;
    // An epoch's beginning is no record.
    if (zxidCounter(zxid) === 0 && this.promised("currentEpoch", zxidEpoch(zxid), line))
      return true;
    const record = this.#records.get(zxid);
    if (record !== undefined && record.line < line) return true;
    return this.#snapshots.some((each) => each.value >= zxid && each.line < line);
  }

  /** Since when the txn's record is durable. */
  recordedMs(zxid: Zxid): number {
    const record = this.#records.get(zxid)?.ms ?? Number.POSITIVE_INFINITY;
    const snapshots = this.#snapshots.filter(({ value }) => value >= zxid).map(({ ms }) => ms);
    return Math.min(record, ...snapshots);
  }

  promised(name: "acceptedEpoch" | "currentEpoch", epoch: number, line: number): boolean {
    return this.#epochs[name].some((each) => each.value >= epoch && each.line < line);
  }

  #create(call: Call): void {
    const path = pathsOf(call)[0] ?? "";
    const namedAt = call.returned;
    this.#files.set(path, { namedAt, isNamed: false, dirty: [], synced: [], text: "" });
  }

  #write(call: Call): void {
    const target = targetOf(call);
    const file = target?.kind === "file" ? this.#files.get(target.path) : undefined;
    if (target?.kind !== "file" || file === undefined || call.result < 0) return;
    const bytes = written(call);
    file.dirty.push({
      line: call.returned,
      zxids: isLog(target.path) ? recordZxids(bytes) : [],
    });
    if (target.path.endsWith("Epoch.tmp")) file.text += bytes.toString("latin1");
  }

  #sync(call: Call): void {
    const target = targetOf(call);
    if (target?.kind !== "file") return;
    const file = this.#files.get(target.path);
    if (file === undefined) {
      this.#syncDirectory(target.path, call);
      return;
    }
    for (const { line, zxids } of file.dirty) if (line < call.began) file.synced.push(...zxids);
    file.dirty = file.dirty.filter(({ line }) => line >= call.began);
    if (file.isNamed) this.#keepRecords(file, call);
  }

  #syncDirectory(directory: string, call: Call): void {
    for (const [path, file] of this.#files) {
      if (file.isNamed || file.namedAt >= call.began || dirname(path) !== directory) continue;
      file.isNamed = true;
      this.#keepRecords(file, call);
      this.#keep(path, file, call);
    }
  }

  #rename(call: Call): void {
    const [from = "", to = ""] = pathsOf(call);
    const file = this.#files.get(from);
    if (file === undefined) return;
    this.#files.delete(from);
    this.#files.set(to, { ...file, namedAt: call.returned, isNamed: false });
  }

  #keepRecords(file: TracedFile, { returned: line, returnedMs: ms }: Call): void {
    for (const zxid of file.synced.splice(0)) {
      if (!this.#records.has(zxid)) this.#records.set(zxid, { line, ms });
    }
  }

  /** A file whose bytes are not all synced is none, whatever its name. */
  #keep(path: string, file: TracedFile, { returned: line, returnedMs: ms }: Call): void {
    if (file.dirty.length > 0) return;
    const [, name = "", zxid = ""] = /\/([a-zA-Z]+)(?:\.([0-9a-f]+))?$/.exec(path) ?? [];
    if (name === "acceptedEpoch" || name === "currentEpoch") {
      this.#epochs[name].push({ value: Number(file.text), line, ms });
    } else if (name === "snapshot" || name === "installed") {
      this.#snapshots.push({ value: Number.parseInt(zxid, 16), line, ms });
    }
  }
}
