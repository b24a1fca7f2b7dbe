// Two servers under one random script, round by round: what every session heard must be equal, but
// for the habits of habits.ts. A difference is told with its seed and what it takes to see it again.

import { SimRandom } from "../../../server/testing/index.ts";
import { ApacheServer } from "../../tools/apache.ts";
import { QuorateServer } from "../../tools/quorate-server.ts";
import { type Habit, habitBehind } from "./habits.ts";
import { RandomRounds } from "./rounds.ts";
import { operationsIn, type Request, type Round } from "./script.ts";
import { type Line, Side } from "./side.ts";

const SUPER = "DigestAuthenticationProvider.superDigest";
const SUPER_DIGEST = "super:lK75jTNcA+U9vtVEw5vB51mj/w4=";
/** Sessions last from two ticks to twenty: none may expire between two rounds on a slow machine. */
const TICK_MS = 10_000;
const FIRST_TIMEOUT_MS = 30_000;
const NEVER_MS = String(24 * 3_600_000);

/** Two answers that are not the same. */
export interface Difference {
  /** Rounds played, the one with the difference last. */
  readonly rounds: readonly Round[];
  /** Operations before the round with the difference. */
  readonly operations: number;
  /** The request that was answered in two ways, where it is one. */
  readonly request: Request | undefined;
  readonly apache: string;
  readonly ours: string;
}

export interface Run {
  readonly operations: number;
  /** How often each habit explained a difference. */
  readonly habits: ReadonlyMap<string, number>;
  /** How many requests of each operation were answered with each code. */
  readonly answers: ReadonlyMap<string, number>;
  readonly difference: Difference | undefined;
}

/** A server of each kind, without data. */
class Pair {
  readonly #apache: ApacheServer;
  readonly #quorate: QuorateServer;
  readonly sides: readonly [apache: Side, ours: Side];

  private constructor(apache: ApacheServer, quorate: QuorateServer) {
    this.#apache = apache;
    this.#quorate = quorate;
    this.sides = [new Side(apache.port, true), new Side(quorate.port, false)];
  }

  static async start(): Promise<Pair> {
    const common = { [SUPER]: SUPER_DIGEST, extendedTypesEnabled: "true", enforceQuota: "true" };
    const [apache, quorate] = await Promise.all([
      ApacheServer.start({
        tickTimeMs: TICK_MS,
        properties: {
          ...Object.fromEntries(
            Object.entries(common).map(([key, value]) => [`zookeeper.${key}`, value]),
          ),
          "zookeeper.forceSync": "no",
          "znode.container.checkIntervalMs": NEVER_MS,
        },
      }),
      QuorateServer.start({
        tickTimeMs: TICK_MS,
        settings: { ...common, forceSync: "no", "znode.container.checkIntervalMs": NEVER_MS },
      }),
    ]);
    const pair = new Pair(apache, quorate);
    for (const side of pair.sides) await side.open(FIRST_TIMEOUT_MS);
    return pair;
  }

  async stop(): Promise<void> {
    for (const side of this.sides) side.close();
    await Promise.all([this.#apache.stop(), this.#quorate.stop()]);
  }
}

/** Plays random rounds from a seed until so many operations are done or an answer differs. */
export async function runRandom(
  seed: number,
  operations: number,
  report: (done: number) => void = () => undefined,
): Promise<Run> {
  const rounds = new RandomRounds(new SimRandom(seed));
  let coming = RandomRounds.beginning();
  let done = 0;
  return play(
    () => {
      if (coming.length === 0 && done < operations) coming = rounds.next();
      const round = coming.shift();
      if (round !== undefined) done += operationsIn(round);
      report(done);
      return round;
    },
    (created) => rounds.learn(created),
  );
}

/** Plays a script as it is. */
export function runScript(rounds: readonly Round[]): Promise<Run> {
  const coming = rounds.values();
  return play(
    () => coming.next().value,
    () => undefined,
  );
}

async function play(
  next: () => Round | undefined,
  learn: (created: readonly string[]) => void,
): Promise<Run> {
  const pair = await Pair.start();
  const played: Round[] = [];
  const habits = new Map<string, number>();
  const answers = new Map<string, number>();
  let operations = 0;
  try {
    for (;;) {
      const round = next();
      if (round === undefined) return { operations, habits, answers, difference: undefined };
      played.push(round);
      const [apache, ours] = await Promise.all(pair.sides.map((side) => told(side, round)));
      for (const { heard } of ours?.lines ?? []) {
        if (heard?.request !== undefined) count(answers, `${heard.request.type} ${heard.err}`);
      }
      const two = firstDifference(apache?.lines ?? [], ours?.lines ?? [], habits);
      if (two !== undefined) {
        const difference = { rounds: played, operations, ...two };
        return { operations, habits, answers, difference };
      }
      operations += operationsIn(round);
      learn(ours?.created ?? []);
    }
  } finally {
    await pair.stop();
  }
}

/** What a server said; a connection that ended where it should not is something said, too. */
async function told(
  side: Side,
  round: Round,
): Promise<{ lines: readonly Line[]; created: readonly string[] }> {
  try {
    return await side.play(round);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { lines: [{ slot: -1, text, heard: undefined }], created: [] };
  }
}

function firstDifference(
  apache: readonly Line[],
  ours: readonly Line[],
  habits: Map<string, number>,
): Pick<Difference, "request" | "apache" | "ours"> | undefined {
  for (let at = 0; at < Math.max(apache.length, ours.length); at++) {
    const [theirs, own] = [apache[at], ours[at]];
    if (theirs?.text === own?.text && theirs?.slot === own?.slot) continue;
    const habit = habitOf(theirs, own);
    if (habit !== undefined) {
      count(habits, habit.matter);
      continue;
    }
    const request = theirs?.heard?.request ?? own?.heard?.request;
    return { request, apache: lineText(theirs), ours: lineText(own) };
  }
  return undefined;
}

function habitOf(apache: Line | undefined, ours: Line | undefined): Habit | undefined {
  if (apache?.heard === undefined || ours?.heard === undefined) return undefined;
  if (apache.slot !== ours.slot) return undefined;
  return habitBehind(
    { heard: apache.heard, text: apache.text },
    { heard: ours.heard, text: ours.text },
  );
}

function lineText(line: Line | undefined): string {
  return line === undefined ? "nothing" : `session ${line.slot}: ${line.text}`;
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
