import { expect, test } from "vitest";
import type { Address, HostError, Link, ListenAddress } from "../../../protocol/host.ts";
import { Writer } from "../../../protocol/jute.ts";
import { PacketType, writeLearnerInfo } from "../../../protocol/quorum.ts";
import { listenAddresses } from "../../../server/net/listening.ts";
import { QuorumPort } from "../../../server/net/quorum-port.ts";
import { World } from "../../../server/testing/index.ts";
import type { QuorumLink, QuorumLinkHandlers } from "../../../server/zab/effects.ts";

const PORT = 2888;
const FIRST_PACKET_MS = 10_000;

class End implements QuorumLinkHandlers {
  readonly link: QuorumLink;
  readonly told: string[] = [];

  constructor(link: QuorumLink) {
    this.link = link;
  }

  packet({ type }: { readonly type: number }): void {
    this.told.push(`${type}`);
  }

  fill(): void {}

  closed(reason: string): void {
    this.told.push(`closed: ${reason}`);
  }
}

/** Some hosts; "leader" has an open port unless it is told otherwise. */
class Room {
  readonly world: World;
  readonly port: QuorumPort;
  readonly learners: End[] = [];
  readonly reports: { reason: string; again?: unknown }[] = [];
  /** What opening the port came to. */
  opened: HostError | "open" | undefined;

  constructor(seed: number, at: readonly Address[] = [{ host: "leader", port: PORT }]) {
    this.world = new World(seed);
    this.port = this.portOf("leader", listenAddresses(at, false));
  }

  portOf(name: string, listenAt: readonly ListenAddress[]): QuorumPort {
    const { clock, network } = this.world.host(name);
    const options = {
      listenAt,
      dataMax: 1_000_000,
      firstPacketMs: FIRST_PACKET_MS,
      dialPauseMs: 100,
    };
    return new QuorumPort(clock, network, options, (reason, { again }) => {
      this.reports.push(again === undefined ? { reason } : { reason, again });
    });
  }

  open(): void {
    this.port.open(
      (link) => {
        const end = new End(link);
        this.learners.push(end);
        return end;
      },
      (error) => {
        this.opened = error ?? "open";
      },
    );
  }

  /** A raw connection to the leader that says this much. */
  connect(bytes: Uint8Array, told: string[] = []): Link {
    const link = this.world.host("somebody").network.connect(
      { host: "leader", port: PORT },
      {
        opened: () => link.write(bytes),
        data: () => told.push("data"),
        ended: () => told.push("ended"),
        drained: () => {},
        closed: () => told.push("closed"),
      },
    );
    return link;
  }

  /** Dials from the host "learner". */
  dial(addresses: readonly Address[], limitMs: number): { port: QuorumPort; told: string[] } {
    const told: string[] = [];
    const port = this.portOf("learner", []);
    const opened = (link: QuorumLink): End => {
      told.push(`opened ${link.remoteAddress}`);
      return new End(link);
    };
    port.dial(addresses, limitMs, opened, (reason) => told.push(reason));
    return { port, told };
  }

  run(ms: number): void {
    this.world.runUntil(this.world.nowUs + ms * 1000);
  }
}

function introduction(sid: number): Buffer {
  const out = new Writer();
  writeLearnerInfo(out, PacketType.FOLLOWERINFO, 0, sid, 0);
  return out.take();
}

test("a connection that stays silent goes after initLimit, one that introduced itself stays", () => {
  const room = new Room(1);
  room.open();
  room.run(100);
  const silent: string[] = [];
  const known: string[] = [];
  room.connect(introduction(1).subarray(0, 30), silent);
  room.connect(introduction(2), known);
  room.run(FIRST_PACKET_MS - 200);
  expect(silent).toEqual([]);
  room.run(2000);
  expect(silent).toContain("ended");
  expect(known).toEqual([]);
  expect(room.learners.map(({ told }) => told)).toEqual([["11"]]);
  expect(room.reports).toEqual([{ reason: "it did not say in time whose connection it is" }]);
});

test("of too many silent connections the oldest go, so that a learner always gets in", () => {
  const room = new Room(2);
  room.open();
  room.run(100);
  const told: string[][] = [];
  for (let i = 0; i < 300; i++) {
    const one: string[] = [];
    told.push(one);
    room.connect(Buffer.of(0), one);
    room.run(1);
  }
  room.connect(introduction(1));
  room.run(100);
  expect(room.learners.length).toBe(1);
  const isGone = told.map((one) => one.length > 0);
  expect(isGone.filter(Boolean).length).toBeGreaterThanOrEqual(300 - 128);
  expect(isGone.slice(-100)).not.toContain(true);
  expect(room.reports[0]?.reason).toBe("too many connections have not said whose they are");
});

test("the port takes 1024 connections, and more once some are gone", () => {
  const room = new Room(3);
  room.open();
  room.run(100);
  const links: Link[] = [];
  for (let sid = 1; sid <= 1030; sid++) {
    links.push(room.connect(introduction(sid)));
    room.run(1);
  }
  room.run(100);
  expect(room.learners.length).toBe(1024);
  expect(room.reports).toEqual([
    { reason: "there are as many connections as the quorum port takes" },
  ]);
  for (const link of links.slice(0, 10)) link.destroy();
  room.run(100);
  room.connect(introduction(2000));
  room.run(100);
  expect(room.learners.length).toBe(1025);
});

