import { expect, test } from "vitest";
import { ErrorCode } from "../../protocol/errors.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { Core } from "./core.ts";
import { ScriptedServer } from "./scripted-server.ts";

const S = 12_000;

/** The times between two neighbours. */
function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - (times[i] ?? 0));
}

// recipes TM-1
test("an attempt at one address ends after its share of the session timeout", () => {
  const core = new Core({ servers: "a:1,b:1,c:1,d:1", sessionTimeoutMs: 8000 });
  for (const name of ["a:1", "b:1", "c:1", "d:1"]) core.machine.servers.set(name, () => "silent");
  core.session.start();
  core.run(8001);
  expect(gaps(core.machine.attempts.slice(0, 4).map(({ atMs }) => atMs))).toEqual([
    2000, 2000, 2000,
  ]);
});

// recipes TM-1
test.each([
  { sessionTimeoutMs: 1000, servers: "a:1,b:1,c:1,d:1", expectedMs: 500 },
  { sessionTimeoutMs: 60_000, servers: "a:1,b:1", expectedMs: 5000 },
])("it takes at least 500 ms and at most connectTimeoutMs: $expectedMs", (given) => {
  const core = new Core(given);
  for (const name of given.servers.split(",")) core.machine.servers.set(name, () => "silent");
  core.session.start();
  core.run(5001);
  const [gap] = gaps(core.machine.attempts.map(({ atMs }) => atMs));
  expect(gap).toBe(given.expectedMs);
});

// recipes TM-3
test("a session of 30 s is asked for unless told otherwise", () => {
  const core = new Core({ sessionTimeoutMs: undefined });
  core.session.start();
  core.run(10);
  expect(core.server.handshakes[0]?.request.timeoutMs).toBe(30_000);
});

// recipes TM-4, T-CL-7, CL-11
test("in a silent partition: the deadline, then suspended at 2S/3, then lost at 4S/3", () => {
  const core = Core.connected();
  core.run(20_000);
  core.prove();
  const claim = core.session.hold("/lock", {});
  core.run(9000);
  const heardMs = lastHeardMs(core);
  const times: Record<string, number> = {};
  claim.signal.addEventListener("abort", () => {
    times["deadline"] = core.nowMs - heardMs;
  });
  core.onEvent = (event) => {
    times[event.state] = core.nowMs - heardMs;
  };
  core.server.isSilent = true;
  core.run(2 * S);
  expect(times["suspended"]).toBe((2 * S) / 3);
  expect(times["lost"]).toBe((4 * S) / 3);
  expect(times["deadline"]).toBeLessThanOrEqual((2 * S) / 3);
});

/** When the client got its last bytes: half a millisecond after the server sent them. */
function lastHeardMs(core: Core): number {
  const sentMs = Math.max(...core.server.pingsAtMs, ...core.server.syncsAtMs);
  return sentMs + 0.5;
}

// recipes TM-5
test("an idle client pings every third of the session timeout", () => {
  const core = Core.connected();
  core.run(10 * S);
  for (const gap of gaps(core.server.pingsAtMs)) expect(gap).toBe(S / 3);
  expect(core.server.pingsAtMs.length).toBeGreaterThan(25);
});

// recipes TM-5
test("and at least every ten seconds", () => {
  const core = new Core({ sessionTimeoutMs: 40_000 });
  core.server.timeoutMs = 40_000;
  core.session.start();
  core.run(100_000);
  for (const gap of gaps(core.server.pingsAtMs)) expect(gap).toBe(10_000);
});

// recipes TM-5
test("whoever sends needs no pings", () => {
  const core = Core.connected();
  core.server.onRequest = (request) => request.connection.answer(request, ErrorCode.NoNode);
  for (let i = 0; i < 100; i++) {
    core.exists("/a");
    core.run(1000);
  }
  expect(core.server.pingsAtMs).toEqual([]);
});

// recipes T-CL-34, CL-100
test("pings go out with ten thousand requests queued behind a server that stands still", () => {
  const core = Core.connected({ inFlightMax: 100 });
  for (let i = 0; i < 10_000; i++) core.exists("/a", 60_000);
  core.run(S / 2);
  expect(core.server.ofType(OpCode.exists).length).toBe(100);
  expect(core.server.pingsAtMs.length).toBe(1);
});

// recipes TM-6
test("after a lost connection the first attempt comes within 250 ms, spread at random", () => {
  const delays: number[] = [];
  for (let seed = 1; seed <= 200; seed++) {
    const core = Core.connected({ seed });
    core.server.reset();
    core.run(0.5);
    const brokenMs = core.nowMs;
    core.run(300);
    delays.push((core.machine.attempts[1]?.atMs ?? Number.NaN) - brokenMs);
  }
  expect(Math.max(...delays)).toBeLessThanOrEqual(250);
  expect(Math.max(...delays)).toBeGreaterThan(200);
  expect(Math.min(...delays)).toBeLessThan(50);
});

