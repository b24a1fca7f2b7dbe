// A difference made small: rounds and requests are left out of the script as long as what is left
// still shows a difference, on servers without data each time.

import { type Difference, runScript } from "./differential.ts";
import { RandomRounds } from "./rounds.ts";
import type { Request, Round } from "./script.ts";

/** Each try starts both servers. */
const TRIES_MAX = 60;

/** Where a difference was seen. */
export function sight(seed: number, seen: Difference): string {
  const head = `seed ${seed}: a difference after ${seen.operations} operations`;
  const last = seen.rounds.at(-1);
  const round = last === undefined ? [] : [`  in the round of ${roundText(last)}`];
  return [head, ...round, ...told(seen)].join("\n");
}

/** The smallest script that shows it, or another. */
export async function story(seen: Difference): Promise<string> {
  const small = await smallest(seen);
  return [
    `the smallest script that shows one, with ${small.rounds.length} rounds:`,
    ...small.rounds.map((round) => `  ${roundText(round)}`),
    ...told(small),
  ].join("\n");
}

function told({ request, apache, ours }: Difference): string[] {
  const asked = request === undefined ? [] : [`  request  ${request.text}`];
  return [...asked, `  apache   ${apache}`, `  quorate  ${ours}`];
}

async function smallest(seen: Difference): Promise<Difference> {
  let tries = TRIES_MAX;
  let best = seen;
  const isShown = async (rounds: readonly Round[]): Promise<boolean> => {
    if (tries === 0) return false;
    tries--;
    const { difference } = await runScript(rounds);
    if (difference !== undefined) best = difference;
    return difference !== undefined;
  };

  // Most differences need little of what came before them.
  const beginning = RandomRounds.beginning();
  for (let length = 1; length < seen.rounds.length; length *= 8) {
    if (await isShown([...beginning, ...seen.rounds.slice(-length)])) break;
  }
  for (let size = best.rounds.length >> 1; size > 0; size >>= 1) {
    for (let end = best.rounds.length - 1; end > 0; end -= size) {
      const start = Math.max(0, end - size);
      await isShown([...best.rounds.slice(0, start), ...best.rounds.slice(end)]);
    }
  }
  for (let at = best.rounds.length - 1; at >= 0; at--) {
    for (let burst = 0; burst < burstsOf(best.rounds[at]).length; burst++) {
      for (let size = burstsOf(best.rounds[at])[burst]?.length ?? 0; size > 0; size >>= 1) {
        for (let end = burstsOf(best.rounds[at])[burst]?.length ?? 0; end > 0; end -= size) {
          const start = Math.max(0, end - size);
          const round = best.rounds[at];
          if (round === undefined) return best;
          await isShown(best.rounds.with(at, without(round, burst, start, end)));
        }
      }
    }
  }
  return best;
}

/** The requests that may be left out one by one. */
function burstsOf(round: Round | undefined): readonly (readonly Request[])[] {
  switch (round?.kind) {
    case "burst":
    case "ending":
      return [round.requests];
    case "together":
      return round.bursts;
    default:
      return [];
  }
}

/** The round without the requests of a burst from `start` up to `end`. */
function without(round: Round, burst: number, start: number, end: number): Round {
  const bursts = burstsOf(round).map((requests, at) =>
    at === burst ? requests.toSpliced(start, end - start) : requests,
  );
  switch (round.kind) {
    case "burst":
    case "ending":
      return { ...round, requests: bursts[0] ?? [] };
    case "together":
      return { ...round, bursts };
    case "move":
      return round;
  }
}

function roundText(round: Round): string {
  const texts = (requests: readonly Request[]): string =>
    requests.map(({ text }) => `\n      ${text}`).join("");
  switch (round.kind) {
    case "burst":
      return `session ${round.slot}${texts(round.requests)}`;
    case "together":
      return [
        "together",
        ...round.bursts.map((burst, at) => `\n    session ${at}${texts(burst)}`),
      ].join("");
    case "ending":
      return (
        `session ${round.slot}${texts(round.requests)}, ` +
        `ends with${texts(round.ending.ahead)}\n      ${round.ending.text}`
      );
    case "move":
      return `session ${round.slot} moves${round.withIntruder ? " after an intruder" : ""}`;
  }
}
