// Every kind of write at random places of a large tree: what snapshots are taken under.

import { type Acl, type Client, isZooKeeperError, openAcl, type Transaction } from "quorate/client";
import { RawSession } from "../tools/raw-session.ts";

/** The tree: `parents` znodes below `root`, each with about `children` of its own. */
export interface TreeShape {
  readonly root: string;
  readonly parents: number;
  readonly children: number;
  readonly dataBytes: number;
}

export interface LoadOptions {
  readonly shape: TreeShape;
  /** Kept waiting for answers. */
  readonly inFlight: number;
  /** The list of the next znode. */
  readonly acl: () => readonly Acl[];
  /** Shared by the loads of one tree. */
  readonly heard: HeardOf;
}

/** What the loads last heard of a path: they mostly ask for what can be done. */
export type HeardOf = Map<string, "there" | "gone">;

const FILL_BATCH = 500;
/** Names are drawn from so many more than there are children. */
const NAMES_PER_CHILD = 1.25;
/** Writes that do not care what was heard. */
const BLIND_SHARE = 0.1;
const EPHEMERAL = 1;

/** What a write may be answered with while others write at the same places. */
const REFUSALS = [
  "NodeExists",
  "NoNode",
  "NotEmpty",
  "BadVersion",
  "NoChildrenForEphemerals",
] as const;
/** How a write ends whose server is killed, or whose session expires. */
const LOSSES = ["ConnectionLoss", "Closed", "SessionExpired"] as const;

/** Makes the tree that the load then works on. */
export async function fill(client: Client, shape: TreeShape, heard: HeardOf): Promise<void> {
  const paths = Array.from({ length: shape.parents }, (_, at) => `${shape.root}/p${at}`);
  await client.create(shape.root);
  for (const parent of paths) {
    await client.create(parent);
    for (let from = 0; from < shape.children; from += FILL_BATCH) {
      let batch: Transaction<readonly unknown[]> = client.transaction();
      for (let at = from; at < Math.min(from + FILL_BATCH, shape.children); at++) {
        batch = batch.create(`${parent}/c${at}`, Buffer.alloc(shape.dataBytes, at));
        heard.set(`${parent}/c${at}`, "there");
      }
      await batch.commit();
    }
  }
}

/** A client that writes without a pause. */
export class RandomLoad {
  readonly #client: Client;
  readonly #options: LoadOptions;
  #stopped = false;
  #inFlight = 0;
  /** Answered, refusals included. */
  answered = 0;
  refused = 0;
  /** What no write may be answered with. */
  readonly surprises: unknown[] = [];

  constructor(client: Client, options: LoadOptions) {
    this.#client = client;
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  start(): void {
    while (!this.#stopped && this.#inFlight < this.#options.inFlight) {
      this.#inFlight++;
      void this.#writeOne();
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#client.close({ timeoutMs: 0 });
  }

  async #writeOne(): Promise<void> {
    const path = this.#child();
    const { heard } = this.#options;
    const isThere = Math.random() < BLIND_SHARE ? Math.random() < 0.5 : heard.get(path) === "there";
    try {
      const left = await (isThere ? this.#change(path) : this.#create(path));
      heard.set(path, left);
      this.answered++;
    } catch (error) {
      if (REFUSALS.some((code) => isZooKeeperError(error, code))) {
        if (isZooKeeperError(error, "NoNode")) heard.set(path, "gone");
        if (isZooKeeperError(error, "NodeExists")) heard.set(path, "there");
        this.answered++;
        this.refused++;
      } else if (!LOSSES.some((code) => isZooKeeperError(error, code))) {
        this.surprises.push(error);
      }
    }
    this.#inFlight--;
    this.start();
  }

  async #create(path: string): Promise<"there"> {
    const client = this.#client;
    const acl = this.#options.acl();
    const chance = Math.random();
    if (chance < 0.6) await client.create(path, this.#data(), { acl });
    else if (chance < 0.7) await client.create(path, this.#data(), { mode: "ephemeral" });
    else if (chance < 0.8) await client.create(path, null, { mode: "container", acl });
    else {
      await client
        .transaction()
        .create(path, this.#data(), { acl })
        .create(`${path}/below`, null)
        .commit();
    }
    return "there";
  }

  async #change(path: string): Promise<"there" | "gone"> {
    const client = this.#client;
    const acl = this.#options.acl();
    const inside = `${path}/below`;
    const chance = Math.random();
    if (chance < 0.3) {
      await client.delete(path);
      return "gone";
    }
    if (chance < 0.45) await client.setData(path, this.#data());
    else if (chance < 0.6) await client.setACL(path, acl);
    else if (chance < 0.65) await client.create(inside, this.#data(), { acl });
    else if (chance < 0.7) {
      await client.create(`${path}-s`, this.#data(), { mode: "persistent-sequential" });
    } else if (chance < 0.75) {
      await client.transaction().delete(inside).delete(path).commit();
      return "gone";
    } else if (chance < 0.9) {
      // One znode takes another's place: by its path the two cannot be told apart.
      await client.transaction().delete(path).create(path, this.#data(), { acl }).commit();
    } else if (chance < 0.95) {
      await client
        .transaction()
        .setData(this.#child(), this.#data())
        .create(inside, null, { acl })
        .delete(inside)
        .commit();
    } else {
      // Refused as a whole unless the znode is at exactly this version.
      await client
        .transaction()
        .setData(this.#child(), this.#data())
        .check(path, 1)
        .setData(path, this.#data())
        .commit();
    }
    return "there";
  }

  #child(): string {
    const { root, parents, children } = this.#options.shape;
    return `${root}/p${below(parents)}/c${below(children * NAMES_PER_CHILD)}`;
  }

  #data(): Buffer | null {
    const chance = Math.random();
    if (chance < 0.1) return null;
    if (chance < 0.2) return Buffer.alloc(0);
    return Buffer.alloc(below(2 * this.#options.shape.dataBytes), below(256));
  }
}

/** Sessions that nobody keeps alive, with ephemerals all over the tree. */
export async function leaveSessions(port: number, shape: TreeShape, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const session = await RawSession.open(port);
    for (let ephemerals = 0; ephemerals < 4; ephemerals++) {
      const path = `${shape.root}/p${below(shape.parents)}/e${below(shape.children)}`;
      await session.create(path, Buffer.from("mine"), EPHEMERAL);
    }
    session.drop();
  }
}

/**
 * Lists that come and go: a snapshot meets some that did not exist when it began, and others whose
 * last znode is gone (storage F-6).
 */
export function freshAcls(): () => readonly Acl[] {
  let made = 0;
  return () => {
    if (Math.random() < 0.2) return openAcl;
    if (Math.random() < 0.5) made++;
    return [{ permissions: 31, scheme: "digest", id: `user${made}:none` }, ...openAcl];
  };
}

/** A whole number from 0 up to, not including, `limit`. */
function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}
