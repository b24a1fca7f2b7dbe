import fc from "fast-check";
import { expect, test } from "vitest";
import {
  Watches,
  type WatchKind,
  type WatchOutcome,
  watchRegistration,
} from "../../client/watches.ts";
import { Reader, Writer } from "../../protocol/jute.ts";
import { EventType, OpCode, WatcherType } from "../../protocol/opcodes.ts";
import { readSetWatches, readWatcherRequest, writeSetWatches } from "../../protocol/proto.ts";
import { Core } from "./core.ts";
import { type Received, replies } from "./scripted-server.ts";

/** Answers reads of znodes that are all there. */
function present(request: Received): void {
  if (request.type === OpCode.getData) replies.data(request, "d");
  else if (request.type === OpCode.getChildren2) replies.children(request, []);
  else if (request.type === OpCode.exists) replies.stat(request);
  else replies.nothing(request);
}

function watching(
  kind: WatchKind,
  path = "/a",
  core: Core = Core.connected(),
): { core: Core; heard: WatchOutcome[]; registration: ReturnType<Core["watch"]>["registration"] } {
  const heard: WatchOutcome[] = [];
  core.server.onRequest = present;
  const { registration } = core.watch(kind, path, (outcome) => heard.push(outcome));
  core.run(5);
  return { core, heard, registration };
}

function removals(core: Core): { path: string | null; watcherType: number }[] {
  return core.server
    .ofType(OpCode.removeWatches)
    .map(({ body }) => readWatcherRequest(new Reader().reset(body)));
}

const { nodeCreated, nodeDeleted, nodeDataChanged, nodeChildrenChanged } = EventType;

// client-protocol 8.3/NodeCreated P, client-protocol 8.3/NodeDataChanged P
// client-protocol 8.3/NodeDeleted P, client-protocol 8.3/NodeChildrenChanged P
test.each([
  { kind: "data", type: nodeCreated, told: "created" },
  { kind: "data", type: nodeDataChanged, told: "data-changed" },
  { kind: "data", type: nodeDeleted, told: "deleted" },
  { kind: "data", type: nodeChildrenChanged, told: undefined },
  { kind: "exists", type: nodeDataChanged, told: "data-changed" },
  { kind: "exists", type: nodeDeleted, told: "deleted" },
  { kind: "exists", type: nodeChildrenChanged, told: undefined },
  { kind: "children", type: nodeDeleted, told: "deleted" },
  { kind: "children", type: nodeChildrenChanged, told: "children-changed" },
  { kind: "children", type: nodeDataChanged, told: undefined },
  { kind: "children", type: nodeCreated, told: undefined },
] as const)("a watch on $kind hears of event $type as $told", ({ kind, type, told }) => {
  const { core, heard } = watching(kind);
  core.server.notify(type, "/a", 77);
  core.run(5);
  expect(heard).toEqual(told === undefined ? [] : [{ type: told, path: "/a", zxid: 77n }]);
  expect(core.session.counts.watches).toBe(told === undefined ? 1 : 0);
});

// recipes CL-63, CL-61, Trap 26
test("any event consumes a one-shot watch, and it hears nothing after that", () => {
  const { core, heard } = watching("data");
  core.server.notify(nodeDataChanged, "/a");
  core.server.notify(nodeDeleted, "/a");
  core.run(5);
  core.session.close(100, () => {});
  core.run(200);
  expect(heard).toEqual([{ type: "data-changed", path: "/a", zxid: -1n }]);
});

// recipes CL-67
test("the zxid of an event is passed on, and -1n where a server sends none", () => {
  const { core, heard } = watching("data");
  core.server.notify(nodeDataChanged, "/a", -1);
  core.run(5);
  expect(heard).toEqual([{ type: "data-changed", path: "/a", zxid: -1n }]);
});

// client-protocol Trap 12, client-protocol 8.1/exists, watch = 1
test("exists on a missing znode waits for its creation; other reads of it register nothing", () => {
  const core = Core.connected();
  core.server.onRequest = (request) => replies.refuse(request, "NoNode");
  const heard: string[] = [];
  for (const kind of ["exists", "data", "children"] as const) {
    core.watch(kind, "/a", (outcome) => heard.push(`${kind} ${outcome.type}`));
  }
  core.run(5);
  expect(core.session.counts.watches).toBe(1);
  core.server.notify(nodeCreated, "/a");
  core.server.notify(nodeDeleted, "/a");
  core.run(5);
  expect(heard).toEqual(["exists created"]);
});

// recipes CL-66, Trap 31
test("an event is handed out before the reply that follows it", () => {
  const { core, heard } = watching("data");
  core.server.onRequest = undefined;
  const read = core.exists("/a");
  core.run(5);
  core.server.notify(nodeDataChanged, "/a");
  replies.stat(core.server.last(OpCode.exists));
  let heardFirst = false;
  while (read.result === undefined && core.machine.clock.step(core.nowMs + 10)) {
    heardFirst ||= heard.length === 1 && read.result === undefined;
  }
  expect(heardFirst).toBe(true);
});

