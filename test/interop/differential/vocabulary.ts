// The small world of a differential run: few paths, so that requests meet each other; every kind
// of argument that is wrong; and the limits within which Apache 3.8.0 can be compared (habits.ts).

import type { ACL } from "../../../protocol/data.ts";
import type { SimRandom } from "../../../server/testing/index.ts";
import { SLOTS, SUPER_SLOT } from "./script.ts";
import { ownRoot } from "./side.ts";

/** Where every session may read everything, always. */
const OPEN_ROOT = "/open";
/** Where a quota is: whoever asks here asks alone, since limits are held against what is applied. */
export const QUOTA_ROOT = "/q";
/** Nobody ever watches here. */
export const NEVER_WATCHED = "/never";

export const ROOTS: readonly string[] = [
  "/d0",
  "/d1",
  OPEN_ROOT,
  QUOTA_ROOT,
  ...Array.from({ length: SLOTS }, (_, slot) => ownRoot(slot)),
];
const UNLIMITED_ROOTS = ROOTS.filter((root) => root !== QUOTA_ROOT);
const NAMES = ["a", "b", "c", "ü€"];
const DEPTH_MAX = 3;

const ODD_PATHS = [
  "/",
  "",
  "//",
  ".",
  "/.",
  "/d0/",
  "/d0/.",
  "/d0/./a",
  "/d0/../d1",
  "/d0/a/..",
  "/d0//a",
  "/d0/...",
  "/d0/a..",
  "d0",
  "d0/a",
  "/d0/x\0y",
  "/d0/x\u0001",
  "/d0/\u001f",
  "/d0/\u007f",
  "/d1/\u0085",
  "/d1/\u009f",
  "/d1/\u00a0",
  "/d0/\ud7ff",
  "/d0/\ue000",
  "/d0/\uf8ff",
  "/d0/\uf900",
  "/d0/\uffef",
  "/d0/\ufff0",
  "/d0/\uffff",
  "/d0/😀",
  "/d0/ ",
  "/ d0",
  "/zookeeper",
  "/zookeeper/",
  "/zookeeper/config",
  "/zookeeper/config/x",
  "/zookeeper/quota",
  "/zookeeper/x",
];

const ANYONE = { scheme: "world", id: "anyone" };
export const OPEN: readonly ACL[] = [{ perms: 31, id: ANYONE }];
const U = "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=";

const READABLE_LISTS: readonly (readonly ACL[])[] = [
  OPEN,
  [{ perms: 1, id: ANYONE }],
  [{ perms: 21, id: ANYONE }],
  [
    { perms: 1, id: ANYONE },
    { perms: 30, id: { scheme: "digest", id: U } },
  ],
  [{ perms: 0x7fff_ffff, id: ANYONE }],
  [{ perms: -1, id: ANYONE }],
];

const ENTRIES: readonly ACL[] = [
  { perms: 31, id: ANYONE },
  { perms: 1, id: ANYONE },
  { perms: 21, id: ANYONE },
  { perms: 30, id: ANYONE },
  { perms: 0, id: ANYONE },
  { perms: 32, id: ANYONE },
  { perms: -1, id: ANYONE },
  { perms: 31, id: { scheme: "auth", id: "" } },
  { perms: 13, id: { scheme: "auth", id: "whoever" } },
  { perms: 31, id: { scheme: "digest", id: U } },
  { perms: 1, id: { scheme: "digest", id: "v:b5QuYC/qQ8VUDEk8RDdT7MXrZ4A=" } },
  { perms: 13, id: { scheme: "digest", id: ":b" } },
  { perms: 13, id: { scheme: "digest", id: "a:b" } },
  { perms: 31, id: { scheme: "digest", id: "a:" } },
  { perms: 31, id: { scheme: "digest", id: "" } },
  { perms: 31, id: { scheme: "digest", id: ":" } },
  { perms: 31, id: { scheme: "digest", id: "a:b:c" } },
  { perms: 31, id: { scheme: "digest", id: "a:b:" } },
  { perms: 31, id: { scheme: "ip", id: "127.0.0.1" } },
  { perms: 15, id: { scheme: "ip", id: "127.0.0.9" } },
  { perms: 15, id: { scheme: "ip", id: "127.0.0.9/24" } },
  { perms: 15, id: { scheme: "ip", id: "127.0.0.9/0" } },
  { perms: 31, id: { scheme: "ip", id: "127.0.0.1/32" } },
  { perms: 31, id: { scheme: "ip", id: "127.0.0.1/33" } },
  { perms: 31, id: { scheme: "ip", id: "127.0.0.1/-1" } },
  { perms: 31, id: { scheme: "ip", id: "127.0.0" } },
  { perms: 31, id: { scheme: "ip", id: "127.0.0.256" } },
  { perms: 31, id: { scheme: "ip", id: "127.0.0.1/" } },
  { perms: 31, id: { scheme: "ip", id: "127.0.0.1/x" } },
  { perms: 31, id: { scheme: "ip", id: "" } },
  { perms: 31, id: { scheme: "world", id: "someone" } },
  { perms: 31, id: { scheme: "world", id: "" } },
  { perms: 31, id: { scheme: "nobody", id: "x" } },
  { perms: 31, id: { scheme: "super", id: "" } },
  { perms: 31, id: { scheme: "", id: "" } },
];
/** Nulls, each alone and in no multi: Apache 3.8.0 fails over them elsewhere (habits.ts). */
const WITH_NULLS: readonly ACL[] = [
  { perms: 31, id: { scheme: null, id: null } },
  { perms: 31, id: { scheme: null, id: "anyone" } },
  { perms: 31, id: { scheme: "world", id: null } },
  { perms: 31, id: { scheme: "auth", id: null } },
];

