import { expect, test } from "vitest";
import type { Disk } from "../../protocol/host.ts";
import { connectionLimit, descriptorLimit } from "../../server/descriptors.ts";
import { World } from "../../server/testing/index.ts";

const LIMITS =
  "Limit                     Soft Limit           Hard Limit           Units     \n" +
  "Max processes             31000                31000                processes \n" +
  "Max open files            1024                 4096                 files     \n";

function disk(limits: string | undefined): Disk {
  const world = new World(1);
  const made = world.host("server").disk;
  if (limits === undefined) return made;
  made.makeDirectory("/proc/self");
  const file = made.openNow("/proc/self/limits", "create");
  file.write(Buffer.from(limits), 0, () => undefined);
  world.runUntil(1_000_000);
  return made;
}

// operations 7.9/12 Connection flood / SYN flood
test("connections leave a tenth of the descriptors to files and probes", () => {
  expect(descriptorLimit(disk(LIMITS))).toBe(1024);
  expect(connectionLimit(disk(LIMITS), 0)).toBe(921);
  expect(connectionLimit(disk(LIMITS), 5000)).toBe(921);
  expect(connectionLimit(disk(LIMITS), 60)).toBe(60);
});

test("where nobody tells the limit, what is configured counts", () => {
  expect(connectionLimit(disk(undefined), 0)).toBe(0);
  expect(connectionLimit(disk("Max open files unlimited unlimited files"), 7)).toBe(7);
});
