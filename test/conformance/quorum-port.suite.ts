// What the quorum port does on every Network of protocol/host.ts.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HostError, Link } from "../../protocol/host.ts";
import {
  beginPacket,
  endPacket,
  type Packet,
  PacketType,
  writeAck,
  writeBarePacket,
  writeLearnerInfo,
} from "../../protocol/quorum.ts";
import { QuorumPort } from "../../server/net/quorum-port.ts";
import type { QuorumLink, QuorumLinkHandlers } from "../../server/zab/effects.ts";
import type { Bench, BenchKind } from "./benches.ts";

const DATA_MAX = 2 * 1024 * 1024;

/** Writes down what one end of a link is told. */
class End implements QuorumLinkHandlers {
  readonly link: QuorumLink;
  /** As "TYPE zxid". */
  readonly told: string[] = [];
  fills = 0;
  onPacket: (packet: Packet) => void = () => {};
  onFill: (room: number) => void = () => {};
  onTold: () => void = () => {};

  constructor(link: QuorumLink) {
    this.link = link;
  }

  packet(packet: Packet): void {
    this.#note(`${packet.type} ${packet.zxid.toString(16)}`);
    this.onPacket(packet);
  }

  fill(room: number): void {
    this.fills++;
    this.onFill(room);
  }

  closed(reason: string): void {
    this.#note(`closed: ${reason}`);
  }

  #note(what: string): void {
    this.told.push(what);
    this.onTold();
  }
}

