// What `npm start` shows goes on while servers are killed as it says, and when they return as it says.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, expect, test } from "vitest";
import { until } from "../tools/until.ts";

const dist = (path: string): string =>
  fileURLToPath(new URL(`../../dist/${path}`, import.meta.url));
/** Three client ports, and three each a thousand and two thousand further on. */
const PORTS = { from: 12_000, to: 29_000 };

const home: string = mkdtempSync(join(tmpdir(), "quorate-demo-"));
const started: ChildProcess[] = [];
let printed = "";

afterEach(async () => {
  for (const each of started) {
    if (each.exitCode !== null || each.signalCode !== null) continue;
    const exited = once(each, "exit");
    each.kill("SIGTERM");
    await exited;
  }
  started.length = 0;
});

afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

test("the demo elects, counts, and goes on when its leading server is killed and comes back", async () => {
  const { demo } = await atWork();
  await until("a worker leads and sees them all", () =>
    /sees ada, barbara, grace registered/.test(printed),
  );
  await until("a configuration is followed", () =>
    /grace +reads in the configuration/.test(printed),
  );

  const leading = [...printed.matchAll(/server (\d) leads/g)].at(-1)?.[1];
  const pid = new RegExp(`server ${leading} is process \\d+: kill -9 (\\d+)`).exec(printed)?.[1];
  process.kill(Number(pid), "SIGKILL");
  await until("it is told", () => printed.includes(`server ${leading} is gone (SIGKILL)`));
  await untilCounted(counted() + 3);

  const command = /start it again, in another terminal: npx quorate (server \S+)/.exec(
    printed,
  )?.[1];
  const server = run([dist("cli.js"), ...(command ?? "").split(" ")]);
  await until("it serves again", () => /"role":"follower".*serving clients/.test(printed));
  await untilCounted(counted() + 3);

  const ended = once(demo, "exit");
  demo.kill("SIGINT");
  expect(await ended).toEqual([0, null]);
  const stopped = once(server, "exit");
  server.kill("SIGTERM");
  expect(await stopped).toEqual([0, null]);
});

test("Ctrl-C ends the demo soon where no server is left, and at once when it comes twice", async () => {
  const first = await atWork();
  for (const pid of first.servers) process.kill(pid, "SIGKILL");
  await until("all are gone", () => printed.match(/is gone \(SIGKILL\)/g)?.length === 3);
  const ended = once(first.demo, "exit");
  const toldAt = performance.now();
  first.demo.kill("SIGINT");
  expect(await ended).toEqual([0, null]);
  // The sessions, which hold the locks, would last for ten seconds.
  expect(performance.now() - toldAt).toBeLessThan(6000);

  const second = await atWork();
  // It does not hear the first signal: it is stopped.
  process.kill(second.servers[0] ?? 0, "SIGSTOP");
  const cut = once(second.demo, "exit");
  second.demo.kill("SIGINT");
  await until("it stops", () => / is closed/.test(printed));
  second.demo.kill("SIGINT");
  expect(await cut).toEqual([0, null]);
  for (const pid of second.servers) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});

/** A demo at work, and its servers' processes. */
async function atWork(): Promise<{ demo: ChildProcess; servers: number[] }> {
  printed = "";
  const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
  const demo = run([dist("examples/demo.js")], { QUORATE_DEMO_PORT: String(port) });
  await untilCounted(3);
  return { demo, servers: [...printed.matchAll(/kill -9 (\d+)/g)].map(([, pid]) => Number(pid)) };
}

function run(args: readonly string[], environment: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, args, {
    cwd: home,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.on("data", (bytes: Buffer) => {
    printed += bytes.toString();
  });
  child.stderr.on("data", (bytes: Buffer) => {
    printed += bytes.toString();
  });
  started.push(child);
  return child;
}

/** How far the workers have come. */
function counted(): number {
  return Number([...printed.matchAll(/wrote (\d+), releases/g)].at(-1)?.[1] ?? 0);
}

async function untilCounted(count: number): Promise<void> {
  await until(`the workers count to ${count}`, () => counted() >= count).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${printed}`);
  });
}