test("what the same address does again and again is told once a minute, with how often", () => {
  const room = new Room(4);
  room.open();
  room.run(100);
  for (let i = 0; i < 10; i++) room.connect(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
  room.run(50_000);
  const reason = "a zxid beyond every epoch";
  expect(room.reports).toEqual([{ reason }]);
  room.run(15_000);
  expect(room.reports).toEqual([{ reason }, { reason, again: 9 }]);
});

test("a port that closed lets nobody in, and opens again for the next term", () => {
  const room = new Room(5);
  room.open();
  room.run(100);
  const silent: string[] = [];
  room.connect(Buffer.of(0), silent);
  room.connect(introduction(1));
  room.run(100);
  room.port.close();
  room.run(100);
  expect(silent).toContain("ended");
  // Learners are the business of the term that ends.
  expect(room.learners.map(({ told }) => told)).toEqual([["11"]]);
  room.open();
  room.connect(introduction(2));
  room.run(100);
  expect(room.learners.length).toBe(2);
  expect(room.reports).toEqual([]);
});

test("a port that stays taken is given up after three seconds", () => {
  const room = new Room(6);
  room.world.host("leader").network.listen(
    { host: undefined, port: PORT, backlog: 1 },
    () => {},
    () => {},
  );
  room.open();
  room.run(2000);
  expect(room.opened).toBeUndefined();
  room.run(2000);
  expect(room.opened).toMatchObject({ code: "EADDRINUSE" });
});

test("of several addresses one that can be listened on is enough", () => {
  const room = new Room(7, [
    { host: "leader", port: PORT },
    { host: "leader", port: PORT + 1 },
  ]);
  room.world.host("leader").network.listen(
    { host: undefined, port: PORT, backlog: 1 },
    () => {},
    () => {},
  );
  room.open();
  room.run(100);
  expect(room.opened).toBe("open");
  expect(room.port.ports).toEqual([PORT + 1]);
});

test("closing comes before what listening comes to", () => {
  const room = new Room(8);
  room.open();
  room.port.close();
  room.run(100);
  expect(room.opened).toBeUndefined();
  room.open();
  room.run(100);
  expect(room.opened).toBe("open");
});

test("with quorumListenOnAllIPs every port is listened on once, whatever the hosts are", () => {
  const addresses = [
    { host: "10.0.0.1", port: 2888 },
    { host: "10.0.1.1", port: 2888 },
    { host: "10.0.2.1", port: 2889 },
  ];
  expect(listenAddresses(addresses, true)).toEqual([
    { host: undefined, port: 2888, backlog: 511 },
    { host: undefined, port: 2889, backlog: 511 },
  ]);
  expect(listenAddresses(addresses, false)[1]).toEqual({ ...addresses[1], backlog: 511 });
});

// quorum-protocol C-1
test("an address that answers nothing does not delay the one that does", () => {
  const room = new Room(9);
  room.open();
  room.world.host("dead");
  room.world.fabric.partition("learner", "dead");
  room.run(100);
  const addresses = [
    { host: "dead", port: PORT },
    { host: "leader", port: PORT },
  ];
  const { told } = room.dial(addresses, 5000);
  room.run(50);
  expect(told).toEqual(["opened leader"]);
  room.run(60_000);
  expect(told).toEqual(["opened leader"]);
});

// quorum-protocol C-2
test("a leader that answers nothing is given up in the time that there is, and told once", () => {
  const room = new Room(10);
  room.open();
  room.world.fabric.partition("learner", "leader");
  const { told } = room.dial([{ host: "leader", port: PORT }], 5000);
  room.run(4900);
  expect(told).toEqual([]);
  room.run(200);
  expect(told).toEqual(["no answer in time"]);
  room.world.fabric.heal();
  room.run(60_000);
  expect(told).toEqual(["no answer in time"]);
  expect(room.learners).toEqual([]);
});

// quorum-protocol C-2
test("an address that refuses is dialled again soon, then less often, for half a second", () => {
  const room = new Room(11);
  const { told } = room.dial([{ host: "leader", port: PORT }], 5000);
  room.run(510);
  expect(told).toEqual([]);
  room.run(200);
  expect(told).toEqual([`leader:${PORT}: ECONNREFUSED`]);
});

// quorum-protocol C-2
test("a leader that begins to listen meanwhile is reached", () => {
  const room = new Room(12);
  const { told } = room.dial([{ host: "leader", port: PORT }], 5000);
  room.run(250);
  room.open();
  room.run(200);
  expect(told).toEqual(["opened leader"]);
});

test("nobody is told anything of a dial that was hung up", () => {
  const room = new Room(13);
  room.open();
  const { port, told } = room.dial([{ host: "leader", port: PORT }], 5000);
  port.hangUp();
  room.run(10_000);
  const refused = room.dial([{ host: "nowhere", port: PORT }], 5000);
  room.run(150);
  refused.port.hangUp();
  room.run(10_000);
  expect([...told, ...refused.told]).toEqual([]);
});
