import { beforeEach, describe, expect, test } from "vitest";
import { CreateFlag, EventType, OpCode } from "../../protocol/opcodes.ts";
import { CHECKERS } from "./checkers/index.ts";
import type { Op, Reply } from "./history.ts";
import { LIMITED, QUOTA, QUOTA_LIMITS, QUOTA_STATS } from "./model-quota.ts";
import { replay } from "./replay.ts";
import { changedStat, OPEN, Story, type StoryConnection } from "./story.ts";

const ANNA = "0100000000000001";
const BEN = "0100000000000002";

/** The names of the checkers that a story displeases. */
function complaints(story: Story): string[] {
  const run = replay(story.history());
  return CHECKERS.filter((checker) => checker.check(run).length > 0).map(({ name }) => name);
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A reply of a story, to be falsified. */
function falsify(reply: Reply): Writable<Reply> {
  return reply;
}

let story: Story;
let anna: StoryConnection;
let ben: StoryConnection;

beforeEach(() => {
  story = new Story();
  story.start();
  anna = story.connect(ANNA);
  ben = story.connect(BEN);
  story.create(anna, "/a");
});

test("a true story of every kind displeases nobody", () => {
  story.create(anna, "/a/n-", CreateFlag.persistentSequential);
  story.create(ben, "/a/n-", CreateFlag.ephemeralSequential);
  story.getData(ben, "/a", true);
  const sent = story.send(anna, {
    type: OpCode.setData,
    request: { path: "/a", data: null, version: -1 },
  });
  const outcome = story.model.write(sent.op, story.requester(anna), story.zxid + 1, 2000);
  story.log(ANNA, sent.xid, { type: OpCode.setData, path: "/a", data: null, version: 1 });
  story.event(ben, EventType.nodeDataChanged, "/a", story.zxid);
  story.answer(anna, sent, outcome);
  story.getData(ben, "/a");
  story.wait(5000);
  story.expire(BEN);
  story.getData(anna, "/a");
  story.start();
  expect(complaints(story)).toEqual([]);
});

describe("AcknowledgedWritesSurvive", () => {
  test("misses an answered write that is not in the log", () => {
    story.setData(anna, "/a");
    story.txns.pop();
    expect(complaints(story)).toContain("AcknowledgedWritesSurvive");
  });

  test("misses it too where another txn took its zxid", () => {
    story.setData(anna, "/a");
    story.txns.pop();
    const sent = story.send(ben, { type: OpCode.closeSession });
    story.log(BEN, sent.xid, { type: OpCode.closeSession, paths: [] });
    expect(complaints(story)).toContain("AcknowledgedWritesSurvive");
  });
});

test("AppliedOnce notices a request that became two txns", () => {
  const { sent } = story.setData(anna, "/a");
  const data = Buffer.from("new");
  story.log(ANNA, sent.xid, { type: OpCode.setData, path: "/a", data, version: 2 });
  expect(complaints(story)).toContain("AppliedOnce");
});

test("WritesLinearizable notices a write ordered before one that was answered before it was sent", () => {
  const first = story.create(anna, "/a/first");
  const second = story.create(ben, "/a/second");
  const zxid = first.zxid;
  falsify(first).zxid = second.zxid;
  falsify(second).zxid = zxid;
  expect(complaints(story)).toContain("WritesLinearizable");
});

describe("SessionOrder", () => {
  test("notices answers that come in another order than the requests", () => {
    const first = story.getData(anna, "/a");
    const second = story.getData(anna, "/a");
    const { sent } = first;
    falsify(first).sent = second.sent;
    falsify(second).sent = sent;
    expect(complaints(story)).toContain("SessionOrder");
  });

  test("notices an answer with a foreign xid", () => {
    falsify(story.getData(anna, "/a")).xid = 4711;
    expect(complaints(story)).toContain("SessionOrder");
  });

  test("notices writes of a session that took effect in another order than sent", () => {
    const request = { path: "/a/x", data: null, acl: null, flags: 0 };
    const early = story.send(anna, { type: OpCode.create2, request });
    story.create(anna, "/a/late");
    story.created(anna, early, "/a/x", 0);
    expect(complaints(story)).toContain("SessionOrder");
  });
});

describe("TimeForward", () => {
  test("notices a zxid that goes down on a connection", () => {
    story.setData(anna, "/a");
    falsify(story.getData(anna, "/a")).zxid = 3;
    expect(complaints(story)).toContain("TimeForward");
  });

  test("notices a client that is shown less than another was shown before it asked", () => {
    story.setData(anna, "/a");
    falsify(story.getData(ben, "/a")).zxid = 3;
    expect(complaints(story)).toContain("TimeForward");
  });
});

describe("SequenceUnique", () => {
  test("notices a number that is given twice under one parent", () => {
    story.create(anna, "/a/n-", CreateFlag.persistentSequential);
    story.create(ben, "/a/m-", CreateFlag.persistentSequential);
    const last = story.txns.at(-1)!;
    const body = { ...last.txn.body, path: "/a/m-0000000000" } as typeof last.txn.body;
    last.txn = { ...last.txn, body };
    expect(complaints(story)).toContain("SequenceUnique");
  });

  test("lets a new life of the parent count from the start", () => {
    story.create(anna, "/a/n-", CreateFlag.persistentSequential);
    for (const path of ["/a/n-0000000000", "/a"]) {
      const request = { path, version: -1 };
      const sent = story.send(anna, { type: OpCode.delete, request });
      const outcome = story.model.write(sent.op, story.requester(anna), story.zxid + 1, 1000);
      story.log(ANNA, sent.xid, { type: OpCode.delete, path });
      story.answer(anna, sent, outcome);
    }
    story.create(anna, "/a");
    story.create(anna, "/a/n-", CreateFlag.persistentSequential);
    expect(complaints(story)).toEqual([]);
  });
});

describe("ExpiryNotEarly", () => {
  test("notices a session that expires before its timeout", () => {
    story.wait(3990);
    story.expire(BEN);
    expect(complaints(story)).toEqual(["ExpiryNotEarly"]);
  });

  test("counts from the start of the server's life, not from before it", () => {
    story.wait(3000);
    story.start();
    story.wait(3000);
    story.expire(BEN);
    expect(complaints(story)).toEqual(["ExpiryNotEarly"]);
  });

  test("is silent about a session that nobody heard of for its timeout", () => {
    story.wait(4001);
    story.expire(BEN);
    expect(complaints(story)).toEqual([]);
  });
});

describe("RecoveredPrefix", () => {
  test("notices a hole in the log", () => {
    story.setData(anna, "/a");
    story.txns.splice(1, 1);
    expect(complaints(story)).toContain("RecoveredPrefix");
  });

  test("notices a recovery that came back with less than was seen", () => {
    story.setData(anna, "/a");
    story.start();
    story.lives[1]!.recoveredZxid--;
    expect(complaints(story)).toContain("RecoveredPrefix");
  });

  test("notices a recovered tree that no replay gives", () => {
    story.setData(anna, "/a");
    story.start();
    story.lives[1]!.digest = "0000000000000001";
    expect(complaints(story)).toEqual(["RecoveredPrefix"]);
  });
});

test("DigestsMatch notices a txn whose digest is not the tree's", () => {
  story.setData(anna, "/a");
  const last = story.txns.at(-1)!;
  last.txn = { ...last.txn, digest: { version: 2, digestHigh: 1, digestLow: 2 } };
  expect(complaints(story)).toEqual(["DigestsMatch"]);
});

describe("WatchesOnceAndBefore", () => {
  beforeEach(() => {
    story.getData(ben, "/a", true);
    story.setData(anna, "/a");
  });

  test("notices an event that comes after an answer that shows the change", () => {
    story.getData(ben, "/a");
    story.event(ben, EventType.nodeDataChanged, "/a", story.zxid);
    expect(complaints(story)).toEqual(["WatchesOnceAndBefore"]);
  });

  test("notices an event that does not come", () => {
    story.ping(ben);
    expect(complaints(story)).toEqual(["WatchesOnceAndBefore"]);
  });

  test("notices an event that comes twice", () => {
    story.event(ben, EventType.nodeDataChanged, "/a", story.zxid);
    story.event(ben, EventType.nodeDataChanged, "/a", story.zxid);
    expect(complaints(story)).toEqual(["WatchesOnceAndBefore"]);
  });

  test("notices an event of another type, and one that nobody asked for", () => {
    story.event(ben, EventType.nodeDeleted, "/a", story.zxid);
    story.event(anna, EventType.nodeDataChanged, "/a", story.zxid);
    expect(complaints(story)).toEqual(["WatchesOnceAndBefore"]);
  });

  test("knows what setWatches must bring ahead of its answer", () => {
    const again = story.connect(BEN);
    const request = {
      relativeZxid: story.zxid - 1,
      dataWatches: ["/a", "/gone"],
      existWatches: ["/a", "/later"],
      childWatches: ["/a", "/gone"],
    };
    const restore = (): void => {
      const sent = story.send(again, { type: OpCode.setWatches, request });
      story.answer(again, sent, { code: 0 });
    };
    story.event(again, EventType.nodeDataChanged, "/a", -1);
    story.event(again, EventType.nodeDeleted, "/gone", -1);
    story.event(again, EventType.nodeCreated, "/a", -1);
    story.event(again, EventType.nodeDeleted, "/gone", -1);
    restore();
    expect(complaints(story)).toEqual([]);
    restore();
    expect(complaints(story)).toEqual(["WatchesOnceAndBefore"]);
  });
});

test("ClosedIsClosed notices an answer behind the one that ended the session", () => {
  const sent = story.send(ben, { type: OpCode.closeSession });
  story.model.closeSession(BEN, story.zxid + 1);
  story.log(BEN, sent.xid, { type: OpCode.closeSession, paths: [] });
  story.answer(ben, sent, { code: 0 });
  expect(complaints(story)).toEqual([]);
  story.ping(ben);
  expect(complaints(story)).toEqual(["ClosedIsClosed"]);
});

describe("EphemeralsFollowSessions", () => {
  beforeEach(() => {
    story.create(ben, "/a/e", CreateFlag.ephemeral);
    story.wait(5000);
  });

  test("notices an ephemeral that its session's end leaves behind", () => {
    story.log(BEN, 0, { type: OpCode.closeSession, paths: [] });
    expect(complaints(story)).toContain("EphemeralsFollowSessions");
  });

  test("notices a znode that is taken along and belongs to nobody", () => {
    story.log(BEN, 0, { type: OpCode.closeSession, paths: ["/a/e", "/a"] });
    expect(complaints(story)).toContain("EphemeralsFollowSessions");
  });
});

describe("ReapedOnlyWhenOver", () => {
  beforeEach(() => {
    const data = Buffer.alloc(0);
    const request = { path: "/a/t", data, acl: OPEN, flags: CreateFlag.persistentWithTtl };
    const sent = story.send(anna, { type: OpCode.createTTL, request: { ...request, ttlMs: 500 } });
    const outcome = story.model.write(sent.op, story.requester(anna), story.zxid + 1, 1000);
    const body = { path: "/a/t", data, acl: OPEN, parentCVersion: 1, ttlMs: 500 };
    story.log(ANNA, sent.xid, { type: OpCode.createTTL, ...body });
    story.answer(anna, sent, outcome);
  });

  function reap(path: string): void {
    story.model.reap(path, story.zxid + 1, 2000);
    story.log("0000000000000000", 0, { type: OpCode.deleteContainer, path });
  }

  test("lets a TTL znode go whose time is over, and notices one that goes too early", () => {
    reap("/a/t");
    expect(complaints(story)).toEqual([]);
    const last = story.txns.at(-1)!;
    last.txn = { ...last.txn, header: { ...last.txn.header, timeMs: 1500 } };
    expect(complaints(story)).toContain("ReapedOnlyWhenOver");
  });

  test("notices one that has a child", () => {
    story.create(anna, "/a/t/child");
    reap("/a/t");
    expect(complaints(story)).toContain("ReapedOnlyWhenOver");
  });

  test("notices one that may stay for ever", () => {
    story.create(anna, "/a/plain");
    reap("/a/plain");
    expect(complaints(story)).toContain("ReapedOnlyWhenOver");
  });
});

describe("UsageIsCounted", () => {
  beforeEach(() => {
    for (const path of [LIMITED, QUOTA, QUOTA_LIMITS, QUOTA_STATS]) story.create(anna, path);
    story.create(anna, `${LIMITED}/child`);
  });

  test("notices wrong statistics after recovery", () => {
    story.start();
    expect(complaints(story)).toEqual([]);
    story.lives.at(-1)!.usage = "count=1,bytes=4";
    expect(complaints(story)).toEqual(["UsageIsCounted"]);
  });

  test("notices wrong statistics that are read", () => {
    const reply = falsify(story.getData(anna, QUOTA_STATS));
    expect(reply.result.data?.toString()).toBe("count=2,bytes=8");
    expect(complaints(story)).toEqual([]);
    reply.result = { ...reply.result, data: Buffer.from("count=1,bytes=8") };
    expect(complaints(story)).toEqual(["UsageIsCounted", "RepliesAgreeWithModel"]);
  });
});

describe("TxnsAgreeWithModel", () => {
  test("notices a quota's refusal where there is room, and a write where there is none", () => {
    for (const path of [LIMITED, QUOTA, QUOTA_LIMITS, QUOTA_STATS]) story.create(anna, path);
    story.create(anna, `${LIMITED}/child`);
    const last = story.txns.at(-1)!;
    const { txn } = last;
    last.txn = { ...txn, body: { type: OpCode.error, err: -125 } };
    expect(complaints(story)).toContain("TxnsAgreeWithModel");
    last.txn = txn;
    expect(complaints(story)).toEqual([]);
    const limits = story.txns.at(-3)!;
    expect(limits.txn.body).toHaveProperty("path", QUOTA_LIMITS);
    const request = story.connections[0]!.sent.at(-3)!.op as { request: { data: Buffer } };
    request.request.data = Buffer.from("count=-1,bytes=-1=;countHardLimit=1");
    expect(complaints(story)).toContain("TxnsAgreeWithModel");
  });

  test("notices a txn that nobody asked for", () => {
    story.log(ANNA, 99, { type: OpCode.delete, path: "/a" });
    expect(complaints(story)).toContain("TxnsAgreeWithModel");
  });

  test("notices a wrong version", () => {
    story.setData(anna, "/a");
    const last = story.txns.at(-1)!;
    const body = { ...last.txn.body, version: 7 } as typeof last.txn.body;
    last.txn = { ...last.txn, body };
    expect(complaints(story)).toContain("TxnsAgreeWithModel");
  });

  test("notices a refusal that should have been a success", () => {
    story.setData(anna, "/a");
    const last = story.txns.at(-1)!;
    last.txn = { ...last.txn, body: { type: OpCode.error, err: -101 } };
    expect(complaints(story)).toContain("TxnsAgreeWithModel");
  });
});

describe("RepliesAgreeWithModel", () => {
  test("notices one wrong field of a Stat", () => {
    const fields = ["czxid", "mzxid", "pzxid", "ctime", "mtime", "version", "cversion"] as const;
    for (const field of [...fields, "aversion", "dataLength", "numChildren"] as const) {
      const reply = falsify(story.getData(anna, "/a"));
      const stat = changedStat(reply.result.stat, { [field]: 77 });
      const truth = reply.result;
      reply.result = { ...truth, stat };
      expect(complaints(story), field).toEqual(["RepliesAgreeWithModel"]);
      reply.result = truth;
    }
  });

  test("notices wrong data, and null for empty", () => {
    const reply = falsify(story.getData(anna, "/a"));
    reply.result = { ...reply.result, data: Buffer.from("forged") };
    expect(complaints(story)).toEqual(["RepliesAgreeWithModel"]);
    reply.result = { ...reply.result, data: null };
    expect(complaints(story)).toEqual(["RepliesAgreeWithModel"]);
  });

  test("notices an ephemeral too many, a wrong count, a wrong name and a wrong read", () => {
    story.create(anna, "/a/e", CreateFlag.ephemeral);
    const request = { path: "/a", watch: false };
    const asked: readonly (readonly [op: Op, wrong: Partial<Reply["result"]>])[] = [
      [{ type: OpCode.getEphemerals, path: "/" }, { paths: ["/a/e", "/a"] }],
      [{ type: OpCode.getAllChildrenNumber, path: "/a" }, { total: 2 }],
      [{ type: OpCode.whoAmI }, { identities: ["ip:10.0.1.2"] }],
      [
        { type: OpCode.multiRead, reads: [{ type: OpCode.getChildren, request }] },
        { reads: [{ type: OpCode.getChildren, children: [] }] },
      ],
    ];
    for (const [op, wrong] of asked) {
      const sent = story.send(anna, op);
      const outcome = story.model.read(op, story.requester(anna));
      const { reads, ...others } = outcome;
      const truth = reads?.map(({ children = [] }) => ({ type: OpCode.getChildren, children }));
      const reply = falsify(story.answer(anna, sent, others));
      reply.result = { ...reply.result, ...(truth === undefined ? {} : { reads: truth }) };
      expect(complaints(story)).toEqual([]);
      const { result } = reply;
      reply.result = { ...result, ...wrong };
      expect(complaints(story), String(op.type)).toEqual(["RepliesAgreeWithModel"]);
      reply.result = result;
    }
  });

  test("notices a wrong code", () => {
    falsify(story.getData(anna, "/a")).code = -101;
    expect(complaints(story)).toEqual(["RepliesAgreeWithModel"]);
  });
});
