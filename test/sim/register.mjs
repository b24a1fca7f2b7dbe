// node --import ./test/sim/register.mjs test/sim/cli.ts: runs TypeScript as it stands, with one
// planted bug where the command line says `--bug NAME`.
import { existsSync } from "node:fs";
import { register } from "node:module";

await import("../tools/typescript.mjs");
process.setSourceMapsEnabled(true);

const at = process.argv.indexOf("--bug");
if (at >= 0) {
  const place = new URL(`./bugs/${process.argv[at + 1]}.ts`, import.meta.url);
  if (!existsSync(place)) throw new Error(`no bug is called "${process.argv[at + 1]}"`);
  const { bug } = await import(place.href);
  const edits = bug.also === undefined ? [bug] : [bug, { name: bug.name, ...bug.also }];
  const data = edits.map((edit) => ({
    ...edit,
    url: new URL(`../../${edit.file}`, import.meta.url).href,
  }));
  register("./planting-loader.mjs", import.meta.url, { data });
}
