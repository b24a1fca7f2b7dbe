// The machines that the suites of this folder run on: the real one and a simulated one.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Host } from "../../protocol/host.ts";
import { nodeHost } from "../../protocol/node-host.ts";
import { World } from "../../server/testing/index.ts";

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

export const benches: readonly BenchKind[] = [real, simulated(1), simulated(2), simulated(3)];
