// What `npm start` shows: an ensemble of three servers, each a process with its data on disk, and
// three workers, each a process of its own, that take turns at a counter under a fair lock, choose
// a leader, register, and follow a configuration (demo-worker.ts). Kill a server, the leading one
// too: the others elect anew and the workers go on. Start it again: it catches up.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const FIRST_PORT = Number(process.env["QUORATE_DEMO_PORT"] ?? 2181);
const HOME = join("data", "demo");
const SIDS = [1, 2, 3];
const WORKERS = ["ada", "barbara", "grace"];

const cli = fileURLToPath(new URL("../cli.js", import.meta.url));
const worker = fileURLToPath(new URL("demo-worker.js", import.meta.url));
const servers: ChildProcess[] = [];
const workers: ChildProcess[] = [];
let isStopping = false;

const portOf = (sid: number): number => FIRST_PORT + sid - 1;
const members = SIDS.map(
  (sid) => `server.${sid}=127.0.0.1:${portOf(sid) + 1000}:${portOf(sid) + 2000}\n`,
);
for (const sid of SIDS) servers.push(startServer(sid));
const addresses = SIDS.map((sid) => `127.0.0.1:${portOf(sid)}`).join(",");
for (const name of WORKERS) workers.push(start(name, [worker, name, addresses]));

say("demo", `the servers' data are in ${HOME}; stop everything with Ctrl-C`);
say("demo", "kill a server the hard way, in another terminal, and see the others go on");

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (isStopping) cutShort();
    else stop();
  });
}

/** A second Ctrl-C: nobody of us may be left behind. */
function cutShort(): void {
  for (const each of [...workers, ...servers]) each.kill("SIGKILL");
}

/** The workers first, so that they can say goodbye to somebody. */
function stop(): void {
  isStopping = true;
  const left = new Set(
    workers.filter((each) => each.exitCode === null && each.signalCode === null),
  );
  const stopServers = (): void => {
    if (left.size === 0) for (const each of servers) each.kill("SIGTERM");
  };
  for (const each of left) {
    each.once("exit", () => {
      left.delete(each);
      stopServers();
    });
    each.kill("SIGTERM");
  }
  stopServers();
}

function startServer(sid: number): ChildProcess {
  const directory = join(HOME, String(sid));
  const config = join(directory, "zoo.cfg");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "myid"), `${sid}\n`);
  writeFileSync(
    config,
    `dataDir=./${directory}\nclientPort=${portOf(sid)}\nclientPortAddress=127.0.0.1\n` +
      `tickTime=1000\ninitLimit=10\nsyncLimit=5\n${members.join("")}`,
  );
  const name = `server ${sid}`;
  const server = start(name, [cli, "server", config]);
  say("demo", `${name} is process ${server.pid}: kill -9 ${server.pid}`);
  server.on("exit", (code, signal) => {
    if (isStopping) return;
    say("demo", `${name} is gone (${signal ?? `exit code ${code}`})`);
    say("demo", `start it again, in another terminal: npx quorate server ${config}`);
  });
  return server;
}

function start(name: string, args: string[]): ChildProcess {
  // Detached: Ctrl-C is for us alone, or they would be told twice to stop.
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  createInterface({ input: child.stdout }).on("line", (line) => say(name, readable(line)));
  return child;
}

function say(who: string, what: string): void {
  console.log(`${who.padEnd(8)} ${what}`);
}

/** A server logs JSON for machines: its sentence is for us. */
function readable(line: string): string {
  if (!line.startsWith("{")) return line;
  const entry: unknown = JSON.parse(line);
  const message = typeof entry === "object" && entry !== null && "msg" in entry ? entry.msg : line;
  return String(message);
}
