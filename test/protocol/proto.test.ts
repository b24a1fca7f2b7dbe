import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JuteError, Reader, Writer } from "../../protocol/jute.ts";
import * as proto from "../../protocol/proto.ts";
import { acls, buffer, int, long, stat, strings, ustring } from "./arbitraries.ts";
import { codecLaws } from "./codec-laws.ts";

const readOnlyFlag = fc.constantFrom(undefined, false, true);

// client-protocol 3.2/protocolVersion, 3.2/lastZxidSeen, 3.2/timeOut, 3.2/sessionId, 3.2/passwd, 3.2/readOnly
describe("ConnectRequest", () => {
  codecLaws({
    arbitrary: fc.record({
      protocolVersion: int,
      lastZxidSeen: long,
      timeoutMs: int,
      sessionHigh: int,
      sessionLow: int,
      password: buffer,
      readOnly: readOnlyFlag,
    }),
    read: proto.readConnectRequest,
    write: proto.writeConnectRequest,
    optionalEnd: true,
  });
});

// client-protocol 3.3/protocolVersion, 3.3/timeOut, 3.3/sessionId, 3.3/passwd, 3.3/readOnly
describe("ConnectResponse", () => {
  codecLaws({
    arbitrary: fc.record({
      protocolVersion: int,
      timeoutMs: int,
      sessionHigh: int,
      sessionLow: int,
      password: buffer,
      readOnly: readOnlyFlag,
    }),
    read: proto.readConnectResponse,
    write: proto.writeConnectResponse,
    optionalEnd: true,
  });
});

describe("RequestHeader", () => {
  codecLaws({
    arbitrary: fc.record({ xid: int, type: int }),
    read: proto.readRequestHeader,
    write: proto.writeRequestHeader,
  });
});

describe("ReplyHeader", () => {
  codecLaws({
    arbitrary: fc.record({ xid: int, zxid: long, err: int }),
    read: proto.readReplyHeader,
    write: proto.writeReplyHeader,
  });
});

// client-protocol 6/6 getACL, 6/9 sync, 6/103 getEphemerals, 6/104 getAllChildrenNumber
describe("PathRequest", () => {
  codecLaws({
    arbitrary: fc.record({ path: ustring }),
    read: proto.readPathRequest,
    write: proto.writePathRequest,
  });
});

// client-protocol 6/3 exists, 6/4 getData, 6/8 getChildren, 6/12 getChildren2
describe("WatchableRequest", () => {
  codecLaws({
    arbitrary: fc.record({ path: ustring, watch: fc.boolean() }),
    read: proto.readWatchableRequest,
    write: proto.writeWatchableRequest,
  });
});

// client-protocol 6/2 delete, 6/13 check
describe("VersionedRequest", () => {
  codecLaws({
    arbitrary: fc.record({ path: ustring, version: int }),
    read: proto.readVersionedRequest,
    write: proto.writeVersionedRequest,
  });
});

// client-protocol 6/1 create, 6/15 create2, 6/19 createContainer
describe("CreateRequest", () => {
  codecLaws({
    arbitrary: fc.record({ path: ustring, data: buffer, acl: acls, flags: int }),
    read: proto.readCreateRequest,
    write: proto.writeCreateRequest,
  });
});

// client-protocol 6/21 createTTL
describe("CreateTTLRequest", () => {
  codecLaws({
    arbitrary: fc.record({ path: ustring, data: buffer, acl: acls, flags: int, ttlMs: long }),
    read: proto.readCreateTTLRequest,
    write: proto.writeCreateTTLRequest,
  });
});

// client-protocol 6/106 addWatch
describe("AddWatchRequest", () => {
  codecLaws({
    arbitrary: fc.record({ path: ustring, mode: int }),
    read: proto.readAddWatchRequest,
    write: proto.writeAddWatchRequest,
  });
});

// client-protocol 6/5 setData
describe("SetDataRequest", () => {
  codecLaws({
    arbitrary: fc.record({ path: ustring, data: buffer, version: int }),
    read: proto.readSetDataRequest,
    write: proto.writeSetDataRequest,
  });
});

// client-protocol 6/7 setACL
describe("SetACLRequest", () => {
  codecLaws({
    arbitrary: fc.record({ path: ustring, acl: acls, version: int }),
    read: proto.readSetACLRequest,
    write: proto.writeSetACLRequest,
  });
});

// client-protocol 6/17 checkWatches, 6/18 removeWatches
describe("WatcherRequest", () => {
  codecLaws({
    arbitrary: fc.record({ path: ustring, watcherType: int }),
    read: proto.readWatcherRequest,
    write: proto.writeWatcherRequest,
  });
});

const watches = {
  relativeZxid: long,
  dataWatches: strings,
  existWatches: strings,
  childWatches: strings,
};

