/**
 * The four-letter words: what probes, scripts and dashboards read from a server. Their texts are
 * parsed line by line in the field, so order, spelling and line ends are ZooKeeper's.
 *
 * The port recognises a word in the first four bytes of a connection (`fourLetterWord`), asks here
 * for the answer, sends it and ends the stream.
 *
 * @see ZooKeeper 3.9, FourLetterCommands.java and the command classes beside it
 */
import { type Zxid, zxidHex } from "../../protocol/zxid.ts";
import type { FourLetterWhitelist } from "../config.ts";
import { averageText, decimalText, type SummaryView } from "./summary.ts";

/** What the words tell of a server. Read at the moment of asking, and only then. */
export interface AdminSource {
  /** Version and date, as `server/version.ts` words them for the tools that parse it. */
  readonly versionText: string;
  /** False while nothing is answered to clients: most words say so then. */
  readonly serving: boolean;
  readonly mode: ServerMode;
  /** Since this server began to serve. */
  readonly uptimeMs: number;
  readonly fourLetterWords: FourLetterWhitelist;
  readonly loopbackFourLetterWords: FourLetterWhitelist;

  readonly lastZxid: Zxid;
  /** As ZooKeeper counts them, the root twice. */
  readonly znodeCount: number;
  readonly ephemeralCount: number;
  readonly watchCount: number;
  /** Bytes of all paths and data. */
  readonly approximateDataBytes: number;
  readonly sessionCount: number;

  /** Open connections, the one that asks included. */
  readonly connectionCount: number;
  /** The same, one by one. */
  connections(): Iterable<ConnectionView>;
  /** Frames and words that came in; replies and notifications that went out. */
  readonly packetsReceived: number;
  readonly packetsSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Requests in work. */
  readonly outstandingRequests: number;
  /** Connections that asked for a session, and those refused for a limit or its lack. */
  readonly connectionRequestCount: number;
  readonly connectionRejectedCount: number;
  readonly connectionDropCount: number;
  readonly sessionlessExpiredCount: number;
  readonly staleSessionsExpiredCount: number;
  readonly authFailedCount: number;
  readonly digestMismatchCount: number;
  /** Sizes of responses to clients; -1 before the first. */
  readonly lastResponseBytes: number;
  readonly minResponseBytes: number;
  readonly maxResponseBytes: number;

  /** From a request's arrival to its reply, milliseconds: all, reads, writes. */
  readonly requestLatency: SummaryView;
  readonly readLatency: SummaryView;
  readonly updateLatency: SummaryView;
  /** Milliseconds. */
  readonly fsyncTime: SummaryView;
  readonly snapshotTime: SummaryView;

  /** False: acknowledged writes may be lost, and whoever watches must see it. */
  readonly forceSync: boolean;
  /** -1 where the system does not tell. */
  openFileDescriptorCount(): number;
  readonly maxFileDescriptorCount: number;
}

/** Standalone until ensembles come; the other roles print in the same place. */
export type ServerMode = "standalone";

/** A connection as `stat` lists it. */
export interface ConnectionView {
  /** Without brackets. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** What the connection waits for: 1 to read, 4 to write, their sum; 0 while a word is answered. */
  readonly interest: number;
  /** Requests that came and have no reply yet. */
  readonly queued: number;
  readonly received: number;
  readonly sent: number;
}

type Word =
  | "conf"
  | "cons"
  | "crst"
  | "dirs"
  | "dump"
  | "envi"
  | "gtmk"
  | "hash"
  | "isro"
  | "mntr"
  | "ruok"
  | "srst"
  | "srvr"
  | "stat"
  | "stmk"
  | "wchc"
  | "wchp"
  | "wchs";

const ANSWERS: Readonly<Partial<Record<Word, (source: AdminSource) => string>>> = {
  isro: (source) => (source.serving ? "rw" : "null"),
  mntr: whenServing(monitor),
  ruok: () => "imok",
  srvr: whenServing((source) => versionLine(source) + serverBlock(source)),
  stat: whenServing((source) => versionLine(source) + clientBlock(source) + serverBlock(source)),
};

/** Every word of ZooKeeper 3.9; those without an answer here are refused as not whitelisted. */
const WORDS: readonly Word[] = [
  "conf",
  "cons",
  "crst",
  "dirs",
  "dump",
  "envi",
  "gtmk",
  "hash",
  "isro",
  "mntr",
  "ruok",
  "srst",
  "srvr",
  "stat",
  "stmk",
  "wchc",
  "wchp",
  "wchs",
];

const byBytes: ReadonlyMap<number, string> = new Map(
  WORDS.map((word) => [Buffer.from(word, "latin1").readInt32BE(0), word]),
);

/** The words that this release answers, for the check of a whitelist. */
export const answeredWords: readonly string[] = Object.keys(ANSWERS);

/** Every word there is, for the same. */
export const knownWords: readonly string[] = WORDS;

/**
 * The word that the first four bytes of a connection make, or undefined when they are a frame's
 * length. Only for a connection that has not yet sent anything.
 */
