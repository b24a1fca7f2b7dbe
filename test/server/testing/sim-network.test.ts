import { beforeEach, expect, test } from "vitest";
import type { HostError, Link, LinkHandlers } from "../../../protocol/host.ts";
import { type SimHost, World } from "../../../server/testing/index.ts";

const SECOND_US = 1_000_000;
const PORT = 2181;

class End implements LinkHandlers {
  readonly told: string[] = [];
  text = "";
  error: HostError | undefined;

  opened(): void {
    this.told.push("opened");
  }

  data(bytes: Buffer): void {
    this.text += bytes.toString();
  }

  ended(): void {
    this.told.push("ended");
  }

  drained(): void {
    this.told.push("drained");
  }

  closed(error: HostError | undefined): void {
    this.error = error;
    this.told.push("closed");
  }
}

let world: World;
let server: SimHost;
let client: SimHost;
let near: Link;
let far: Link;
let nearEnd: End;
let farEnd: End;

/** Lets a second pass. */
function pass(seconds = 1): void {
  world.runUntil(world.nowUs + seconds * SECOND_US);
}

function listen(): void {
  server.network.listen(
    { host: undefined, port: PORT, backlog: 8 },
    (link) => {
      far = link;
      farEnd = new End();
      link.handlers = farEnd;
    },
    (error) => expect(error).toBeUndefined(),
  );
}

function connect(): void {
  nearEnd = new End();
  near = client.network.connect({ host: "server", port: PORT }, nearEnd);
}

beforeEach(begin);

function begin(): void {
  world = new World(11);
  server = world.host("server");
  client = world.host("client");
  listen();
  connect();
  pass();
  expect(nearEnd.told).toEqual(["opened"]);
}

test("a cut way is silence for the processes, and brings everything once it heals", () => {
  world.fabric.cut("client", "server");
  near.write(Buffer.from("are you there?"));
  far.write(Buffer.from("hello"));
  pass(10);
  expect(farEnd.text).toBe("");
  expect(nearEnd.text).toBe("hello");
  expect([...nearEnd.told, ...farEnd.told]).toEqual(["opened"]);
  world.fabric.heal();
  pass();
  expect(farEnd.text).toBe("are you there?");
});

test("a partition cuts both ways, and nobody gets a new connection through it", () => {
  world.fabric.partition("client", "server");
  near.write(Buffer.from("x"));
  far.write(Buffer.from("y"));
  connect();
  pass(40);
  expect(farEnd.text).toBe("");
  expect(nearEnd.told).toEqual(["closed"]);
  expect(nearEnd.error?.code).toBe("ETIMEDOUT");
});

test("a connection that begins in a partition stands when it heals in time", () => {
  world.fabric.partition("client", "server");
  connect();
  pass(5);
  world.fabric.heal();
  pass(5);
  expect(nearEnd.told).toEqual(["opened"]);
});

test("a reset is seen at both ends, or at one that the other learns of by writing", () => {
  world.fabric.reset("client", "server", true);
  pass();
  expect(nearEnd.error?.code).toBe("ECONNRESET");
  expect(farEnd.told).toEqual([]);
  far.write(Buffer.from("still there?"));
  pass();
  expect(farEnd.error?.code).toBe("ECONNRESET");
  connect();
  pass();
  world.fabric.reset("client", "server", false);
  pass();
  expect([nearEnd.error?.code, farEnd.error?.code]).toEqual(["ECONNRESET", "ECONNRESET"]);
});

test("a killed process leaves links that end; a power cut leaves them half-open", () => {
  server.crash("kill");
  pass();
  expect(nearEnd.told).toEqual(["opened", "ended"]);
  server.restart();
  listen();
  connect();
  pass();
  server.crash("power");
  pass(5);
  expect(nearEnd.told).toEqual(["opened"]);
  near.write(Buffer.from("into a dark machine"));
  pass(5);
  expect(nearEnd.told).toEqual(["opened"]);
  server.restart();
  pass();
  expect(nearEnd.error?.code).toBe("ECONNRESET");
});

test("a power cut is found out by who waits for room at a machine that is back", () => {
  // As much as is taken: nothing of it is on its way any more when the power is cut.
  server.pause();
  const bytes = Buffer.alloc(300_000);
  expect(near.write(bytes)).toBe(false);
  pass();
  server.crash("power");
  pass(5);
  expect(nearEnd.told).toEqual(["opened"]);
  server.restart();
  pass();
  expect(nearEnd.error?.code).toBe("ECONNRESET");
});

test("so it is by who writes more after it, to a window that was just full", () => {
  const bytes = Buffer.alloc(300_000);
  near.write(bytes);
  const window = bytes.length - near.pendingBytes;
  begin();
  server.pause();
  expect(near.write(bytes.subarray(0, window))).toBe(true);
  pass();
  server.crash("power");
  server.restart();
  pass(5);
  expect(nearEnd.told).toEqual(["opened"]);
  near.write(bytes);
  pass();
  expect(nearEnd.error?.code).toBe("ECONNRESET");
});

test("what a killed process had sent still arrives", () => {
  far.write(Buffer.from("last words"));
  server.crash("kill");
  pass();
  expect(nearEnd.text).toBe("last words");
});

test("nothing of an earlier life happens in a later one", () => {
  const told: string[] = [];
  server.clock.after(10, () => told.push("timer"));
  server.clock.endOfTurn(() => told.push("turn"));
  near.write(Buffer.from("too late"));
  server.crash("kill");
  server.restart();
  pass();
  expect(told).toEqual([]);
  expect(farEnd.text).toBe("");
});

test("a paused process does nothing, while its kernel receives for it", () => {
  const told: string[] = [];
  server.pause();
  server.clock.after(10, () => told.push("timer"));
  near.write(Buffer.from("hello"));
  connect();
  pass(3);
  expect(told).toEqual([]);
  expect(farEnd.text).toBe("");
  expect(nearEnd.told).toEqual(["opened"]);
  const before = farEnd;
  server.resume();
  pass();
  expect(told).toEqual(["timer"]);
  expect(before.text).toBe("hello");
  expect(farEnd).not.toBe(before);
});

test("a clock that jumps shows another time and measures the same", () => {
  const wallMs = server.clock.wallMs();
  const nowMs = server.clock.nowMs();
  server.clock.jump(-3_600_000);
  expect(server.clock.wallMs()).toBe(wallMs - 3_600_000);
  expect(server.clock.nowMs()).toBe(nowMs);
  expect(client.clock.wallMs()).toBe(wallMs);
});

test("a listener that refuses says so at once, until it heals", () => {
  world.fabric.refuse("server");
  connect();
  pass();
  expect(nearEnd.error?.code).toBe("ECONNREFUSED");
  world.fabric.heal();
  connect();
  pass();
  expect(nearEnd.told).toEqual(["opened"]);
});

test("bytes that are kept after their handler returned are garbage", () => {
  let kept: Buffer = Buffer.alloc(0);
  farEnd.data = (bytes) => {
    kept = bytes;
  };
  near.write(Buffer.from("mine"));
  pass();
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.every((byte) => byte === 0xdb)).toBe(true);
});

test("the same seed is the same run, another seed another", () => {
  const play = (seed: number): string => {
    const own = new World(seed);
    const host = own.host("a");
    for (let i = 0; i < 20; i++) host.clock.after(i, () => host.clock.endOfTurn(() => {}));
    own.runUntil(SECOND_US);
    return own.trace.digest();
  };
  expect(play(1)).toBe(play(1));
  expect(play(1)).not.toBe(play(2));
});
