/** The first frame of a connection, and what answers it (client-protocol 3). */
import { timingSafeEqual } from "node:crypto";
import { JuteError, type Reader, type Writer } from "../../protocol/jute.ts";
import { PASSWORD_BYTES, sessionPassword } from "../../protocol/password.ts";
import {
  type ConnectRequest,
  readConnectRequest,
  writeConnectResponse,
} from "../../protocol/proto.ts";

const NO_PASSWORD = Buffer.alloc(PASSWORD_BYTES);

/** Undefined: it does not decode. */
export function readHandshake(reader: Reader): ConnectRequest | undefined {
  try {
    return readConnectRequest(reader);
  } catch (error) {
    if (error instanceof JuteError) return undefined;
    throw error;
  }
}

/** Whether whoever asks for a session back knows its password. */
export function knowsPassword({ sessionHigh, sessionLow, password }: ConnectRequest): boolean {
  const expected = sessionPassword(sessionHigh, sessionLow);
  return password?.length === expected.length && timingSafeEqual(expected, password);
}

/**
 * ConnectResponse in a frame of its own; no header.
 *
 * @param timeoutMs 0: there is no such session.
 * @param readOnly Undefined: the client did not ask with this field, so it gets none.
 */
export function writeHandshakeReply(
  out: Writer,
  timeoutMs: number,
  sessionHigh: number,
  sessionLow: number,
  readOnly: boolean | undefined,
): void {
  const start = out.reserve(4);
  writeConnectResponse(out, {
    protocolVersion: 0,
    timeoutMs,
    sessionHigh,
    sessionLow,
    password: timeoutMs > 0 ? sessionPassword(sessionHigh, sessionLow) : NO_PASSWORD,
    readOnly,
  });
  out.patchInt(start, out.length - start - 4);
}
