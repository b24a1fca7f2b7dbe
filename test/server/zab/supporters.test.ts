import { expect, test } from "vitest";
import { ElectionBench } from "./election-bench.ts";

/** Server 2 of three, elected by itself and server 1 in round 2; server 3 was taken for dead. */
function elected(): ElectionBench {
  const bench = new ElectionBench({ voters: [1, 2, 3], sid: 2 });
  bench.start();
  bench.hear(3, "LOOKING v3 z0 r0 pe0");
  bench.lose(3);
  expect(bench.hear(1, "LOOKING v2 z0 r1 pe0")).toContain("LEADING 2");
  return bench;
}

// quorum-protocol D-4
test("a leader whose voters go over to another before it takes office is told so, once", () => {
  const bench = elected();
  bench.hear(3, "LOOKING v3 z0 r1 pe0");
  expect(bench.hear(1, "LOOKING v3 z0 r1 pe0")).toContain("deserted");
  expect(bench.hear(1, "FOLLOWING v3 z0 r1 pe1")).not.toContain("deserted");
});

test("a leader in office is not left by what is said", () => {
  const bench = elected();
  bench.core.established(1);
  bench.hear(3, "LOOKING v3 z0 r1 pe0");
  expect(bench.hear(1, "LOOKING v3 z0 r1 pe0")).not.toContain("deserted");
});

test("voters who have said nothing else may still come", () => {
  const bench = elected();
  expect(bench.hear(3, "LOOKING v3 z0 r1 pe0")).not.toContain("deserted");
});

test("what was said in a round that is over takes nobody away", () => {
  const bench = new ElectionBench({ voters: [1, 2, 3], sid: 2 });
  bench.start();
  bench.start();
  bench.hear(3, "LOOKING v3 z0 r0 pe0");
  bench.lose(3);
  expect(bench.hear(1, "LOOKING v2 z0 r2 pe0")).toContain("LEADING 2");
  expect(bench.hear(1, "LOOKING v1 z0 r1 pe0")).not.toContain("deserted");
});
