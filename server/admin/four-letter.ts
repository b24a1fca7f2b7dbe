/**
 * The four-letter words: what probes, scripts and dashboards read from a server. Their texts are
 * parsed line by line in the field, so order, spelling and line ends are ZooKeeper's; `words/` has
 * them by families. `answering.ts` sends them.
 *
 * @see ZooKeeper 3.9, FourLetterCommands.java and the command classes beside it
 */
import type { FourLetterWhitelist } from "../config/config.ts";
import type { AdminSource } from "./source.ts";
import { connections } from "./words/connections.ts";
import { digests } from "./words/digests.ts";
import { dump } from "./words/dump.ts";
import { monitor } from "./words/monitor.ts";
import { server, serverWithClients } from "./words/server.ts";
import { directories, environment, settings } from "./words/settings.ts";
import { watchCounts, watchesByPath, watchesBySession } from "./words/watches.ts";

/** How a word is answered. */
export type Answer =
  /** At once. */
  | { readonly kind: "text"; text(source: AdminSource): string }
  /** In pieces, since there may be many: each takes no more than microseconds to make. */
  | { readonly kind: "pieces"; pieces(source: AdminSource): Iterator<string> }
  /** Eight more bytes are to come. */
  | { readonly kind: "mask" };

const NOT_SERVING = "This ZooKeeper instance is not currently serving requests";

interface Word {
  readonly answer: Answer;
  /** What it says while nothing is served; undefined: the same as ever. */
  readonly idle: string | undefined;
}

const WORDS: ReadonlyMap<string, Word> = new Map<string, Word>([
  ["conf", { answer: inPieces(settings), idle: `${NOT_SERVING}\n` }],
  ["cons", { answer: inPieces(connections), idle: `${NOT_SERVING}\n` }],
  ["crst", { answer: atOnce(resetConnections), idle: `${NOT_SERVING}\n` }],
  ["dirs", { answer: inPieces(directories), idle: `${NOT_SERVING}\n` }],
  ["dump", { answer: inPieces(dump), idle: `${NOT_SERVING}\n` }],
  ["envi", { answer: atOnce(environment), idle: undefined }],
  ["gtmk", { answer: atOnce((source) => String(source.traceMask)), idle: undefined }],
  ["hash", { answer: atOnce(digests), idle: NOT_SERVING }],
  ["isro", { answer: atOnce(({ mode }) => (mode === "read-only" ? "ro" : "rw")), idle: "null" }],
  ["mntr", { answer: atOnce(monitor), idle: `${NOT_SERVING}\n` }],
  ["ruok", { answer: atOnce(() => "imok"), idle: undefined }],
  ["srst", { answer: atOnce(resetStatistics), idle: `${NOT_SERVING}\n` }],
  ["srvr", { answer: atOnce(server), idle: `${NOT_SERVING}\n` }],
  ["stat", { answer: inPieces(serverWithClients), idle: `${NOT_SERVING}\n` }],
  ["stmk", { answer: { kind: "mask" }, idle: undefined }],
  ["wchc", { answer: inPieces(watchesBySession), idle: `${NOT_SERVING}\n` }],
  ["wchp", { answer: inPieces(watchesByPath), idle: `${NOT_SERVING}\n` }],
  ["wchs", { answer: atOnce(watchCounts), idle: `${NOT_SERVING}\n` }],
]);

/** Every word there is, for the check of a whitelist. */
export const knownWords: readonly string[] = [...WORDS.keys()];

const byBytes: ReadonlyMap<number, string> = new Map(
  knownWords.map((word) => [Buffer.from(word, "latin1").readInt32BE(0), word]),
);

/**
 * The word that the first four bytes of a connection make, or undefined when they are a frame's
 * length. Only for a connection that has not yet sent anything.
 */
export function fourLetterWord(firstFourBytes: number): string | undefined {
  return byBytes.get(firstFourBytes);
}

/**
 * How a word is answered now.
 *
 * @param word  one that `fourLetterWord` gave
 * @param askerAddress  the peer's address: the loopback may ask more
 */
export function fourLetterAnswer(word: string, source: AdminSource, askerAddress: string): Answer {
  const known = WORDS.get(word);
  if (known === undefined || !isAllowed(word, source, askerAddress)) {
    return atOnce(() => `${word} is not executed because it is not in the whitelist.\n`);
  }
  const { answer, idle } = known;
  return source.serving || idle === undefined ? answer : atOnce(() => idle);
}

function isAllowed(word: string, source: AdminSource, askerAddress: string): boolean {
  return (
    word === "srvr" ||
    (word === "isro" && source.ensemble?.isReadOnlyModeEnabled === true) ||
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

function resetConnections(source: AdminSource): string {
  source.resetConnections();
  return "Connection stats reset.\n";
}

function resetStatistics(source: AdminSource): string {
  source.resetStatistics();
  return "Server stats reset.\n";
}

function atOnce(text: (source: AdminSource) => string): Answer {
  return { kind: "text", text };
}

function inPieces(pieces: (source: AdminSource) => Iterator<string>): Answer {
  return { kind: "pieces", pieces };
}
