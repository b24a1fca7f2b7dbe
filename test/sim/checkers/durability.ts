import { OpCode } from "../../../protocol/opcodes.ts";
import { isWrite, type Sent } from "../history.ts";
import type { Checker } from "./checker.ts";

/** Every write that was answered is in the log, at the zxid that the answer named. */
export const acknowledgedWritesSurvive: Checker = {
  name: "AcknowledgedWritesSurvive",
  check({ answers, steps }) {
    const byZxid = new Map(steps.map((step) => [step.zxid, step]));
    return answers.flatMap(({ connection, reply }) => {
      if (!isWrite(reply.sent.op) || reply.zxid <= 0) return [];
      const step = byZxid.get(reply.zxid);
      const what = `xid ${reply.sent.xid} of session ${connection.session}`;
      if (step === undefined) return [`${what} was answered at zxid ${reply.zxid}, which is lost`];
      const isEnd =
        reply.sent.op.type === OpCode.closeSession && step.session === connection.session;
      return step.origin?.sent === reply.sent || isEnd
        ? []
        : [`${what} was answered at zxid ${reply.zxid}, where the log has another txn`];
    });
  },
};

/** No request became two txns. */
export const appliedOnce: Checker = {
  name: "AppliedOnce",
  check({ steps }) {
    const seen = new Map<Sent, number>();
    return steps.flatMap((step) => {
      const sent = step.origin?.sent;
      if (sent === undefined) return [];
      const before = seen.get(sent);
      seen.set(sent, step.zxid);
      const request = `request ${step.session}:${sent.xid}`;
      return before === undefined
        ? []
        : [`${request} was applied at zxid ${before} and again at ${step.zxid}`];
    });
  },
};

/** What recovery brings back is a prefix of the log, and holds all that was answered before. */
export const recoveredPrefix: Checker = {
  name: "RecoveredPrefix",
  check({ history, answers, steps }) {
    const wrong: string[] = [];
    for (const [index, step] of steps.entries()) {
      if (step.zxid !== index + 1) {
        wrong.push(`the log has zxid ${step.zxid} where ${index + 1} should be`);
        break;
      }
    }
    let read = 0;
    let seen = 0;
    for (const life of history.lives) {
      for (; read < answers.length; read++) {
        const reply = answers[read]?.reply;
        if (reply === undefined || reply.when.order > life.when.order) break;
        seen = Math.max(seen, reply.zxid);
      }
      if (life.recoveredZxid < seen) {
        wrong.push(`zxid ${seen} was seen, and recovery came back with ${life.recoveredZxid}`);
      }
      const step = steps[life.recoveredZxid - 1];
      if (step !== undefined && step.digest !== life.digest) {
        wrong.push(
          `the tree recovered at zxid ${life.recoveredZxid} has digest ${life.digest}, ` +
            `a replay gives ${step.digest}`,
        );
      }
    }
    return wrong;
  },
};

/** The digest that each txn carries is the one of the tree after it. */
export const digestsMatch: Checker = {
  name: "DigestsMatch",
  check({ steps }) {
    return steps.flatMap(({ logged, zxid, digest }) => {
      const told = logged.txn.digest;
      if (told === undefined) return [];
      const high = (told.digestHigh >>> 0).toString(16).padStart(8, "0");
      const low = (told.digestLow >>> 0).toString(16).padStart(8, "0");
      return high + low === digest
        ? []
        : [`the txn at zxid ${zxid} carries digest ${high}${low}, a replay gives ${digest}`];
    });
  },
};
