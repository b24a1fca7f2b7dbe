/** What prep asks of a path before it looks for anything (server-semantics 3.2). */

/** Paths that cannot be deleted. */
const RESERVED_PATHS: ReadonlySet<string> = new Set([
  "/",
  "/zookeeper",
  "/zookeeper/quota",
  "/zookeeper/config",
]);

export function isReserved(path: string): boolean {
  return RESERVED_PATHS.has(path);
}

/** What is looked at before a parent is looked for: validity comes only after its checks. */
export function hasPathForm(path: string): boolean {
  return path.includes("/") && !path.includes("\0");
}
