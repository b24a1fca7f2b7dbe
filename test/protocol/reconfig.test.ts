import fc from "fast-check";
import { describe } from "vitest";
import { readReconfigRequest, writeReconfigRequest } from "../../protocol/reconfig.ts";
import { long, ustring } from "./arbitraries.ts";
import { codecLaws } from "./codec-laws.ts";

// client-protocol 6/16 reconfig
describe("ReconfigRequest", () => {
  codecLaws({
    arbitrary: fc.record({
      joiningServers: ustring,
      leavingServers: ustring,
      newMembers: ustring,
      curConfigId: long,
    }),
    read: readReconfigRequest,
    write: writeReconfigRequest,
  });
});
