import { expect, test } from "vitest";
import * as operations from "../../client/operations.ts";
import { Ring } from "../../client/requests.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { OpCode, Xid } from "../../protocol/opcodes.ts";
import { Core, type Outcome } from "./core.ts";
import { pathOf, type Received, replies } from "./scripted-server.ts";

const S = 12_000;

function noNode(request: Received): void {
  replies.refuse(request, "NoNode");
}

test("what is asked in one turn leaves in one write, in order, with growing xids", () => {
  const core = Core.connected();
  const writes: number[] = [];
  const { link } = core.server.connection;
  const write = link.write.bind(link);
  link.write = (bytes) => {
    writes.push(bytes.length);
    return write(bytes);
  };
  for (const path of ["/a", "/b", "/c"]) core.exists(path);
  expect(writes).toEqual([]);
  core.run(5);
  expect(writes.length).toBe(1);
  expect(core.server.requests.map(pathOf)).toEqual(["/a", "/b", "/c"]);
  expect(core.server.requests.map(({ xid }) => xid)).toEqual([1, 2, 3]);
});

test("answers settle their requests in order, each with its own result", () => {
  const core = Core.connected();
  const settled: string[] = [];
  for (const path of ["/a", "/b"]) {
    core.session.submit(operations.exists, { path, watch: false }, { path }, (error) => {
      settled.push(`${path} ${error?.code ?? "ok"}`);
    });
  }
  core.run(5);
  const [a, b] = core.server.requests;
  if (a === undefined || b === undefined) throw new Error("two were sent");
  replies.stat(a);
  noNode(b);
  core.run(5);
  expect(settled).toEqual(["/a ok", "/b NoNode"]);
});

// recipes A.6, client-protocol 10.4/connection lost
test("when a connection is lost, sent writes are ambiguous and reads are asked again", () => {
  const core = Core.connected();
  const write = core.setData("/w");
  const read = core.exists("/r");
  core.run(5);
  core.server.reset();
  core.run(1);
  expect(write.error?.code).toBe("ConnectionLoss");
  expect(write.error?.ambiguous).toBe(true);
  expect(write.error?.retryable).toBe(true);
  core.server.onRequest = noNode;
  core.run(1000);
  expect(read.error?.code).toBe("NoNode");
  expect(core.server.ofType(OpCode.setData).length).toBe(1);
  expect(core.server.ofType(OpCode.exists).length).toBe(2);
});

// recipes CL-21
test("what was not sent waits for the next connection, and goes out at once", () => {
  const core = Core.connected();
  core.server.stop();
  core.run(10);
  const write = core.setData("/w");
  core.run(2000);
  expect(write).toEqual({});
  core.server.start();
  core.server.onRequest = (request) => replies.stat(request);
  core.run(6000);
  expect(write.result).toBeDefined();
});

// recipes CL-20, CL-21
test("when the session is lost, unsent writes fail as not done and reads still wait", () => {
  const core = Core.connected();
  core.server.stop();
  core.run(10);
  const write = core.setData("/w", 10 * S);
  const read = core.exists("/r", 10 * S);
  core.run(2 * S);
  expect(write.error?.code).toBe("SessionExpired");
  expect(write.error?.ambiguous).toBe(false);
  expect(read).toEqual({});
  const later = core.setData("/later", 10 * S);
  core.server.onRequest = (request) =>
    request.type === OpCode.exists ? noNode(request) : replies.stat(request);
  core.server.start();
  core.run(6000);
  expect(read.error?.code).toBe("NoNode");
  expect(later.result).toBeDefined();
});

test("the order of reads survives a lost connection, and what waited comes behind them", () => {
  const core = Core.connected({ inFlightMax: 2 });
  for (const path of ["/1", "/2", "/3"]) core.exists(path);
  core.run(5);
  core.server.reset();
  core.run(0.6);
  core.exists("/4");
  core.server.requests.length = 0;
  core.server.onRequest = noNode;
  core.run(1000);
  expect(core.server.requests.map(pathOf)).toEqual(["/1", "/2", "/3", "/4"]);
});

