// needs: strace
//
// A page cache survives SIGKILL, so no kill tells a promise that was flushed from a lucky one: here
// strace sees every server of an ensemble, and what left before it was durable is found.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Ensemble } from "../../tools/ensemble.ts";
import { RecordedLoad } from "../../tools/recorded-load.ts";
import { until } from "../../tools/until.ts";
import { STRACE } from "../strace-calls.ts";
import { judge, type Promised, type ServerTrace, type Verdict } from "./promises.ts";

const SERVERS = 3;
const WRITES = 150;
/** Where every promise is broken, few suffice. */
const FEW_WRITES = 30;
const TERMS = 2;

/** Traces of all lives of all disks. */
class Traces {
  readonly #home = mkdtempSync(join(tmpdir(), "quorate-strace-"));
  /** By server: its disks, each with the files of its lives. */
  readonly #disks = new Map<number, string[][]>();
  readonly #options: readonly string[];

  constructor(options: readonly string[]) {
    this.#options = options;
  }

  /** The command of the next life. strace is no child's parent here: signals reach the server. */
  readonly runBy = (sid: number): readonly string[] => {
    const disks = this.#disks.get(sid) ?? [[]];
    this.#disks.set(sid, disks);
    const file = join(this.#home, `${sid}-${disks.length}-${disks.at(-1)?.length}`);
    disks.at(-1)?.push(file);
    return ["strace", "-D", ...STRACE, ...this.#options, "-o", file];
  };

  newDisk(sid: number): void {
    this.#disks.get(sid)?.push([]);
  }

  /** All of it, once everybody has ended. */
  async read(ensemble: Ensemble): Promise<ServerTrace[]> {
    const traces: ServerTrace[] = [];
    for (const [sid, disks] of this.#disks) {
      for (const lives of disks) {
        const texts: string[] = [];
        for (const file of lives) {
          const isWhole = (): boolean => readFileSync(file, "utf8").endsWith("+++\n");
          await until("the trace is written", isWhole);
          texts.push(readFileSync(file, "utf8"));
        }
        const { clientPort } = ensemble.member(sid);
        const quorumPort = ensemble.quorumPort(sid);
        traces.push({ sid, quorumPort, clientPort, text: texts.join("") });
      }
    }
    rmSync(this.#home, { recursive: true });
    return traces;
  }
}

/**
 * An ensemble through what makes servers promise something: a first start, a follower that comes
 * back behind the others, one with an empty disk, a leader that dies.
 */
async function traceEnsemble(writes: number, options: readonly string[] = []): Promise<Verdict> {
  const traces = new Traces(options);
  const ensemble = await Ensemble.start({
    kinds: Array.from({ length: SERVERS }, () => "quorate"),
    runBy: traces.runBy,
    settings: { snapCount: "200" },
  });
  try {
    const load = RecordedLoad.start(ensemble.clientPorts, { clients: 6, childrenKept: 20 });
    await load.more(writes);
    const follower = await ensemble.awaitFollower();
    await follower.kill();
    await load.more(writes);
    follower.start();
    await ensemble.awaitServing();
    await load.more(writes);
    await follower.kill();
    follower.wipe();
    traces.newDisk(follower.sid);
    follower.start();
    const leader = await ensemble.awaitServing();
    await load.more(writes);
    await leader.kill();
    await load.more(writes);
    leader.start();
    await ensemble.awaitServing();
    await load.allClients();
    await load.stop();
  } finally {
    await ensemble[Symbol.asyncDispose]();
  }
  return judge(await traces.read(ensemble), SERVERS);
}

function total(counts: ReadonlyMap<Promised, number>, kind: Promised): number {
  return counts.get(kind) ?? 0;
}

// storage WP-4
// quorum-protocol B-8, S-16
test("nothing is promised to anybody before it is durable", async () => {
  const { kept, broken } = await traceEnsemble(WRITES);
  console.log([...kept].map(([kind, count]) => `${kind}: ${count}`).join(", "));
  expect([...broken.values()].flat().slice(0, 10)).toEqual([]);
  for (const kind of ["LEADERINFO", "ACKEPOCH", "NEWLEADER", "UPTODATE"] as const) {
    expect(total(kept, kind), kind).toBeGreaterThanOrEqual(TERMS * (SERVERS - 1));
  }
  expect(total(kept, "ACK of NEWLEADER behind DIFF")).toBeGreaterThan(2);
  expect(total(kept, "ACK of NEWLEADER behind SNAP")).toBeGreaterThan(0);
  for (const kind of ["ACK", "COMMIT", "reply"] as const) {
    expect(total(kept, kind), kind).toBeGreaterThan(WRITES * 4);
  }
});

test("the same traces show it when no disk is ever told to sync", async () => {
  const { kept, broken } = await traceEnsemble(FEW_WRITES, [
    "-e",
    "inject=fdatasync,fsync:retval=0",
  ]);
  for (const [kind, count] of kept) {
    expect((broken.get(kind)?.length ?? 0) / count, kind).toBeGreaterThan(0.9);
  }
});
