// Sessions that mind their own business while others attack: what they wrote is there, each watch
// fires once, their ephemerals live as long as they do, and nothing of theirs is changed by anyone.

import { type Client, connect, creatorAcl, type WatchOutcome } from "quorate/client";
import { pause } from "../../tools/until.ts";

export const QUIET_ROOT = "/quiet";
const CYCLE_PAUSE_MS = 15;
const SESSION_TIMEOUT_MS = 8000;
const EVENT_LIMIT_MS = 20_000;
const ROUND_NAMES = 3;

export class Bystander {
  /** What went wrong, in words. */
  readonly problems: string[] = [];
  cycles = 0;
  readonly #owner: Client;
  readonly #watcher: Client;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(owner: Client, watcher: Client) {
    this.#owner = owner;
    this.#watcher = watcher;
    for (const client of [owner, watcher]) {
      client.on("state", ({ state }) => {
        if (!this.#stopped) this.problems.push(`a session became ${state}`);
      });
    }
  }

  static async start(address: string): Promise<Bystander> {
    const options = {
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      auth: [{ scheme: "digest", auth: "quiet:password" }],
      acl: creatorAcl,
      serverTickTimeMs: 200,
    };
    const owner = await connect(address, options);
    const watcher = await connect(address, options);
    await owner.create(QUIET_ROOT);
    await owner.create(`${QUIET_ROOT}/register`, Buffer.from("0"));
    await owner.create(`${QUIET_ROOT}/alive`, null, { mode: "ephemeral" });
    const bystander = new Bystander(owner, watcher);
    bystander.#running = bystander.#run();
    return bystander;
  }

  /** Ends the cycles; the sessions go on. */
  async rest(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async stop(): Promise<void> {
    await this.rest();
    await Promise.all([this.#owner.close(), this.#watcher.close()]);
  }

  async #run(): Promise<void> {
    while (!this.#stopped && this.problems.length === 0) {
      try {
        await this.#cycle();
      } catch (error) {
        this.problems.push(`cycle ${this.cycles}: ${String(error)}`);
      }
      await pause(CYCLE_PAUSE_MS);
    }
  }

  async #cycle(): Promise<void> {
    const register = `${QUIET_ROOT}/register`;
    const before = String(this.cycles);
    const next = String(++this.cycles);
    const outcomes: WatchOutcome[] = [];
    const { data, stat } = await this.#watcher.getData(register, {
      watch: (outcome) => outcomes.push(outcome),
    });
    this.#expect(data?.toString() === before, `the register holds ${data?.toString()}`);
    this.#expect(stat.version === Number(before), `the register is at version ${stat.version}`);
    await this.#owner.setData(register, Buffer.from(next), { version: Number(before) });
    const read = await this.#watcher.getData(register);
    // Before a session reads a change it was told of it: if not yet, the read was served before.
    if (read.data?.toString() === next) {
      this.#expect(outcomes.length === 1, "the change was read before it was told");
    }
    const deadline = performance.now() + EVENT_LIMIT_MS;
    while (outcomes.length === 0 && performance.now() < deadline) await pause(1);
    this.#expect(
      outcomes.length === 1 && outcomes[0]?.type === "data-changed",
      `the watch told ${JSON.stringify(outcomes.map(({ type }) => type))}`,
    );
    await this.#checkEphemerals(next);
  }

  async #checkEphemerals(round: string): Promise<void> {
    const mode = "ephemeral";
    const names = Array.from({ length: ROUND_NAMES }, (_, at) => `e${round}-${at}`);
    await Promise.all(
      names.map((name) => this.#owner.create(`${QUIET_ROOT}/${name}`, null, { mode })),
    );
    await this.#watcher.sync(QUIET_ROOT);
    const { children } = await this.#watcher.getChildren(QUIET_ROOT);
    const wanted = ["alive", "register", ...names].toSorted().join();
    this.#expect(children.toSorted().join() === wanted, `the children are ${children.join()}`);
    const alive = await this.#watcher.exists(`${QUIET_ROOT}/alive`);
    this.#expect(
      alive?.ephemeralOwner === this.#owner.sessionId,
      `the ephemeral belongs to ${alive?.ephemeralOwner}`,
    );
    await Promise.all(names.map((name) => this.#owner.delete(`${QUIET_ROOT}/${name}`)));
  }

  #expect(holds: boolean, otherwise: string): void {
    if (!holds) this.problems.push(`cycle ${this.cycles}: ${otherwise}`);
  }
}
