/**
 * The client that users hold: promises, abort signals and events around the session core. Nothing
 * here decides anything about the session.
 */
import { setMaxListeners } from "node:events";
import type { Clock, Random } from "../protocol/host.ts";
import { nodeHost } from "../protocol/node-host.ts";
import { WatcherType } from "../protocol/opcodes.ts";
import { Calls } from "./calls.ts";
import type { Claim, HoldOptions } from "./claims.ts";
import type {
  AclResult,
  ChildrenResult,
  Client,
  ClientEvents,
  CreateResult,
  DataResult,
  Warning,
} from "./client.ts";
import { Creator } from "./create.ts";
import { Deletes, type DeletesObserver } from "./deletes.ts";
import { isZooKeeperError, ZooKeeperError } from "./errors.ts";
import { Events } from "./events.ts";
import { type EnsembleProvider, Hosts } from "./hosts.ts";
import { type Identity, Inquiries, type ReadOutcome, type ReadRequest } from "./inquiries.ts";
import { type Transaction, TransactionBuilder } from "./multi.ts";
import type { SessionObserver } from "./observer.ts";
import * as operations from "./operations.ts";
import type {
  CallOptions,
  ClientHost,
  CloseOptions,
  ConnectOptions,
  CreateOptions,
  DeleteOptions,
  Logger,
  ReadOptions,
  SetOptions,
} from "./options.ts";
import { type Acl, type AuthInfo, openAcl, type Stat } from "./records.ts";
import { Session } from "./session.ts";
import { type SessionSettings, settingsOf } from "./settings.ts";
import type { ConnectionState, StateEvent } from "./states.ts";
import {
  type WatchEvent,
  type Watcher,
  type WatchKind,
  type WatchList,
  type WatchOutcome,
  type WatchRegistration,
  watchRegistration,
} from "./watches.ts";

const CONNECT_TOTAL_TIMEOUT_MS = 15_000;
const CLOSE_TIMEOUT_MS = 5000;

/**
 * Connects to an ensemble.
 *
 * Resolves with a client once a session is open. Afterwards the client reconnects by itself, for
 * ever, until it is closed.
 *
 * @param servers `host:port,host:port/chroot` (port 2181 and no chroot by default), or what gives it.
 * @throws ZooKeeperError ConnectTimeout: no server within `connectTotalTimeoutMs`; AuthFailed;
 *         BadArguments: `servers` or an option is not valid.
 */
export async function connect(
  servers: string | EnsembleProvider,
  options: ConnectOptions = {},
): Promise<Client> {
  options.signal?.throwIfAborted();
  const host = options.host ?? nodeHost();
  const provider = typeof servers === "string" ? { get: () => servers } : servers;
  const shell = new Shell(host, new Hosts(provider, host.random), settingsOf(options), options);
  await shell.open(options);
  return shell;
}

class Shell implements Client, SessionObserver, DeletesObserver {
  readonly #host: ClientHost;
  readonly #session: Session;
  readonly #calls: Calls;
  readonly #deletes: Deletes;
  readonly #creator: Creator;
  readonly #inquiries: Inquiries;
  readonly #acl: readonly Acl[];
  readonly #logger: Logger | undefined;
  readonly #closing = new AbortController();
  readonly #events: Events<ClientEvents>;
  /** Set by the first `close`. */
  #closed: Promise<void> | undefined;

  constructor(host: ClientHost, hosts: Hosts, settings: SessionSettings, options: ConnectOptions) {
    this.#host = host;
    this.#logger = options.logger;
    // However many wait for it: that is no leak.
    setMaxListeners(0, this.#closing.signal);
    this.#acl = options.acl ?? openAcl;
    this.#events = new Events((error, event) => this.#listenerFailed(error, event));
    this.#session = new Session(host, hosts, settings, options.auth ?? [], this);
    this.#calls = new Calls(this.#session, host, hosts.chroot, settings.operationTimeoutMs);
    this.#deletes = new Deletes(this.#calls, this);
    this.#creator = new Creator(this.#calls, this.#deletes, this.#acl);
    this.#inquiries = new Inquiries(this.#calls);
  }

  /** Resolves when the first session is open. */
  open(options: ConnectOptions): Promise<void> {
    const { signal } = options;
    const totalMs = options.connectTotalTimeoutMs ?? CONNECT_TOTAL_TIMEOUT_MS;
    return new Promise((resolve, reject) => {
      const settled = (): void => {
        this.off("transition", told);
        signal?.removeEventListener("abort", aborted);
        timer?.cancel();
      };
      const told = (event: StateEvent): void => {
        settled();
        if (event.state === "closed") reject(event.error ?? new ZooKeeperError("Closed"));
        else resolve();
      };
      const giveUp = (reason: unknown): void => {
        settled();
        this.#session.close(0, () => reject(reason));
      };
      const aborted = (): void => giveUp(signal?.reason);
      const timer = Number.isFinite(totalMs)
        ? this.#host.clock.after(totalMs, () => giveUp(new ZooKeeperError("ConnectTimeout")))
        : undefined;
      this.on("transition", told);
      signal?.addEventListener("abort", aborted, { once: true });
      this.#session.start();
    });
  }

  get state(): ConnectionState {
    return this.#session.state;
  }

  get isConnected(): boolean {
    return this.#session.isConnected;
  }

  get sessionId(): bigint {
    return this.#session.identity?.id ?? 0n;
  }

  get sessionTimeoutMs(): number {
    return this.#session.timeoutMs;
  }

  get clock(): Clock {
    return this.#host.clock;
  }

  get random(): Random {
    return this.#host.random;
  }

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  ownershipRemainingMs(): number {
    return this.#session.ownershipRemainingMs();
  }

  hold(nodePath: string, options: HoldOptions = {}): Claim {
    return this.#session.hold(nodePath, options);
  }

  keepProving(): Disposable {
    const end = this.#session.keepProving();
    return { [Symbol.dispose]: end };
  }

  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => unknown): this {
    this.#events.on(event, listener);
    return this;
  }

