// One real server of an ensemble of three on a simulated host, and two fellow members that lie: they
// win elections or lose them to it, lead it or follow it, and say anything once they are believed.

import { describe, expect, test } from "vitest";
import {
  NOBODY,
  type Notification,
  PeerState,
  readNotification,
  writeHandshake,
  writeNotification,
} from "../../protocol/election.ts";
import type { Link, LinkHandlers } from "../../protocol/host.ts";
import { Writer } from "../../protocol/jute.ts";
import { writeMultiRequest } from "../../protocol/multi.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { writeCreateRequest } from "../../protocol/proto.ts";
import { defaultConfig } from "../../server/config/config.ts";
import { ensembleSettings } from "../../server/config/ensemble.ts";
import { EnsembleServer } from "../../server/ensemble.ts";
import type { Logger } from "../../server/log.ts";
import {
  SimRandom as Random,
  type SimHost,
  type SimRandom,
  World,
} from "../../server/testing/index.ts";
import { readQuorumGolden } from "../golden/golden-file.ts";
import { type History, type Liar, LyingLeader, LyingLearner } from "../tools/lying-member.ts";
import { anyPacket } from "../tools/spoilt-packets.ts";
import { ANYONE, Peer } from "./pipeline/server-room.ts";

const QUORUM_PORT = 2888;
const ELECTION_PORT = 3888;
const CLIENT_PORT = 2181;
const TICK_MS = 200;
const SIDS = [1, 2, 3];
const EMPTY = Buffer.alloc(0);
const CASE_MS = 12_000;
/** What it may log of twelve seconds of lies. */
const LINES_MAX = 5000;
const [, , , , TREE = { bytes: Buffer.alloc(0) }] = readQuorumGolden("3.8.0", "snap").frames;

/** Numbers that a vote may not have, or only just. */
const ODD_NUMBERS = [
  0,
  1,
  -1,
  NOBODY,
  -Number.MAX_SAFE_INTEGER,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_SAFE_INTEGER - 1,
  2 ** 21 - 1,
  2 ** 32,
  2 ** 52,
];

/** The real one. */
class Victim {
  readonly host: SimHost;
  readonly lines: string[] = [];
  failure: string | undefined;
  server: EnsembleServer | undefined;

  constructor(world: World) {
    this.host = world.host("server-1");
    this.host.disk.makeDirectory("/data");
  }

  start(): void {
    const members = new Map(
      SIDS.map((sid) => [
        sid,
        {
          sid,
          role: "participant" as const,
          addresses: [
            { host: `server-${sid}`, quorumPort: QUORUM_PORT, electionPort: ELECTION_PORT },
          ],
          client: { host: undefined, port: CLIENT_PORT },
        },
      ]),
    );
    const config = { version: 0, members, groups: new Map(), weights: new Map() };
    const say = (fields: object, message: string): void => {
      this.lines.push(`${message} ${JSON.stringify(fields)}`);
    };
    const log: Logger = { debug: say, info: say, warn: say, error: say };
    this.server = new EnsembleServer(
      this.host,
      defaultConfig("/data", CLIENT_PORT, TICK_MS),
      ensembleSettings(1, config, 5, 3),
      log,
      {
        ready: () => undefined,
        stopped: () => undefined,
        failed: ({ exitCode, message }) => {
          this.failure = `exit ${exitCode}: ${message}`;
        },
      },
    );
  }
}

type Role = "leader" | "learner";

/** A liar's machine: both ports, and connections to the victim's. */
class LyingHost {
  readonly #host: SimHost;
  readonly #draw: SimRandom;
  readonly #sid: number;
  readonly #role: Role;
  readonly #history: History;
  #election: Link | undefined;
  #quorum: Link | undefined;
  isOver = false;

  constructor(world: World, draw: SimRandom, sid: number, role: Role, history: History) {
    this.#host = world.host(`server-${sid}`);
    this.#draw = draw;
    this.#sid = sid;
    this.#role = role;
    this.#history = history;
    const none = (): void => undefined;
    const { network } = this.#host;
    network.listen(
      { host: undefined, port: QUORUM_PORT, backlog: 9 },
      (link) => this.#led(link),
      none,
    );
    network.listen(
      { host: undefined, port: ELECTION_PORT, backlog: 9 },
      (link) => this.#rung(link),
      none,
    );
    this.#speakUp();
  }

