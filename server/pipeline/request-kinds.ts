/** What a request is to the pipeline: answered from the tree, made a txn, or neither. */
import { OpCode } from "../../protocol/opcodes.ts";

/** What is not here changes something, or is unknown and the last that is read. */
const ANSWERED: ReadonlySet<number> = new Set([
  OpCode.ping,
  OpCode.auth,
  OpCode.sasl,
  OpCode.setWatches,
  OpCode.setWatches2,
  OpCode.exists,
  OpCode.getData,
  OpCode.getACL,
  OpCode.getChildren,
  OpCode.getChildren2,
  OpCode.checkWatches,
  OpCode.removeWatches,
  OpCode.addWatch,
  OpCode.whoAmI,
  OpCode.multiRead,
  OpCode.getEphemerals,
  OpCode.getAllChildrenNumber,
]);

export function isAnswered(type: number): boolean {
  return ANSWERED.has(type);
}

/** What becomes a txn. */
const CHANGES: ReadonlySet<number> = new Set([
  OpCode.create,
  OpCode.create2,
  OpCode.createContainer,
  OpCode.createTTL,
  OpCode.delete,
  OpCode.setData,
  OpCode.setACL,
  OpCode.multi,
  OpCode.reconfig,
  OpCode.closeSession,
]);

export function isChange(type: number): boolean {
  return CHANGES.has(type);
}
