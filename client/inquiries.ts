/** What a client asks about many znodes at once, or about itself. */
import {
  readGetAllChildrenNumberResponse,
  readGetEphemeralsResponse,
  readWhoAmIResponse,
} from "../protocol/inquiries.ts";
import {
  type MultiReadOp,
  type MultiReadResult,
  readMultiReadResponse,
  writeMultiReadRequest,
} from "../protocol/multi-read.ts";
import { OpCode } from "../protocol/opcodes.ts";
import { writePathRequest } from "../protocol/proto.ts";
import type { Calls } from "./calls.ts";
import type { DataResult } from "./client.ts";
import { createPath } from "./create.ts";
import { errorFromWire, type ZooKeeperError } from "./errors.ts";
import { type Operation, publicStat } from "./operations.ts";
import type { CallOptions } from "./options.ts";

/** One of the reads of a multiRead. */
export interface ReadRequest {
  readonly read: "data" | "children";
  readonly path: string;
}

/** What became of it; one that failed leaves the others alone. */
export type ReadOutcome =
  | ({ readonly read: "data" } & DataResult)
  /** Names, not paths, in no order. */
  | { readonly read: "children"; readonly children: readonly string[] }
  | { readonly read: "failed"; readonly error: ZooKeeperError };

/** Who a connection has proven to be, without what proves it. */
export interface Identity {
  readonly scheme: string;
  readonly user: string;
}

export const getEphemerals: Operation<string, readonly string[]> = {
  name: "getEphemerals",
  type: OpCode.getEphemerals,
  kind: "read",
  proves: false,
  write: (writer, path) => writePathRequest(writer, { path }),
  read: (reader) => readGetEphemeralsResponse(reader).ephemerals ?? [],
};

export const getAllChildrenNumber: Operation<string, number> = {
  name: "getAllChildrenNumber",
  type: OpCode.getAllChildrenNumber,
  kind: "read",
  proves: false,
  write: (writer, path) => writePathRequest(writer, { path }),
  read: (reader) => readGetAllChildrenNumberResponse(reader).totalNumber,
};

export const whoAmI: Operation<undefined, Identity[]> = {
  name: "whoAmI",
  type: OpCode.whoAmI,
  kind: "read",
  proves: false,
  write: () => {},
  read: (reader) =>
    (readWhoAmIResponse(reader).clientInfo ?? []).map(({ authScheme, user }) => ({
      scheme: authScheme ?? "",
      user: user ?? "",
    })),
};

export const multiRead: Operation<readonly MultiReadOp[], MultiReadResult[]> = {
  name: "multiRead",
  type: OpCode.multiRead,
  kind: "read",
  proves: false,
  write: writeMultiReadRequest,
  // The frame's bytes are gone when this turn ends.
  read: (reader) =>
    readMultiReadResponse(reader).map((result) =>
      result.type === OpCode.getData && result.data !== null
        ? { ...result, data: Buffer.from(result.data) }
        : result,
    ),
};

export class Inquiries {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  async getEphemerals(prefix: string, options: CallOptions): Promise<string[]> {
    // As with a numbered name: a prefix may end with a slash.
    const serverPrefix = createPath(this.#calls, prefix, true);
    const paths = await this.#calls.call(getEphemerals, serverPrefix, prefix, options);
    return paths.map((path) => this.#calls.clientPath(path));
  }

  async getAllChildrenNumber(path: string, options: CallOptions): Promise<number> {
    const serverPath = this.#calls.serverPath(path);
    return this.#calls.call(getAllChildrenNumber, serverPath, path, options);
  }

  async whoAmI(options: CallOptions): Promise<Identity[]> {
    return this.#calls.call(whoAmI, undefined, undefined, options);
  }

  async multiRead(reads: readonly ReadRequest[], options: CallOptions): Promise<ReadOutcome[]> {
    const ops = reads.map(
      ({ read, path }): MultiReadOp => ({
        type: read === "data" ? OpCode.getData : OpCode.getChildren,
        request: { path: this.#calls.serverPath(path), watch: false },
      }),
    );
    const results = await this.#calls.call(multiRead, ops, reads[0]?.path, options);
    return results.map((result, at) => outcome(result, reads[at]?.path));
  }
}

function outcome(result: MultiReadResult, path: string | undefined): ReadOutcome {
  switch (result.type) {
    case OpCode.getData:
      return { read: "data", data: result.data, stat: publicStat(result.stat) };
    case OpCode.getChildren:
      return { read: "children", children: result.children ?? [] };
    case OpCode.error:
      return {
        read: "failed",
        error: errorFromWire(result.err, { path, operation: multiRead.name }),
      };
  }
}
