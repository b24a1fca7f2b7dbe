// The files of the checkout, and what they import.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Paths of all files in a folder of the checkout, from the checkout's root, sorted. */
export function filesUnder(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return isOurs(entry.name) ? filesUnder(root, path) : [];
      return entry.isFile() ? [path] : [];
    })
    .sort();
}

function isOurs(directory: string): boolean {
  return !["node_modules", "dist", "coverage", "data", ".git"].includes(directory);
}

export interface Import {
  readonly specifier: string;
  /** Nothing of it is left at run time. */
  readonly isTypeOnly: boolean;
}

const STATIC = /^(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gms;
const DYNAMIC = /\bimport\(\s*"([^"]+)"/g;

/** What a module imports, dynamically or not. */
export function importsOf(root: string, path: string): Import[] {
  const text = readFileSync(join(root, path), "utf8");
  const found: Import[] = [];
  for (const [, type, specifier] of text.matchAll(STATIC)) {
    if (specifier !== undefined) found.push({ specifier, isTypeOnly: type !== undefined });
  }
  for (const [, specifier] of text.matchAll(DYNAMIC)) {
    if (specifier !== undefined) found.push({ specifier, isTypeOnly: false });
  }
  return found;
}
