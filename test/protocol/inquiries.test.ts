import fc from "fast-check";
import { describe } from "vitest";
import {
  readGetAllChildrenNumberResponse,
  readGetEphemeralsResponse,
  readWhoAmIResponse,
  writeGetAllChildrenNumberResponse,
  writeGetEphemeralsResponse,
  writeWhoAmIResponse,
} from "../../protocol/inquiries.ts";
import { int, strings, ustring } from "./arbitraries.ts";
import { codecLaws } from "./codec-laws.ts";

// client-protocol 6/103 getEphemerals
describe("GetEphemeralsResponse", () => {
  codecLaws({
    arbitrary: fc.record({ ephemerals: strings }),
    read: readGetEphemeralsResponse,
    write: writeGetEphemeralsResponse,
  });
});

// client-protocol 6/104 getAllChildrenNumber
describe("GetAllChildrenNumberResponse", () => {
  codecLaws({
    arbitrary: fc.record({ totalNumber: int }),
    read: readGetAllChildrenNumberResponse,
    write: writeGetAllChildrenNumberResponse,
  });
});

const clientInfo = fc.record({ authScheme: ustring, user: ustring });

// client-protocol 6/107 whoAmI, 5/ClientInfo
describe("WhoAmIResponse", () => {
  codecLaws({
    arbitrary: fc.record({
      clientInfo: fc.oneof(fc.constant(null), fc.array(clientInfo, { maxLength: 3 })),
    }),
    read: readWhoAmIResponse,
    write: writeWhoAmIResponse,
  });
});
