/** `wchs`, `wchc`, `wchp`: who watches what. Watches of child lists are not told of, as in ZooKeeper. */
import { sessionHex } from "../../../protocol/zxid.ts";
import type { AdminSource, WatcherView } from "../source.ts";
import { first } from "./texts.ts";

export function watchCounts({ dataWatches }: AdminSource): string {
  const { watcherCount, pathCount, size } = dataWatches;
  return `${watcherCount} connections watching ${pathCount} paths\nTotal watches:${size}\n`;
}

/** Each session with its paths; an empty line at the end. */
export function* watchesBySession({ dataWatches }: AdminSource): Generator<string> {
  for (const [watcher, paths] of first(dataWatches.watchers(), dataWatches.watcherCount)) {
    yield `${sessionOf(watcher)}\n`;
    for (const { path } of first(paths, paths.size)) yield `\t${path}\n`;
  }
  yield "\n";
}

/** Each path with its sessions; an empty line at the end. */
export function* watchesByPath({ dataWatches }: AdminSource): Generator<string> {
  for (const { path, watchers } of first(dataWatches.paths(), dataWatches.pathCount)) {
    yield `${path}\n`;
    for (const watcher of first(watchers.keys(), watchers.size)) {
      yield `\t${sessionOf(watcher)}\n`;
    }
  }
  yield "\n";
}

function sessionOf({ session }: WatcherView): string {
  return session === undefined ? "0x0" : sessionHex(session.high, session.low);
}
