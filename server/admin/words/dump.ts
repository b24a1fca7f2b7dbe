/** `dump`: which sessions and connections end when, and which znodes end with them. */
import type { AdminSource, DeadlineView, GlobalSessionView } from "../source.ts";
import { first } from "./texts.ts";

export function* dump(source: AdminSource): Generator<string> {
  yield "SessionTracker dump:\n";
  const local = source.localSessionDeadlines();
  if (local !== undefined) yield* deadlines("Local Session", local);
  const global = source.globalSessions();
  if (global !== undefined) yield* sessions(global);
  else {
    const what = local === undefined ? "Session" : "Global Session";
    yield* deadlines(what, source.sessionDeadlines());
  }
  yield `ephemeral nodes dump:\nSessions with Ephemerals (${source.ephemeralOwnerCount}):\n`;
  for (const owner of first(source.ephemeralOwners(), source.ephemeralOwnerCount)) {
    yield `${owner.session}:\n`;
    for (const path of first(owner.paths(), owner.count)) yield `\t${path}\n`;
  }
  yield "Connections dump:\n";
  yield* deadlines("Connections", source.connectionDeadlines());
}

function* sessions(all: readonly GlobalSessionView[]): Generator<string> {
  yield `Global Sessions(${all.length}):\n`;
  for (const { session, timeoutMs } of all) yield `${session}\t${timeoutMs}ms\n`;
}

function* deadlines(what: string, sets: readonly DeadlineView[]): Generator<string> {
  let total = 0;
  for (const set of sets) total += set.count;
  yield `${what} Sets (${sets.length})/(${total}):\n`;
  for (const set of sets) {
    const { count } = set;
    yield `${count} expire at ${dateText(set.wallMs)}:\n`;
    for (const name of first(set.names(), count)) yield `\t${name}\n`;
  }
}

/** As Java prints a date, in UTC: "Sun Nov 22 15:51:05 UTC 2026". */
function dateText(wallMs: number): string {
  // oxlint-disable-next-line no-restricted-globals -- it words a time and asks no clock
  const [weekday = "", day, month, year, time] = new Date(wallMs).toUTCString().split(" ");
  return `${weekday.slice(0, 3)} ${month} ${day} ${time} UTC ${year}`;
}
