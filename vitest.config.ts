// The suites, one vitest project each, one after the other: the last three measure real processes
// from dist (`npm test` builds first) and want the machine for themselves, so they also run one
// file at a time. `unit` needs nothing but Node; `sim` runs whole servers on simulated hosts.

import { defineConfig, type UserWorkspaceConfig, type ViteUserConfig } from "vitest/config";
import { ClosingLine } from "./test/tools/closing-line.ts";

const FIRST = [
  "test/{protocol,server,client,recipes,golden,paper,scenarios,conformance}/**/*.test.ts",
  "test/*.test.ts",
];

const config: ViteUserConfig = defineConfig({
  test: {
    reporters: ["default", new ClosingLine()],
    projects: [
      {
        test: {
          name: "unit",
          include: FIRST,
          testTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "sim",
          include: ["test/sim/**/*.test.ts"],
          testTimeout: 600_000,
          sequence: { groupOrder: 2 },
        },
      },
      realProcesses("cluster", 3),
      realProcesses("interop", 4),
      realProcesses("containers", 5),
    ],
  },
});

export default config;

function realProcesses(name: string, groupOrder: number): UserWorkspaceConfig {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      fileParallelism: false,
      testTimeout: 300_000,
      hookTimeout: 120_000,
      sequence: { groupOrder },
    },
  };
}
