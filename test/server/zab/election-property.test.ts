import { describe, expect, test } from "vitest";
import { SimRandom } from "../../../server/testing/sim-random.ts";
import type { EnsembleShape } from "./election-bench.ts";
import { ElectionNetwork } from "./election-network.ts";
import { Terms } from "./election-terms.ts";

const SEEDS = 15;
const EVENTS = 40;

const SHAPES: readonly (readonly [name: string, shape: EnsembleShape])[] = [
  ["three voters", { voters: [1, 2, 3] }],
  ["five voters and two observers", { voters: [1, 2, 3, 4, 5], observers: [6, 7] }],
  ["seven voters", { voters: [1, 2, 3, 4, 5, 6, 7] }],
  [
    "three groups, one of them without weight",
    {
      voters: [1, 2, 3, 4, 5, 6, 7],
      observers: [8],
      groups: { 1: [1, 2, 3], 2: [4, 5, 6], 3: [7] },
      weights: { 7: 0 },
    },
  ],
];

/** A run from its seed: servers end, start, lose their disks and their network; then there is peace. */
function run(shape: EnsembleShape, seed: number): Terms {
  const random = new SimRandom(seed);
  const network = new ElectionNetwork(shape, random, {
    delayMaxMs: random.pick([2, 20, 150]),
    repeated: random.pick([0, 0.1]),
    lost: random.pick([0, 0.05]),
  });
  const terms = new Terms(shape, network);
  const isFounding = random.chance(0.5);
  for (const sid of network.sids) {
    network.boot(sid, isFounding ? { isEmpty: true } : {});
    network.run(random.below(100));
  }
  for (let event = 0; event < EVENTS; event++) {
    const sid = random.pick(network.sids);
    const isUp = network.servers.has(sid);
    const what = random.fraction();
    if (what < 0.3) {
      terms.write(() => random.chance(0.7));
    } else if (what < 0.6 && isUp) {
      network.kill(sid);
      terms.ended(sid);
    } else if (what < 0.8 && !isUp) {
      const mayLose = terms.acknowledged > 0 && mayLoseDisk(shape, network, sid);
      if (mayLose && random.chance(0.5)) {
        terms.wiped(sid);
        network.boot(sid, { isEmpty: true });
      } else {
        network.boot(sid, network.candidates.get(sid));
      }
    } else if (what < 0.9) {
      network.cut(sid);
    } else {
      network.heal();
    }
    terms.run(random.below(400));
  }
  network.options = { delayMaxMs: 5, repeated: 0, lost: 0 };
  network.heal();
  for (const sid of network.sids) {
    if (!network.servers.has(sid)) network.boot(sid, network.candidates.get(sid));
  }
  for (let waited = 0; terms.agreed === undefined && waited < 30_000; waited += 500) terms.run(500);
  expect(
    terms.agreed,
    `seed ${seed}: one leader for all\n${network.transcript.slice(-40).join("\n")}`,
  ).toBeDefined();
  return terms;
}

/** As many disks as a quorum needs are as they were. */
function mayLoseDisk(shape: EnsembleShape, network: ElectionNetwork, sid: number): boolean {
  const isEmpty = (other: number): boolean =>
    other === sid || (network.candidates.get(other)?.isEmpty ?? true);
  const empty = shape.voters.filter(isEmpty).length;
  return empty * 2 < shape.voters.length && shape.groups === undefined;
}

describe.each(SHAPES)("%s", (_, shape) => {
  // quorum-protocol 4, F-1, F-6, F-7, F-10, F-11, F-12, E-10, E-11
  test("agree on a leader that has all that was acknowledged, whatever happened before", () => {
    let offices = 0;
    for (let seed = 1; seed <= SEEDS; seed++) offices += run(shape, seed).offices;
    expect(offices).toBeGreaterThan(SEEDS * 2);
  });
});