// client-protocol 8.4/Java
test("after a reconnect the watches are the first thing a server is told, with what we saw", () => {
  const core = Core.connected();
  core.server.onRequest = present;
  watching("data", "/data", core);
  watching("children", "/children", core);
  core.server.onRequest = (request) => replies.refuse(request, "NoNode");
  core.watch("exists", "/exists", () => {});
  core.run(5);
  core.server.zxid = 555;
  core.exists("/any");
  core.run(5);
  core.server.onRequest = undefined;
  core.server.requests.length = 0;
  core.exists("/queued");
  core.server.reset();
  core.run(1000);
  const [first, second] = core.server.requests.filter(({ connection }) => {
    return connection === core.server.connection;
  });
  expect(first?.type).toBe(OpCode.setWatches);
  expect(second?.type).toBe(OpCode.exists);
  expect(readSetWatches(new Reader().reset(first?.body ?? Buffer.alloc(0)))).toEqual({
    relativeZxid: 555,
    dataWatches: ["/data"],
    existWatches: ["/exists"],
    childWatches: ["/children"],
  });
});

// recipes CL-60, T-CL-28
test("fifty thousand watches are told in requests of at most 128 KiB of paths", () => {
  const watches = new Watches({ deliver() {}, drop() {} }, { isArming: () => false });
  const paths = Array.from({ length: 50_000 }, (_, i) => `/${String(i).padStart(99, "0")}`);
  for (const path of paths)
    watches.arm(
      watchRegistration("data", path, path, () => {}),
      "data",
    );
  const told = [...watches.rearm(42)];
  for (const batch of told) {
    const writer = new Writer();
    writeSetWatches(writer, batch);
    expect(writer.length).toBeLessThan(129 * 1024);
  }
  expect(told.length).toBeLessThan(42);
  expect(new Set(told.flatMap(({ dataWatches }) => dataWatches ?? []))).toEqual(new Set(paths));
  expect(new Set(told.map(({ relativeZxid }) => relativeZxid))).toEqual(new Set([42]));
});

// recipes CL-60
test("all the requests for them leave before anything else", () => {
  const core = Core.connected({ inFlightMax: 10_000 });
  core.server.onRequest = present;
  for (let i = 0; i < 3000; i++) {
    core.watch("data", `/${String(i).padStart(99, "0")}`, () => {});
  }
  core.run(50);
  core.server.onRequest = undefined;
  core.server.requests.length = 0;
  core.exists("/queued");
  core.server.reset();
  core.run(1000);
  const types = core.server.requests
    .filter(({ connection }) => connection === core.server.connection)
    .map(({ type }) => type);
  expect(types).toEqual([OpCode.setWatches, OpCode.setWatches, OpCode.setWatches, OpCode.exists]);
});

// recipes CL-60
test("a server that refuses them is left for another try, and watches are not lost silently", () => {
  const { core, heard } = watching("data");
  let refused = 0;
  core.server.onRequest = (request) => {
    if (request.type === OpCode.setWatches && refused++ === 0) {
      replies.refuse(request, "MarshallingError");
    } else {
      present(request);
    }
  };
  core.server.reset();
  core.run(2000);
  expect(core.states).toEqual(["suspended", "reconnected(same)", "suspended", "reconnected(same)"]);
  core.server.notify(nodeDeleted, "/a");
  core.run(5);
  expect(heard.map(({ type }) => type)).toEqual(["deleted"]);
});

// recipes CL-61
test("when the session is lost each watcher is told so, once", () => {
  const { core, heard } = watching("children");
  core.server.sessions.clear();
  core.server.reset();
  core.run(1000);
  expect(heard).toEqual([{ type: "lost", path: "/a", cause: "server" }]);
  expect(core.session.counts.watches).toBe(0);
});

// recipes CL-61
test("when the client is closed they are cancelled", () => {
  const { core, heard } = watching("data");
  core.session.close(100, () => {});
  core.run(200);
  expect(heard).toEqual([{ type: "cancelled", path: "/a" }]);
});

// recipes CL-65
test("the last watcher of a list takes the server's watch along, the others do not", () => {
  const core = Core.connected();
  const a = watching("data", "/a", core);
  const b = watching("exists", "/a", core);
  const c = watching("children", "/a", core);
  core.session.cancelWatch(a.registration);
  core.run(5);
  expect(removals(core)).toEqual([]);
  core.session.cancelWatch(b.registration);
  core.run(5);
  expect(removals(core)).toEqual([{ path: "/a", watcherType: WatcherType.data }]);
  core.session.cancelWatch(c.registration);
  core.session.cancelWatch(c.registration);
  core.run(5);
  expect(removals(core).length).toBe(2);
  expect([...a.heard, ...b.heard, ...c.heard].map(({ type }) => type)).toEqual(
    Array.from({ length: 3 }, () => "cancelled"),
  );
});

