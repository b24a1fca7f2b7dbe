// Latency at a rate that is no strain: 5,000 operations a second, due whether or not the earlier ones
// are answered, so that whatever stalls is seen. Windows of ours and of Apache's alternate.

import type { LoadGenerator } from "./load.ts";
import { CONNECTIONS, type Contender, type Starter } from "./speed.ts";
import { median } from "./table.ts";

export interface OpenLoop {
  readonly readsP99Ms: number;
  readonly writesP99Ms: number;
}

const RATE = 5000;
const SECONDS = 10;
const WARMUP_SECONDS = 3;
const US = 1000;

export async function measureOpenLoop(
  load: LoadGenerator,
  windows: number,
  start: Starter,
): Promise<{ ours: OpenLoop; apache: OpenLoop }> {
  const contenders = [await start("quorate"), await start("apache")];
  const found = contenders.map((): OpenLoop[] => []);
  try {
    // The first window warms both.
    for (let at = 0; at <= windows; at++) {
      for (const [side, contender] of contenders.entries()) {
        const one = await window(load, contender);
        if (at > 0) found[side]?.push(one);
      }
    }
  } finally {
    for (const each of contenders) await each.remove();
  }
  const [ours = [], apache = []] = found;
  return { ours: middle(ours), apache: middle(apache) };
}

async function window(load: LoadGenerator, { hosts, kind }: Contender): Promise<OpenLoop> {
  const result = await load.run(hosts, {
    op: "mix",
    conns: CONNECTIONS,
    rate: RATE,
    seconds: SECONDS,
    warmup: WARMUP_SECONDS,
  });
  if (result.errors > 0) throw new Error(`${kind}: ${result.errors} errors`);
  const p99Ms = (of: { readonly p99_us: number } | undefined): number =>
    (of?.p99_us ?? Number.NaN) / US;
  return { readsP99Ms: p99Ms(result.reads), writesP99Ms: p99Ms(result.writes) };
}

function middle(windows: readonly OpenLoop[]): OpenLoop {
  return {
    readsP99Ms: median(windows.map((each) => each.readsP99Ms)),
    writesP99Ms: median(windows.map((each) => each.writesP99Ms)),
  };
}
