// Where Apache ZooKeeper 3.8.0 answers otherwise than quorate: each a row of docs/compatibility.md,
// shown on both servers by a test of test/conformance/server/habits.suite.ts that has its name.
// Nothing else is excused. A habit either tells which two answers it explains, or what random
// sequences leave out because the two servers would not be in one state afterwards.

import { Reader } from "../../../protocol/jute.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import type { Heard } from "./connection.ts";

export interface Habit {
  /** The row's first column, and the name of the test that shows it. */
  readonly matter: string;
  /** Whether these two answers to one request are this habit; absent: sequences leave it out. */
  readonly explains?: (apache: Answer, ours: Answer) => boolean;
}

/** A reply, and what is compared of it. */
export interface Answer {
  readonly heard: Heard;
  readonly text: string;
}

const NO_AUTH = -102;
const INVALID_ACL = -114;
const NO_WATCHER = -121;
const MARSHALLING = -5;

export const HABITS: readonly Habit[] = [
  // Seen to before answers are compared: `Side` leaves out the zxid of events, takes replies to
  // auth packets apart and both spellings of a character for one.
  { matter: "zxid of a watch event" },
  { matter: "reply to an auth or sasl packet" },
  { matter: "characters beyond the BMP" },
  { matter: "re-attach with a wrong password" },
  { matter: "the connection that a session has left" },
  { matter: "the end of a connection that was refused" },

  // Not in the sequences: what follows would differ, or what comes is a matter of luck.
  { matter: "reply to an unknown operation" },
  { matter: "requests behind closeSession" },
  { matter: "a write behind a setACL on its way" },
  { matter: "several watch modes on one path and connection" },
  { matter: "a null path in a multi" },
  { matter: "a TTL flag of create in a multi" },
  { matter: "a null list of setWatches" },
  { matter: "a reconfig that does not decode" },
  { matter: "a sasl packet without a token" },
  { matter: "a vector of fewer than -1 elements" },
  { matter: "createContainer with another flag" },
  { matter: "createTTL with another flag in a multi" },
  { matter: "check outside a multi, deleteContainer and createSession from a client" },

  {
    matter: "exists on a znode that may not be read",
    explains: (apache, ours) =>
      isAsked(OpCode.exists, apache) && errs(apache, 0) && errs(ours, NO_AUTH),
  },
  {
    matter: "create2 in a multi",
    explains: (apache, ours) => resultsDiffer(apache, ours, CREATE, CREATE2),
  },
  {
    matter: "create with the container flag in a multi",
    explains: (apache, ours) => resultsDiffer(apache, ours, CREATE2, CREATE),
  },
  {
    matter: "an unknown create flag in a multi",
    explains: (apache, ours) =>
      isAsked(OpCode.multi, apache) && errs(ours, MARSHALLING) && isFailedMulti(apache),
  },
  {
    matter: "a null in an entry of an ACL",
    explains: (apache, ours) =>
      apache.heard.request?.hasNullInAcl === true &&
      errs(apache, MARSHALLING) &&
      errs(ours, INVALID_ACL),
  },
  {
    matter: "watch types 4 and 5 of removeWatches, checkWatches",
    explains: (apache, ours) =>
      (isAsked(OpCode.removeWatches, apache) || isAsked(OpCode.checkWatches, apache)) &&
      watcherType(apache) >= 4 &&
      errs(apache, MARSHALLING) &&
      errs(ours, NO_WATCHER),
  },
  {
    matter: "addWatch and removeWatches of a null path",
    explains: (apache, ours) =>
      ((isAsked(OpCode.addWatch, apache) && errs(apache, 0)) ||
        (isAsked(OpCode.removeWatches, apache) && errs(apache, NO_WATCHER))) &&
      apache.heard.request?.body.readInt32BE(0) === -1 &&
      errs(ours, MARSHALLING),
  },
  {
    matter: "checkWatches for a watch of others",
    // Where Apache has found nothing, ours may not either.
    explains: (apache, ours) =>
      isAsked(OpCode.checkWatches, apache) &&
      (errs(apache, 0) || errs(apache, MARSHALLING)) &&
      errs(ours, NO_WATCHER),
  },
];

/** Results of creates in a multi, as answers.ts writes them: with the path, with path and Stat. */
const CREATE = /^1 0 ("(?:[^"\\]|\\.)*")$/;
const CREATE2 = /^15 0 ("(?:[^"\\]|\\.)*") \[[^\]]*\]$/;

/** Whether some results are `theirs` at Apache and `own` at ours, and both are never otherwise. */
function resultsDiffer(apache: Answer, ours: Answer, theirs: RegExp, own: RegExp): boolean {
  if (!isAsked(OpCode.multi, apache)) return false;
  const [left, right] = [apache, ours].map(({ text }) => text.split(/ \| | end |(?<=err 0) /));
  if (left === undefined || left.length !== right?.length) return false;
  const different = left.flatMap((result, at) => (result === right[at] ? [] : [at]));
  const isCreate = (at: number, one: RegExp, other: RegExp): boolean => {
    const path = one.exec(left[at] ?? "")?.[1];
    return path !== undefined && path === other.exec(right[at] ?? "")?.[1];
  };
  return (
    different.some((at) => isCreate(at, theirs, own)) &&
    different.every((at) => isCreate(at, CREATE, CREATE2) || isCreate(at, CREATE2, CREATE))
  );
}

/** The habit that explains a difference, if one does. */
export function habitBehind(apache: Answer, ours: Answer): Habit | undefined {
  if (apache.heard.request !== ours.heard.request || head(apache) !== head(ours)) return undefined;
  return HABITS.find(({ explains }) => explains?.(apache, ours) ?? false);
}

/** Its xid and its zxid: no habit changes these. */
function head({ text }: Answer): string {
  return text.slice(0, text.indexOf(" err "));
}

function errs({ heard }: Answer, code: number): boolean {
  return heard.err === code;
}

function isAsked(type: number, { heard }: Answer): boolean {
  return heard.request?.type === type;
}

/** All results of a multi that failed are errors. */
function isFailedMulti({ heard: { err, body } }: Answer): boolean {
  return err === 0 && new Reader().reset(body).int() === OpCode.error && body.readUInt8(4) === 0;
}

/** The last field of a WatcherRequest. */
function watcherType({ heard: { request } }: Answer): number {
  const body = request?.body ?? Buffer.alloc(0);
  return body.length < 4 ? 0 : body.readInt32BE(body.length - 4);
}
