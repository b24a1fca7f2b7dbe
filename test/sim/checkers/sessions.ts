import { OpCode } from "../../../protocol/opcodes.ts";
import type { History, Moment } from "../history.ts";
import type { Checker } from "./checker.ts";

/** An ephemeral znode is there if and only if its session is. */
export const ephemeralsFollowSessions: Checker = {
  name: "EphemeralsFollowSessions",
  check({ steps }) {
    return steps.flatMap(({ zxid, session, logged, closes, orphan }) => {
      const wrong: string[] = [];
      if (orphan !== undefined) wrong.push(`${orphan} outlived its session, at zxid ${zxid}`);
      const { body } = logged.txn;
      if (body.type === OpCode.closeSession) {
        const told = new Set(body.paths ?? []);
        const missing = closes.find((path) => !told.has(path));
        const extra = [...told].find((path) => !closes.includes(path));
        if (missing !== undefined) wrong.push(`the end of session ${session} leaves ${missing}`);
        if (extra !== undefined) wrong.push(`the end of session ${session} takes ${extra} along`);
      }
      return wrong;
    });
  },
};

/**
 * A session ends by itself only after who ends sessions heard nothing of it for its timeout, counted
 * from his own start, or the begin of his term, at the earliest.
 */
export const expiryNotEarly: Checker = {
  name: "ExpiryNotEarly",
  check({ history, steps }) {
    const timeouts = timeoutsOf(history);
    const asked = new Set(
      history.connections.flatMap(({ session, sent }) =>
        sent.some(({ op }) => op.type === OpCode.closeSession) ? [session] : [],
      ),
    );
    const created = new Map<string, Moment>();
    return steps.flatMap(({ zxid, session, logged }) => {
      const { type } = logged.txn.header;
      if (type === OpCode.createSession) created.set(session, logged.when);
      if (type !== OpCode.closeSession || asked.has(session)) return [];
      const timeoutMs = timeouts.get(session);
      const silentMs = longestSilenceMs(history, session, created.get(session), logged.when);
      return timeoutMs === undefined || silentMs >= timeoutMs
        ? []
        : [
            `session ${session} of ${timeoutMs} ms expired at zxid ${zxid} after ` +
              `${silentMs.toFixed(1)} ms of silence`,
          ];
    });
  },
};

/** The smallest timeout that was negotiated for each session. */
function timeoutsOf(history: History): Map<string, number> {
  const timeouts = new Map<string, number>();
  for (const { session, timeoutMs } of history.connections) {
    timeouts.set(session, Math.min(timeoutMs, timeouts.get(session) ?? timeoutMs));
  }
  return timeouts;
}

/** The longest time without a byte of the session in the server's life that ended it. */
function longestSilenceMs(
  history: History,
  session: string,
  created: Moment | undefined,
  ended: Moment,
): number {
  const life = history.lives.findLast(({ when }) => when.order < ended.order);
  const begin = Math.max(life?.when.atUs ?? 0, created?.atUs ?? 0);
  let last = begin;
  let longestUs = 0;
  for (const { atUs, server } of history.heard.get(session) ?? []) {
    if (atUs <= begin || server !== life?.server) continue;
    if (atUs > ended.atUs) break;
    longestUs = Math.max(longestUs, atUs - last);
    last = atUs;
  }
  return Math.max(longestUs, ended.atUs - last) / 1000;
}
