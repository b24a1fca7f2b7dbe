// One server of a run's ensemble: the real one on a simulated host, listened in on at all its ports.

import { PacketType } from "../../../protocol/quorum.ts";
import type { EnsembleSettings } from "../../../server/config/ensemble.ts";
import type { SimHost, SimRandom, World } from "../../../server/testing/index.ts";
import { eachPayloadOfLogs } from "../log-reader.ts";
import { DATA_DIR, LOG_DIR, ServerActor, smallConfig } from "../server-actor.ts";
import { type Recorder, ServerEnd } from "../tap.ts";
import { DurabilityTap } from "./durability-tap.ts";
import type { ZabRecorder } from "./zab-tap.ts";

export const QUORUM_PORT = 2888;
export const ELECTION_PORT = 3888;
const TICK_TIMES_MS = [200, 500, 1000];

export class EnsembleServer {
  readonly actor: ServerActor;
  readonly name: string;
  readonly sid: number;
  readonly votes: boolean;
  readonly #zab: ZabRecorder;
  /** Its disk was lost, and it has not been in step since. */
  #wipedAt: number | undefined;

  constructor(
    world: World,
    host: SimHost,
    recorder: Recorder,
    zab: ZabRecorder,
    ensemble: EnsembleSettings,
    draw: SimRandom,
    tickTimeMs: number,
  ) {
    this.name = host.name;
    this.sid = ensemble.sid;
    this.votes = ensemble.config.members.get(ensemble.sid)?.role === "participant";
    this.#zab = zab;
    zab.register(this.name, (each) => eachPayloadOfLogs(host.disk, LOG_DIR, each));
    const config = { ...smallConfig(draw, [tickTimeMs]), ensemble };
    this.actor = new ServerActor(world, host, recorder, config, {
      endOf: (port, isDialled, peer) => {
        if (port === ELECTION_PORT) return undefined;
        if (port !== QUORUM_PORT) return new ServerEnd(recorder, this.name, () => this.leads);
        return zab.link(this.name, isDialled ? "learner" : "leader", peer);
      },
      disk: (inner) => new DurabilityTap(inner, zab, this.name),
    });
  }

  /** It leads, as far as it knows. */
  get leads(): boolean {
    return this.actor.host.running && this.actor.server?.role === "leading";
  }

  /** It serves clients that write. */
  get serves(): boolean {
    return this.actor.host.running && this.actor.server?.isServing === true;
  }

  /** What it once held is not yet on its disk again. */
  get isForgetful(): boolean {
    const wipedAt = this.#wipedAt;
    if (wipedAt === undefined) return false;
    // A voter's own acknowledgement: as an observer it only caught up.
    const isBack = this.#zab.links.some(
      ({ server, side, opened, packets }) =>
        server === this.name &&
        side === "learner" &&
        opened.order > wipedAt &&
        packets.some(({ type, isSent }) => isSent && type === PacketType.FOLLOWERINFO) &&
        packets.some(({ type, isSent }) => !isSent && type === PacketType.UPTODATE),
    );
    if (isBack) this.#wipedAt = undefined;
    return !isBack;
  }

  /** The machine is off: an empty disk is put in. */
  wipe(): void {
    this.#wipedAt = this.#zab.now().order;
    const { disk } = this.actor.host;
    disk.replace();
    disk.makeDirectory(DATA_DIR);
    disk.syncDirectoryNow("/");
    this.#zab.hasBecomeDurable(this.name, { kind: "wiped", when: this.#zab.now() });
  }
}

export function tickTime(draw: SimRandom): number {
  return draw.pick(TICK_TIMES_MS);
}