// recipes CL-72, CL-31
test("a caller that leaves takes along what was not sent, and never what was", () => {
  const core = Core.connected({ inFlightMax: 1 });
  const request = (path: string): { settled: boolean; leave: () => void } => {
    const seen = { settled: false, leave: () => {} };
    const operation = operations.setData;
    const args = { path, data: null, version: -1 };
    const submitted = core.session.submit(operation, args, { path }, () => {
      seen.settled = true;
    });
    seen.leave = () => core.session.abandon(submitted);
    return seen;
  };
  const first = request("/sent");
  const second = request("/unsent");
  core.run(5);
  first.leave();
  second.leave();
  expect(core.session.counts.queued).toBe(0);
  replies.stat(core.server.last(OpCode.setData));
  core.run(5);
  expect(first.settled || second.settled).toBe(false);
  expect(core.server.requests.map(pathOf)).toEqual(["/sent"]);
  core.setData("/next");
  core.run(5);
  expect(core.server.requests.map(pathOf)).toEqual(["/sent", "/next"]);
});

test("a write that timed out after it was sent is ambiguous, and its answer disturbs nobody", () => {
  const core = Core.connected();
  const late = core.setData("/late", 100);
  core.run(200);
  expect(late.error?.code).toBe("Timeout");
  expect(late.error?.ambiguous).toBe(true);
  replies.stat(core.server.last(OpCode.setData));
  const next = core.exists("/next");
  core.run(5);
  noNode(core.server.last(OpCode.exists));
  core.run(5);
  expect(next.error?.code).toBe("NoNode");
  expect(core.states).toEqual([]);
});

// recipes CL-100
test("the number in flight is bounded, and an answer lets the next one out", () => {
  const core = Core.connected({ inFlightMax: 3 });
  for (let i = 0; i < 10; i++) core.exists(`/${i}`);
  core.run(5);
  expect(core.server.requests.length).toBe(3);
  const [oldest] = core.server.requests;
  if (oldest !== undefined) noNode(oldest);
  core.run(5);
  expect(core.server.requests.length).toBe(4);
});

// recipes CL-100, T-CL-34
test("beyond the limits of the queue a request is refused at once", () => {
  const core = Core.connected({ queuedMax: 5, queuedMaxBytes: 1000 });
  core.server.stop();
  core.run(10);
  const outcomes = Array.from({ length: 6 }, () => core.exists("/a"));
  expect(outcomes.map(({ error }) => error?.code)).toEqual([
    ...Array.from({ length: 5 }, () => undefined),
    "Backpressure",
  ]);
  const bytes = Core.connected({ queuedMaxBytes: 1000 });
  bytes.server.stop();
  bytes.run(10);
  const write = { path: "/a", data: Buffer.alloc(600), version: -1 };
  expect(bytes.submit(operations.setData, write).error).toBeUndefined();
  expect(bytes.submit(operations.setData, write).error?.code).toBe("Backpressure");
});

// recipes CL-100
test("the queue's count comes back to nothing, however its requests end", () => {
  const core = Core.connected({ queuedMax: 2 });
  core.server.stop();
  core.run(10);
  for (let round = 0; round < 5; round++) {
    expect(core.exists("/a", 100).error).toBeUndefined();
    expect(core.setData("/b", 100).error).toBeUndefined();
    expect(core.exists("/c", 100).error?.code).toBe("Backpressure");
    core.run(200);
    expect(core.session.counts.queued).toBe(0);
  }
});

// recipes CL-94
test("a request longer than the servers take is refused before anything is sent", () => {
  const core = Core.connected();
  const data = (bytes: number): Outcome =>
    core.submit(operations.setData, { path: "/a", data: Buffer.alloc(bytes), version: -1 });
  // Header 8, path 4 + 2, length of the data 4, version 4.
  const longest = 1_048_575 - 22;
  expect(data(longest).error).toBeUndefined();
  expect(data(longest + 1).error?.code).toBe("PacketTooLarge");
  core.run(10);
  expect(core.server.requests.map(({ body }) => body.length + 8)).toEqual([1_048_575]);
});

