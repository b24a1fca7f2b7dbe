/** What operators are told of a server, gathered from its rooms at the moment of asking. */
import type { Host } from "../protocol/host.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { AdminSource, ConnectionView, ServerMode } from "./admin/four-letter.ts";
import type { Summary, SummaryView } from "./admin/summary.ts";
import type { FourLetterWhitelist, ServerConfig } from "./config.ts";
import type { ClientPort } from "./net/client-port.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";
import type { Requester } from "./pipeline/requester.ts";
import type { PipelineStats } from "./pipeline/stats.ts";
import type { Sessions } from "./session/sessions.ts";
import type { DataTree } from "./tree/data-tree.ts";
import { VERSION_TEXT } from "./version.ts";

/** Where it is gathered. */
export interface ViewSources {
  readonly tree: DataTree;
  readonly sessions: Sessions<Requester>;
  readonly pipeline: Pipeline;
  readonly port: ClientPort;
  readonly stats: PipelineStats<Summary>;
  readonly fsyncTime: SummaryView;
  readonly snapshotTime: SummaryView;
  readonly digestMismatches: number;
}

/** Where Linux lists the descriptors of the process that looks. */
const DESCRIPTORS = "/proc/self/fd";

export class ServerView implements AdminSource {
  readonly mode: ServerMode = "standalone";
  readonly versionText: string = VERSION_TEXT;
  readonly fourLetterWords: FourLetterWhitelist;
  readonly loopbackFourLetterWords: FourLetterWhitelist;
  readonly forceSync: boolean;
  /** Behind no door of the host; Linux tells it in /proc/self/limits. */
  readonly maxFileDescriptorCount = -1;
  readonly #host: Host;
  readonly #from: ViewSources;
  #servingSinceMs: number | undefined;

  constructor(host: Host, config: ServerConfig, from: ViewSources) {
    this.#host = host;
    this.#from = from;
    this.fourLetterWords = config.fourLetterWords;
    this.loopbackFourLetterWords = config.loopbackFourLetterWords;
    this.forceSync = config.forceSync;
  }

  startServing(): void {
    this.#servingSinceMs = this.#host.clock.nowMs();
  }

  get serving(): boolean {
    return this.#servingSinceMs !== undefined;
  }

  get uptimeMs(): number {
    const nowMs = this.#host.clock.nowMs();
    return Math.floor(nowMs - (this.#servingSinceMs ?? nowMs));
  }

  get lastZxid(): Zxid {
    return this.#from.tree.lastZxid;
  }

  get znodeCount(): number {
    return this.#from.tree.count;
  }

  get ephemeralCount(): number {
    return this.#from.tree.ephemerals.count;
  }

  get watchCount(): number {
    return this.#from.tree.watches.size;
  }

  get approximateDataBytes(): number {
    return this.#from.tree.approximateDataSize;
  }

  get sessionCount(): number {
    return this.#from.sessions.count;
  }

  get connectionCount(): number {
    return this.#from.port.connectionCount;
  }

  *connections(): IterableIterator<ConnectionView> {
    for (const connection of this.#from.port.connections()) {
      yield {
        remoteAddress: connection.link.remoteAddress,
        remotePort: connection.link.remotePort,
        interest: connection.interest,
        queued: connection.queued,
        received: connection.received,
        sent: connection.sent,
      };
    }
  }

  get packetsReceived(): number {
    return this.#from.stats.packetsReceived;
  }

  get packetsSent(): number {
    return this.#from.stats.packetsSent;
  }

  get bytesReceived(): number {
    return this.#from.stats.bytesReceived;
  }

  get bytesSent(): number {
    return this.#from.stats.bytesSent;
  }

  get outstandingRequests(): number {
    return this.#from.pipeline.outstanding;
  }

  get connectionRequestCount(): number {
    return this.#from.stats.connectionRequests;
  }

  get connectionRejectedCount(): number {
    return this.#from.port.rejected;
  }

  get connectionDropCount(): number {
    return this.#from.port.dropped;
  }

  get sessionlessExpiredCount(): number {
    return this.#from.port.sessionlessExpired;
  }

  get staleSessionsExpiredCount(): number {
    return this.#from.stats.expiredSessions;
  }

  get authFailedCount(): number {
    return this.#from.stats.authFailures;
  }

  get digestMismatchCount(): number {
    return this.#from.digestMismatches;
  }

  get lastResponseBytes(): number {
    return this.#from.stats.lastResponseBytes;
  }

  get minResponseBytes(): number {
    return this.#from.stats.minResponseBytes;
  }

  get maxResponseBytes(): number {
    return this.#from.stats.maxResponseBytes;
  }

  get requestLatency(): SummaryView {
    return this.#from.stats.requestLatency;
  }

  get readLatency(): SummaryView {
    return this.#from.stats.readLatency;
  }

  get updateLatency(): SummaryView {
    return this.#from.stats.updateLatency;
  }

  get fsyncTime(): SummaryView {
    return this.#from.fsyncTime;
  }

  get snapshotTime(): SummaryView {
    return this.#from.snapshotTime;
  }

  openFileDescriptorCount(): number {
    const { disk } = this.#host;
    return disk.stat(DESCRIPTORS)?.isDirectory === true ? disk.list(DESCRIPTORS).length : -1;
  }
}
