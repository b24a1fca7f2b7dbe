import { ErrorCode } from "../../../protocol/errors.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import type { Checker } from "./checker.ts";

const REASONS: ReadonlyMap<number, string> = new Map([
  [ErrorCode.NoNode, "is not there"],
  [ErrorCode.NotEmpty, "has children"],
  [ErrorCode.BadVersion, "has not been left alone for as long as it may live"],
]);

/**
 * The server deletes a znode of its own accord only if it is a container or has a TTL, has no child,
 * and if its TTL has passed since its last change, by the clock that wrote both txns.
 */
export const reapedOnlyWhenOver: Checker = {
  name: "ReapedOnlyWhenOver",
  check({ steps }) {
    return steps.flatMap(({ zxid, logged: { txn }, expected }) => {
      if (txn.body.type !== OpCode.deleteContainer) return [];
      const code = expected?.code ?? ErrorCode.Ok;
      if (code === ErrorCode.Ok) return [];
      return [`${txn.body.path} was reaped at zxid ${zxid}, and ${REASONS.get(code) ?? code}`];
    });
  },
};
