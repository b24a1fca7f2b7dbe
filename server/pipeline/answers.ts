/**
 * Requests that change nothing: each is answered from the tree in its place among its session's
 * requests, with the identities that its connection had proven when it was read from the socket.
 *
 * What one frame may ask for and one turn cannot do goes on in later turns (long-reads.ts), and so
 * does what many connections ask for at once (large-answers.ts).
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { Clock } from "../../protocol/host.ts";
import { JuteError, type Reader } from "../../protocol/jute.ts";
import { OpCode, Perm, Xid } from "../../protocol/opcodes.ts";
import type { AclHandle } from "../tree/acl-cache.ts";
import type { DataTree } from "../tree/data-tree.ts";
import { AllChildrenNumber, EphemeralsOf } from "./inquiries.ts";
import { LARGE_BYTES, LargeAnswers } from "./large-answers.ts";
import { type LongRead, LongReads } from "./long-reads.ts";
import { MultiRead } from "./multi-read.ts";
import { Reads } from "./reads.ts";
import type { AuthId, Requester } from "./requester.ts";
import { SetWatches } from "./set-watches.ts";
import type { Adding, PipelineStats } from "./stats.ts";
import { WIDE_CHILDREN, WideChildren } from "./wide-children.ts";

export interface AnswersOptions {
  readonly skipAcl: boolean;
  readonly maxBufferBytes: number;
}

export class Answers {
  readonly #tree: DataTree;
  readonly #reads: Reads;
  readonly #longReads: LongReads;
  readonly #large: LargeAnswers;
  readonly #stats: PipelineStats<Adding>;
  readonly #maxBufferBytes: number;

  constructor(clock: Clock, tree: DataTree, stats: PipelineStats<Adding>, options: AnswersOptions) {
    this.#tree = tree;
    this.#stats = stats;
    this.#maxBufferBytes = options.maxBufferBytes;
    this.#reads = new Reads(tree, options.skipAcl);
    this.#longReads = new LongReads(clock, tree, ({ requester, xid, type, arrivedMs }) => {
      const nowMs = clock.nowMs();
      this.#count(requester, xid, type, nowMs - arrivedMs, nowMs);
    });
    this.#large = new LargeAnswers(clock, ({ requester, xid, type, reader, ids, arrivedMs }) => {
      const nowMs = clock.nowMs();
      this.#answerShort(requester, xid, type, reader, ids);
      this.#count(requester, xid, type, nowMs - arrivedMs, nowMs);
    });
  }

  /** Whether a connection may be told of changes to znodes with this access list. */
  mayRead(requester: Requester, acl: AclHandle): boolean {
    return this.#reads.permits(requester.authIds, acl, Perm.read);
  }

  /**
   * Whether a request that has to wait may take several turns once it may run. It is not certain:
   * a list that is shorter now may be long by then.
   */
  mayTakeTurns(type: number, reader: Reader): boolean {
    switch (type) {
      case OpCode.getChildren:
      case OpCode.getChildren2:
        return this.#reads.hasMoreChildren(WIDE_CHILDREN / 2, reader);
      case OpCode.setWatches:
      case OpCode.setWatches2:
      case OpCode.multiRead:
      case OpCode.getEphemerals:
      case OpCode.getAllChildrenNumber:
        return true;
      default:
        return false;
    }
  }

  /**
   * @param reader Behind the request's header.
   * @param ids Of the requester when the request was read.
   * @param nowMs When the request's turn came.
   */
  answer(
    requester: Requester,
    xid: number,
    type: number,
    reader: Reader,
    ids: readonly AuthId[],
    nowMs: number,
  ): void {
    const { shownZxid } = this.#tree;
    switch (type) {
      case OpCode.ping:
        requester.beginReply(Xid.ping);
        requester.endReply(shownZxid, ErrorCode.Ok);
        break;
      case OpCode.auth:
        this.#answerAuth(requester, xid);
        return;
      case OpCode.sasl:
        // As ZooKeeper without SASL answers: a client that is set up for it goes on with the
        // identities that it has, where a refusal would end it for good.
        requester.beginReply(xid);
        requester.out.buffer(null);
        requester.endReply(0, ErrorCode.Ok);
        break;
      case OpCode.getChildren:
      case OpCode.getChildren2:
        // In one turn while a write that came behind it is on its way: that may not overtake.
        if (!hasWrites(requester) && this.#reads.hasMoreChildren(WIDE_CHILDREN, reader)) {
          this.#answerLong(requester, xid, type, reader, ids, nowMs);
          return;
        }
        this.#answerShort(requester, xid, type, reader, ids);
        break;
      case OpCode.getData:
        if (this.#large.isSpent && this.#mayWait(requester, reader)) {
          this.#large.wait({ requester, xid, type, reader, ids, arrivedMs: nowMs });
          return;
        }
        this.#answerShort(requester, xid, type, reader, ids);
        break;
      case OpCode.exists:
      case OpCode.getACL:
      case OpCode.checkWatches:
      case OpCode.removeWatches:
      case OpCode.addWatch:
      case OpCode.whoAmI:
        this.#answerShort(requester, xid, type, reader, ids);
        break;
      case OpCode.setWatches:
      case OpCode.setWatches2:
      case OpCode.multiRead:
      case OpCode.getEphemerals:
      case OpCode.getAllChildrenNumber:
        this.#answerLong(requester, xid, type, reader, ids, nowMs);
        return;
      default:
        requester.beginReply(xid);
        requester.endReply(-1, ErrorCode.Unimplemented);
        requester.finish("an unknown operation", { operation: type });
    }
    this.#count(requester, xid, type, 0, nowMs);
  }

  /** A write that is on its way already may not overtake it: behind one it is answered at once. */
  #mayWait(requester: Requester, reader: Reader): boolean {
    return !hasWrites(requester) && this.#reads.hasMoreData(LARGE_BYTES, reader);
  }

  #answerShort(
    requester: Requester,
    xid: number,
    type: number,
    reader: Reader,
    ids: readonly AuthId[],
  ): void {
    const before = requester.out.length;
    requester.beginReply(xid);
    const code = this.#read(type, requester, ids, reader);
    requester.endReply(this.#tree.shownZxid, code);
    this.#large.spend(requester.out.length - before);
  }

  #answerAuth(requester: Requester, xid: number): void {
    // Nothing was read behind the packet that was refused: others waited before it.
    const isLast = requester.waiting.isEmpty && requester.throttled === 0;
    const code = requester.authFailed && isLast ? ErrorCode.AuthFailed : ErrorCode.Ok;
    requester.beginReply(xid);
    requester.endReply(0, code);
    if (code === ErrorCode.Ok) return;
    this.#stats.authFailures++;
    requester.finish("its credentials were refused");
  }

  #read(type: number, requester: Requester, ids: readonly AuthId[], reader: Reader): number {
    try {
      return this.#reads.answer(type, requester, ids, reader, requester.out);
    } catch (error) {
      if (error instanceof JuteError) return ErrorCode.MarshallingError;
      throw error;
    }
  }

  #answerLong(
    requester: Requester,
    xid: number,
    type: number,
    reader: Reader,
    ids: readonly AuthId[],
    nowMs: number,
  ): void {
    let read: LongRead;
    try {
      read = this.#longRead(requester, type, reader, ids);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      requester.beginReply(xid);
      requester.endReply(this.#tree.shownZxid, ErrorCode.MarshallingError);
      this.#count(requester, xid, type, 0, nowMs);
      return;
    }
    const request = { requester, xid, type, arrivedMs: nowMs };
    if (read instanceof WideChildren) this.#longReads.list({ ...request, read });
    else this.#longReads.begin({ ...request, read });
  }

  #longRead(requester: Requester, type: number, reader: Reader, ids: readonly AuthId[]): LongRead {
    switch (type) {
      case OpCode.getChildren:
      case OpCode.getChildren2:
        return new WideChildren(this.#tree, this.#reads, requester, type, reader, ids);
      case OpCode.setWatches:
      case OpCode.setWatches2:
        return new SetWatches(this.#tree, requester, type, reader);
      case OpCode.multiRead:
        return new MultiRead(this.#reads, ids, reader, this.#maxBufferBytes);
      case OpCode.getEphemerals:
        return new EphemeralsOf(this.#tree, requester.session?.key ?? "", reader);
      default:
        return new AllChildrenNumber(this.#tree, this.#reads, requester, reader, ids);
    }
  }

  #count(requester: Requester, xid: number, type: number, elapsedMs: number, nowMs: number): void {
    this.#stats.requestLatency.add(elapsedMs);
    this.#stats.readLatency.add(elapsedMs);
    requester.answered(type, xid, this.#tree.shownZxid, elapsedMs, nowMs);
  }
}

/** Writes of its session are on their way. */
function hasWrites({ session }: Requester): boolean {
  return session !== undefined && session.answered < session.submitted;
}
