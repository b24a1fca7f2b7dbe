/**
 * The kinds of values in `zoo.cfg`, each with the words for what it expects. What ZooKeeper would
 * quietly read as something else is an error here: nobody writes `digest.enabled=yes` to turn the
 * digest off.
 *
 * @see operations 2.2 in ZooKeeper's terms: parsed keys are strict, passed-through ones loose
 */
import type { DigestAlgorithm, FourLetterWhitelist, LogLevel } from "./config.ts";

/** How a value is read. */
export interface ValueType<T> {
  /** Ends the sentence "expected ...". */
  readonly expected: string;
  /** Undefined: not one of these. `warn` tells of a value that counts, but surprises. */
  parse(text: string, warn: (message: string) => void): T | undefined;
}

const INT_MAX = 0x7fff_ffff;
const KB = 1024;
const HOUR_MS = 3_600_000;

/** An integer as ZooKeeper's own parser takes it: decimal, whatever it starts with. */
export function integer(min: number, max: number = INT_MAX): ValueType<number> {
  return {
    expected: `an integer from ${min} to ${max}`,
    parse: (text) => (/^[+-]?\d+$/.test(text) ? inRange(Number(text), min, max) : undefined),
  };
}

/**
 * An integer that ZooKeeper passes through to a system property. It takes 010 for eight and
 * garbage for the default there: neither is taken here.
 */
export function looseInteger(min: number, max: number = INT_MAX): ValueType<number> {
  return {
    expected: `an integer from ${min} to ${max}, decimal or 0x`,
    parse: (text) =>
      /^-?(0|[1-9]\d*|0[xX][0-9a-fA-F]+)$/.test(text)
        ? inRange(text.startsWith("-") ? -Number(text.slice(1)) : Number(text), min, max)
        : undefined,
  };
}

/** A number above 0; 0 and less turn the limit off and read as 0. */
export function limit(base: ValueType<number>): ValueType<number> {
  return {
    expected: `${base.expected} (0 or less: no limit)`,
    parse: (text, warn) => atLeastZero(base.parse(text, warn)),
  };
}

/** A number from 0 to 1, with or without decimals. */
export const fraction: ValueType<number> = {
  expected: "a number from 0 to 1",
  parse: (text) => (/^(0?\.\d+|[01](\.0+)?)$/.test(text) ? Number(text) : undefined),
};

/** A factor, with or without decimals; below 0 it reads as 0. */
export const factor: ValueType<number> = {
  expected: "a number (below 0: never)",
  parse: (text) => (/^-?(\d+\.?\d*|\.\d+)$/.test(text) ? Math.max(0, Number(text)) : undefined),
};

/** A number of kilobytes, in bytes. */
export function kilobytes(base: ValueType<number>): ValueType<number> {
  return {
    expected: base.expected,
    parse: (text, warn) => {
      const value = base.parse(text, warn);
      return value === undefined ? undefined : value * KB;
    },
  };
}

/** A number that is raised to `least`, with a warning, as ZooKeeper raises it. */
export function raisedTo(least: number, base: ValueType<number>): ValueType<number> {
  return {
    expected: base.expected,
    parse: (text, warn) => {
      const value = base.parse(text, warn);
      if (value === undefined || value >= least) return value;
      warn(`${value} is too low: ${least} counts`);
      return least;
    },
  };
}

export const port: ValueType<number> = {
  ...integer(0, 65_535),
  expected: "a port from 0 to 65535 (0: any free one)",
};

/** `true` or `false`, in any case; ZooKeeper takes anything else for `false` or refuses it. */
export const flag: ValueType<boolean> = {
  expected: "true or false",
  parse: (text) => {
    const lower = text.toLowerCase();
    return lower === "true" ? true : lower === "false" ? false : undefined;
  },
};

/** A switch of ZooKeeper's that cannot be turned off here. */
export function alwaysOn(why: string): ValueType<boolean> {
  return {
    expected: flag.expected,
    parse: (text, warn) => {
      const value = flag.parse(text, warn);
      if (value === false) warn(`cannot be turned off: ${why}`);
      return value;
    },
  };
}

