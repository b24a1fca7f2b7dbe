// What follows from what servers said and from what reached their disks: who led when, what was
// settled, what a server would find after a power cut.

import { PacketType } from "../../../protocol/quorum.ts";
import { zxidEpoch } from "../../../protocol/zxid.ts";
import type { Moment } from "../history.ts";
import type { Durable, ZabLink, ZabPacket, ZabTrace } from "./zab-trace.ts";

export function sideOf(trace: ZabTrace, side: ZabLink["side"]): ZabLink[] {
  return trace.links.filter((link) => link.side === side);
}

export function sent(link: ZabLink, type: number): ZabPacket[] {
  const found: ZabPacket[] = [];
  for (const packet of link.packets) {
    if (packet.isSent && packet.type === type) found.push(packet);
  }
  return found;
}

/** The epoch that a link's LEADERINFO names. */
export function epochOf(link: ZabLink): number | undefined {
  for (const { type, zxid } of link.packets) {
    if (type === PacketType.LEADERINFO) return zxidEpoch(zxid);
  }
  return undefined;
}

/** A txn that was settled for good. */
export interface Settled {
  readonly leader: string;
  readonly zxid: number;
  readonly content: string | undefined;
  /** From when on: `Moment.order`. */
  readonly order: number;
}

/**
 * What was settled, in zxid order: the history of each leader when it took office, and what it has
 * called settled since. What it passes on before is its own history.
 */
export function settledBy({ established, links }: ZabTrace): Settled[] {
  const first = new Map<number, Settled>();
  const settle = (one: Settled): void => {
    const known = first.get(one.zxid);
    if (known === undefined || one.order < known.order) first.set(one.zxid, one);
  };
  const terms = new Map<string, Moment>();
  for (const { leader, epoch, when, txns } of established) {
    terms.set(`${leader} ${epoch}`, when);
    for (const { zxid, content } of txns) settle({ leader, zxid, content, order: when.order });
  }
  for (const link of links) {
    const since = terms.get(`${link.server} ${epochOf(link)}`);
    if (link.side !== "leader" || since === undefined) continue;
    const contents = new Map<number, string>();
    for (const { type, zxid, content, isSent, when } of link.packets) {
      if (!isSent) continue;
      if (content !== undefined) contents.set(zxid, content);
      if (type !== PacketType.COMMIT && type !== PacketType.INFORM) continue;
      const order = Math.max(when.order, since.order);
      settle({ leader: link.server, zxid, content: contents.get(zxid), order });
    }
  }
  return [...first.values()].toSorted((one, other) => one.zxid - other.zxid);
}

/** What is on the disks of a run's servers, at any moment of it. */
export class Disks {
  readonly #lives = new Map<string, readonly DiskLife[]>();

  constructor(durable: ZabTrace["durable"]) {
    for (const [server, all] of durable) this.#lives.set(server, livesOf(all));
  }

  /** Whether a server would find the txn after a power cut then: in its log or a snapshot. */
  has(server: string, zxid: number, order: number): boolean {
    const life = this.#lifeAt(server, order);
    return life !== undefined && holds(life, zxid, order);
  }

  /** Whether it would have, then or earlier: its disk may be another one by now. */
  had(server: string, zxid: number, order: number): boolean {
    return this.#lives.get(server)?.some((life) => holds(life, zxid, order)) ?? false;
  }

  /** The last one that it saved until then: they never fall, which another checker sees to. */
  epoch(server: string, kind: "acceptedEpoch" | "currentEpoch", order: number): number {
    const saves = this.#lifeAt(server, order)?.[kind] ?? [];
    const before = saves.filter((save) => save.order <= order);
    return Math.max(0, ...before.map((save) => save.epoch));
  }

  #lifeAt(server: string, order: number): DiskLife | undefined {
    return this.#lives.get(server)?.findLast(({ since }) => since <= order);
  }
}

interface Save {
  readonly order: number;
  readonly epoch: number;
}

/** A disk, until another is put in its place. */
interface DiskLife {
  readonly since: number;
  /** From when on each was there. */
  readonly txns: Map<number, number>;
  readonly snapshots: { readonly order: number; readonly zxid: number }[];
  readonly acceptedEpoch: Save[];
  readonly currentEpoch: Save[];
}

function holds({ txns, snapshots }: DiskLife, zxid: number, order: number): boolean {
  if ((txns.get(zxid) ?? Number.POSITIVE_INFINITY) <= order) return true;
  return snapshots.some((snapshot) => snapshot.zxid >= zxid && snapshot.order <= order);
}

function livesOf(all: readonly Durable[]): DiskLife[] {
  let life = emptyDisk(0);
  const lives = [life];
  for (const one of all) {
    const { order } = one.when;
    switch (one.kind) {
      case "wiped":
        life = emptyDisk(order);
        lives.push(life);
        break;
      case "txn":
        if (!life.txns.has(one.zxid)) life.txns.set(one.zxid, order);
        break;
      case "snapshot":
        life.snapshots.push({ order, zxid: one.zxid });
        break;
      default:
        life[one.kind].push({ order, epoch: one.epoch });
    }
  }
  return lives;
}

function emptyDisk(since: number): DiskLife {
  return { since, txns: new Map(), snapshots: [], acceptedEpoch: [], currentEpoch: [] };
}
