// What the words tell of a server among others.

import { expect, test } from "vitest";
import type { EnsembleView, LeadingView } from "../../../server/admin/source.ts";
import { answered, source, summary } from "./admin-source.ts";

const LEADING: LeadingView = {
  learners: 3,
  syncedFollowers: 2,
  syncedNonVotingFollowers: 0,
  syncedObservers: 1,
  pendingSyncs: 4,
  uptimeMs: 1234.5,
  proposals: { last: 75, min: 48, max: 104 },
};

function ensemble(changes: Partial<EnsembleView> = {}): EnsembleView {
  return {
    peerState: "following - broadcast",
    quorumSize: 3,
    initLimitTicks: 10,
    syncLimitTicks: 5,
    electionPort: 3888,
    quorumPort: 2888,
    isObserver: false,
    membership: "server.1=zk1:2888:3888:participant\nversion=0",
    isReadOnlyModeEnabled: false,
    leading: undefined,
    electionTime: summary(200, 300),
    lookingCount: 2,
    diffCount: 5,
    snapCount: 1,
    proposalCount: 70,
    commitCount: 69,
    learnerCommitCount: 42,
    revalidateCount: 6,
    connectionRevalidateCount: 7,
    ...changes,
  };
}

function mntr(text: string): Map<string, string> {
  return new Map(
    text
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t") as [string, string]),
  );
}

// operations 3.5
test("srvr of a leader ends with the sizes of its proposals, that of others does not", () => {
  const leader = source({ mode: "leader", ensemble: ensemble({ leading: LEADING }) });
  expect(answered("srvr", leader)).toMatch(
    /Mode: leader\nNode count: 9\nProposal sizes last\/min\/max: 75\/48\/104\n$/,
  );
  const follower = source({ mode: "follower", ensemble: ensemble() });
  expect(answered("srvr", follower)).toMatch(/Mode: follower\nNode count: 9\n$/);
});

// operations 3.3, 3.5/isro
test("a server without a quorum says that it is read-only, and keeps its members to itself", () => {
  const readOnly = source({
    mode: "read-only",
    ensemble: ensemble({ isReadOnlyModeEnabled: true }),
    fourLetterWords: new Set(["srvr", "stat", "conf", "mntr"]),
  });
  for (const word of ["srvr", "stat"]) {
    expect(answered(word, readOnly).split("\n")[1]).toBe(
      "READ-ONLY mode; serving only read-only clients",
    );
    expect(answered(word, readOnly)).toContain("Mode: read-only\n");
  }
  expect(answered("conf", readOnly)).toMatch(/peerType=0\n$/);
  expect(mntr(answered("mntr", readOnly)).get("zk_server_state")).toBe("read-only");
  // Clients in search of a server ask it, so no whitelist has to name it.
  expect(answered("isro", readOnly)).toBe("ro");
});

// operations 3.5
test("conf goes on with the ensemble, and its last line has no end", () => {
  const follower = source({ mode: "follower", ensemble: ensemble() });
  expect(answered("conf", follower)).toMatch(
    new RegExp(
      "serverId=0\ninitLimit=10\nsyncLimit=5\nelectionAlg=3\nelectionPort=3888\nquorumPort=2888\n" +
        "peerType=0\nmembership: \nserver.1=zk1:2888:3888:participant\nversion=0$",
    ),
  );
  const observer = source({ mode: "observer", ensemble: ensemble({ isObserver: true }) });
  expect(answered("conf", observer)).toContain("peerType=1\n");
});

// operations 3.5/zk_peer_state, 3.5/zk_server_state, 5.1, Trap 10
test("mntr tells the peer's state third, and a leader's gauges of a leader only", () => {
  const follower = answered("mntr", source({ mode: "follower", ensemble: ensemble() }));
  expect(follower.split("\n").slice(1, 3)).toEqual([
    "zk_server_state\tfollower",
    "zk_peer_state\tfollowing - broadcast",
  ]);
  const values = mntr(follower);
  const expected = {
    zk_quorum_size: "3",
    zk_commit_count: "69",
    zk_proposal_count: "70",
    zk_diff_count: "5",
    zk_snap_count: "1",
    zk_looking_count: "2",
    zk_learner_commit_received_count: "42",
    zk_revalidate_count: "6",
    zk_connection_revalidate_count: "7",
    zk_cnt_election_time: "2",
    zk_max_election_time: "300",
  };
  for (const [key, value] of Object.entries(expected))
    expect([key, values.get(key)]).toEqual([key, value]);
  expect(values.has("zk_synced_followers")).toBe(false);
  const leading = ensemble({ peerState: "leading - broadcast", leading: LEADING });
  const leader = mntr(answered("mntr", source({ mode: "leader", ensemble: leading })));
  expect(leader.get("zk_synced_followers")).toBe("2");
  expect(leader.get("zk_synced_observers")).toBe("1");
  expect(leader.get("zk_learners")).toBe("3");
  expect(leader.get("zk_pending_syncs")).toBe("4");
  expect(leader.get("zk_leader_uptime")).toBe("1234");
  expect(leader.get("zk_max_proposal_size")).toBe("104");
});

// operations 3.5
test("dump of a learner lists the sessions that all servers know, without their ends", () => {
  const globalSessions = (): { session: string; timeoutMs: number }[] => [
    { session: "0x1", timeoutMs: 10_000 },
    { session: "0x2", timeoutMs: 4000 },
  ];
  const text = answered("dump", source({ mode: "follower", ensemble: ensemble(), globalSessions }));
  expect(text).toMatch(
    /^SessionTracker dump:\nGlobal Sessions\(2\):\n0x1\t10000ms\n0x2\t4000ms\nephemeral nodes dump:\n/,
  );
});

test("dump lists local sessions first where there are any, and says then which are global", () => {
  const localSessionDeadlines = (): { wallMs: number; count: number; names: () => string[] }[] => [
    { wallMs: 1_795_362_665_000, count: 1, names: () => ["0x7"] },
  ];
  const local =
    "SessionTracker dump:\nLocal Session Sets (1)/(1):\n" +
    "1 expire at Sun Nov 22 15:51:05 UTC 2026:\n\t0x7\n";
  const leader = source({ mode: "leader", localSessionDeadlines });
  expect(answered("dump", leader)).toContain(`${local}Global Session Sets (2)/(3):\n2 expire at`);
  const globalSessions = (): { session: string; timeoutMs: number }[] => [];
  const learner = source({ mode: "observer", globalSessions, localSessionDeadlines });
  expect(answered("dump", learner)).toContain(`${local}Global Sessions(0):\nephemeral nodes dump:`);
});
