// The loop of terms, where it is not what leader and learner do: whom a server goes on with.

import { expect, test } from "vitest";
import { PeerState } from "../../../protocol/election.ts";
import { Writer } from "../../../protocol/jute.ts";
import { PacketSplitter } from "../../../protocol/packet-splitter.ts";
import { PacketType, writeDesignation, writeLeaderInfo } from "../../../protocol/quorum.ts";
import type { QuorumLink, QuorumLinkHandlers } from "../../../server/zab/effects.ts";
import { Peer, type SettlingReplica } from "../../../server/zab/peer.ts";
import { QuorumVerifier } from "../../../server/zab/quorum-verifier.ts";
import { BenchLinks, CONFIG_TEXT, ensembleConfig } from "./election-bench.ts";
import { bare, FakeReplica, newLeader, z } from "./learner-bench.ts";

const nothing = (): undefined => undefined;
const ENSEMBLE = { voters: [1, 2, 3, 4], observers: [5] };
const LEADER = 3;

class PeerReplica extends FakeReplica implements SettlingReplica {
  settle(done: () => void): void {
    done();
  }

  found(): void {
    this.isEmpty = false;
  }
}

/** A server in the first term of its leader, which goes after it has named a successor. */
function handedOver(sid: number, successor: number, isDiverged = false): string {
  const dialled: number[] = [];
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
  const peer = new Peer(
    {
      sid,
      verifier: new QuorumVerifier(ensembleConfig(ENSEMBLE)),
      configText: CONFIG_TEXT,
      tickMs: 1000,
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
    },
    {
      replica,
      links: new BenchLinks([1, 2, 3, 4], nothing),
      log: { info: nothing, warn: nothing, error: nothing },
      nowMs: () => 0,
      fraction: () => 0,
      openPort: nothing,
      closePort: nothing,
      dial: (to, _limitMs, opened) => {
        dialled.push(to);
        if (dialled.length === 1) handlers = opened(link);
      },
      hangUp: nothing,
      lead: () => {
        throw new Error("nobody follows it");
      },
      follow: () => ({ revalidated: nothing, synced: nothing, takeTouched: nothing }),
      endService: nothing,
      changed: nothing,
      fail: (_exitCode, message) => {
        throw new Error(message);
      },
    },
  );
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
  const last = new Writer();
  writeDesignation(last, PacketType.HANDOVER, -1, successor);
  splitter.push(Buffer.concat([bare("UPTODATE", -1), last.take()]));
  expect([peer.serves, dialled]).toEqual([true, [LEADER]]);
  replica.isDiverged = isDiverged;
  handlers?.closed("it is gone");
  return `${peer.isLooking ? "looking" : peer.role} ${dialled.slice(1).join()}`.trim();
}

// operations 9.4
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
