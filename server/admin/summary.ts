/** What was measured of one thing, without the single values: count, sum, least and most. */
export interface SummaryView {
  readonly count: number;
  readonly sum: number;
  /** 0 before the first value. */
  readonly min: number;
  /** 0 before the first value. */
  readonly max: number;
}

/**
 * Adds up milliseconds on the hot path: three additions and two comparisons, nothing allocated.
 * Kept with fractions, since most of our answers take less than the millisecond that ZooKeeper
 * counts in; what is printed as a whole number is rounded there.
 */
export class Summary implements SummaryView {
  count = 0;
  sum = 0;
  min = 0;
  max = 0;

  add(value: number): void {
    if (this.count === 0 || value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    this.count++;
    this.sum += value;
  }

  reset(): void {
    this.count = 0;
    this.sum = 0;
    this.min = 0;
    this.max = 0;
  }
}

/** The mean as Java prints a double: a decimal point always, four decimals at most. */
export function averageText(summary: SummaryView): string {
  const mean = summary.count === 0 ? 0 : summary.sum / summary.count;
  return decimalText(mean);
}

/** A number as Java prints a double, rounded to four decimals. */
export function decimalText(value: number): string {
  const rounded = Math.round(value * 10_000) / 10_000;
  return Number.isInteger(rounded) ? `${rounded}.0` : String(rounded);
}
