// The mutex in virtual time: the races and faults that real clocks cannot hit often enough.

import { afterEach, expect, test, vi } from "vitest";
import { mutex, type OwnedHandle } from "../../recipes/index.ts";
import { type SimHost, World } from "../../server/testing/index.ts";
import { SESSION_MS, SimRoom, worldTimers } from "../recipes/sim-room.ts";

const PATH = "/locks/l";

afterEach(() => {
  vi.unstubAllGlobals();
});

function roomOf(seed: number): SimRoom {
  const world = new World(seed);
  const timers = worldTimers(world);
  vi.stubGlobal("setTimeout", timers.setTimeout);
  vi.stubGlobal("clearTimeout", timers.clearTimeout);
  return new SimRoom(world);
}

// recipes T-MUTEX-8, T-MUTEX-9, CL-10, TM-8
test("a holder that is cut off gives up by its deadline, and only then the next one owns", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const room = roomOf(seed);
    const [first, second] = [await room.client(), await room.client()];
    const holder = await room.run(mutex(first.client, PATH).acquire());
    const waiting = mutex(second.client, PATH).acquire();
    await room.runFor(room.world.random.below(2 * SESSION_MS));
    let lostAtUs: number | undefined;
    holder.signal.addEventListener("abort", () => {
      lostAtUs = room.world.nowUs;
    });
    expect(holder.isHeld()).toBe(true);
    room.cut(first.host);
    const deadlineUs = room.world.nowUs + first.client.ownershipRemainingMs() * 1000;
    const lock = await room.run(waiting);
    expect(lostAtUs).toBeDefined();
    // A timer may be a millisecond late.
    expect(lostAtUs).toBeLessThanOrEqual(deadlineUs + 1000);
    expect(room.world.nowUs).toBeGreaterThan(deadlineUs);
    expect(holder.signal.reason).toMatchObject({ code: "LockLost", reason: "deadline" });
    expect(lock.fencingToken).toBeGreaterThan(holder.fencingToken);
  }
});

// recipes T-MUTEX-29, CL-13, CL-14
test("a holder that stood still knows it before it sends anything", async () => {
  const room = roomOf(1);
  const [first, second] = [await room.client(), await room.client()];
  const holder = await room.run(mutex(first.client, PATH).acquire());
  const waiting = mutex(second.client, PATH).acquire();
  await room.runFor(SESSION_MS);
  first.host.pause();
  const lock = await room.run(waiting);
  // No timer of the holder has run, and nothing was read from its link.
  expect(holder.signal.aborted).toBe(false);
  expect(holder.isHeld()).toBe(false);
  expect(holder.signal.aborted).toBe(true);
  first.host.resume();
  const again = mutex(first.client, PATH).acquire();
  await room.runFor(SESSION_MS);
  expect(lock.isHeld()).toBe(true);
  await room.run(lock.release());
  expect((await room.run(again)).fencingToken).toBeGreaterThan(lock.fencingToken);
});

// recipes CL-17, Trap 60
test("a lock that was lost stays lost though its session lives, and its znode goes", async () => {
  const room = roomOf(2);
  const [first, second] = [await room.client(), await room.client()];
  const { sessionId } = first.client;
  const holder = await room.run(mutex(first.client, PATH).acquire());
  const waiting = mutex(second.client, PATH).acquire();
  await room.runFor(SESSION_MS);
  room.cut(first.host);
  while (!holder.signal.aborted) await room.step();
  room.heal();
  const lock = await room.run(waiting);
  expect(first.client.sessionId).toBe(sessionId);
  expect(first.client.isConnected).toBe(true);
  expect(holder.isHeld()).toBe(false);
  expect(lock.isHeld()).toBe(true);
});

// recipes T-MUTEX-14, CL-73
test("ten thousand times, a grant and an abort at the same moment leave both or neither", async () => {
  const rounds = 10_000;
  const room = roomOf(3);
  const [first, second] = [await room.client(), await room.client()];
  const [ours, theirs] = [mutex(first.client, PATH), mutex(second.client, PATH)];
  const reason = new Error("no longer wanted");
  let granted = 0;
  for (let round = 0; round < rounds; round++) {
    const holder = await room.run(ours.acquire());
    const stop = new AbortController();
    const waiting = theirs.acquire({ signal: stop.signal }).catch((error: unknown) => error);
    await room.runFor(10);
    const released = holder.release();
    for (let events = room.world.random.below(60); events > 0; events--) await room.step();
    // In the middle of what the next event sets off.
    room.world.step();
    for (let hops = room.world.random.below(40); hops > 0; hops--) await Promise.resolve();
    stop.abort(reason);
    const outcome = await room.run(waiting);
    await room.run(released);
    if (outcome !== reason) {
      granted += 1;
      const handle = outcome as OwnedHandle;
      expect(handle.isHeld()).toBe(true);
      expect(await room.run(first.client.exists(handle.nodePath))).toBeDefined();
      await room.run(handle.release());
    }
    expect(await room.isSoonEmpty(first.client, PATH)).toBe(true);
  }
  expect(granted).toBeGreaterThan(rounds / 20);
  expect(granted).toBeLessThan(rounds - rounds / 20);
});

// recipes OWN-2, T-MUTEX-12, T-MUTEX-17, CL-33
test("under cuts, resets, stops and restarts never two own, and the tokens grow", async () => {
  let grants = 0;
  let losses = 0;
  for (let seed = 1; seed <= 25; seed++) {
    const room = roomOf(seed);
    const { random } = room.world;
    const members = [await room.client(), await room.client(), await room.client()];
    const handles = new Set<OwnedHandle>();
    let newest = 0n;
    const end = new AbortController();
    const work = members.map(async ({ client }) => {
      while (!end.signal.aborted) {
        const lock = await mutex(client, PATH).acquire();
        grants += 1;
        for (const other of handles) expect(other.isHeld(), `seed ${seed}`).toBe(false);
        expect(lock.fencingToken).toBeGreaterThan(newest);
        newest = lock.fencingToken;
        handles.add(lock);
        await new Promise<void>((resolve) => {
          client.clock.after(random.below(2000), resolve);
        });
        if (!lock.isHeld()) losses += 1;
        await lock.release();
        handles.delete(lock);
      }
    });
    const all = Promise.all(work);
    for (let fault = 0; fault < 12; fault++) {
      await room.runFor(random.below(2 * SESSION_MS));
      await someFault(room, members[random.below(3)]!.host);
    }
    room.heal();
    end.abort();
    await room.run(all);
    expect(await room.isSoonEmpty(members[0]!.client, PATH), `seed ${seed}`).toBe(true);
  }
  expect(grants).toBeGreaterThan(500);
  expect(losses).toBeGreaterThan(20);
});

async function someFault(room: SimRoom, host: SimHost): Promise<void> {
  const { random } = room.world;
  const lastsMs = random.below(2 * SESSION_MS);
  switch (random.below(4)) {
    case 0:
      room.cut(host);
      await room.runFor(lastsMs);
      room.heal();
      return;
    case 1:
      room.reset(host);
      return;
    case 2:
      host.pause();
      await room.runFor(lastsMs);
      host.resume();
      return;
    default:
      room.killServer();
      await room.runFor(lastsMs / 4);
      room.startServer();
  }
}
