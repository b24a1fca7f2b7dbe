import { repliesAgreeWithModel, txnsAgreeWithModel } from "./agreement.ts";
import type { Checker } from "./checker.ts";
import {
  acknowledgedWritesSurvive,
  appliedOnce,
  digestsMatch,
  recoveredPrefix,
} from "./durability.ts";
import {
  closedIsClosed,
  sequenceUnique,
  sessionOrder,
  sessionTimeForward,
  timeForward,
  writesLinearizable,
} from "./order.ts";
import { usageIsCounted } from "./quotas.ts";
import { reapedOnlyWhenOver } from "./reaped.ts";
import { ephemeralsFollowSessions, expiryNotEarly } from "./sessions.ts";
import { watchesOnceAndBefore } from "./watches.ts";

/**
 * Every checker. What needs no model stands first, then what compares whole states: most that is
 * wrong makes the model disagree in the end, and the first to speak should say why.
 */
export const CHECKERS: readonly Checker[] = [
  acknowledgedWritesSurvive,
  appliedOnce,
  writesLinearizable,
  sessionOrder,
  timeForward,
  sequenceUnique,
  expiryNotEarly,
  reapedOnlyWhenOver,
  recoveredPrefix,
  digestsMatch,
  usageIsCounted,
  watchesOnceAndBefore,
  closedIsClosed,
  ephemeralsFollowSessions,
  txnsAgreeWithModel,
  repliesAgreeWithModel,
];

/**
 * Those that hold for several servers too, where a server may show an earlier state than another,
 * and what recovery brings back need not have been settled.
 */
export const ENSEMBLE_CHECKERS: readonly Checker[] = CHECKERS.map((checker) =>
  checker === timeForward ? sessionTimeForward : checker,
).filter((checker) => checker !== recoveredPrefix);
