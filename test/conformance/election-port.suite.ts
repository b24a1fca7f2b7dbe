// What the election port does on every Network of protocol/host.ts, with the other server played by
// hand.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type ElectionAddress,
  type ElectionHandshake,
  HandshakeReader,
  type Notification,
  readNotification,
  writeHandshake,
  writeNotification,
} from "../../protocol/election.ts";
import type { Member } from "../../protocol/ensemble.ts";
import { FrameSplitter } from "../../protocol/frames.ts";
import type { HostError, Link, LinkHandlers, Listener } from "../../protocol/host.ts";
import { Writer } from "../../protocol/jute.ts";
import { ElectionPort, type ElectionPortOptions } from "../../server/net/election-port.ts";
import { ensembleConfig } from "../server/zab/election-bench.ts";
import { Voter } from "../tools/voter.ts";
import type { Bench, BenchKind } from "./benches.ts";

const ME = 5;

/** One end of a connection, played by hand. */
class RawEnd implements LinkHandlers {
  handshake: ElectionHandshake | undefined;
  readonly rounds: number[] = [];
  isClosed = false;
  link: Link | undefined;
  readonly #changed: () => void;
  readonly #reader: HandshakeReader | undefined;
  readonly #frames: FrameSplitter;

  constructor(isAccepted: boolean, changed: () => void) {
    this.#changed = changed;
    this.#reader = isAccepted ? new HandshakeReader() : undefined;
    const refused = (length: number): void => {
      throw new Error(`a frame of ${length} bytes`);
    };
    this.#frames = new FrameSplitter(
      0x8_0000,
      (bytes, start, end) => {
        const notification = readNotification(bytes, start, end);
        if (typeof notification === "string") throw new Error(notification);
        this.rounds.push(notification.electionEpoch);
      },
      refused,
    );
  }

  say(round: number): void {
    this.write((out) => writeNotification(out, notification(round)));
  }

  write(fill: (out: Writer) => void): void {
    const out = new Writer();
    fill(out);
    this.link?.write(out.written());
  }

  opened(): void {
    this.#changed();
  }

  data(bytes: Buffer): void {
    const taken = this.handshake === undefined ? (this.#reader?.push(bytes) ?? 0) : 0;
    this.handshake ??= this.#reader?.handshake;
    this.#frames.push(bytes.subarray(taken));
    this.#changed();
  }

  ended(): void {
    this.link?.end();
    this.#changed();
  }

  drained(): void {}

  closed(_error: HostError | undefined): void {
    this.isClosed = true;
    this.#changed();
  }
}

/** The round is what tells one from another here. */
function notification(round: number): Notification {
  return { state: 0, leader: ME, zxid: 0, electionEpoch: round, peerEpoch: 0, config: "version=0" };
}

