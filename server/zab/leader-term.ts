/** A leader's term as the links of its learners see it. */
import type { Zxid } from "../../protocol/zxid.ts";
import type { LeaderService, Replica } from "./effects.ts";
import type { LearnerHandler } from "./learner-handler.ts";
import type { LearnerLines } from "./learner-lines.ts";

export interface Term {
  readonly replica: Replica;
  readonly lines: LearnerLines;
  readonly epoch: number;
  readonly configText: string;
  /** Half ticks. */
  readonly initLimit: number;
  readonly syncLimit: number;
  /** Undefined until the term is established. */
  readonly service: LeaderService | undefined;
  /** It hands over: nothing that would become a txn is taken any more. */
  readonly isLeaving: boolean;
  /** The newest round of pings (sync-rounds.ts). */
  readonly round: number;
  /** FOLLOWERINFO or OBSERVERINFO. Returns why it is refused, if it is. */
  introduced(learner: LearnerHandler): string | undefined;
  /** ACKEPOCH. Returns why it is refused, if it is. */
  agreed(learner: LearnerHandler, currentEpoch: number): string | undefined;
  /** ACK of NEWLEADER. */
  adopted(learner: LearnerHandler): void;
  /** ACK of a proposal. */
  acknowledged(learner: LearnerHandler): void;
  /** A ping of the newest round has been written. */
  asked(): void;
  /** A ping of a round was answered. */
  answered(learner: LearnerHandler): void;
  syncRequested(learner: LearnerHandler): void;
  /** The window need not keep what it had to keep before. */
  advanced(before: Zxid): void;
  /** The log on disk could not be sent to the end. */
  rangeFailed(reason: string): void;
  /** HANDOVER was written. */
  dismissed(): void;
  /** The last of it. */
  left(learner: LearnerHandler): void;
}
