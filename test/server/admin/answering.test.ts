import { expect, test } from "vitest";
import type { Clock, Timer } from "../../../protocol/host.ts";
import { Answering, type Asker } from "../../../server/admin/answering.ts";
import type { AdminSource, WatchesView } from "../../../server/admin/source.ts";
import type { Logger } from "../../../server/log.ts";

const WATCHED = 1_000_000;
const SLICE_BYTES = 0x1_0000;
const TAIL_CHARS = 50;

/** Time that passes when a test says so, or by what work takes. */
class ManualClock implements Clock {
  workMs = 0;
  #nowMs = 1000;
  readonly #timers: { dueMs: number; run: () => void; cancelled: boolean }[] = [];

  nowMs(): number {
    return this.#nowMs + this.workMs;
  }

  wallMs(): number {
    return this.nowMs();
  }

  endOfTurn(run: () => void): void {
    this.after(0, run);
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = { dueMs: this.nowMs() + delayMs, run, cancelled: false };
    this.#timers.push(timer);
    return {
      cancel: () => {
        timer.cancelled = true;
      },
    };
  }

  /** Runs the next timer, which may be up to `limitMs` away. False: there is none. */
  step(limitMs = 0): boolean {
    this.#timers.sort((a, b) => a.dueMs - b.dueMs);
    const next = this.#timers[0];
    if (next === undefined || next.dueMs > this.nowMs() + limitMs) return false;
    this.#timers.shift();
    this.#nowMs += Math.max(0, next.dueMs - this.nowMs());
    if (!next.cancelled) next.run();
    return true;
  }
}

/** A connection; `takes` says whether what it is sent leaves at once. */
class FakeAsker implements Asker {
  readonly remoteAddress = "10.0.0.7";
  takes = true;
  isBlocked = false;
  text = "";
  keepsText = true;
  lines = 0;
  tail = "";
  pieces = 0;
  largest = 0;
  isDone = false;
  end: string | undefined;
  stays = 0;

  answer(piece: Buffer): void {
    const text = piece.toString();
    if (this.keepsText) this.text += text;
    this.lines += text.split("\n").length - 1;
    this.tail = text.slice(-TAIL_CHARS);
    this.pieces++;
    this.largest = Math.max(this.largest, piece.length);
    this.isBlocked = !this.takes;
  }

  answerDone(): void {
    this.isDone = true;
  }

  finish(reason: string): void {
    this.end = reason;
  }

  cut(reason: string): void {
    this.end = reason;
  }

  stay(): void {
    this.stays++;
  }
}

function scene(paths: number, perPath: (clock: ManualClock) => void = () => undefined) {
  const clock = new ManualClock();
  const told: string[] = [];
  const log: Logger = {
    debug: (_fields, message) => void told.push(message),
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  };
  const scenery = { executions: 0 };
  const watchers = new Map([[{ session: { high: 0, low: 1 } }, 1]]);
  const dataWatches: WatchesView = {
    watcherCount: 1,
    pathCount: paths,
    size: paths,
    watchers: () => [],
    *paths() {
      scenery.executions++;
      // More come while it is walked, as under load.
      for (let i = 0; i < paths + 1000; i++) {
        perPath(clock);
        yield { path: `/watched/by/somebody/${i}`, watchers };
      }
    },
  };
  const source = { serving: true, fourLetterWords: "*", traceMask: 306n, dataWatches };
  const answering = new Answering(clock, log, () => source as unknown as AdminSource);
  const ask = (word: string): FakeAsker => {
    const asker = new FakeAsker();
    expect(answering.ask(Buffer.from(word, "latin1").readInt32BE(0), asker)).toBe(true);
    return asker;
  };
  return { clock, answering, ask, told, scenery };
}

// operations 3.6
test("wchp of a million watches is made in slices of less than 5 ms, and kept in none", () => {
  // A path takes 3 microseconds, which is more than it does.
  const { clock, answering, ask } = scene(WATCHED, (at) => {
    at.workMs += 0.003;
  });
  let longestMs = 0;
  let beganMs = clock.nowMs();
  const asker = ask("wchp");
  asker.keepsText = false;
  do {
    longestMs = Math.max(longestMs, clock.nowMs() - beganMs);
    beganMs = clock.nowMs();
  } while (clock.step() || (!asker.isDone && clock.step(1000)));
  expect(asker.isDone).toBe(true);
  expect(longestMs).toBeLessThan(5);
  expect(answering.slices).toBeGreaterThan(WATCHED / SLICE_BYTES);
  expect(asker.largest).toBeLessThan(SLICE_BYTES + 100);
  expect(asker.lines).toBe(2 * WATCHED + 1);
  expect(asker.tail.endsWith(`/${WATCHED - 1}\n\t0x1\n\n`)).toBe(true);
});

