// What the programs for clients from npm print and wait for. A client calls back in the order in
// which its server answered; a program turns to another client only while nothing is outstanding.

import { createInterface } from "node:readline";

const PATIENCE_MS = 60_000;

const answers = createInterface(process.stdin)[Symbol.asyncIterator]();
/** Called after anything that somebody may wait for. */
let wake = () => undefined;
let outstanding = 0;
let events = 0;

export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** The head of a part, once all before it is settled. */
export async function part(name) {
  await settle();
  say(`-- ${name}`);
}

/** Asks the judge ("restart", "cut", ...) and waits until it is done. */
export async function demand(what) {
  say(`! ${what}`);
  await answers.next();
}

export async function until(what, condition) {
  const late = setTimeout(() => {
    process.stderr.write(`not within ${PATIENCE_MS} ms: ${what}\n`);
    process.exit(1);
  }, PATIENCE_MS);
  while (!condition()) {
    await new Promise((resolve) => {
      wake = resolve;
    });
  }
  clearTimeout(late);
}

/** To be called with whatever `until` may wait for. */
export function changed() {
  wake();
}

/** A callback that prints: `describe` makes the text of an answer that is no error. */
export function answered(label, describe = () => "") {
  outstanding++;
  return (error, ...results) => {
    const text = error ? `${error.name} ${error.code}` : describe(...results);
    say(`${label}: ${text === "" ? "ok" : text}`);
    outstanding--;
    wake();
  };
}

/** Waits until every request was answered. */
export function settle() {
  return until("replies", () => outstanding === 0);
}

/** Prints a watch event. */
export function happened(watch, what) {
  say(`event of ${watch}: ${what}`);
  events++;
  wake();
}

/** How many watch events were printed so far. */
export function eventCount() {
  return events;
}

/** Data as text; what is long, as its length. */
export function textOf(data) {
  if (data === undefined || data === null) return "null";
  return data.length > 40 ? `${data.length} bytes` : `"${data}"`;
}
