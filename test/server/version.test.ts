import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { QUORATE_VERSION, VERSION_LINE, VERSION_TEXT } from "../../server/version.ts";

test("the version is the package's", () => {
  const manifest = new URL("../../package.json", import.meta.url);
  expect(JSON.parse(readFileSync(manifest, "utf8"))).toMatchObject({ version: QUORATE_VERSION });
});

// operations 3.4, 3.4/Datadog check, 3.4/go-zookeeper FLWSrvr, Trap 5
test("the version line is what go-zookeeper and Datadog look for", () => {
  const line = `Zookeeper version: ${VERSION_TEXT}`;
  expect(line).toMatch(
    /^Zookeeper version: [A-Za-z0-9.-]+, built on (\d\d\/\d\d\/\d\d\d\d \d\d:\d\d [A-Za-z0-9:+-]+)$/,
  );
  expect(/\d+\.\d+\.\d+/.exec(line)?.[0]).toBe("3.9.4");
});

// operations 1.1/quorate version
test("the command's version line names both versions and the time", () => {
  expect(VERSION_LINE).toMatch(
    /^quorate, version \d+\.\d+\.\d+ \(ZooKeeper 3\.9\.\d+ compatible\) \d{4}-\d\d-\d\d \d\d:\d\d UTC$/,
  );
});
