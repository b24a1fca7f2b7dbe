import { expect, test } from "vitest";
import type { Clock, Timer } from "../../../protocol/host.ts";
import { SessionIds } from "../../../server/session/session-ids.ts";
import { type Session, type SessionHolder, Sessions } from "../../../server/session/sessions.ts";

const TICK_MS = 500;

/** A clock whose timers and turns come when the test says so. */
class ManualClock implements Clock {
  now = 0;
  timers: (() => void)[] = [];
  ends: (() => void)[] = [];

  nowMs(): number {
    return this.now;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.now;
  }

  after(_delayMs: number, callback: () => void): Timer {
    this.timers.push(callback);
    return {
      cancel: () => {
        this.timers = this.timers.filter((other) => other !== callback);
      },
    };
  }

  endOfTurn(callback: () => void): void {
    this.ends.push(callback);
  }

  fire(): void {
    for (const timer of this.timers.splice(0)) timer();
  }

  endTurn(): void {
    for (const end of this.ends.splice(0)) end();
  }
}

function room(): { clock: ManualClock; sessions: Sessions<never>; expired: Session<never>[] } {
  const clock = new ManualClock();
  const expired: Session<never>[] = [];
  const sessions = new Sessions<never>(clock, TICK_MS, 1, new SessionIds(clock, 1), {
    mayExpire: () => true,
    expired: (session) => expired.push(session),
  });
  sessions.start();
  return { clock, sessions, expired };
}

// server-semantics 5.2
test("what a server that stood still finds in its sockets counts before deadlines do", () => {
  const { clock, sessions, expired } = room();
  const [silent, talking] = [sessions.create(1000), sessions.create(1000)];
  for (const session of [silent, talking]) sessions.touch(session, 0);
  clock.now = 60_000;
  clock.fire();
  sessions.touch(talking, clock.now);
  clock.endTurn();
  expect(expired).toEqual([silent]);
});

// server-semantics 5.2
test("nothing revives a session whose end is on its way", () => {
  const { clock, sessions, expired } = room();
  const session = sessions.create(1000);
  sessions.touch(session, 0);
  sessions.markClosing(session);
  sessions.touch(session, 0);
  clock.now = 60_000;
  clock.fire();
  clock.endTurn();
  expect(expired).toEqual([]);
});

test("a server that stops in the turn in which a session is due expires nothing any more", () => {
  const { clock, sessions, expired } = room();
  sessions.touch(sessions.create(1000), 0);
  clock.now = 60_000;
  clock.fire();
  sessions.stop();
  clock.endTurn();
  expect(expired).toEqual([]);
  expect(clock.timers).toEqual([]);
});

// client-protocol 3.6
test("ids bear the server's number, and none that is taken is given again", () => {
  const { sessions } = room();
  const first = sessions.create(1000);
  const again = room().sessions;
  again.restore(first.high, first.low, 1000);
  const next = again.create(1000);
  expect(first.high >>> 24).toBe(1);
  expect(next.key).not.toBe(first.key);
});

// server-semantics 5.2
test("a session that waits for a long answer is not taken for silent", () => {
  const clock = new ManualClock();
  const expired: string[] = [];
  const sessions = new Sessions<SessionHolder>(clock, TICK_MS, 1, new SessionIds(clock, 1), {
    mayExpire: () => true,
    expired: ({ key }) => expired.push(key),
  });
  sessions.start();
  const session = sessions.create(1000);
  const holder = { hasLongRead: true, writeAnswered: () => undefined };
  session.holder = holder;
  sessions.touch(session, 0);
  const pass = (nowMs: number): void => {
    clock.now = nowMs;
    clock.fire();
    clock.endTurn();
  };
  for (const nowMs of [5000, 10_000, 15_000]) pass(nowMs);
  expect(expired).toEqual([]);
  holder.hasLongRead = false;
  pass(20_000);
  expect(expired).toEqual([session.key]);
});
