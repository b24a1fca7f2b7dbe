// Well-behaved sessions that ask small things at a steady rate, whatever the answers take: what an
// answer takes is counted from when its request was due. Told { seconds }, it says the figures.

import { connect } from "quorate/client";

/** The figures of one round, in milliseconds. */
export interface ProbeFigures {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly failed: number;
}

const SESSIONS = 4;
const PER_SECOND = 800;
const WRITE_SHARE = 0.1;
const STEP_MS = 1;

const [address = ""] = process.argv.slice(2);
const sessions = await Promise.all(
  Array.from({ length: SESSIONS }, () => connect(address, { sessionTimeoutMs: 8000 })),
);
await sessions[0]?.create("/probe", Buffer.alloc(100));
process.on("message", (seconds: number) => void measure(seconds));
process.on("disconnect", () => process.exit());
process.send?.("ready");

async function measure(seconds: number): Promise<void> {
  const startedMs = performance.now();
  const total = Math.round(seconds * PER_SECOND);
  const took: number[] = [];
  let failed = 0;
  let sent = 0;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      if (took.length + failed === total) resolve();
    };
    const timer = setInterval(() => {
      const due = ((performance.now() - startedMs) * PER_SECOND) / 1000;
      for (; sent < total && sent + 1 <= due; sent++) {
        const dueMs = startedMs + (sent * 1000) / PER_SECOND;
        ask(sent).then(
          () => {
            took.push(performance.now() - dueMs);
            settle();
          },
          () => {
            failed++;
            settle();
          },
        );
      }
      if (sent === total) clearInterval(timer);
    }, STEP_MS);
  });
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.floor(took.length * share)] ?? Number.NaN;
  const figures: ProbeFigures = {
    count: took.length,
    p50: at(0.5),
    p99: at(0.99),
    max: took.at(-1) ?? Number.NaN,
    failed,
  };
  process.send?.(figures);
}

async function ask(number: number): Promise<void> {
  const session = sessions[number % SESSIONS];
  if (number % (1 / WRITE_SHARE) === 0) await session?.setData("/probe", Buffer.alloc(100));
  else await session?.getData("/probe");
}
