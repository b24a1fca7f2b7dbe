// What `npm start` shows: one server with its data on disk, and three workers, each a process of
// its own, that take turns at a counter under a fair lock. Kill the server, start it again: the
// workers go on where they were.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PORT = process.env["QUORATE_DEMO_PORT"] ?? "2181";
const HOME = join("data", "demo");
const CONFIG = join(HOME, "zoo.cfg");
const WORKERS = ["ada", "barbara", "grace"];

const cli = fileURLToPath(new URL("../cli.js", import.meta.url));
const worker = fileURLToPath(new URL("demo-worker.js", import.meta.url));
const children: ChildProcess[] = [];

mkdirSync(HOME, { recursive: true });
writeFileSync(
  CONFIG,
  `dataDir=./${HOME}\nclientPort=${PORT}\nclientPortAddress=127.0.0.1\ntickTime=2000\n`,
);

const server = start("server", [cli, "server", CONFIG]);
server.on("exit", (code, signal) => {
  say("demo", `the server is gone (${signal ?? `exit code ${code}`}); the workers wait for it`);
  say("demo", `start it again, in another terminal: npx quorate server ${CONFIG}`);
});
for (const name of WORKERS) start(name, [worker, name, `127.0.0.1:${PORT}`]);

say("demo", `the server's data are in ${HOME}; stop everything with Ctrl-C`);
say("demo", `kill the server the hard way, in another terminal: kill -9 ${server.pid}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    server.removeAllListeners("exit");
    for (const child of children) child.kill("SIGTERM");
  });
}

function start(name: string, args: string[]): ChildProcess {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  createInterface({ input: child.stdout }).on("line", (line) => say(name, readable(line)));
  return child;
}

function say(who: string, what: string): void {
  console.log(`${who.padEnd(8)} ${what}`);
}

/** The server logs JSON for machines: its sentence is for us. */
function readable(line: string): string {
  if (!line.startsWith("{")) return line;
  const entry: unknown = JSON.parse(line);
  const message = typeof entry === "object" && entry !== null && "msg" in entry ? entry.msg : line;
  return String(message);
}
