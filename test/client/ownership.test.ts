import { expect, test } from "vitest";
import { isZooKeeperError } from "../../client/errors.ts";
import * as operations from "../../client/operations.ts";
import { OwnershipDeadline } from "../../client/ownership-deadline.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { Core } from "./core.ts";
import { TestClock } from "./machine.ts";
import { replies } from "./scripted-server.ts";

const S = 12_000;
const RESERVE = S / 100;

/** A moment of a clock whose wall runs along. */
function moment(monotonicMs: number): { monotonicMs: number; wallMs: number } {
  return { monotonicMs, wallMs: 1_800_000_000_000 + monotonicMs };
}

// recipes TM-8
test("right after a handshake the deadline counts from when the handshake was sent", () => {
  const clock = new TestClock();
  const deadline = new OwnershipDeadline(clock);
  clock.now = 500;
  deadline.established(moment(0), S);
  expect(deadline.remainingMs()).toBe(S - RESERVE - 500);
});

// recipes TM-8, Trap 1
test("pings alone never move the deadline", () => {
  const clock = new TestClock();
  const deadline = new OwnershipDeadline(clock);
  deadline.established(moment(0), S);
  for (let at = 1000; at <= 10_000; at += 1000) deadline.answered(moment(at), at + 1, false);
  expect(deadline.dueMs).toBe(S - RESERVE);
});

// recipes TM-8
test("a proof counts for the newest request answered a quarter of S before it was sent", () => {
  const clock = new TestClock();
  const deadline = new OwnershipDeadline(clock);
  deadline.established(moment(0), S);
  deadline.answered(moment(1000), 1010, false);
  deadline.answered(moment(2000), 2010, false);
  deadline.answered(moment(3000), 3010, false);
  deadline.answered(moment(5010), 5020, true);
  expect(deadline.dueMs).toBe(2000 + S - RESERVE);
});

// recipes TM-8
test("a proof too young for any of them counts for the handshake", () => {
  const clock = new TestClock();
  const deadline = new OwnershipDeadline(clock);
  deadline.established(moment(0), S);
  deadline.answered(moment(1000), 1010, false);
  deadline.answered(moment(1200), 1210, true);
  expect(deadline.dueMs).toBe(S - RESERVE);
});

// recipes TM-8
test("the reserve is a hundredth of S, 50 ms at least", () => {
  const clock = new TestClock();
  const deadline = new OwnershipDeadline(clock);
  deadline.established(moment(clock.now), 4000);
  expect(deadline.remainingMs()).toBe(4000 - 50);
});

// recipes TM-8
test("however many requests are answered, the memory for them is bounded and errs to the safe side", () => {
  const clock = new TestClock();
  const deadline = new OwnershipDeadline(clock);
  deadline.established(moment(0), S);
  for (let at = 0; at < 60_000; at += 0.5) deadline.answered(moment(at), at + 0.25, at % 10 === 0);
  const exact = 59_990 - S / 4 + S - RESERVE;
  expect(deadline.dueMs).toBeLessThanOrEqual(exact);
  expect(deadline.dueMs).toBeGreaterThan(exact - S / 100);
});

// recipes TM-8, TM-10
test("an idle owner's deadline is its newest proof and two thirds of S", () => {
  const core = Core.connected();
  core.session.hold("/lock", {});
  core.run(3 * S + 5);
  const newest = core.server.syncsAtMs.at(-1) ?? 0;
  const latencyMs = 0.5;
  const dueMs = core.nowMs + core.session.ownershipRemainingMs();
  expect(dueMs).toBeCloseTo(newest - latencyMs + (2 * S) / 3 - RESERVE, 6);
});

// recipes TM-10, T-CL-42
test("proofs are sent every third of S while something is held, and only pings otherwise", () => {
  const core = Core.connected();
  core.run(3 * S);
  expect(core.server.syncsAtMs).toEqual([]);
  expect(core.server.pingsAtMs.length).toBeGreaterThan(5);
  core.prove();
  core.server.syncsAtMs.length = 0;
  const claim = core.session.hold("/lock", {});
  core.run(10);
  core.server.pingsAtMs.length = 0;
  core.run(3 * S);
  const times = core.server.syncsAtMs;
  expect(times.length).toBeGreaterThanOrEqual(9);
  for (const [i, at] of times.slice(1).entries()) expect(at - (times[i] ?? 0)).toBe(S / 3);
  expect(core.server.pingsAtMs).toEqual([]);
  claim.release();
  const before = times.length;
  core.run(3 * S);
  expect(core.server.syncsAtMs.length).toBe(before);
});

// recipes TM-10
test("proofs go out whatever else is sent, and for those who wait too", () => {
  const core = Core.connected();
  core.server.onRequest = (request) => replies.refuse(request, "NoNode");
  const end = core.session.keepProving();
  for (let i = 0; i < 24; i++) {
    core.exists("/a");
    core.run(1000);
  }
  expect(core.server.syncsAtMs.length).toBeGreaterThanOrEqual(5);
  end();
  end();
  const before = core.server.syncsAtMs.length;
  core.run(S);
  expect(core.server.syncsAtMs.length).toBe(before);
});

