// Taking over a session that is somebody else's.

import { expect, test } from "vitest";
import { type Peer, ServerRoom } from "../pipeline/server-room.ts";

const WRONG = Buffer.alloc(16, 7);

/** Asks for the session with a wrong password, and tells after how many milliseconds it is refused. */
function guess(room: ServerRoom, victim: Peer, address: string): number {
  const peer = room.dial(address);
  const askedUs = room.world.nowUs;
  peer.greet({ ...victim.reattach, password: WRONG });
  room.until(() => peer.gone);
  expect(peer.response).toMatchObject({ timeoutMs: 0, sessionHigh: 0, sessionLow: 0 });
  return (room.world.nowUs - askedUs) / 1000;
}

// operations 7.9/14 Forged or replayed session password
test("wrong passwords cost their owner nothing, and from the sixth on each takes a second", () => {
  const room = new ServerRoom();
  const victim = room.open({ timeoutMs: 10_000 });
  for (let i = 0; i < 5; i++) expect(guess(room, victim, "thief")).toBeLessThan(500);
  for (let i = 0; i < 3; i++) {
    const waitedMs = guess(room, victim, "thief");
    expect(waitedMs).toBeGreaterThanOrEqual(1000);
    expect(waitedMs).toBeLessThan(1500);
  }
  expect(guess(room, victim, "somebody else")).toBeLessThan(500);
  expect(victim.reply(victim.create("/mine")).err).toBe(0);
  // Whoever knows the password is let in wherever it comes from.
  expect(room.open(victim.reattach, "thief").response?.timeoutMs).toBeGreaterThan(0);
});

test("an address that guessed is forgiven after a minute", () => {
  const room = new ServerRoom({ maxSessionTimeoutMs: 600_000 });
  const victim = room.open({ timeoutMs: 600_000 });
  for (let i = 0; i < 5; i++) guess(room, victim, "thief");
  expect(guess(room, victim, "thief")).toBeGreaterThanOrEqual(1000);
  room.runMs(60_000);
  expect(guess(room, victim, "thief")).toBeLessThan(500);
});

// operations 7.9/14 Forged or replayed session password
test("a session that moves while it is in use leaves both addresses in the log", () => {
  const room = new ServerRoom();
  const owner = room.open({}, "owner");
  room.open(owner.reattach, "other");
  room.until(() => owner.gone);
  const told = room.lines.find(({ message }) => message.includes("came back"));
  const moved = { address: "owner", from: "other" };
  expect(told?.fields).toMatchObject(moved);
});
