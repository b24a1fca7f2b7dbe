// A golden: the frames of one step between a client and Apache ZooKeeper, as text for people and
// for tests. `>` opens a frame that the client sent, `<` one that the server sent; both begin with
// their length, as on the wire.
//
//   release   3.8.0
//   captured  2026-11-22
//   client    Apache ZooKeeper's Java client
//
//   > 12 bytes
//   00000008 00000003 0000000b                 ............

import { readFileSync } from "node:fs";

export interface GoldenFrame {
  readonly from: "client" | "server";
  /** The frame with its length. */
  readonly bytes: Buffer;
}

export interface Golden {
  /** Lines of the head: release, captured, client. */
  readonly provenance: ReadonlyMap<string, string>;
  readonly frames: readonly GoldenFrame[];
}

/** Bytes of a line. */
const LINE_BYTES = 16;
/** Characters of a full line's hexadecimal, spaces between words included. */
const HEX_WIDTH = LINE_BYTES * 2 + LINE_BYTES / 4 - 1;

export function formatGolden(golden: Golden): string {
  const lines = [...golden.provenance].map(([key, value]) => `${key.padEnd(8)}  ${value}`);
  for (const { from, bytes } of golden.frames) {
    lines.push("", `${from === "client" ? ">" : "<"} ${bytes.length} bytes`);
    for (let at = 0; at < bytes.length; at += LINE_BYTES) {
      lines.push(hexLine(bytes.subarray(at, at + LINE_BYTES)));
    }
  }
  return `${lines.join("\n")}\n`;
}

function hexLine(bytes: Buffer): string {
  const words = bytes.toString("hex").replace(/.{8}(?=.)/g, "$& ");
  const text = bytes.toString("latin1").replace(/[^\x20-\x7e]/g, ".");
  return `${words.padEnd(HEX_WIDTH)}  ${text}`;
}

function parseGolden(text: string): Golden {
  const provenance = new Map<string, string>();
  const frames: GoldenFrame[] = [];
  const [head, ...blocks] = text.trimEnd().split("\n\n");
  for (const line of head?.split("\n") ?? []) {
    const [key, value] = line.split(/ {2,}/);
    if (key === undefined || value === undefined) throw new Error(`no provenance: ${line}`);
    provenance.set(key, value);
  }
  for (const block of blocks) {
    const [opening, ...lines] = block.split("\n");
    const hex = lines.map((line) => line.slice(0, HEX_WIDTH).replaceAll(" ", "")).join("");
    const bytes = Buffer.from(hex, "hex");
    const from = opening?.startsWith(">") ? "client" : "server";
    if (opening !== `${from === "client" ? ">" : "<"} ${bytes.length} bytes`) {
      throw new Error(`a golden's frame has not the bytes that its line says: ${opening}`);
    }
    frames.push({ from, bytes });
  }
  return { provenance, frames };
}

/** Where the golden of a step is, captured from a release. */
export function goldenFile(release: string, step: string): URL {
  return new URL(`./zookeeper-${release}/client-port/${step}.txt`, import.meta.url);
}

/** The same of the quorum port: the learner is the client there, and packets are the frames. */
export function quorumGoldenFile(release: string, step: string): URL {
  return new URL(`./zookeeper-${release}/quorum-port/${step}.txt`, import.meta.url);
}

export function readQuorumGolden(release: string, step: string): Golden {
  return parseGolden(readFileSync(quorumGoldenFile(release, step), "utf8"));
}

export function readGolden(release: string, step: string): Golden {
  return parseGolden(readFileSync(goldenFile(release, step), "utf8"));
}
