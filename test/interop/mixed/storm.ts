// What may happen to a mixed ensemble behind its cell's story, drawn by a seed; and the settings under
// which it happens. For the long form: which syncs these bring about depends on how fast all start.

import type { SimRandom } from "../../../server/testing/index.ts";
import type { CellRun } from "./cell.ts";

export interface Weather {
  readonly name: string;
  /** Of everybody's zoo.cfg. */
  readonly settings: Readonly<Record<string, string>>;
  /** Of Apache's servers. */
  readonly properties: Readonly<Record<string, string>>;
}

const REAPER = { "znode.container.checkIntervalMs": "2000" };
/** Learners are behind it in no time, and servers start from fuzzy snapshots. */
const SMALL_WINDOW = { commitLogCount: "500", snapCount: "400" };

export const WEATHERS: readonly Weather[] = [
  { name: "as in CI", settings: {}, properties: {} },
  {
    name: "a small window, snapshots all the time, containers and TTLs reaped",
    settings: { ...SMALL_WINDOW, ...REAPER },
    properties: REAPER,
  },
  {
    name: "a small window, the rest from the log on disk",
    settings: { ...SMALL_WINDOW, snapCount: "5000", snapshotSizeFactor: "0" },
    properties: {},
  },
];

export async function storm(run: CellRun, random: SimRandom, blows: number): Promise<void> {
  const sids = run.ensemble.members.map((each) => each.sid);
  for (let i = 0; i < blows; i++) {
    const sid = random.pick(sids);
    const leader = (await run.ensemble.awaitServing()).sid;
    const strikes: readonly (() => Promise<void>)[] = [
      () => run.killLeader(),
      () => run.killFollower(),
      () => run.killAll(),
      () => run.freeze(leader),
      () => run.freeze(sid),
      () => run.isolate(leader),
      () => run.isolate(sid),
      () => run.silence(leader, random.pick(sids.filter((each) => each !== leader))),
      () => run.silence(random.pick(sids.filter((each) => each !== leader)), leader),
      () => (sid === leader ? run.killLeader() : run.snap(sid)),
    ];
    const at = random.below(strikes.length);
    console.error(`  blow ${i + 1}: ${at}, server ${sid}, leader ${leader}`);
    await strikes[at]?.();
  }
}