/** How a session watches a path, for as long as its connection lasts: one way only. */
export type WatchMode = "standard" | "persistent" | "recursive";
const WATCH_MODES: readonly WatchMode[] = ["standard", "standard", "persistent", "recursive"];

/** Znodes with quotas, the one within the other; and texts of limits and of statistics. */
const QUOTA_PATHS = [QUOTA_ROOT, `${QUOTA_ROOT}/a`].map((path) => `/zookeeper/quota${path}`);
export const QUOTA_TEXTS: readonly string[] = [
  "count=5,bytes=-1",
  "count=-1,bytes=20",
  "count=-1,bytes=-1=;byteHardLimit=12;countHardLimit=3",
  "count=3,bytes=3=;byteHardLimit=40",
  "count=-1,bytes=-1=;countHardLimit=10",
  "count=0,bytes=0",
];
/** What a run begins with besides. */
export const QUOTA_ZNODES: readonly string[] = QUOTA_PATHS.flatMap((path) => [
  path,
  `${path}/zookeeper_stats`,
]);

export class Vocabulary {
  readonly #draw: SimRandom;
  /** Names with a sequence number that a server has given, the newest last. */
  readonly #numbered: string[] = [];
  /** How many connections each session has had. */
  readonly #connections: number[] = Array.from({ length: SLOTS }, () => 0);

  constructor(draw: SimRandom) {
    this.#draw = draw;
  }

  /** What was made makes later requests meet what is there. */
  learn(created: string): void {
    if (!/\d{10}$/.test(created)) return;
    this.#numbered.push(created);
    if (this.#numbered.length > 16) this.#numbered.shift();
  }

  /** A session has a new connection, without watches. */
  reconnected(slot: number): void {
    this.#connections[slot] = (this.#connections[slot] ?? 0) + 1;
  }

  /** @param own The root below which it lies; undefined: anywhere, and not always a valid path. */
  path(own: string | undefined): string {
    const draw = this.#draw;
    if (own === undefined && draw.chance(0.06)) return draw.pick(ODD_PATHS);
    return this.validPath(own);
  }

  validPath(own: string | undefined): string {
    const draw = this.#draw;
    const numbered = this.#numbered.filter((path) =>
      own === undefined ? !isBelow(path, QUOTA_ROOT) : isBelow(path, own),
    );
    if (numbered.length > 0 && draw.chance(0.12)) return draw.pick(numbered);
    const isWhole = own === undefined && draw.chance(0.15);
    let path = own ?? draw.pick(UNLIMITED_ROOTS);
    if (isWhole) return path;
    for (let depth = 0; depth < DEPTH_MAX && (depth === 0 || draw.chance(0.45)); depth++) {
      path += `/${draw.pick(NAMES)}`;
    }
    return path;
  }

  /** A znode that makes a quota or counts for it. */
  quotaPath(): string {
    const name = this.#draw.pick(["zookeeper_limits", "zookeeper_limits", "zookeeper_stats"]);
    return `${this.#draw.pick(QUOTA_PATHS)}/${name}`;
  }

  version(): number {
    return this.#draw.pick([-1, -1, -1, -1, -1, 0, 0, 1, 2, -2, 0x7fff_ffff, -0x8000_0000]);
  }

  data(): Buffer | null {
    const draw = this.#draw;
    if (draw.chance(0.01)) return Buffer.alloc(draw.between(1000, 20_000), "y");
    return draw.pick([null, Buffer.alloc(0), Buffer.from("x"), Buffer.from("longer")]);
  }

  /** A list that a server may take for the znode, or not; where all must read, one that lets them. */
  acl(path: string | null, isPart: boolean): readonly ACL[] | null {
    const draw = this.#draw;
    if (draw.chance(0.75)) return OPEN;
    if (draw.chance(0.1)) return draw.pick([null, []]);
    if (path === null || !isRestrictable(path)) return draw.pick(READABLE_LISTS);
    if (!isPart && draw.chance(0.05)) return [draw.pick(WITH_NULLS)];
    return Array.from({ length: draw.between(1, 3) }, () => draw.pick(ENTRIES));
  }

  watchMode(slot: number, path: string): WatchMode {
    let hash = slot * 31 + (this.#connections[slot] ?? 0);
    for (const character of path) hash = (hash * 33 + (character.codePointAt(0) ?? 0)) % 65_521;
    return WATCH_MODES[hash % WATCH_MODES.length] ?? "standard";
  }

  /** Whether this session's `exists` may set a watch here: Apache 3.8.0 asks nobody's permission. */
  mayWatchExistence(slot: number, path: string): boolean {
    return slot === SUPER_SLOT || !isRestrictable(path);
  }
}

/** Where znodes may be closed to some sessions. */
function isRestrictable(path: string): boolean {
  return ROOTS.some((root) => root !== OPEN_ROOT && (path === root || isBelow(path, root)));
}

function isBelow(path: string, root: string): boolean {
  return path.startsWith(`${root}/`);
}
