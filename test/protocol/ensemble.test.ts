import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type EnsembleConfig,
  ensembleText,
  type Member,
  makeEnsemble,
  parseEnsemble,
  parseMember,
} from "../../protocol/ensemble.ts";

function ensemble(text: string): EnsembleConfig {
  const parsed = parseEnsemble(text);
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
}

/** What a text becomes when it is read and written. */
function canonical(text: string): string {
  return ensembleText(ensemble(text));
}

// operations 2.5, 2.5/Role, 2.3/server.<sid>
test.each<[text: string, member: Omit<Member, "sid">]>([
  [
    "a:2888:3888",
    {
      role: "participant",
      addresses: [{ host: "a", quorumPort: 2888, electionPort: 3888 }],
      client: undefined,
    },
  ],
  [
    "a:2888:3888:OBSERVER;2181",
    {
      role: "observer",
      addresses: [{ host: "a", quorumPort: 2888, electionPort: 3888 }],
      client: { host: undefined, port: 2181 },
    },
  ],
  [
    "[2001:db8::1]:1:2:participant;[::1]:2181",
    {
      role: "participant",
      addresses: [{ host: "2001:db8::1", quorumPort: 1, electionPort: 2 }],
      client: { host: "::1", port: 2181 },
    },
  ],
  [
    "b:1:2:observer|10.0.0.1:3:4 ; 0.0.0.0:2181 ; 2281",
    {
      role: "observer",
      addresses: [
        { host: "b", quorumPort: 1, electionPort: 2 },
        { host: "10.0.0.1", quorumPort: 3, electionPort: 4 },
      ],
      client: { host: undefined, port: 2181 },
    },
  ],
  [
    "a:1:2;;h:2281",
    {
      role: "participant",
      addresses: [{ host: "a", quorumPort: 1, electionPort: 2 }],
      client: undefined,
    },
  ],
])("the member %s is read", (text, member) => {
  expect(parseMember(7, text)).toEqual({ sid: 7, ...member });
});

test.each([
  "",
  "a",
  "a:1",
  "a:1:0",
  "a:1:65536",
  "a:1:2:chief",
  "a:1:2:observer|b:1:2:participant",
  "a:1:2|",
  "::1:1:2",
  "[::1:1:2",
  "a b:1:2",
  "a:1:2;0",
  "a:1:2;h:1:2",
  "a:1:2;1;x",
  "a:1:2;1;2;3",
])("%j is no member", (text) => {
  expect(parseMember(1, text)).toBeUndefined();
});

// operations 2.5/Canonical text, 2.5//zookeeper/config, quorum-protocol 12.1
test("the text of a configuration says every role, sorts by number, and ends with the version", () => {
  const text =
    "version=10000000c\nserver.10=c:1:2:Observer\nserver.2 : b:1:2;2181\nserver.1=\\u0061:1:2;[::1]:2181\n";
  expect(canonical(text)).toBe(
    "server.1=a:1:2:participant;[::1]:2181\n" +
      "server.2=b:1:2:participant;0.0.0.0:2181\n" +
      "server.10=c:1:2:observer\n" +
      "version=10000000c",
  );
  expect(ensemble(text).version).toBe(0x1_0000_000c);
  expect(ensemble("server.1=a:1:2").version).toBe(0);
});

// operations 2.5/Canonical text
test("several addresses are sorted by their hosts and share one role", () => {
  expect(canonical("server.1=b:1:2:observer|[fe80::1]:3:4|a:5:6")).toBe(
    "server.1=a:5:6|b:1:2|[fe80::1]:3:4:observer\nversion=0",
  );
});

// operations 2.5/3.9 compatibility
test("the port for TLS is read over and never written: 3.9 would refuse the line", () => {
  expect(canonical("server.1=a:1:2;2181;2281")).toBe(
    "server.1=a:1:2:participant;0.0.0.0:2181\nversion=0",
  );
  expect(canonical("server.1=a:1:2;;2281")).toBe("server.1=a:1:2:participant\nversion=0");
});

