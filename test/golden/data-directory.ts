// What the captured data directories hold, as their server answered just before it was killed:
// contents.jsonl has a line for the whole, then one for each open session and each znode.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ACL, Stat } from "../../protocol/data.ts";

export interface DirectoryContents {
  readonly head: DirectoryHead;
  readonly sessions: readonly DirectorySession[];
  /** All znodes, parents before their children. */
  readonly znodes: readonly DirectoryZnode[];
}

interface DirectoryHead {
  readonly release: string;
  /** The day, as 2026-11-22. */
  readonly captured: string;
  readonly lastZxid: number;
}

export interface DirectorySession {
  /** 16 hexadecimal digits. */
  readonly id: string;
  readonly timeoutMs: number;
}

export interface DirectoryZnode {
  readonly path: string;
  /** Hexadecimal, or null. */
  readonly data: string | null;
  readonly acl: readonly ACL[];
  /** As clients see it. */
  readonly stat: Stat;
}

/** The directory that has `version-2` of a release. Tests that write work on a copy. */
export function goldenDataDirectory(release: string): string {
  return fileURLToPath(new URL(`./zookeeper-${release}/data-directory`, import.meta.url));
}

export function formatDirectoryContents({ head, sessions, znodes }: DirectoryContents): string {
  const lines = [
    head,
    ...sessions.map((session) => ({ session })),
    ...znodes.map((znode) => ({ znode })),
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

export function readDirectoryContents(release: string): DirectoryContents {
  const text = readFileSync(`${goldenDataDirectory(release)}/contents.jsonl`, "utf8");
  const [head = "", ...rest] = text.trimEnd().split("\n");
  const lines = rest.map(
    (line) =>
      JSON.parse(line) as {
        readonly session?: DirectorySession;
        readonly znode?: DirectoryZnode;
      },
  );
  return {
    head: JSON.parse(head) as DirectoryHead,
    sessions: lines.flatMap(({ session }) => session ?? []),
    znodes: lines.flatMap(({ znode }) => znode ?? []),
  };
}
