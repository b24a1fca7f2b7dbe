// A planted bug: a piece of our own source, and what a tired programmer might have written there.

/** What is changed in one file. */
export interface Edit {
  /** The source, from the checkout's root. */
  readonly file: string;
  /** The text that is replaced. Invariant: it stands in the file exactly once. */
  readonly anchor: string;
  readonly replacement: string;
}

export interface Bug extends Edit {
  /** Also the name of its file in `bugs/`. */
  readonly name: string;
  /** Where it takes a change of another file to go unnoticed by the server itself. */
  readonly also?: Edit;
  /** The checkers that may report it. */
  readonly foundBy: readonly string[];
  /** It is sought in ensembles; else at one server. */
  readonly inEnsembles?: true;
}

/** The seeds within which it must be found: clean without it. */
export function seedsFor({ inEnsembles }: Bug): number {
  return inEnsembles === true ? 500 : 200;
}
