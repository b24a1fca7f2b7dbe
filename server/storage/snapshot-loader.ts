/** A tree from a snapshot file, built from nothing (storage ST-22). */
import type { Disk } from "../../protocol/host.ts";
import { JuteError } from "../../protocol/jute.ts";
import { DataTree, type TreeOptions } from "../tree/data-tree.ts";
import type { SnapshotDigest, SnapshotSink } from "./snapshot-parser.ts";
import { SnapshotError, SnapshotParser } from "./snapshot-parser.ts";
import { type ByteSource, openSnapshot } from "./snapshot-source.ts";

export interface LoadedSnapshot {
  readonly tree: DataTree;
  readonly digest: SnapshotDigest | undefined;
}

/** The tree, or in words why the file is no usable snapshot. @throws HostError */
export function loadSnapshot(
  disk: Disk,
  path: string,
  options: TreeOptions,
): LoadedSnapshot | string {
  let source: ByteSource | undefined;
  try {
    source = openSnapshot(disk, path);
    return loadFrom(source, options);
  } catch (error) {
    if (error instanceof SnapshotError || error instanceof JuteError) return error.message;
    if (isDamagedStream(error)) return error.message;
    throw error;
  } finally {
    source?.closeNow();
  }
}

function loadFrom(source: ByteSource, options: TreeOptions): LoadedSnapshot {
  const tree = DataTree.empty(options);
  const parser = new SnapshotParser(source, new TreeSink(tree));
  while (parser.advance(Number.POSITIVE_INFINITY));
  if (!tree.loaded()) throw new SnapshotError("it has no root, or a znode twice");
  return { tree, digest: parser.digest };
}

/** zlib names what is wrong with a stream with codes of its own. */
function isDamagedStream(error: unknown): error is Error {
  if (!(error instanceof Error) || !("code" in error)) return false;
  const { code } = error;
  return typeof code === "string" && (code.startsWith("Z_") || code === "ERR_BUFFER_TOO_LARGE");
}

class TreeSink implements SnapshotSink {
  readonly #tree: DataTree;

  constructor(tree: DataTree) {
    this.#tree = tree;
  }

  session(high: number, low: number, timeoutMs: number): void {
    this.#tree.sessions.set(high, low, timeoutMs);
  }

  list(id: number, bytes: Buffer, start: number, end: number): void {
    this.#tree.acls.load(id, bytes, start, end);
  }

  znode(
    bytes: Buffer,
    pathStart: number,
    pathEnd: number,
    dataStart: number,
    dataLength: number,
    list: number,
    statStart: number,
  ): string | undefined {
    const isLoaded = this.#tree.load(
      bytes,
      pathStart,
      pathEnd,
      dataStart,
      dataLength,
      list,
      statStart,
    );
    return isLoaded ? undefined : "a znode without a parent";
  }
}
