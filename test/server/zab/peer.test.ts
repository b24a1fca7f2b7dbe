// The loop of terms, where it is not what leader and learner do: whom a server goes on with.

import { expect, test } from "vitest";
import { PeerState } from "../../../protocol/election.ts";
import { Writer } from "../../../protocol/jute.ts";
import { PacketSplitter } from "../../../protocol/packet-splitter.ts";
import { PacketType, writeDesignation, writeLeaderInfo } from "../../../protocol/quorum.ts";
import type { QuorumLink, QuorumLinkHandlers } from "../../../server/zab/effects.ts";
import { Peer, type PeerOptions, type SettlingReplica } from "../../../server/zab/peer.ts";
import { QuorumVerifier } from "../../../server/zab/quorum-verifier.ts";
import { BenchLinks, CONFIG_TEXT, ensembleConfig } from "./election-bench.ts";
import { bare, FakeReplica, newLeader, z } from "./learner-bench.ts";

const nothing = (): undefined => undefined;
const ENSEMBLE = { voters: [1, 2, 3, 4], observers: [5] };
const LEADER = 3;
const TICK_MS = 1000;

function optionsOf(sid: number): PeerOptions {
  return {
    sid,
    verifier: new QuorumVerifier(ensembleConfig(ENSEMBLE)),
    configText: CONFIG_TEXT,
    tickMs: TICK_MS,
    initLimitTicks: 10,
    syncLimitTicks: 5,
    connectLimitMs: 10_000,
    minNotificationMs: 200,
    maxNotificationMs: 60_000,
    observerDelayMs: 200,
    forceSnapshotSync: false,
    maxConcurrentSnapSyncs: 10,
    maxConcurrentDiffSyncs: 100,
    allowUnlistedObservers: false,
  };
}

class PeerReplica extends FakeReplica implements SettlingReplica {
  settle(done: () => void): void {
    done();
  }

  found(): void {
    this.isEmpty = false;
  }
}

/** What no server here has to do with. */
const DEAF_WORLD = {
  fraction: () => 0,
  openPort: nothing,
  closePort: nothing,
  hangUp: nothing,
  lead: () => {
    throw new Error("nobody follows it");
  },
  follow: () => ({ revalidated: nothing, synced: nothing, takeTouched: nothing }),
  endService: nothing,
  changed: nothing,
  fail: (_exitCode: number, message: string) => {
    throw new Error(message);
  },
};

/** A server in the first term of its leader, which goes after it has named a successor. */
function handedOver(sid: number, successor: number, isDiverged = false): string {
  const dialled: number[] = [];
  const warnings: string[] = [];
  const replica = new PeerReplica(0, 0, 0, nothing);
  let handlers: QuorumLinkHandlers | undefined;
  const splitter = new PacketSplitter(
    1_000_000,
    (packet) => handlers?.packet(packet),
    (reason) => {
      throw new Error(reason);
    },
  );
  const link: QuorumLink = {
    remoteAddress: "s3",
    isBlocked: false,
    out: new Writer(),
    mark: nothing,
    readRaw: nothing,
    pause: () => splitter.pause(),
    resume: () => splitter.resume(),
    close: nothing,
  };
  const peer = new Peer(optionsOf(sid), {
    replica,
    links: new BenchLinks([1, 2, 3, 4], nothing),
    log: { info: nothing, warn: (_, message) => void warnings.push(message), error: nothing },
    nowMs: () => 0,
    dial: (to, _limitMs, opened) => {
      dialled.push(to);
      if (dialled.length === 1) handlers = opened(link);
    },
    ...DEAF_WORLD,
  });
  peer.start();
  const vote = { leader: LEADER, zxid: 0, electionEpoch: 1, peerEpoch: 1, config: CONFIG_TEXT };
  for (const voter of ENSEMBLE.voters) {
    const state = voter === LEADER ? PeerState.LEADING : PeerState.FOLLOWING;
    if (voter !== sid) peer.heard(voter, { ...vote, state });
  }
  const leader = new Writer();
  writeLeaderInfo(leader, z(1, 0));
  splitter.push(leader.take());
  replica.complete("acceptedEpoch", "");
  splitter.push(Buffer.concat([bare("DIFF", 0), newLeader(1)]));
  while (replica.waiting[0] !== undefined) replica.complete(replica.waiting[0], "");
  splitter.push(bare("UPTODATE", -1));
  expect([peer.serves, dialled]).toEqual([true, [LEADER]]);
  replica.isDiverged = isDiverged;
  const last = new Writer();
  writeDesignation(last, PacketType.HANDOVER, -1, successor);
  splitter.push(last.take());
  // A planned restart is nothing to look into.
  expect(warnings).toEqual([]);
  return `${peer.isLooking ? "looking" : peer.role} ${dialled.slice(1).join()}`.trim();
}

