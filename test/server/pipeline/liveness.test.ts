// Whatever peers do, and whatever they do to each other: a connection that stays is answered, every
// request once and in the order sent.

import { expect, test } from "vitest";
import { CreateFlag, OpCode, Xid } from "../../../protocol/opcodes.ts";
import { type SimRandom, World } from "../../../server/testing/index.ts";
import { type Peer, ServerRoom } from "./server-room.ts";

const SEEDS = 4;
const STEPS = 120;
const PEERS_MAX = 12;

/** A peer and the xids that it waits for, in order. */
interface Talker {
  readonly peer: Peer;
  readonly expected: number[];
  isPaused: boolean;
}

test("with few requests allowed at once, slow readers, slow disks and sessions that change hands", () => {
  for (let seed = 1; seed <= SEEDS; seed++) new Rush(seed).run();
});

class Rush {
  readonly #draw: SimRandom;
  readonly #room: ServerRoom;
  #talkers: Talker[] = [];
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
    this.#draw = new World(seed).random;
    const globalOutstandingLimit = this.#draw.pick([1, 5, 1000]);
    this.#room = new ServerRoom({ globalOutstandingLimit }, seed);
  }

  run(): void {
    const first = this.#room.open();
    first.reply(first.create("/n", 0, Buffer.alloc(30_000)));
    for (let i = 0; i < STEPS; i++) this.#step();
    this.#room.host.disk.heal();
    for (const talker of this.#talkers) {
      if (talker.isPaused) talker.peer.link.resume();
      talker.peer.send(OpCode.ping, undefined, Xid.ping);
      talker.expected.push(Xid.ping);
    }
    let whole = 0;
    for (const { peer, expected } of this.#talkers) {
      this.#room.until(() => peer.gone || repliesOf(peer).length >= expected.length);
      const replies = repliesOf(peer);
      if (!peer.gone) whole++;
      const due = peer.gone ? expected.slice(0, replies.length) : expected;
      expect(replies, `seed ${this.#seed}`).toEqual(due);
    }
    expect(whole, `seed ${this.#seed}`).toBeGreaterThan(0);
    this.#room.stop();
    this.#room.until(() => this.#room.stopped);
  }

  #step(): void {
    const draw = this.#draw;
    this.#talkers = this.#talkers.filter(({ peer }) => !peer.gone);
    const talker = this.#talkers[draw.below(PEERS_MAX)];
    const dice = draw.below(100);
    if (talker === undefined) this.#join();
    else if (dice < 60) this.#burst(talker);
    else if (dice < 70) this.#reattach(talker);
    else if (dice < 80) this.#pause(talker);
    else if (dice < 83) talker.peer.link.destroy();
    else if (dice < 86) talker.peer.link.end();
    else if (dice < 88) this.#close(talker);
    else if (dice < 92) this.#room.host.disk.slow(draw.pick([1, 100, 500]));
    else if (dice < 94) this.#room.host.disk.heal();
    else this.#room.runMs(draw.between(0, 50));
  }

  #join(): void {
    const peer = this.#room.dial();
    const expected: number[] = [];
    peer.together(() => {
      peer.greet({ timeoutMs: 10_000 });
      this.#requests(peer, expected);
    });
    this.#talkers.push({ peer, expected, isPaused: false });
  }

  #burst({ peer, expected }: Talker): void {
    peer.together(() => this.#requests(peer, expected));
  }

  #requests(peer: Peer, expected: number[]): void {
    const draw = this.#draw;
    for (let i = draw.below(draw.pick([5, 20, 150])); i >= 0; i--) {
      const dice = draw.below(10);
      if (dice < 3) expected.push(peer.create("/n/s", draw.pick(FLAGS)));
      else if (dice < 4) expected.push(peer.set("/n", Buffer.alloc(draw.pick([0, 30_000]))));
      else if (dice < 5) expected.push(peer.send(OpCode.sync, (writer) => writer.string("/")));
      else if (dice < 6) expected.push(peer.send(OpCode.ping, undefined, Xid.ping));
      else if (dice < 7) expected.push(peer.read(OpCode.getChildren2, "/n", true));
      else expected.push(peer.read(OpCode.getData, "/n", draw.chance(0.2)));
    }
  }

  #reattach({ peer, isPaused }: Talker): void {
    if (peer.response === undefined || isPaused) return;
    const next = this.#room.dial();
    const expected: number[] = [];
    next.together(() => {
      next.greet(peer.reattach);
      this.#requests(next, expected);
    });
    this.#talkers.push({ peer: next, expected, isPaused: false });
  }

  #pause(talker: Talker): void {
    if (talker.isPaused) talker.peer.link.resume();
    else talker.peer.link.pause();
    talker.isPaused = !talker.isPaused;
  }

  /** What is sent behind it is not answered, so nothing more is expected but its own reply. */
  #close({ peer, expected }: Talker): void {
    expected.push(peer.send(OpCode.closeSession));
    this.#talkers = this.#talkers.filter((other) => other.peer !== peer);
  }
}

const FLAGS = [CreateFlag.persistentSequential, CreateFlag.ephemeralSequential];

function repliesOf(peer: Peer): number[] {
  return peer.frames.map(({ xid }) => xid).filter((xid) => xid !== Xid.notification);
}
