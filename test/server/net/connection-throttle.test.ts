import { expect, test } from "vitest";
import { DEFAULT_LIMITS, type LimitSettings } from "../../../server/config/limits.ts";
import { ConnectionThrottle } from "../../../server/net/connection-throttle.ts";
import { World } from "../../../server/testing/index.ts";
import { ServerRoom } from "../pipeline/server-room.ts";

function admitted(throttle: ConnectionThrottle, tries: number): number {
  let count = 0;
  for (let i = 0; i < tries; i++) if (throttle.admits("new")) count++;
  return count;
}

function throttleOf(world: World, options: Partial<LimitSettings>): ConnectionThrottle {
  const { clock, random } = world.host("server");
  return new ConnectionThrottle(clock, random, { ...DEFAULT_LIMITS, ...options });
}

test("without tokens everybody is let in", () => {
  expect(admitted(throttleOf(new World(1), {}), 10_000)).toBe(10_000);
});

// server-semantics 10/connection throttle tokens; operations 7.6/New-session rate
test("a bucket lets in what it holds, and what has come back since", () => {
  const world = new World(1);
  const throttle = throttleOf(world, {
    connectionTokens: 10,
    connectionTokenFillMs: 100,
    connectionTokenFillCount: 2,
  });
  expect(admitted(throttle, 100)).toBe(10);
  world.runUntil(350_000);
  expect(admitted(throttle, 100)).toBe(6);
  world.runUntil(10_000_000);
  expect(admitted(throttle, 100)).toBe(10);
});

test("a handshake costs the weight of its kind, where weights are enabled", () => {
  const throttle = throttleOf(new World(1), {
    connectionTokens: 10,
    connectionWeightsEnabled: true,
  });
  expect([1, 2, 3].map(() => throttle.admits("new"))).toEqual([true, true, true]);
  expect(throttle.admits("renewed")).toBe(false);
});

test("while the bucket is empty a growing part is dropped by chance, and fewer when it fills", () => {
  const world = new World(1);
  const throttle = throttleOf(world, {
    connectionTokens: 10,
    connectionTokenFillMs: 1,
    connectionFreezeMs: 0,
    connectionDropIncrease: 0.5,
    connectionDropDecrease: 0.05,
    connectionDecreaseRatio: 1,
  });
  const round = (atUs: number): number => {
    world.runUntil(atUs);
    return admitted(throttle, 10);
  };
  expect(round(1000)).toBe(10);
  // It looks again only after the freeze time, and finds nothing left.
  world.runUntil(1500);
  expect(throttle.admits("new")).toBe(false);
  const later = Array.from({ length: 20 }, (_, i) => round(100_000 + i * 100_000));
  expect(Math.min(...later)).toBeLessThan(10);
  expect(later.at(-1)).toBe(10);
});

// client-protocol 3.4/3; operations 7.9/13
test("a client beyond the tokens is closed without an answer, and let in later", () => {
  const room = new ServerRoom({ connectionTokens: 2, connectionTokenFillMs: 1000 });
  expect(room.open().response?.timeoutMs).toBeGreaterThan(0);
  expect(room.open().response?.timeoutMs).toBeGreaterThan(0);
  const third = room.dial();
  third.greet();
  room.until(() => third.gone);
  expect(third.received).toBe(0);
  expect(room.lines.at(-1)?.message).toContain("connection_throttle_tokens");
  room.runMs(1100);
  expect(room.open().response?.timeoutMs).toBeGreaterThan(0);
});

// quorum-protocol W-4
test("a session that one server alone knows costs what its own weight says", () => {
  const throttle = throttleOf(new World(1), {
    connectionTokens: 5,
    connectionWeightsEnabled: true,
    newSessionWeight: 3,
    localSessionWeight: 2,
  });
  expect([throttle.admits("local"), throttle.admits("local"), throttle.admits("local")]).toEqual([
    true,
    true,
    false,
  ]);
});