// recipes CL-65, Trap 29
test("a watch is kept at the server for a read that is arming it again", () => {
  const core = Core.connected();
  const { registration } = watching("data", "/a", core);
  core.server.onRequest = undefined;
  const heard: string[] = [];
  core.watch("data", "/a", ({ type }) => heard.push(type));
  core.session.cancelWatch(registration);
  core.run(5);
  present(core.server.last(OpCode.getData));
  core.run(5);
  expect(removals(core)).toEqual([]);
  core.server.notify(nodeDataChanged, "/a");
  core.run(5);
  expect(heard).toEqual(["data-changed"]);
});

// recipes CL-65
test("and removed after all when that read arms nothing", () => {
  const core = Core.connected();
  const { registration } = watching("data", "/a", core);
  core.server.onRequest = undefined;
  core.watch("data", "/a", () => {});
  core.session.cancelWatch(registration);
  core.run(5);
  replies.refuse(core.server.last(OpCode.getData), "NoAuth");
  core.run(5);
  expect(removals(core)).toEqual([{ path: "/a", watcherType: WatcherType.data }]);
});

// recipes CL-72, CL-65
test("a watch whose caller left before the answer is removed when it is armed", () => {
  const core = Core.connected();
  const heard: string[] = [];
  const { registration } = core.watch("data", "/a", ({ type }) => heard.push(type));
  core.run(5);
  core.session.cancelWatch(registration);
  present(core.server.last(OpCode.getData));
  core.run(5);
  expect(heard).toEqual(["cancelled"]);
  expect(removals(core)).toEqual([{ path: "/a", watcherType: WatcherType.data }]);
  expect(core.session.counts.watches).toBe(0);
});

// recipes CL-61
test("a read that timed out has registered nothing: what the server armed is removed, unheard", () => {
  const core = Core.connected();
  const heard: string[] = [];
  const { outcome } = core.watch("data", "/a", ({ type }) => heard.push(type), 1000);
  core.run(1100);
  expect(outcome.error?.code).toBe("Timeout");
  present(core.server.last(OpCode.getData));
  core.run(5);
  core.server.notify(nodeDataChanged, "/a");
  core.run(5);
  expect(heard).toEqual([]);
  expect(core.session.counts.watches).toBe(0);
  expect(removals(core)).toEqual([{ path: "/a", watcherType: WatcherType.data }]);
});

// recipes CL-85
test("a watcher that throws stops neither the others nor the replies", () => {
  const core = Core.connected();
  core.server.onRequest = present;
  core.watch("data", "/a", () => {
    throw new Error("a user's");
  });
  const { heard } = watching("data", "/a", core);
  const read = core.exists("/b");
  core.server.notify(nodeDataChanged, "/a");
  core.run(5);
  expect(heard.length).toBe(1);
  expect(read.result).toBeDefined();
  expect(core.errors.length).toBe(1);
});

// client-protocol Trap 10
test("events of types that no server sends are passed over", () => {
  const { core, heard } = watching("data");
  for (const type of [-1, 0, 5, 6, 7, 99]) core.server.notify(type, "/a");
  core.run(5);
  expect(heard).toEqual([]);
  expect(core.states).toEqual([]);
});

const actions = fc.constantFrom(
  "data",
  "exists",
  "children",
  "cancel",
  "changed",
  "deleted",
  "reset",
  "lose",
  "wait",
);

// recipes CL-61, CL-65, T-CL-30
test("whatever happens, each armed watcher hears one outcome, and none is left over", () => {
  fc.assert(
    fc.property(fc.array(actions, { maxLength: 40 }), fc.nat(), (script, seed) => {
      const core = Core.connected({ seed });
      core.server.onRequest = present;
      const heard: number[] = [];
      const watches: ReturnType<Core["watch"]>[] = [];
      for (const action of script) {
        const at = watches.length;
        if (action === "cancel") {
          const last = watches.at(-1);
          if (last !== undefined) core.session.cancelWatch(last.registration);
        } else if (action === "changed" || action === "deleted") {
          if (core.server.connectionCount > 0) {
            core.server.notify(action === "changed" ? nodeDataChanged : nodeDeleted, "/a");
          }
        } else if (action === "reset") core.server.reset();
        else if (action === "lose") core.session.resetSession();
        else if (action === "wait") core.run(400);
        else {
          heard.push(0);
          watches.push(
            core.watch(action, "/a", () => {
              heard[at] = (heard[at] ?? 0) + 1;
            }),
          );
        }
      }
      core.run(5000);
      core.session.close(100, () => {});
      core.run(1000);
      watches.forEach(({ outcome }, i) => {
        expect(heard[i]).toBe(outcome.error === undefined ? 1 : 0);
      });
      expect(core.session.counts.watches).toBe(0);
    }),
    { numRuns: 300 },
  );
}, 60_000);
