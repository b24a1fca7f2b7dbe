/** Whether a request makes an ephemeral: no session that one server alone knows can own one. */
import { JuteError, type Reader } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { isEphemeralFlag } from "./create-kind.ts";
import { readMulti } from "./multi.ts";
import { Operation } from "./operation.ts";

/** Leaves the reader where it is. What does not decode makes nothing. */
export function makesEphemeral(type: number, reader: Reader): boolean {
  const { offset } = reader;
  try {
    if (type === OpCode.multi) return readMulti(reader)?.some(isEphemeralCreate) === true;
    if (type !== OpCode.create && type !== OpCode.create2) return false;
    const operation = new Operation();
    operation.read(type, reader);
    return isEphemeralCreate(operation);
  } catch (error) {
    if (error instanceof JuteError) return false;
    throw error;
  } finally {
    reader.offset = offset;
  }
}

function isEphemeralCreate({ type, flags }: Operation): boolean {
  return (type === OpCode.create || type === OpCode.create2) && isEphemeralFlag(flags);
}
