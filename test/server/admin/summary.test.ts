import { expect, test } from "vitest";
import { averageText, decimalText, Summary } from "../../../server/admin/summary.ts";

test("a summary starts at zero and keeps count, sum, least and most", () => {
  const summary = new Summary();
  expect(summary).toMatchObject({ count: 0, sum: 0, min: 0, max: 0 });
  for (const value of [3, 1.5, 9]) summary.add(value);
  expect(summary).toMatchObject({ count: 3, sum: 13.5, min: 1.5, max: 9 });
});

// operations 3.5, Trap 4
test("numbers with fractions print as Java's: always a point, four decimals at most", () => {
  expect([0, 4, 2.375, 1.866_66, 0.000_04, 1e7].map(decimalText)).toEqual([
    "0.0",
    "4.0",
    "2.375",
    "1.8667",
    "0.0",
    "10000000.0",
  ]);
  expect(averageText(new Summary())).toBe("0.0");
});
