/** A tree from a snapshot file, built from nothing (storage ST-22). */
import type { Disk } from "../../protocol/host.ts";
import { JuteError } from "../../protocol/jute.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { DataTree, TreeOptions } from "../tree/data-tree.ts";
import { LoadingTree } from "./loading-tree.ts";
import { type SnapshotDigest, SnapshotParser } from "./snapshot-parser.ts";
import { type ByteSource, openSnapshot } from "./snapshot-source.ts";
import { SnapshotError, type TreeSink } from "./tree-parser.ts";

export interface LoadedSnapshot {
  readonly tree: DataTree;
  readonly digest: SnapshotDigest | undefined;
}

/** Looks at every byte and keeps none. */
export const NO_SINK: TreeSink = {
  session: () => {},
  list: () => {},
  znode: () => undefined,
};

/** The tree, or in words why the file is no usable snapshot. @throws HostError */
export function loadSnapshot(
  disk: Disk,
  path: string,
  options: TreeOptions,
): LoadedSnapshot | string {
  return read(disk, path, (source) => loadFrom(source, options));
}

/**
 * The last txn that a snapshot may hold effects of, 0 where it does not say; or in words why the
 * file is no usable snapshot. @throws HostError
 */
export function snapshotEnd(disk: Disk, path: string): Zxid | string {
  return read(disk, path, (source) => {
    const parser = new SnapshotParser(source, NO_SINK);
    while (parser.advance(Number.POSITIVE_INFINITY));
    return Math.max(parser.digest?.zxid ?? 0, parser.lastZxid ?? 0);
  });
}

function read<T>(disk: Disk, path: string, from: (source: ByteSource) => T): T | string {
  let source: ByteSource | undefined;
  try {
    source = openSnapshot(disk, path);
    return from(source);
  } catch (error) {
    if (error instanceof SnapshotError || error instanceof JuteError) return error.message;
    if (isDamagedStream(error)) return error.message;
    throw error;
  } finally {
    source?.closeNow();
  }
}

function loadFrom(source: ByteSource, options: TreeOptions): LoadedSnapshot {
  const loading = new LoadingTree(options);
  const parser = new SnapshotParser(source, loading);
  while (parser.advance(Number.POSITIVE_INFINITY));
  return { tree: loading.loaded(), digest: parser.digest };
}

/** zlib names what is wrong with a stream with codes of its own. */
function isDamagedStream(error: unknown): error is Error {
  if (!(error instanceof Error) || !("code" in error)) return false;
  const { code } = error;
  return typeof code === "string" && (code.startsWith("Z_") || code === "ERR_BUFFER_TOO_LARGE");
}
