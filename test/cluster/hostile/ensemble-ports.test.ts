// An ensemble of real processes under load, with attackers at the ports between its servers.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "quorate/client";
import { afterEach, expect, test } from "vitest";
import { SimRandom } from "../../../server/testing/index.ts";
import { Ensemble, type EnsembleMember } from "../../tools/ensemble.ts";
import { RecordedLoad } from "../../tools/recorded-load.ts";
import { readTree } from "../../tools/tree-dump.ts";
import { pause, until } from "../../tools/until.ts";
import { PortAttackers } from "./port-attackers.ts";

const OURS = ["quorate", "quorate", "quorate"] as const;
const ATTACK_MS = 6000;
const AT_ONCE = 6;
const MEMORY_MAX_MB = 400;
/** Each of them costs a line a minute for each reason. */
const LINES_MAX = 1500;

let ensemble: Ensemble;

afterEach(() => ensemble[Symbol.asyncDispose]());

test("whatever comes to the ports between servers, they go on, and say what it was", async () => {
  ensemble = await Ensemble.start({ kinds: OURS });
  const load = RecordedLoad.start(ensemble.clientPorts, { writesPerSecond: 200 });
  await load.more(100);
  const attackers = new PortAttackers(new SimRandom(41));
  for (const { sid } of ensemble.members) {
    const { quorumPort, electionPort } = ensemble.portsOf(sid);
    attackers.onQuorumPort(quorumPort, [1, 2, 3], AT_ONCE);
    attackers.onElectionPort(electionPort, [1, 2, 3], AT_ONCE);
  }
  const before = load.acknowledged;
  await pause(ATTACK_MS);
  const during = load.acknowledged - before;
  const memories = ensemble.members.map((each) => memoryMb(each.pid));
  attackers.end();
  await ensemble.awaitServing();
  await load.allClients();
  await load.stop();
  for (const each of ensemble.members) {
    const tree = await readTree(each.address);
    expect(load.problems(tree), `server ${each.sid}`).toEqual([]);
    expect(each.log()).not.toMatch(/"level":"(error|fatal)"|Assertion|TypeError|RangeError/);
    expect(each.log().split("\n").length).toBeLessThan(LINES_MAX);
  }
  expect(attackers.connections).toBeGreaterThan(60);
  expect(during).toBeGreaterThan(10);
  expect(Math.max(...memories)).toBeLessThan(MEMORY_MAX_MB);
  const all = ensemble.members.map((each) => each.log()).join("");
  for (const reason of [
    "quorum port: its first packet is not that of a learner",
    "election port: a handshake of an unknown version",
    "election port: a notification of no length that one may have",
    "a learner is sent away: server 1\\d\\d\\d is not in the configuration of this ensemble",
    "a learner is sent away: it says that it has promised epoch \\d+, where this leader knows of",
  ]) {
    expect(all).toMatch(new RegExp(reason));
  }
  expect(all).toContain('"address":"127.0.0.9"');
});

test("a wiped server does not vote away what it had acknowledged, and says what is to be done", async () => {
  ensemble = await Ensemble.start({ kinds: OURS });
  const [a, b, c] = [ensemble.member(1), ensemble.member(2), ensemble.member(3)];
  await c.kill();
  await ensemble.awaitLeader();
  await withClient([a, b], (client) => client.create("/acknowledged", Buffer.from("by 1 and 2")));
  await Promise.all([a.kill(), b.kill()]);
  b.wipe();
  b.takeLog();
  c.takeLog();
  b.start();
  c.start();
  await told(b, "this server is empty, so it does not vote");
  await told(c, "no leader yet: no quorum of the voters agrees. Start those that were not heard");
  expect([await b.mode(), await c.mode()]).toEqual([undefined, undefined]);
  expect(b.log()).toMatch(/"unheard":\[1\],"withData":\[3\]/);
  a.start();
  await ensemble.awaitServing();
  for (const each of ensemble.members) {
    await withClient([each], async (client) => {
      const { data } = await client.getData("/acknowledged");
      expect(data?.toString()).toBe("by 1 and 2");
    });
  }
});

test("a first start without one of the servers waits, and `initialize` founds the ensemble", async () => {
  ensemble = await Ensemble.create({ kinds: OURS });
  const founders = [ensemble.member(1), ensemble.member(2)];
  for (const each of founders) each.start();
  for (const each of founders) await told(each, "create the file `initialize` in its dataDir");
  for (const each of founders) {
    expect(await each.mode()).toBeUndefined();
    await each.terminate();
    writeFileSync(join(each.dataDir, "initialize"), "");
    each.start();
  }
  await ensemble.awaitServing();
  await withClient(founders, (client) => client.create("/a"));
});

/** What a server says in this life. */
async function told(member: EnsembleMember, words: string): Promise<void> {
  await until(`server ${member.sid} says: ${words}`, () => member.log().includes(words), 40_000);
}

async function withClient(
  members: readonly EnsembleMember[],
  work: (client: Awaited<ReturnType<typeof connect>>) => Promise<unknown>,
): Promise<void> {
  await using client = await connect(members.map((each) => each.address).join(","));
  await work(client);
}

function memoryMb(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1]) / 1024);
}
