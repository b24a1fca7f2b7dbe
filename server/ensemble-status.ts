/** What operators are told of a server's ensemble, and of its part in it. */
import { ensembleText } from "../protocol/ensemble.ts";
import type { Clock } from "../protocol/host.ts";
import type { EnsembleView, LeadingView, SizesView } from "./admin/source.ts";
import { Summary } from "./admin/summary.ts";
import type { EnsembleSettings } from "./config/ensemble.ts";
import type { PipelineStats } from "./pipeline/stats.ts";
import type { Serving } from "./serving.ts";
import type { Leader } from "./zab/leader.ts";
import type { Peer } from "./zab/peer.ts";

const NO_SIZES: SizesView = { last: -1, min: -1, max: -1 };

/** ZooKeeper's words for how far a term has come, whatever ours are. */
const PHASES: ReadonlyMap<string, string> = new Map([
  ["collecting", "discovery"],
  ["promising", "discovery"],
  ["electing", "discovery"],
  ["connecting", "discovery"],
  ["discovery", "discovery"],
  ["adopting", "synchronization"],
  ["synchronizing", "synchronization"],
  ["synchronization", "synchronization"],
  ["broadcasting", "broadcast"],
  ["broadcast", "broadcast"],
]);

export interface StatusSources {
  readonly clock: Clock;
  readonly settings: EnsembleSettings;
  readonly stats: PipelineStats<Summary>;
  readonly peer: () => Peer;
  readonly serving: () => Serving | undefined;
}

export class EnsembleStatus implements EnsembleView {
  readonly electionTime: Summary = new Summary();
  lookingCount = 0;
  readonly quorumSize: number;
  readonly initLimitTicks: number;
  readonly syncLimitTicks: number;
  readonly electionPort: number;
  readonly quorumPort: number;
  readonly isObserver: boolean;
  readonly membership: string;
  readonly isReadOnlyModeEnabled: boolean;
  readonly #from: StatusSources;
  /** Undefined: it has a leader. */
  #lookingSinceMs: number | undefined;
  /** The term as leader that is counted, and what earlier ones came to. */
  #leader: Leader | undefined;
  #leadingSinceMs = 0;
  #earlierDiffs = 0;
  #earlierSnaps = 0;

  constructor(from: StatusSources) {
    this.#from = from;
    const { sid, config, initLimitTicks, syncLimitTicks, readOnlyModeEnabled } = from.settings;
    const members = [...config.members.values()];
    const own = config.members.get(sid);
    this.quorumSize = members.filter(({ role }) => role === "participant").length;
    this.initLimitTicks = initLimitTicks;
    this.syncLimitTicks = syncLimitTicks;
    this.electionPort = own?.addresses[0]?.electionPort ?? -1;
    this.quorumPort = own?.addresses[0]?.quorumPort ?? -1;
    this.isObserver = own?.role === "observer";
    this.membership = ensembleText(config);
    this.isReadOnlyModeEnabled = readOnlyModeEnabled;
  }

  /** Something of the peer has changed. */
  look(): void {
    const { clock, peer } = this.#from;
    const { role, leader } = peer();
    const nowMs = clock.nowMs();
    if (role === "looking") {
      if (this.#lookingSinceMs === undefined) this.lookingCount++;
      this.#lookingSinceMs ??= nowMs;
    } else if (this.#lookingSinceMs !== undefined) {
      this.electionTime.add(nowMs - this.#lookingSinceMs);
      this.#lookingSinceMs = undefined;
    }
    if (leader === this.#leader) return;
    this.#earlierDiffs = this.diffCount;
    this.#earlierSnaps = this.snapCount;
    this.#leader = leader;
    this.#leadingSinceMs = nowMs;
  }

  get peerState(): string {
    const { role, leader, learner } = this.#from.peer();
    const phase = PHASES.get(leader?.phase ?? learner?.phase ?? "");
    return phase === undefined ? role : `${role} - ${phase}`;
  }

  get leading(): LeadingView | undefined {
    const leader = this.#leader;
    const serving = this.#from.serving();
    if (leader === undefined || serving?.mode !== "leader") return undefined;
    return {
      ...this.#learners(leader),
      pendingSyncs: leader.pendingSyncs,
      uptimeMs: this.#from.clock.nowMs() - this.#leadingSinceMs,
      proposals: serving.proposalSizes ?? NO_SIZES,
    };
  }

  get diffCount(): number {
    return this.#earlierDiffs + (this.#leader?.syncs.diff ?? 0);
  }

  get snapCount(): number {
    return this.#earlierSnaps + (this.#leader?.syncs.snap ?? 0);
  }

  get proposalCount(): number {
    return this.#from.stats.proposals;
  }

  get commitCount(): number {
    return this.#from.stats.commits;
  }

  get learnerCommitCount(): number {
    return this.#from.stats.learnerCommits;
  }

  get revalidateCount(): number {
    return this.#from.stats.revalidations;
  }

  get connectionRevalidateCount(): number {
    return this.#from.stats.ownRevalidations;
  }

  #learners(
    leader: Leader,
  ): Pick<
    LeadingView,
    "learners" | "syncedFollowers" | "syncedNonVotingFollowers" | "syncedObservers"
  > {
    const counts = {
      learners: 0,
      syncedFollowers: 0,
      syncedNonVotingFollowers: 0,
      syncedObservers: 0,
    };
    const { members } = this.#from.settings.config;
    for (const { sid, state, isObserver } of leader.learners()) {
      counts.learners++;
      if (state !== "serving") continue;
      if (isObserver) counts.syncedObservers++;
      else counts.syncedFollowers++;
      const isVoter = members.get(sid)?.role === "participant";
      if (!isObserver && !isVoter) counts.syncedNonVotingFollowers++;
    }
    return counts;
  }
}