// operations 3.6
test("an answer is made no faster than it is taken", () => {
  const { clock, answering, ask } = scene(10_000);
  const asker = ask("wchp");
  asker.isBlocked = true;
  asker.takes = false;
  for (let i = 1; !asker.isDone; i++) {
    for (let j = 0; j < 5; j++) clock.step();
    expect(asker.pieces).toBe(i);
    asker.isBlocked = false;
    answering.taken(asker);
    clock.step();
  }
  expect(asker.text.split("\n")).toHaveLength(2 * 10_000 + 2);
});

// operations 3.6
test("a word is executed once at a time, and who asks meanwhile shares the next answer", () => {
  const { clock, ask, scenery } = scene(10_000);
  const first = ask("wchp");
  clock.step();
  expect(first.isDone).toBe(false);
  const later = [ask("wchp"), ask("wchp"), ask("wchp")];
  clock.step();
  expect(later.map(({ pieces }) => pieces)).toEqual([0, 0, 0]);
  while (clock.step(100));
  expect(scenery.executions).toBe(2);
  for (const asker of later) {
    expect(asker.isDone).toBe(true);
    expect(asker.text).toBe(first.text);
  }
});

// operations 7.9/23 4lw abuse
test("a word is executed ten times a second at most, however often it is asked", () => {
  const { clock, ask, scenery } = scene(1);
  const startedMs = clock.nowMs();
  const askers: FakeAsker[] = [];
  while (clock.nowMs() < startedMs + 2000) {
    askers.push(ask("wchp"));
    clock.after(3, () => undefined);
    clock.step(3);
  }
  expect(askers.length).toBeGreaterThan(600);
  // At 0, 100, 200 … 2000 ms.
  expect(scenery.executions).toBe(21);
  while (clock.step(100));
  expect(askers.every(({ isDone }) => isDone)).toBe(true);
});

test("whoever waits for the answer stays, and whoever does not take it is cut off", () => {
  const { clock, answering, ask } = scene(10_000);
  const slow = ask("wchp");
  slow.takes = false;
  slow.isBlocked = true;
  const next = ask("wchp");
  while (slow.end === undefined && clock.step(1000));
  expect(slow.end).toBe("it does not take the answer to its word");
  expect(clock.nowMs()).toBeLessThan(1000 + 25_000);
  expect(next.stays).toBeGreaterThan(15);
  answering.gone(slow);
  while (clock.step(1000));
  expect(next.isDone).toBe(true);
});

test("an answer that nobody waits for any more is not made to its end", () => {
  const { clock, answering, ask, scenery } = scene(10_000);
  const asker = ask("wchp");
  const { slices } = answering;
  answering.gone(asker);
  while (clock.step(1000));
  expect(answering.slices).toBe(slices);
  const again = ask("wchp");
  while (clock.step());
  expect([again.isDone, scenery.executions]).toEqual([true, 2]);
});

// operations 3.1/stmk needs 8 more bytes (big-endian signed 64-bit mask) in, 3.5/stmk
test("the mask of stmk may come in pieces, within a second", () => {
  const { clock, answering, ask } = scene(0);
  const asker = ask("stmk");
  answering.heard(asker, Buffer.from("ffffffff", "hex"));
  expect(asker.isDone).toBe(false);
  answering.heard(asker, Buffer.from("fffffffe0d0a", "hex"));
  expect([asker.text, asker.isDone]).toEqual(["-2", true]);
  expect(ask("gtmk").text).toBe("-2");
  const silent = ask("stmk");
  answering.heard(silent, Buffer.from("00", "hex"));
  while (clock.step(1000));
  expect([silent.text, silent.end]).toEqual(["", ""]);
  expect(clock.nowMs()).toBe(2000);
  expect(ask("gtmk").text).toBe("-2");
});

// operations 3.1/ZooKeeper logs every word at INFO; probes flood the log
test("each word is counted, and told at DEBUG", () => {
  const { answering, ask, told } = scene(0);
  ask("ruok");
  ask("ruok");
  ask("isro");
  expect([...answering.counts]).toEqual([
    ["ruok", 2],
    ["isro", 1],
  ]);
  expect(told).toHaveLength(3);
});

// operations 3.1/0xfff4fffd (telnet interrupt) → close quietly no warning; client-protocol 3.1/0xFFF4FFFD (telnet interrupt)
test("what telnet sends for an interrupt ends the connection, and nothing is told", () => {
  const { answering, told } = scene(0);
  const asker = new FakeAsker();
  expect(answering.ask(0xfff4fffd | 0, asker)).toBe(true);
  expect([asker.end, asker.text, told]).toEqual(["", "", []]);
});
