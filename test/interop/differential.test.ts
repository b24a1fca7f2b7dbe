// One random history at a server of ours and at Apache ZooKeeper: every reply and every event must
// be the same, byte for byte but for times and ids, in the same order.
// needs: apache

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FrameSplitter } from "../../protocol/frames.ts";
import { Reader, Writer } from "../../protocol/jute.ts";
import { CreateFlag, OpCode, Xid } from "../../protocol/opcodes.ts";
import { readConnectResponse, writeConnectRequest } from "../../protocol/proto.ts";
import { wordsHex } from "../../protocol/zxid.ts";
import { SimRandom } from "../../server/testing/index.ts";
import { ApacheServer } from "../tools/apache.ts";
import { QuorateServer } from "../tools/quorate-server.ts";
import {
  type Answer,
  CREDENTIALS,
  comparable,
  type RandomRequest,
  RandomRequests,
  writeCredentials,
} from "../tools/random-requests.ts";

const SEED = Number(process.env.QUORATE_DIFFERENTIAL_SEED ?? "1");
/** Bursts of one to eight requests. */
const BURSTS = Number(process.env.QUORATE_DIFFERENTIAL_BURSTS ?? "1200");
/** A session ends, and another takes its place, once in so many bursts. */
const BURSTS_PER_SESSION = 40;
const BURST_MAX = 8;
const SUPER = "DigestAuthenticationProvider.superDigest";
const SUPER_DIGEST = "super:lK75jTNcA+U9vtVEw5vB51mj/w4=";

let apache: ApacheServer;
let ours: QuorateServer;

beforeAll(async () => {
  apache = await ApacheServer.start({ properties: { [`zookeeper.${SUPER}`]: SUPER_DIGEST } });
  ours = await QuorateServer.start({ settings: { [SUPER]: SUPER_DIGEST } });
});

afterAll(async () => {
  await apache?.stop();
  await ours?.stop();
});

test("a random history is answered as Apache ZooKeeper answers it", async () => {
  const draw = new SimRandom(SEED);
  const requests = new RandomRequests(draw.fork());
  const pair = new Pair([new Side(apache.port), new Side(ours.port)], requests);
  await pair.open();
  for (let burst = 0; burst < BURSTS; burst++) {
    const at = draw.below(CREDENTIALS.length);
    if (draw.below(BURSTS_PER_SESSION) === 0) await pair.replace(at);
    await pair.burst(at, requests.burst(draw.between(1, BURST_MAX), at === 0));
  }
  pair.close();
});

/** The same sessions at both servers. */
class Pair {
  readonly #sides: readonly Side[];
  readonly #requests: RandomRequests;

  constructor(sides: readonly Side[], requests: RandomRequests) {
    this.#sides = sides;
    this.#requests = requests;
  }

