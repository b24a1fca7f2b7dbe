/** Transactions: operations that take effect together or not at all (recipes A.12). */

import { ErrorCode } from "../protocol/errors.ts";
import type { MultiOp, MultiResult } from "../protocol/multi.ts";
import { OpCode } from "../protocol/opcodes.ts";
import type { Calls } from "./calls.ts";
import type { Claim } from "./claims.ts";
import { createPath } from "./create.ts";
import { errorFromWire, verdictFromWire, ZooKeeperError } from "./errors.ts";
import * as operations from "./operations.ts";
import type { CallOptions, CreateMode } from "./options.ts";
import type { Acl, Stat } from "./records.ts";

export interface TransactionCreateOptions {
  /** Default: `persistent`. */
  readonly mode?: CreateMode | undefined;
  /** For the two TTL modes: 1 to 2^40 - 1, by the leader's clock. */
  readonly ttlMs?: number | undefined;
  readonly acl?: readonly Acl[] | undefined;
}

/** What a create in a transaction made; servers before 3.8.2 do not send its Stat. */
export interface TransactionCreated {
  readonly path: string;
  readonly stat: Stat | undefined;
}

/** Something held that can guard a transaction: a claim, or a recipe's handle around one. */
export type Guard = Pick<Claim, "nodePath" | "lose">;

/**
 * Operations that take effect together or not at all. Each call returns a builder with one more,
 * typed with one more result; it can be kept and continued in two ways. A commit that the server
 * refuses rejects with the code of the operation that failed, `failedIndex` and `results`.
 */
export interface Transaction<R extends readonly unknown[] = []> {
  /** Holds if the znode exists and has `version`; -1 (the default) is any. */
  check(path: string, version?: number): Transaction<[...R, undefined]>;
  create(
    path: string,
    data?: Uint8Array | null,
    options?: TransactionCreateOptions,
  ): Transaction<[...R, TransactionCreated]>;
  setData(path: string, data: Uint8Array | null, version?: number): Transaction<[...R, Stat]>;
  delete(path: string, version?: number): Transaction<[...R, undefined]>;
  /**
   * Lets the server refuse everything once the claim's znode is gone. Such a refusal ends the
   * claim and rejects with `NotHeld`.
   */
  guardedBy(guard: Guard): Transaction<R>;
  /** @throws ZooKeeperError also PacketTooLarge: nothing was sent. */
  commit(options?: CallOptions): Promise<R>;
}

/** An operation as its caller wrote it, made into a record when it is committed. */
interface Step {
  readonly path: string;
  op(calls: Calls): MultiOp;
}

export class TransactionBuilder<R extends readonly unknown[]> implements Transaction<R> {
  readonly #calls: Calls;
  readonly #acl: readonly Acl[];
  readonly #steps: readonly Step[];
  readonly #guard: Guard | undefined;

  constructor(calls: Calls, acl: readonly Acl[], steps: readonly Step[] = [], guard?: Guard) {
    this.#calls = calls;
    this.#acl = acl;
    this.#steps = steps;
    this.#guard = guard;
  }

  check(path: string, version = -1): Transaction<[...R, undefined]> {
    return this.#with({
      path,
      op: (calls) => operations.checkOp({ path: calls.serverPath(path), version }),
    });
  }

  create(
    path: string,
    data: Uint8Array | null = new Uint8Array(0),
    options: TransactionCreateOptions = {},
  ): Transaction<[...R, TransactionCreated]> {
    const { mode = "persistent", ttlMs = 0 } = options;
    const { flags, sequential } = operations.CREATES[mode];
    const acl = (options.acl ?? this.#acl).map(operations.wireAcl);
    return this.#with({
      path,
      op: (calls) => {
        const serverPath = createPath(calls, path, sequential);
        const request = { path: serverPath, data: copyOf(data), acl, flags };
        if (mode === "ttl" || mode === "ttl-sequential") {
          return { type: OpCode.createTTL, request: { ...request, ttlMs } };
        }
        return { type: mode === "container" ? OpCode.createContainer : OpCode.create2, request };
      },
    });
  }

  setData(path: string, data: Uint8Array | null, version = -1): Transaction<[...R, Stat]> {
    return this.#with({
      path,
      op: (calls) => ({
        type: OpCode.setData,
        request: { path: calls.serverPath(path), data: copyOf(data), version },
      }),
    });
  }

  delete(path: string, version = -1): Transaction<[...R, undefined]> {
    return this.#with({
      path,
      op: (calls) => ({
        type: OpCode.delete,
        request: { path: calls.serverPath(path), version },
      }),
    });
  }

  guardedBy(guard: Guard): Transaction<R> {
    return new TransactionBuilder<R>(this.#calls, this.#acl, this.#steps, guard);
  }

  async commit(options: CallOptions = {}): Promise<R> {
    const guard = this.#guard;
    const ops = this.#steps.map((step) => step.op(this.#calls));
    if (guard !== undefined) {
      ops.unshift(
        operations.checkOp({ path: this.#calls.serverPath(guard.nodePath), version: -1 }),
      );
    }
    const results = await this.#calls.call(operations.multi, ops, this.#steps[0]?.path, options);
    const guards = guard === undefined ? 0 : 1;
    this.#throwIfRefused(results, guards);
    // Each step added one type to R, and a server answers each operation with its own record.
    return results.slice(guards).map((result) => this.#publicResult(result)) as unknown as R;
  }

  #with<T>(step: Step): Transaction<[...R, T]> {
    const steps = [...this.#steps, step];
    return new TransactionBuilder<[...R, T]>(this.#calls, this.#acl, steps, this.#guard);
  }

  /** Before the culprit a refused transaction reports 0, behind it RuntimeInconsistency. */
  #throwIfRefused(results: readonly MultiResult[], guards: number): void {
    const codes = results.map((result) => (result.type === OpCode.error ? result.err : undefined));
    if (codes.every((code) => code === undefined)) return;
    const culprit = codes.findIndex((code) => code !== undefined && !isEcho(code));
    const wireCode = codes[culprit] ?? ErrorCode.RuntimeInconsistency;
    const verdicts = codes.slice(guards).map((code) => verdictFromWire(code ?? ErrorCode.Ok));
    const failedIndex = culprit < 0 ? undefined : culprit - guards;
    const path = failedIndex === undefined ? undefined : this.#steps[failedIndex]?.path;
    const error = errorFromWire(wireCode, {
      path,
      operation: operations.multi.name,
      failedIndex: failedIndex === -1 ? undefined : failedIndex,
      results: verdicts,
    });
    if (culprit !== 0 || this.#guard === undefined) throw error;
    const { nodePath } = this.#guard;
    const loss = new ZooKeeperError("NotHeld", { path: nodePath, results: verdicts, cause: error });
    this.#guard.lose(loss);
    throw loss;
  }

  #publicResult(result: MultiResult): TransactionCreated | Stat | undefined {
    switch (result.type) {
      case OpCode.create:
        return { path: this.#calls.clientPath(result.path ?? ""), stat: undefined };
      case OpCode.create2:
        return {
          path: this.#calls.clientPath(result.path ?? ""),
          stat: operations.publicStat(result.stat),
        };
      case OpCode.setData:
        return operations.publicStat(result.stat);
      case OpCode.delete:
      case OpCode.check:
      case OpCode.error:
        return undefined;
    }
  }
}

function isEcho(code: number): boolean {
  return code === ErrorCode.Ok || code === ErrorCode.RuntimeInconsistency;
}

function copyOf(data: Uint8Array | null): Buffer | null {
  return data === null ? null : Buffer.from(data);
}
