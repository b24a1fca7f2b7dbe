/** What is wrong with the settings, each with its place, as operators read it. */

export interface ConfigProblem {
  readonly severity: "error" | "warning";
  /** `zoo.cfg:7:10`, or what else said it. */
  readonly place: string;
  readonly message: string;
}

export interface Place {
  readonly text: string;
  /** For the order of problems; what is not of the file comes last. */
  readonly line: number;
}

/** What somebody said about a key, and where. */
export interface Assignment {
  readonly key: string;
  readonly value: string;
  readonly keyAt: Place;
  readonly valueAt: Place;
  readonly fromFile: boolean;
}

/** A place that is no line of the file. */
export function outside(name: string): Place {
  return { text: name, line: Number.MAX_SAFE_INTEGER };
}

/** Gathers them; nothing stops at the first one. */
export class Problems {
  readonly #found: (ConfigProblem & { readonly line: number })[] = [];
  /** Invariant: true after any error. */
  #failed = false;

  get failed(): boolean {
    return this.#failed;
  }

  fail(at: Place, message: string): void {
    this.#failed = true;
    this.#found.push({ severity: "error", place: at.text, message, line: at.line });
  }

  warn(at: Place, message: string): void {
    this.#found.push({ severity: "warning", place: at.text, message, line: at.line });
  }

  /** In the file's order; what is not of the file follows. */
  inOrder(): readonly ConfigProblem[] {
    return this.#found.sort((a, b) => a.line - b.line);
  }
}

/** One line a problem, then their count. */
export function problemsText(problems: readonly ConfigProblem[]): string {
  const lines = problems.map((each) => `${each.place}: ${each.severity}: ${each.message}\n`);
  const errors = problems.filter((each) => each.severity === "error").length;
  const warnings = problems.length - errors;
  return `${lines.join("")}${counted(errors, "error")}, ${counted(warnings, "warning")}\n`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