/**
 * ZooKeeper compares with one word only, so that `forceSync=false` leaves the sync on and
 * `skipACL=true` the checks: `true` and `false` keep that meaning, and it is said aloud.
 */
export function yesOrNo(onlyWord: "yes" | "no"): ValueType<boolean> {
  return {
    expected: "yes or no",
    parse: (text, warn) => {
      if (text === "yes" || text === "no") return text === "yes";
      if (flag.parse(text, warn) === undefined) return undefined;
      const meaning = onlyWord === "no";
      warn(
        `only "${onlyWord}" changes this, "${text}" counts as "${meaning ? "yes" : "no"}" as in ZooKeeper`,
      );
      return meaning;
    },
  };
}

const UNITS: Readonly<Record<string, number>> = {
  "": HOUR_MS,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: HOUR_MS,
  d: 24 * HOUR_MS,
};

/** Hours, or a number with its unit; 0 and less turn it off and read as 0. */
export const interval: ValueType<number> = {
  expected: "hours, or a number with ms, s, m, h or d (0: never)",
  parse: (text, warn) => {
    const match = /^(-?\d+)(ms|s|m|h|d|)$/.exec(text);
    if (match === null) return undefined;
    const ms = Number(match[1]) * (UNITS[match[2] ?? ""] ?? HOUR_MS);
    if (ms <= INT_MAX) return Math.max(0, ms);
    warn("longer than a timer runs: 24d counts");
    return 24 * 24 * HOUR_MS;
  },
};

export const path: ValueType<string> = {
  expected: "a path",
  parse: (text, warn) => {
    if (text === "" || text.includes("\0")) return undefined;
    if (!/^([/\\]|\.|[A-Za-z]:[/\\])/.test(text)) {
      warn(`relative to the working directory ("./${text}" says that it is meant)`);
    }
    return text;
  },
};

export const host: ValueType<string> = {
  expected: "a host name or an address",
  parse: (text) => (text === "" || /\s/.test(text) ? undefined : text),
};

/** `user:digest`, as `quorate digest` prints it. */
export const digestId: ValueType<string> = {
  expected: "user:digest",
  parse: (text) => (/^[^:]+:[^:]+$/.test(text) ? text : undefined),
};

/** Names with commas between them; what a client sends is compared with each. */
export const names: ValueType<ReadonlySet<string>> = {
  expected: "names with commas between them",
  parse: (text) => {
    const listed = listOf(text);
    return listed.length === 0 ? undefined : new Set(listed);
  },
};

/** How a client may have to prove who it is. */
export const schemes: ValueType<ReadonlySet<string>> = {
  expected: "digest or ip, or both with a comma (other schemes come with a later release)",
  parse: (text) => {
    const listed = listOf(text);
    const isKnown = listed.every((scheme) => scheme === "digest" || scheme === "ip");
    return isKnown ? new Set(listed) : undefined;
  },
};

const ALGORITHMS: Readonly<Record<string, DigestAlgorithm>> = {
  SHA1: "sha1",
  "SHA-1": "sha1",
  "SHA-256": "sha256",
  "SHA-384": "sha384",
  "SHA-512": "sha512",
};

export const digestAlgorithm: ValueType<DigestAlgorithm> = {
  expected: "SHA1, SHA-256, SHA-384 or SHA-512",
  parse: (text) => ALGORITHMS[text],
};

const LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error", "fatal"];

export const logLevel: ValueType<LogLevel> = {
  expected: "trace, debug, info, warn, error or fatal",
  parse: (text) => LEVELS.find((level) => level === text.toLowerCase()),
};

/** A list with commas; `*` anywhere in it is every word. */
export function words(known: readonly string[]): ValueType<FourLetterWhitelist> {
  return {
    expected: "four-letter words with commas between them, or *",
    parse: (text, warn) => {
      const listed = listOf(text);
      if (listed.includes("*")) return "*";
      const strange = listed.filter((word) => !known.includes(word));
      if (strange.length > 0) warn(`not a word of this release: ${strange.join(", ")}`);
      return new Set(listed);
    },
  };
}

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
}

function inRange(value: number, min: number, max: number): number | undefined {
  return value >= min && value <= max ? value : undefined;
}

function atLeastZero(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.max(0, value);
}
