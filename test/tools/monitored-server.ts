// Our server with a watch on its event loop: `node monitored-server.js DATA_DIR [TICK_MS]`. It
// prints its port, and then an answer, as one JSON line, to each line on standard input:
//
//     watch      the loop is watched from now on: {}
//     told       the longest that it was kept from turning since then: { delayMs, busyMs }
//     snapshot   takes a snapshot, watches meanwhile: the same and the snapshot's report
//
// `delayMs` is what a clock on the wall shows, `busyMs` what of it the process itself was at work
// for: on a machine that others use too, the processor may be elsewhere meanwhile.

import { createInterface } from "node:readline";
import { defaultConfig, nodeHost, Server } from "quorate/server";

const TICK_MS = 2000;
const PERIOD_MS = 1;
const US_PER_MS = 1000;

const [dataDir = "data", tick] = process.argv.slice(2);
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
let delayMs = 0;
let busyMs = 0;
let watching: NodeJS.Timeout | undefined;
const config = {
  ...defaultConfig(dataDir, 0, tick === undefined ? TICK_MS : Number(tick)),
  maxClientConnections: 0,
};
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
    tell(report);
  },
});
createInterface({ input: process.stdin }).on("line", (command) => {
  if (command === "told") {
    tell({});
    return;
  }
  watch();
  if (command === "watch") {
    console.log("{}");
    return;
  }
  isAsked = true;
  server.takeSnapshot();
});

function watch(): void {
  clearInterval(watching);
  delayMs = 0;
  busyMs = 0;
  let wall = performance.now();
  let worked = workedMs();
  watching = setInterval(() => {
    const wallNow = performance.now();
    const workedNow = workedMs();
    // The timer's own period is not a delay.
    const delay = wallNow - wall - PERIOD_MS;
    delayMs = Math.max(delayMs, delay);
    busyMs = Math.max(busyMs, Math.min(delay, workedNow - worked));
    wall = wallNow;
    worked = workedNow;
  }, PERIOD_MS);
}

/** Of all threads: more than the loop's own, never less. */
function workedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / US_PER_MS;
}

function tell(report: object): void {
  clearInterval(watching);
  console.log(JSON.stringify({ delayMs, busyMs, ...report }));
}
