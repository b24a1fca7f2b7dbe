// Random rounds: who asks, how many requests at once, and how connections end.

import { MAX_BUFFER_DEFAULT } from "../../../protocol/jute.ts";
import { OpCode, Xid } from "../../../protocol/opcodes.ts";
import type { SimRandom } from "../../../server/testing/index.ts";
import { type Asker, create, RandomOperations, request } from "./operations.ts";
import { type Ending, type Request, type Round, SLOTS, SUPER_SLOT } from "./script.ts";
import { ownRoot } from "./side.ts";
import { QUOTA_ROOT, QUOTA_ZNODES, ROOTS, Vocabulary } from "./vocabulary.ts";

/** A znode of its own: what is large is not read by chance. */
const LARGEST = "/largest";
const BURST_MAX = 64;
const TOGETHER_MAX = 24;
const TIMEOUTS_MS = [0, -5, 1, 30_000, 30_000, 30_000, 1_000_000];
/** A frame longer than `jute.maxbuffer`, by its length alone; and lengths that are none. */
const LENGTHS = [-1, -0x8000_0000, 0x10_0000, 0x7fff_ffff];
/** Numbers of no operation. */
const UNKNOWN = [0, -1, -2, 10, 23, 99, 108, 1000, -9, -12, 0x7fff_ffff];

export class RandomRounds {
  readonly #draw: SimRandom;
  readonly #words: Vocabulary;
  readonly #operations: RandomOperations;

  constructor(draw: SimRandom) {
    this.#draw = draw;
    this.#words = new Vocabulary(draw);
    this.#operations = new RandomOperations(draw, this.#words);
  }

  /** What every script begins with: the super user, the user, and the roots. */
  static beginning(): Round[] {
    const none = Buffer.from("count=0,bytes=0");
    const creates = [...ROOTS, LARGEST, ...QUOTA_ZNODES].map((path) =>
      create(OpCode.create, path, none, 0),
    );
    return [
      { kind: "burst", slot: SUPER_SLOT, requests: [auth("super:secret"), ...creates] },
      { kind: "burst", slot: 1, requests: [auth("u:p")] },
    ];
  }

  learn(created: readonly string[]): void {
    for (const path of created) this.#words.learn(path);
  }

