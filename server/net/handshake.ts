/** The first frame of a connection, and what answers it (client-protocol 3). */
import { timingSafeEqual } from "node:crypto";
import { JuteError, type Reader, type Writer } from "../../protocol/jute.ts";
import { PASSWORD_BYTES, sessionPassword } from "../../protocol/password.ts";
import {
  type ConnectRequest,
  readConnectRequest,
  writeConnectResponse,
} from "../../protocol/proto.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { EndDetails } from "../pipeline/requester.ts";

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

/** For the log, where a client has seen more than there is here. */
export function zxidDetails(seen: Zxid, zxid: Zxid): EndDetails {
  return { seen: `0x${seen.toString(16)}`, zxid: `0x${zxid.toString(16)}` };
}

/** Whether whoever asks for a session back knows its password. */
export function knowsPassword({ sessionHigh, sessionLow, password }: ConnectRequest): boolean {
  const expected = sessionPassword(sessionHigh, sessionLow);
  return password?.length === expected.length && timingSafeEqual(expected, password);
}

/** What the answer to a handshake tells of the session. */
interface Granted {
  readonly timeoutMs: number;
  readonly high: number;
  readonly low: number;
}

const NOTHING: Granted = { timeoutMs: 0, high: 0, low: 0 };

/**
 * ConnectResponse in a frame of its own; no header.
 *
 * @param session Undefined: there is none, and zeros say so.
 * @param readOnly Whether this server is; undefined: the client did not ask, so it is not told.
 */
export function writeHandshakeReply(
  out: Writer,
  session: Granted | undefined,
  readOnly: boolean | undefined,
): void {
  const { timeoutMs, high, low } = session ?? NOTHING;
  const start = out.reserve(4);
  writeConnectResponse(out, {
    protocolVersion: 0,
    timeoutMs,
    sessionHigh: high,
    sessionLow: low,
    password: session === undefined ? NO_PASSWORD : sessionPassword(high, low),
    readOnly,
  });
  out.patchInt(start, out.length - start - 4);
}
