// Our server with a watch on its event loop: `node monitored-server.js DATA_DIR`. It prints its
// port; after each line on standard input it takes a snapshot and prints, as one JSON line, the
// longest that the loop was kept from turning meanwhile, and the snapshot's report.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { defaultConfig, nodeHost, Server } from "quorate/server";

const TICK_MS = 2000;
const RESOLUTION_MS = 1;
const NS_PER_MS = 1e6;

const [dataDir = "data"] = process.argv.slice(2);
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
const config = { ...defaultConfig(dataDir, 0, TICK_MS), maxClientConnections: 0 };
/** Servers take snapshots of their own too. */
let isAsked = false;
const server = new Server(nodeHost(), config, quiet, {
  ready: (port) => console.log(String(port)),
  stopped: () => process.exit(0),
  failed: ({ exitCode, message }) => {
    console.error(message);
    process.exit(exitCode);
  },
  snapshotTaken: (report) => {
    if (!isAsked) return;
    isAsked = false;
    delays.disable();
    // The monitor's own timer period is not a delay.
    console.log(JSON.stringify({ delayMs: delays.max / NS_PER_MS - RESOLUTION_MS, ...report }));
  },
});
createInterface({ input: process.stdin }).on("line", () => {
  isAsked = true;
  delays.reset();
  delays.enable();
  server.takeSnapshot();
});
