import { ErrorCode } from "../../../protocol/errors.ts";
import { EventType, OpCode, Perm, WatcherType } from "../../../protocol/opcodes.ts";
import type { Connection, Reply, WatchEvent } from "../history.ts";
import type { Change } from "../model.ts";
import { allowed, type Requester } from "../model-acl.ts";
import type { Replay } from "../replay.ts";
import type { Checker } from "./checker.ts";

interface Fired extends Change {
  readonly zxid: number;
}

/** What happened to each path in each table, in order. */
class Changes {
  readonly #byPlace = new Map<string, Fired[]>();

  constructor(run: Replay) {
    for (const { zxid, changes } of run.steps) {
      for (const change of changes) {
        const key = place(change.table, change.path);
        const there = this.#byPlace.get(key);
        if (there === undefined) this.#byPlace.set(key, [{ ...change, zxid }]);
        else there.push({ ...change, zxid });
      }
    }
  }

  /** The first after a zxid. */
  firstAfter(key: string, zxid: number): Fired | undefined {
    return this.#byPlace.get(key)?.find((fired) => fired.zxid > zxid);
  }

  /** The last up to a zxid. */
  lastUpTo(key: string, zxid: number): Fired | undefined {
    return this.#byPlace.get(key)?.findLast((fired) => fired.zxid <= zxid);
  }
}

/**
 * A one-shot watch is told once, of the first change after it was set, before anything that its
 * connection is told of that change or a later one.
 */
export const watchesOnceAndBefore: Checker = {
  name: "WatchesOnceAndBefore",
  check(run) {
    const changes = new Changes(run);
    return run.history.connections.flatMap((connection) => {
      const watches = new ConnectionWatches(connection, changes, run.requesters);
      const problem = watches.follow();
      return problem === undefined ? [] : [`session ${connection.session} ${problem}`];
    });
  },
};

/** The watches that one connection has on the server, followed along its stream. */
class ConnectionWatches {
  readonly #connection: Connection;
  readonly #changes: Changes;
  readonly #requesters: Replay["requesters"];
  /** Each watch's place, with the zxid of the state in which it was set. */
  readonly #since = new Map<string, number>();
  /** Events that setWatches brings ahead of its answer. */
  #restored: WatchEvent[] = [];

  constructor(connection: Connection, changes: Changes, requesters: Replay["requesters"]) {
    this.#connection = connection;
    this.#changes = changes;
    this.#requesters = requesters;
  }

  /** The first thing that is wrong. */
  follow(): string | undefined {
    for (const item of this.#connection.received) {
      const problem = item.kind === "event" ? this.#told(item) : this.#answered(item);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #told(event: WatchEvent): string | undefined {
    if (event.zxid === -1) {
      this.#restored.push(event);
      return undefined;
    }
    let heard = false;
    for (const table of ["data", "child"] as const) {
      const key = place(table, event.path);
      const since = this.#since.get(key);
      if (since === undefined) continue;
      const fired = this.#changes.firstAfter(key, since);
      if (fired?.zxid !== event.zxid || fired.type !== event.type) continue;
      this.#since.delete(key);
      heard = true;
    }
    return heard
      ? undefined
      : `was told event ${event.type} of ${event.path} at zxid ${event.zxid} without a watch for it`;
  }

  #answered(reply: Reply): string | undefined {
    const requester = this.#requesters.get(reply.sent);
    if (requester === undefined) return "was answered what nobody asked";
    const late = this.#late(reply.zxid, requester);
    if (late !== undefined) {
      return `was answered xid ${reply.xid} at zxid ${reply.zxid} before ${late}`;
    }
    const { op } = reply.sent;
    switch (op.type) {
      case OpCode.exists:
        if (reply.code === ErrorCode.Ok || reply.code === ErrorCode.NoNode) {
          this.#set(op.request.watch, "data", op.request.path, reply.zxid);
        }
        return undefined;
      case OpCode.getData:
        if (reply.code === ErrorCode.Ok) {
          this.#set(op.request.watch, "data", op.request.path, reply.zxid);
        }
        return undefined;
      case OpCode.getChildren:
      case OpCode.getChildren2:
        if (reply.code === ErrorCode.Ok) {
          this.#set(op.request.watch, "child", op.request.path, reply.zxid);
        }
        return undefined;
      case OpCode.removeWatches:
        return this.#removed(op.request.path ?? "", op.request.watcherType, reply.code);
      case OpCode.setWatches:
        return this.#restore(op.request, reply.zxid);
      default:
        return undefined;
    }
  }

