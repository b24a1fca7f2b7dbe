import { expect, test } from "vitest";
import { nearestName } from "../../../server/config/nearest-name.ts";

const KEYS = ["tickTime", "dataDir", "dataLogDir", "peerType", "maxCnxns"];

test("a letter lost, added, changed or swapped leads to the key that was meant", () => {
  expect(nearestName("tickTme", KEYS)).toBe("tickTime");
  expect(nearestName("tickTiime", KEYS)).toBe("tickTime");
  expect(nearestName("tackTime", KEYS)).toBe("tickTime");
  expect(nearestName("tikcTime", KEYS)).toBe("tickTime");
});

test("another case leads there too", () => {
  expect(nearestName("peertype", KEYS)).toBe("peerType");
});

test("the nearer of two is suggested, and nothing for a name that is like none", () => {
  expect(nearestName("dataDri", KEYS)).toBe("dataDir");
  expect(nearestName("colour", KEYS)).toBeUndefined();
});
