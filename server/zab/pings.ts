/**
 * The pings of one learner's link. Answers come in order and carry no number, so they are counted.
 * One ping at a time stands for a round (sync-rounds.ts): while it is on its way, others only keep
 * the link alive.
 *
 * Invariant: answered <= sent.
 */
import type { Writer } from "../../protocol/jute.ts";
import { writePing } from "../../protocol/quorum.ts";
import type { Zxid } from "../../protocol/zxid.ts";

export class Pings {
  sent = 0;
  answered = 0;
  /** The last round that was answered. */
  answeredRound = 0;
  isDue = false;
  /** Which of them stands for a round, and for which; 0: none on its way does. */
  #probe = 0;
  #probeRound = 0;

  /** A ping that stands for a round is on its way. */
  get isAsking(): boolean {
    return this.#probe !== 0;
  }

  /** Writes the one that is due. True: it is the first here to stand for `round`. */
  write(out: Writer, lastProposed: Zxid, round: number): boolean {
    this.isDue = false;
    this.sent++;
    writePing(out, lastProposed);
    if (this.isAsking || round <= this.answeredRound) return false;
    this.#probe = this.sent;
    this.#probeRound = round;
    return true;
  }

  /** The oldest one is answered. True: with it a round. */
  answer(): boolean {
    this.answered++;
    if (this.answered !== this.#probe) return false;
    this.#probe = 0;
    this.answeredRound = this.#probeRound;
    return true;
  }
}
