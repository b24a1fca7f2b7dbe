// What a learner tells its leader of the sessions that it hears of.

import { expect, test } from "vitest";
import { Writer } from "../../../protocol/jute.ts";
import { LearnerSessions } from "../../../server/session/learner-sessions.ts";
import { SessionIds } from "../../../server/session/session-ids.ts";
import type { Session, SessionHolder } from "../../../server/session/sessions.ts";
import { World } from "../../../server/testing/index.ts";

const TICK_MS = 500;

interface Room {
  readonly world: World;
  readonly sessions: LearnerSessions<SessionHolder>;
  /** What it tells now: low words and timeouts. */
  readonly told: () => number[][];
  readonly pass: (ms: number) => void;
}

function room(isTaken: (high: number, low: number) => boolean = () => false): Room {
  const world = new World(1);
  const { clock } = world.host("server-2");
  const ids = new SessionIds(clock, 2);
  const sessions = new LearnerSessions<SessionHolder>(clock, TICK_MS, ids, isTaken);
  return {
    world,
    sessions,
    told: () => {
      const out = new Writer();
      sessions.takeTouched(out);
      const bytes = out.written();
      const all: number[][] = [];
      for (let at = 0; at < bytes.length; at += 12) {
        all.push([bytes.readInt32BE(at + 4), bytes.readInt32BE(at + 8)]);
      }
      return all;
    },
    pass: (ms) => world.runUntil(world.nowUs + ms * 1000),
  };
}

function holder(hasLongRead = false): SessionHolder {
  return { hasLongRead, writeAnswered: () => undefined };
}

function row({ low, timeoutMs }: Session): number[] {
  return [low, timeoutMs];
}

// quorum-protocol W-1
test("each session is told once for each time that it was heard of, with its timeout", () => {
  const { sessions, told, pass } = room();
  const [a, b] = [sessions.create(1000), sessions.create(2000)];
  sessions.touch(a);
  sessions.touch(b);
  sessions.touch(a);
  expect(told()).toEqual([row(a), row(b)]);
  expect(told()).toEqual([]);
  pass(TICK_MS / 2);
  sessions.touch(b);
  expect(told()).toEqual([row(b)]);
});

// quorum-protocol W-1
test("a session that was created anywhere counts as heard of", () => {
  const { sessions, told } = room();
  sessions.beganElsewhere(1, 77, 4000);
  expect(told()).toEqual([[77, 4000]]);
  expect(told()).toEqual([]);
});

// quorum-protocol W-1; operations 7.9/30 Clock jump suspended VM
test("a server that stood still has not listened: all that are attached are told, once", () => {
  const { sessions, told, pass } = room();
  const [here, away] = [sessions.create(1000), sessions.create(1000)];
  here.holder = holder();
  told();
  pass(TICK_MS);
  expect(told()).toEqual([]);
  pass(60_000);
  expect(told()).toEqual([row(here)]);
  expect(told()).toEqual([]);
  expect(away.holder).toBeUndefined();
});

// quorum-protocol W-1
test("who waits for a long answer of ours is told, since nobody listens to it", () => {
  const { sessions, told } = room();
  const session = sessions.create(1000);
  session.holder = holder(true);
  expect(told()).toEqual([row(session)]);
  expect(told()).toEqual([row(session)]);
});

// server-semantics 5.2; quorum-protocol W-2
test("a session that is about to end is not told any more, nor attached", () => {
  const { sessions, told } = room();
  const session = sessions.create(1000);
  session.holder = holder();
  sessions.touch(session);
  sessions.markClosing(session);
  sessions.touch(session);
  expect(told()).toEqual([]);
  expect(sessions.attach(session.high, session.low, 1000)).toBeUndefined();
  sessions.remove(session);
  expect(sessions.get(session.key)).toBeUndefined();
});

// client-protocol 3.6
test("an id that is taken is not given out again, whatever the clock said", () => {
  const taken = new Set<string>();
  const { sessions } = room((high, low) => taken.has(`${high}.${low}`));
  const first = sessions.create(1000);
  taken.add(`${first.high}.${first.low + 1}`);
  expect(sessions.create(1000).low).toBe(first.low + 2);
});
