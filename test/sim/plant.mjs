/**
 * The source with a planted bug in it. The anchor must stand there exactly once: a bug whose place
 * has changed is written anew, never skipped.
 *
 * @param {string} source
 * @param {{ name: string, file: string, anchor: string, replacement: string }} bug
 * @returns {string}
 */
export function plant(source, bug) {
  const at = source.indexOf(bug.anchor);
  if (at < 0) throw new Error(`the bug "${bug.name}" has lost its anchor in ${bug.file}`);
  if (source.indexOf(bug.anchor, at + 1) >= 0) {
    throw new Error(`the anchor of the bug "${bug.name}" stands twice in ${bug.file}`);
  }
  return source.slice(0, at) + bug.replacement + source.slice(at + bug.anchor.length);
}
