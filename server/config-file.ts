/**
 * From `zoo.cfg`, the command line, Java flags and the environment to a `ServerConfig`, or to
 * everything that is wrong with them, in one pass and each with its place.
 *
 * @see operations 2.1 (precedence, spelling), 2.6 (mode), 2.9 (diagnostics)
 */
import { defaultConfig, type ServerConfig } from "./config.ts";
import {
  canonicalKey,
  isDeadInZooKeepersFile,
  isSecret,
  type KeyRule,
  keyOfProperty,
  knownKeys,
  ruleOf,
  type Settings,
} from "./config-keys.ts";
import { decideMode, MEMBER_EXPECTED, type Member, parseMember } from "./config-members.ts";
import { nearestName } from "./nearest-name.ts";
import { type Position, parseProperties } from "./properties.ts";

/** Where settings may be said; the first one that says a key wins. */
export interface ConfigSources {
  /** From the command line. */
  readonly assignments: readonly CommandLineSetting[];
  /** `name` is what the messages call it. */
  readonly file: { readonly name: string; readonly bytes: Uint8Array };
  /** `SERVER_JVMFLAGS` and `JVMFLAGS`: what a Java server was started with. */
  readonly javaFlags: string;
  /** `QUORATE_<KEY>`: upper case, anything but letters and digits as an underscore. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface CommandLineSetting {
  readonly key: string;
  readonly value: string;
  /** What the messages call it, such as `--set`. */
  readonly place: string;
}

export interface ConfigProblem {
  readonly severity: "error" | "warning";
  /** `zoo.cfg:7:10`, or what else said it. */
  readonly place: string;
  readonly message: string;
}

export interface ConfigReading {
  /** Undefined when there is an error among the problems. */
  readonly config: ServerConfig | undefined;
  /** In the file's order; what is not of the file follows. */
  readonly problems: readonly ConfigProblem[];
}

/** What somebody said about a key, and where. */
interface Assignment {
  readonly key: string;
  readonly value: string;
  readonly keyAt: Place;
  readonly valueAt: Place;
  readonly fromFile: boolean;
}

interface Place {
  readonly text: string;
  /** For the order of problems; what is not of the file comes last. */
  readonly line: number;
}

/** Reads all sources. Nothing is opened, resolved or created. */
export function readConfig(sources: ConfigSources): ConfigReading {
  return new ConfigReader(sources).read();
}

/** One line a problem, then their count. */
export function problemsText(problems: readonly ConfigProblem[]): string {
  const lines = problems.map((each) => `${each.place}: ${each.severity}: ${each.message}\n`);
  const errors = problems.filter((each) => each.severity === "error").length;
  const warnings = problems.length - errors;
  return `${lines.join("")}${counted(errors, "error")}, ${counted(warnings, "warning")}\n`;
}

class ConfigReader {
  readonly #sources: ConfigSources;
  readonly #problems: (ConfigProblem & { readonly line: number })[] = [];
  /** By canonical key; set from the weakest source to the strongest. */
  readonly #assignments = new Map<string, Assignment>();
  readonly #settings: Settings = {};
  readonly #members: { readonly member: Member; readonly said: Assignment }[] = [];
  /** Invariant: false after any error. */
  #valid = true;

  constructor(sources: ConfigSources) {
    this.#sources = sources;
  }

  read(): ConfigReading {
    this.#collectEnvironment();
    this.#collectJavaFlags();
    this.#collectFile();
    this.#collectAssignments();
    for (const said of this.#assignments.values()) this.#apply(said);
    this.#listKeysOf("ignored", "of no use to quorate and ignored");
    this.#listKeysOf("later", "not offered by this release and ignored");
    this.#decideMode();
    const config = this.#complete();
    this.#problems.sort((a, b) => a.line - b.line);
    return { config: this.#valid ? config : undefined, problems: this.#problems };
  }

  #collectEnvironment(): void {
    for (const key of knownKeys()) {
      const name = environmentName(key);
      const value = this.#sources.environment[name];
      if (value !== undefined) this.#collect(key, value, outside(name));
    }
  }

  #collectJavaFlags(): void {
    const ignored: string[] = [];
    for (const flag of this.#sources.javaFlags.split(/\s+/).filter((each) => each !== "")) {
      const match = /^-D([^=]+)=(.*)$/.exec(flag);
      const key = match === null ? undefined : keyOfProperty(match[1] ?? "");
      if (key === undefined) ignored.push(match === null ? flag : `-D${match[1]}`);
      else this.#collect(key, match?.[2] ?? "", outside(`-D${match?.[1]}`));
    }
    if (ignored.length > 0) {
      this.#warn(outside("JVMFLAGS"), `of no use to quorate and ignored: ${ignored.join(", ")}`);
    }
  }

