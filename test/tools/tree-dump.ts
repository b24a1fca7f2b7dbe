// A whole tree as its server shows it to a client: every znode's data, ACL and Stat.

import { createHash } from "node:crypto";
import { type Client, connect } from "quorate/client";

/** Znodes by their paths, each as one line of text. */
export type TreeDump = ReadonlyMap<string, string>;

/** Znodes asked for at once. */
const AT_ONCE = 200;
/** Longer data is told by its hash. */
const DATA_SHOWN_BYTES = 64;
const DIFFERENCES_TOLD = 10;
/** Its times are those of its server's first start (storage, Trap 11). */
const CONFIG_PATH = "/zookeeper/config";

/** The user for whom `superDigest` of the tests' servers stands: no ACL keeps it out. */
export const SUPER_AUTH = "super:secret";
export const SUPER_DIGEST = "super:lK75jTNcA+U9vtVEw5vB51mj/w4=";

/** Dumps a tree that nobody changes meanwhile. */
export async function dumpTree(address: string): Promise<TreeDump> {
  const client = await connect(address, { auth: [{ scheme: "digest", auth: SUPER_AUTH }] });
  const znodes = new Map<string, string>();
  let waiting = ["/"];
  while (waiting.length > 0) {
    const paths = waiting.splice(0, AT_ONCE);
    const found = await Promise.all(paths.map((path) => visit(client, path)));
    for (const [at, { text, children }] of found.entries()) {
      znodes.set(paths[at] ?? "", text);
      waiting = waiting.concat(children);
    }
  }
  await client.close();
  return znodes;
}

/** What differs, in words; nothing if the trees are equal. */
export function dumpDifferences(wanted: TreeDump, found: TreeDump): string[] {
  const differences: string[] = [];
  for (const [path, text] of wanted) {
    const other = found.get(path);
    if (other === undefined) differences.push(`${path} is missing`);
    else if (other !== text) differences.push(`${path}: ${other} instead of ${text}`);
  }
  for (const path of found.keys()) if (!wanted.has(path)) differences.push(`${path} is too many`);
  return differences.slice(0, DIFFERENCES_TOLD);
}

async function visit(client: Client, path: string): Promise<{ text: string; children: string[] }> {
  const [{ data, stat }, { acl }, { children }] = await Promise.all([
    client.getData(path),
    client.getACL(path),
    client.getChildren(path),
  ]);
  const times = path === CONFIG_PATH ? { ctimeMs: 0, mtimeMs: 0 } : {};
  const text = JSON.stringify({ data: dataText(data), acl, stat: { ...stat, ...times } }, plain);
  const prefix = path === "/" ? "/" : `${path}/`;
  return { text, children: children.map((name) => prefix + name) };
}

function dataText(data: Buffer | null): string | null {
  if (data === null || data.length <= DATA_SHOWN_BYTES) return data?.toString("hex") ?? null;
  return `${data.length} bytes, sha256 ${createHash("sha256").update(data).digest("hex")}`;
}

/** JSON has no bigint. */
function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
