// First starts of whole servers, of which nobody has said that they may begin empty.

import { expect, test } from "vitest";
import { EnsembleRoom } from "./ensemble-room.ts";

/** Shortly before they have agreed on a leader, in steps of the simulated world. */
const FROM_STEP = 210;
const STEPS = 3;
/** Longer than the others take to see that it is gone. */
const DOWN_MS = 3000;

/** A first start that loses some of its servers after so many steps, for a while. False: it was over. */
function interrupt(steps: number, sids: readonly number[]): boolean {
  const room = new EnsembleRoom({ voters: 3, isInitialized: false });
  for (const server of room.servers) server.start();
  for (let i = 0; i < steps; i++) room.world.step();
  const isOver = room.servers.every(({ isServing }) => isServing);
  for (const sid of sids) room.server(sid).kill();
  room.runMs(DOWN_MS);
  for (const sid of sids) room.server(sid).start();
  const roles = room.servers.map(({ role }) => role).join();
  expect(() => room.awaitService(), `${sids.join()} after ${steps} steps: ${roles}`).not.toThrow();
  for (const { host } of room.servers) expect(host.disk.names("/data")).not.toContain("initialize");
  return !isOver;
}

// quorum-protocol 16/1653/2307/2354
test.each([
  ["its leader", [3]],
  ["its followers", [1, 2]],
  ["all", [1, 2, 3]],
] as const)(
  "a first start that loses %s at whatever moment is taken up again, without an operator",
  (_, sids) => {
    let steps = FROM_STEP;
    while (interrupt(steps, sids)) steps += STEPS;
    expect(steps).toBeGreaterThan(FROM_STEP + 10 * STEPS);
  },
);