  async open(): Promise<void> {
    for (let at = 0; at < CREDENTIALS.length; at++) {
      await Promise.all(this.#sides.map((side) => side.open(at)));
    }
  }

  /** Ends a session with a create and a read of another's on their way, and begins its successor. */
  async replace(at: number): Promise<void> {
    const answered = await Promise.all(this.#sides.map((side) => side.end(at)));
    this.#compare(answered, `session ${at} ends`);
    await Promise.all(this.#sides.map((side) => side.open(at)));
  }

  async burst(at: number, burst: readonly RandomRequest[]): Promise<void> {
    const answered = await Promise.all(this.#sides.map((side) => side.ask(at, burst)));
    this.#compare(answered, `session ${at}: ${burst.map(({ text }) => text).join("\n  ")}`);
    for (const { zxid, created } of this.#sides[1]?.learned() ?? []) {
      this.#requests.learn(zxid, created);
    }
  }

  close(): void {
    for (const side of this.#sides) side.close();
  }

  #compare(answered: readonly string[][], told: string): void {
    expect(answered[1], `seed ${SEED}, ${told}`).toEqual(answered[0]);
  }
}

/** The sessions at one server. */
class Side {
  readonly #port: number;
  readonly #sessions: RawConnection[] = [];
  /** What owners are called: the how many-th session of this run. */
  readonly #names = new Map<string, string>();
  #learned: { zxid: number; created: string | undefined }[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  async open(at: number): Promise<void> {
    const session = await RawConnection.open(this.#port);
    this.#names.set(session.id, `session-${this.#names.size}`);
    this.#sessions[at] = session;
    const credentials = CREDENTIALS[at];
    if (credentials !== undefined) {
      session.send(OpCode.auth, (writer) => writeCredentials(writer, credentials), Xid.auth);
      await session.barrier();
    }
    session.take();
  }

  /** Sends a burst at once; resolves with all that every session heard. */
  async ask(at: number, burst: readonly RandomRequest[]): Promise<string[]> {
    const asker = this.#session(at);
    const types = new Map<number, number>();
    asker.together(() => {
      for (const { type, fill } of burst) {
        types.set(asker.send(type, fill, type === OpCode.ping ? Xid.ping : undefined), type);
      }
    });
    await asker.barrier();
    await Promise.all(this.#sessions.map((session) => session.barrier()));
    return this.#heard(types, at);
  }

  /** A closeSession behind an ephemeral that is on its way. */
  async end(at: number): Promise<string[]> {
    const ending = this.#session(at);
    const others = this.#sessions.filter((session) => session !== ending);
    ending.together(() => {
      ending.sendCreate(`/d0/e`, CreateFlag.ephemeralSequential);
      ending.send(OpCode.closeSession);
    });
    await ending.closed;
    await Promise.all(others.map((session) => session.barrier()));
    // Whose ephemerals go first is nobody's promise.
    return this.#heard(new Map([[1, OpCode.create]]), at).toSorted();
  }

  learned(): { zxid: number; created: string | undefined }[] {
    const learned = this.#learned;
    this.#learned = [];
    return learned;
  }

  close(): void {
    for (const session of this.#sessions) session.close();
  }

  #heard(types: ReadonlyMap<number, number>, asker: number): string[] {
    const nameOf = (owner: string): string => this.#names.get(owner) ?? owner;
    return this.#sessions.flatMap((session, at) =>
      session.take().map((answer) => {
        const type = at === asker ? (types.get(answer.xid) ?? 0) : 0;
        this.#learn(answer, type);
        return `${at}: ${comparable(answer, type, nameOf)}`;
      }),
    );
  }

  #learn({ zxid, err, body }: Answer, type: number): void {
    const isCreate = err === 0 && (type === OpCode.create || type === OpCode.create2);
    const created = isCreate ? (new Reader().reset(body).string() ?? undefined) : undefined;
    this.#learned.push({ zxid, created });
  }

  #session(at: number): RawConnection {
    const session = this.#sessions[at];
    if (session === undefined) throw new Error(`no session ${at}`);
    return session;
  }
}

/** The barrier's ping behind a burst: its reply is the last. */
class RawConnection {
  readonly #socket: Socket;
  readonly closed: Promise<void>;
  id = "";
  #answers: Answer[] = [];
  #opened: () => void = () => undefined;
  #pings = 0;
  /** How many replies to pings the barrier waits for, and who waits. */
  #awaited = 0;
  #passed: () => void = () => undefined;
  #failed: (error: Error) => void = () => undefined;
  #xid = 0;
  #together: Writer | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const splitter = new FrameSplitter(
      0x7fff_ffff,
      (bytes, start, end) => this.#frame(bytes, start, end),
      () => this.#failed(new Error("the server sent what is no frame")),
    );
    socket.on("data", (chunk: Buffer) => splitter.push(chunk));
    socket.on("error", () => undefined);
    this.closed = once(socket, "close").then(() => undefined);
    socket.on("close", () => this.#failed(new Error("the server ended the connection")));
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const connection = new RawConnection(socket);
    await connection.#greet();
    return connection;
  }

  async #greet(): Promise<void> {
    const opened = new Promise<void>((resolve, reject) => {
      this.#opened = resolve;
      this.#failed = reject;
    });
    this.#sendFrame((writer) =>
      writeConnectRequest(writer, {
        protocolVersion: 0,
        lastZxidSeen: 0,
        timeoutMs: 10_000,
        sessionHigh: 0,
        sessionLow: 0,
        password: Buffer.alloc(16),
        readOnly: false,
      }),
    );
    await opened;
  }

  send(type: number, fill: (writer: Writer) => void = () => undefined, xid?: number): number {
    const own = xid ?? ++this.#xid;
    if (own === Xid.ping) this.#awaited++;
    this.#sendFrame((writer) => {
      writer.int(own);
      writer.int(type);
      fill(writer);
    });
    return own;
  }

  sendCreate(path: string, flags: number): void {
    this.send(OpCode.create, (writer) => {
      writer.string(path);
      writer.int(-1);
      writer.raw(Buffer.from("000000010000001f00000005776f726c6400000006616e796f6e65", "hex"));
      writer.int(flags);
    });
  }

  /** All that `fill` sends leaves in one write. */
  together(fill: () => void): void {
    const writer = new Writer();
    this.#together = writer;
    fill();
    this.#together = undefined;
    this.#socket.write(writer.take());
  }

  /** Resolves when all that was sent has been answered. */
  barrier(): Promise<void> {
    const passed = new Promise<void>((resolve, reject) => {
      this.#passed = resolve;
      this.#failed = reject;
    });
    this.send(OpCode.ping, undefined, Xid.ping);
    return passed;
  }

  /** What came since the last time. */
  take(): Answer[] {
    const answers = this.#answers;
    this.#answers = [];
    return answers;
  }

  close(): void {
    this.#failed = () => undefined;
    this.#socket.destroy();
  }

  #sendFrame(fill: (writer: Writer) => void): void {
    const writer = this.#together ?? new Writer();
    const start = writer.reserve(4);
    fill(writer);
    writer.patchInt(start, writer.length - start - 4);
    if (this.#together === undefined) this.#socket.write(writer.take());
  }

  #frame(bytes: Buffer, start: number, end: number): void {
    const reader = new Reader().reset(bytes, start, end);
    if (this.id === "") {
      const { sessionHigh, sessionLow } = readConnectResponse(reader);
      this.id = wordsHex(sessionHigh, sessionLow);
      this.#opened();
      return;
    }
    const xid = reader.int();
    const zxid = reader.long();
    const err = reader.int();
    this.#answers.push({ xid, zxid, err, body: Buffer.from(bytes.subarray(reader.offset, end)) });
    if (xid === Xid.ping && ++this.#pings === this.#awaited) this.#passed();
  }
}