// client-protocol 6/101 setWatches
describe("SetWatches", () => {
  codecLaws({
    arbitrary: fc.record(watches),
    read: proto.readSetWatches,
    write: proto.writeSetWatches,
  });
});

// client-protocol 6/105 setWatches2
describe("SetWatches2", () => {
  codecLaws({
    arbitrary: fc.record({
      ...watches,
      persistentWatches: strings,
      persistentRecursiveWatches: strings,
    }),
    read: proto.readSetWatches2,
    write: proto.writeSetWatches2,
  });
});

// client-protocol 5/AuthPacket
describe("AuthPacket", () => {
  codecLaws({
    arbitrary: fc.record({ type: int, scheme: ustring, auth: buffer }),
    read: proto.readAuthPacket,
    write: proto.writeAuthPacket,
  });
});

describe("PathResponse", () => {
  codecLaws({
    arbitrary: fc.record({ path: ustring }),
    read: proto.readPathResponse,
    write: proto.writePathResponse,
  });
});

describe("Create2Response", () => {
  codecLaws({
    arbitrary: fc.record({ path: ustring, stat }),
    read: proto.readCreate2Response,
    write: proto.writeCreate2Response,
  });
});

describe("GetDataResponse", () => {
  codecLaws({
    arbitrary: fc.record({ data: buffer, stat }),
    read: proto.readGetDataResponse,
    write: proto.writeGetDataResponse,
  });
});

describe("GetACLResponse", () => {
  codecLaws({
    arbitrary: fc.record({ acl: acls, stat }),
    read: proto.readGetACLResponse,
    write: proto.writeGetACLResponse,
  });
});

describe("GetChildrenResponse", () => {
  codecLaws({
    arbitrary: fc.record({ children: strings }),
    read: proto.readGetChildrenResponse,
    write: proto.writeGetChildrenResponse,
  });
});

describe("GetChildren2Response", () => {
  codecLaws({
    arbitrary: fc.record({ children: strings, stat }),
    read: proto.readGetChildren2Response,
    write: proto.writeGetChildren2Response,
  });
});

// client-protocol 5/WatcherEvent
describe("WatcherEvent", () => {
  codecLaws({
    arbitrary: fc.record({ type: int, state: int, path: ustring }),
    read: proto.readWatcherEvent,
    write: proto.writeWatcherEvent,
  });
});

// client-protocol 5/ErrorResponse
describe("ErrorResponse", () => {
  codecLaws({
    arbitrary: fc.record({ err: int }),
    read: proto.readErrorResponse,
    write: proto.writeErrorResponse,
  });
});

const CONNECT = {
  protocolVersion: 0,
  lastZxidSeen: 0,
  timeoutMs: 10_000,
  sessionHigh: 0,
  sessionLow: 0,
  password: Buffer.alloc(16),
  readOnly: undefined,
};

// client-protocol 3.2/readOnly, Trap 1
test("the handshake's last byte is absent, false or true, and stays what it was", () => {
  for (const [readOnly, length] of [
    [undefined, 44],
    [false, 45],
    [true, 45],
  ] as const) {
    const writer = new Writer();
    proto.writeConnectRequest(writer, { ...CONNECT, readOnly });
    expect(writer.length).toBe(length);
    const reader = new Reader().reset(writer.written());
    expect(proto.readConnectRequest(reader).readOnly).toBe(readOnly);

    writer.clear();
    proto.writeConnectResponse(writer, { ...CONNECT, readOnly });
    expect(writer.length).toBe(length - 8);
    reader.reset(writer.written());
    expect(proto.readConnectResponse(reader).readOnly).toBe(readOnly);
  }
});

// client-protocol 3.2/passwd
test("fewer than 44 bytes are no handshake, more than 45 are one", () => {
  const writer = new Writer();
  proto.writeConnectRequest(writer, { ...CONNECT, readOnly: true });
  writer.raw(Buffer.from("trailing"));
  const bytes = writer.written();
  for (let end = 0; end < 44; end++) {
    expect(() => proto.readConnectRequest(new Reader().reset(bytes, 0, end))).toThrow(JuteError);
  }
  expect(proto.readConnectRequest(new Reader().reset(bytes)).readOnly).toBe(true);
});

// client-protocol 1
test("what a client claims to have seen may be any 64 bits, what a server says may not", () => {
  const bytes = Buffer.alloc(45);
  bytes.writeBigInt64BE(2n ** 63n - 1n, 4);
  bytes.writeInt32BE(-1, 24);
  expect(proto.readConnectRequest(new Reader().reset(bytes)).lastZxidSeen).toBe(2 ** 63);
  expect(() => proto.readReplyHeader(new Reader().reset(bytes))).toThrow(JuteError);
});
