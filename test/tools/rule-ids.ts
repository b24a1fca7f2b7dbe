// What counts as a rule in a page of the specification, and what it is called.
//
// - An id in bold (**ST-6**), at the start of a sentence or of a table's row, or in a column headed
//   "rule id": itself.
// - A numbered line under a heading "Traps": `Trap 7`.
// - In a section without ids, each row of its tables and each numbered line, `3.2/create family`
//   (the row's first cell; with a short second one, `6/1 create`, where the first is a number),
//   and the section itself, `2.4`, for what its sentences and bullets say.
//
// A heading without a number goes on with the section above it.

/** Sections that explain, compare or give sources: nothing in them is for a test to prove. */
const NOT_RULES: ReadonlyMap<string, RegExp> = new Map([
  ["operations", /^10$/],
  ["quorum-protocol", /^0$/],
  ["recipes", /^(0|C|C\.\d+|D|D\.\d+|E)$/],
]);

const ID = /^(?:[A-Z]+-)+\d+[a-z]?$/;
/** Bugs, standards and checksums look like ids. */
const NOT_ID = /^(CRC|CURATOR|CVE|FLINK|HMAC|ISO|KAFKA|SHA|STORM|UTF|ZOOKEEPER)-/;
const NAME_MAX_CHARACTERS = 60;
const SECOND_CELL_MAX_CHARACTERS = 40;

/** Rule ids of a page, in the page's order, each once. `page` is its file name without ".md". */
export function ruleIds(page: string, text: string): string[] {
  const ids = new Set<string>();
  for (const section of sections(text)) {
    if (section.number === "") continue;
    const isLeftOut = !section.isTraps && NOT_RULES.get(page)?.test(section.number) === true;
    if (isLeftOut) continue;
    const own = section.isTraps ? trapIds(section) : explicitIds(section);
    const found = own.length > 0 || section.isTraps ? own : rowIds(section);
    for (const id of found) ids.add(id);
  }
  return [...ids];
}

/** What else of a page a test may name: any section that has a number, and any row of its tables. */
export function placeIds(text: string): string[] {
  const numbered = sections(text).filter(({ number, isTraps }) => number !== "" && !isTraps);
  return [...new Set(numbered.flatMap((section) => [section.number, ...rowIds(section)]))];
}

/**
 * The one rule that a test's comment means by `reference`: its id, or as much of a row's name,
 * from its start or its end, as no other row of the section has. Undefined: none, or several.
 */
export function resolveRule(reference: string, ids: readonly string[]): string | undefined {
  const wanted = normalRule(reference);
  if (ids.includes(wanted)) return wanted;
  const slash = wanted.indexOf("/");
  if (slash < 0) return undefined;
  const section = wanted.slice(0, slash + 1);
  const row = wanted.slice(slash + 1);
  const rows = ids.filter((id) => id.startsWith(section)).map((id) => id.slice(section.length));
  const whole = rows.filter((name) => name.startsWith(`${row} `) || name.endsWith(` ${row}`));
  const found = whole.length > 0 ? whole : rows.filter((name) => name.startsWith(row));
  return found.length === 1 ? `${section}${found[0]}` : undefined;
}

/** Ids are compared in this form: what emphasis, code marks or commas a cell has is no part of it. */
function normalRule(id: string): string {
  return id
    .replaceAll(/[*`\\]/g, "")
    .replaceAll(",", " ")
    .replaceAll("−", "-")
    .replaceAll(/\s+/g, " ")
    .trim();
}

interface Section {
  /** "3.2" or "B.0.1"; empty above the first heading with a number. */
  readonly number: string;
  readonly isTraps: boolean;
  readonly lines: string[];
}

function sections(text: string): Section[] {
  const found: Section[] = [];
  let isCode = false;
  let number = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("```")) isCode = !isCode;
    const heading = isCode ? null : /^#{1,6} (.*)$/.exec(line);
    if (heading === null) {
      if (!isCode) found.at(-1)?.lines.push(line);
      continue;
    }
    const title = heading[1] ?? "";
    number = /^(?:[A-Z](?=\.)|\d+)(?:\.\d+)*/.exec(title)?.[0] ?? number;
    found.push({ number, isTraps: /\bTraps$/.test(title), lines: [] });
  }
  return found;
}

function trapIds(section: Section): string[] {
  return section.lines.flatMap((line) => {
    const number = /^(\d+)\. /.exec(line)?.[1];
    return number === undefined ? [] : [`Trap ${number}`];
  });
}

function explicitIds(section: Section): string[] {
  const ids: (string | undefined)[] = [];
  let idColumn = -1;
  for (const line of section.lines) {
    for (const [, id] of line.matchAll(/\*\*([A-Z-]+\d+[a-z]?)\b/g)) ids.push(id);
    const cells = cellsOf(line);
    if (cells === undefined) {
      idColumn = -1;
      for (const [, id] of line.matchAll(/(?:^|[.:;)*] )([A-Z-]+\d+[a-z]?) (?=\S)/g)) ids.push(id);
    } else {
      if (cells.includes("rule id")) idColumn = cells.indexOf("rule id");
      for (const cell of [cells[0], cells[idColumn]]) {
        ids.push(/^\**([A-Z-]+\d+[a-z]?)/.exec(cell ?? "")?.[1]);
      }
    }
  }
  return ids.filter((id) => id !== undefined).filter((id) => ID.test(id) && !NOT_ID.test(id));
}

function rowIds(section: Section): string[] {
  const ids: string[] = [];
  const seen = new Map<string, number>();
  let hasSentences = false;
  let isHeader = true;
  for (const line of section.lines) {
    const cells = cellsOf(line);
    let name: string | undefined;
    if (cells !== undefined) {
      if (!isHeader) name = nameOf(cells);
      // The header ends at its line of dashes.
      if (cells.every((cell) => /^:?-+:?$/.test(cell))) isHeader = false;
    } else {
      isHeader = true;
      name = /^(\d+)\. /.exec(line)?.[1];
      if (name === undefined && /^\s*(- )?\S/.test(line) && !/^-+$/.test(line)) hasSentences = true;
    }
    if (name === undefined || name === "") continue;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    ids.push(`${section.number}/${name}${count === 1 ? "" : ` #${count}`}`);
  }
  return hasSentences ? [section.number, ...ids] : ids;
}

function nameOf(cells: readonly string[]): string {
  const [first = "", second = ""] = cells.map(normalRule);
  const isNumber = /^-?\d+$/.test(first) && second.length <= SECOND_CELL_MAX_CHARACTERS;
  const name = isNumber ? `${first} ${second}`.trim() : first;
  if (name.length <= NAME_MAX_CHARACTERS) return name;
  const cut = name.slice(0, NAME_MAX_CHARACTERS);
  return cut.slice(0, cut.lastIndexOf(" ")).trim();
}

/** The cells of a table's row, or undefined for another line. */
function cellsOf(line: string): string[] | undefined {
  if (!line.startsWith("|")) return undefined;
  return line
    .replaceAll("\\|", "\u0000")
    .replace(/^\|/, "")
    .replace(/\|\s*$/, "")
    .split("|")
    .map((cell) => cell.replaceAll("\u0000", "|").trim());
}
