/**
 * What a learner that is served passes on for its clients (quorum-protocol 8.5, 9). Each function
 * returns what is wrong with the packet, if anything is.
 */
import { OpCode } from "../../protocol/opcodes.ts";
import type { PresentedIds } from "../../protocol/presented-ids.ts";
import {
  type Packet,
  REQUEST_HEAD_BYTES,
  REVALIDATE_BYTES,
  TOUCH_BYTES,
} from "../../protocol/quorum.ts";
import type { LeaderService } from "./effects.ts";

/** PING's answer: sessions that were heard of (W-1). */
export function passTouched(
  packet: Packet,
  sid: number,
  service: LeaderService,
): string | undefined {
  const { bytes, dataStart, dataLength } = packet;
  if (dataLength > 0 && dataLength % TOUCH_BYTES !== 0) return "a touch table that ends early";
  for (let at = dataStart; at < dataStart + dataLength; at += TOUCH_BYTES) {
    service.touch(bytes.readInt32BE(at), bytes.readInt32BE(at + 4), bytes.readInt32BE(at + 8));
  }
  service.reported(sid);
  return undefined;
}

/** Whether a REQUEST, whole, is a sync: that becomes no txn. */
export function isSync({ bytes, dataStart, dataLength }: Packet): boolean {
  return dataLength >= REQUEST_HEAD_BYTES && bytes.readInt32BE(dataStart + 12) === OpCode.sync;
}

/** REQUEST of a sync, as far as it is the session's matter. */
export function passSync({ bytes, dataStart }: Packet, sid: number, service: LeaderService): void {
  service.asksForSync(sid, bytes.readInt32BE(dataStart), bytes.readInt32BE(dataStart + 4));
}

/** REQUEST: a write, or the creation or end of a session (B-14). */
export function passRequest(
  packet: Packet,
  sid: number,
  service: LeaderService,
  known: PresentedIds,
): string | undefined {
  const { bytes, dataStart, dataLength } = packet;
  if (dataLength < REQUEST_HEAD_BYTES) return "a REQUEST without its head";
  service.request({
    sid,
    sessionHigh: bytes.readInt32BE(dataStart),
    sessionLow: bytes.readInt32BE(dataStart + 4),
    cxid: bytes.readInt32BE(dataStart + 8),
    type: bytes.readInt32BE(dataStart + 12),
    bytes,
    start: dataStart + REQUEST_HEAD_BYTES,
    end: dataStart + dataLength,
    ids: known.of(packet),
  });
  return undefined;
}

/** REVALIDATE: `answer` is told what the leader knows of the session (W-3). */
export function passRevalidate(
  packet: Packet,
  sid: number,
  service: LeaderService,
  answer: (high: number, low: number, isValid: boolean) => void,
): string | undefined {
  const { bytes, dataStart: at, dataLength } = packet;
  if (dataLength < REVALIDATE_BYTES) return "a REVALIDATE that ends early";
  const high = bytes.readInt32BE(at);
  const low = bytes.readInt32BE(at + 4);
  answer(high, low, service.revalidate(sid, high, low, bytes.readInt32BE(at + 8)));
  return undefined;
}
