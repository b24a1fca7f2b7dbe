// The log of a run replayed on the model, request by request. What the model expected of each txn
// and of each read is what checkers compare with what was seen.

import { ErrorCode } from "../../protocol/errors.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { parentPath } from "../../protocol/paths.ts";
import type { TxnBody } from "../../protocol/txn.ts";
import { wordsHex } from "../../protocol/zxid.ts";
import {
  type Answer,
  allReplies,
  type Connection,
  type History,
  isWrite,
  type LoggedTxn,
  type Reply,
  type Sent,
} from "./history.ts";
import { type Change, Model, type Outcome, type ReadOutcome } from "./model.ts";
import { digestId, type Requester } from "./model-acl.ts";
import { isSequential } from "./model-kind.ts";
import type { QuotaView } from "./model-quota.ts";

/** Requests that came by a server which the session had left, or after its end. */
const SESSION_REFUSALS: ReadonlySet<number> = new Set([
  ErrorCode.SessionMoved,
  ErrorCode.SessionExpired,
]);

export interface Step {
  readonly logged: LoggedTxn;
  readonly zxid: number;
  readonly session: string;
  /** Who asked for it; undefined: the server itself. */
  readonly origin: { readonly connection: Connection; readonly sent: Sent } | undefined;
  /** Undefined: a txn that no request accounts for. */
  readonly expected: Outcome | undefined;
  /** Of a closeSession: the ephemerals that must go. */
  readonly closes: readonly string[];
  readonly changes: readonly Change[];
  /** Of the tree after it, 16 hexadecimal digits. */
  readonly digest: string;
  /** What the quota's statistics must say after it; undefined: there are none. */
  readonly usage: string | undefined;
  /** An ephemeral whose session is not open after this txn. */
  readonly orphan: string | undefined;
  /** Of each created sequential znode: its parent's life and the number. */
  readonly numbers: readonly { readonly parent: string; readonly number: string }[];
}

export interface Replay {
  readonly history: History;
  /** All replies, in the order in which they came. */
  readonly answers: readonly Answer[];
  readonly steps: readonly Step[];
  readonly reads: ReadonlyMap<Reply, ReadOutcome>;
  readonly requesters: ReadonlyMap<Sent, Requester>;
}

export function replay(history: History): Replay {
  const answers = allReplies(history);
  const requesters = requestersOf(history);
  const origins = originsOf(history);
  const readsAt = readsByZxid(answers);
  const seenBefore = seenBy(answers);
  const model = new Model();
  const reads = new Map<Reply, ReadOutcome>();
  const steps: Step[] = [];

  let read = 0;
  /** The reads that show what is there before a txn: an epoch's marker is a zxid without one. */
  const readBefore = (zxid: number): void => {
    for (; read < readsAt.length; read++) {
      const reply = readsAt[read];
      if (reply === undefined || reply.zxid >= zxid) return;
      const requester = requesters.get(reply.sent);
      if (requester !== undefined) reads.set(reply, model.read(reply.sent.op, requester));
    }
  };

  for (const logged of history.txns) {
    const { header } = logged.txn;
    readBefore(header.zxid);
    const session = wordsHex(header.sessionHigh, header.sessionLow);
    // A session may be closed on a connection of its own, whose xids begin anew.
    const closing = header.type === OpCode.closeSession;
    const origin = closing ? undefined : origins.get(`${session}:${header.cxid}`);
    const view = {
      since: origin === undefined ? 0 : seenBefore(origin.sent),
      refusedPart: refusedPart(logged),
    };
    const { expected, closes } = advance(model, logged, session, origin, requesters, view);
    steps.push({
      logged,
      zxid: header.zxid,
      session,
      origin,
      expected,
      closes,
      changes: model.changes,
      digest: model.digestHex(),
      usage: model.usage,
      orphan: closing ? orphanIn(model) : undefined,
      numbers: numbersOf(logged, origin?.sent, model),
    });
  }
  readBefore(Number.POSITIVE_INFINITY);
  return { history, answers, steps, reads, requesters };
}

/** Moves the model over one txn. */
function advance(
  model: Model,
  logged: LoggedTxn,
  session: string,
  origin: Step["origin"],
  requesters: ReadonlyMap<Sent, Requester>,
  view: QuotaView,
): { readonly expected: Outcome | undefined; readonly closes: readonly string[] } {
  const { header, body } = logged.txn;
  const ok: Outcome = { code: 0 };
  switch (body.type) {
    case OpCode.createSession:
      model.createSession(session, body.timeoutMs);
      return { expected: ok, closes: [] };
    case OpCode.closeSession:
      return { expected: ok, closes: model.closeSession(session, header.zxid) };
    case OpCode.deleteContainer:
      return {
        expected: { code: model.reap(body.path ?? "", header.zxid, header.timeMs) },
        closes: [],
      };
    default: {
      const requester = origin && requesters.get(origin.sent);
      if (origin === undefined || requester === undefined) {
        // An error txn without an asker is a reaper's delete that came too late: it changes nothing.
        model.changes = [];
        return {
          expected: body.type === OpCode.error ? { code: body.err } : undefined,
          closes: [],
        };
      }
      const { zxid, timeMs } = header;
      if (body.type === OpCode.error && SESSION_REFUSALS.has(body.err)) {
        // Whose the session was when the leader looked cannot be told from outside.
        model.changes = [];
        return { expected: { code: body.err }, closes: [] };
      }
      const expected = model.write(origin.sent.op, requester, zxid, timeMs, view);
      return { expected, closes: [] };
    }
  }
}

