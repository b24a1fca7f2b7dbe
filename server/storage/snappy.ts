/**
 * Reads what Java's SnappyOutputStream writes (storage ST-20): ZooKeeper may have compressed a
 * snapshot with it. Nothing here writes snappy.
 *
 *     stream := 82 "SNAPPY" 00 | i32 1 | i32 1 | ( i32 n | n bytes of one raw block )*
 *     block  := varint length | element*
 *     element := tag with its kind in the low two bits: literal, or copy from what was written
 */
import { JuteError } from "../../protocol/jute.ts";

const STREAM_MARK = Buffer.from("82534e4150505900", "hex");
/** The mark and two versions. */
const STREAM_HEADER_BYTES = 16;
/** A block is at most this long in the formats we read; Java's default is 32 KiB. */
const BLOCK_MAX_BYTES: number = 64 * 1024 * 1024;
/** Lengths of a literal that stand in the tag itself. */
const SHORT_LITERAL_TAGS = 60;

export function isSnappyStream(bytes: Buffer): boolean {
  return bytes.compare(STREAM_MARK, 0, STREAM_MARK.length, 0, STREAM_MARK.length) === 0;
}

/** @throws JuteError when the stream is damaged. */
export function unsnappyStream(bytes: Buffer): Buffer {
  if (bytes.length < STREAM_HEADER_BYTES || !isSnappyStream(bytes)) throw damaged();
  const blocks: Buffer[] = [];
  for (let at = STREAM_HEADER_BYTES; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw damaged();
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) throw damaged();
    blocks.push(unsnappyBlock(bytes, at + 4, end));
    at = end;
  }
  return Buffer.concat(blocks);
}

/** One raw block, in bytes[start, end). */
function unsnappyBlock(bytes: Buffer, start: number, end: number): Buffer {
  let at = start;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] ?? 0;
    if (at > end || shift > 28) throw damaged();
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (length > BLOCK_MAX_BYTES) throw damaged();
  const block = Buffer.allocUnsafeSlow(length);
  let written = 0;
  while (at < end) {
    const tag = bytes[at++] ?? 0;
    const kind = tag & 3;
    if (kind === 0) {
      const extra = Math.max(0, (tag >>> 2) - SHORT_LITERAL_TAGS + 1);
      if (at + extra > end) throw damaged();
      const count = (extra === 0 ? tag >>> 2 : bytes.readUIntLE(at, extra)) + 1;
      at += extra;
      if (at + count > end || written + count > length) throw damaged();
      bytes.copy(block, written, at, at + count);
      at += count;
      written += count;
      continue;
    }
    const offsetBytes = kind === 3 ? 4 : kind;
    if (at + offsetBytes > end) throw damaged();
    const low = bytes.readUIntLE(at, offsetBytes);
    at += offsetBytes;
    const offset = kind === 1 ? ((tag >>> 5) << 8) | low : low;
    const count = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    if (offset === 0 || offset > written || written + count > length) throw damaged();
    // Byte by byte: a copy may overlap what it writes, which is how runs are told.
    for (let i = 0; i < count; i++, written++) block[written] = block[written - offset] ?? 0;
  }
  if (written !== length) throw damaged();
  return block;
}

function damaged(): JuteError {
  return new JuteError("a damaged snappy stream");
}
