/**
 * The syntax of `zoo.cfg` and of an ensemble's configuration: a Java properties file, not INI.
 * Blanks and colons separate too, backslashes vanish, nothing may trail a value, the last of two
 * equal keys wins.
 *
 * Every key and value comes with its line and column, so that what is wrong with it can be shown.
 *
 * @see java.util.Properties.load, and the trim in ZooKeeper 3.9, QuorumPeerConfig.java
 */

/** Where something stands in a file, both from 1; columns count UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One `key = value`, unescaped and trimmed. */
export interface Property {
  readonly key: string;
  readonly value: string;
  readonly keyAt: Position;
  /** Where the value starts, or where it would. */
  readonly valueAt: Position;
}

export interface SyntaxProblem {
  readonly severity: "error" | "warning";
  readonly at: Position;
  readonly message: string;
}

export interface PropertiesFile {
  /** In the file's order, of equal keys the last only. */
  readonly properties: readonly Property[];
  /** Those that a later line with the same key overrides. */
  readonly overridden: readonly Property[];
  readonly problems: readonly SyntaxProblem[];
}

/** A logical line: several lines of the file when all but the last end in a backslash. */
interface LogicalLine {
  readonly text: string;
  /** The offset in the file of each character, and of the line's end. */
  readonly offsets: readonly number[];
}

/**
 * Reads a properties file, or a text that has the form of one.
 *
 * Differs from Java: the bytes are UTF-8, not ISO-8859-1, and a byte order mark is skipped; what
 * Java would read differently is warned about.
 */
export function parseProperties(source: Uint8Array | string): PropertiesFile {
  const text = typeof source === "string" ? source : new TextDecoder("utf-8").decode(source);
  const at = positionsIn(text);
  const problems: SyntaxProblem[] = [];
  const nonAscii = text.search(/[^\0-\x7f]/u);
  if (nonAscii >= 0) {
    problems.push({
      severity: "warning",
      at: at(nonAscii),
      message: "not ASCII: read as UTF-8, while ZooKeeper reads ISO-8859-1",
    });
  }
  const byKey = new Map<string, Property>();
  const overridden: Property[] = [];
  for (const line of logicalLines(text)) {
    const property = parseLine(line, at, problems);
    const earlier = byKey.get(property.key);
    if (earlier !== undefined) {
      problems.push({
        severity: "warning",
        at: property.keyAt,
        message: `"${property.key}" again: line ${earlier.keyAt.line} is overridden by this one`,
      });
      byKey.delete(property.key);
      overridden.push(earlier);
    }
    byKey.set(property.key, property);
  }
  return { properties: [...byKey.values()], overridden, problems };
}

/** As Java's String.trim: blanks and control characters at both ends. */
function javaTrim(text: string): string {
  return text.replace(/^[\0-\x20]+|[\0-\x20]+$/g, "");
}

/** Comments and blank lines are left out; continued lines are joined. */
function* logicalLines(text: string): Generator<LogicalLine> {
  let index = 0;
  while (index < text.length) {
    index = skipBlanks(text, index);
    if (isLineEnd(text[index])) {
      index++;
    } else if (text[index] === "#" || text[index] === "!") {
      index = endOfLine(text, index);
    } else if (index < text.length) {
      const line: { text: string; offsets: number[] } = { text: "", offsets: [] };
      for (;;) {
        const end = endOfLine(text, index);
        const continued = endsInOddBackslashes(text, index, end);
        const stop = continued ? end - 1 : end;
        line.text += text.slice(index, stop);
        for (let i = index; i < stop; i++) line.offsets.push(i);
        index = end;
        if (!continued || end === text.length) break;
        index = afterLineEnd(text, end);
        // A backslash alone continues nothing: what follows is a line of its own, as in Java.
        if (line.text === "") break;
        index = skipBlanks(text, index);
      }
      line.offsets.push(index);
      if (line.text !== "") yield line;
    }
  }
}

function parseLine(
  line: LogicalLine,
  at: (offset: number) => Position,
  problems: SyntaxProblem[],
): Property {
  const { text, offsets } = line;
  const place = (index: number): Position => at(offsets[index] ?? 0);
  let keyEnd = 0;
  while (keyEnd < text.length && !/[=: \t\f]/.test(text[keyEnd] ?? "")) {
    keyEnd += text[keyEnd] === "\\" ? 2 : 1;
  }
  keyEnd = Math.min(keyEnd, text.length);
  let valueStart = skipBlanks(text, keyEnd);
  if (text[valueStart] === "=" || text[valueStart] === ":") {
    valueStart = skipBlanks(text, valueStart + 1);
  }
  const report = (index: number, severity: "error" | "warning", message: string): void => {
    problems.push({ severity, at: place(index), message });
  };
  return {
    key: javaTrim(unescape(text, 0, keyEnd, report)),
    value: javaTrim(unescape(text, valueStart, text.length, report)),
    keyAt: place(0),
    valueAt: place(valueStart),
  };
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

/** Escapes that stand for their own character without anyone being surprised. */
const PLAIN_ESCAPES = "\\=:#! ";

function unescape(
  text: string,
  start: number,
  end: number,
  report: (index: number, severity: "error" | "warning", message: string) => void,
): string {
  let result = "";
  for (let i = start; i < end; i++) {
    if (text[i] !== "\\" || i + 1 >= end) {
      result += text[i] === "\\" ? "" : text[i];
      continue;
    }
    const backslashAt = i;
    const escaped = text[++i] ?? "";
    if (escaped === "u") {
      const digits = text.slice(i + 1, Math.min(i + 5, end));
      if (/^[0-9a-fA-F]{4}$/.test(digits)) {
        result += String.fromCharCode(Number.parseInt(digits, 16));
        i += 4;
      } else {
        report(backslashAt, "error", "expected four hexadecimal digits after \\u");
      }
    } else {
      result += ESCAPES[escaped] ?? escaped;
      if (ESCAPES[escaped] === undefined && !PLAIN_ESCAPES.includes(escaped)) {
        report(
          backslashAt,
          "warning",
          `the backslash before "${escaped}" is dropped (\\\\ keeps one)`,
        );
      }
    }
  }
  return result;
}

function skipBlanks(text: string, from: number): number {
  let index = from;
  while (text[index] === " " || text[index] === "\t" || text[index] === "\f") index++;
  return index;
}

function isLineEnd(character: string | undefined): boolean {
  return character === "\n" || character === "\r";
}

function endOfLine(text: string, from: number): number {
  let index = from;
  while (index < text.length && !isLineEnd(text[index])) index++;
  return index;
}

function afterLineEnd(text: string, end: number): number {
  return text.startsWith("\r\n", end) ? end + 2 : end + 1;
}

function endsInOddBackslashes(text: string, start: number, end: number): boolean {
  let index = end;
  while (index > start && text[index - 1] === "\\") index--;
  return (end - index) % 2 === 1;
}

/** Line and column of an offset; lines end at \n, \r or \r\n. */
function positionsIn(text: string): (offset: number) => Position {
  const starts = [0];
  for (let end = endOfLine(text, 0); end < text.length; end = endOfLine(text, starts.at(-1) ?? 0)) {
    starts.push(afterLineEnd(text, end));
  }
  return (offset) => {
    let line = 1;
    let after = starts.length + 1;
    while (after - line > 1) {
      const middle = (line + after) >> 1;
      if ((starts[middle - 1] ?? 0) > offset) after = middle;
      else line = middle;
    }
    return { line, column: offset - (starts[line - 1] ?? 0) + 1 };
  };
}