  /** Now and then it comes by itself. */
  #speakUp(): void {
    this.#host.clock.after(this.#draw.between(20, 600), () => {
      if (this.isOver) return;
      if (this.#election === undefined) this.#elect();
      else if (this.#draw.chance(0.3)) this.#say(this.#oddVote());
      if (this.#quorum === undefined && this.#role !== "leader") this.#learn();
      this.#speakUp();
    });
  }

  /** The doorbell of a smaller sid. */
  #rung(link: Link): void {
    link.handlers = deaf;
    if (this.#election === undefined) this.#elect();
  }

  #elect(): void {
    const out = new Writer();
    writeHandshake(out, this.#sid, [{ host: `server-${this.#sid}`, port: ELECTION_PORT }]);
    let rest = Buffer.alloc(0);
    const link = this.#connect(ELECTION_PORT, out.take(), {
      data: (bytes) => {
        rest = Buffer.concat([rest, bytes]);
        while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
          const end = 4 + rest.readInt32BE(0);
          const heard = readNotification(rest, 4, end);
          if (typeof heard !== "string") this.#answer(heard);
          rest = rest.subarray(end);
        }
      },
      closed: () => {
        if (this.#election === link) this.#election = undefined;
      },
    });
    this.#election = link;
  }

  /** What makes the victim believe it, or nearly. */
  #answer(heard: Notification): void {
    const draw = this.#draw;
    if (heard.state !== PeerState.LOOKING || draw.chance(0.1)) return;
    if (this.#role === "leader") {
      const state = this.#sid === 3 ? PeerState.LEADING : PeerState.FOLLOWING;
      const { epoch: peerEpoch, last: zxid } = this.#history;
      this.#say({ ...heard, state, leader: 3, peerEpoch, zxid });
    } else {
      // Its own vote, or that of somebody as empty as it is.
      this.#say(heard);
    }
    if (draw.chance(0.05)) this.#say(this.#oddVote());
  }

  #oddVote(): Notification {
    const draw = this.#draw;
    const any = (): number => draw.pick(ODD_NUMBERS);
    return {
      state: draw.pick([0, 1, 2, 3]),
      leader: draw.pick([1, 2, 3, 9, any()]),
      zxid: any(),
      electionEpoch: draw.pick([1, 2, any()]),
      peerEpoch: any(),
      config: draw.pick([undefined, "", "version=0", draw.chance(0.1) ? "x".repeat(500_000) : "?"]),
    };
  }

  #say(vote: Notification): void {
    const out = new Writer();
    writeNotification(out, vote);
    const bytes = out.take();
    if (this.#draw.chance(0.02)) bytes[this.#draw.below(bytes.length)] = this.#draw.below(256);
    this.#election?.write(bytes);
  }

  /** The victim has dialled it as its leader. */
  #led(link: Link): void {
    const liar = new LyingLeader(this.#draw, this.#history, TREE.bytes);
    link.handlers = this.#talk(link, liar);
  }

  #learn(): void {
    const epoch = this.#draw.chance(0.9) ? 0 : this.#draw.pick([1, 2, 2 ** 21 - 1, 2 ** 21 - 2]);
    const sid = this.#draw.chance(0.9) ? this.#sid : this.#draw.pick([1, 2, 3, 9, -5]);
    const liar = new LyingLearner(this.#draw, sid, epoch);
    const first = this.#draw.chance(0.1) ? anyPacket(this.#draw) : liar.greet();
    const link = this.#connect(QUORUM_PORT, first, {
      data: (bytes) => this.#speak(link, liar.hear(bytes)),
      closed: () => {
        if (this.#quorum === link) this.#quorum = undefined;
      },
    });
    this.#quorum = link;
  }

  #talk(link: Link, liar: Liar): LinkHandlers {
    return { ...deaf, data: (bytes) => this.#speak(link, liar.hear(bytes)) };
  }

  #speak(link: Link, parts: readonly Buffer[]): void {
    if (parts.length === 0) return;
    const bytes = Buffer.concat(parts);
    const cut = this.#draw.chance(0.3) ? this.#draw.below(bytes.length) : bytes.length;
    link.write(bytes.subarray(0, cut));
    link.write(bytes.subarray(cut));
    if (this.#draw.chance(0.02)) link.destroy();
  }

  #connect(port: number, first: Buffer, handlers: Partial<LinkHandlers>): Link {
    const link = this.#host.network.connect(
      { host: "server-1", port },
      { ...deaf, ...handlers, opened: () => link.write(first) },
    );
    return link;
  }
}

