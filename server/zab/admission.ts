/** Who may join a leader at all, and what operators are told of those who may not. */
import { EPOCH_LEAP_MAX, EPOCH_MAX, zxidHex } from "../../protocol/zxid.ts";
import type { LearnerHandler } from "./learner-handler.ts";
import type { QuorumVerifier } from "./quorum-verifier.ts";

export interface AdmissionOptions {
  readonly sid: number;
  readonly verifier: QuorumVerifier;
  /** Observers that the configuration does not name are let in. */
  readonly allowUnlistedObservers: boolean;
}

/**
 * Why a learner that has introduced itself is not let in; undefined: it is.
 *
 * Differs from ZooKeeper, where whoever connects in time raises the new epoch, by however much (D-3).
 *
 * @param epoch The leader's, or the one that it would propose as yet.
 */
export function refusalOf(
  learner: LearnerHandler,
  options: AdmissionOptions,
  epoch: number,
): string | undefined {
  const { sid, isObserver, acceptedEpoch, configVersion } = learner;
  const { verifier, allowUnlistedObservers } = options;
  if (sid === options.sid) {
    return `it says that it is server ${sid}, which is this one: two myid files are the same`;
  }
  const isMember = verifier.isVoter(sid) || verifier.observers.includes(sid);
  if (!isMember && !(isObserver && allowUnlistedObservers)) {
    return (
      `server ${sid} is not in the configuration of this ensemble: it needs a line ` +
      `server.${sid} in every zoo.cfg, or its myid is wrong`
    );
  }
  if (configVersion > verifier.version) {
    return `its configuration is ahead of this leader's: version ${zxidHex(configVersion)}`;
  }
  if (acceptedEpoch >= EPOCH_MAX || acceptedEpoch > epoch + EPOCH_LEAP_MAX) {
    return (
      `it says that it has promised epoch ${acceptedEpoch}, where this leader knows of ${epoch}: ` +
      "its data must be another ensemble's. If it belongs here, empty its directories and start it " +
      "again; if not, take it off this ensemble's addresses"
    );
  }
  return undefined;
}

/** Each takes a candidate that a quorum joined and that failed. Who is further comes from elsewhere. */
const EPOCHS_AHEAD_MAX = 4;

export const FAR_EPOCH: string =
  "a learner has promised an epoch far beyond this one, and cannot join before that. If its data " +
  "is another ensemble's, it must not join at all";

const OTHER_HISTORY =
  "a learner's history is of a later epoch than this ensemble has had, so it is another " +
  "ensemble's. It would lead this one after the next election: if it belongs here, empty its " +
  "directories and start it again; if not, take it off this ensemble's addresses";

/**
 * Why a voter that promised a later epoch than the present one is not to be let in by another one;
 * undefined: it is. Who promised an epoch to a candidate that failed still has the history that it
 * had before: an epoch of a history was promised by a quorum, so there is no leader of an earlier one.
 *
 * Differs from ZooKeeper, where it stays out until the leader changes for another reason.
 *
 * @param claimedEpoch Of its history, as far as it was heard.
 */
export function doubtOf(
  acceptedEpoch: number,
  claimedEpoch: number | undefined,
  epoch: number,
): string | undefined {
  if (claimedEpoch !== undefined && claimedEpoch > epoch) return OTHER_HISTORY;
  return acceptedEpoch > epoch + EPOCHS_AHEAD_MAX ? FAR_EPOCH : undefined;
}
