import fc from "fast-check";
import { expect, test } from "vitest";
import type { StateEvent } from "../../client/states.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { Core } from "./core.ts";
import { ScriptedServer } from "./scripted-server.ts";

const S = 12_000;

/** One row of the table: what happens to a connected client, and what it tells. */
interface Row {
  readonly row: string;
  readonly options?: ConstructorParameters<typeof Core>[0];
  readonly from?: "latent";
  readonly script: (core: Core) => void;
  readonly told: readonly string[];
}

const rows: readonly Row[] = [
  {
    row: "ST-1: the first read-write connection is told as connected",
    from: "latent",
    script: (core) => core.run(10),
    told: ["connected"],
  },
  {
    row: "ST-2: a first read-only one as read-only, and the read-write one after it as connected",
    from: "latent",
    options: { readOnly: true },
    script(core) {
      core.server.readOnly = true;
      core.run(10);
      core.server.readOnly = false;
      core.run(5000);
    },
    told: ["read-only", "connected"],
  },
  {
    row: "ST-3: a reset is told as suspended",
    script(core) {
      core.server.stop();
      core.run(10);
    },
    told: ["suspended"],
  },
  {
    row: "ST-3: so is a reply out of order",
    script(core) {
      core.exists("/a");
      core.run(10);
      const request = core.server.last(OpCode.exists);
      core.server.isDown = true;
      core.server.connection.answer({ ...request, xid: request.xid + 7 }, ErrorCode.NoNode);
      core.run(10);
    },
    told: ["suspended"],
  },
  {
    row: "ST-4: the same session again is told as reconnected",
    script(core) {
      core.server.reset();
      core.run(500);
    },
    told: ["suspended", "reconnected(same)"],
  },
  {
    row: "ST-5: a server without a quorum after a loss of connection",
    options: { readOnly: true },
    script(core) {
      core.server.readOnly = true;
      core.server.reset();
      core.run(300);
    },
    told: ["suspended", "read-only"],
  },
  {
    row: "ST-6: from there to one with a quorum, without a loss of connection in between",
    options: { readOnly: true },
    script(core) {
      core.server.readOnly = true;
      core.server.reset();
      core.run(300);
      core.server.readOnly = false;
      core.run(5000);
    },
    told: ["suspended", "read-only", "reconnected(same)"],
  },
  {
    row: "ST-7, ST-10: a session that the server has forgotten is lost, and a new one follows",
    script(core) {
      core.server.sessions.clear();
      core.server.reset();
      core.run(500);
    },
    told: ["suspended", "lost(server)", "reconnected(new)"],
  },
  {
    row: "ST-8, ST-11: our own clock gives it up, once",
    script(core) {
      core.server.stop();
      core.run(10 * S);
    },
    told: ["suspended", "lost(local-clock)"],
  },
  {
    row: "ST-9: a session that is replaced is lost without a suspension",
    script(core) {
      core.session.resetSession();
      core.run(500);
    },
    told: ["lost(reset)", "reconnected(new)"],
  },
  {
    row: "ST-10: a new session after a loss",
    script(core) {
      core.server.stop();
      core.run(2 * S);
      core.server.start();
      core.run(6000);
    },
    told: ["suspended", "lost(local-clock)", "reconnected(new)"],
  },
  {
    row: "ST-12: refused credentials end the client",
    script(core) {
      core.server.onRequest = (request) => request.connection.answer(request, ErrorCode.AuthFailed);
      core.session.addAuth({ scheme: "bogus", auth: "x" }, () => {});
      core.run(100);
    },
    told: ["lost(auth-failed)", "closed(AuthFailed)"],
  },
  {
    row: "ST-13: close is told as closed, and nothing after it",
    script(core) {
      core.session.close(5000, () => {});
      core.run(10 * S);
    },
    told: ["closed"],
  },
];

// recipes ST-1, ST-2, ST-3, ST-4, ST-5, ST-6, ST-7, ST-8, ST-9, ST-10, ST-11, ST-12, ST-13
// recipes T-CL-1
test.each(rows)("$row", ({ from, options, script, told }) => {
  const core = from === "latent" ? new Core(options) : Core.connected(options);
  if (from === "latent") core.session.start();
  script(core);
  expect(core.states).toEqual(told);
});

// recipes T-CL-3
test("a client that never reached a server has lost nothing", () => {
  const core = new Core();
  core.server.isDown = true;
  core.session.start();
  core.run(5 * S);
  expect(core.states).toEqual([]);
});

// recipes T-CL-4
test("a reset connection comes back with the same session", () => {
  const core = Core.connected();
  const before = core.session.identity?.id;
  core.server.reset();
  core.run(S / 10);
  expect(core.states).toEqual(["suspended", "reconnected(same)"]);
  expect(core.session.identity?.id).toBe(before);
});

// recipes T-CL-6
test("an expiry that is injected has no suspension", () => {
  const core = Core.connected();
  core.session.resetSession();
  core.run(1000);
  expect(core.states).toEqual(["lost(reset)", "reconnected(new)"]);
});

// recipes T-CL-8
test("a connection repaired in the very millisecond of the loss ends connected", () => {
  for (let offsetMs = -2; offsetMs <= 2; offsetMs += 0.25) {
    const core = Core.connected();
    core.server.stop();
    core.run((4 * S) / 3 - 10 + offsetMs);
    core.server.start();
    core.run(6000);
    expect(core.session.isConnected).toBe(true);
    expect(core.states.at(-1)).toMatch(/^reconnected/);
  }
});

// recipes T-CL-9, Trap 10
test("an expiry told by an old connection does not touch the new one", () => {
  const core = Core.connected();
  core.setData("/a");
  core.run(5);
  const late = core.server.last(OpCode.setData);
  const old = late.connection;
  core.server.reset();
  core.run(500);
  old.answer(late, ErrorCode.SessionExpired);
  core.run(1000);
  expect(core.states).toEqual(["suspended", "reconnected(same)"]);
});

