/**
 * Who a contender is, for people: the data of its znode. JSON of host, process and the time it
 * stood in line, unless the caller gives its own.
 */

import { hostname } from "node:os";

/** The data of a contender's znode: text, bytes, or what makes them for each turn. */
export type Identity = string | Uint8Array | (() => string | Uint8Array);

/** The longest default identity: a host's name is cut for it. */
const IDENTITY_MAX_BYTES = 256;
const FIELDS_MAX_BYTES = 48;

export function identityData(identity: Identity | undefined, wallMs: number): Uint8Array {
  const given = typeof identity === "function" ? identity() : identity;
  if (given === undefined) return Buffer.from(defaultIdentity(wallMs));
  return typeof given === "string" ? Buffer.from(given) : given;
}

function defaultIdentity(wallMs: number): string {
  const host = hostname().slice(0, IDENTITY_MAX_BYTES - FIELDS_MAX_BYTES);
  return JSON.stringify({ h: host, p: process.pid, t: wallMs });
}
