/** Bytes by index: for names and small data, where a view object would cost more than the copy. */

const SLASH = 0x2f;

/** Beyond this many bytes the engine's own copy is faster than a loop, view object included. */
const LOOP_MAX_BYTES = 56;

/** Callers stay within the bounds, so the 0 is for the type alone and costs nothing compiled. */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

/** Copies `source` from `start` up to `end` to `target` from `at` on. They do not overlap. */
export function copyBytes(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
): void {
  if (end - start > LOOP_MAX_BYTES) {
    // Not `subarray` or `copy`: a Buffer is a subclass, and dearer to make.
    target.set(new Uint8Array(source.buffer, source.byteOffset + start, end - start), at);
    return;
  }
  for (let from = start, to = at; from < end; from++, to++) target[to] = byteAt(source, from);
}

/** As `copyBytes`, for small data of which the views are there already: four bytes a step. */
export function copyWords(
  source: DataView,
  start: number,
  end: number,
  target: DataView,
  at: number,
): void {
  let from = start;
  let to = at;
  for (const last = end - 3; from < last; from += 4, to += 4) {
    target.setInt32(to, source.getInt32(from));
  }
  for (; from < end; from++, to++) target.setUint8(to, source.getUint8(from));
}

/** Whether `length` bytes of `a` from `atA` on and of `b` from `atB` on are the same. */
export function equalBytes(
  a: Uint8Array,
  atA: number,
  b: Uint8Array,
  atB: number,
  length: number,
): boolean {
  for (let i = 0; i < length; i++) {
    if (a[atA + i] !== b[atB + i]) return false;
  }
  return true;
}

/** Where the last slash stands, or -1. */
export function lastSlash(bytes: Uint8Array, start: number, end: number): number {
  let at = end - 1;
  while (at >= start && bytes[at] !== SLASH) at--;
  return at >= start ? at : -1;
}
