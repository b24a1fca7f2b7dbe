import fc from "fast-check";
import { expect, test } from "vitest";
import { BlobSlab } from "../../../server/tree/blob-slab.ts";

const size = fc.oneof(fc.nat(80), fc.nat(1200), fc.nat(9000));

test("blobs keep their bytes while others come and go, and none overlap", () => {
  const actions = fc.array(fc.record({ frees: fc.boolean(), which: fc.nat(), size }), {
    maxLength: 300,
    size: "max",
  });
  fc.assert(
    fc.property(actions, (list) => {
      const slab = new BlobSlab();
      const live: { ref: number; size: number; fill: number }[] = [];
      list.forEach((action, i) => {
        if (action.frees && live.length > 0) {
          const [gone] = live.splice(action.which % live.length, 1);
          slab.free(gone?.ref ?? 0);
          return;
        }
        const ref = slab.allocate(action.size);
        const fill = i & 0xff;
        const at = slab.offset(ref);
        slab.bytes(ref).fill(fill, at, at + action.size);
        live.push({ ref, size: action.size, fill });
      });
      for (const { ref, size: bytes, fill } of live) {
        const at = slab.offset(ref);
        const kept = slab.bytes(ref).subarray(at, at + bytes);
        expect(kept.length).toBe(bytes);
        expect(kept.every((byte) => byte === fill)).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
}, 60_000);

test("nothing is allocated for no bytes", () => {
  const slab = new BlobSlab();
  expect(slab.allocate(0)).toBe(0);
  slab.free(0);
  expect(slab.capacityBytes).toBe(0);
});

test("freed memory is used again, by blobs of other sizes too", () => {
  const slab = new BlobSlab();
  const round = (bytes: number): void => {
    const refs = Array.from({ length: Math.floor(4_000_000 / bytes) }, () => slab.allocate(bytes));
    for (const ref of refs) slab.free(ref);
  };
  round(100);
  const { capacityBytes } = slab;
  for (const bytes of [100, 24, 600, 7000, 100]) round(bytes);
  // A page of large blobs holds less than a page of small ones.
  expect(slab.capacityBytes).toBeLessThan(capacityBytes * 1.2);
});

test("what is freed between blobs that stay is used again", () => {
  const slab = new BlobSlab();
  const allocate = (count: number): number[] =>
    Array.from({ length: count }, () => slab.allocate(100));
  const refs = allocate(60_000);
  const { capacityBytes } = slab;
  for (let round = 0; round < 3; round++) {
    const freed = refs.filter((_, i) => i % 2 === round % 2);
    for (const ref of freed) slab.free(ref);
    expect(allocate(freed.length).toSorted((a, b) => a - b)).toEqual(
      freed.toSorted((a, b) => a - b),
    );
  }
  expect(slab.capacityBytes).toBe(capacityBytes);
});

test("a large blob has memory of its own, which goes with it", () => {
  const slab = new BlobSlab();
  const ref = slab.allocate(100_000);
  expect(slab.capacityBytes).toBe(100_000);
  slab.free(ref);
  expect(slab.capacityBytes).toBe(0);
  expect(slab.allocate(100_001)).toBe(ref);
});

test("a blob is rewritten in place only by what leaves no more than an eighth of it unused", () => {
  const slab = new BlobSlab();
  fc.assert(
    fc.property(size, size, (a, b) => {
      if (!slab.fits(a, b)) return;
      expect(slab.fits(b, a)).toBe(true);
      expect(Math.abs(a - b)).toBeLessThanOrEqual(Math.max(7, Math.min(a, b) / 8));
    }),
  );
  expect(slab.fits(105, 112)).toBe(true);
  expect(slab.fits(0, 8)).toBe(false);
  expect(slab.fits(8193, 8194)).toBe(false);
});
