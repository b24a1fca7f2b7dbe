import { describe, expect, test } from "vitest";
import type { Writer } from "../../../protocol/jute.ts";
import { OpCode, Xid } from "../../../protocol/opcodes.ts";
import { writeReconfigRequest } from "../../../protocol/reconfig.ts";
import { data, path as pathIn, RawClient } from "../../tools/raw-client.ts";
import { freshPath, type Peer, testOurs, undisturbed } from "./peer.ts";

/** Headers, zxids and the order of replies. */
export function orderSuite(peer: Peer): void {
  const port = (): number => peer.port;

  describe("replies", () => {
    // client-protocol 4/ordinary reply, 4/> 0; server-semantics 3.6/4, 3.6/5, 8/own writes, 8/reads; storage WP-3
    test("come in the order of the requests, reads behind their session's writes", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      const xids: number[] = [];
      for (let i = 0; i < 200; i++) {
        xids.push(client.sendSet(path, Buffer.from(String(i))));
        xids.push(
          client.send(OpCode.getData, (writer) => {
            writer.string(path);
            writer.boolean(false);
          }),
        );
      }
      await client.reply(xids.at(-1) ?? 0);
      const replies = client.frames.slice(1);
      expect(replies.map((frame) => frame.xid)).toEqual(xids);
      const read = replies.filter((_, at) => at % 2 === 1).map((frame) => data(frame)?.toString());
      expect(read).toEqual(Array.from({ length: 200 }, (_, i) => String(i)));
      client.drop();
    });

    // client-protocol 4/ping reply, Trap 7, server-semantics Trap 26
    test("to pings carry -2 whatever was sent, behind earlier writes", async () => {
      const client = await RawClient.open(port());
      const created = client.sendCreate(freshPath());
      client.send(OpCode.ping, undefined, 4711);
      await client.reply(Xid.ping);
      expect(client.frames.map((frame) => frame.xid)).toEqual([created, Xid.ping]);
      client.drop();
    });

    // client-protocol 4/0 client, Trap 8
    test("echo any xid, also one that was used before", async () => {
      const client = await RawClient.open(port());
      for (const xid of [0, 5, 5, -7]) {
        client.send(
          OpCode.exists,
          (writer) => {
            writer.string("/");
            writer.boolean(false);
          },
          xid,
        );
      }
      await client.ping();
      expect(client.frames.map((frame) => frame.xid)).toEqual([0, 5, 5, -7, Xid.ping]);
      client.drop();
    });

    // client-protocol 4/successful write, 4/failed write, 4/read ping sync watch ops, Trap 9
    // server-semantics 3.4, Trap 11
    test("to writes have the zxid of their txn, failures too; reads the last one applied", () =>
      undisturbed(async () => {
        const path = freshPath();
        const client = await RawClient.open(port());
        const created = await client.create(path);
        expect((await client.create(path)).err).toBe(-110);
        const { zxid } = await client.getData(path);
        expect(zxid).toBe(created.zxid + 1);
        expect((await client.set(path, null)).zxid).toBe(created.zxid + 2);
        expect((await client.ping()).zxid).toBe(created.zxid + 2);
        const zxids = client.frames.map((frame) => frame.zxid);
        expect(zxids).toEqual(zxids.toSorted((a, b) => a - b));
        client.drop();
      }));

    // client-protocol Trap 4
    test("that tell an error have no body", async () => {
      const client = await RawClient.open(port());
      for (const reply of [
        await client.getData(freshPath()),
        await client.set(freshPath(), null),
        await client.create("no-slash"),
      ]) {
        expect(reply.err).not.toBe(0);
        expect(reply.body.length).toBe(0);
      }
      client.drop();
    });

    // client-protocol 6/0 notification, 6/-1 error, 9/-6 UNIMPLEMENTED, Trap 16
    test("to an unknown operation say so, with zxid -1, and are the last", async () => {
      for (const type of [0, -1, 4242]) {
        const client = await RawClient.open(port());
        const reply = await client.call(type);
        expect(reply).toMatchObject({ err: -6, zxid: -1 });
        await client.untilClosed();
      }
    });

    // client-protocol 9/-123 RECONFIGDISABLED; server-semantics 13/reconfigEnabled
    test("to a reconfig say that it is disabled; it takes a zxid, and the connection stays", () =>
      undisturbed(async () => {
        const client = await RawClient.open(port());
        const request = {
          joiningServers: "server.9=h:1:2;3",
          leavingServers: null,
          newMembers: null,
        };
        const { zxid } = await client.create(freshPath());
        const reply = await client.call(OpCode.reconfig, (writer) =>
          writeReconfigRequest(writer, { ...request, curConfigId: -1 }),
        );
        expect(reply).toMatchObject({ err: -123, zxid: zxid + 1 });
        expect(reply.body.length).toBe(0);
        expect((await client.create(freshPath())).zxid).toBe(zxid + 2);
        expect((await client.call(OpCode.reconfig, (writer) => writer.int(9))).err).toBe(-5);
        client.drop();
      }));

    // client-protocol 6/20 deleteContainer, 6/-10 createSession, Trap 23
    testOurs(peer, "to operations of servers among themselves say the same", async () => {
      for (const type of [OpCode.deleteContainer, OpCode.createSession, OpCode.check]) {
        const client = await RawClient.open(port());
        expect((await client.call(type)).err).toBe(-6);
        await client.untilClosed();
      }
    });

    // client-protocol 6/102 sasl, 11, 4/auth SASL enforced-auth refusal eager-ACL refusal
    test("to a sasl token are empty where there is no SASL, and the session goes on", async () => {
      const client = await RawClient.open(port());
      const reply = await client.call(OpCode.sasl, (writer) => writer.buffer(Buffer.from("token")));
      expect([reply.err, reply.zxid, reply.body.toString("hex")]).toEqual([0, 0, "ffffffff"]);
      expect((await client.ping()).err).toBe(0);
      client.drop();
    });

    // client-protocol 9/-5 MARSHALLINGERROR; server-semantics 12, 12/internal error
    test("to what cannot be decoded say so, and the connection stays", async () => {
      const client = await RawClient.open(port());
      const broken: [number, (writer: Writer) => void][] = [
        [OpCode.create, (writer) => writer.int(1_000_000)],
        [OpCode.getData, (writer) => writer.int(-77)],
        [OpCode.setData, () => {}],
        [OpCode.multi, (writer) => writer.int(1)],
      ];
      for (const [type, fill] of broken) expect((await client.call(type, fill)).err).toBe(-5);
      expect((await client.ping()).err).toBe(0);
      client.drop();
    });

    // client-protocol 1, Trap 14
    test("are not disturbed by bytes behind a request, and any byte but zero is true", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      const reply = await client.call(OpCode.exists, (writer) => {
        writer.string(path);
        writer.byte(0x40);
        writer.raw(Buffer.from("trailing"));
      });
      expect(reply.err).toBe(-101);
      await client.create(path);
      expect(client.events).toMatchObject([{ type: 1, path }]);
      client.drop();
    });

    // client-protocol 6/9 sync; server-semantics 8/sync path, 8/sync on a standalone server
    test("to sync echo the path, whatever it is", async () => {
      const client = await RawClient.open(port());
      for (const path of ["/nowhere", "not a path", "", null]) {
        const reply = await client.call(OpCode.sync, (writer) => writer.string(path));
        expect(reply.err).toBe(0);
        expect(pathIn(reply)).toBe(path);
      }
      client.drop();
    });

    // client-protocol Trap 20, 2/reply frame
    test("may be longer than any request", async () => {
      const parent = freshPath();
      const client = await RawClient.open(port());
      await client.create(parent);
      const name = "n".repeat(1000);
      let last = 0;
      for (let i = 0; i < 1200; i++) last = client.sendCreate(`${parent}/${name}${i}`);
      await client.reply(last);
      const reply = await client.getChildren(parent);
      expect(reply.body.length).toBeGreaterThan(0xfffff);
      client.drop();
    });
  });
}
