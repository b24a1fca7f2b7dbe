// The table of the mixed ensembles: two of Apache's servers and one of ours, one and two, and each
// kind as observer of the other.

import type { Cell, CellRun } from "./cell.ts";

/**
 * Servers 3 and 2 are of different kinds. Server 3 leads, and 2 learns from it in every way; what 3
 * alone had logged is cut when 2 leads, then all of it the other way round.
 */
async function bothLead(run: CellRun): Promise<void> {
  for (const [leader, learner] of [
    [3, 2],
    [2, 3],
  ] as const) {
    await run.lead(leader);
    await run.diff(learner);
    await run.snap(learner);
    await run.trunc();
  }
  // Server 3, who leads again; then the one of the other kind that leads in its place.
  await run.killLeader();
  await run.killLeader();
  await run.killFollower();
}

/** Server 4 observes. */
async function observed(run: CellRun): Promise<void> {
  await run.diff(4);
  await run.snap(4);
  await run.killLeader();
  await run.killFollower();
  await run.trunc();
}

const BOTH_WAYS = [
  ["quorate", "apache"],
  ["apache", "quorate"],
] as const;

export const CELLS: readonly Cell[] = [
  {
    name: "two of Apache's and one of ours",
    kinds: ["apache", "apache", "quorate"],
    directions: BOTH_WAYS,
    story: bothLead,
  },
  {
    name: "one of Apache's and two of ours",
    kinds: ["quorate", "quorate", "apache"],
    directions: BOTH_WAYS,
    story: bothLead,
  },
  {
    name: "ours observes Apache's",
    kinds: ["apache", "apache", "apache", "quorate"],
    observer: 4,
    directions: [["apache", "quorate"]],
    story: observed,
  },
  {
    name: "Apache's observes ours",
    kinds: ["quorate", "quorate", "quorate", "apache"],
    observer: 4,
    directions: [["quorate", "apache"]],
    story: observed,
  },
];