// recipes TM-6, T-CL-41
test("rounds without success are apart by a random part of a doubling pause, five seconds at most", () => {
  const longest: number[] = [];
  for (let seed = 1; seed <= 100; seed++) {
    const core = new Core({ seed, servers: "s1:2181,s2:2181" });
    core.session.start();
    core.server.isDown = true;
    core.run(60_000);
    const rounds = core.machine.attempts.filter((_, i) => i % 2 === 0).map(({ atMs }) => atMs);
    gaps(rounds).forEach((gap, round) => {
      longest[round] = Math.max(longest[round] ?? 0, gap);
    });
  }
  const refusedMs = 1;
  [100, 200, 400, 800, 1600, 3200, 5000, 5000].forEach((limitMs, round) => {
    expect(longest[round]).toBeLessThanOrEqual(limitMs + refusedMs);
    expect(longest[round]).toBeGreaterThan(limitMs * 0.8);
  });
});

// recipes T-CL-41
test("a thousand clients spread over the servers", () => {
  const tried = new Map<string, number>();
  const names = ["a:1", "b:1", "c:1", "d:1", "e:1"];
  for (let seed = 1; seed <= 1000; seed++) {
    const core = new Core({ seed, servers: names.join(",") });
    core.session.start();
    const first = core.machine.attempts[0]?.to ?? "";
    tried.set(first, (tried.get(first) ?? 0) + 1);
  }
  expect(Math.max(...tried.values())).toBeLessThanOrEqual(400);
  expect([...tried.keys()].sort()).toEqual(names);
});

// recipes TM-7
test("lostFactor moves the moment at which a session is given up", () => {
  const core = Core.connected({ lostFactor: 2 });
  core.server.stop();
  core.run(2 * S - 50);
  expect(core.states).toEqual(["suspended"]);
  core.run(100);
  expect(core.states).toEqual(["suspended", "lost(local-clock)"]);
});

// recipes TM-9
test("a request that waits for a connection ends with its own time", () => {
  const core = Core.connected();
  core.server.stop();
  core.run(10);
  const standard = core.exists("/a");
  const short = core.exists("/a", 1000);
  const never = core.exists("/a", Number.POSITIVE_INFINITY);
  const startMs = core.nowMs;
  core.run(14_999);
  expect(short.error?.code).toBe("Timeout");
  expect((short.atMs ?? 0) - startMs).toBe(1000);
  expect(standard.error).toBeUndefined();
  core.run(2);
  expect(standard.error?.code).toBe("Timeout");
  core.run(10 * S);
  expect(never.error).toBeUndefined();
});

// recipes CL-15, Trap 8
test("a delay longer than a timer takes is waited for in parts", () => {
  const core = Core.connected();
  core.server.timeoutMs = 0x7fff_ffff;
  core.session.resetSession();
  core.run(500);
  const outcome = core.exists("/a", 30 * 24 * 3_600_000);
  core.run(24 * 3_600_000);
  expect(outcome.error).toBeUndefined();
});

// recipes Trap 4
test("the negotiated timeout counts, and may change with each handshake", () => {
  const core = Core.connected({ sessionTimeoutMs: 60_000 });
  expect(core.session.timeoutMs).toBe(S);
  core.server.timeoutMs = 6000;
  core.server.reset();
  core.run(500);
  expect(core.session.timeoutMs).toBe(6000);
  core.server.pingsAtMs.length = 0;
  core.run(20_000);
  for (const gap of gaps(core.server.pingsAtMs)) expect(gap).toBe(2000);
});

// recipes Trap 64
test("a loop that stood still is warned of, and a reply that waited is not called silence", () => {
  const core = Core.connected();
  const read = core.exists("/a");
  core.run(5);
  core.machine.clock.stall((2 * S) / 3 + 500);
  // It came while nothing ran: the timer that is late runs first all the same.
  core.server.connection.answer(core.server.last(OpCode.exists), ErrorCode.NoNode);
  core.run(100);
  expect(read.error?.code).toBe("NoNode");
  expect(core.warnings).toContain("event-loop-stall");
  expect(core.states).toEqual([]);
});

// recipes CL-110
test("while one address is of no use the next is tried at once", () => {
  const core = new Core({ servers: "gone:1,s1:2181", seed: 3 });
  core.session.start();
  core.run(100);
  expect(core.states).toEqual(["connected"]);
});

test("the second server takes a session over from the first", () => {
  const core = Core.connected({ servers: "s1:2181,s2:2181", seed: 5 });
  const other = new ScriptedServer(core.machine, "s2:2181");
  other.sessions.add(1);
  core.server.stop();
  core.run(2000);
  expect(core.states).toEqual(["suspended", "reconnected(same)"]);
  expect(other.handshakes[0]?.request.sessionLow).toBe(1);
  expect(other.handshakes[0]?.request.password?.equals(Buffer.alloc(16, 1))).toBe(true);
});