// recipes CL-101
test("a full link is written no more requests until it has drained", () => {
  const core = Core.connected();
  const { link } = core.server.connection;
  link.isFull = true;
  core.exists("/1");
  core.run(5);
  core.exists("/2");
  core.run(5);
  expect(core.server.requests.map(pathOf)).toEqual(["/1"]);
  link.drain();
  core.run(5);
  expect(core.server.requests.map(pathOf)).toEqual(["/1", "/2"]);
});

// recipes CL-101
test("after a thousand replies the event loop gets its turn", () => {
  const core = Core.connected({ inFlightMax: 5000 });
  const turns = new Set<number>();
  let turn = 0;
  for (let i = 0; i < 2500; i++) {
    core.session.submit(operations.exists, { path: "/a", watch: false }, {}, () => {
      turns.add(turn);
    });
  }
  core.run(5);
  const frames: Buffer[] = [];
  const { connection } = core.server;
  const deliver = connection.link.deliver.bind(connection.link);
  connection.link.deliver = (bytes) => void frames.push(bytes);
  for (const request of core.server.requests) noNode(request);
  connection.link.deliver = deliver;
  connection.link.deliver(Buffer.concat(frames));
  while (core.machine.clock.step(core.nowMs + 10)) turn++;
  expect(turns.size).toBe(3);
});

// recipes CL-102, T-CL-35
test("a reply that is too long is one clear error, and is not asked for again", () => {
  const core = Core.connected();
  const huge = core.exists("/huge");
  const other = core.exists("/other");
  core.run(5);
  core.server.connection.send((writer) => {
    writer.raw(Buffer.alloc(5 * 1024 * 1024));
  });
  core.server.onRequest = noNode;
  core.run(1000);
  expect(huge.error?.code).toBe("PacketTooLarge");
  expect(other.error?.code).toBe("NoNode");
  expect(core.server.requests.map(pathOf)).toEqual(["/huge", "/other", "/other"]);
  expect(core.states).toEqual(["suspended", "reconnected(same)"]);
});

test("a reply that does not decode fails its request and the connection", () => {
  const core = Core.connected();
  const read = core.exists("/a");
  core.run(5);
  core.server.connection.answer(core.server.last(OpCode.exists), 0, (writer) => writer.int(1));
  core.run(1000);
  expect(read.error?.code).toBe("MarshallingError");
  expect(core.states).toEqual(["suspended", "reconnected(same)"]);
});

test("codes that no release knows are told with their number", () => {
  const core = Core.connected();
  const read = core.exists("/a");
  core.run(5);
  core.server.connection.answer(core.server.last(OpCode.exists), -4711);
  core.run(5);
  expect(read.error?.code).toBe("UnknownError");
  expect(read.error?.wireCode).toBe(-4711);
});

// client-protocol 4
test("the zxid of the last reply is what the next handshake says was seen", () => {
  const core = Core.connected();
  core.server.zxid = 4242;
  core.exists("/a");
  core.run(5);
  noNode(core.server.last(OpCode.exists));
  core.run(5);
  core.server.notify(1, "/unasked", 9999);
  core.run(5);
  core.server.reset();
  core.run(500);
  expect(core.server.handshakes.at(-1)?.request.lastZxidSeen).toBe(4242);
});

// client-protocol 10.4/auth, recipes CL-120, T-CL-38
test("credentials are the first thing on every connection", () => {
  const core = new Core({ auth: [{ scheme: "digest", auth: "u:p" }] });
  core.session.start();
  core.exists("/a");
  core.run(10);
  expect(core.server.requests.map(({ type }) => type)).toEqual([OpCode.auth, OpCode.exists]);
  expect(core.server.requests[0]?.xid).toBe(Xid.auth);
  core.server.requests.length = 0;
  core.server.reset();
  core.run(1000);
  expect(core.server.requests.map(({ type }) => type)).toEqual([OpCode.auth, OpCode.exists]);
});

