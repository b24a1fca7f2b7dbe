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
  timeForward,
  writesLinearizable,
} from "./order.ts";
import { ephemeralsFollowSessions, expiryNotEarly } from "./sessions.ts";
import { watchesOnceAndBefore } from "./watches.ts";

/** Every checker. The narrow ones stand first: the model's disagree with much of what they find. */
export const CHECKERS: readonly Checker[] = [
  acknowledgedWritesSurvive,
  appliedOnce,
  writesLinearizable,
  sessionOrder,
  timeForward,
  sequenceUnique,
  closedIsClosed,
  watchesOnceAndBefore,
  ephemeralsFollowSessions,
  expiryNotEarly,
  digestsMatch,
  recoveredPrefix,
  txnsAgreeWithModel,
  repliesAgreeWithModel,
];
