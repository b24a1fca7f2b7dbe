// A hook of Node's module loader that plants one bug: it gives the bug's file changed, and leaves
// every other to the hook before it.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { transform } from "oxc-transform";
import { plant } from "./plant.mjs";

/** The bug, with its file as a URL. */
let bug;

export function initialize(planted) {
  bug = planted;
}

export async function load(url, context, nextLoad) {
  if (url !== bug.url) return nextLoad(url, context);
  const path = fileURLToPath(url);
  const { code, errors } = await transform(path, plant(await readFile(path, "utf8"), bug), {
    target: "es2022",
    typescript: { onlyRemoveTypeImports: true },
  });
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0].message}`);
  return { format: "module", source: code, shortCircuit: true };
}
