// The machines that the suites of this folder run on: the real one, a simulated one, and what a
// server of a test's ensemble has of both.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Host } from "../../protocol/host.ts";
import { nodeHost } from "../../protocol/node-host.ts";
import { World } from "../../server/testing/index.ts";
import { LiveNetwork } from "../../server/testing/live-network.ts";
import { LiveProcess } from "../../server/testing/live-process.ts";
import { LiveWires } from "../../server/testing/live-wires.ts";
import { SimDisk } from "../../server/testing/sim-disk.ts";
import { SimRandom } from "../../server/testing/sim-random.ts";

/** One machine for one test. */
export interface Bench {
  readonly host: Host;
  /** Under which the machine's own listeners are reached. */
  readonly address: string;
  /** An empty directory. */
  readonly directory: string;
  /** Waits until `start` has called back. */
  settle<T>(start: (done: (value: T) => void) => void): Promise<T>;
  end(): Promise<void>;
}

export interface BenchKind {
  readonly name: string;
  open(): Promise<Bench>;
}

const real: BenchKind = {
  name: "this machine",
  async open() {
    const directory = await mkdtemp(join(tmpdir(), "quorate-conformance-"));
    return {
      host: nodeHost(),
      address: "127.0.0.1",
      directory,
      settle: (start) => new Promise(start),
      end: () => rm(directory, { recursive: true }),
    };
  },
};

const inTests: BenchKind = {
  name: "a server of a test's ensemble",
  open() {
    const machine = nodeHost();
    const clock = new LiveProcess(machine.clock);
    const network = new LiveNetwork(1, clock, new LiveWires(), machine.network);
    const random = new SimRandom(1);
    const disk = new SimDisk({ draw: random, after: (_delayUs, run) => clock.endOfTurn(run) });
    disk.makeDirectory("/data");
    const bench: Bench = {
      host: { clock, network, random, disk, machine: machine.machine },
      address: "127.0.0.1",
      directory: "/data",
      settle: (start) => new Promise(start),
      end: () => {
        clock.end();
        return new Promise((resolve) => {
          network.abandon(resolve);
        });
      },
    };
    return Promise.resolve(bench);
  },
};

function simulated(seed: number): BenchKind {
  return {
    name: `a simulated machine, seed ${seed}`,
    open() {
      const world = new World(seed);
      const host = world.host("alone");
      host.disk.makeDirectory("/data");
      const settle = <T>(start: (done: (value: T) => void) => void): Promise<T> => {
        const box: { value?: { it: T } } = {};
        start((it) => {
          box.value = { it };
        });
        while (box.value === undefined) {
          if (!world.step()) throw new Error("the world came to rest without an answer");
        }
        return Promise.resolve(box.value.it);
      };
      const bench: Bench = {
        host,
        address: "alone",
        directory: "/data",
        settle,
        end: () => Promise.resolve(),
      };
      return Promise.resolve(bench);
    },
  };
}

export const benches: readonly BenchKind[] = [
  real,
  inTests,
  simulated(1),
  simulated(2),
  simulated(3),
];
