import { expect, test } from "vitest";
import type { DiskFile } from "../../../protocol/host.ts";
import { adler32 } from "../../../server/storage/adler32.ts";
import { judgeTail, type LogEnding } from "../../../server/storage/log-tail.ts";
import { World } from "../../../server/testing/index.ts";

const SECTOR_BYTES = 512;
/** Of a record around its payload: checksum, length, end byte. */
const FRAME_BYTES = 13;

/** A whole record of this size in all. */
function record(zxid: number, bytes: number): Buffer {
  const whole = Buffer.alloc(bytes, 7);
  const end = bytes - 1;
  whole.writeInt32BE(0, 0);
  whole.writeInt32BE(bytes - FRAME_BYTES, 8);
  whole.writeBigInt64BE(BigInt(zxid), 12 + 12);
  whole.writeUInt32BE(adler32(whole, 12, end), 4);
  whole[end] = 0x42;
  return whole;
}

function fileOf(bytes: Buffer): DiskFile {
  const world = new World(1);
  const file = world.host("server").disk.openNow("/log.1", "create");
  let written = false;
  file.write(bytes, 0, () => {
    written = true;
  });
  while (!written) world.step();
  return file;
}

/** Records 1 to 3, of which the second begins in the middle of a sector and was never written. */
function judgeHole(thirdAt: number): LogEnding {
  const secondAt = 828;
  const log = Buffer.concat([
    Buffer.alloc(16),
    record(1, secondAt - 16),
    record(2, thirdAt - secondAt),
    record(3, 113),
    Buffer.alloc(SECTOR_BYTES),
  ]);
  log.fill(0, secondAt, 2 * SECTOR_BYTES);
  return judgeTail(fileOf(log), secondAt, 1);
}

// storage ST-8, ST-9
test("a lost sector may reach into the four zeros that the next record begins with", () => {
  for (let inside = 0; inside <= 4; inside++) {
    expect(judgeHole(2 * SECTOR_BYTES - inside).kind, `${inside} bytes`).toBe("torn");
  }
});

test("zeros that end before their sector does are no lost sector", () => {
  const log = Buffer.concat([
    Buffer.alloc(16),
    record(1, 812),
    Buffer.alloc(150),
    record(3, 113),
    Buffer.alloc(SECTOR_BYTES),
  ]);
  expect(judgeTail(fileOf(log), 828, 1).kind).toBe("corrupt");
});
