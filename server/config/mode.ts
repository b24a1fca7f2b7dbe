/**
 * What the settings make of a server: one that stands alone, or a member of an ensemble, and then
 * which one.
 *
 * @see operations 2.5 (client port), 2.6, 2.9
 */
import { type EnsembleSettings, ensembleSettings } from "./ensemble.ts";
import { LATER_TLS, type Settings } from "./keys.ts";
import type { MemberLine, MemberLines } from "./member-lines.ts";
import { type FileOpener, readMyid } from "./myid.ts";
import { type Assignment, outside, type Place, type Problems } from "./problems.ts";

/** What has been read so far. */
export interface ModeSources {
  readonly problems: Problems;
  /** By canonical key. */
  readonly assignments: ReadonlyMap<string, Assignment>;
  /** The own line may add the client port. */
  readonly settings: Settings;
  readonly members: MemberLines;
  /** The place of what is not said anywhere. */
  readonly wholeFile: Place;
  readonly open: FileOpener;
}

const RECONFIG_LATER =
  "members that change come with a later release, and a server that misses such a change may " +
  "form a quorum with those that were removed";

export class ModeReader {
  readonly #from: ModeSources;

  constructor(from: ModeSources) {
    this.#from = from;
  }

  /** Undefined: the server stands alone, unless something is wrong. */
  read(): EnsembleSettings | undefined {
    if (this.#from.members.hasUnreadable) return undefined;
    const switchSaid = this.#from.assignments.get("standaloneEnabled");
    const mode = decideMode(this.#from.members, switchSaid?.value.toLowerCase() !== "false");
    if (mode === "replicated") return this.#readEnsemble();
    const at = this.#from.members.first?.keyAt ?? switchSaid?.keyAt ?? this.#from.wholeFile;
    const [line] = this.#from.members.lines;
    if (mode !== "standalone") {
      this.#from.problems.fail(at, mode.refused);
    } else if (line !== undefined) {
      this.#from.problems.warn(
        at,
        `${line.said.key}: the only member, so this server stands alone and the line is ignored`,
      );
      this.#takeClientAddress(line);
    }
    return undefined;
  }

  #readEnsemble(): EnsembleSettings | undefined {
    const { server, ensemble } = this.#from.settings;
    const config = this.#from.members.assemble({
      multiAddress: ensemble.multiAddress ?? false,
      extendedTypes: server.extendedTypes ?? false,
    });
    if (server.reconfigEnabled === true) this.#failSaid("reconfigEnabled", RECONFIG_LATER);
    const initLimitTicks = this.#limit("initLimit", ensemble.initLimitTicks);
    const syncLimitTicks = this.#limit("syncLimit", ensemble.syncLimitTicks);
    const own = this.#findOwnLine();
    if (config === undefined || own === undefined) return undefined;
    this.#takeClientAddress(own);
    this.#compareClientPort(own);
    this.#comparePeerType(own);
    const settings = ensembleSettings(
      own.member.sid,
      config,
      initLimitTicks,
      syncLimitTicks,
      ensemble,
    );
    const { minNotificationMs, maxNotificationMs } = settings;
    if (minNotificationMs <= maxNotificationMs) return settings;
    if (ensemble.maxNotificationMs !== undefined) {
      this.#failSaid(
        "fastleader.maxNotificationInterval",
        `${maxNotificationMs} is less than fastleader.minNotificationInterval`,
      );
    }
    return { ...settings, maxNotificationMs: minNotificationMs };
  }

  /** These have no default: too little or too much of them breaks ensembles. */
  #limit(key: "initLimit" | "syncLimit", ticks: number | undefined): number {
    if (ticks !== undefined && ticks > 0) return ticks;
    const said = this.#from.assignments.get(key);
    if (said === undefined || ticks === 0) {
      this.#from.problems.fail(said?.valueAt ?? this.#from.wholeFile, `${key} is not set`);
    }
    return 0;
  }

  /** The member that this server is, by its file `myid`. */
  #findOwnLine(): MemberLine | undefined {
    const { dataDir } = this.#from.settings.server;
    const at = this.#from.members.first?.keyAt.text ?? this.#from.wholeFile.text;
    if (dataDir === undefined) return undefined;
    const sid = readMyid(this.#from.open, dataDir);
    if (typeof sid === "string") {
      this.#from.problems.fail(outside("myid"), `${sid}. ${at} names an ensemble`);
      return undefined;
    }
    const own = this.#from.members.lines.find(({ member }) => member.sid === sid);
    if (own === undefined) {
      const known = this.#from.members.lines.map(({ member }) => member.sid).join(", ");
      this.#from.problems.fail(
        outside("myid"),
        `${dataDir}/myid says ${sid}, but ${at} and what follows names the servers ${known}: ` +
          "correct the one or the other",
      );
    }
    return own;
  }

  /** A member's line may carry the client port; where the file has both, they must agree. */
  #takeClientAddress({ member, said }: MemberLine): void {
    if (/;.*;\s*[^\s;]/.test(said.value)) {
      this.#from.problems.fail(said.valueAt, `${said.key}: ${LATER_TLS}`);
    }
    if (member.client === undefined) return;
    const { clientPort, clientPortAddress } = this.#from.settings.server;
    const host = withoutWildcard(member.client.host);
    const staticHost = withoutWildcard(clientPortAddress);
    if (
      (clientPort !== undefined && clientPort !== member.client.port) ||
      (staticHost !== undefined && host !== undefined && staticHost !== host)
    ) {
      this.#from.problems.fail(
        said.valueAt,
        `${said.key}: its client port is not the one of clientPort`,
      );
      return;
    }
    this.#from.settings.server.clientPort = member.client.port;
    if (host !== undefined) this.#from.settings.server.clientPortAddress = host;
  }

  /** Else only a term as leader would find out, when its port is taken. */
  #compareClientPort({ member, said }: MemberLine): void {
    const { clientPort, clientPortAddress } = this.#from.settings.server;
    const clientHost = withoutWildcard(clientPortAddress);
    for (const { host, quorumPort, electionPort } of member.addresses) {
      const isOwn = clientPort === quorumPort || clientPort === electionPort;
      if (isOwn && (clientHost === undefined || clientHost === host)) {
        this.#from.problems.fail(
          said.valueAt,
          `${said.key}: ${clientPort} is the client port, servers need ports of their own`,
        );
      }
    }
  }

  #comparePeerType({ member, said }: MemberLine): void {
    const peerType = this.#from.assignments.get("peerType");
    if (peerType === undefined || peerType.value === member.role) return;
    this.#from.problems.warn(
      peerType.valueAt,
      `peerType: ${said.key} says ${member.role}, and that is what counts`,
    );
  }

  #failSaid(key: string, message: string): void {
    const said = this.#from.assignments.get(key);
    this.#from.problems.fail(said?.valueAt ?? this.#from.wholeFile, `${key}: ${message}`);
  }
}

/** What the members make of a server, or the sentence that says why they make nothing. */
function decideMode(
  lines: MemberLines,
  standaloneEnabled: boolean,
): "standalone" | "replicated" | { readonly refused: string } {
  const memberCount = lines.lines.length;
  const participants = lines.participantCount;
  if (participants === 0) {
    if (memberCount > 0) return { refused: "observers need a participant to observe" };
    if (lines.first !== undefined) return { refused: "there are groups, but no server.<id> line" };
    return standaloneEnabled
      ? "standalone"
      : { refused: "standaloneEnabled is false, but there is no server.<id> line" };
  }
  if (participants > 1 || !standaloneEnabled) return "replicated";
  return memberCount === 1
    ? "standalone"
    : { refused: "one participant is no ensemble to observe: set standaloneEnabled=false" };
}

/** Undefined: every address of the machine. */
function withoutWildcard(host: string | undefined): string | undefined {
  return host === "0.0.0.0" || host === "::" ? undefined : host;
}
