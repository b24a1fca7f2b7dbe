// A hook of Node's module loader that plants one bug: it gives the bug's file changed, and leaves
// every other to the hook before it.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { transform } from "oxc-transform";
import { plant } from "./plant.mjs";

/** The bug's edits, each with its file as a URL. */
let edits;

export function initialize(planted) {
  edits = planted;
}

export async function load(url, context, nextLoad) {
  const bug = edits.find((edit) => edit.url === url);
  if (bug === undefined) return nextLoad(url, context);
  const path = fileURLToPath(url);
  const { code, errors } = await transform(path, plant(await readFile(path, "utf8"), bug), {
    target: "es2022",
    typescript: { onlyRemoveTypeImports: true },
  });
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0].message}`);
  return { format: "module", source: code, shortCircuit: true };
}
