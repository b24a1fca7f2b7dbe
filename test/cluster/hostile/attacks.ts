// The attackers: what each sends, how fast, and from where. None waits for an answer.

import type { Writer } from "../../../protocol/jute.ts";
import { writeMultiRequest } from "../../../protocol/multi.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import {
  writeAuthPacket,
  writeCreateRequest,
  writeSetDataRequest,
  writeSetWatches,
  writeWatchableRequest,
} from "../../../protocol/proto.ts";
import { SimRandom } from "../../../server/testing/index.ts";
import { ANYONE } from "../../tools/raw-client.ts";
import { connectFrame, requestFrame, validRequest } from "./conversations.ts";
import { HostilePeer, type PeerOptions, paced } from "./hostile-peer.ts";
import { flipped, garbage, oddLength } from "./mutations.ts";

/** Starts attacking a port; what it returns ends that. */
export type Attack = (port: number, size: AttackSize) => RunningAttack;

export interface RunningAttack {
  readonly peers: readonly HostilePeer[];
  end(): void;
}

export interface AttackSize {
  readonly connections: number;
  readonly perSecond: number;
}

const FRAME_MAX = 0xf_ffff;
const acl = [...ANYONE];

export const BIG = "/big";
export const WIDE = "/wide";
export const SHARED = "/shared";

export const ATTACKS: Readonly<Record<string, Attack>> = {
  /** A byte of the handshake each second, from each of many. */
  slowHandshake: (port, { connections, perSecond }) => {
    const all = peers(port, connections, { greets: false });
    const handshake = connectFrame();
    let turn = 0;
    return running(all, perSecond, () => {
      const at = Math.floor(turn / all.length) % handshake.length;
      all[turn++ % all.length]?.send(handshake.subarray(at, at + 1));
    });
  },

  /** Announces the largest frame there is, sends a little of it, and is silent. */
  announcedAndSilent: (port, { connections, perSecond }) => {
    const announced = Buffer.alloc(1000);
    announced.writeInt32BE(FRAME_MAX);
    return running(
      [
        ...peers(port, connections / 2, { first: announced }),
        ...peers(port, connections / 2, { greets: false, first: announced }),
      ],
      perSecond,
      () => undefined,
    );
  },

  /** Announces the largest handshake there is, and sends all of it but the end. */
  almostWholeHandshake: (port, { connections, perSecond }) => {
    const almost = Buffer.alloc(FRAME_MAX - 10);
    almost.writeInt32BE(FRAME_MAX);
    return running(
      peers(port, connections, { greets: false, first: almost, returnsAfterMs: 2000 }),
      perSecond,
      () => undefined,
    );
  },

  /** Connections opened and dropped. */
  connectionFlood: (port, { perSecond }) => {
    const open: HostilePeer[] = [];
    return running(open, perSecond, () => {
      open.push(new HostilePeer(port, { greets: false, returnsAfterMs: undefined }));
      if (open.length > 20) open.shift()?.end();
    });
  },

  /** Sessions opened and left behind. */
  sessionFlood: (port, { perSecond }) => {
    const open: HostilePeer[] = [];
    return running(open, perSecond, () => {
      open.push(new HostilePeer(port, { returnsAfterMs: undefined }));
      if (open.length > 50) open.shift()?.end();
    });
  },

  /** Asks for a megabyte again and again, and takes nothing of it. */
  unreadAnswers: (port, { connections, perSecond }) => {
    const ask = readFrame(OpCode.getData, BIG);
    return each(peers(port, connections, { reads: false }), perSecond, () => ask);
  },

  /** Watches what is not there, ever another path. */
  watchBomb: (port, { connections, perSecond }) => {
    let count = 0;
    return each(peers(port, connections), perSecond, () =>
      readFrame(OpCode.exists, `/w/${count++}`, true),
    );
  },

  /** Many watch one znode, one changes it. */
  watchFan: (port, { connections, perSecond }) => {
    const watch = readFrame(OpCode.getData, SHARED, true);
    const watchers = peers(port, connections, { first: watch });
    const setter = new HostilePeer(port);
    return running([...watchers, setter], perSecond, () => {
      setter.send(setFrame(SHARED, Buffer.from("again")));
      for (const watcher of watchers) watcher.send(watch);
    });
  },

  /** As many watches in one request as a frame holds. */
  setWatchesStorm: (port, { connections, perSecond }) => {
    let count = 0;
    const frames = Array.from({ length: 4 }, () =>
      requestFrame(OpCode.setWatches, (writer) => {
        const existWatches = Array.from({ length: 80_000 }, () => `/${(count++).toString(36)}`);
        writeSetWatches(writer, {
          relativeZxid: 0,
          dataWatches: [],
          existWatches,
          childWatches: [],
        });
      }),
    );
    return each(peers(port, connections), perSecond, () => frames[count++ % frames.length]);
  },

  /** Ever new credentials. */
  authFlood: (port, { connections, perSecond }) => {
    let count = 0;
    return each(peers(port, connections), perSecond, () =>
      requestFrame(OpCode.auth, (writer) => {
        const auth = Buffer.from(`user${count++}:password`);
        writeAuthPacket(writer, { type: 0, scheme: "digest", auth });
      }),
    );
  },

  /** Multis of a thousand creates, of which all is undone by the last part. */
  undoneMulti: (port, { connections, perSecond }) => {
    const multi = undoneMulti(1000);
    return each(peers(port, connections), perSecond, () => multi);
  },

  /** The same, as large as a frame may be. */
  hugeMulti: (port, { connections, perSecond }) => {
    const multi = undoneMulti(15_000);
    return each(peers(port, connections), perSecond, () => multi);
  },

  /** Lists a znode of very many children, again and again. */
  wideListing: (port, { connections, perSecond }) => {
    const ask = readFrame(OpCode.getChildren2, WIDE);
    return each(peers(port, connections), perSecond, () => ask);
  },

  /** The same, and a child comes or goes between any two. */
  wideListingChanged: (port, { connections, perSecond }) => {
    const ask = readFrame(OpCode.getChildren2, WIDE);
    let count = 0;
    return each(peers(port, connections), perSecond, () =>
      Buffer.concat([createFrame(`${WIDE}/new${count++}`), ask]),
    );
  },

  /** A znode below a znode below a znode. */
  deepTree: (port, { perSecond }) => {
    const peer = new HostilePeer(port);
    let path = "";
    return running([peer], perSecond, () => {
      const next = `${path}/d`;
      if (next.length < 100_000 && peer.send(createFrame(next))) path = next;
    });
  },

  /** Small valid requests, as many as fit. */
  smallRequests: (port, { connections, perSecond }) => {
    const block = Buffer.concat(Array.from({ length: 50 }, () => readFrame(OpCode.exists, "/")));
    return each(peers(port, connections), perSecond, () => block);
  },

  /** Spoilt frames, as many as fit. */
  spoiltFrames: (port, { connections, perSecond }) => {
    const draw = new SimRandom(1);
    const spoil = [garbage, flipped, oddLength, validRequest];
    const blocks = Array.from({ length: 200 }, () => draw.pick(spoil)(draw));
    return each(peers(port, connections), perSecond, () => draw.pick(blocks));
  },
};

