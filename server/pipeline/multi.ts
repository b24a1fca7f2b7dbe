/**
 * The parts of a multi, decoded before any of them is looked at: one that cannot be decoded or
 * is not allowed refuses the whole (client-protocol 7).
 */
import type { Reader } from "../../protocol/jute.ts";
import { CreateFlag, OpCode } from "../../protocol/opcodes.ts";
import { Operation } from "./operation.ts";

const ALLOWED: ReadonlySet<number> = new Set([
  OpCode.create,
  OpCode.create2,
  OpCode.createContainer,
  OpCode.createTTL,
  OpCode.delete,
  OpCode.setData,
  OpCode.check,
]);

// repeat { MultiHeader: int type, boolean done, int err; request record }, MultiHeader(-1, true, -1)

/**
 * @returns undefined when a part is not allowed.
 * @throws JuteError
 */
export function readMulti(reader: Reader): Operation[] | undefined {
  const operations: Operation[] = [];
  for (;;) {
    const type = reader.int();
    const done = reader.boolean();
    reader.int();
    if (done) return operations;
    if (!ALLOWED.has(type)) return undefined;
    const operation = new Operation();
    operation.read(type, reader);
    if (isRefusedCreate(operation)) return undefined;
    operations.push(operation);
  }
}

/** Unknown kinds of znode, and a TTL where there is no room for one, are no create at all here. */
function isRefusedCreate({ type, flags }: Operation): boolean {
  switch (type) {
    case OpCode.create:
    case OpCode.create2:
    case OpCode.createContainer:
      return flags < CreateFlag.persistent || flags > CreateFlag.container;
    case OpCode.createTTL:
      return flags < CreateFlag.persistent || flags > CreateFlag.persistentSequentialWithTtl;
    default:
      return false;
  }
}

/**
 * The type of a multi's part in its txn. The bodies of create2 and create are the same, and Apache
 * ZooKeeper before 3.8.2 knows only create there: it would leave out the whole multi, in silence.
 *
 * Differs from ZooKeeper: from 3.8.2 on a part keeps type create2 in its txn.
 */
export function partType(asked: number): number {
  return asked === OpCode.create2 ? OpCode.create : asked;
}
