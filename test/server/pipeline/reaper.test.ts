import { expect, test } from "vitest";
import { CreateFlag, OpCode } from "../../../protocol/opcodes.ts";
import { writeCreateRequest, writeCreateTTLRequest } from "../../../protocol/proto.ts";
import { ANYONE, type Peer, ServerRoom } from "./server-room.ts";

const CHECK_MS = 10_000;

function createContainer(peer: Peer, path: string): number {
  const request = { path, data: null, acl: ANYONE, flags: CreateFlag.container };
  return peer.send(OpCode.createContainer, (writer) => writeCreateRequest(writer, request));
}

function createTTL(peer: Peer, path: string, ttlMs: number): number {
  const request = { path, data: null, acl: ANYONE, flags: CreateFlag.persistentWithTtl, ttlMs };
  return peer.send(OpCode.createTTL, (writer) => writeCreateTTLRequest(writer, request));
}

function use(peer: Peer, path: string): void {
  for (const xid of [peer.create(`${path}/child`), peer.delete(`${path}/child`)]) peer.reply(xid);
}

// server-semantics 9.3/container, 9.3/container never used
test("containers go when their last child has gone, and not before they had one", () => {
  const room = new ServerRoom({ containerCheckIntervalMs: CHECK_MS });
  const peer = room.open({ timeoutMs: 1_000_000 });
  for (const path of ["/used", "/fresh", "/full"]) peer.reply(createContainer(peer, path));
  use(peer, "/used");
  peer.reply(peer.create("/full/child"));
  const { tree } = room.server;
  room.runMs(CHECK_MS + 1000);
  const left = ["/used", "/fresh", "/full"].filter((path) => tree?.findText(path) !== 0);
  expect(left).toEqual(["/fresh", "/full"]);
});

// server-semantics 9.3
test("a container that took the place of one found useless does not go before it was used", () => {
  const room = new ServerRoom({ containerCheckIntervalMs: CHECK_MS, containerMaxPerMinute: 60 });
  const peer = room.open();
  for (const path of ["/a", "/b"]) {
    peer.reply(createContainer(peer, path));
    use(peer, path);
  }
  const { tree } = room.server;
  const left = (): string[] => ["/a", "/b"].filter((path) => tree?.findText(path) !== 0);
  room.until(() => left().length < 2);
  const [path = ""] = left();
  peer.reply(peer.delete(path));
  peer.reply(createContainer(peer, path));
  room.runMs(2000);
  expect(left()).toEqual([path]);
});

// server-semantics 9.3/TTL, 9.3
test("a TTL znode goes once its data has not been set for its time, children or not before", () => {
  const room = new ServerRoom({ extendedTypes: true, containerCheckIntervalMs: 1000 });
  const peer = room.open({ timeoutMs: 1_000_000 });
  const paths = ["/plain", "/set", "/used", "/parent"];
  for (const path of paths) expect(peer.reply(createTTL(peer, path, 10_000)).err).toBe(0);
  expect(peer.reply(createTTL(peer, "/long", 2 ** 40 - 1)).err).toBe(0);
  peer.reply(peer.create("/parent/child"));
  const { tree } = room.server;
  const left = (): string[] => [...paths, "/long"].filter((path) => tree?.findText(path) !== 0);
  room.runMs(8000);
  peer.reply(peer.set("/set", Buffer.alloc(0)));
  use(peer, "/used");
  expect(left()).toEqual([...paths, "/long"]);
  room.runMs(4000);
  expect(left()).toEqual(["/set", "/parent", "/long"]);
  peer.reply(peer.delete("/parent/child"));
  room.runMs(2000);
  expect(left()).toEqual(["/set", "/long"]);
  room.runMs(8000);
  expect(left()).toEqual(["/long"]);
});

// server-semantics 9.3
test("they go one by one, as many a minute as are allowed", () => {
  const settings = {
    extendedTypes: true,
    containerCheckIntervalMs: 1000,
    containerMaxPerMinute: 60,
  };
  const room = new ServerRoom(settings);
  const peer = room.open({ timeoutMs: 1_000_000 });
  for (let i = 0; i < 10; i++) peer.reply(createTTL(peer, `/t${i}`, 1));
  const { tree } = room.server;
  room.until(() => tree?.ttls.size === 9);
  room.runMs(4500);
  expect(tree?.ttls.size).toBeLessThanOrEqual(6);
  expect(tree?.ttls.size).toBeGreaterThanOrEqual(4);
  room.until(() => tree?.ttls.size === 0);
});

test("a round over very many looks at some of them each turn, and finds the last", () => {
  const room = new ServerRoom({ extendedTypes: true, containerCheckIntervalMs: 20_000 });
  const peer = room.open({ timeoutMs: 1_000_000 });
  const many = 12_000;
  peer.together(() => {
    for (let i = 0; i < many; i++) createTTL(peer, `/t${i}`, 1_000_000_000);
  });
  const last = createTTL(peer, "/last", 1);
  peer.reply(last);
  room.until(() => room.server.tree?.findText("/last") === 0);
  expect(room.server.tree?.ttls.size).toBe(many);
});
