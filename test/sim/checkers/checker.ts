// A checker is named for what must hold. It reads a run and says, in sentences, where it does not.

import type { Replay } from "../replay.ts";

export interface Checker {
  readonly name: string;
  check(run: Replay): string[];
}
