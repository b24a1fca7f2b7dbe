// What the suites of this folder need of a server: ours or Apache's, in a process of its own.

import { test } from "vitest";

/** Where the two differ on purpose (docs/compatibility.md), a test asks which it talks to. */
export interface Peer {
  readonly name: "quorate" | "apache 3.8.0";
  readonly port: number;
}

/** A test of what Apache 3.8.0 does not do, or not always. */
export function testOurs(peer: Peer, name: string, body: () => Promise<void>): void {
  if (peer.name === "quorate") test(name, body);
}

/** Milliseconds of the servers' tick: sessions last from two of them to twenty. */
export const TICK_MS = 500;
export const SESSION_MIN_MS: number = 2 * TICK_MS;
export const SESSION_MAX_MS: number = 20 * TICK_MS;

/** `super:secret`, known to both servers. */
export const SUPER_DIGEST = "super:lK75jTNcA+U9vtVEw5vB51mj/w4=";

/** Paths that no other test uses. */
export function freshPath(): string {
  return `/t${Math.floor(Math.random() * 2 ** 48).toString(36)}`;
}

const ATTEMPTS_MAX = 3;

/**
 * For tests that count zxids: the end of a session that an earlier test has dropped takes one too,
 * now and then just in between. What fails three times was not disturbed.
 */
export async function undisturbed(body: () => Promise<void>): Promise<void> {
  for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt++) {
    try {
      await body();
      return;
    } catch (error) {
      if (!(error instanceof Error && error.name === "AssertionError")) throw error;
    }
  }
  await body();
}
