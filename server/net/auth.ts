/**
 * What an auth packet proves (server-semantics 7.1). Only `digest` proves anything through a
 * packet; `ip` is known from the socket; every other scheme is refused.
 */
import { createHash } from "node:crypto";
import { addressText, parseAddress } from "../../protocol/ip-network.ts";
import type { AuthId } from "../pipeline/requester.ts";

export interface AuthSettings {
  readonly superDigest: string | undefined;
  readonly digestAuthEnabled: boolean;
  /** As Node's crypto names it. */
  readonly digestAlgorithm: string;
}

/** What is known of everyone who connects. An address that is none names somebody all the same. */
export function addressId(remoteAddress: string): AuthId {
  const address = parseAddress(remoteAddress);
  return {
    scheme: "ip",
    id: address === undefined ? remoteAddress : addressText(address),
    address,
  };
}

/** The ids that the packet adds to its connection, or undefined: refused. */
export function authenticate(
  scheme: string | null,
  payload: Buffer | null,
  settings: AuthSettings,
): AuthId[] | undefined {
  if (scheme === "ip") return [];
  if (scheme !== "digest" || payload === null || !settings.digestAuthEnabled) return undefined;
  const id = digestId(payload.toString("utf8"), settings.digestAlgorithm);
  const ids: AuthId[] = [{ scheme: "digest", id, address: undefined }];
  if (id === settings.superDigest) ids.push({ scheme: "super", id: "", address: undefined });
  return ids;
}

/** `user:password` as it stands in ACLs: `user:base64(hash(user:password))`. */
export function digestId(userAndPassword: string, algorithm: string): string {
  const colon = userAndPassword.indexOf(":");
  const user = colon < 0 ? userAndPassword : userAndPassword.slice(0, colon);
  return `${user}:${createHash(algorithm).update(userAndPassword, "utf8").digest("base64")}`;
}
