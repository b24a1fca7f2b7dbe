// Lines as ZooKeeper 3.8.0's servers wrote them, and ours.

import { expect, test } from "vitest";
import { loggedSyncs } from "./tools/sync-log.ts";

const HANDLER = "org.apache.zookeeper.server.quorum.LearnerHandler";
const LEARNER = "org.apache.zookeeper.server.quorum.Learner";
const PEER = "[QuorumPeer[myid=1](plain=127.0.0.1:18696)(secure=disabled)]";

test("what a leader sends is told with the learner that its thread serves", () => {
  const log = [
    `2755 [LearnerHandler-/127.0.0.1:36088] INFO ${HANDLER} - Synchronizing with Learner sid: 1 maxCommittedLog=0x0 minCommittedLog=0x0 lastProcessedZxid=0x100000000 peerLastZxid=0x0`,
    `2756 [LearnerHandler-/127.0.0.1:36090] INFO ${HANDLER} - Synchronizing with Learner sid: 2 maxCommittedLog=0x0 minCommittedLog=0x0 lastProcessedZxid=0x100000000 peerLastZxid=0x0`,
    `2763 [LearnerHandler-/127.0.0.1:36088] INFO ${HANDLER} - Sending snapshot last zxid of peer is 0x0, zxid of leader is 0x100000000, send zxid of db as 0x100000000, 1 concurrent snapshot sync, snapshot sync was exempt from throttle`,
    `2764 [LearnerHandler-/127.0.0.1:36090] INFO ${HANDLER} - Sending DIFF zxid=0x1000003b8  for peer sid: 2`,
    `2765 [LearnerHandler-/127.0.0.1:36090] INFO ${HANDLER} - Sending TRUNC zxid=0x1000003b8  for peer sid: 2`,
    `2765 [LearnerHandler-/127.0.0.1:36090] DEBUG ${HANDLER} - Sending TRUNC to follower zxidToSend=0x200000019 for peer sid:2`,
    `2766 [LearnerHandler-/127.0.0.1:36090] INFO ${HANDLER} - Sending NEWLEADER message to 2`,
  ];
  expect(loggedSyncs(log.join("\n"))).toEqual([
    { kind: "SNAP", learner: 1 },
    { kind: "DIFF", learner: 2 },
    { kind: "TRUNC", learner: 2 },
    { kind: "TRUNC", learner: 2 },
  ]);
});

test("what a learner gets is told with the port that it connected to", () => {
  const log = [
    `1683 [LeaderConnector-/127.0.0.1:27845] INFO ${LEARNER} - Successfully connected to leader, using address: /127.0.0.1:27845`,
    `2590 ${PEER} INFO ${LEARNER} - Getting a diff from the leader 0x0`,
    `2591 ${PEER} INFO org.apache.zookeeper.server.quorum.QuorumPeer - Peer state changed: following - synchronization - diff`,
    `2683 [LeaderConnector-/127.0.0.1:2888] INFO ${LEARNER} - Successfully connected to leader, using address: b/127.0.0.1:2888`,
    `2700 ${PEER} INFO ${LEARNER} - Getting a snapshot from leader 0x100000416`,
    `2900 ${PEER} WARN ${LEARNER} - Truncating log to get in sync with the leader 0x100000416`,
  ];
  expect(loggedSyncs(log.join("\n"))).toEqual([
    { kind: "DIFF", leaderPort: 27_845 },
    { kind: "SNAP", leaderPort: 2888 },
    { kind: "TRUNC", leaderPort: 2888 },
  ]);
});

test("what a server of ours got is told with the leader's number", () => {
  const line = `{"level":"info","time":"2026-11-23T01:17:44.983Z","pid":13075,"leader":2,"epoch":2,"role":"follower","sync":"TRUNC","msg":"in step with the leader"}`;
  expect(loggedSyncs(line)).toEqual([{ kind: "TRUNC", leader: 2 }]);
});
