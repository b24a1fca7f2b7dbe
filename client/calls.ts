/**
 * Requests as promises, over the session core: paths checked and prefixed with the chroot, an abort
 * listened to once and forgotten. Everything above this line is promises, everything below is not.
 */
import { pathProblem } from "../protocol/paths.ts";
import { Aborts } from "./aborts.ts";
import { type ErrorDetails, ZooKeeperError } from "./errors.ts";
import type { Operation } from "./operations.ts";
import * as operations from "./operations.ts";
import type { CallOptions, ClientHost } from "./options.ts";
import type { Request } from "./requests.ts";
import type { Session } from "./session.ts";
import type { WatchRegistration } from "./watches.ts";

/** A request and its answer. */
export interface Issued<R> {
  /** Undefined: nothing was even queued. */
  readonly request: Request<R> | undefined;
  readonly answer: Promise<R>;
}

/** What is left of a call's time, for one that takes several requests. */
export interface Budget {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
}

export class Calls {
  readonly session: Session;
  readonly aborts: Aborts = new Aborts();
  readonly #host: ClientHost;
  readonly #chroot: string;
  readonly #operationTimeoutMs: number;

  constructor(session: Session, host: ClientHost, chroot: string, operationTimeoutMs: number) {
    this.session = session;
    this.#host = host;
    this.#chroot = chroot;
    this.#operationTimeoutMs = operationTimeoutMs;
  }

  /** @throws ZooKeeperError BadArguments */
  serverPath(path: string): string {
    const problem = pathProblem(path);
    if (problem !== undefined) {
      throw new ZooKeeperError("BadArguments", { path, cause: new Error(problem) });
    }
    if (this.#chroot === "") return path;
    return path === "/" ? this.#chroot : this.#chroot + path;
  }

  /** A path from a server, as the caller knows it. */
  clientPath(serverPath: string): string {
    if (!serverPath.startsWith(this.#chroot)) return serverPath;
    return serverPath.slice(this.#chroot.length) || "/";
  }

  /** Options for each request of a call: they share one signal and one time. */
  budget(options: CallOptions): Budget {
    const { clock } = this.#host;
    const untilMs = clock.nowMs() + (options.timeoutMs ?? this.#operationTimeoutMs);
    return {
      signal: options.signal,
      get timeoutMs() {
        return Math.max(0, untilMs - clock.nowMs());
      },
    };
  }

  /** 36 characters, RFC 4122 version 4. */
  uuid(): string {
    const bytes = Buffer.alloc(16);
    this.#host.random.fill(bytes);
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    const hex = bytes.toString("hex");
    const at = [0, 8, 12, 16, 20, 32];
    return at
      .slice(1)
      .map((end, i) => hex.slice(at[i], end))
      .join("-");
  }

  /** A pause that nobody needs to end early. */
  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#host.clock.after(delayMs, resolve);
    });
  }

  issue<A, R>(
    operation: Operation<A, R>,
    args: A,
    path: string | undefined,
    options: CallOptions,
    registration?: WatchRegistration,
  ): Issued<R> {
    const { signal, timeoutMs } = options;
    if (signal?.aborted === true) return { request: undefined, answer: rejected(signal.reason) };
    let request: Request<R> | undefined;
    const answer = new Promise<R>((resolve, reject) => {
      const aborted = (): void => {
        if (request !== undefined) this.session.abandon(request);
        reject(signal?.reason as Error);
      };
      request = this.session.submit(
        operation,
        args,
        { path, timeoutMs, registration },
        (error, result) => {
          this.aborts.off(signal, aborted);
          if (error === undefined) resolve(result as R);
          else reject(error);
        },
      );
      if (!request.isSettled) this.aborts.on(signal, aborted);
    });
    return { request, answer };
  }

  call<A, R>(
    operation: Operation<A, R>,
    args: A,
    path: string | undefined,
    options: CallOptions,
    registration?: WatchRegistration,
  ): Promise<R> {
    return this.issue(operation, args, path, options, registration).answer;
  }

  /** Waits for something that goes on when its caller has left, or has no more time. */
  within<T>(work: Promise<T>, options: CallOptions, what: ErrorDetails): Promise<T> {
    const { signal } = options;
    const { timeoutMs } = this.budget(options);
    return new Promise((resolve, reject) => {
      const fail = (reason: unknown): void => {
        settled();
        reject(reason);
      };
      const aborted = (): void => fail(signal?.reason);
      const late = (): void => fail(new ZooKeeperError("Timeout", what));
      const timer = Number.isFinite(timeoutMs)
        ? this.#host.clock.after(timeoutMs, late)
        : undefined;
      const settled = (): void => {
        this.aborts.off(signal, aborted);
        timer?.cancel();
      };
      this.aborts.on(signal, aborted);
      work.then((value) => {
        settled();
        resolve(value);
      }, fail);
    });
  }

  /**
   * A write that changes nothing, whatever its outcome: a quorum has agreed to all that came
   * before it (recipes CL-30).
   */
  async barrier(path: string, options: CallOptions): Promise<void> {
    const request = { path: this.serverPath(path), version: -1 };
    await this.call(operations.multi, [operations.checkOp(request)], path, options);
  }
}

/** A rejection with whatever the caller's signal carries. */
function rejected(reason: unknown): Promise<never> {
  return Promise.reject(reason);
}
