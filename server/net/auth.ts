/**
 * Who a connection has proven to be (server-semantics 7.1), and whether that is enough to be
 * served. Only `digest` proves anything through a packet; `ip` is known from the socket; `ensemble`
 * asks whether this is the right place; every other scheme is refused.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { addressText, parseAddress } from "../../protocol/ip-network.ts";
import type { Reader } from "../../protocol/jute.ts";
import { readAuthPacket } from "../../protocol/proto.ts";
import type { AuthId } from "../pipeline/requester.ts";

export interface AuthSettings {
  readonly superDigest: string | undefined;
  readonly digestAuthEnabled: boolean;
  /** As Node's crypto names it. */
  readonly digestAlgorithm: string;
  /** What clients may call this ensemble; undefined: the scheme `ensemble` is refused. */
  readonly ensembleNames: ReadonlySet<string> | undefined;
  /** Nobody is served before it has an id of one of `enforceAuthSchemes`. */
  readonly enforceAuthEnabled: boolean;
  readonly enforceAuthSchemes: ReadonlySet<string>;
}

/** "elsewhere": the client looks for another ensemble, and an answer would stop its search. */
export type AuthOutcome = "taken" | "refused" | "elsewhere";

/** What the ids of a connection may take up: they are looked at with every request. */
const IDS_BYTES_MAX = 0x1_0000;

export class Identity {
  /** Grows only, and into a new array: writes under way keep the ids that they were read with. */
  ids: readonly AuthId[];
  /** The last packet was refused: the reply says so and is the last one. */
  isRefused = false;
  /** Requests other than for authentication are to be refused. */
  mustProve: boolean;
  readonly #settings: AuthSettings;
  #bytes = 0;

  constructor(remoteAddress: string, settings: AuthSettings) {
    const address = addressId(remoteAddress);
    this.#settings = settings;
    this.ids = [address];
    this.mustProve = settings.enforceAuthEnabled && !settings.enforceAuthSchemes.has("ip");
  }

  /**
   * Takes what an auth packet proves.
   *
   * @throws JuteError for one that does not decode.
   */
  take(reader: Reader): AuthOutcome {
    const { scheme, auth } = readAuthPacket(reader);
    const outcome = this.#take(scheme, auth);
    this.isRefused ||= outcome === "refused";
    return outcome;
  }

  #take(scheme: string | null, payload: Buffer | null): AuthOutcome {
    const { digestAuthEnabled, digestAlgorithm, superDigest } = this.#settings;
    if (scheme === "ip") return "taken";
    if (scheme === "ensemble") return this.#findEnsemble(payload);
    if (scheme !== "digest" || payload === null || !digestAuthEnabled) return "refused";
    const id = digestId(payload.toString("utf8"), digestAlgorithm);
    if (!this.#add("digest", id)) return "refused";
    const isSuper = superDigest !== undefined && isSameSecret(id, superDigest);
    return !isSuper || this.#add("super", "") ? "taken" : "refused";
  }

  #findEnsemble(payload: Buffer | null): AuthOutcome {
    const names = this.#settings.ensembleNames;
    if (names === undefined) return "refused";
    const isHere = payload === null || payload.length === 0 || names.has(payload.toString("utf8"));
    return isHere ? "taken" : "elsewhere";
  }

  /** @returns false: there is no room for so many ids. */
  #add(scheme: string, id: string): boolean {
    if (this.ids.some((own) => own.scheme === scheme && own.id === id)) return true;
    this.#bytes += scheme.length + id.length;
    if (this.#bytes > IDS_BYTES_MAX) return false;
    this.ids = [...this.ids, { scheme, id, address: undefined }];
    if (this.#settings.enforceAuthSchemes.has(scheme)) this.mustProve = false;
    return true;
  }
}

/** What is known of everyone who connects. An address that is none names somebody all the same. */
export function addressId(remoteAddress: string): AuthId {
  const address = parseAddress(remoteAddress);
  const id = address === undefined ? remoteAddress : addressText(address);
  return { scheme: "ip", id, address };
}

/** `user:password` as it stands in ACLs: `user:base64(hash(user:password))`. */
export function digestId(userAndPassword: string, algorithm: string): string {
  const colon = userAndPassword.indexOf(":");
  const user = colon < 0 ? userAndPassword : userAndPassword.slice(0, colon);
  return `${user}:${createHash(algorithm).update(userAndPassword, "utf8").digest("base64")}`;
}

/** Takes as long wherever the two differ. */
function isSameSecret(given: string, secret: string): boolean {
  const hash = (text: string): Buffer => createHash("sha256").update(text, "utf8").digest();
  return timingSafeEqual(hash(given), hash(secret));
}