  #collectFile(): void {
    const { name, bytes } = this.#sources.file;
    const place = (at: Position): Place => ({
      text: `${name}:${at.line}:${at.column}`,
      line: at.line,
    });
    const { properties, problems } = parseProperties(bytes);
    for (const each of problems) {
      if (each.severity === "error") this.#fail(place(each.at), each.message);
      else this.#warn(place(each.at), each.message);
    }
    const inFile = new Map<string, Assignment>();
    for (const property of properties) {
      const said: Assignment = {
        key: this.#withoutPrefix(property.key, place(property.keyAt)),
        value: property.value,
        keyAt: place(property.keyAt),
        valueAt: place(property.valueAt),
        fromFile: true,
      };
      const canonical = canonicalKey(said.key);
      const earlier = inFile.get(canonical);
      if (earlier !== undefined && earlier.value !== said.value) {
        this.#fail(
          said.keyAt,
          `${said.key}: the same as "${earlier.key}" (${earlier.keyAt.text}), with another value`,
        );
      }
      inFile.set(canonical, said);
      this.#assignments.set(canonical, said);
    }
  }

  /** A property's name where its key is meant: ZooKeeper would make zookeeper.zookeeper.* of it. */
  #withoutPrefix(key: string, at: Place): string {
    if (!key.startsWith("zookeeper.")) return key;
    const bare = key.slice("zookeeper.".length);
    if (ruleOf(canonicalKey(bare)) === undefined) return key;
    this.#warn(at, `"${key}" counts as "${bare}" here; ZooKeeper ignores it with the prefix`);
    return bare;
  }

  #collectAssignments(): void {
    for (const { key, value, place } of this.#sources.assignments) {
      this.#collect(key, value, outside(place));
    }
  }

  #collect(key: string, value: string, at: Place): void {
    this.#assignments.set(canonicalKey(key), {
      key,
      value,
      keyAt: at,
      valueAt: at,
      fromFile: false,
    });
  }

  #apply(said: Assignment): void {
    const rule = ruleOf(canonicalKey(said.key));
    if (rule === undefined) {
      const near = nearestName(said.key, knownKeys());
      const hint = near === undefined ? "" : ` (did you mean "${near}"?)`;
      this.#warn(said.keyAt, `unknown key "${said.key}" ignored${hint}`);
      return;
    }
    if (said.fromFile && isDeadInZooKeepersFile(said.key)) {
      this.#warn(
        said.keyAt,
        `"${said.key}" counts; ZooKeeper ignores it in the file and needs -D${said.key}`,
      );
    }
    switch (rule.kind) {
      case "setting":
        this.#applySetting(said, rule);
        break;
      case "ensemble":
      case "replicatedOnly":
        this.#applyEnsembleKey(said, rule);
        break;
      case "refused":
        if (!rule.harmless.test(said.value)) this.#fail(said.valueAt, `${said.key}: ${rule.why}`);
        break;
      case "ignored":
      case "later":
        break;
    }
  }

  #applySetting(said: Assignment, rule: Extract<KeyRule, { kind: "setting" }>): void {
    const read = rule.read(said.value, this.#settings, {
      warning: (message) => {
        this.#warn(said.valueAt, `${said.key}: ${message}`);
      },
    });
    if (!read) this.#failValue(said, rule.expected);
  }

  #applyEnsembleKey(
    said: Assignment,
    rule: Extract<KeyRule, { kind: "ensemble" | "replicatedOnly" }>,
  ): void {
    const value = rule.type?.parse(said.value, (message) => {
      this.#warn(said.valueAt, `${said.key}: ${message}`);
    });
    if (rule.type !== undefined && value === undefined) {
      this.#failValue(said, rule.type.expected);
    } else if (said.key.startsWith("server.")) {
      const member = parseMember(said.value);
      if (member === undefined) this.#failValue(said, MEMBER_EXPECTED);
      else this.#members.push({ member, said });
    } else if (rule.kind === "ensemble" && said.key !== "standaloneEnabled") {
      this.#fail(said.keyAt, `${said.key}: ${ENSEMBLES_LATER}`);
    }
  }

  #failValue(said: Assignment, expected: string): void {
    const shown = isSecret(said.key) ? "***" : said.value;
    const hint = /\s[#!]/.test(said.value) ? " (a comment needs a line of its own)" : "";
    this.#fail(said.valueAt, `${said.key}: expected ${expected}, got "${shown}"${hint}`);
  }

  /** One warning for all keys of a kind, at the first of them. */
  #listKeysOf(kind: "ignored" | "later", what: string): void {
    const said = [...this.#assignments.values()].filter(
      (each) => ruleOf(canonicalKey(each.key))?.kind === kind,
    );
    const [first] = said;
    if (first !== undefined)
      this.#warn(first.keyAt, `${what}: ${said.map((each) => each.key).join(", ")}`);
  }

  #decideMode(): void {
    const switchSaid = this.#assignments.get("standaloneEnabled");
    const mode = decideMode(
      this.#members.map((each) => each.member),
      switchSaid?.value.toLowerCase() !== "false",
    );
    const first = this.#members[0];
    const at = first?.said.keyAt ?? switchSaid?.keyAt ?? this.#wholeFile();
    if (typeof mode === "object") {
      this.#fail(at, mode.refused);
    } else if (mode === "replicated") {
      this.#fail(at, `${first?.said.key ?? "server.<id>"}: ${ENSEMBLES_LATER}`);
    } else if (first !== undefined) {
      this.#warn(
        at,
        `${first.said.key}: the only member, so this server stands alone and the line is ignored`,
      );
      this.#takeClientAddress(first.member, first.said);
    }
  }

  /** A member's line may carry the client port; where the file has both, they must agree. */
  #takeClientAddress(member: Member, said: Assignment): void {
    if (member.client === undefined) return;
    const { clientPort, clientPortAddress } = this.#settings;
    if (clientPort === undefined) {
      this.#settings.clientPort = member.client.port;
      this.#settings.clientPortAddress = member.client.host;
    } else if (
      clientPort !== member.client.port ||
      (clientPortAddress !== undefined &&
        member.client.host !== undefined &&
        clientPortAddress !== member.client.host)
    ) {
      this.#fail(said.valueAt, `${said.key}: its client port is not the one of clientPort`);
    }
  }

  /** What depends on more than one key. */
  #complete(): ServerConfig | undefined {
    const { dataDir, clientPort } = this.#settings;
    if (dataDir === undefined && !this.#assignments.has("dataDir")) {
      this.#fail(this.#wholeFile(), "dataDir is not set");
    }
    if (clientPort === undefined && !this.#assignments.has("clientPort")) {
      const address = this.#assignments.get("clientPortAddress");
      this.#fail(
        address?.keyAt ?? this.#wholeFile(),
        address === undefined
          ? "clientPort is not set"
          : "clientPortAddress is set but clientPort is not set",
      );
    }
    if (dataDir === undefined || clientPort === undefined) return undefined;
    const config: ServerConfig = {
      ...defaultConfig(dataDir, clientPort, this.#settings.tickTimeMs),
      ...(this.#settings.maxBufferBytes === undefined
        ? {}
        : { maxBufferExtraBytes: this.#settings.maxBufferBytes }),
      ...this.#settings,
    };
    if (config.enforceAuthEnabled && config.enforceAuthSchemes.size === 0) {
      const said = this.#assignments.get("enforce.auth.enabled");
      this.#fail(said?.valueAt ?? this.#wholeFile(), "enforce.auth.schemes is not set");
    }
    if (config.minSessionTimeoutMs > config.maxSessionTimeoutMs) {
      const said =
        this.#assignments.get("minSessionTimeout") ?? this.#assignments.get("maxSessionTimeout");
      this.#fail(
        said?.valueAt ?? this.#wholeFile(),
        `minSessionTimeout (${config.minSessionTimeoutMs} ms) must not be larger than ` +
          `maxSessionTimeout (${config.maxSessionTimeoutMs} ms)`,
      );
    }
    return config;
  }

  #wholeFile(): Place {
    return { text: this.#sources.file.name, line: Number.MAX_SAFE_INTEGER };
  }

  #fail(at: Place, message: string): void {
    this.#valid = false;
    this.#problems.push({ severity: "error", place: at.text, message, line: at.line });
  }

  #warn(at: Place, message: string): void {
    this.#problems.push({ severity: "warning", place: at.text, message, line: at.line });
  }
}

const ENSEMBLES_LATER = "ensembles come with a later release, this one serves a single server";

function outside(name: string): Place {
  return { text: name, line: Number.MAX_SAFE_INTEGER };
}

function environmentName(key: string): string {
  return `QUORATE_${key
    .replace(/^quorate\./, "")
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, "_")}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
