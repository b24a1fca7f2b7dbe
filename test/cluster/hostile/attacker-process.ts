// An attacker as a process of its own. It is told { attack, port, size } and begins, or "end"; what
// it says back is how it went.

import { ATTACKS, type AttackSize, type RunningAttack } from "./attacks.ts";

/** What it is told. */
export type AttackOrder =
  | { readonly attack: string; readonly port: number; readonly size: AttackSize }
  | "end";

/** What it says once an attack has ended. */
export interface AttackOutcome {
  readonly sentBytes: number;
  /** Connections that the other side closed. */
  readonly closed: number;
}

let attack: RunningAttack | undefined;

process.on("message", (order: AttackOrder) => {
  if (order === "end") {
    const all = attack?.peers ?? [];
    const outcome: AttackOutcome = {
      sentBytes: all.reduce((total, { sentBytes }) => total + sentBytes, 0),
      closed: all.reduce((total, { closed }) => total + closed, 0),
    };
    attack?.end();
    attack = undefined;
    process.send?.(outcome);
    return;
  }
  attack = ATTACKS[order.attack]?.(order.port, order.size);
  process.send?.("begun");
});
