// Every kind of write there is, from sessions that come and go: what the recorded load leaves out.
// Nothing of it is recorded; servers that have applied the same txns have to show the same tree.

import {
  type Acl,
  type Client,
  type CreateMode,
  connect,
  isZooKeeperError,
  openAcl,
  readAcl,
  type Transaction,
} from "quorate/client";
import { SimRandom } from "../../server/testing/index.ts";
import { pause } from "./until.ts";

export interface MotleyOptions {
  readonly seed: number;
  /** Each writes in a session of its own. Default: 2. */
  readonly clients?: number;
  /** Between two writes of a client. Default: 20. */
  readonly intervalMs?: number;
  /** Whether the servers know TTL znodes. Default: false. */
  readonly withTtl?: boolean;
}

/** All that is written is below it. */
const ROOT = "/motley";
const NAMES = ["a", "b", "c"];
/** Then a session ends, with its ephemerals, and another one begins. */
const WRITES_PER_SESSION = 40;
const SESSION_TIMEOUT_MS = 5000;
const OPERATION_TIMEOUT_MS = 5000;
const TTL_MS = 3000;
const PARTS_MAX = 5;
const MODES: readonly CreateMode[] = [
  "persistent",
  "persistent-sequential",
  "ephemeral",
  "ephemeral-sequential",
  "container",
];
const TTL_MODES: readonly CreateMode[] = ["ttl", "ttl-sequential"];
/** Lists that differ and keep nobody out. */
const ACLS: readonly (readonly Acl[])[] = [openAcl, [...openAcl, ...readAcl]];

export class MotleyLoad {
  /** Writes that succeeded. */
  done = 0;
  /** Writes that a server refused. */
  refused = 0;
  readonly #addresses: readonly string[];
  readonly #random: SimRandom;
  readonly #clients: number;
  readonly #intervalMs: number;
  readonly #modes: readonly CreateMode[];
  #isStopped = false;
  #running: Promise<void>[] = [];

  private constructor(addresses: readonly string[], options: MotleyOptions) {
    this.#addresses = addresses;
    this.#random = new SimRandom(options.seed);
    this.#clients = options.clients ?? 2;
    this.#intervalMs = options.intervalMs ?? 20;
    this.#modes = options.withTtl === true ? [...MODES, ...TTL_MODES] : MODES;
  }

  static start(addresses: readonly string[], options: MotleyOptions): MotleyLoad {
    const load = new MotleyLoad(addresses, options);
    load.start();
    return load;
  }

  /** Again, after `stop`. */
  start(): void {
    this.#isStopped = false;
    this.#running = Array.from({ length: this.#clients }, () => this.#run());
  }

  /** Resolves when nothing is in flight and all its sessions are over. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      // Its servers may be without a leader for longer than it takes to connect.
      await this.#attempt(async () => {
        const client = await connect(this.#addresses.join(","), {
          sessionTimeoutMs: SESSION_TIMEOUT_MS,
          operationTimeoutMs: OPERATION_TIMEOUT_MS,
        });
        try {
          await this.#attempt(() => client.create(ROOT));
          await this.#writes(client);
        } finally {
          await client.close();
        }
      });
    }
  }

  async #writes(client: Client): Promise<void> {
    for (let i = 0; i < WRITES_PER_SESSION && !this.#isStopped; i++) {
      await this.#attempt(() => this.#write(client));
      await pause(this.#intervalMs);
    }
  }

  /** What a server says no to, and what nobody answers, is as good as anything else. */
  async #attempt(write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
      this.done++;
    } catch (error) {
      if (!isZooKeeperError(error)) throw error;
      this.refused++;
    }
  }

  #write(client: Client): Promise<unknown> {
    const random = this.#random;
    const path = this.#path();
    const dice = random.below(10);
    if (dice < 4) return this.#create(client, path);
    if (dice < 6) return client.delete(path);
    if (dice < 7) return client.setData(path, this.#data());
    if (dice < 8) return client.setACL(path, random.pick(ACLS));
    return this.#transaction(client);
  }

  #create(client: Client, path: string): Promise<unknown> {
    const mode = this.#random.pick(this.#modes);
    const ttlMs = TTL_MODES.includes(mode) ? TTL_MS : undefined;
    return client.create(path, this.#data(), { mode, ttlMs });
  }

  /** Some of them fail, at whichever part. */
  #transaction(client: Client): Promise<unknown> {
    const random = this.#random;
    let parts: Transaction<readonly unknown[]> = client.transaction();
    for (let count = random.between(1, PARTS_MAX); count > 0; count--) {
      const path = this.#path();
      const dice = random.below(4);
      if (dice === 0) parts = parts.create(path, this.#data());
      else if (dice === 1) parts = parts.delete(path);
      else if (dice === 2) parts = parts.setData(path, this.#data());
      else parts = parts.check(path, random.pick([-1, -1, 0, 1]));
    }
    return parts.commit();
  }

  #path(): string {
    const random = this.#random;
    let path = ROOT;
    while (path === ROOT || random.chance(0.4)) path += `/${random.pick(NAMES)}`;
    return path;
  }

  #data(): Buffer | null {
    return this.#random.pick([null, Buffer.alloc(0), Buffer.from("x"), Buffer.alloc(3000, "long")]);
  }
}
