// What a seed's run comes to, whatever ran in it.

/** Something that must hold and did not. */
export interface Violation {
  /** The checker's name. */
  readonly checker: string;
  readonly message: string;
}

export interface SeedResult {
  readonly seed: number;
  readonly traceHash: string;
  readonly violations: readonly Violation[];
  /** The servers that there were. */
  readonly shape: string;
  readonly operations: number;
  readonly succeeded: number;
  readonly faults: number;
  readonly simulatedMs: number;
  readonly events: number;
  readonly txns: number;
  /** How often it got to each of the things that its kind is to reach. */
  readonly reached: Readonly<Record<string, number>>;
  /** The last that was said, for the report of a failure. */
  readonly lines: readonly string[];
}

/** A kind of run: one server, or an ensemble of them. */
export interface Kind {
  readonly name: string;
  run(seed: number): SeedResult;
  /** What at least one seed in twenty must reach. */
  readonly mustReach: readonly string[];
}