export function electionPortSuite(kind: BenchKind): void {
  describe(`the election port on ${kind.name}`, () => {
    let bench: Bench;
    let port: ElectionPort;
    let number: number;
    let round: number;
    let received: string[];
    let reports: string[];
    let ends: RawEnd[];
    let listeners: Listener[];
    let changed: () => void;

    const listen = (at: number, accept: (end: RawEnd) => void): Promise<number> =>
      bench.settle((done) =>
        bench.host.network.listen(
          { host: bench.address, port: at, backlog: 16 },
          (link) => {
            const end = new RawEnd(true, () => changed());
            end.link = link;
            link.handlers = end;
            ends.push(end);
            accept(end);
            changed();
          },
          (error, listener) => {
            if (listener === undefined) throw error ?? new Error("no listener");
            listeners.push(listener);
            done(listener.port);
          },
        ),
      );

    const freePort = async (): Promise<number> => {
      const found = await listen(0, () => undefined);
      const listener = listeners.pop();
      await bench.settle<void>((done) => listener?.close(done));
      return found;
    };

    const until = (condition: () => boolean): Promise<void> =>
      bench.settle<void>((done) => {
        changed = () => {
          if (!condition()) return;
          changed = () => undefined;
          done();
        };
        changed();
      });

    const open = async (options: Partial<ElectionPortOptions> = {}): Promise<void> => {
      const { clock, network } = bench.host;
      const own = { host: bench.address, port: number };
      port = new ElectionPort(
        clock,
        network,
        {
          sid: ME,
          listenAt: [{ ...own, backlog: 16 }],
          listenTriesMax: 1,
          ownAddresses: [own],
          members: new Map(),
          connectTimeoutMs: 5000,
          handshakeTimeoutMs: 5000,
          keepAlive: true,
          ...options,
        },
        {
          received: (sid, { electionEpoch }) => {
            received.push(`${sid} r${electionEpoch}`);
            changed();
          },
          answerTo: () => notification(round),
          changed: () => changed(),
          report: (reason) => {
            reports.push(reason);
            changed();
          },
        },
      );
      const error = await bench.settle<HostError | undefined>((done) => port.open(done));
      expect(error).toBeUndefined();
    };

    const dial = async (first: (out: Writer) => void): Promise<RawEnd> => {
      const end = new RawEnd(false, () => changed());
      ends.push(end);
      let isOpen = false;
      end.opened = () => {
        isOpen = true;
        changed();
      };
      end.link = bench.host.network.connect({ host: bench.address, port: number }, end);
      await until(() => isOpen);
      end.write(first);
      return end;
    };

    const dialAs = (sid: number, addresses?: readonly ElectionAddress[]): Promise<RawEnd> =>
      dial((out) => writeHandshake(out, sid, addresses ?? [{ host: bench.address, port: 1 }]));

    beforeEach(async () => {
      bench = await kind.open();
      [received, reports, ends, listeners] = [[], [], [], []];
      changed = () => undefined;
      round = 1;
      number = await freePort();
    });

    afterEach(async () => {
      port.close();
      for (const end of ends) end.link?.destroy();
      for (const listener of listeners) await bench.settle<void>((done) => listener.close(done));
      await bench.end();
    });

    // quorum-protocol E-3, E-6
    test("adopts who has a greater sid, known or not, and says what it was told to say", async () => {
      await open();
      const end = await dialAs(9);
      await until(() => port.isConnected(9));
      end.say(3);
      await until(() => received.length === 1);
      expect(received).toEqual(["9 r3"]);
      port.notify(9, notification(4));
      await until(() => end.rounds.length === 1);
      expect(end.rounds).toEqual([4]);
    });

    // quorum-protocol E-3, Trap 4
    test("dials back who has a smaller sid, where its handshake says", async () => {
      await open();
      const theirs = await listen(0, () => undefined).then((at) => ({
        host: bench.address,
        port: at,
      }));
      const bell = await dialAs(2, [theirs]);
      await until(() => bell.isClosed && port.isConnected(2));
      const back = ends.at(-1);
      await until(() => back?.handshake !== undefined);
      expect(back?.handshake).toEqual({
        sid: ME,
        addresses: [{ host: bench.address, port: number }],
      });
      back?.say(7);
      await until(() => received.length === 1);
      expect(received).toEqual(["2 r7"]);
    });

    // quorum-protocol E-3, Trap 4
    test("dials back at the configured address who says only a wildcard", async () => {
      const theirs = await listen(0, () => undefined).then((at) => ({
        host: bench.address,
        port: at,
      }));
      await open({ members: new Map([[2, [theirs]]]) });
      await dialAs(2, [{ host: "0.0.0.0", port: 1 }]);
      await until(() => port.isConnected(2));
    });

    // quorum-protocol E-3
    test("replaces the connection of who rings or dials again", async () => {
      await open();
      const theirs = await listen(0, () => undefined).then((at) => ({
        host: bench.address,
        port: at,
      }));
      await dialAs(2, [theirs]);
      await until(() => port.isConnected(2));
      const first = ends.at(-1);
      await dialAs(2, [theirs]);
      await until(() => first?.isClosed === true && port.isConnected(2));
      const greater = await dialAs(9);
      await until(() => port.isConnected(9));
      await dialAs(9);
      await until(() => greater.isClosed);
      expect(port.isConnected(9)).toBe(true);
    });

    // quorum-protocol E-2, E-4, Trap 3; operations Trap 23
    test("rings at who has a greater sid: one handshake, and it hangs up", async () => {
      const theirs = await listen(0, () => undefined).then((at) => ({
        host: bench.address,
        port: at,
      }));
      await open({ members: new Map([[9, [theirs]]]) });
      port.notify(9, notification(1));
      await until(() => ends[0]?.isClosed === true);
      expect(ends[0]?.handshake?.sid).toBe(ME);
      expect(ends[0]?.rounds).toEqual([]);
      const back = await dialAs(9);
      await until(() => back.rounds.length === 1);
    });

    // quorum-protocol E-5, E-8
    test("dials nobody who is connected, and nobody twice at a time", async () => {
      const theirs = await listen(0, () => undefined).then((at) => ({
        host: bench.address,
        port: at,
      }));
      await open({ members: new Map([[2, [theirs]]]) });
      for (let i = 0; i < 5; i++) port.notify(2, notification(1));
      port.dialAll();
      await until(() => port.isConnected(2) && ends[0]?.rounds.length === 1);
      port.notify(2, notification(8));
      port.dialAll();
      await until(() => ends[0]?.rounds.length === 2);
      expect(ends).toHaveLength(1);
    });

    // quorum-protocol E-8
    test("tries all addresses of a server at once", async () => {
      const dead = { host: bench.address, port: await freePort() };
      const theirs = await listen(0, () => undefined).then((at) => ({
        host: bench.address,
        port: at,
      }));
      await open({ members: new Map([[2, [dead, theirs]]]) });
      port.notify(2, notification(1));
      await until(() => port.isConnected(2));
    });

    // quorum-protocol E-10, E-11
    test("keeps one notification for who is away, and says the present one on each connection", async () => {
      const theirs = { host: bench.address, port: await freePort() };
      await open({ members: new Map([[2, [theirs]]]) });
      expect(port.hasEmptyQueue).toBe(true);
      port.notify(2, notification(1));
      port.notify(2, notification(2));
      expect(port.hasEmptyQueue).toBe(false);
      round = 3;
      await listen(theirs.port, () => undefined);
      await dialAs(2, [theirs]);
      await until(() => ends.at(-1)?.rounds.length === 1);
      expect(port.hasEmptyQueue).toBe(true);
      const first = ends.at(-1);
      expect(first?.rounds).toEqual([3]);
      first?.link?.destroy();
      await until(() => !port.isConnected(2));
      await dialAs(2, [theirs]);
      await until(() => ends.at(-1) !== first && ends.at(-1)?.rounds.length === 1);
      expect(ends.at(-1)?.rounds).toEqual([3]);
    });

    // quorum-protocol 2, E-3, E-4
    test.each([[[1, 2, 3, 4]], [[4, 3, 2, 1]], [[2, 4, 1, 3]]])(
      "finds the others and elects with them, started in the order %j",
      async (order) => {
        await open();
        const ports = new Map<number, number>();
        for (const sid of order) ports.set(sid, await freePort());
        const shape = ensembleConfig({ voters: order });
        const members = [...shape.members].map(([sid, member]): [number, Member] => {
          const address = { host: bench.address, quorumPort: 1, electionPort: ports.get(sid) ?? 0 };
          return [sid, { ...member, addresses: [address] }];
        });
        const config = { ...shape, members: new Map(members) };
        const voters = order.map(
          (sid) => new Voter(bench.host, { sid, config, text: "version=0" }),
        );
        for (const voter of voters) {
          await bench.settle<HostError | undefined>((done) => voter.open(done));
          voter.elect();
          voter.changed = () => changed();
        }
        await until(() => voters.every(({ leader }) => leader !== undefined));
        for (const voter of voters) voter.close();
      },
    );

    // quorum-protocol E-1; operations 7.9/20
    test.each([
      ["of an unknown version", "fffffffffffefffe0000000000000009000000086c6f63616c3a3031"],
      ["without an address", "ffffffffffff0000000000000000000900000000"],
      ["with a very long one", "ffffffffffff0000000000000000000900000801"],
      ["with an address that has no port", "ffffffffffff00000000000000000009000000056c6f63616c"],
      ["of another protocol (GET / HTTP/1.0)", "474554202f20485454502f312e300d0a0d0a"],
    ])("closes a connection with a handshake %s", async (_, hex) => {
      await open();
      const end = await dial((out) => out.raw(Buffer.from(hex, "hex")));
      await until(() => end.isClosed);
      expect(reports).toHaveLength(1);
      expect(reports[0]).toContain("a handshake");
    });

    // quorum-protocol 2, E-1
    test("takes handshakes of all versions, however they trickle in", async () => {
      await open();
      const v0 = await dial((out) => out.long(9));
      v0.say(1);
      await until(() => received.length === 1);
      const one = { host: "a", port: 1 };
      const v2 = await dial((out) => writeHandshake(out, 10, [one, { host: "b", port: 2 }]));
      v2.say(2);
      const slow = await dial((out) => out.int(-1));
      slow.write((out) => out.int(-0x1_0000));
      slow.write((out) => out.long(11));
      slow.write((out) => out.string("[::1]:3888"));
      slow.say(3);
      await until(() => received.length === 3);
      expect(received.toSorted()).toEqual(["10 r2", "11 r3", "9 r1"]);
    });

    // quorum-protocol E-7
    test("gives observers without a sid names of their own", async () => {
      await open();
      for (let i = 0; i < 2; i++) {
        const end = await dial((out) => {
          out.words(0x7fff_ffff, -1);
          writeNotification(out, notification(i));
        });
        await until(() => received.length === i + 1);
        port.notify(-1 - i, notification(5));
        await until(() => end.rounds.length === 1);
      }
      expect(received).toEqual(["-1 r0", "-2 r1"]);
    });

    // quorum-protocol E-3
    test("closes a connection of a server with its own sid, and says so", async () => {
      await open();
      const end = await dialAs(ME);
      await until(() => end.isClosed);
      expect(reports).toEqual(["another server has the sid of this one: see myid on both"]);
    });

    // quorum-protocol E-9
    test.each([0, -1, 0x8_0001])("drops a connection with a frame of %i bytes", async (length) => {
      await open();
      const end = await dialAs(9);
      end.write((out) => out.int(length));
      await until(() => end.isClosed);
      expect(port.isConnected(9)).toBe(false);
      expect(reports).toEqual(["a notification of no length that one may have"]);
    });

    // quorum-protocol N-1, N-4
    test("leaves out what is no notification, and keeps the connection", async () => {
      await open();
      const end = await dialAs(9);
      end.write((out) => {
        out.int(27);
        out.raw(Buffer.alloc(27));
      });
      end.say(6);
      await until(() => received.length === 1);
      expect(received).toEqual(["9 r6"]);
      expect(reports).toHaveLength(1);
    });

    // operations 7.9/21 Idle connection on the election port
    test("closes a connection that does not say in time who it is", async () => {
      await open({ handshakeTimeoutMs: 50 });
      const end = await dial((out) => out.int(-1));
      await until(() => end.isClosed);
      expect(reports).toEqual(["it did not say in time who it is"]);
    });

    // quorum-protocol E-6; operations Trap 24
    test("hears no more than 64 servers that nobody knows", async () => {
      await open({
        members: new Map([
          [ME, []],
          [6, []],
        ]),
      });
      for (let sid = 100; sid < 164; sid++) await dialAs(sid);
      await until(() => port.isConnected(163));
      const end = await dialAs(164);
      await until(() => end.isClosed);
      expect(reports).toEqual(["too many servers that no configuration names"]);
      await dialAs(6);
      await until(() => port.isConnected(6));
      ends.find((one) => one !== end)?.link?.destroy();
      await until(() => !port.isConnected(100));
      await dialAs(164);
      await until(() => port.isConnected(164));
    });

    // operations 7.9/21 Idle connection on the election port
    test("keeps the newest 128 connections that have not said who they are", async () => {
      await open();
      const first = await dial((out) => out.int(-1));
      for (let i = 0; i < 128; i++) await dial((out) => out.int(-1));
      await until(() => first.isClosed);
      expect(reports).toEqual(["too many connections have not said who they are"]);
      expect(ends.filter(({ isClosed }) => isClosed)).toHaveLength(1);
    });
  });
}
