/** What will happen in a world, as a binary heap: by time, and at one time in the order asked for. */
import type { SimHost } from "./sim-host.ts";

/** Kinds of events, as the trace hash sees them. */
export const EventKind = {
  timer: 1,
  turnEnd: 2,
  disk: 3,
  accept: 4,
  opened: 5,
  read: 6,
  drained: 7,
  closed: 8,
  wire: 9,
  script: 10,
} as const;

export type EventKind = (typeof EventKind)[keyof typeof EventKind];

export interface SimEvent {
  atUs: number;
  /** Invariant: unique in a world, ascending in the order of scheduling. */
  readonly order: number;
  readonly kind: EventKind;
  /** The process it happens to; undefined: the world outside (wires, the script). */
  readonly owner: SimHost | undefined;
  /** The life of the owner that it belongs to; it does not reach a later one. */
  readonly life: number;
  readonly run: () => void;
  cancelled: boolean;
}

export class EventQueue {
  /** Invariant: each parent is not after its children. */
  readonly #heap: SimEvent[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get first(): SimEvent | undefined {
    return this.#heap[0];
  }

  push(event: SimEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as SimEvent;
      if (!before(event, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = event;
  }

  pop(): SimEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let down = at * 2 + 1;
      if (down >= heap.length) break;
      const right = down + 1;
      if (right < heap.length && before(heap[right] as SimEvent, heap[down] as SimEvent)) {
        down = right;
      }
      const child = heap[down] as SimEvent;
      if (!before(child, last)) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: SimEvent, b: SimEvent): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}
