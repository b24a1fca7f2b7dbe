// The model's kinds of znode (server-semantics 2.5): who owns one, and what a create may ask for.

import { CreateFlag, OpCode } from "../../protocol/opcodes.ts";

/** What is no session's. */
export const CONTAINER = "8000000000000000";
export const NOBODY = "0000000000000000";
/** Before the 40 bits of a TTL in milliseconds. */
const TTL_MARK = "ff0000";

interface Owned {
  /** 16 hexadecimal digits: a session, or one of the marks. */
  readonly owner: string;
}

/** Whether there is such a kind of znode, and this request may ask for it. */
export function isKind(type: number, flags: number, ttlMs: number | undefined): boolean {
  switch (flags) {
    case CreateFlag.persistentWithTtl:
    case CreateFlag.persistentSequentialWithTtl:
      return ttlMs !== undefined && ttlMs > 0 && ttlMs < 2 ** 40;
    case CreateFlag.container:
      return type !== OpCode.createTTL;
    default:
      return (
        flags >= 0 && flags < 7 && type !== OpCode.createTTL && type !== OpCode.createContainer
      );
  }
}

export function isSequential(flags: number): boolean {
  return (
    flags === CreateFlag.persistentSequential ||
    flags === CreateFlag.ephemeralSequential ||
    flags === CreateFlag.persistentSequentialWithTtl
  );
}

export function ttlOwner(ttlMs: number | undefined): string {
  return ttlMs === undefined ? NOBODY : TTL_MARK + ttlMs.toString(16).padStart(10, "0");
}

export function isTtl({ owner }: Owned): boolean {
  return owner.startsWith(TTL_MARK);
}

export function ttlOf({ owner }: Owned): number {
  return Number.parseInt(owner.slice(TTL_MARK.length), 16);
}

export function isEphemeral(node: Owned): boolean {
  return node.owner !== NOBODY && node.owner !== CONTAINER && !isTtl(node);
}
