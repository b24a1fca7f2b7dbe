// `zookeeper` from npm: it wraps the C client and is compiled where it is installed, so it is no
// dependency of ours, which must install on a machine without a compiler. It is kept outside the
// tree, one version for each ABI of Node; installing takes 20 seconds and more, once a machine.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const VERSION = "7.3.0";
const INSTALL_LIMIT_MS = 300_000;

const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "quorate-test");

/** The folder whose node_modules holds the client, once `installNativeClient` was true. */
export const NATIVE_CLIENT: string = join(
  CACHE,
  `zookeeper-${VERSION}-node-abi-${process.versions.modules}`,
);

/** Whether the client is there, or could be installed and compiled now. */
export function installNativeClient(): boolean {
  if (existsSync(NATIVE_CLIENT)) return true;
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, "installing-"));
  try {
    writeFileSync(join(folder, "package.json"), `{ "private": true }\n`);
    const isInstalled =
      runs(folder, "npm", "install", "--no-audit", "--no-fund", `zookeeper@${VERSION}`) &&
      runs(folder, process.execPath, "-e", `require("zookeeper")`);
    // Another process may have been faster.
    if (isInstalled && !existsSync(NATIVE_CLIENT)) renameSync(folder, NATIVE_CLIENT);
    return isInstalled;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runs(folder: string, command: string, ...args: string[]): boolean {
  const options = { cwd: folder, stdio: "ignore", timeout: INSTALL_LIMIT_MS } as const;
  return spawnSync(command, args, options).status === 0;
}
