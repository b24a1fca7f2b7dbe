// How many may connect: in all, and from one address.

import { expect, test } from "vitest";
import type { ServerView } from "../../../server/server-view.ts";
import { type Peer, ServerRoom } from "../pipeline/server-room.ts";

function view(room: ServerRoom): ServerView {
  const found = room.server.view;
  if (found === undefined) throw new Error("the server has not begun");
  return found;
}

/** Turned away without a byte. */
function expectTurnedAway(room: ServerRoom, peer: Peer): void {
  room.until(() => peer.gone);
  expect(peer.received).toBe(0);
}

// server-semantics 10/zookeeper.maxCnxns total; operations 7.6/Total connections
test("no more connections than maxCnxns are let in, from wherever they come", () => {
  const room = new ServerRoom({ maxConnections: 2, maxClientConnections: 0 });
  const first = room.open();
  room.open();
  expectTurnedAway(room, room.dial());
  expect(view(room).connectionRejectedCount).toBe(1);
  first.link.destroy();
  room.runMs(100);
  expect(room.open().response?.timeoutMs).toBeGreaterThan(0);
});

// operations 7.6/Per-IP connections
test("the limit of an address is its own, each refusal counts, and the log has one line a minute", () => {
  const room = new ServerRoom({ maxClientConnections: 2 });
  for (const address of ["one", "other"]) {
    room.open({}, address);
    room.open({}, address);
  }
  const before = room.lines.length;
  for (let i = 0; i < 5; i++) expectTurnedAway(room, room.dial("one"));
  expect(view(room).connectionRejectedCount).toBe(5);
  expect(room.lines.slice(before).map(({ fields }) => fields["address"])).toEqual(["one"]);
  expect(room.lines.at(-1)?.message).toContain("maxClientCnxns");
});