const deaf: LinkHandlers = {
  data: () => undefined,
  ended: () => undefined,
  drained: () => undefined,
  closed: () => undefined,
};

/** Asks the victim for one thing after another, whatever becomes of it. */
class Client {
  answers = 0;
  isOver = false;
  readonly #host: SimHost;
  readonly #draw: SimRandom;

  constructor(world: World, draw: SimRandom) {
    this.#host = world.host("client");
    this.#draw = draw;
    this.#connect();
  }

  #connect(): void {
    const peer = new Peer({ until: () => undefined }, this.#host, "server-1");
    let isGreeted = false;
    const goOn = (): void => {
      if (peer.gone || this.isOver) {
        this.answers += peer.frames.length;
        if (!this.isOver) this.#connect();
        return;
      }
      if (peer.isConnected && !isGreeted) {
        isGreeted = true;
        peer.greet();
      }
      if (peer.response !== undefined) this.#ask(peer);
      this.#host.clock.after(this.#draw.between(5, 100), goOn);
    };
    this.#host.clock.after(50, goOn);
  }

  #ask(peer: Peer): void {
    const draw = this.#draw;
    const path = `/${draw.pick(["a", "b", "a/b"])}`;
    const request = { path, data: EMPTY, acl: ANYONE, flags: draw.pick([0, 1, 2]) };
    switch (draw.below(7)) {
      case 0:
        peer.create(path, request.flags);
        break;
      case 1:
        peer.send(OpCode.create2, (writer) => writeCreateRequest(writer, request));
        break;
      case 2:
        peer.set(path, EMPTY);
        break;
      case 3:
        peer.delete(path);
        break;
      case 4:
        peer.send(OpCode.multi, (writer) =>
          writeMultiRequest(writer, [
            { type: OpCode.create2, request },
            { type: OpCode.delete, request: { path, version: -1 } },
          ]),
        );
        break;
      case 5:
        peer.send(OpCode.sync, (writer) => writer.string(path));
        break;
      default:
        peer.read(OpCode.exists, path, true);
        if (draw.chance(0.1)) peer.send(OpCode.closeSession);
    }
  }
}

/** How often the victim was in step with a liar, or led liars. */
interface Seen {
  leader: number;
  learner: number;
  answers: number;
}

function run(seed: number, role: Role, seen: Seen): void {
  const world = new World(seed);
  const draw = new Random(seed);
  const victim = new Victim(world);
  const history: History = { epoch: 1, last: 0 };
  const liars = [2, 3].map((sid) => new LyingHost(world, draw.fork(), sid, role, history));
  victim.start();
  const client = new Client(world, draw.fork());
  const told = (): string => `seed ${seed}\n${victim.lines.slice(-30).join("\n")}`;
  try {
    world.runUntil(CASE_MS * 1000);
    expect(victim.failure, told()).toBeUndefined();
    for (const liar of liars) liar.isOver = true;
    client.isOver = true;
    victim.host.crash("kill");
    victim.host.restart();
    victim.start();
    world.runUntil(CASE_MS * 1000 + 2_000_000);
  } catch (error) {
    throw new Error(told(), { cause: error });
  }
  expect(victim.failure, `after a restart: ${told()}`).toBeUndefined();
  expect(victim.lines.length, told()).toBeLessThan(LINES_MAX);
  seen.answers += client.answers;
  for (const line of victim.lines) {
    if (line.includes("in step with the leader")) seen.leader++;
    if (line.startsWith("leads")) seen.learner++;
  }
}

describe.each([
  ["leader", 30],
  ["learner", 60],
] as const)("two members that lie to their %s's face", (role, cases) => {
  test("bring it neither to fall nor to a directory that it cannot start from", () => {
    const seen: Seen = { leader: 0, learner: 0, answers: 0 };
    for (let seed = 1; seed <= cases; seed++) run(seed, role, seen);
    // They were believed often enough to be heard.
    expect(seen[role]).toBeGreaterThan(cases / 4);
    // And its clients were lied to.
    if (role === "leader") expect(seen.answers).toBeGreaterThan(cases);
  });
});