/** From as many addresses as it takes to have twenty connections from each. */
function peers(port: number, connections: number, options: PeerOptions = {}): HostilePeer[] {
  return Array.from({ length: connections }, (_, at) => {
    return new HostilePeer(port, { from: `127.0.0.${2 + Math.floor(at / 20)}`, ...options });
  });
}

function running(all: HostilePeer[], perSecond: number, step: () => void): RunningAttack {
  const stop = paced(perSecond, step);
  return {
    peers: all,
    end: () => {
      stop();
      for (const peer of all) peer.end();
    },
  };
}

/** One after the other they send. */
function each(
  all: HostilePeer[],
  perSecond: number,
  next: () => Buffer | undefined,
): RunningAttack {
  let turn = 0;
  return running(all, perSecond, () => {
    const bytes = next();
    if (bytes !== undefined) all[turn++ % all.length]?.send(bytes);
  });
}

function readFrame(type: number, path: string, watch = false): Buffer {
  return requestFrame(type, (writer) => writeWatchableRequest(writer, { path, watch }));
}

function setFrame(path: string, data: Buffer): Buffer {
  return requestFrame(OpCode.setData, (writer) =>
    writeSetDataRequest(writer, { path, data, version: -1 }),
  );
}

function createFrame(path: string): Buffer {
  return requestFrame(OpCode.create, (writer: Writer) =>
    writeCreateRequest(writer, { path, data: null, acl, flags: 0 }),
  );
}

function undoneMulti(creates: number): Buffer {
  const parts = Array.from({ length: creates }, (_, at) => ({
    type: OpCode.create,
    request: { path: `/m${at}`, data: null, acl, flags: 0 },
  }));
  const undone = { type: OpCode.check, request: { path: "/not-there", version: 0 } };
  return requestFrame(OpCode.multi, (writer) => writeMultiRequest(writer, [...parts, undone]));
}
