// CRC-32 (IEEE) and Adler-32 as their definitions say, for witnesses that share no code with the
// server.

const TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export function crc32(...parts: readonly Uint8Array[]): number {
  let crc = -1;
  for (const part of parts) {
    for (let at = 0; at < part.length; at++) {
      crc = (TABLE[(crc ^ (part[at] as number)) & 0xff] as number) ^ (crc >>> 8);
    }
  }
  return (crc ^ -1) >>> 0;
}

const ADLER_MODULUS = 65_521;

export function adler32(bytes: Uint8Array): number {
  let low = 1;
  let high = 0;
  for (let at = 0; at < bytes.length; at++) {
    low = (low + (bytes[at] as number)) % ADLER_MODULUS;
    high = (high + low) % ADLER_MODULUS;
  }
  return high * 0x1_0000 + low;
}
