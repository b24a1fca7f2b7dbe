// A whole tree as its server shows it to a client: every znode's data, ACL and Stat.

import { createHash } from "node:crypto";
import { type Acl, type Client, connect, type Stat } from "quorate/client";
import { until } from "./until.ts";

/** Znodes by their paths, each as one line of text. */
export type TreeDump = ReadonlyMap<string, string>;

/** A znode as its server shows it. */
export interface SeenZnode {
  readonly data: Buffer | null;
  readonly acl: readonly Acl[];
  readonly stat: Stat;
}

/** Znodes asked for at once. */
const AT_ONCE = 200;
/** Longer data is told by its hash. */
const DATA_SHOWN_BYTES = 64;
const DIFFERENCES_TOLD = 10;
const SETTLE_LIMIT_MS = 15_000;
/** Its times are those of its server's first start (storage, Trap 11). */
const CONFIG_PATH = "/zookeeper/config";

/** The user for whom `superDigest` of the tests' servers stands: no ACL keeps it out. */
export const SUPER_AUTH = "super:secret";
export const SUPER_DIGEST = "super:lK75jTNcA+U9vtVEw5vB51mj/w4=";

/** Dumps a tree that nobody changes meanwhile. */
export async function dumpTree(address: string): Promise<TreeDump> {
  const znodes = new Map<string, string>();
  for (const [path, { data, acl, stat }] of await readTree(address)) {
    const times = path === CONFIG_PATH ? { ctimeMs: 0, mtimeMs: 0 } : {};
    const shown = { data: dataText(data), acl, stat: { ...stat, ...times } };
    znodes.set(path, JSON.stringify(shown, plain));
  }
  return znodes;
}

/** Reads all that one server shows, no older than what was acknowledged before the call. */
export async function readTree(
  address: string,
  top = "/",
): Promise<ReadonlyMap<string, SeenZnode>> {
  const client = await connect(address, { auth: [{ scheme: "digest", auth: SUPER_AUTH }] });
  await client.sync(top);
  const znodes = new Map<string, SeenZnode>();
  let waiting = [top];
  while (waiting.length > 0) {
    const paths = waiting.splice(0, AT_ONCE);
    const found = await Promise.all(paths.map((path) => visit(client, path)));
    for (const [at, { znode, children }] of found.entries()) {
      znodes.set(paths[at] ?? "", znode);
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

/**
 * What differs between the servers at these addresses once nobody writes, in words. Sessions may
 * still be ending, so it looks again for a while before it says that trees differ.
 *
 * @param except A path whose data are each server's own.
 */
export async function treeDifferences(
  addresses: readonly string[],
  except?: string,
): Promise<string[]> {
  let differences: string[] = [];
  const isEqual = async (): Promise<boolean> => {
    const dumps = await Promise.all(addresses.map((each) => dumpTree(each)));
    differences = dumps.flatMap((dump, at) =>
      dumpDifferences(dumps[0] ?? new Map(), dump)
        .filter((each) => except === undefined || !each.startsWith(`${except}: `))
        .map((each) => `${addresses[at]}: ${each}`),
    );
    return differences.length === 0;
  };
  try {
    await until("the trees are equal", isEqual, SETTLE_LIMIT_MS);
  } catch (error) {
    if (differences.length === 0) throw error;
  }
  return differences;
}

async function visit(
  client: Client,
  path: string,
): Promise<{ znode: SeenZnode; children: string[] }> {
  const [{ data, stat }, { acl }, { children }] = await Promise.all([
    client.getData(path),
    client.getACL(path),
    client.getChildren(path),
  ]);
  const prefix = path === "/" ? "/" : `${path}/`;
  return { znode: { data, acl, stat }, children: children.map((name) => prefix + name) };
}

function dataText(data: Buffer | null): string | null {
  if (data === null || data.length <= DATA_SHOWN_BYTES) return data?.toString("hex") ?? null;
  return `${data.length} bytes, sha256 ${createHash("sha256").update(data).digest("hex")}`;
}

/** JSON has no bigint. */
function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
