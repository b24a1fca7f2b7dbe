// Who may import whom. Values flow one way; a type of another server room's face may be named by
// any room of the server, since nothing of it is left at run time.

import { posix } from "node:path";
import { filesUnder, importsOf } from "./sources.ts";

interface Room {
  /** A folder or file of the checkout; the longest that fits a path is its room. */
  readonly path: string;
  /** Rooms and single files whose values it may import, besides its own room's. */
  readonly sees: readonly string[];
  /** npm packages that it may import. */
  readonly packages: readonly string[];
}

const ROOMS: readonly Room[] = [
  { path: "protocol", sees: [], packages: [] },
  { path: "client", sees: ["protocol"], packages: [] },
  { path: "recipes", sees: ["client/index.ts"], packages: ["async-mutex"] },
  { path: "recipes/retry.ts", sees: ["client/index.ts"], packages: ["p-retry"] },
  { path: "server", sees: ["protocol", "server"], packages: ["pino"] },
  { path: "server/config", sees: ["protocol", "server/admin/four-letter.ts"], packages: [] },
  {
    path: "server/replica",
    sees: ["protocol", "server/tree", "server/storage", "server/zab/txn-window.ts"],
    packages: [],
  },
  { path: "server/tree", sees: ["protocol"], packages: [] },
  { path: "server/zab", sees: ["protocol"], packages: [] },
  { path: "server/session", sees: ["protocol"], packages: [] },
  { path: "server/net", sees: ["protocol"], packages: [] },
  { path: "server/admin", sees: ["protocol"], packages: [] },
  { path: "server/storage", sees: ["protocol", "server/tree"], packages: [] },
  {
    path: "server/pipeline",
    sees: ["protocol", "server/tree", "server/session"],
    packages: [],
  },
  { path: "server/testing", sees: ["protocol", "server"], packages: [] },
  { path: "examples", sees: [], packages: ["quorate"] },
  {
    path: "cli.ts",
    sees: ["protocol", "server", "client/index.ts", "recipes/index.ts"],
    packages: ["commander"],
  },
];

const SOURCES = ["protocol", "server", "client", "recipes", "examples"];

/** Imports of the sources that go against the table, as sentences. */
export function wrongImports(root: string): string[] {
  const files = [...SOURCES.flatMap((folder) => filesUnder(root, folder)), "cli.ts"];
  return files
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => {
      const room = roomOf(file);
      return importsOf(root, file)
        .filter(({ specifier, isTypeOnly }) => !isAllowed(file, room, specifier, isTypeOnly))
        .map(({ specifier }) => `${file} must not import ${specifier}`);
    });
}

function isAllowed(file: string, room: Room, specifier: string, isTypeOnly: boolean): boolean {
  // Which of Node's modules, is the linter's to say.
  if (specifier.startsWith("node:")) return true;
  if (!specifier.startsWith(".")) {
    return room.packages.some((name) => specifier === name || specifier.startsWith(`${name}/`));
  }
  const target = posix.normalize(posix.join(posix.dirname(file), specifier));
  if (isUnder(target, room.path)) return true;
  if (isUnder(target, "server") && isUnder(file, "server") && isTypeOnly) return true;
  // A file that is a room of its own still belongs to the folder around it.
  if (room.path.endsWith(".ts") && isUnder(target, posix.dirname(room.path))) return true;
  return room.sees.some((seen) => isUnder(target, seen));
}

function roomOf(file: string): Room {
  const rooms = ROOMS.filter(({ path }) => isUnder(file, path));
  const room = rooms.sort((a, b) => b.path.length - a.path.length)[0];
  if (room === undefined) throw new Error(`${file} belongs to no room of test/tools/directions.ts`);
  return room;
}

function isUnder(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
