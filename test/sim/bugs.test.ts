import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Bug } from "./bug.ts";
import { plant } from "./plant.mjs";

const BUGS = new URL("./bugs/", import.meta.url);
const NAMES = readdirSync(BUGS).map((file) => file.replace(/\.ts$/, ""));

async function load(name: string): Promise<Bug> {
  const { bug } = (await import(new URL(`${name}.ts`, BUGS).href)) as { readonly bug: Bug };
  return bug;
}

/** Runs `npm run sim -- --bug NAME`. */
function seek(name: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const register = new URL("./register.mjs", import.meta.url).href;
  const cli = fileURLToPath(new URL("./cli.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", register, cli, "--bug", name]);
  let output = "";
  child.stdout.on("data", (bytes: Buffer) => {
    output += bytes.toString();
  });
  child.stderr.on("data", (bytes: Buffer) => {
    output += bytes.toString();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}

test("the bugs that the simulator must find are planted", () => {
  expect(NAMES.toSorted()).toEqual([
    "ack-before-fsync",
    "commit-out-of-order",
    "diff-from-elsewhere",
    "digest-skipped-on-replay",
    "election-ignores-epoch",
    "ephemeral-kept-after-expiry",
    "epoch-before-history",
    "expiry-too-early",
    "learner-acks-before-fsync",
    "learner-expires-sessions",
    "older-epoch-accepted",
    "promise-not-saved",
    "quorum-less-one",
    "read-before-own-write",
    "recovered-ttls-not-enlisted",
    "sequence-from-child-count",
    "torn-tail-accepted",
    "trunc-skipped",
    "ttl-of-32-bits",
    "unsynced-directory-entry",
    "uptodate-before-quorum",
    "usage-keeps-ephemerals",
    "usage-not-recounted",
    "watch-after-reply",
    "watch-lost-at-reconnect",
  ]);
});

describe.each(NAMES)("the planted bug %s", (name) => {
  test("has its anchor in the source exactly once", async () => {
    const bug = await load(name);
    expect(bug.name).toBe(name);
    for (const edit of [bug, bug.also]) {
      if (edit === undefined) continue;
      const source = readFileSync(new URL(`../../${edit.file}`, import.meta.url), "utf8");
      expect(plant(source, { name, ...edit })).not.toBe(source);
    }
  });

  test("is found in time, by a checker that is named for it", async () => {
    const { code, output } = await seek(name);
    expect(output).toMatch(new RegExp(`^${name}: seed \\d+, `, "m"));
    expect(code, output).toBe(0);
  });
});

test("a bug whose anchor is gone, or stands twice, is not planted", () => {
  const bug = { name: "b", file: "f.ts", anchor: "x", replacement: "y" };
  expect(plant("a x b", bug)).toBe("a y b");
  expect(() => plant("a b", bug)).toThrow("lost its anchor");
  expect(() => plant("x x", bug)).toThrow("stands twice");
});
