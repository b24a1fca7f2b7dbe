import { expect, test } from "vitest";
import { CreateFlag, OpCode } from "../../../protocol/opcodes.ts";
import { writeCreateRequest } from "../../../protocol/proto.ts";
import { ANYONE, type Peer, ServerRoom } from "./server-room.ts";

const CHECK_MS = 10_000;

function createContainer(peer: Peer, path: string): number {
  const request = { path, data: null, acl: ANYONE, flags: CreateFlag.container };
  return peer.send(OpCode.createContainer, (writer) => writeCreateRequest(writer, request));
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