// recipes TM-8, T-CL-42, Trap 1
test("behind a server without a leader the claim ends in time, though pings and reads are answered", () => {
  const core = Core.connected();
  const claim = core.session.hold("/lock", {});
  core.run(S);
  core.server.hasNoLeader = true;
  core.server.verdict = () => "ignore";
  const cutMs = core.nowMs;
  // In the order of the requests: nothing is answered behind a sync that is not.
  const isStuck = (): boolean => (core.server.syncsAtMs.at(-1) ?? 0) > cutMs;
  let answered = 0;
  core.server.onRequest = (request) => {
    if (isStuck()) return;
    answered++;
    replies.refuse(request, "NoNode");
  };
  let lostMs = Number.POSITIVE_INFINITY;
  claim.signal.addEventListener("abort", () => {
    lostMs = core.nowMs;
  });
  for (let i = 0; i < 30; i++) {
    core.exists("/a");
    core.run(500);
  }
  expect(answered).toBeGreaterThan(3);
  // What the leader heard of us last was a ping's answer at the earliest a moment before the cut.
  expect(lostMs).toBeLessThan(cutMs + S);
  expect(isZooKeeperError(claim.signal.reason, "NotHeld")).toBe(true);
});

// recipes TM-8
test("a write that the leader refused is a proof; one that the server refused itself is not", () => {
  for (const [name, proves] of [
    ["NoNode", true],
    ["BadVersion", true],
    ["NotReadOnly", false],
    ["MarshallingError", false],
  ] as const) {
    const core = Core.connected();
    core.server.onRequest = (request) => replies.refuse(request, name);
    core.run(S / 2);
    core.exists("/a");
    core.run(S / 2);
    const before = core.nowMs + core.session.ownershipRemainingMs();
    core.setData("/a");
    core.run(5);
    const after = core.nowMs + core.session.ownershipRemainingMs();
    expect(after > before, name).toBe(proves);
  }
});

// recipes CL-13, T-CL-12, T-MUTEX-29, Trap 7
test("after a stall of three session timeouts the first statement sees that nothing is held", () => {
  const core = Core.connected();
  const claim = core.session.hold("/lock", {});
  core.run(S);
  expect(claim.isHeld()).toBe(true);
  core.machine.clock.stall(3 * S);
  expect(claim.isHeld()).toBe(false);
  expect(claim.signal.aborted).toBe(true);
  expect(claim.state).toBe("lost");
});

// recipes CL-12, T-CL-13, Trap 6, Trap 66
test("so it does after the machine slept, when only the wall clock shows it", () => {
  const core = Core.connected();
  const claim = core.session.hold("/lock", {});
  core.run(S);
  core.machine.clock.sleep(3 * S);
  expect(claim.isHeld()).toBe(false);
});

// recipes CL-12
test("a wall clock that goes back, or runs a little ahead, changes nothing", () => {
  const core = Core.connected();
  const claim = core.session.hold("/lock", {});
  core.machine.clock.sleep(-10 * S);
  core.run(3 * S);
  expect(claim.isHeld()).toBe(true);
  core.machine.clock.sleep(900);
  expect(claim.isHeld()).toBe(true);
});

// recipes CL-14
test("a process that wakes up sends nothing before its signals have fired", () => {
  const core = Core.connected();
  const claim = core.session.hold("/lock", {});
  core.run(S);
  let sentBefore = -1;
  claim.signal.addEventListener("abort", () => {
    sentBefore = core.server.requests.length + core.server.syncsAtMs.length;
  });
  const sent = core.server.requests.length + core.server.syncsAtMs.length;
  core.machine.clock.stall(3 * S);
  core.setData("/a");
  expect(claim.signal.aborted).toBe(true);
  core.run(1000);
  expect(sentBefore).toBe(sent);
});

// recipes CL-14
test("nor does what was called before the stall leave before them", () => {
  const core = Core.connected();
  const claim = core.session.hold("/lock", {});
  core.run(S);
  core.setData("/a");
  core.machine.clock.stall(3 * S);
  const order: string[] = [];
  claim.signal.addEventListener("abort", () => order.push("signal"));
  const { link } = core.server.connection;
  const write = link.write.bind(link);
  link.write = (bytes) => {
    order.push("write");
    return write(bytes);
  };
  core.run(1000);
  expect(order[0]).toBe("signal");
  expect(order).toContain("write");
});

// recipes CL-14
test("nor is an answer that waited in the socket handed out before them", () => {
  const core = Core.connected();
  const claim = core.session.hold("/lock", {});
  core.run(S);
  const order: string[] = [];
  claim.signal.addEventListener("abort", () => order.push("signal"));
  core.session.submit(operations.exists, { path: "/a", watch: false }, {}, () => {
    order.push("answer");
  });
  core.run(1);
  replies.refuse(core.server.last(OpCode.exists), "NoNode");
  core.machine.clock.stall(3 * S);
  core.run(10);
  expect(order).toEqual(["signal", "answer"]);
});