/** For a request the highest zxid that anybody had seen before it was sent. */
function seenBy(answers: readonly Answer[]): (sent: Sent) => number {
  const highest: number[] = [0];
  for (const { reply } of answers) {
    highest.push(Math.max(highest.at(-1) ?? 0, reply.zxid));
  }
  return ({ when }) => {
    let [from, to] = [0, answers.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((answers[middle]?.reply.when.order ?? 0) < when.order) from = middle + 1;
      else to = middle;
    }
    return highest[from] ?? 0;
  };
}

/** Which operation of a txn a quota refused; -1: none. */
function refusedPart({ txn: { body } }: LoggedTxn): number {
  const parts = body.type === OpCode.multi ? body.txns : [body];
  return parts.findIndex(
    (part) => part.type === OpCode.error && part.err === ErrorCode.QuotaExceeded,
  );
}

/** By which authentications each request was made. */
function requestersOf(history: History): Map<Sent, Requester> {
  const requesters = new Map<Sent, Requester>();
  for (const { client, session, sent } of history.connections) {
    let auths: ReadonlySet<string> = new Set([`ip:${client}`]);
    for (const request of sent) {
      if (request.op.type === OpCode.auth && request.op.request.scheme === "digest") {
        const credentials = (request.op.request.auth ?? Buffer.alloc(0)).toString();
        auths = new Set([...auths, `digest:${digestId(credentials)}`]);
      }
      requesters.set(request, { session, auths });
    }
  }
  return requesters;
}

/** Each write by its session and xid, as a txn's header names it. */
function originsOf(history: History): Map<string, NonNullable<Step["origin"]>> {
  const origins = new Map<string, NonNullable<Step["origin"]>>();
  const bySent = new Map<Sent, Connection>();
  for (const connection of history.connections) {
    for (const sent of connection.sent) {
      if (!isWrite(sent.op) || sent.op.type === OpCode.closeSession) continue;
      bySent.set(sent, connection);
      origins.set(`${connection.session}:${sent.xid}`, { connection, sent });
    }
  }
  for (const [key, sent] of history.forwarded) {
    const connection = bySent.get(sent);
    if (connection !== undefined) origins.set(key, { connection, sent });
  }
  return origins;
}

/** The answers to reads, in the order of the states that they show. */
function readsByZxid(answers: readonly Answer[]): Reply[] {
  return answers
    .map(({ reply }) => reply)
    .filter(({ sent: { op } }) => {
      // Who watches what is not of the tree: another checker follows it.
      const isOfWatches = op.type === OpCode.removeWatches || op.type === OpCode.checkWatches;
      return !isWrite(op) && !isOfWatches;
    })
    .toSorted((a, b) => a.zxid - b.zxid);
}

function orphanIn(model: Model): string | undefined {
  for (const [path, session] of model.ephemerals()) {
    if (!model.sessions.has(session)) return path;
  }
  return undefined;
}

/** The numbers that a txn gave to sequential znodes. */
function numbersOf(logged: LoggedTxn, sent: Sent | undefined, model: Model): Step["numbers"] {
  const numbers: { parent: string; number: string }[] = [];
  const take = (flags: number, body: TxnBody): void => {
    if (!isSequential(flags) || !("parentCVersion" in body)) return;
    const path = body.path ?? "";
    const life = model.nodes.get(parentPath(path))?.czxid;
    if (life === undefined) return; // the same txn deleted the parent again
    numbers.push({ parent: `${parentPath(path)} of zxid ${life}`, number: path.slice(-10) });
  };
  const { body } = logged.txn;
  if (sent === undefined) return numbers;
  if (sent.op.type === OpCode.multi && body.type === OpCode.multi) {
    if (body.txns.some((part) => part.type === OpCode.error)) return numbers;
    for (const [index, part] of body.txns.entries()) {
      const op = sent.op.ops[index];
      if (op !== undefined && "flags" in op.request) take(op.request.flags, part);
    }
  } else if ("request" in sent.op && "flags" in sent.op.request) {
    take(sent.op.request.flags, body);
  }
  return numbers;
}
