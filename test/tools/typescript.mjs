// Lets Node 20 run our TypeScript from source: `node --import ./test/tools/typescript.mjs FILE.ts`.
// For tools and simulations only; what ships, and every suite with real processes, runs dist.
//
// The file plays both parts: on the main thread it registers itself, on the loader's thread its
// `load` takes the types out.

import { readFile } from "node:fs/promises";
import { register } from "node:module";
import { fileURLToPath } from "node:url";
import { isMainThread } from "node:worker_threads";
import { transform } from "oxc-transform";

if (isMainThread) register(import.meta.url);

/** Node's loader hook: https://nodejs.org/docs/latest-v20.x/api/module.html#loadurl-context-nextload */
export async function load(url, context, nextLoad) {
  if (!url.startsWith("file:") || !url.endsWith(".ts")) return nextLoad(url, context);
  const path = fileURLToPath(url);
  const { code, errors } = await transform(path, await readFile(path, "utf8"), {
    target: "es2022",
    typescript: { onlyRemoveTypeImports: true },
  });
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0].message}`);
  return { format: "module", source: code, shortCircuit: true };
}
