/**
 * Creating a znode: parents when they turn out to be missing, and the protected create, which
 * survives a lost answer (recipes A.7, A.9).
 *
 * A protected znode has a name that nobody else can give. When the answer to its create is lost,
 * the same session looks for the name, behind a barrier: the server we then talk to is only known
 * to have what we saw, and a create that is committed but not applied there would be missed and
 * repeated. Another session never adopts the znode of an older one: it is about to vanish.
 */
import { baseName, parentPath } from "../protocol/paths.ts";
import type { Budget, Calls, Issued } from "./calls.ts";
import type { CreateResult } from "./client.ts";
import type { Deletes } from "./deletes.ts";
import { isZooKeeperError, ZooKeeperError } from "./errors.ts";
import type { SessionIdentity } from "./identity.ts";
import * as operations from "./operations.ts";
import type { CreateMode, CreateOptions } from "./options.ts";
import type { Acl } from "./records.ts";

/** A container may be reaped between the creation of the parent and ours; not for ever. */
const PARENT_ROUNDS_MAX = 10;

/** What Curator puts before a protected name, and recognises. */
const PROTECTED_PREFIX = "_c_";

interface Plan {
  readonly mode: CreateMode;
  readonly data: Uint8Array | null;
  readonly acl: readonly Acl[];
  readonly ttlMs: number;
  readonly parents: "container" | "persistent" | false;
  readonly budget: Budget;
}

/** A create that was sent and not answered. */
interface Ghost {
  readonly guid: string;
  readonly sentIn: SessionIdentity;
}

type Created = { readonly path: string; readonly stat: CreateResult["stat"] };

export class Creator {
  readonly #calls: Calls;
  readonly #deletes: Deletes;
  readonly #acl: readonly Acl[];
  /** The session whose server does not know containers: it is not asked again (CL-51). */
  #withoutContainers: SessionIdentity | undefined;

  constructor(calls: Calls, deletes: Deletes, acl: readonly Acl[]) {
    this.#calls = calls;
    this.#deletes = deletes;
    this.#acl = acl;
  }

  async create(
    path: string,
    data: Uint8Array | null,
    options: CreateOptions,
  ): Promise<CreateResult> {
    options.signal?.throwIfAborted();
    const plan: Plan = {
      mode: options.mode ?? "persistent",
      data,
      acl: options.acl ?? this.#acl,
      ttlMs: options.ttlMs ?? 0,
      parents: options.parents ?? false,
      budget: this.#calls.budget(options),
    };
    if (options.protect === true) return this.#createProtected(path, plan);
    const { answer, request } = await this.#createOnce(path, plan);
    return this.#result(answer, request);
  }

