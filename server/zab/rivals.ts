/**
 * Two links that claim the same sid. Mostly it is one server whose old link is dead without our
 * knowing; now and then two servers have the same myid. So the newcomer waits until the old link
 * has closed, or has answered a ping sent meanwhile, or had time to:
 *
 *     waits ─old link closed, or silent for a tick─▶ takes its place
 *       └────old link answers─▶ refused
 */
import type { LearnerHandler } from "./learner-handler.ts";

/** Half ticks: in the first a ping is sent, within the second it is answered. */
const PATIENCE = 3;

interface Rivalry {
  readonly newcomer: LearnerHandler;
  readonly holder: LearnerHandler;
  /** The pings that the holder had been sent when the newcomer came. */
  readonly pings: number;
  patience: number;
}

export class Rivals {
  readonly #enter: (newcomer: LearnerHandler) => void;
  readonly #rivalries = new Map<LearnerHandler, Rivalry>();

  /** @param enter The newcomer has the sid to itself. */
  constructor(enter: (newcomer: LearnerHandler) => void) {
    this.#enter = enter;
  }

  add(newcomer: LearnerHandler, holder: LearnerHandler): void {
    for (const { newcomer: earlier } of this.#rivalries.values()) {
      if (earlier.sid === newcomer.sid) earlier.close("the same server has connected again");
    }
    const pings = holder.pings.sent;
    this.#rivalries.set(newcomer, { newcomer, holder, pings, patience: PATIENCE });
  }

  /** Every half tick, after pings are due. */
  tick(): void {
    for (const rivalry of this.#rivalries.values()) {
      const { newcomer, holder, pings } = rivalry;
      if (holder.pings.answered > pings) {
        this.#rivalries.delete(newcomer);
        newcomer.close(
          `server ${newcomer.sid} is connected already, from ${holder.remoteAddress}: two servers ` +
            "have the same number in their myid files, or this one runs twice",
        );
      } else if (--rivalry.patience === 0) {
        holder.close("the same server has connected again");
      }
    }
  }

  left(learner: LearnerHandler): void {
    this.#rivalries.delete(learner);
    for (const { newcomer, holder } of this.#rivalries.values()) {
      if (holder !== learner) continue;
      this.#rivalries.delete(newcomer);
      this.#enter(newcomer);
      return;
    }
  }
}
