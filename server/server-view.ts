/** What operators are told of a server, gathered from its rooms at the moment of asking. */
import type { Host, MachineDescription } from "../protocol/host.ts";
import { keyHighWord, keyLowWord, sessionHex, wordsHex, type Zxid } from "../protocol/zxid.ts";
import type {
  AdminSource,
  ConnectionView,
  DeadlineView,
  DirectoryBytes,
  EnsembleView,
  GlobalSessionView,
  OwnerView,
  ServerMode,
  SettingsView,
  WatchesView,
} from "./admin/source.ts";
import type { Summary, SummaryView } from "./admin/summary.ts";
import { addressText } from "./admin/words/texts.ts";
import type { FourLetterWhitelist, ServerConfig } from "./config/config.ts";
import { descriptorLimit } from "./descriptors.ts";
import type { ClientPort } from "./net/client-port.ts";
import type { Connection } from "./net/connection.ts";
import type { Requester } from "./pipeline/requester.ts";
import type { PipelineStats } from "./pipeline/stats.ts";
import type { Serving } from "./serving.ts";
import type { Session } from "./session/sessions.ts";
import type { DirectorySizes } from "./storage/directory-sizes.ts";
import type { DataTree } from "./tree/data-tree.ts";
import type { LoggedDigest } from "./tree/digest-log.ts";
import { QUORATE_VERSION, VERSION_TEXT } from "./version.ts";

/** Where it is gathered. */
export interface ViewSources {
  readonly tree: DataTree;
  readonly port: ClientPort;
  readonly stats: PipelineStats<Summary>;
  readonly fsyncTime: Summary;
  readonly snapshotTime: Summary;
  readonly digestMismatches: number;
  readonly directorySizes: DirectorySizes;
  readonly serverId: number;
  /** Undefined: it stands alone. */
  readonly ensemble?: EnsembleView;
}

/** Where Linux lists the descriptors of the process that looks. */
const DESCRIPTORS = "/proc/self/fd";

export class ServerView implements AdminSource {
  readonly versionText: string = VERSION_TEXT;
  readonly quorateVersion: string = QUORATE_VERSION;
  /** Client requests, packets from the leader, session life cycle, leader pings: as ZooKeeper begins. */
  traceMask = 306n;
  /** -1 where the system does not tell. */
  readonly maxFileDescriptorCount: number;
  readonly fourLetterWords: FourLetterWhitelist;
  readonly loopbackFourLetterWords: FourLetterWhitelist;
  readonly forceSync: boolean;
  readonly #host: Host;
  readonly #from: ViewSources;
  readonly #config: ServerConfig;
  #serving: Serving | undefined;
  #servingSinceMs = 0;
  #clientPort = 0;
  #digestMismatches: number;

  constructor(host: Host, config: ServerConfig, from: ViewSources) {
    this.#host = host;
    this.#from = from;
    this.fourLetterWords = config.fourLetterWords;
    this.loopbackFourLetterWords = config.loopbackFourLetterWords;
    this.forceSync = config.forceSync;
    this.#config = config;
    this.#digestMismatches = from.digestMismatches;
    this.maxFileDescriptorCount = descriptorLimit(host.disk);
  }

  listensOn(clientPort: number): void {
    this.#clientPort = clientPort;
  }

  /** A term begins. */
  startServing(serving: Serving): void {
    this.#serving = serving;
    this.#servingSinceMs = this.#host.clock.nowMs();
  }

  stopServing(): void {
    this.#serving = undefined;
  }

  get serving(): boolean {
    return this.#serving !== undefined;
  }

  get mode(): ServerMode {
    return this.#serving?.mode ?? "standalone";
  }

  get ensemble(): EnsembleView | undefined {
    return this.#from.ensemble;
  }