export function fourLetterWord(firstFourBytes: number): string | undefined {
  return byBytes.get(firstFourBytes);
}

/**
 * The answer to a word, to be sent as it is before the stream ends.
 *
 * @param word  one that `fourLetterWord` gave
 * @param askerAddress  the peer's address: the loopback may ask more
 */
export function fourLetterAnswer(word: string, source: AdminSource, askerAddress: string): string {
  const answer = ANSWERS[word as Word];
  if (answer === undefined || !isAllowed(word, source, askerAddress)) {
    return `${word} is not executed because it is not in the whitelist.\n`;
  }
  return answer(source);
}

function isAllowed(word: string, source: AdminSource, askerAddress: string): boolean {
  return (
    word === "srvr" ||
    lists(source.fourLetterWords, word) ||
    (isLoopback(askerAddress) && lists(source.loopbackFourLetterWords, word))
  );
}

function lists(whitelist: FourLetterWhitelist, word: string): boolean {
  return whitelist === "*" || whitelist.has(word);
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

function whenServing(answer: (source: AdminSource) => string): (source: AdminSource) => string {
  return (source) =>
    source.serving ? answer(source) : "This ZooKeeper instance is not currently serving requests\n";
}

function versionLine(source: AdminSource): string {
  return `Zookeeper version: ${source.versionText}\n`;
}

/** Fields and their order are fixed: go-zookeeper matches the lines one after the other. */
function serverBlock(source: AdminSource): string {
  const latency = source.requestLatency;
  return (
    `Latency min/avg/max: ${whole(latency.min)}/${averageText(latency)}/${whole(latency.max)}\n` +
    `Received: ${source.packetsReceived}\n` +
    `Sent: ${source.packetsSent}\n` +
    `Connections: ${source.connectionCount}\n` +
    `Outstanding: ${source.outstandingRequests}\n` +
    `Zxid: 0x${zxidHex(source.lastZxid)}\n` +
    `Mode: ${source.mode}\n` +
    `Node count: ${source.znodeCount}\n`
  );
}

/** One leading blank per client; the empty line ends the block for Datadog. */
function clientBlock(source: AdminSource): string {
  let text = "Clients:\n";
  for (const each of source.connections()) {
    text +=
      ` /${hostText(each.remoteAddress)}:${each.remotePort}[${each.interest}]` +
      `(queued=${each.queued},recved=${each.received},sent=${each.sent})\n`;
  }
  return `${text}\n`;
}

function hostText(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/**
 * Key, tab, value. Telegraf gives up on a line of any other form, so no value has a blank except
 * the version, which it reads up to its comma.
 */
function monitor(source: AdminSource): string {
  let text = "";
  const line = (key: string, value: string | number): void => {
    text += `zk_${key}\t${value}\n`;
  };
  const summary = (key: string, view: SummaryView): void => {
    line(`avg_${key}`, averageText(view));
    line(`min_${key}`, whole(view.min));
    line(`max_${key}`, whole(view.max));
    line(`cnt_${key}`, view.count);
    line(`sum_${key}`, whole(view.sum));
  };
  line("version", source.versionText);
  line("server_state", source.mode);
  line("ephemerals_count", source.ephemeralCount);
  line("num_alive_connections", source.connectionCount);
  line("avg_latency", averageText(source.requestLatency));
  line("min_latency", whole(source.requestLatency.min));
  line("max_latency", whole(source.requestLatency.max));
  line("outstanding_requests", source.outstandingRequests);
  line("znode_count", source.znodeCount);
  line("watch_count", source.watchCount);
  line("approximate_data_size", source.approximateDataBytes);
  line("global_sessions", source.sessionCount);
  line("local_sessions", 0);
  line("packets_sent", source.packetsSent);
  line("packets_received", source.packetsReceived);
  line("bytes_received_count", source.bytesReceived);
  line("response_bytes", source.bytesSent);
  line("last_client_response_size", source.lastResponseBytes);
  line("min_client_response_size", source.minResponseBytes);
  line("max_client_response_size", source.maxResponseBytes);
  line("open_file_descriptor_count", source.openFileDescriptorCount());
  line("max_file_descriptor_count", source.maxFileDescriptorCount);
  line("uptime", whole(source.uptimeMs));
  line("connection_drop_probability", decimalText(0));
  line("connection_request_count", source.connectionRequestCount);
  line("connection_rejected", source.connectionRejectedCount);
  line("connection_drop_count", source.connectionDropCount);
  line("sessionless_connections_expired", source.sessionlessExpiredCount);
  line("stale_sessions_expired", source.staleSessionsExpiredCount);
  line("auth_failed_count", source.authFailedCount);
  line("digest_mismatches_count", source.digestMismatchCount);
  if (!source.forceSync) line("quorate_unsafe_nosync", 1);
  summary("fsynctime", source.fsyncTime);
  summary("snapshottime", source.snapshotTime);
  summary("readlatency", source.readLatency);
  summary("updatelatency", source.updateLatency);
  return text;
}

function whole(value: number): number {
  return Math.floor(value);
}
