import fc from "fast-check";
import { expect, test } from "vitest";
import { Hosts, parseConnectString } from "../../client/hosts.ts";
import { isZooKeeperError } from "../../client/index.ts";
import { seeded } from "./machine.ts";

// client-protocol 10.2
test.each([
  ["a", [{ host: "a", port: 2181 }], ""],
  [
    "a:1,b:2/x/y",
    [
      { host: "a", port: 1 },
      { host: "b", port: 2 },
    ],
    "/x/y",
  ],
  [
    "a:1, b:2/",
    [
      { host: "a", port: 1 },
      { host: "b", port: 2 },
    ],
    "",
  ],
  [
    "[::1]:2182,[fe80::1]",
    [
      { host: "::1", port: 2182 },
      { host: "fe80::1", port: 2181 },
    ],
    "",
  ],
])("%s is understood", (text, addresses, chroot) => {
  expect(parseConnectString(text)).toEqual({ addresses, chroot });
});

test.each(["", ",", "a:", "a:0", "a:70000", "a:b", "a:1,,b", "a:1/x//y", "a:1/x/", "::1", "a:1/."])(
  "%j is refused",
  (text) => {
    let error: unknown;
    try {
      parseConnectString(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(isZooKeeperError(error, "BadArguments")).toBe(true);
  },
);

// client-protocol 10.2
test("every address is tried before one comes again, in an order of this client's own", () => {
  const names = Array.from({ length: 7 }, (_, i) => `h${i}`);
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const hosts = new Hosts({ get: () => names.join(",") }, seeded(seed));
      const round = (): string[] => names.map(() => hosts.next().host);
      const first = round();
      expect([...first].sort()).toEqual(names);
      expect(round()).toEqual(first);
    }),
  );
});

// recipes CL-116
test("a provider's new answer replaces the addresses, and its chroot counts only once", () => {
  let text = "a:1/root";
  const hosts = new Hosts({ get: () => text }, seeded(1));
  text = "b:2,c:3/other";
  expect(hosts.next().host).toBe("a");
  hosts.refresh();
  expect(hosts.count).toBe(2);
  expect(["b", "c"]).toContain(hosts.next().host);
  expect(hosts.chroot).toBe("/root");
});