  off<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => unknown): this {
    this.#events.off(event, listener);
    return this;
  }

  async getData(path: string, options: ReadOptions = {}): Promise<DataResult> {
    return this.#read(operations.getData, "data", path, options);
  }

  async exists(path: string, options: ReadOptions = {}): Promise<Stat | undefined> {
    try {
      return await this.#read(operations.exists, "exists", path, options);
    } catch (error) {
      if (isZooKeeperError(error, "NoNode")) return undefined;
      throw error;
    }
  }

  async getChildren(path: string, options: ReadOptions = {}): Promise<ChildrenResult> {
    return this.#read(operations.getChildren, "children", path, options);
  }

  async create(
    path: string,
    data: Uint8Array | null = new Uint8Array(0),
    options: CreateOptions = {},
  ): Promise<CreateResult> {
    return this.#creator.create(path, data, options);
  }

  async setData(path: string, data: Uint8Array | null, options: SetOptions = {}): Promise<Stat> {
    const request = {
      path: this.#calls.serverPath(path),
      data: data === null ? null : Buffer.from(data),
      version: options.version ?? -1,
    };
    return this.#calls.call(operations.setData, request, path, options);
  }

  async delete(path: string, options: DeleteOptions = {}): Promise<void> {
    if (options.guaranteed === true) {
      await this.#deleteGuaranteed(path, options);
      return;
    }
    const request = { path: this.#calls.serverPath(path), version: options.version ?? -1 };
    try {
      await this.#calls.call(operations.deleteNode, request, path, options);
    } catch (error) {
      if (options.quiet !== true || !isZooKeeperError(error, "NoNode")) throw error;
    }
  }

  async getACL(path: string, options: CallOptions = {}): Promise<AclResult> {
    const serverPath = this.#calls.serverPath(path);
    return this.#calls.call(operations.getACL, serverPath, path, options);
  }

  async setACL(path: string, acl: readonly Acl[], options: SetOptions = {}): Promise<Stat> {
    const request = {
      path: this.#calls.serverPath(path),
      acl: acl.map(operations.wireAcl),
      version: options.version ?? -1,
    };
    return this.#calls.call(operations.setACL, request, path, options);
  }

  async multiRead(
    reads: readonly ReadRequest[],
    options: CallOptions = {},
  ): Promise<ReadOutcome[]> {
    return this.#inquiries.multiRead(reads, options);
  }

  async getEphemerals(prefix = "/", options: CallOptions = {}): Promise<string[]> {
    return this.#inquiries.getEphemerals(prefix, options);
  }

  async getAllChildrenNumber(path: string, options: CallOptions = {}): Promise<number> {
    return this.#inquiries.getAllChildrenNumber(path, options);
  }

  async whoAmI(options: CallOptions = {}): Promise<Identity[]> {
    return this.#inquiries.whoAmI(options);
  }

  async sync(path = "/", options: CallOptions = {}): Promise<void> {
    await this.#calls.call(operations.sync, this.#calls.serverPath(path), path, options);
  }

  async barrier(path = "/", options: CallOptions = {}): Promise<void> {
    await this.#calls.barrier(path, options);
  }

  transaction(): Transaction {
    return new TransactionBuilder<[]>(this.#calls, this.#acl);
  }

  async addAuth(auth: AuthInfo, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const confirmed = new Promise<void>((resolve, reject) => {
      this.#session.addAuth(auth, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
    const what = { operation: "addAuth", path: auth.scheme };
    await this.#calls.within(confirmed, options, what);
  }

  async watchOnce(path: string, kind: WatchKind, options: CallOptions = {}): Promise<WatchEvent> {
    const { signal } = options;
    signal?.throwIfAborted();
    const outcome = await new Promise<WatchOutcome>((resolve, reject) => {
      const read = { ...options, watch: resolve, watchSignal: signal };
      const armed: Promise<unknown> =
        kind === "data"
          ? this.getData(path, read)
          : kind === "exists"
            ? this.exists(path, read)
            : this.getChildren(path, read);
      armed.catch(reject);
    });
    signal?.throwIfAborted();
    if (outcome.type === "cancelled") throw new ZooKeeperError("Closed", { path });
    if (outcome.type === "lost") throw new ZooKeeperError("SessionExpired", { path });
    return outcome;
  }

  async removeWatches(path: string, list: WatchList, options: CallOptions = {}): Promise<void> {
    const serverPath = this.#calls.serverPath(path);
    options.signal?.throwIfAborted();
    if (this.#session.cancelWatches(serverPath, list) === 0) {
      throw new ZooKeeperError("NoWatcher", { path, operation: "removeWatches" });
    }
    const watcherType = list === "data" ? WatcherType.data : WatcherType.children;
    const request = { path: serverPath, watcherType };
    try {
      await this.#calls.call(operations.removeWatches, request, path, options);
    } catch (error) {
      // A new connection is told only of the watches that are left; a server that has none agrees.
      if (!isZooKeeperError(error, "ConnectionLoss", "SessionExpired", "NoWatcher")) throw error;
    }
  }

  resetSession(): void {
    this.#session.resetSession();
  }

  close(options: CloseOptions = {}): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#session.close(options.timeoutMs ?? CLOSE_TIMEOUT_MS, resolve);
    });
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // What the core tells.

  transition(event: StateEvent): void {
    this.#logger?.info(loggable(event), `session ${event.state}`);
    this.#events.emit("transition", event);
    this.#events.emit("state", event);
  }

  closing(): void {
    this.#closing.abort(new ZooKeeperError("Closed"));
  }

  warn(code: Warning["code"], message: string): void {
    this.#logger?.warn({ code }, message);
    this.#events.emit("warning", { code, message });
  }

  warnOfPending(count: number): void {
    this.warn("pending-deletes", `${count} deletes are not confirmed`);
  }

  backgroundError(error: unknown, context: string): void {
    this.#logger?.error({ err: error }, `in the background: ${context}`);
    this.#events.emit("backgroundError", { error, context });
  }

  debug(details: object, message: string): void {
    this.#logger?.debug(details, message);
  }

  #listenerFailed(error: unknown, event: keyof ClientEvents): void {
    // A failing listener of this event cannot be told by this event.
    if (event === "backgroundError") this.#logger?.error({ err: error }, "a listener failed");
    else this.backgroundError(error, `a listener of "${event}"`);
  }

  async #read<R>(
    operation: operations.Operation<{ path: string; watch: boolean }, R>,
    kind: WatchKind,
    path: string,
    options: ReadOptions,
  ): Promise<R> {
    const serverPath = this.#calls.serverPath(path);
    const registration = this.#registration(kind, serverPath, path, options);
    const request = { path: serverPath, watch: registration !== undefined };
    return this.#calls.call(operation, request, path, options, registration);
  }

  #registration(
    kind: WatchKind,
    serverPath: string,
    path: string,
    options: ReadOptions,
  ): WatchRegistration | undefined {
    const { watch, watchSignal } = options;
    if (watch === undefined) return undefined;
    if (watchSignal === undefined) return watchRegistration(kind, serverPath, path, watch);
    const cancelled = (): void => this.#session.cancelWatch(registration);
    const told: Watcher = (outcome) => {
      this.#calls.aborts.off(watchSignal, cancelled);
      watch(outcome);
    };
    const registration = watchRegistration(kind, serverPath, path, told);
    if (watchSignal.aborted) registration.phase = "unwanted";
    else this.#calls.aborts.on(watchSignal, cancelled);
    return registration;
  }

  async #deleteGuaranteed(path: string, options: DeleteOptions): Promise<void> {
    this.#calls.serverPath(path);
    const { signal } = options;
    signal?.throwIfAborted();
    const done = this.#deletes.delete(path, options.czxid);
    const queued = options.wait === "queued";
    if (queued || signal !== undefined || options.timeoutMs !== undefined) {
      // It goes on when its caller has left: then its failure is nobody's but the operator's.
      done.catch((error: unknown) => {
        if (!isZooKeeperError(error, "Closed")) this.backgroundError(error, `delete ${path}`);
      });
    }
    if (!queued) await this.#calls.within(done, options, { operation: "delete", path });
  }
}

/** An event as a logger can write it: no bigint. */
function loggable(event: StateEvent): object {
  return Object.fromEntries(
    Object.entries(event).map(([key, value]) => [
      key,
      typeof value === "bigint" ? `0x${BigInt.asUintN(64, value).toString(16)}` : value,
    ]),
  );
}
