/**
 * From `zoo.cfg`, the command line, Java flags and the environment to a `ServerConfig`, or to
 * everything that is wrong with them, in one pass and each with its place.
 *
 * @see operations 2.1 (precedence, spelling), 2.6 (mode), 2.9 (diagnostics)
 */
import { type Position, parseProperties } from "../../protocol/properties.ts";
import { defaultConfig, type ServerConfig } from "./config.ts";
import type { EnsembleSettings } from "./ensemble.ts";
import {
  canonicalKey,
  isDeadInZooKeepersFile,
  isSecret,
  type KeyRule,
  keyOfProperty,
  knownKeys,
  ruleOf,
  type Settings,
} from "./keys.ts";
import { MemberLines } from "./member-lines.ts";
import { ModeReader } from "./mode.ts";
import type { FileOpener } from "./myid.ts";
import { nearestName } from "./nearest-name.ts";
import { type Assignment, type ConfigProblem, outside, type Place, Problems } from "./problems.ts";
import type { ValueType } from "./values.ts";

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
  /** For the file `myid`, which an ensemble needs. */
  readonly open: FileOpener;
}

export interface CommandLineSetting {
  readonly key: string;
  readonly value: string;
  /** What the messages call it, such as `--set`. */
  readonly place: string;
}

export interface ConfigReading {
  /** Undefined when there is an error among the problems. */
  readonly config: ServerConfig | undefined;
  /** In the file's order; what is not of the file follows. */
  readonly problems: readonly ConfigProblem[];
}

/** Reads all sources. Nothing is opened but `myid`, nothing resolved or created. */
export function readConfig(sources: ConfigSources): ConfigReading {
  return new ConfigReader(sources).read();
}

class ConfigReader {
  readonly #sources: ConfigSources;
  readonly #problems = new Problems();
  /** By canonical key; set from the weakest source to the strongest. */
  readonly #assignments = new Map<string, Assignment>();
  readonly #settings: Settings = { server: {}, ensemble: {} };
  readonly #members = new MemberLines(this.#problems);

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
    const mode = new ModeReader({
      problems: this.#problems,
      assignments: this.#assignments,
      settings: this.#settings,
      members: this.#members,
      wholeFile: this.#wholeFile(),
      open: this.#sources.open,
    });
    const ensemble = mode.read();
    const config = this.#complete(ensemble);
    return {
      config: this.#problems.failed ? undefined : config,
      problems: this.#problems.inOrder(),
    };
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
      this.#problems.warn(
        outside("JVMFLAGS"),
        `of no use to quorate and ignored: ${ignored.join(", ")}`,
      );
    }
  }

  #collectFile(): void {
    const { name, bytes } = this.#sources.file;
    const place = (at: Position): Place => ({
      text: `${name}:${at.line}:${at.column}`,
      line: at.line,
    });
    const { properties, overridden, problems } = parseProperties(bytes);
    for (const each of problems) {
      if (each.severity === "error") this.#problems.fail(place(each.at), each.message);
      else this.#problems.warn(place(each.at), each.message);
    }
    for (const { key, keyAt } of overridden) {
      if (ruleOf(key)?.kind === "members") {
        this.#problems.fail(place(keyAt), `${key}: said again further down: which one counts?`);
      }
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
        this.#problems.fail(
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
    this.#problems.warn(
      at,
      `"${key}" counts as "${bare}" here; ZooKeeper ignores it with the prefix`,
    );
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
      this.#problems.warn(said.keyAt, `unknown key "${said.key}" ignored${hint}`);
      return;
    }
    if (said.fromFile && isDeadInZooKeepersFile(said.key)) {
      this.#problems.warn(
        said.keyAt,
        `"${said.key}" counts; ZooKeeper ignores it in the file and needs -D${said.key}`,
      );
    }
    switch (rule.kind) {
      case "setting":
        this.#applySetting(said, rule);
        break;
      case "members":
        this.#members.add(said);
        break;
      case "checked":
        this.#check(said, rule.type);
        break;
      case "refused":
        if (!rule.harmless.test(said.value))
          this.#problems.fail(said.valueAt, `${said.key}: ${rule.why}`);
        break;
      case "ignored":
      case "later":
        break;
    }
  }

  #applySetting(said: Assignment, rule: Extract<KeyRule, { kind: "setting" }>): void {
    const read = rule.read(said.value, this.#settings, {
      warning: (message) => {
        this.#problems.warn(said.valueAt, `${said.key}: ${message}`);
      },
    });
    if (!read) this.#failValue(said, rule.expected);
  }

  #check(said: Assignment, type: ValueType<unknown>): void {
    const value = type.parse(said.value, (message) => {
      this.#problems.warn(said.valueAt, `${said.key}: ${message}`);
    });
    if (value === undefined) this.#failValue(said, type.expected);
  }

  #failValue(said: Assignment, expected: string): void {
    const shown = isSecret(said.key) ? "***" : said.value;
    const hint = /\s[#!]/.test(said.value) ? " (a comment needs a line of its own)" : "";
    this.#problems.fail(said.valueAt, `${said.key}: expected ${expected}, got "${shown}"${hint}`);
  }

  /** One warning for all keys of a kind, at the first of them. */
  #listKeysOf(kind: "ignored" | "later", what: string): void {
    const said = [...this.#assignments.values()].filter((each) => {
      const rule = ruleOf(canonicalKey(each.key));
      return rule?.kind === kind && !(rule.kind === "later" && rule.absent === each.value);
    });
    const [first] = said;
    if (first !== undefined)
      this.#problems.warn(first.keyAt, `${what}: ${said.map((each) => each.key).join(", ")}`);
  }

  /** What depends on more than one key. */
  #complete(ensemble: EnsembleSettings | undefined): ServerConfig | undefined {
    const { server } = this.#settings;
    const { dataDir, clientPort } = server;
    if (dataDir === undefined && !this.#assignments.has("dataDir")) {
      this.#problems.fail(this.#wholeFile(), "dataDir is not set");
    }
    if (clientPort === undefined && !this.#assignments.has("clientPort")) {
      const address = this.#assignments.get("clientPortAddress");
      this.#problems.fail(
        address?.keyAt ?? this.#wholeFile(),
        address === undefined
          ? "clientPort is not set"
          : "clientPortAddress is set but clientPort is not set",
      );
    }
    if (dataDir === undefined || clientPort === undefined) return undefined;
    const config: ServerConfig = {
      ...defaultConfig(dataDir, clientPort, server.tickTimeMs),
      ...(server.maxBufferBytes === undefined
        ? {}
        : { maxBufferExtraBytes: server.maxBufferBytes }),
      ...server,
      ensemble,
    };
    if (config.enforceAuthEnabled && config.enforceAuthSchemes.size === 0) {
      const said = this.#assignments.get("enforce.auth.enabled");
      this.#problems.fail(said?.valueAt ?? this.#wholeFile(), "enforce.auth.schemes is not set");
    }
    if (config.minSessionTimeoutMs > config.maxSessionTimeoutMs) {
      const said =
        this.#assignments.get("minSessionTimeout") ?? this.#assignments.get("maxSessionTimeout");
      this.#problems.fail(
        said?.valueAt ?? this.#wholeFile(),
        `minSessionTimeout (${config.minSessionTimeoutMs} ms) must not be larger than ` +
          `maxSessionTimeout (${config.maxSessionTimeoutMs} ms)`,
      );
    }
    return config;
  }

  #wholeFile(): Place {
    return outside(this.#sources.file.name);
  }
}

function environmentName(key: string): string {
  return `QUORATE_${key
    .replace(/^quorate\./, "")
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, "_")}`;
}
