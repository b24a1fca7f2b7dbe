import { describe, expect, test } from "vitest";
import { OpCode } from "../../../protocol/opcodes.ts";
import { sessionPassword } from "../../../protocol/password.ts";
import { writeConnectRequest } from "../../../protocol/proto.ts";
import { RawClient } from "../../tools/raw-client.ts";
import {
  freshPath,
  type Peer,
  SESSION_MAX_MS,
  SESSION_MIN_MS,
  testOurs,
  undisturbed,
} from "./peer.ts";

/** How a connection begins, and how a session comes to another one. */
export function handshakeSuite(peer: Peer): void {
  const port = (): number => peer.port;

  describe("the handshake", () => {
    // client-protocol 3.3, 3.2, 3.4/7a, Trap 1
    test("has an answer of 37 bytes, or 36 when the flag byte was absent", async () => {
      const modern = await RawClient.open(port());
      expect(modern.responseBytes).toBe(37);
      expect(modern.response?.readOnly).toBe(false);
      const old = await RawClient.open(port(), { readOnly: undefined });
      expect(old.responseBytes).toBe(36);
      modern.drop();
      old.drop();
    });

    // client-protocol 3.2
    test("ignores the protocol version, and what follows the flag", async () => {
      const client = await RawClient.dial(port());
      client.sendFrame((writer) => {
        writeConnectRequest(writer, {
          protocolVersion: 77,
          lastZxidSeen: 0,
          timeoutMs: 10_000,
          sessionHigh: 0,
          sessionLow: 0,
          password: null,
          readOnly: true,
        });
        writer.raw(Buffer.from("more"));
      });
      expect((await client.ping()).err).toBe(0);
      expect(client.response?.protocolVersion).toBe(0);
      client.drop();
    });

    // client-protocol 3.2; server-semantics 12/bad length
    test("that is too short ends the connection", async () => {
      const client = await RawClient.dial(port());
      client.sendFrame((writer) => writer.raw(Buffer.alloc(20)));
      await client.untilClosed();
      expect(client.bytes.length).toBe(0);
    });

    // client-protocol 3.5; server-semantics 10/session timeout bounds, 13/minSessionTimeout
    test("clamps the timeout between two and twenty ticks", async () => {
      for (const [asked, given] of [
        [0, SESSION_MIN_MS],
        [-5, SESSION_MIN_MS],
        [1, SESSION_MIN_MS],
        [3000, 3000],
        [1_000_000, SESSION_MAX_MS],
      ] as const) {
        const client = await RawClient.open(port(), { timeoutMs: asked });
        expect(client.response?.timeoutMs).toBe(given);
        client.drop();
      }
    });

    // client-protocol 3.6, 3.7/1, 3.7/2; operations 7.7, 7.7/Any Apache server in the ensemble or unknown
    test("gives ids of server 1 that ascend, with the password that follows from the id", async () => {
      const [one, two] = [await RawClient.open(port()), await RawClient.open(port())];
      const { sessionHigh = 0, sessionLow = 0, password } = one.response ?? {};
      expect(sessionHigh >>> 24).toBe(1);
      expect(password).toEqual(sessionPassword(sessionHigh, sessionLow));
      expect((two.response?.sessionLow ?? 0) >>> 0).toBeGreaterThan(sessionLow >>> 0);
      one.drop();
      two.drop();
    });

    // client-protocol 3.4, 3.4/6, 3.4/8 resume reading
    test("is followed by what the client sent behind it, in order", async () => {
      const path = freshPath();
      const client = await RawClient.dial(port());
      const handshake = client.handshake();
      client.sendCreate(path);
      client.sendSet(path, Buffer.from("1"));
      const last = client.sendSet(path, Buffer.from("2"), 1);
      await handshake;
      expect((await client.reply(last)).err).toBe(0);
      expect(client.frames.map((frame) => frame.xid)).toEqual([1, 2, 3]);
      client.drop();
    });

    // client-protocol 3.4/5, Trap 3; server-semantics 12/zxid ahead; operations 7.9/27
    test("of a client that has seen a later zxid is closed without an answer", async () => {
      const client = await RawClient.dial(port());
      await expect(client.handshake({ lastZxidSeen: 2 ** 40 })).rejects.toThrow("closed");
      expect(client.bytes.length).toBe(0);
    });

    // client-protocol 3.4/5
    test("of a client that has seen just this zxid is answered", async () => {
      const one = await RawClient.open(port());
      const { zxid } = await one.ping();
      const two = await RawClient.open(port(), { lastZxidSeen: zxid });
      expect(two.response?.timeoutMs).toBeGreaterThan(0);
      one.drop();
      two.drop();
    });
  });

  describe("a session", () => {
    // client-protocol 3.8, 3.8/new connection, 3.8/old connection same server, 3.4/7b, 3.5
    test("goes to a new connection with its password, and the old one is closed", () =>
      undisturbed(async () => {
        const path = freshPath();
        const old = await RawClient.open(port());
        await old.create(path, { flags: 1 });
        const { zxid } = await old.ping();
        const next = await RawClient.open(port(), { ...old.response, timeoutMs: 2000 });
        expect(next.response).toMatchObject({
          sessionHigh: old.response?.sessionHigh,
          sessionLow: old.response?.sessionLow,
          timeoutMs: 2000,
        });
        await old.untilClosed();
        expect((await next.exists(path)).err).toBe(0);
        // No txn: the next one has the next zxid.
        expect((await next.create(freshPath())).zxid).toBe(zxid + 1);
        next.drop();
      }));

    // client-protocol Trap 2, 3.4/7b; server-semantics 12/invalid session at handshake
    // operations 7.7/Wrong password answer, 7.9/27
    test("is refused with zeros where the password is wrong or nobody knows it", async () => {
      const client = await RawClient.open(port());
      const right = client.response?.password ?? Buffer.alloc(0);
      for (const wrong of [
        Buffer.alloc(16, 7),
        right.subarray(0, 15),
        Buffer.concat([right, right]),
        Buffer.alloc(0),
        null,
      ]) {
        const thief = await RawClient.open(port(), { ...client.response, password: wrong });
        expect(thief.response).toMatchObject({ timeoutMs: 0, sessionHigh: 0, sessionLow: 0 });
        expect(thief.response?.password).toEqual(Buffer.alloc(16));
        expect(thief.responseBytes).toBe(37);
        await thief.untilClosed();
      }
      const stranger = await RawClient.open(port(), {
        sessionHigh: 0x0100_0000,
        sessionLow: 77,
        password: sessionPassword(0x0100_0000, 77),
      });
      expect(stranger.response).toMatchObject({ timeoutMs: 0, sessionHigh: 0, sessionLow: 0 });
      // Differs from ZooKeeper: there the thief's attempt has cost the owner the connection.
      if (peer.name === "quorate") expect((await client.ping()).err).toBe(0);
      client.drop();
    });

    // server-semantics 5.5, 5.4/session closing, 3.2/createSession closeSession, 12/closeSession; client-protocol Trap 22
    testOurs(peer, "that is closed answers, ends, and leaves what came behind undone", async () => {
      // 3.8.0 now and then answers what came behind.
      const [ephemeral, behind] = [freshPath(), freshPath()];
      const client = await RawClient.open(port());
      await client.create(ephemeral, { flags: 1 });
      const closing = client.send(OpCode.closeSession);
      client.sendCreate(behind);
      expect((await client.reply(closing)).err).toBe(0);
      await client.untilClosed();
      expect(client.frames.at(-1)?.xid).toBe(closing);
      const other = await RawClient.open(port());
      expect((await other.exists(ephemeral)).err).toBe(-101);
      expect((await other.exists(behind)).err).toBe(-101);
      const again = await RawClient.open(port(), { ...client.response });
      expect(again.response?.timeoutMs).toBe(0);
      other.drop();
    });

    // server-semantics 5.2, 5.3, 5.5, 12/session expired, 5.3/session closed or expired, 5.3/nothing received for the session timeout
    test("that is silent for its timeout is gone with its ephemerals, not before", async () => {
      const path = freshPath();
      const watcher = await RawClient.open(port(), { timeoutMs: SESSION_MAX_MS });
      const client = await RawClient.open(port(), { timeoutMs: SESSION_MIN_MS });
      const startedMs = performance.now();
      await client.create(path, { flags: 1 });
      await watcher.exists(path, true);
      await client.untilClosed();
      while (watcher.events.length === 0) await watcher.ping();
      expect(performance.now() - startedMs).toBeGreaterThanOrEqual(SESSION_MIN_MS - 20);
      expect(watcher.events).toMatchObject([{ type: 2, path }]);
      watcher.drop();
    });

    // server-semantics 5.2
    test("lives on pings alone", async () => {
      const path = freshPath();
      const client = await RawClient.open(port(), { timeoutMs: SESSION_MIN_MS });
      await client.create(path, { flags: 1 });
      const startedMs = performance.now();
      while (performance.now() - startedMs < 3 * SESSION_MIN_MS) {
        await client.ping();
        await new Promise((resolve) => setTimeout(resolve, SESSION_MIN_MS / 4));
      }
      expect((await client.exists(path)).err).toBe(0);
      client.drop();
    });
  });

  describe("frames", () => {
    // client-protocol 3.1/anything else, 2/request frame, Trap 17; server-semantics 10/jute.maxbuffer, 12/bad length
    // operations 7.6/Frame size
    test("longer than the limit, or of negative length, end the connection", async () => {
      for (const length of [0xfffff + 1, -1]) {
        const client = await RawClient.open(port());
        const bytes = Buffer.alloc(8);
        bytes.writeInt32BE(length);
        const before = client.bytes.length;
        client.socket.write(bytes);
        await client.untilClosed();
        expect(client.bytes.length).toBe(before);
      }
    });

    // client-protocol 2/request frame; operations 7.9/1
    test("as long as the limit are served, and a byte longer ones are not", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      // xid and type, two lengths, the path, one ACL entry for anyone, flags.
      const data = Buffer.alloc(0xfffff - (8 + 4 + path.length + 4 + 27 + 4));
      expect((await client.create(path, { data })).err).toBe(0);
      expect((await client.statOf(path)).dataLength).toBe(data.length);
      client.sendCreate(`${path}x`, { data });
      await client.untilClosed();
    });

    // client-protocol 3.1/anything else
    test("that begin with an unknown word end the connection", async () => {
      const client = await RawClient.dial(port());
      client.socket.write("abcd");
      await client.untilClosed();
      expect(client.bytes.length).toBe(0);
    });

    // client-protocol 3.1/0xFFF4FFFD (telnet interrupt)
    test("of a telnet interrupt end the connection", async () => {
      const client = await RawClient.dial(port());
      client.socket.write(Buffer.from("fff4fffd", "hex"));
      await client.untilClosed();
    });

    // client-protocol 4, server-semantics 12, 12/bad length
    test("shorter than a header end the connection", async () => {
      const client = await RawClient.open(port());
      client.sendFrame((writer) => writer.int(1));
      await client.untilClosed();
    });
  });
}
