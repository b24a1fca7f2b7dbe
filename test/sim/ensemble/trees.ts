// Whether several servers hold the same: every path, its data, its ACL, its whole Stat, and the sessions.

import { Writer } from "../../../protocol/jute.ts";
import { wordsHex } from "../../../protocol/zxid.ts";
import type { DataTree } from "../../../server/tree/data-tree.ts";

/** Each server writes it by its own clock. */
const OWN_WORDS = "/zookeeper/config";

interface Named {
  readonly name: string;
  readonly tree: DataTree | undefined;
}

/** In words where they differ from the first. */
export function differences(servers: readonly Named[]): string[] {
  const [first, ...others] = servers.map(({ name, tree }) => ({ name, content: contentOf(tree) }));
  if (first === undefined) return [];
  return others.flatMap(({ name, content }) => {
    for (const [key, value] of first.content) {
      const other = content.get(key);
      if (other === value) continue;
      return [`${key} is ${value} at ${first.name} and ${other ?? "not there"} at ${name}`];
    }
    const more = [...content.keys()].find((key) => !first.content.has(key));
    return more === undefined ? [] : [`${more} is at ${name} and not at ${first.name}`];
  });
}

function contentOf(tree: DataTree | undefined): Map<string, string> {
  const content = new Map<string, string>();
  if (tree === undefined) return content;
  content.set("the digest", wordsHex(tree.digestHigh, tree.digestLow));
  tree.sessions.forEach((high, low, timeoutMs) => {
    content.set(`session ${wordsHex(high, low)}`, `${timeoutMs} ms`);
  });
  const writer = new Writer(256);
  for (let slot = tree.root; slot !== 0; slot = tree.successor(slot)) {
    writer.clear();
    tree.writeData(slot, writer);
    const path = tree.pathText(slot);
    if (path !== OWN_WORDS) tree.writeStat(slot, writer);
    const acl = JSON.stringify(tree.acls.get(tree.acl(slot)));
    content.set(`znode ${path}`, `${writer.written().toString("hex")} ${acl}`);
  }
  return content;
}
