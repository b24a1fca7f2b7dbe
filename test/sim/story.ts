// Hand-made histories: a story is told step by step, by the model and therefore true, and then one
// thing in it is made wrong. So each checker is shown to notice what it is named for.

import type { ACL, Stat } from "../../protocol/data.ts";
import { CreateFlag, OpCode, Perm } from "../../protocol/opcodes.ts";
import type { TxnBody } from "../../protocol/txn.ts";
import type {
  Heard,
  History,
  Life,
  LoggedTxn,
  Moment,
  Op,
  Reply,
  Sent,
  WatchEvent,
} from "./history.ts";
import { Model, type Outcome } from "./model.ts";
import type { Requester } from "./model-acl.ts";

export const OPEN: readonly ACL[] = [{ perms: Perm.all, id: { scheme: "world", id: "anyone" } }];

const SERVER = "10.0.0.1";

/** Everything of a type can be written. */
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface StoryConnection {
  client: string;
  server: string;
  session: string;
  timeoutMs: number;
  opened: Moment;
  sent: Sent[];
  received: (Mutable<Reply> | Mutable<WatchEvent>)[];
}

export class Story {
  readonly connections: StoryConnection[] = [];
  readonly txns: Mutable<LoggedTxn>[] = [];
  readonly lives: Mutable<Life>[] = [];
  readonly heard: Map<string, Heard[]> = new Map();
  readonly forwarded: Map<string, Sent> = new Map();
  readonly model: Model = new Model();
  #order = 0;
  #atUs = 0;
  #xid = 0;

  history(): History {
    return this;
  }

  /** Lets time pass. */
  wait(ms: number): void {
    this.#atUs += ms * 1000;
  }

  moment(): Moment {
    this.#atUs += 10;
    return { order: ++this.#order, atUs: this.#atUs };
  }

  get zxid(): number {
    return this.txns.length;
  }

  /** The server starts with what it has. */
  start(): void {
    this.lives.push({
      server: SERVER,
      when: this.moment(),
      recoveredZxid: this.zxid,
      digest: this.model.digestHex(),
      usage: this.model.usage,
      ended: undefined,
    });
  }

  connect(session: string, timeoutMs = 4000): StoryConnection {
    if (!this.model.sessions.has(session)) {
      this.model.createSession(session, timeoutMs);
      this.log(session, 0, { type: OpCode.createSession, timeoutMs });
    }
    const connection = {
      client: "10.0.1.1",
      server: SERVER,
      session,
      timeoutMs,
      opened: this.moment(),
      sent: [],
      received: [],
    };
    this.connections.push(connection);
    this.hear(session);
    return connection;
  }

  hear(session: string): void {
    const there = this.heard.get(session) ?? [];
    this.heard.set(session, [...there, { ...this.moment(), server: SERVER }]);
  }

  send(connection: StoryConnection, op: Op): Sent {
    const record = Buffer.alloc(0);
    const sent: Sent = { kind: "sent", when: this.moment(), xid: ++this.#xid, op, record };
    connection.sent.push(sent);
    this.hear(connection.session);
    return sent;
  }

  /** A create, and its answer. */
  create(connection: StoryConnection, path: string, flags: number = CreateFlag.persistent): Reply {
    const data = Buffer.from("data");
    const sent = this.send(connection, {
      type: OpCode.create2,
      request: { path, data, acl: OPEN, flags },
    });
    return this.created(connection, sent, path, flags);
  }

  /** The txn and the answer of a create that was sent. */
  created(connection: StoryConnection, sent: Sent, path: string, flags: number): Reply {
    const outcome = this.model.write(sent.op, this.requester(connection), this.zxid + 1, 1000);
    const cversion = this.model.nodes.get(parentOf(outcome.path ?? path))?.cversion ?? 0;
    this.log(connection.session, sent.xid, {
      type: OpCode.create2,
      path: outcome.path ?? path,
      data: Buffer.from("data"),
      acl: OPEN,
      ephemeral: flags === CreateFlag.ephemeral || flags === CreateFlag.ephemeralSequential,
      parentCVersion: cversion,
    });
    return this.answer(connection, sent, outcome);
  }

  setData(connection: StoryConnection, path: string): Reply {
    const data = Buffer.from("new");
    const request = { path, data, version: -1 };
    const sent = this.send(connection, { type: OpCode.setData, request });
    const outcome = this.model.write(sent.op, this.requester(connection), this.zxid + 1, 2000);
    const version = outcome.stat?.version ?? 0;
    this.log(connection.session, sent.xid, { type: OpCode.setData, path, data, version });
    return this.answer(connection, sent, outcome);
  }

  getData(connection: StoryConnection, path: string, watch = false): Reply {
    const sent = this.send(connection, { type: OpCode.getData, request: { path, watch } });
    return this.answer(connection, sent, this.model.read(sent.op, this.requester(connection)));
  }

  ping(connection: StoryConnection): Reply {
    return this.answer(connection, this.send(connection, { type: OpCode.ping }), { code: 0 });
  }

  /** A session ends by itself. */
  expire(session: string): void {
    const paths = this.model.closeSession(session, this.zxid + 1);
    this.log(session, 0, { type: OpCode.closeSession, paths });
  }

  event(connection: StoryConnection, type: number, path: string, zxid: number): void {
    connection.received.push({ kind: "event", when: this.moment(), type, path, zxid });
  }

  answer(connection: StoryConnection, sent: Sent, outcome: Outcome): Reply {
    const { code, ...result } = outcome;
    const reply: Mutable<Reply> = {
      kind: "reply",
      when: this.moment(),
      sent,
      xid: sent.xid,
      zxid: this.zxid,
      code,
      result,
    };
    connection.received.push(reply);
    return reply;
  }

  log(session: string, cxid: number, body: TxnBody): void {
    const digest = this.model.digestHex();
    this.txns.push({
      when: this.moment(),
      txn: {
        header: {
          sessionHigh: Number.parseInt(session.slice(0, 8), 16) | 0,
          sessionLow: Number.parseInt(session.slice(8), 16) | 0,
          cxid,
          zxid: this.txns.length + 1,
          timeMs:
            body.type === OpCode.setData || body.type === OpCode.deleteContainer ? 2000 : 1000,
          type: body.type,
        },
        body,
        digest: {
          version: 2,
          digestHigh: Number.parseInt(digest.slice(0, 8), 16) | 0,
          digestLow: Number.parseInt(digest.slice(8), 16) | 0,
        },
      },
    });
  }

  requester({ client, session }: StoryConnection): Requester {
    return { session, auths: new Set([`ip:${client}`]) };
  }
}

/** A Stat with something changed in it. */
export function changedStat(stat: Stat | undefined, changes: Partial<Stat>): Stat {
  if (stat === undefined) throw new Error("there is no stat to change");
  return { ...stat, ...changes };
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}
