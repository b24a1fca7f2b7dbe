// A server that can do nothing but elect: the core and its port on a host, with a timer between.

import type { ElectionAddress, Notification } from "../../protocol/election.ts";
import type { EnsembleConfig } from "../../protocol/ensemble.ts";
import type { Host, HostError, Timer } from "../../protocol/host.ts";
import { ElectionPort } from "../../server/net/election-port.ts";
import type { ElectionOutcome } from "../../server/zab/effects.ts";
import { type Candidate, Election } from "../../server/zab/election.ts";
import { QuorumVerifier } from "../../server/zab/quorum-verifier.ts";

export interface VoterOptions {
  readonly sid: number;
  readonly config: EnsembleConfig;
  /** The committed configuration as text. */
  readonly text: string;
  readonly connectTimeoutMs?: number;
}

export class Voter {
  readonly port: ElectionPort;
  readonly core: Election;
  readonly outcomes: ElectionOutcome[] = [];
  /** What it was told, by whom. */
  readonly heard: { readonly sid: number; readonly notification: Notification }[] = [];
  /** For operators. */
  readonly reports: string[] = [];
  /** Something happened. */
  changed: () => void = () => undefined;
  readonly #host: Host;
  #timer: Timer | undefined;

  constructor(host: Host, options: VoterOptions) {
    const { sid, config, text } = options;
    this.#host = host;
    const members = new Map<number, readonly ElectionAddress[]>();
    for (const [of, { addresses }] of config.members) {
      members.set(
        of,
        addresses.map((address) => ({ host: address.host, port: address.electionPort })),
      );
    }
    const own = members.get(sid) ?? [];
    this.port = new ElectionPort(
      host.clock,
      host.network,
      {
        sid,
        listenAt: own.map((address) => ({ ...address, backlog: 16 })),
        listenTriesMax: 3,
        ownAddresses: own,
        members,
        connectTimeoutMs: options.connectTimeoutMs ?? 5000,
        handshakeTimeoutMs: 10_000,
        keepAlive: true,
      },
      {
        received: (from, notification) => {
          this.heard.push({ sid: from, notification });
          this.core.receive(from, notification, host.clock.nowMs());
          this.#moved();
        },
        answerTo: (to) => this.core.answerTo(to),
        changed: () => {
          this.core.tick(host.clock.nowMs());
          this.#moved();
        },
        report: (reason) => {
          this.reports.push(reason);
          this.changed();
        },
      },
    );
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
    this.core = new Election(
      {
        sid,
        quorum: new QuorumVerifier(config),
        config: text,
        minIntervalMs: 200,
        maxIntervalMs: 60_000,
      },
      {
        links: this.port,
        log,
        decided: (outcome) => void this.outcomes.push(outcome),
        deserted: () => undefined,
      },
    );
  }

  /** Whom it leads or follows now. */
  get leader(): number | undefined {
    return this.core.state === 0 ? undefined : this.core.vote.leader;
  }

  open(settled: (error: HostError | undefined) => void = () => undefined): void {
    this.port.open(settled);
  }

  elect(candidate: Partial<Candidate> = {}): void {
    const whole = { zxid: 0, currentEpoch: 0, isEmpty: false, isDiverged: false, ...candidate };
    this.core.start(this.#host.clock.nowMs(), whole);
    this.#moved();
  }

  close(): void {
    this.port.close();
    this.#timer?.cancel();
  }

  #moved(): void {
    this.#timer?.cancel();
    const waitMs = Math.max(0, this.core.wakeAtMs - this.#host.clock.nowMs());
    if (waitMs < Number.POSITIVE_INFINITY) {
      this.#timer = this.#host.clock.after(Math.ceil(waitMs), () => {
        this.core.tick(this.#host.clock.nowMs());
        this.#moved();
      });
    }
    this.changed();
  }
}
