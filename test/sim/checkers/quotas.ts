import { OpCode } from "../../../protocol/opcodes.ts";
import { QUOTA_STATS } from "../model-quota.ts";
import type { Checker } from "./checker.ts";

/** What a quota's statistics say is what is there: whenever they are read, and after recovery. */
export const usageIsCounted: Checker = {
  name: "UsageIsCounted",
  check({ history, answers, steps, reads }) {
    const wrong: string[] = [];
    for (const { recoveredZxid, usage } of history.lives) {
      const counted = steps[recoveredZxid - 1]?.usage;
      if (usage !== counted) {
        wrong.push(`recovered at zxid ${recoveredZxid}, a quota says ${usage}, not ${counted}`);
      }
    }
    for (const { reply } of answers) {
      const { op } = reply.sent;
      if (op.type !== OpCode.getData || op.request.path !== QUOTA_STATS) continue;
      const usage = reply.result.data?.toString();
      const counted = reads.get(reply)?.data?.toString();
      if (usage === counted) continue;
      wrong.push(`at zxid ${reply.zxid} a quota says ${usage}, not ${counted}`);
    }
    return wrong;
  },
};