// recipes CL-120
test("added credentials are confirmed by the server, over a lost connection too", () => {
  const core = Core.connected();
  let confirmed = 0;
  core.session.addAuth({ scheme: "digest", auth: "u:p" }, (error) => {
    if (error === undefined) confirmed++;
  });
  core.run(5);
  core.server.reset();
  core.run(1000);
  expect(confirmed).toBe(0);
  expect(core.server.ofType(OpCode.auth).length).toBe(2);
  core.server.connection.answer(core.server.last(OpCode.auth));
  core.run(5);
  expect(confirmed).toBe(1);
});

// recipes ST-12, client-protocol 10.4/auth refused
test("refused credentials fail everything that waits", () => {
  const core = Core.connected();
  let refusal: string | undefined;
  core.session.addAuth({ scheme: "digest", auth: "u:p" }, (error) => {
    refusal = error?.code;
  });
  const read = core.exists("/a");
  core.run(5);
  core.server.connection.answer(core.server.last(OpCode.auth), ErrorCode.AuthFailed);
  core.run(5);
  expect(refusal).toBe("AuthFailed");
  expect(read.error?.code).toBe("Closed");
  expect(core.exists("/b").error?.code).toBe("Closed");
});

// recipes CL-130, T-CL-39, client-protocol 10.4/close
test("close says goodbye behind what was sent, fails what was not, and leaves no timer", () => {
  const core = Core.connected({ inFlightMax: 1 });
  const sent = core.exists("/sent");
  const unsent = core.setData("/unsent");
  core.run(5);
  let closed = 0;
  core.session.close(5000, () => {
    closed++;
  });
  expect(unsent.error?.code).toBe("Closed");
  expect(unsent.error?.ambiguous).toBe(false);
  noNode(core.server.last(OpCode.exists));
  core.run(10);
  expect(sent.error?.code).toBe("NoNode");
  expect(core.server.goodbyes).toEqual([1]);
  expect(closed).toBe(1);
  expect(core.machine.clock.pendingCount).toBe(0);
  expect(core.exists("/after").error?.code).toBe("Closed");
  core.session.close(5000, () => {
    closed++;
  });
  core.run(5);
  expect(closed).toBe(2);
});

// recipes CL-130, T-CL-39
test("close ends in its time when no server answers, and settles everything", () => {
  const core = Core.connected();
  const sent = core.setData("/sent");
  core.run(5);
  core.server.isSilent = true;
  let closedMs = Number.NaN;
  const startMs = core.nowMs;
  core.session.close(3000, () => {
    closedMs = core.nowMs;
  });
  core.run(S);
  expect(closedMs - startMs).toBe(3000);
  expect(sent.error?.code).toBe("Closed");
  expect(sent.error?.ambiguous).toBe(true);
  expect(core.states).toEqual(["closed"]);
});

test("a close without a connection waits for one to end the session", () => {
  const core = Core.connected();
  core.server.stop();
  core.run(10);
  core.session.close(5000, () => {});
  core.server.start();
  core.run(1000);
  expect(core.server.goodbyes).toEqual([1]);
  expect(core.states).toEqual(["suspended", "closed"]);
});

// recipes Trap 10
test("a session that moved is asked about again, on a new connection", () => {
  const core = Core.connected();
  const write = core.setData("/a");
  core.run(5);
  replies.refuse(core.server.last(OpCode.setData), "SessionMoved");
  core.run(1000);
  expect(write.error?.code).toBe("SessionMoved");
  expect(write.error?.retryable).toBe(true);
  expect(core.states).toEqual(["suspended", "reconnected(same)"]);
});

test("a ring gives back what it was given, in order, however it grew", () => {
  const ring = new Ring<number>();
  const expected: number[] = [];
  for (let i = 0; i < 1000; i++) {
    ring.push(i);
    expected.push(i);
    if (i % 3 === 0) expect(ring.shift()).toBe(expected.shift());
  }
  expect([...ring]).toEqual(expected);
  expect(ring.drain()).toEqual(expected);
  expect(ring.length).toBe(0);
  expect(ring.shift()).toBeUndefined();
});
