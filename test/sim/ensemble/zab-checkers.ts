// The specification's invariants over what servers said and what reached their disks
// (quorum-protocol 15, by its numbers). Each returns what is wrong, in words.

import { PacketType } from "../../../protocol/quorum.ts";
import { makeZxid, zxidCounter, zxidEpoch, zxidHex } from "../../../protocol/zxid.ts";
import { Disks, epochOf, type Settled, sent, settledBy, sideOf } from "./zab-facts.ts";
import type { ZabLink, ZabTrace } from "./zab-trace.ts";

export interface ZabChecker {
  readonly name: string;
  check(run: ZabRun): string[];
}

/** What the checkers know of a run. */
export interface ZabRun {
  readonly trace: ZabTrace;
  readonly disks: Disks;
  readonly settled: readonly Settled[];
  /** The hosts that vote. */
  readonly voters: readonly string[];
  /** Of each server at the end: the txns of its log and the snapshot below them. */
  readonly ends: readonly ServerEnd[];
}

export interface ServerEnd {
  readonly server: string;
  /** Everything up to it is in its snapshots. */
  readonly snapshotZxid: number;
  /** Of its log, in order. */
  readonly txns: readonly { readonly zxid: number; readonly content: string }[];
}

export function zabRun(
  trace: ZabTrace,
  voters: readonly string[],
  ends: readonly ServerEnd[],
): ZabRun {
  return { trace, disks: new Disks(trace.durable), settled: settledBy(trace), voters, ends };
}

export const ZAB_CHECKERS: readonly ZabChecker[] = [
  { name: "AckAfterDurable", check: ackAfterDurable },
  { name: "PromiseAfterDurable", check: promiseAfterDurable },
  { name: "NoOlderEpoch", check: noOlderEpoch },
  { name: "EpochAfterHistory", check: epochAfterHistory },
  { name: "CommitByQuorum", check: commitByQuorum },
  { name: "CommitInOrder", check: commitInOrder },
  { name: "ServeAfterQuorum", check: serveAfterQuorum },
  { name: "OneLeaderPerEpoch", check: oneLeaderPerEpoch },
  { name: "EpochMonotony", check: epochMonotony },
  { name: "AgreementOnContent", check: agreementOnContent },
  { name: "PrimaryIntegrity", check: primaryIntegrity },
  { name: "NothingLost", check: nothingLost },
  { name: "EqualHistories", check: equalHistories },
];

/** I-10: a txn is acknowledged by whom has it on disk. */
function ackAfterDurable({ trace, disks }: ZabRun): string[] {
  const wrong: string[] = [];
  for (const link of sideOf(trace, "learner")) {
    for (const packet of sent(link, PacketType.ACK)) {
      if (zxidCounter(packet.zxid) === 0) continue;
      if (!disks.has(link.server, packet.zxid, packet.when.order)) {
        wrong.push(`${link.server} acknowledged 0x${zxidHex(packet.zxid)} before it was on disk`);
      }
    }
  }
  return wrong;
}

/** D-3, D-6: nobody is told of an epoch's promise that a crash could take back. */
function promiseAfterDurable({ trace, disks }: ZabRun): string[] {
  const wrong: string[] = [];
  for (const link of trace.links) {
    const isLeader = link.side === "leader";
    const epoch = epochOf(link);
    if (epoch === undefined) continue;
    const type = isLeader ? PacketType.LEADERINFO : PacketType.ACKEPOCH;
    for (const packet of sent(link, type)) {
      const accepted = disks.epoch(link.server, "acceptedEpoch", packet.when.order);
      if (accepted < epoch) {
        wrong.push(`${link.server} promised epoch ${epoch} when ${accepted} was on its disk`);
      }
    }
  }
  return wrong;
}

/** D-6, I-9: who has promised an epoch joins no leader of an earlier one. */
function noOlderEpoch({ trace, disks }: ZabRun): string[] {
  const wrong: string[] = [];
  for (const link of sideOf(trace, "learner")) {
    const epoch = epochOf(link);
    if (epoch === undefined) continue;
    for (const packet of sent(link, PacketType.ACKEPOCH)) {
      const accepted = disks.epoch(link.server, "acceptedEpoch", packet.when.order);
      if (accepted > epoch) {
        wrong.push(`${link.server} joined epoch ${epoch} when it had promised ${accepted}`);
      }
    }
  }
  return wrong;
}

/**
 * S-20 to S-24: an epoch is adopted after the history that its leader began with is durable, and
 * acknowledged after that. What the epoch itself has brought by then may be behind the adoption: a
 * restart adopts the epoch of any txn that it finds (P-3).
 */
