// Talks to zkCli.sh over its standard input, one command at a time, and prints what it said.
//
// Usage: session.ts HOST:PORT
//
// Without a terminal zkCli.sh has no prompt. So each command is followed by `printwatches`, which
// asks no server: what it says ends the command's answer. Watch events are printed by another thread of zkCli.sh, before, within
// or behind the command's own lines: here they come behind them, in their order.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { COMMANDS } from "./commands.ts";

const ZKCLI = "/usr/share/zookeeper/bin/zkCli.sh";
const END = /^(.*)printwatches is (?:on|off)$/;
const NO_SESSION = "Not connected";
const EVENT = "WatchedEvent ";

const ANSWER_LIMIT_MS = 30_000;

const address = process.argv[2] ?? "";
// Both of its outputs in one pipe, so that they keep their order.
const zkCli = spawn("/bin/sh", ["-c", `exec ${ZKCLI} -server "$0" 2>&1`, address], {
  stdio: ["pipe", "pipe", "inherit"],
});
const exited = once(zkCli, "exit");
const lines = createInterface(zkCli.stdout)[Symbol.asyncIterator]();

/** Without a session, zkCli.sh says so behind whatever it was told, `printwatches` included. */
let hasSession = true;

/** Reads up to the end of a command's answer, and until so many events have come. */
async function answer(eventCount: number): Promise<string[]> {
  const said: string[] = [];
  const events: string[] = [];
  let hasEnded = false;
  let hasComplained = hasSession;
  const late = setTimeout(() => {
    console.error(`only ${events.length} of ${eventCount} events, after: ${said.join("\n")}`);
    zkCli.kill("SIGKILL");
  }, ANSWER_LIMIT_MS);
  while (!hasEnded || !hasComplained || events.length < eventCount) {
    const { value: line, done } = (await lines.next()) as IteratorResult<string, undefined>;
    if (done === true) throw new Error(`zkCli.sh is gone; before that: ${said.join("\n")}`);
    const end = END.exec(line);
    if (end !== null) {
      hasEnded = true;
      // Some of its complaints do not end their line.
      if (end[1] !== "") said.push(end[1] ?? "");
    } else if (line.startsWith(EVENT)) events.push(line);
    else if (hasEnded) hasComplained ||= line === NO_SESSION;
    else if (line !== "" && line !== "WATCHER::") said.push(line);
  }
  clearTimeout(late);
  return [...said, ...events];
}

zkCli.stdin.write("printwatches\n");
// What it says of its libraries is not ours to compare.
const [connected] = (await answer(1)).slice(-1);
console.log(connected);
for (const step of COMMANDS) {
  const [line, events] = typeof step === "string" ? [step, 0] : step;
  console.log(`> ${line}`);
  if (line === "close") hasSession = false;
  if (line.startsWith("connect ")) hasSession = true;
  zkCli.stdin.write(`${line.replace("ADDRESS", address)}\nprintwatches\n`);
  for (const each of await answer(events)) console.log(each);
}
zkCli.stdin.write("quit\n");
await exited;
console.log(`zkCli.sh ended with ${zkCli.exitCode}`);
