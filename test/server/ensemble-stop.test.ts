import { expect, test } from "vitest";
import { defaultConfig } from "../../server/config/config.ts";
import { ensembleSettings } from "../../server/config/ensemble.ts";
import { EnsembleServer } from "../../server/ensemble.ts";
import { World } from "../../server/testing/index.ts";
import { SILENT } from "./pipeline/server-room.ts";

const PORT = 2181;
/** More than it takes to look for a leader. */
const STEPS_MAX = 80;

// operations 1.3
test("a member that is told to stop at any moment of its start stops", () => {
  const members = new Map(
    [1, 2, 3].map((sid) => [
      sid,
      {
        sid,
        role: "participant" as const,
        addresses: [{ host: `server-${sid}`, quorumPort: 2888, electionPort: 3888 }],
        client: { host: undefined, port: PORT },
      },
    ]),
  );
  const ensemble = { version: 0, members, groups: new Map(), weights: new Map() };
  let served = 0;
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    const world = new World(1);
    const host = world.host("server-1");
    host.disk.makeDirectory("/data");
    let isStopped = false;
    const server = new EnsembleServer(
      host,
      defaultConfig("/data", PORT, 500),
      ensembleSettings(1, ensemble, 10, 5),
      SILENT,
      {
        ready: () => {
          served++;
        },
        stopped: () => {
          isStopped = true;
        },
        failed: ({ message }) => {
          throw new Error(message);
        },
      },
    );
    for (let i = 0; i < steps; i++) world.step();
    server.stop();
    world.runUntil(world.nowUs + 30_000_000);
    expect(isStopped, `after ${steps} steps`).toBe(true);
  }
  expect(served).toBeGreaterThan(0);
  expect(served).toBeLessThan(STEPS_MAX);
});