// recipes CL-9, T-CL-10, Trap 11
test("a client that has seen more than servers with new disks starts anew", () => {
  const core = Core.connected({ servers: "s1:2181,s2:2181" });
  const other = new ScriptedServer(core.machine, "s2:2181");
  core.exists("/a");
  core.run(5);
  const first = core.server.handshakes.length > 0 ? core.server : other;
  first.connection.answer(first.last(OpCode.exists), ErrorCode.NoNode);
  core.run(5);
  for (const server of [core.server, other]) {
    server.sessions.clear();
    server.verdict = (request) => {
      if (request.lastZxidSeen > 0) return "close";
      return request.sessionLow === 0 ? "accept" : "expire";
    };
  }
  first.reset();
  core.run(S);
  expect(core.states).toEqual(["suspended", "lost(server-data-loss)", "reconnected(new)"]);
});

// recipes CL-9
test("servers that only have no quorum do not make a client give up its session", () => {
  const core = Core.connected({ servers: "s1:2181" });
  core.server.verdict = () => "close";
  core.server.reset();
  core.run(S / 2);
  expect(core.server.handshakes.length).toBeGreaterThan(5);
  core.server.verdict = undefined;
  core.run((4 * S) / 3 - S / 2 - 100);
  expect(core.states).toEqual(["suspended", "reconnected(same)"]);
});

test("a connection that came out at itself is not taken for a server that forgot the session", () => {
  const core = Core.connected();
  core.server.stop();
  core.machine.servers.set("s1:2181", () => (link) => ({
    receive: (bytes) => link.deliver(bytes),
    gone() {},
  }));
  core.run(S);
  expect(core.states).toEqual(["suspended"]);
});

// recipes CL-7, T-CL-11
test("a session that we gave up ourselves is closed before a new one opens", () => {
  const core = Core.connected();
  core.server.stop();
  core.run(2 * S);
  expect(core.states).toEqual(["suspended", "lost(local-clock)"]);
  core.onEvent = (event) => {
    if (event.state === "reconnected") expect(core.server.goodbyes).toEqual([1]);
  };
  core.server.start();
  core.run(6000);
  expect(core.states.at(-1)).toBe("reconnected(new)");
  expect(core.server.goodbyes).toEqual([1]);
});

// recipes CL-7
test("without reapOldSession it is left to expire", () => {
  const core = Core.connected({ reapOldSession: false });
  core.server.stop();
  core.run(2 * S);
  core.server.start();
  core.run(6000);
  expect(core.states.at(-1)).toBe("reconnected(new)");
  expect(core.server.goodbyes).toEqual([]);
});

// recipes CL-5
test("a new state is told before any reply of its connection", () => {
  const core = Core.connected();
  const outcome = core.exists("/a");
  core.run(5);
  core.server.reset();
  core.server.onRequest = (request) => request.connection.answer(request, ErrorCode.NoNode);
  core.onEvent = () => expect(outcome.error).toBeUndefined();
  core.run(1000);
  expect(core.states).toEqual(["suspended", "reconnected(same)"]);
  expect(outcome.error?.code).toBe("NoNode");
});

type Step = (core: Core) => void;

const steps: readonly Step[] = [
  (core) => core.server.reset(),
  (core) => core.server.stop(),
  (core) => core.server.start(),
  (core) => core.server.sessions.clear(),
  (core) => core.session.resetSession(),
  (core) => {
    core.server.isSilent = true;
  },
  (core) => {
    core.server.isSilent = false;
  },
  (core) => {
    core.server.readOnly = true;
  },
  (core) => {
    core.server.readOnly = false;
  },
  (core) => {
    core.server.verdict = () => "close";
  },
  (core) => {
    core.server.verdict = undefined;
  },
  (core) => void core.setData("/a"),
  (core) => core.machine.clock.stall(S),
  (core) => core.machine.clock.sleep(S),
  (core) => core.run(30),
  (core) => core.run(1000),
  (core) => core.run(S),
];

// recipes CL-4, T-CL-2
test("no script of events makes the states tell nonsense", () => {
  const script = fc.array(fc.integer({ min: 0, max: steps.length - 1 }), { maxLength: 30 });
  fc.assert(
    fc.property(script, fc.nat(), (choices, seed) => {
      const core = new Core({ readOnly: true, seed });
      core.session.start();
      for (const choice of choices) steps[choice]?.(core);
      core.server.start();
      core.server.isSilent = false;
      core.server.readOnly = false;
      core.server.verdict = undefined;
      core.run(10 * S);
      expect(core.session.isConnected).toBe(true);
      core.session.close(5000, () => {});
      core.run(S);
      checkStates(core.events);
      expect(core.states.at(-1)).toBe("closed");
      expect(core.machine.clock.pendingCount).toBe(0);
    }),
    { numRuns: 500 },
  );
}, 60_000);

/** The invariants of CL-4. */
function checkStates(events: readonly StateEvent[]): void {
  let lostSinceConnected = false;
  events.forEach((event, i) => {
    expect(events[i - 1]?.state).not.toBe(event.state);
    const connected = ["connected", "reconnected", "read-only"].includes(event.state);
    if (event.state === "lost") {
      expect(i).toBeGreaterThan(0);
      lostSinceConnected = true;
    }
    if (event.state === "reconnected" && !event.sameSession) expect(lostSinceConnected).toBe(true);
    if (connected) lostSinceConnected = false;
    if (event.state === "closed") expect(i).toBe(events.length - 1);
  });
  expect(events.filter((event) => event.state === "connected").length).toBeLessThanOrEqual(1);
}