  next(): Round[] {
    const draw = this.#draw;
    const dice = draw.below(1000);
    const slot = draw.below(SLOTS);
    if (dice < 2) return [this.#largest(slot)];
    if (dice < 800) return [this.#burst(slot)];
    if (dice < 860) return [this.#limited(slot)];
    if (dice < 960) return [this.#together()];
    const round = dice < 985 ? this.#ending(slot) : this.#move(slot);
    this.#words.reconnected(slot);
    return slot === SUPER_SLOT ? [round, this.#superAgain()] : [round];
  }

  #burst(slot: number): Round {
    const most = this.#draw.pick([1, 4, 16, BURST_MAX]);
    return { kind: "burst", slot, requests: this.#requests({ slot, own: undefined }, most) };
  }

  /** One request where a quota is, or to the quota. */
  #limited(slot: number): Round {
    const isQuota = this.#draw.chance(0.4);
    const asker = { slot, own: QUOTA_ROOT };
    const asked = isQuota ? this.#operations.quota() : this.#operations.next(asker);
    return { kind: "burst", slot, requests: [asked] };
  }

  /** The largest request that a server takes; of a larger one see the endings. */
  #largest(slot: number): Round {
    const spare = this.#draw.below(2);
    const write = (bytes: number): Request =>
      request(OpCode.setData, `setData ${LARGEST} of ${bytes} bytes`, (writer) => {
        writer.string(LARGEST);
        writer.buffer(Buffer.alloc(bytes, "z"));
        writer.int(-1);
      });
    const overhead = 8 + write(0).body.length;
    const read = request(OpCode.getData, `getData ${LARGEST}`, (writer) => {
      writer.string(LARGEST);
      writer.byte(0);
    });
    const requests = [write(MAX_BUFFER_DEFAULT - overhead - spare), read, write(0)];
    return { kind: "burst", slot, requests };
  }

  #together(): Round {
    const bursts = Array.from({ length: SLOTS }, (_, slot) =>
      this.#requests({ slot, own: ownRoot(slot) }, TOGETHER_MAX),
    );
    return { kind: "together", bursts };
  }

  /** A setACL is the last: Apache 3.8.0 judges what is pipelined behind it by the old list. */
  #requests(asker: Asker, most: number): Request[] {
    const requests: Request[] = [];
    const length = this.#draw.between(1, most);
    while (requests.length < length) {
      const next = this.#operations.next(asker);
      requests.push(next);
      if (next.type === OpCode.setACL && asker.slot !== SUPER_SLOT) break;
    }
    return requests;
  }

  #ending(slot: number): Round {
    const requests = this.#requests({ slot, own: undefined }, 4);
    return { kind: "ending", slot, requests, ending: this.#end(), timeoutMs: this.#timeout() };
  }

  #end(): Ending {
    const draw = this.#draw;
    const dice = draw.below(10);
    if (dice < 4) {
      const last = request(OpCode.closeSession, "closeSession", () => undefined);
      const ahead = [["/open/e", 1] as const, ["/d1/e", 3] as const].map(([path, flags]) =>
        create(OpCode.create, path, null, flags),
      );
      return { last, ahead: draw.chance(0.5) ? ahead : [], text: "closeSession" };
    }
    if (dice < 6) {
      const type = draw.pick(UNKNOWN);
      const last = request(type, `unknown ${type}`, (writer) => writer.int(0));
      return { last, ahead: [], text: last.text };
    }
    if (dice < 8) {
      const last = this.#badAuth();
      return { last, ahead: [], text: last.text };
    }
    const frame = Buffer.alloc(12);
    const length = dice === 8 ? draw.pick(LENGTHS) : draw.below(8);
    frame.writeInt32BE(length, 0);
    const last = frame.subarray(0, dice === 8 ? 12 : 4 + length);
    return { last, ahead: [], text: `a frame of ${length} bytes` };
  }

  #badAuth(): Request {
    const draw = this.#draw;
    const scheme = draw.pick(["world", "auth", "super", "x509", "sasl", "nobody", "", null]);
    const payload = draw.pick([null, Buffer.alloc(0), Buffer.from("u:p")]);
    const xid = draw.pick([Xid.auth, Xid.auth, 7_000_000, 0]);
    const isNull = draw.chance(0.2);
    const told = isNull ? "digest null" : `${scheme} ${payload?.toString() ?? "null"}`;
    const whole = request(OpCode.auth, `auth ${told}`, (writer) => {
      writer.int(0);
      writer.string(isNull ? "digest" : scheme);
      writer.buffer(isNull ? null : payload);
    });
    if (draw.chance(0.8)) return { ...whole, xid };
    const kept = draw.below(whole.body.length);
    const body = whole.body.subarray(0, kept);
    return { ...whole, xid, body, text: `${whole.text}, cut to ${kept} bytes` };
  }

  #move(slot: number): Round {
    const withIntruder = this.#draw.chance(0.1);
    return { kind: "move", slot, withIntruder, timeoutMs: this.#timeout() };
  }

  /** Credentials go with the connection. */
  #superAgain(): Round {
    return { kind: "burst", slot: SUPER_SLOT, requests: [auth("super:secret")] };
  }

  #timeout(): number {
    return this.#draw.pick(TIMEOUTS_MS);
  }
}

function auth(credentials: string): Request {
  const made = request(OpCode.auth, `auth digest ${credentials}`, (writer) => {
    writer.int(0);
    writer.string("digest");
    writer.buffer(Buffer.from(credentials));
  });
  return { ...made, xid: Xid.auth };
}
