import { expect, test } from "vitest";
import { defaultConfig } from "../../server/config/config.ts";
import { Server } from "../../server/server.ts";
import { World } from "../../server/testing/index.ts";
import { SILENT } from "./pipeline/server-room.ts";

const PORT = 2181;
/** More than a start takes. */
const STEPS_MAX = 60;

// operations 1.3
test("a server that is told to stop at any moment of its start stops, and listens to nobody", () => {
  let served = 0;
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    const world = new World(1);
    const host = world.host("server");
    host.disk.makeDirectory("/data");
    let stopped = false;
    const server = new Server(host, defaultConfig("/data", PORT, 500), SILENT, {
      ready: () => {
        served++;
      },
      stopped: () => {
        stopped = true;
      },
      failed: ({ message }) => {
        throw new Error(message);
      },
    });
    for (let i = 0; i < steps; i++) world.step();
    server.stop();
    world.runUntil(world.nowUs + 5_000_000);
    expect(stopped, `after ${steps} steps`).toBe(true);
    let isRefused = false;
    world.host("client").network.connect(
      { host: "server", port: PORT },
      {
        opened: () => undefined,
        data: () => undefined,
        ended: () => undefined,
        drained: () => undefined,
        closed: () => {
          isRefused = true;
        },
      },
    );
    world.runUntil(world.nowUs + 1_000_000);
    expect(isRefused, `after ${steps} steps`).toBe(true);
  }
  expect(served).toBeGreaterThan(0);
  expect(served).toBeLessThan(STEPS_MAX);
});
