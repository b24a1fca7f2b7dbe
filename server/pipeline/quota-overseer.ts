/**
 * What quotas need beside txns: time, to count a large subtree in slices between turns, and the
 * log, for limits that were passed. Clients decide how often that happens, so the log takes one
 * line of each kind in ten seconds, and the number of those left out.
 */
import type { Clock, Timer } from "../../protocol/host.ts";
import type { QuotaExcess, QuotaObserver, Quotas } from "../tree/quota.ts";

export type QuotaReport = (fields: Readonly<Record<string, unknown>>, message: string) => void;

const REPORT_INTERVAL_MS = 10_000;

/** Between two looks at the clock. */
const STEP_SLOTS = 8192;
const SLICE_SLOTS = 65_536;
const SLICE_MS = 1.5;
/** After a slice the loop is left to requests for so many times as long. */
const PAUSE_FACTOR = 3;
/** Where the clock does not move while we count. */
const PAUSE_MS_MIN = 1;

type ReportKind = "exceeded" | "unreadable";

interface Silence {
  untilMs: number;
  leftOut: number;
}

export class QuotaOverseer implements QuotaObserver {
  readonly #clock: Clock;
  readonly #quotas: Quotas;
  readonly #report: QuotaReport;
  readonly #silences: Readonly<Record<ReportKind, Silence>> = {
    exceeded: { untilMs: Number.NEGATIVE_INFINITY, leftOut: 0 },
    unreadable: { untilMs: Number.NEGATIVE_INFINITY, leftOut: 0 },
  };
  #timer: Timer | undefined;
  readonly #slice: () => void;

  constructor(clock: Clock, quotas: Quotas, report: QuotaReport) {
    this.#clock = clock;
    this.#quotas = quotas;
    this.#report = report;
    this.#slice = () => this.#countSlice();
    quotas.observer = this;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#quotas.observer = undefined;
  }

  exceeded({ path, kind, isHard, limit, usage }: QuotaExcess): void {
    const limitName = `${isHard ? "hard" : "soft"} limit of ${kind}`;
    this.#tell("exceeded", { path, limit, usage }, `a quota's ${limitName} is exceeded`);
  }

  unreadable(path: string): void {
    this.#tell("unreadable", { path }, "the text of a quota's znode cannot be read");
  }

  counting(): void {
    this.#timer ??= this.#clock.after(PAUSE_MS_MIN, this.#slice);
  }

  #countSlice(): void {
    this.#timer = undefined;
    const startMs = this.#clock.nowMs();
    let isMore = true;
    let elapsedMs = 0;
    for (
      let slots = 0;
      isMore && slots < SLICE_SLOTS && elapsedMs < SLICE_MS;
      slots += STEP_SLOTS
    ) {
      isMore = this.#quotas.count(STEP_SLOTS);
      elapsedMs = this.#clock.nowMs() - startMs;
    }
    if (!isMore) return;
    this.#timer = this.#clock.after(Math.max(elapsedMs * PAUSE_FACTOR, PAUSE_MS_MIN), this.#slice);
  }

  #tell(kind: ReportKind, fields: Readonly<Record<string, unknown>>, message: string): void {
    const silence = this.#silences[kind];
    const nowMs = this.#clock.nowMs();
    if (nowMs < silence.untilMs) {
      silence.leftOut++;
      return;
    }
    const { leftOut } = silence;
    silence.untilMs = nowMs + REPORT_INTERVAL_MS;
    silence.leftOut = 0;
    this.#report(leftOut > 0 ? { ...fields, leftOut } : fields, message);
  }
}
