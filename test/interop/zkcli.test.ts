// zkCli.sh, as Debian ships it, against a server of ours and against Apache ZooKeeper.
// needs: apache

import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { expectSame, type Mask, ServerPair } from "../tools/transcript.ts";

const SESSION = fileURLToPath(new URL("zkcli/session.ts", import.meta.url));
const TYPESCRIPT = fileURLToPath(new URL("../tools/typescript.mjs", import.meta.url));
/** Much of the time goes to the start of a Java machine. */
const QUICK_START = "-XX:TieredStopAtLevel=1 -Xmx128m";

const MASKS: readonly Mask[] = [
  { kind: "zxid", pattern: /^[cmp]Zxid = (.*)$/g },
  { kind: "time", pattern: /^[cm]time = (.*)$/g },
  { kind: "session", pattern: /^ephemeralOwner = (.*)$/g },
];

// server-semantics 9.1/text format
test("zkCli.sh says the same of every command, of Stats and of events", async () => {
  await using servers = await ServerPair.start({
    settings: { extendedTypesEnabled: "true", enforceQuota: "true" },
  });
  const transcripts = await servers.run(
    (address) => [process.execPath, "--import", TYPESCRIPT, SESSION, address],
    { masks: MASKS, environment: { CLIENT_JVMFLAGS: QUICK_START } },
  );
  expectSame(transcripts);
  expect(transcripts.ours).toContain("Quota has exceeded : /q/e");
  expect(transcripts.ours.at(-1)).toBe("zkCli.sh ended with 0");
});
