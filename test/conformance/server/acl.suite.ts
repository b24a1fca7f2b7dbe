import { describe, expect, test } from "vitest";
import type { ACL } from "../../../protocol/data.ts";
import { OpCode, Xid } from "../../../protocol/opcodes.ts";
import { ANYONE, acl as aclIn, RawClient, stat } from "../../tools/raw-client.ts";
import { freshPath, type Peer, testOurs } from "./peer.ts";

const READ = 1;
const WRITE = 2;
const CREATE = 4;
const DELETE = 8;
const ADMIN = 16;

/** The digest id of `u:p`. */
const U = "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=";

function entry(perms: number, scheme: string, id: string): ACL {
  return { perms, id: { scheme, id } };
}

const OWNER: readonly ACL[] = [entry(31, "digest", U)];

/** Who may do what, and who is who. */
export function aclSuite(peer: Peer): void {
  const port = (): number => peer.port;

  async function openAs(credentials: string): Promise<RawClient> {
    const client = await RawClient.open(port());
    expect((await client.auth("digest", credentials)).err).toBe(0);
    return client;
  }

  describe("credentials", () => {
    // client-protocol 6/100 auth, 4/auth SASL enforced-auth refusal eager-ACL refusal, Trap 6; server-semantics 7.1/digest; operations 7.1/No wrong password
    test("are answered with zxid 0, under whatever xid they came", async () => {
      const client = await RawClient.open(port());
      expect(await client.auth("digest", "u:p")).toMatchObject({ xid: -4, err: 0, zxid: 0 });
      expect(await client.auth("digest", "v:p", 17)).toMatchObject({ xid: 17, err: 0 });
      client.drop();
    });

    // client-protocol 4/auth / SASL reply, Trap 6
    testOurs(peer, "are answered in order behind pending writes", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      const created = client.sendCreate(path);
      await client.auth("digest", "u:p");
      expect(client.frames.map((frame) => frame.xid)).toEqual([created, -4]);
      client.drop();
    });

    // server-semantics 7.1/ip
    test("of scheme ip add nothing and are accepted", async () => {
      const client = await RawClient.open(port());
      expect((await client.auth("ip", "x")).err).toBe(0);
      client.drop();
    });

    // server-semantics 7.1/world auth super unknown, 7.1/x509 sasl, 7.1, client-protocol 9/-115 AUTHFAILED
    // operations 7.1/Built-in schemes
    test("that prove nothing are refused, and the connection ends", async () => {
      for (const [scheme, auth] of [
        ["world", "anyone"],
        ["super", ""],
        ["auth", ""],
        ["sasl", "x"],
        ["nonsense", "x"],
        ["digest", null],
      ] as const) {
        const client = await RawClient.open(port());
        expect(await client.auth(scheme, auth)).toMatchObject({ err: -115, zxid: 0 });
        await client.untilClosed();
      }
    });

    // server-semantics 12/bad length frame too large header shorter than 8 bytes
    test("that do not decode end the connection without an answer", async () => {
      const client = await RawClient.open(port());
      client.send(OpCode.auth, (writer) => writer.int(1_000_000), Xid.auth);
      await client.untilClosed();
      expect(client.frames).toEqual([]);
    });

    // server-semantics 7.1
    test("count for what follows them, also unanswered, and go with the connection", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      void client.auth("digest", "u:p");
      expect((await client.create(path, { acl: OWNER })).err).toBe(0);
      expect((await client.getData(path)).err).toBe(0);
      const next = await RawClient.open(port(), { ...client.response });
      expect((await next.getData(path)).err).toBe(-102);
      next.drop();
    });
  });

  describe("an ACL", () => {
    // operations 7.1/ACL id validity; server-semantics 7.2/world : anyone, 7.2/world : other, 7.2/digest : x, 7.2/other
    // server-semantics 7.2/null null id null scheme, 7.2, client-protocol 5/ACL
    test("is taken or refused by its form", async () => {
      const client = await RawClient.open(port());
      for (const [acl, err] of [
        [[entry(31, "world", "anyone")], 0],
        [[entry(0, "world", "anyone")], 0],
        [[entry(0xff, "world", "anyone")], 0],
        [[entry(31, "world", "else")], -114],
        [[entry(31, "digest", "a:b")], 0],
        [[entry(31, "digest", ":b")], 0],
        [[entry(31, "digest", "a:")], -114],
        [[entry(31, "digest", "a")], -114],
        [[entry(31, "digest", "a:b:c")], -114],
        [[entry(31, "nonsense", "a")], -114],
        [[entry(31, "auth", "")], -114],
        [[{ perms: 31, id: { scheme: null, id: null } }], -114],
      ] as const) {
        const reply = await client.create(freshPath(), { acl });
        expect(reply.err, JSON.stringify(acl)).toBe(err);
      }
      client.drop();
    });

    // server-semantics 7.2/ip : a or a/n
    test("of scheme ip names an IPv4 address or a network of them", async () => {
      const client = await RawClient.open(port());
      for (const [id, err] of [
        ["10.0.0.1", 0],
        ["10.0.0.0/8", 0],
        ["10.0.0.1/0", 0],
        ["10.0.0.1/32", 0],
        ["010.0.0.01", 0],
        ["10.0.0.1/33", -114],
        ["10.0.0.1/-1", -114],
        ["10.0.0.1/", -114],
        ["10.0.0.1/8/8", -114],
        ["10.0.0.1/x", -114],
        ["10.0.0", -114],
        ["10.0.0.256", -114],
        ["10.0.0.1.", -114],
        ["localhost", -114],
        ["", -114],
      ] as const) {
        const reply = await client.create(freshPath(), { acl: [entry(31, "ip", id)] });
        expect(reply.err, id).toBe(err);
      }
      client.drop();
    });

    // server-semantics 7.3/ip
    test("of scheme ip lets in who comes from there", async () => {
      const client = await RawClient.open(port());
      for (const [id, err] of [
        ["127.0.0.1", 0],
        ["127.0.0.1/32", 0],
        ["127.200.0.0/8", 0],
        ["0.0.0.0/0", 0],
        ["127.0.0.2", -102],
        ["127.0.0.2/31", -102],
        ["128.0.0.0/8", -102],
      ] as const) {
        const path = freshPath();
        expect((await client.create(path, { acl: [entry(31, "ip", id)] })).err).toBe(0);
        expect((await client.getData(path)).err, id).toBe(err);
        expect((await client.set(path, null)).err, id).toBe(err);
        const shown = await client.getACL(path);
        expect(shown.err, id).toBe(err);
        if (err === 0) expect(aclIn(shown)).toEqual([entry(31, "ip", id)]);
      }
      client.drop();
    });

    // server-semantics 7.2/ip : a or a/n, 7.3/ip; operations 7.4
    testOurs(peer, "of scheme ip names IPv6 too, and neither family means the other", async () => {
      const client = await RawClient.open(port());
      for (const [id, created, read] of [
        ["::ffff:127.0.0.1", 0, 0],
        ["::ffff:127.0.0.0/8", 0, 0],
        ["::ffff:7f00:1", 0, 0],
        ["fd00::/8", 0, -102],
        ["::/0", 0, -102],
        ["0:0:0:0:0:0:0:1/128", 0, -102],
        ["::ffff:127.0.0.1/33", -114, -101],
        ["fd00::/129", -114, -101],
        ["fe80::1%eth0", -114, -101],
        ["1::2::3", -114, -101],
        [":", -114, -101],
      ] as const) {
        const path = freshPath();
        const reply = await client.create(path, { acl: [entry(31, "ip", id)] });
        expect(reply.err, id).toBe(created);
        expect((await client.getData(path)).err, id).toBe(read);
      }
      client.drop();
    });

    // server-semantics 7.2/auth : anything, Trap 22; client-protocol Trap 13
    test("of scheme auth becomes everyone the connection has proven to be", async () => {
      const client = await openAs("u:p");
      await client.auth("digest", "v:p");
      // kazoo writes an empty string as null.
      for (const id of ["ignored", "", null]) {
        const path = freshPath();
        await client.create(path, { acl: [{ perms: 31, id: { scheme: "auth", id } }] });
        const ids = aclIn(await client.getACL(path))?.map((one) => one.id.id?.split(":")[0]);
        expect(ids?.toSorted()).toEqual(["u", "v"]);
      }
      client.drop();
    });

    // server-semantics 7.2
    test("loses its duplicates", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path, { acl: [...ANYONE, entry(READ, "world", "anyone"), ...ANYONE] });
      expect(aclIn(await client.getACL(path))).toEqual([...ANYONE, entry(READ, "world", "anyone")]);
      client.drop();
    });

    // server-semantics 7.3, 7.3/create family, 7.3/getData getChildren(2) getAllChildrenNumber check, 7.3/setData, 7.3/setACL, 7.3/getACL
    // client-protocol 9/-102 NOAUTH
    test("allows each operation by its own permission", async () => {
      const client = await RawClient.open(port());
      const allowed = async (perms: number): Promise<number[]> => {
        const path = freshPath();
        await client.create(path, { acl: [entry(perms, "world", "anyone")] });
        const codes = [
          (await client.getData(path)).err,
          (await client.getChildren(path)).err,
          (await client.set(path, null)).err,
          (await client.create(`${path}/c`)).err,
          (await client.getACL(path)).err,
          (await client.setACL(path, ANYONE)).err,
        ];
        return codes;
      };
      expect(await allowed(READ)).toEqual([0, 0, -102, -102, 0, -102]);
      expect(await allowed(WRITE)).toEqual([-102, -102, 0, -102, -102, -102]);
      expect(await allowed(CREATE)).toEqual([-102, -102, -102, 0, -102, -102]);
      expect(await allowed(ADMIN)).toEqual([-102, -102, -102, -102, 0, 0]);
      client.drop();
    });

    // server-semantics 7.3/delete, Trap 6
    test("of the parent decides about deletes", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path, { acl: [entry(31 - DELETE, "world", "anyone")] });
      await client.create(`${path}/a`);
      expect((await client.delete(`${path}/a`)).err).toBe(-102);
      await client.setACL(path, ANYONE);
      await client.create(`${path}/b`, { acl: [entry(READ, "world", "anyone")] });
      expect((await client.delete(`${path}/b`)).err).toBe(0);
      client.drop();
    });

    // server-semantics 7.3/exists
    test("hides from exists what may not be read", async () => {
      const path = freshPath();
      const owner = await openAs("u:p");
      await owner.create(path, { acl: OWNER });
      const stranger = await RawClient.open(port());
      // Debian's 3.8.0 has the same fix as 3.8.4 or not: 3.9 is what binds.
      if (peer.name === "quorate") expect((await stranger.exists(path)).err).toBe(-102);
      expect((await owner.exists(path)).err).toBe(0);
      owner.drop();
      stranger.drop();
    });

    // server-semantics 7.3/digest, Trap 23; operations 7.1/Weakness
    test("shows the hashes of digests to administrators only", async () => {
      const path = freshPath();
      const owner = await openAs("u:p");
      await owner.create(path, { acl: [...OWNER, entry(READ, "world", "anyone")] });
      expect(aclIn(await owner.getACL(path))?.[0]?.id.id).toBe(U);
      const stranger = await RawClient.open(port());
      expect(aclIn(await stranger.getACL(path))?.[0]?.id.id).toBe("u:x");
      owner.drop();
      stranger.drop();
    });

    // server-semantics 7.3; operations 7.1/Super
    test("stops nobody who is super", async () => {
      const path = freshPath();
      const owner = await openAs("u:p");
      await owner.create(path, { acl: OWNER });
      const admin = await openAs("super:secret");
      expect((await admin.getData(path)).err).toBe(0);
      expect((await admin.set("/zookeeper/config", Buffer.from("x"))).err).toBe(0);
      owner.drop();
      admin.drop();
    });

    // server-semantics 2.1/setACL, Trap 4, 2.3
    test("that is set anew moves aversion and nothing else", async () => {
      const path = freshPath();
      const client = await RawClient.open(port());
      await client.create(path);
      const before = await client.statOf(path);
      const reply = await client.setACL(path, ANYONE, 0);
      expect(stat(reply)).toEqual({ ...before, aversion: 1 });
      expect((await client.setACL(path, ANYONE, 0)).err).toBe(-103);
      client.drop();
    });

    // server-semantics 3.2/setData, 3.2/setACL, 3.2/check (in multi), 3.3/acl, Trap 7
    test("is asked after existence and before the version", async () => {
      const path = freshPath();
      const owner = await openAs("u:p");
      owner.sendCreate(path, { acl: OWNER });
      expect((await owner.set(path, null, 9)).err).toBe(-103);
      const stranger = await RawClient.open(port());
      expect((await stranger.set(`${path}-none`, null, 9)).err).toBe(-101);
      expect((await stranger.set(path, null, 9)).err).toBe(-102);
      expect((await stranger.setACL(path, [], 9)).err).toBe(-114);
      expect((await stranger.setACL(`${path}-none`, ANYONE, 9)).err).toBe(-101);
      expect((await stranger.setACL(path, ANYONE, 9)).err).toBe(-102);
      const checked = async (client: RawClient, at: string): Promise<unknown> => {
        const request = { path: at, version: 9 };
        return (await client.multi([{ type: OpCode.check, request }])).results[0];
      };
      expect(await checked(stranger, `${path}-none`)).toMatchObject({ err: -101 });
      expect(await checked(stranger, path)).toMatchObject({ err: -102 });
      expect(await checked(owner, path)).toMatchObject({ err: -103 });
      owner.drop();
      stranger.drop();
    });

    // server-semantics 6.6, Trap 20
    test("decides who is told of a change, and the watch is used up all the same", async () => {
      const path = freshPath();
      const owner = await openAs("u:p");
      await owner.create(path);
      const stranger = await RawClient.open(port());
      await stranger.getData(path, true);
      await owner.setACL(path, OWNER);
      await owner.set(path, null);
      await owner.setACL(path, ANYONE);
      await owner.set(path, null);
      await stranger.ping();
      expect(stranger.events).toEqual([]);
      owner.drop();
      stranger.drop();
    });

    // server-semantics 7.3
    test("is asked of each operation of a multi", async () => {
      const path = freshPath();
      const owner = await openAs("u:p");
      await owner.create(path, { acl: OWNER });
      const stranger = await RawClient.open(port());
      const { results } = await stranger.multi([
        { type: OpCode.check, request: { path, version: -1 } },
      ]);
      expect(results).toMatchObject([{ err: -102 }]);
      owner.drop();
      stranger.drop();
    });
  });
}