function epochAfterHistory({ trace, disks }: ZabRun): string[] {
  const wrong: string[] = [];
  for (const link of sideOf(trace, "learner")) {
    const epoch = epochOf(link);
    const newLeader = link.packets.find(({ type }) => type === PacketType.NEWLEADER);
    if (epoch === undefined || newLeader === undefined) continue;
    const settled = settledBefore(link, newLeader.when.order);
    const ack = sent(link, PacketType.ACK)[0];
    const end = ack?.when.order ?? overAt(trace, link);
    // Who comes back within the same term has adopted it before: its acknowledgement has to wait.
    const before = disks.epoch(link.server, "currentEpoch", newLeader.when.order);
    const adopted = (trace.durable.get(link.server) ?? []).find(
      (one) =>
        before < epoch &&
        one.kind === "currentEpoch" &&
        one.epoch === epoch &&
        one.when.order > newLeader.when.order &&
        one.when.order < end,
    );
    for (const zxid of settled) {
      const isOld = zxidEpoch(zxid) < epoch;
      const at = (isOld ? adopted?.when.order : undefined) ?? ack?.when.order;
      if (at !== undefined && !disks.has(link.server, zxid, at)) {
        wrong.push(
          `${link.server} adopted epoch ${epoch} before 0x${zxidHex(zxid)} was on its disk`,
        );
      }
    }
    if (ack === undefined) continue;
    const current = disks.epoch(link.server, "currentEpoch", ack.when.order);
    if (ack.zxid !== makeZxid(epoch, 0) || current < epoch) {
      wrong.push(`${link.server} acknowledged epoch ${epoch} when ${current} was on its disk`);
    }
  }
  return wrong;
}

/** I-11: what is committed is on the disks of a quorum, or was: of those that a wipe took since. */
function commitByQuorum({ disks, settled, voters }: ZabRun): string[] {
  const wrong: string[] = [];
  for (const { leader, zxid, order } of settled) {
    const have = voters.filter((server) => disks.had(server, zxid, order));
    if (!isQuorum(have.length, voters)) {
      wrong.push(
        `${leader} committed 0x${zxidHex(zxid)} when it was on the disks of ` +
          `${have.length} of ${voters.length}`,
      );
    }
  }
  return wrong;
}

/** B-6: commits leave in the order of zxids, without a hole, on each link. */
function commitInOrder({ trace }: ZabRun): string[] {
  const wrong: string[] = [];
  for (const link of sideOf(trace, "leader")) {
    let last = 0;
    const proposed: number[] = [];
    for (const packet of link.packets) {
      if (!packet.isSent) continue;
      if (packet.type === PacketType.PROPOSAL) proposed.push(packet.zxid);
      const isInform = packet.type === PacketType.INFORM;
      if (packet.type !== PacketType.COMMIT && !isInform) continue;
      const expected = isInform ? packet.zxid : proposed.shift();
      if (expected !== packet.zxid || packet.zxid <= last) {
        wrong.push(
          `${link.server} sent ${link.peer} a commit of 0x${zxidHex(packet.zxid)} behind ` +
            `0x${zxidHex(last)}`,
        );
      }
      last = packet.zxid;
    }
  }
  return wrong;
}

/** S-15: a leader serves once a quorum has acknowledged its history. */
function serveAfterQuorum({ trace, voters }: ZabRun): string[] {
  const wrong: string[] = [];
  const leaders = sideOf(trace, "leader");
  for (const link of leaders) {
    const epoch = epochOf(link);
    const upToDate = sent(link, PacketType.UPTODATE)[0];
    if (epoch === undefined || upToDate === undefined) continue;
    const acked = new Set([link.server]);
    for (const other of leaders) {
      if (other.server !== link.server || epochOf(other) !== epoch) continue;
      const ack = other.packets.find(
        (packet) =>
          !packet.isSent &&
          packet.type === PacketType.ACK &&
          packet.zxid === makeZxid(epoch, 0) &&
          packet.when.order < upToDate.when.order,
      );
      if (ack !== undefined && voters.includes(other.peer)) acked.add(other.peer);
    }
    if (!isQuorum(acked.size, voters)) {
      wrong.push(`${link.server} served epoch ${epoch} after ${acked.size} acknowledged it`);
    }
  }
  return wrong;
}

/** I-8 */
function oneLeaderPerEpoch({ trace }: ZabRun): string[] {
  const leaders = new Map<number, string>();
  const wrong: string[] = [];
  for (const link of sideOf(trace, "leader")) {
    const epoch = epochOf(link);
    if (epoch === undefined || sent(link, PacketType.NEWLEADER).length === 0) continue;
    const known = leaders.get(epoch);
    if (known !== undefined && known !== link.server) {
      wrong.push(`${known} and ${link.server} both led epoch ${epoch}`);
    }
    leaders.set(epoch, link.server);
  }
  return wrong;
}