  async #createProtected(path: string, plan: Plan): Promise<CreateResult> {
    let guid = this.#calls.uuid();
    let ghost: Ghost | undefined;
    try {
      for (;;) {
        const attempt = await this.#attempt(protectedPath(path, guid), plan);
        if ("created" in attempt) return attempt.created;
        if (attempt.sentIn === undefined) continue; // no byte was written: nothing to look for
        ghost = { guid, sentIn: attempt.sentIn };
        const found = await this.#find(path, ghost, plan);
        if (found !== undefined) return found;
        if (this.#calls.session.identity?.id !== ghost.sentIn.id) {
          this.#exorcise(path, ghost, plan);
          guid = this.#calls.uuid();
        }
        ghost = undefined;
      }
    } catch (error) {
      if (ghost !== undefined) this.#exorcise(path, ghost, plan);
      throw error;
    }
  }

  /** One create; where its answer was lost, the session it was sent in instead of a result. */
  async #attempt(
    path: string,
    plan: Plan,
  ): Promise<{ created: CreateResult } | { sentIn: SessionIdentity | undefined }> {
    const { answer, request } = await this.#createOnce(path, plan);
    try {
      return { created: await this.#result(answer, request) };
    } catch (error) {
      const sentIn = request?.isAnswered === true ? undefined : request?.sentIn;
      if (isZooKeeperError(error, "ConnectionLoss", "SessionExpired")) return { sentIn };
      // The caller left, or the time is over: whatever it made must go.
      if (sentIn !== undefined) this.#exorcise(path, { guid: guidOf(path), sentIn }, plan);
      throw error;
    }
  }

  /** Looks for the znode of a lost answer. Undefined: it is not there and never will be. */
  async #find(path: string, ghost: Ghost, plan: Plan): Promise<CreateResult | undefined> {
    const parent = parentPath(path);
    const { ephemeral } = operations.CREATES[plan.mode];
    for (;;) {
      try {
        await this.#calls.barrier(parent, plan.budget);
        const name = await this.#findName(parent, ghost.guid, plan.budget);
        if (name === undefined) return undefined;
        const found = parent === "/" ? `/${name}` : `${parent}/${name}`;
        const request = { path: this.#calls.serverPath(found), watch: false };
        const stat = await this.#calls.call(operations.exists, request, found, plan.budget);
        const ours = !ephemeral || stat.ephemeralOwner === this.#calls.session.identity?.id;
        if (!ours) return undefined;
        return { path: found, stat, sessionId: ghost.sentIn.id };
      } catch (error) {
        if (isZooKeeperError(error, "NoNode")) return undefined;
        // The next connection may be another session's: that is seen when its barrier returns.
        if (!isZooKeeperError(error, "ConnectionLoss", "SessionExpired")) throw error;
      }
    }
  }

  async #findName(parent: string, guid: string, budget: Budget): Promise<string | undefined> {
    const request = { path: this.#calls.serverPath(parent), watch: false };
    const { children } = await this.#calls.call(operations.getChildren, request, parent, budget);
    return children.find((child) => child.startsWith(protectionOf(guid)));
  }

  /** Sees to it, in the background, that an unanswered create leaves nothing behind. */
  #exorcise(path: string, ghost: Ghost, plan: Plan): void {
    const { ephemeral } = operations.CREATES[plan.mode];
    const owner = ephemeral ? ghost.sentIn.id : undefined;
    this.#deletes.findAndDelete(parentPath(path), protectionOf(ghost.guid), owner);
  }

  /** Sends one create, and the parents first where they are found missing. */
  async #createOnce(path: string, plan: Plan): Promise<Issued<Created>> {
    for (let round = 0; ; round++) {
      const issued = this.#issue(path, plan);
      if (plan.parents === false || round === PARENT_ROUNDS_MAX) return issued;
      try {
        await issued.answer;
        return issued;
      } catch (error) {
        if (!isZooKeeperError(error, "NoNode")) return issued;
      }
      await this.#createParents(parentPath(path), plan);
    }
  }

  /**
   * Creates upwards until something is there, then downwards. It reads nothing: an ancestor may
   * be ours to create under and not ours to read.
   */
  async #createParents(path: string, plan: Plan): Promise<void> {
    if (path === "/") return;
    const missing = [path];
    for (let next = missing.at(-1); next !== undefined; next = missing.at(-1)) {
      try {
        await this.#createParent(next, plan);
        missing.pop();
      } catch (error) {
        if (isZooKeeperError(error, "NodeExists")) missing.pop();
        else if (isZooKeeperError(error, "NoNode") && next !== "/") missing.push(parentPath(next));
        else if (!isZooKeeperError(error, "ConnectionLoss")) throw error;
      }
    }
  }

  async #createParent(path: string, plan: Plan): Promise<void> {
    const { session } = this.#calls;
    const plain = plan.parents === "persistent" || this.#withoutContainers === session.identity;
    const mode = plain ? "persistent" : "container";
    const parent: Plan = { ...plan, mode, data: Buffer.alloc(0) };
    const { answer, request } = this.#issue(path, parent);
    try {
      await answer;
    } catch (error) {
      if (plain || !isZooKeeperError(error, "Unimplemented")) throw error;
      this.#withoutContainers = request?.sentIn;
      await this.#createParent(path, plan);
    }
  }

  #issue(path: string, plan: Plan): Issued<Created> {
    const { operation, flags, sequential } = operations.CREATES[plan.mode];
    const request = {
      path: createPath(this.#calls, path, sequential),
      data: plan.data === null ? null : asBuffer(plan.data),
      acl: plan.acl.map(operations.wireAcl),
      flags,
      ttlMs: plan.ttlMs,
    };
    return this.#calls.issue(operation, request, path, plan.budget);
  }

  async #result(
    answer: Promise<Created>,
    request: Issued<Created>["request"],
  ): Promise<CreateResult> {
    const { path, stat } = await answer;
    const sessionId = request?.sentIn?.id;
    if (sessionId === undefined) throw new ZooKeeperError("InvalidState", { path });
    return { path: this.#calls.clientPath(path), stat, sessionId };
  }
}

/** A sequential name may be nothing but its number: then the path ends with a slash. */
export function createPath(calls: Calls, path: string, sequential: boolean): string {
  return sequential ? calls.serverPath(`${path}0`).slice(0, -1) : calls.serverPath(path);
}

/** Whether a path has a name that nobody else can give, and that is never given again. */
export function isProtected(path: string): boolean {
  return PROTECTED_NAME.test(baseName(path));
}

const PROTECTED_NAME = /^_c_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-/;

/** Characters of a guid. */
const GUID_LENGTH = 36;

function protectionOf(guid: string): string {
  return `${PROTECTED_PREFIX}${guid}-`;
}

function protectedPath(path: string, guid: string): string {
  const at = path.lastIndexOf("/") + 1;
  return path.slice(0, at) + protectionOf(guid) + path.slice(at);
}

function guidOf(path: string): string {
  const start = path.lastIndexOf("/") + 1 + PROTECTED_PREFIX.length;
  return path.slice(start, start + GUID_LENGTH);
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