// operations 9.4/2
test("whom a leader names that goes is followed without an election, or leads", () => {
  expect(handedOver(1, 2)).toBe("following 2");
  expect(handedOver(2, 2)).toBe("leading");
  expect(handedOver(5, 2)).toBe("observing 2");
});

test("who may not lead does not, whatever the leader says that goes", () => {
  expect(handedOver(1, 5)).toBe("looking");
  expect(handedOver(1, 9)).toBe("looking");
  expect(handedOver(1, -1)).toBe("looking");
  expect(handedOver(2, 2, true)).toBe("looking");
  expect(handedOver(1, 2, true)).toBe("following 2");
});

// Found by hand: it came back some thousand times a second, and both logs said so.
test("who is sent away again and again comes back after pauses, at once when that leader looks", () => {
  let nowMs = 1000;
  let dialled = 0;
  let refuse: ((reason: string) => void) | undefined;
  let isAsking = false;
  const told: string[] = [];
  const tell = (_details: unknown, message: string): void => void told.push(message);
  const peer = new Peer(optionsOf(1), {
    replica: new PeerReplica(1, 1, 0, nothing),
    links: new BenchLinks([1, 2, 3, 4], nothing, (_to, { state }) => {
      isAsking ||= state === PeerState.LOOKING;
    }),
    log: { info: tell, warn: tell, error: tell },
    nowMs: () => nowMs,
    dial: (_to, _limitMs, _opened, failed) => {
      dialled++;
      refuse = failed;
    },
    ...DEAF_WORLD,
  });
  const vote = { leader: LEADER, zxid: 0, electionEpoch: 1, peerEpoch: 1, config: CONFIG_TEXT };
  /** Everything that happens at one moment: the others say whom they follow, who refuses it. */
  const settle = (): void => {
    while (isAsking || refuse !== undefined) {
      expect(dialled).toBeLessThan(100);
      const refused = refuse;
      refuse = undefined;
      refused?.("refused");
      if (!isAsking) continue;
      isAsking = false;
      for (const voter of [2, 3, 4]) {
        const state = voter === LEADER ? PeerState.LEADING : PeerState.FOLLOWING;
        peer.heard(voter, { ...vote, state });
      }
    }
  };
  peer.start();
  settle();
  expect(dialled).toBe(2);
  while (nowMs < 63_000) {
    nowMs += 10;
    if (nowMs >= peer.wakeAtMs) peer.tick();
    settle();
  }
  // Five times before the pauses have grown to a tick, then once in each.
  expect(dialled).toBe(67);
  expect(told.filter((line) => line === "elected")).toHaveLength(5);
  expect(told.filter((line) => line.startsWith("this server does not"))).toHaveLength(2);

  peer.heard(2, { ...vote, leader: 2, state: PeerState.LOOKING });
  expect(isAsking).toBe(false);
  peer.heard(LEADER, { ...vote, state: PeerState.LOOKING });
  expect(isAsking).toBe(true);
});