export function quorumPortSuite(kind: BenchKind): void {
  describe(`the quorum port on ${kind.name}`, () => {
    let bench: Bench;
    let port: QuorumPort;
    let number: number;
    let learners: End[];
    let reports: string[];
    let changed: (() => void) | undefined;
    let links: Link[];

    const newPort = (at: number, firstPacketMs = 60_000): QuorumPort => {
      const { clock, network } = bench.host;
      const listenAt = [{ host: bench.address, port: at, backlog: 16 }];
      const options = { listenAt, dataMax: DATA_MAX, firstPacketMs, dialPauseMs: 100 };
      return new QuorumPort(clock, network, options, (reason) => {
        reports.push(reason);
        changed?.();
      });
    };

    const note = (link: QuorumLink): End => {
      const end = new End(link);
      end.onTold = () => changed?.();
      return end;
    };

    const accept = (link: QuorumLink): End => {
      const end = note(link);
      learners.push(end);
      return end;
    };

    const until = (condition: () => boolean): Promise<void> =>
      bench.settle<void>((done) => {
        const check = (): void => {
          if (!condition()) return;
          changed = undefined;
          done();
        };
        changed = check;
        check();
      });

    const open = (which: QuorumPort): Promise<HostError | undefined> =>
      bench.settle((done) => which.open(accept, done));

    const startDial = (ports: readonly number[], done: (learner: End | string) => void): void => {
      const addresses = ports.map((one) => ({ host: bench.address, port: one }));
      const opened = (link: QuorumLink): End => {
        const end = note(link);
        done(end);
        return end;
      };
      port.dial(addresses, 5000, opened, done);
    };

    const dial = (...ports: number[]): Promise<End | string> =>
      bench.settle((done) => startDial(ports, done));

    /** A learner that has introduced itself, and its leader. */
    const pair = async (): Promise<{ learner: End; leader: End }> => {
      const learner = await dial(number);
      if (typeof learner === "string") throw new Error(learner);
      writeLearnerInfo(learner.link.out, PacketType.FOLLOWERINFO, 0, 1, 0);
      learner.link.mark();
      await until(() => learners.length > 0 && learners[0]?.told[0] === "11 0");
      const [leader] = learners;
      if (leader === undefined) throw new Error("nobody was accepted");
      return { learner, leader };
    };

    /** A connection that is no server's. */
    const stranger = (bytes: Uint8Array): Promise<{ link: Link; told: string[] }> =>
      bench.settle((done) => {
        const told: string[] = [];
        const tell = (what: string): void => {
          told.push(what);
          changed?.();
        };
        const link = bench.host.network.connect(
          { host: bench.address, port: number },
          {
            opened: () => {
              link.write(bytes);
              done({ link, told });
            },
            data: () => tell("data"),
            ended: () => tell("ended"),
            drained: () => {},
            closed: () => tell("closed"),
          },
        );
        links.push(link);
      });

    beforeEach(async () => {
      bench = await kind.open();
      learners = [];
      reports = [];
      links = [];
      changed = undefined;
      port = newPort(0);
      expect(await open(port)).toBeUndefined();
      number = port.ports[0] ?? 0;
    });

    afterEach(async () => {
      port.hangUp();
      port.close();
      for (const link of links) link.destroy();
      for (const { link } of learners) link.close("the test is over");
      await bench.end();
    });

    test("a learner that introduces itself is let in, and packets go both ways", async () => {
      const { learner, leader } = await pair();
      writeBarePacket(leader.link.out, PacketType.DIFF, 0x1_0000_0000);
      leader.link.mark();
      await until(() => learner.told.length > 0);
      expect(learner.told).toEqual(["13 100000000"]);
      expect(leader.link.remoteAddress).toBe(bench.address);
      expect(reports).toEqual([]);
    });

    test("what a turn writes leaves together at its end, behind one fill", async () => {
      const { learner, leader } = await pair();
      const { fills } = learner;
      learner.onFill = () => writeAck(learner.link.out, 3);
      writeAck(learner.link.out, 1);
      learner.link.mark();
      writeAck(learner.link.out, 2);
      learner.link.mark();
      expect(learner.fills).toBe(fills);
      await until(() => leader.told.length === 4);
      expect(leader.told).toEqual(["11 0", "3 1", "3 2", "3 3"]);
      expect(learner.fills).toBe(fills + 1);
    });

    test("a link that is blocked is not filled until it has drained", async () => {
      const { learner, leader } = await pair();
      learner.link.pause();
      const data = Buffer.alloc(DATA_MAX / 4, "data");
      const look = (): void => bench.host.clock.endOfTurn(() => changed?.());
      let zxid = 0;
      leader.onFill = () => {
        zxid++;
        const at = beginPacket(leader.link.out, PacketType.PROPOSAL, zxid);
        leader.link.out.raw(data);
        endPacket(leader.link.out, at);
        if (zxid < 400) leader.link.mark();
        look();
      };
      leader.link.mark();
      let stoppedAt: number;
      do {
        await until(() => leader.link.isBlocked);
        stoppedAt = zxid;
        // Behind its first refusal a kernel may move a buffer to the other side, and take one more.
        await bench.settle<void>((done) => bench.host.clock.after(50, done));
      } while (zxid !== stoppedAt);
      // It is told what must not wait for the window; that waits for the link all the same.
      writeBarePacket(leader.link.out, PacketType.PING, zxid);
      leader.link.mark();
      await bench.settle<void>((done) => bench.host.clock.endOfTurn(done));
      expect(zxid).toBe(stoppedAt);
      leader.onFill = look;
      const wrong: string[] = [];
      learner.onPacket = ({ type, bytes, dataStart, dataLength }) => {
        if (type !== PacketType.PROPOSAL) return;
        if (bytes.compare(data, 0, data.length, dataStart, dataStart + dataLength) !== 0) {
          wrong.push("data");
        }
      };
      learner.link.resume();
      await until(() => learner.told.length === stoppedAt + 1);
      const proposals = Array.from({ length: stoppedAt }, (_, i) => `2 ${(i + 1).toString(16)}`);
      expect(learner.told).toEqual([...proposals, `5 ${stoppedAt.toString(16)}`]);
      expect(wrong).toEqual([]);
      expect(leader.link.isBlocked).toBe(false);
    });

    test("close comes after what was written, and both sides hear of it once", async () => {
      const { learner, leader } = await pair();
      writeAck(leader.link.out, 7);
      leader.link.close("no more of this");
      leader.link.close("again");
      await until(() => learner.told.length === 2 && leader.told.length === 2);
      expect(leader.told).toEqual(["11 0", "closed: no more of this"]);
      expect(learner.told).toEqual(["3 7", "closed: the other side closed the connection"]);
    });

    test("bytes that are no packets close the link, whoever sends them", async () => {
      const { learner, leader } = await pair();
      learner.link.out.raw(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
      learner.link.mark();
      await until(() => leader.told.length === 2 && learner.told.length === 1);
      expect(leader.told).toEqual(["11 0", "closed: a zxid beyond every epoch"]);
      expect(learner.told).toEqual(["closed: the other side closed the connection"]);
    });

    test("what follows SNAP goes to its taker, and packets go on behind it", async () => {
      const { learner, leader } = await pair();
      const tree = Buffer.alloc(300_000, "tree");
      const { out } = leader.link;
      writeBarePacket(out, PacketType.SNAP, 5);
      out.raw(tree);
      writeBarePacket(out, PacketType.UPTODATE, -1);
      const taken: Buffer[] = [];
      let left = tree.length;
      learner.onPacket = ({ type }) => {
        if (type !== PacketType.SNAP) return;
        learner.link.readRaw((bytes, start, end) => {
          const own = Math.min(left, end - start);
          taken.push(Buffer.from(bytes.subarray(start, start + own)));
          left -= own;
          return own;
        });
      };
      leader.link.mark();
      await until(() => learner.told.length === 2);
      expect(learner.told).toEqual(["15 5", "12 -1"]);
      expect(Buffer.concat(taken).equals(tree)).toBe(true);
    });

    // quorum-protocol D-1
    test("whoever does not begin as a learner does is cut off, and the log says why", async () => {
      const ack = Buffer.alloc(20, 0xff);
      ack.writeInt32BE(PacketType.ACK);
      const word = await stranger(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
      const other = await stranger(ack);
      await until(() => word.told.length > 0 && other.told.length > 0 && reports.length === 2);
      expect(reports.sort()).toEqual([
        "a zxid beyond every epoch",
        "its first packet is not that of a learner",
      ]);
      expect(learners).toEqual([]);
    });

    test("a first packet that grows without end is cut off", async () => {
      const endless = Buffer.alloc(8000);
      endless.writeInt32BE(PacketType.FOLLOWERINFO);
      endless.writeInt32BE(1_000_000, 12);
      const { told } = await stranger(endless);
      await until(() => told.length > 0 && reports.length > 0);
      expect(reports).toEqual(["a packet larger than is believed"]);
    });

    test("who says nothing in time is cut off", async () => {
      port.close();
      port = newPort(number, 50);
      expect(await open(port)).toBeUndefined();
      const { told } = await stranger(Buffer.of(0, 0, 0));
      await until(() => told.length > 0 && reports.length > 0);
      expect(reports).toEqual(["it did not say in time whose connection it is"]);
    });

    // quorum-protocol C-2
    test("of several addresses the first that answers is taken", async () => {
      const learner = await dial(1, number, 2);
      expect(learner).toBeInstanceOf(End);
    });

    // quorum-protocol C-2
    test("a leader that does not listen yet is dialled again; one that never does is told once", async () => {
      port.close();
      const late = newPort(number);
      const reached = await bench.settle<End | string>((done) => {
        startDial([number], done);
        bench.host.clock.after(150, () => late.open(accept, () => {}));
      });
      expect(reached).toBeInstanceOf(End);
      late.close();
      expect(await dial(number)).toBe(`${bench.address}:${number}: ECONNREFUSED`);
    });

    test("a port that is taken is tried again until it is free", async () => {
      const second = newPort(number);
      const error = await bench.settle<HostError | undefined>((done) => {
        second.open(accept, done);
        bench.host.clock.after(150, () => port.close());
      });
      expect(error).toBeUndefined();
      expect(second.ports).toEqual([number]);
      second.close();
    });

    test("nobody is let in by a port that closed", async () => {
      const { told } = await stranger(Buffer.of(0, 0, 0));
      port.close();
      await until(() => told.length > 0);
      expect(reports).toEqual([]);
      expect(port.ports).toEqual([]);
      expect(await dial(number)).toContain("ECONNREFUSED");
    });
  });
}