// recipes CL-14
test("a proof that waited in the socket counts from when it was sent, and never revives a claim", () => {
  const core = Core.connected();
  const claim = core.session.hold("/lock", {});
  core.run(S / 3 + 0.2);
  core.machine.clock.stall(S);
  core.run(50);
  expect(claim.signal.aborted).toBe(true);
  expect(claim.isHeld()).toBe(false);
  core.run(S);
  core.prove();
  expect(core.session.isConnected).toBe(true);
  expect(core.session.ownershipRemainingMs()).toBeGreaterThan(0);
  expect(claim.state).toBe("lost");
  expect(core.session.hold("/lock2", {}).isHeld()).toBe(true);
});

// recipes CL-10
test("a reset with a quick reconnect takes no claim away", () => {
  const core = Core.connected();
  const claim = core.session.hold("/lock", {});
  core.run(S);
  core.server.reset();
  core.run(0.6);
  expect(core.states).toEqual(["suspended"]);
  expect(claim.state).toBe("uncertain");
  expect(claim.isHeld()).toBe(true);
  core.run(S);
  expect(claim.state).toBe("held");
});

// recipes CL-16, CL-17
test.each([
  { ownership: "deadline", suspended: "uncertain", beforeLost: "lost" },
  { ownership: "suspend", suspended: "lost", beforeLost: "lost" },
  { ownership: "session", suspended: "uncertain", beforeLost: "uncertain" },
] as const)("the policy $ownership ends a claim at its own moment", (given) => {
  const core = Core.connected();
  const claim = core.session.hold("/lock", { ownership: given.ownership });
  core.server.stop();
  core.run(10);
  expect(claim.state).toBe(given.suspended);
  core.run((4 * S) / 3 - 100);
  expect(claim.state).toBe(given.beforeLost);
  core.run(200);
  expect(core.states).toEqual(["suspended", "lost(local-clock)"]);
  expect(claim.state).toBe("lost");
});

// recipes CL-16
test("the policy of the client counts where a claim names none", () => {
  const core = Core.connected({ ownership: "suspend" });
  const claim = core.session.hold("/lock", {});
  core.server.reset();
  core.run(1);
  expect(claim.state).toBe("lost");
});

// recipes A.4
test("what its owner saw ends a claim, and so do the client's end and the loss of the session", () => {
  const core = Core.connected();
  const seen = core.session.hold("/a", {});
  const reason = new Error("the znode is gone");
  seen.lose(reason);
  expect(seen.signal.reason).toBe(reason);
  const replaced = core.session.hold("/b", {});
  core.session.resetSession();
  expect(replaced.signal.aborted).toBe(true);
  core.run(1000);
  const closed = core.session.hold("/c", {});
  core.session.close(1000, () => {});
  expect(closed.signal.aborted).toBe(true);
  expect(core.server.goodbyes.length).toBe(1);
  core.run(100);
  expect(core.server.goodbyes.length).toBe(2);
});

test("a claim that is released in good order fires no signal, then or later", () => {
  const core = Core.connected();
  const claim = core.session.hold("/a", {});
  claim.release();
  expect(claim.state).toBe("released");
  expect(claim.isHeld()).toBe(false);
  core.server.stop();
  core.run(3 * S);
  claim.lose(new Error("late"));
  expect(claim.signal.aborted).toBe(false);
});

// recipes OWN-2, LK-1
test("nothing can be held without a connection, for another session, or past the deadline", () => {
  const core = Core.connected();
  const refused = (sessionId?: bigint): boolean => {
    try {
      core.session.hold("/a", { sessionId });
    } catch (error) {
      return isZooKeeperError(error, "NotHeld");
    }
    return false;
  };
  expect(refused(99n)).toBe(true);
  expect(refused(core.session.identity?.id)).toBe(false);
  core.server.reset();
  core.run(1);
  expect(refused()).toBe(true);
  core.run(1000);
  core.server.hasNoLeader = true;
  core.machine.clock.stall(S);
  expect(refused()).toBe(true);
});

// recipes CL-123, Trap 9
test("nothing can be held through a server without a quorum", () => {
  const core = Core.connected({ readOnly: true });
  core.server.readOnly = true;
  core.server.reset();
  core.run(300);
  expect(core.session.state).toBe("read-only");
  expect(() => core.session.hold("/a", {})).toThrow("NotHeld");
});

// recipes A.3
test("a session too short for the promise is warned of, once", () => {
  const core = new Core();
  core.server.timeoutMs = 4000;
  core.session.start();
  core.run(100);
  core.server.reset();
  core.run(1000);
  expect(core.warnings).toEqual(["session-too-short"]);
});

// recipes CL-19
test("a proof is a sync: it writes nothing", () => {
  expect(operations.heartbeat.type).toBe(OpCode.sync);
  expect(ErrorCode.Ok).toBe(0);
});
