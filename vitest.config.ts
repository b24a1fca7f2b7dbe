// The suites, one vitest project each. The first needs nothing but Node; `sim` runs whole servers
// on simulated hosts; the last three start real processes from dist (`npm test` builds first) and
// therefore run one file at a time, so that two clusters never share the machine's cores.

import { defineConfig, type ViteUserConfig } from "vitest/config";
import { ClosingLine } from "./test/tools/closing-line.ts";

const realProcesses = {
  fileParallelism: false,
  testTimeout: 300_000,
  hookTimeout: 120_000,
};

const config: ViteUserConfig = defineConfig({
  test: {
    reporters: ["default", new ClosingLine()],
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "test/{protocol,server,client,recipes,golden,paper,scenarios,conformance}/**/*.test.ts",
            "test/*.test.ts",
          ],
        },
      },
      { test: { name: "sim", include: ["test/sim/**/*.test.ts"], testTimeout: 600_000 } },
      { test: { name: "cluster", include: ["test/cluster/**/*.test.ts"], ...realProcesses } },
      { test: { name: "interop", include: ["test/interop/**/*.test.ts"], ...realProcesses } },
      { test: { name: "containers", include: ["test/containers/**/*.test.ts"], ...realProcesses } },
    ],
  },
});

export default config;