  /** An event that should have come by now; a watch whose event was refused is gone in silence. */
  #late(zxid: number, requester: Requester): string | undefined {
    for (const [key, since] of this.#since) {
      const fired = this.#changes.firstAfter(key, since);
      if (fired === undefined || fired.zxid > zxid) continue;
      if (allowed(fired.acl, Perm.read, requester)) {
        return `event ${fired.type} of ${fired.path} at zxid ${fired.zxid}`;
      }
      this.#since.delete(key);
    }
    return undefined;
  }

  #set(watch: boolean, table: Change["table"], path: string | null, zxid: number): void {
    const key = place(table, path === "" ? "/" : (path ?? ""));
    if (watch && !this.#since.has(key)) this.#since.set(key, zxid);
  }

  #removed(path: string, type: number, code: number): string | undefined {
    let removed = false;
    if (type !== WatcherType.children) removed = this.#since.delete(place("data", path));
    if (type !== WatcherType.data) removed = this.#since.delete(place("child", path)) || removed;
    const expected = removed ? ErrorCode.Ok : ErrorCode.NoWatcher;
    return code === expected ? undefined : `was answered ${code} to removeWatches of ${path}`;
  }

  /** What setWatches must bring ahead of its answer, from the last state that the client saw. */
  #restore(
    request: {
      readonly relativeZxid: number;
      readonly dataWatches: readonly string[] | null;
      readonly existWatches: readonly string[] | null;
      readonly childWatches: readonly string[] | null;
    },
    zxid: number,
  ): string | undefined {
    const wanted: string[] = [];
    const expect = (type: number, path: string): void => {
      wanted.push(`${type} ${path}`);
    };
    const since = request.relativeZxid;
    for (const path of request.dataWatches ?? []) {
      const last = this.#changes.lastUpTo(place("data", path), zxid);
      if (!exists(path, last)) expect(EventType.nodeDeleted, path);
      else if (last !== undefined && last.zxid > since) expect(EventType.nodeDataChanged, path);
      else this.#set(true, "data", path, zxid);
    }
    for (const path of request.existWatches ?? []) {
      const last = this.#changes.lastUpTo(place("data", path), zxid);
      if (exists(path, last)) expect(EventType.nodeCreated, path);
      else this.#set(true, "data", path, zxid);
    }
    for (const path of request.childWatches ?? []) {
      const last = this.#changes.lastUpTo(place("data", path), zxid);
      const child = this.#changes.lastUpTo(place("child", path), zxid);
      // A new znode's pzxid is that of its creation.
      const born = last?.type === EventType.nodeCreated && last.zxid > since;
      if (!exists(path, last)) expect(EventType.nodeDeleted, path);
      else if (born || (child !== undefined && child.zxid > since)) {
        expect(EventType.nodeChildrenChanged, path);
      } else this.#set(true, "child", path, zxid);
    }
    const told = this.#restored.map(({ type, path }) => `${type} ${path}`);
    this.#restored = [];
    return told.join() === wanted.join()
      ? undefined
      : `was told [${told.join()}] by setWatches, not [${wanted.join()}]`;
  }
}

/** Whether a znode is there after the last change of it; only the first ones never changed. */
function exists(path: string, last: Fired | undefined): boolean {
  if (last !== undefined) return last.type !== EventType.nodeDeleted;
  return path === "/" || path === "/zookeeper" || path.startsWith("/zookeeper/");
}

function place(table: Change["table"], path: string): string {
  return `${table} ${path}`;
}
