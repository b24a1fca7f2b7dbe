/**
 * One of several servers in one process of the machine, each to be stopped and ended for itself.
 * Whatever is to reach a server's code, timers, bytes and completions, passes here.
 *
 *     running ⇄ standing (SIGSTOP: it waits, in its order) ─▶ ended (SIGKILL: nothing arrives)
 */
import type { Clock, Timer } from "../../protocol/host.ts";

type State = "running" | "standing" | "ended";

export class LiveProcess implements Clock {
  #state: State = "running";
  readonly #real: Clock;
  readonly #timers = new Set<Timer>();
  /** What came while it stood still, the oldest first. */
  readonly #waiting: (() => void)[] = [];

  /** @param real The machine's clock. */
  constructor(real: Clock) {
    this.#real = real;
  }

  get isStanding(): boolean {
    return this.#state === "standing";
  }

  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  pause(): void {
    if (this.#state === "running") this.#state = "standing";
  }

  /** What waited runs in a turn to come, before whatever is newer; then `resumed`. */
  resume(resumed: () => void): void {
    this.#real.endOfTurn(() => {
      if (this.#state !== "standing") return;
      this.#state = "running";
      for (const event of this.#waiting.splice(0)) this.pass(event);
      resumed();
    });
  }

  end(): void {
    this.#state = "ended";
    this.#waiting.length = 0;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  /** Lets an event in: now, when the process goes on, or never. */
  pass(event: () => void): void {
    if (this.#state === "running") event();
    else if (this.#state === "standing") this.#waiting.push(event);
  }

  nowMs(): number {
    return this.#real.nowMs();
  }

  wallMs(): number {
    return this.#real.wallMs();
  }

  after(delayMs: number, callback: () => void): Timer {
    let isCancelled = false;
    const real = this.#real.after(delayMs, () => {
      this.#timers.delete(timer);
      this.pass(() => {
        if (!isCancelled) callback();
      });
    });
    const timer: Timer = {
      cancel: () => {
        isCancelled = true;
        this.#timers.delete(timer);
        real.cancel();
      },
    };
    this.#timers.add(timer);
    return timer;
  }

  endOfTurn(callback: () => void): void {
    this.#real.endOfTurn(() => this.pass(callback));
  }
}
