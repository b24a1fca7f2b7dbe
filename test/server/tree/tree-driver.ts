/** Applies hand-made txns to a tree, one zxid after the other, with the versions that fit. */
import type { ACL } from "../../../protocol/data.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { parentPath } from "../../../protocol/paths.ts";
import type { TxnBody } from "../../../protocol/txn.ts";
import type { ApplyMode } from "../../../server/tree/apply.ts";
import type { DataTree } from "../../../server/tree/data-tree.ts";
import { txnBytes } from "./history.ts";

export const SESSION_HIGH = 0x0100_0000;
export const SESSION_LOW = 7;
/** The time of the txn with zxid 0. */
export const START_MS = 1_700_000_000_000;

export function worldAcl(perms: number): ACL[] {
  return [{ perms, id: { scheme: "world", id: "anyone" } }];
}

export class TreeDriver {
  readonly tree: DataTree;
  zxid = 0;

  constructor(tree: DataTree) {
    this.tree = tree;
  }

  create(path: string, perms = 31): void {
    this.apply(this.createBody(path, perms));
  }

  createBody(path: string, perms = 31, ephemeral = false): TxnBody {
    const parentCVersion = this.tree.cversion(this.tree.findText(parentPath(path))) + 1;
    const acl = worldAcl(perms);
    return { type: OpCode.create, path, data: null, acl, ephemeral, parentCVersion };
  }

  createEphemeral(path: string): void {
    this.apply(this.createBody(path, 31, true));
  }

  delete(path: string): void {
    this.apply({ type: OpCode.delete, path });
  }

  setData(path: string, data: string): void {
    const version = this.tree.version(this.tree.findText(path)) + 1;
    this.apply({ type: OpCode.setData, path, data: Buffer.from(data), version });
  }

  setAcl(path: string, perms: number): void {
    const version = this.tree.aversion(this.tree.findText(path)) + 1;
    this.apply({ type: OpCode.setACL, path, acl: worldAcl(perms), version });
  }

  multi(txns: readonly TxnBody[]): void {
    this.apply({ type: OpCode.multi, txns });
  }

  error(err: number): void {
    this.apply({ type: OpCode.error, err });
  }

  closeSession(paths: readonly string[] | undefined): void {
    this.apply({ type: OpCode.closeSession, paths });
  }

  /** @param zxid The next one unless given. */
  apply(body: TxnBody, mode: ApplyMode = "live", zxid: number = this.zxid + 1): void {
    this.zxid = Math.max(this.zxid, zxid);
    const header = {
      sessionHigh: SESSION_HIGH,
      sessionLow: SESSION_LOW,
      cxid: 1,
      zxid,
      timeMs: START_MS + zxid,
      type: body.type,
    };
    const bytes = txnBytes({ header, body, digest: undefined });
    this.tree.apply(bytes, 0, bytes.length, mode);
  }
}
