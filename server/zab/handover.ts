/**
 * A leader that goes in good order (operations 9.4), once its pipeline takes no more writes:
 *
 *     settling ─nothing outstanding─▶ naming ─HANDOVER written to all of ours─▶ gone
 *        └────────── none of ours is fit, or they are no quorum without us ─────▶ gone
 *
 * The successor leads without an election, and those who were told follow it; they have to be a
 * quorum by themselves, or it would wait in vain for servers that hold an election meanwhile.
 */
import type { Replica, ZabLog } from "./effects.ts";
import type { LearnerHandler } from "./learner-handler.ts";
import type { QuorumVerifier } from "./quorum-verifier.ts";

/** Half ticks that it waits for what is outstanding, and for links to take what was written. */
const PATIENCE = 2;

export class Handover {
  readonly #verifier: QuorumVerifier;
  readonly #replica: Replica;
  readonly #log: ZabLog;
  /** All is settled, and who is told has been. */
  readonly #done: () => void;
  #patience = PATIENCE;
  /** Those who are told; undefined: something is outstanding. */
  #told: readonly LearnerHandler[] | undefined;
  #isDone = false;

  constructor(verifier: QuorumVerifier, replica: Replica, log: ZabLog, done: () => void) {
    this.#verifier = verifier;
    this.#replica = replica;
    this.#log = log;
    this.#done = done;
  }

  /** Every half tick. True: it took too long. */
  tick(): boolean {
    this.#patience--;
    return this.#patience < 0;
  }

  /** To be called whenever something was settled, written, or somebody has left. */
  advance(learners: Iterable<LearnerHandler>): void {
    const { committedZxid, lastZxid } = this.#replica.window;
    if (this.#isDone || committedZxid < lastZxid) return;
    this.#told ??= this.#tell(learners);
    if (this.#told.some((learner) => learner.isBeingDismissed)) return;
    this.#isDone = true;
    // What is settled is answered here first.
    this.#replica.whenDelivered(this.#done);
  }

  #tell(learners: Iterable<LearnerHandler>): readonly LearnerHandler[] {
    const { lastZxid } = this.#replica.window;
    const ours = [...learners].filter(({ isOurs, state }) => isOurs && state === "serving");
    const voters = ours.filter(({ isObserver }) => !isObserver);
    // Who has acknowledged the last txn lacks nothing: there is none more advanced.
    const successor = voters.find(
      ({ sid, ackedZxid }) => ackedZxid === lastZxid && this.#verifier.weight(sid) > 0,
    );
    const sids = new Set(voters.map(({ sid }) => sid));
    if (successor === undefined || !this.#verifier.containsQuorum((sid) => sids.has(sid)))
      return [];
    this.#log.info({ successor: successor.sid }, "hands over");
    for (const learner of ours) learner.dismiss(successor.sid);
    return ours;
  }
}
