/**
 * The lines that name an ensemble's members, and what they make of a server: standalone, or one
 * of several.
 *
 *     server.<sid> = <addr> { "|" <addr> } [ ";" [ <host> ":" ] <clientPort> ]
 *     <addr>       = <host> ":" <quorumPort> ":" <electionPort> [ ":" <role> ]
 *
 * @see ZooKeeper 3.9, QuorumPeer.QuorumServer and QuorumPeerConfig.parseDynamicConfig
 */

export interface Member {
  readonly role: "participant" | "observer";
  /** What follows the semicolon; undefined where nothing does. */
  readonly client: ClientAddress | undefined;
}

export interface ClientAddress {
  /** Undefined: every address of the machine. */
  readonly host: string | undefined;
  readonly port: number;
}

export const MEMBER_EXPECTED = "host:quorumPort:electionPort[:role][;[clientHost:]clientPort]";

const HOST = String.raw`(?:\[[^\]]+\]|[^\s:;|[\]]+)`;
const ADDRESS = new RegExp(String.raw`^${HOST}:(\d+):(\d+)(?::(participant|observer))?$`, "i");
const CLIENT = new RegExp(String.raw`^(?:(${HOST}):)?(\d+)$`);

/** Reads a member's line, or undefined when it has another form. */
export function parseMember(text: string): Member | undefined {
  const [addresses = "", client, ...rest] = text.split(";");
  if (rest.length > 0) return undefined;
  const roles = new Set<string>();
  for (const address of addresses.split("|")) {
    const match = ADDRESS.exec(address.trim());
    if (match === null || !isPort(match[1]) || !isPort(match[2])) return undefined;
    if (match[3] !== undefined) roles.add(match[3].toLowerCase());
  }
  if (roles.size > 1) return undefined;
  const role = roles.has("observer") ? "observer" : "participant";
  if (client === undefined || client.trim() === "") return { role, client: undefined };
  const match = CLIENT.exec(client.trim());
  if (match === null || !isPort(match[2])) return undefined;
  const host = match[1]?.replace(/^\[|\]$/g, "");
  return {
    role,
    client: {
      host: host === "0.0.0.0" || host === "::" ? undefined : host,
      port: Number(match[2]),
    },
  };
}

/** What the members make of a server, or the sentence that says why they make nothing. */
export function decideMode(
  members: readonly Member[],
  standaloneEnabled: boolean,
): "standalone" | "replicated" | { readonly refused: string } {
  const participants = members.filter((member) => member.role === "participant").length;
  if (participants === 0) {
    if (members.length > 0) return { refused: "observers need a participant to observe" };
    return standaloneEnabled
      ? "standalone"
      : { refused: "standaloneEnabled is false, but there is no server.<id> line" };
  }
  if (participants > 1 || !standaloneEnabled) return "replicated";
  return members.length === 1
    ? "standalone"
    : { refused: "one participant is no ensemble to observe: set standaloneEnabled=false" };
}

function isPort(text: string | undefined): boolean {
  return text !== undefined && Number(text) >= 1 && Number(text) <= 65_535;
}
