import { OpCode } from "../../../protocol/opcodes.ts";
import { zxidCounter } from "../../../protocol/zxid.ts";
import { isWrite } from "../history.ts";
import type { Checker } from "./checker.ts";

/** A write that was answered before another was sent comes before it in the log. */
export const writesLinearizable: Checker = {
  name: "WritesLinearizable",
  check({ answers }) {
    const replies = answers.filter(({ reply }) => isWrite(reply.sent.op) && reply.zxid > 0);
    const bySending = replies.toSorted((a, b) => a.reply.sent.when.order - b.reply.sent.when.order);
    const wrong: string[] = [];
    let answered = 0;
    let highest = 0;
    for (const { connection, reply } of bySending) {
      for (; answered < replies.length; answered++) {
        const earlier = replies[answered]?.reply;
        if (earlier === undefined || earlier.when.order > reply.sent.when.order) break;
        highest = Math.max(highest, earlier.zxid);
      }
      if (reply.zxid <= highest) {
        wrong.push(
          `xid ${reply.sent.xid} of session ${connection.session} was sent after zxid ${highest} ` +
            `was answered, and got zxid ${reply.zxid}`,
        );
      }
    }
    return wrong;
  },
};

/** A connection's answers come in the order of its requests, and its writes have taken effect so. */
export const sessionOrder: Checker = {
  name: "SessionOrder",
  check({ history, steps }) {
    const wrong: string[] = [];
    const zxidOf = new Map(steps.map((step) => [step.origin?.sent, step.zxid]));
    for (const { session, sent, received } of history.connections) {
      const replies = received.flatMap((item) => (item.kind === "reply" ? [item] : []));
      for (const [index, reply] of replies.entries()) {
        if (reply.sent !== sent[index] || reply.xid !== reply.sent.xid) {
          wrong.push(`session ${session} was answered xid ${reply.xid} out of order`);
          break;
        }
      }
      let last = 0;
      for (const request of sent) {
        const zxid = zxidOf.get(request);
        if (zxid === undefined) continue;
        if (zxid < last) {
          wrong.push(`xid ${request.xid} of session ${session} took effect before an earlier one`);
        }
        last = zxid;
      }
    }
    return wrong;
  },
};

/** No reply shows an earlier state than any reply that came before its request was sent. */
export const timeForward: Checker = {
  name: "TimeForward",
  check({ history, answers }) {
    const wrong: string[] = [];
    for (const { session, received } of history.connections) {
      let last = 0;
      for (const item of received) {
        if (item.kind !== "reply" || item.zxid <= 0) continue;
        if (item.zxid < last) {
          wrong.push(`session ${session} saw zxid ${item.zxid} after ${last}`);
        }
        last = item.zxid;
      }
    }
    const replies = answers.filter(({ reply }) => reply.zxid > 0);
    const bySending = replies.toSorted((a, b) => a.reply.sent.when.order - b.reply.sent.when.order);
    let answered = 0;
    let highest = 0;
    for (const { connection, reply } of bySending) {
      for (; answered < replies.length; answered++) {
        const earlier = replies[answered]?.reply;
        if (earlier === undefined || earlier.when.order > reply.sent.when.order) break;
        highest = Math.max(highest, earlier.zxid);
      }
      if (reply.zxid < highest) {
        wrong.push(
          `zxid ${highest} was seen before xid ${reply.sent.xid} of session ` +
            `${connection.session} was sent, whose answer shows zxid ${reply.zxid}`,
        );
      }
    }
    return wrong;
  },
};

/**
 * No session sees an earlier state than it has seen, whatever server it is connected to, and nobody
 * sees, behind a sync, an earlier one than was seen anywhere before that sync was sent.
 */
export const sessionTimeForward: Checker = {
  name: "TimeForward",
  check({ history, answers }) {
    const wrong: string[] = [];
    const seen = new Map<string, number>();
    const connections = history.connections.toSorted((a, b) => a.opened.order - b.opened.order);
    for (const { session, received } of connections) {
      let last = seen.get(session) ?? 0;
      for (const item of received) {
        if (item.zxid <= 0) continue;
        if (item.zxid < last) wrong.push(`session ${session} saw zxid ${item.zxid} after ${last}`);
        last = Math.max(last, item.zxid);
      }
      seen.set(session, last);
    }
    const syncs = answers
      .filter(({ reply }) => reply.sent.op.type === OpCode.sync && reply.code === 0)
      .toSorted((a, b) => a.reply.sent.when.order - b.reply.sent.when.order);
    let answered = 0;
    let highest = 0;
    for (const { connection, reply } of syncs) {
      for (; answered < answers.length; answered++) {
        const earlier = answers[answered]?.reply;
        if (earlier === undefined || earlier.when.order > reply.sent.when.order) break;
        // An epoch's marker is no txn: who does not show it lacks nothing.
        if (zxidCounter(earlier.zxid) > 0) highest = Math.max(highest, earlier.zxid);
      }
      if (reply.zxid < highest) {
        wrong.push(
          `zxid ${highest} was seen before the sync of session ${connection.session} was sent, ` +
            `which shows zxid ${reply.zxid}`,
        );
      }
    }
    return wrong;
  },
};

/** Under one life of a parent no two sequential znodes share a number. */
export const sequenceUnique: Checker = {
  name: "SequenceUnique",
  check({ steps }) {
    const given = new Map<string, number>();
    return steps.flatMap(({ zxid, numbers }) =>
      numbers.flatMap(({ parent, number }) => {
        const key = `${number} under ${parent}`;
        const before = given.get(key);
        given.set(key, zxid);
        return before === undefined ? [] : [`${key} was given at zxid ${before} and ${zxid}`];
      }),
    );
  },
};

/** After a session has asked for its end, nothing of its connection is answered. */
export const closedIsClosed: Checker = {
  name: "ClosedIsClosed",
  check({ history }) {
    return history.connections.flatMap(({ session, received }) => {
      const end = received.findIndex(
        (item) => item.kind === "reply" && item.sent.op.type === OpCode.closeSession,
      );
      return end >= 0 && end < received.length - 1
        ? [`session ${session} was told something after its end was confirmed`]
        : [];
    });
  },
};