// operations 2.3/group.<g>=sid[:sid…] weight.<sid>=n
test("where there are groups, everybody who votes is in one and has a weight", () => {
  const members = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2:observer\n";
  const hierarchical = `${members}group.2=3\ngroup.1=2:1\nweight.2=0\n`;
  expect(ensemble(hierarchical)).toMatchObject({
    groups: new Map([
      [1, [2, 1]],
      [2, [3]],
    ]),
    weights: new Map([[2, 0]]),
  });
  expect(canonical(hierarchical).split("\n").slice(4)).toEqual([
    "group.1=1:2",
    "group.2=3",
    "weight.1=1",
    "weight.2=0",
    "weight.3=1",
    "version=0",
  ]);
  expect(parseEnsemble(`${members}group.1=1:2`)).toBe("server 3 is in no group");
  expect(parseEnsemble(`${members}weight.1=2`)).toBe("server 1 is in no group");
  expect(parseEnsemble(`${members}group.1=1:2\ngroup.2=3:1`)).toBe("server 1 is in two groups");
  expect(
    parseEnsemble(`${members}group.1=1:2:3\nweight.1=2\nweight.2=0\nweight.3=0`),
  ).toMatchObject({
    weights: new Map([
      [1, 2],
      [2, 0],
      [3, 0],
    ]),
  });
});

// operations 2.4/duplicate sid duplicate non-loopback address:port between
test.each([
  [
    "server.1=a:1",
    'server.1: expected host:quorumPort:electionPort[:participant|:observer][;[clientHost:]clientPort], ports from 1 to 65535, IPv6 in brackets, got "a:1"',
  ],
  ["server.x=a:1:2", '"server.x" does not belong to a configuration'],
  ["server.1.1=a:1:2", '"server.1.1" does not belong to a configuration'],
  ["server.9007199254740992=a:1:2", '"server.9007199254740992" does not belong to a configuration'],
  ["tickTime=2000", '"tickTime" does not belong to a configuration'],
  ["server.1=a:1:2\nserver.01=b:1:2", "two members have the number 1"],
  ["version=-1", 'version: expected hexadecimal digits, got "-1"'],
  ["version=ffffffffffffffff", 'version: expected hexadecimal digits, got "ffffffffffffffff"'],
  ["group.1=1:x", 'group.1: expected numbers of servers, got "1:x"'],
  ["weight.1=-1", 'weight.1: expected a weight, got "-1"'],
  ["server.1=\\u00g1:1:2", "expected four hexadecimal digits after \\u"],
])("%j is no configuration, and the reason is told", (text, reason) => {
  expect(parseEnsemble(text)).toBe(reason);
});

test("whatever is written is read as the same", () => {
  const port = fc.integer({ min: 1, max: 65_535 });
  const host = fc.oneof(
    fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,20}$/),
    fc.ipV4(),
    fc.ipV6().filter((each) => !each.includes(".")),
  );
  const address = fc.record({ host, quorumPort: port, electionPort: port });
  const member = fc.record({
    sid: fc.maxSafeNat(),
    role: fc.constantFrom("participant" as const, "observer" as const),
    addresses: fc.uniqueArray(address, {
      minLength: 1,
      maxLength: 3,
      selector: (each) => each.host,
    }),
    client: fc.option(
      fc.record({
        host: fc.option(
          host.filter((h) => h !== "0.0.0.0"),
          { nil: undefined },
        ),
        port,
      }),
      { nil: undefined },
    ),
  });
  const members = fc.uniqueArray(member, { maxLength: 9, selector: (each) => each.sid });
  fc.assert(
    fc.property(members, fc.maxSafeNat(), (made, version) => {
      const before = makeEnsemble(version, made);
      if (typeof before === "string") throw new Error(before);
      const text = ensembleText(before);
      expect(canonical(text)).toBe(text);
      expect(ensemble(text).members.size).toBe(made.length);
      for (const { sid, role, client, addresses } of made) {
        const after = ensemble(text).members.get(sid);
        expect(after).toMatchObject({ sid, role, client });
        expect(new Set(after?.addresses)).toEqual(new Set(addresses));
      }
    }),
    { numRuns: 200 },
  );
});