/** I-9 */
function epochMonotony({ trace }: ZabRun): string[] {
  const wrong: string[] = [];
  for (const [server, all] of trace.durable) {
    const last = { acceptedEpoch: 0, currentEpoch: 0 };
    for (const one of all) {
      if (one.kind === "wiped") last.acceptedEpoch = last.currentEpoch = 0;
      if (one.kind !== "acceptedEpoch" && one.kind !== "currentEpoch") continue;
      if (one.epoch < last[one.kind]) {
        wrong.push(`the ${one.kind} of ${server} went from ${last[one.kind]} to ${one.epoch}`);
      }
      last[one.kind] = one.epoch;
    }
  }
  return wrong;
}

/** I-1, I-2: one zxid, one txn, wherever it is settled. */
function agreementOnContent({ settled, ends }: ZabRun): string[] {
  const byZxid = new Map(settled.map((one) => [one.zxid, one]));
  const wrong: string[] = [];
  for (const { server, txns } of ends) {
    for (const { zxid, content } of txns) {
      const known = byZxid.get(zxid);
      if (known?.content === undefined || known.content === content) continue;
      wrong.push(`0x${zxidHex(zxid)} is one txn by ${known.leader} and another at ${server}`);
    }
  }
  return wrong;
}

/** I-7: who leads has everything that was settled before. */
function primaryIntegrity({ trace, disks, settled }: ZabRun): string[] {
  const wrong: string[] = [];
  for (const link of sideOf(trace, "leader")) {
    const epoch = epochOf(link);
    const upToDate = sent(link, PacketType.UPTODATE)[0];
    if (epoch === undefined || upToDate === undefined) continue;
    for (const { zxid } of settled) {
      if (zxidEpoch(zxid) >= epoch) break;
      if (!disks.has(link.server, zxid, upToDate.when.order)) {
        wrong.push(
          `${link.server} leads epoch ${epoch} without 0x${zxidHex(zxid)}, which was settled`,
        );
      }
    }
  }
  return wrong;
}

/** I-12: what was ever committed is in every history at the end. */
function nothingLost({ settled, ends }: ZabRun): string[] {
  const wrong: string[] = [];
  for (const { server, snapshotZxid, txns } of ends) {
    const zxids = new Set(txns.map(({ zxid }) => zxid));
    for (const { zxid } of settled) {
      if (zxid > snapshotZxid && !zxids.has(zxid)) {
        wrong.push(`0x${zxidHex(zxid)} was settled and is not at ${server}`);
      }
    }
  }
  return wrong;
}

/** I-3, I-4: where two logs both have a zxid, it is one txn, and neither has a txn more between. */
function equalHistories({ ends }: ZabRun): string[] {
  const wrong: string[] = [];
  for (const [index, one] of ends.entries()) {
    for (const other of ends.slice(index + 1)) {
      const from = Math.max(
        one.snapshotZxid,
        other.snapshotZxid,
        lowestOf(one) - 1,
        lowestOf(other) - 1,
      );
      const mine = one.txns.filter(({ zxid }) => zxid > from);
      const theirs = other.txns.filter(({ zxid }) => zxid > from);
      const length = Math.max(mine.length, theirs.length);
      for (let i = 0; i < length; i++) {
        const [a, b] = [mine[i], theirs[i]];
        if (a?.zxid === b?.zxid && a?.content === b?.content) continue;
        const [zxidA, zxidB] = [a, b].map((txn) =>
          txn === undefined ? "none" : zxidHex(txn.zxid),
        );
        wrong.push(`after 0x${zxidHex(from)} ${one.server} has ${zxidA}, ${other.server} ${zxidB}`);
        break;
      }
    }
  }
  return wrong;
}

/** The lowest zxid of a log: its first, unless something is wrong. */
function lowestOf({ txns }: ServerEnd): number {
  return txns.reduce((lowest, { zxid }) => Math.min(lowest, zxid), txns[0]?.zxid ?? 0);
}

/** Nothing that a learner's disk gets from then on is of that link. */
function overAt(trace: ZabTrace, link: ZabLink): number {
  const next = trace.links.find(
    ({ server, side, opened }) =>
      server === link.server && side === "learner" && opened.order > link.opened.order,
  );
  return next?.opened.order ?? Number.POSITIVE_INFINITY;
}

/** What a learner was sent as settled before that moment, and was not part of a tree. */
function settledBefore(link: ZabLink, order: number): number[] {
  const isDirect = link.packets.some(({ type }) => type === PacketType.SNAP);
  if (isDirect) return [];
  return link.packets
    .filter(({ type, when }) => type === PacketType.COMMIT && when.order < order)
    .map(({ zxid }) => zxid);
}

function isQuorum(count: number, voters: readonly string[]): boolean {
  return count * 2 > voters.length;
}