  get uptimeMs(): number {
    if (this.#serving === undefined) return 0;
    return Math.floor(this.#host.clock.nowMs() - this.#servingSinceMs);
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
    return this.#from.tree.sessions.size;
  }

  get localSessionCount(): number {
    return this.#serving?.localTracker?.count ?? 0;
  }

  get connectionCount(): number {
    return this.#from.port.connectionCount;
  }

  *connections(): IterableIterator<ConnectionView> {
    for (const connection of this.#from.port.connections()) {
      const { link, usage, session, sinceMs } = connection;
      yield {
        remoteAddress: link.remoteAddress,
        remotePort: link.remotePort,
        interest: connection.interest,
        queued: connection.queued,
        received: connection.received,
        sent: connection.sent,
        session: session && {
          high: session.high,
          low: session.low,
          timeoutMs: session.timeoutMs,
          sinceMs,
          usage,
        },
      };
    }
  }

  get settings(): SettingsView {
    const { directorySizes, serverId } = this.#from;
    const config = this.#config;
    return {
      tickTimeMs: config.tickTimeMs,
      maxClientConnections: config.maxClientConnections,
      minSessionTimeoutMs: config.minSessionTimeoutMs,
      maxSessionTimeoutMs: config.maxSessionTimeoutMs,
      clientPortListenBacklog: config.clientPortListenBacklog,
      clientPort: this.#clientPort,
      snapshotDirectory: directorySizes.directories.snapshots,
      logDirectory: directorySizes.directories.logs,
      serverId,
    };
  }

  machine(): MachineDescription {
    return this.#host.machine.describe();
  }

  digests(): readonly LoggedDigest[] {
    return this.#from.tree.digestLog.entries();
  }

  get dataWatches(): WatchesView {
    return this.#from.tree.watches.data;
  }

  sessionDeadlines(): readonly DeadlineView[] {
    return this.#deadlines(this.#serving?.tracker?.deadlines() ?? [], sessionName);
  }

  localSessionDeadlines(): readonly DeadlineView[] | undefined {
    const tracker = this.#serving?.localTracker;
    return tracker && this.#deadlines(tracker.deadlines(), sessionName);
  }

  globalSessions(): readonly GlobalSessionView[] | undefined {
    if (this.#serving === undefined || this.#serving.tracker !== undefined) return undefined;
    const all: { readonly key: string; readonly view: GlobalSessionView }[] = [];
    this.#from.tree.sessions.forEach((high, low, timeoutMs) => {
      all.push({ key: wordsHex(high, low), view: { session: sessionHex(high, low), timeoutMs } });
    });
    all.sort((a, b) => (a.key < b.key ? -1 : 1));
    return all.map(({ view }) => view);
  }

  connectionDeadlines(): readonly DeadlineView[] {
    return this.#deadlines(this.#from.port.deadlines(), connectionName);
  }

  get ephemeralOwnerCount(): number {
    return this.#from.tree.ephemerals.sessionCount;
  }

  *ephemeralOwners(): IterableIterator<OwnerView> {
    const { tree } = this.#from;
    for (const key of tree.ephemerals.sessions()) {
      const slots = tree.ephemerals.of(key);
      yield {
        session: sessionHex(keyHighWord(key), keyLowWord(key)),
        count: slots.size,
        *paths() {
          for (const slot of slots) yield tree.pathText(slot);
        },
      };
    }
  }

  directoryBytes(): Generator<"", DirectoryBytes> {
    return this.#from.directorySizes.measure();
  }

  resetConnections(): void {
    for (const connection of this.#from.port.connections()) connection.resetCounts();
  }

  resetStatistics(): void {
    this.#from.stats.reset();
    this.#from.port.resetCounts();
    this.#from.fsyncTime.reset();
    this.#from.snapshotTime.reset();
    this.#digestMismatches = 0;
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
    return this.#serving?.pipeline.outstanding ?? 0;
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

  /** A txn said that the tree is another one. */
  digestMismatched(): void {
    this.#digestMismatches++;
  }

  get digestMismatchCount(): number {
    return this.#digestMismatches;
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

  /** Deadlines are of the monotonic clock. */
  #deadlines<T>(
    buckets: readonly (readonly [endMs: number, elements: ReadonlySet<T>])[],
    name: (element: T) => string,
  ): DeadlineView[] {
    const { clock } = this.#host;
    const shiftMs = clock.wallMs() - clock.nowMs();
    return buckets.map(([endMs, elements]) => ({
      wallMs: Math.floor(endMs + shiftMs),
      get count() {
        return elements.size;
      },
      *names() {
        for (const element of elements) yield name(element);
      },
    }));
  }
}

function sessionName({ high, low }: Session<Requester>): string {
  return sessionHex(high, low);
}

function connectionName({ link, session }: Connection): string {
  const id = session === undefined ? "0x0" : sessionHex(session.high, session.low);
  return `ip: ${addressText(link.remoteAddress, link.remotePort)} sessionId: ${id}`;
}
