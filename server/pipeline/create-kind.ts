/** What kind of znode a create asks for: which kinds there are, and how they are numbered. */
import { ErrorCode } from "../../protocol/errors.ts";
import { CreateFlag, OpCode } from "../../protocol/opcodes.ts";
import { TTL_MAX_MS } from "../tree/owner.ts";
import type { Operation } from "./operation.ts";

/**
 * What is wrong with the kind of znode that is asked for, or 0.
 *
 * Differs from ZooKeeper: there a createTTL without a TTL flag is logged and kills every server that
 * applies it, and a createContainer with another flag makes a container all the same.
 *
 * @param extendedTypes Whether TTL znodes are enabled.
 */
export function createProblem(operation: Operation, extendedTypes: boolean): number {
  const { type, flags, ttlMs } = operation;
  if (flags < CreateFlag.persistent || flags > CreateFlag.persistentSequentialWithTtl) {
    return ErrorCode.BadArguments;
  }
  if (hasTtl(flags)) {
    if (!extendedTypes) return ErrorCode.Unimplemented;
    const isValid = type === OpCode.createTTL && ttlMs > 0 && ttlMs <= TTL_MAX_MS;
    return isValid ? 0 : ErrorCode.BadArguments;
  }
  if (type === OpCode.createTTL) return ErrorCode.BadArguments;
  if (type === OpCode.createContainer && flags !== CreateFlag.container) {
    return ErrorCode.BadArguments;
  }
  return 0;
}

function hasTtl(flags: number): boolean {
  return flags === CreateFlag.persistentWithTtl || flags === CreateFlag.persistentSequentialWithTtl;
}

export function isEphemeralFlag(flags: number): boolean {
  return flags === CreateFlag.ephemeral || flags === CreateFlag.ephemeralSequential;
}

/** Whether the name gets a number. */
export function isSequentialFlag(flags: number): boolean {
  return (
    flags === CreateFlag.persistentSequential ||
    flags === CreateFlag.ephemeralSequential ||
    flags === CreateFlag.persistentSequentialWithTtl
  );
}

/** The counter of creates under the parent, as ten characters; a sign counts among them. */
export function sequenceSuffix(counter: number): string {
  return counter < 0 ? `-${String(-counter).padStart(9, "0")}` : String(counter).padStart(10, "0");
}
