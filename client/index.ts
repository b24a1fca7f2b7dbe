/** The client's public names (`quorate/client`). */
export type { Claim, ClaimState, HoldOptions, OwnershipPolicy } from "./claims.ts";
export type {
  AclResult,
  ChildrenResult,
  Client,
  ClientEvents,
  CreateResult,
  DataResult,
  Warning,
} from "./client.ts";
export {
  isZooKeeperError,
  type TransactionVerdict,
  ZooKeeperError,
  type ZooKeeperErrorCode,
} from "./errors.ts";
export type { EnsembleProvider } from "./hosts.ts";
export type { Identity, ReadOutcome, ReadRequest } from "./inquiries.ts";
export type {
  Guard,
  Transaction,
  TransactionCreated,
  TransactionCreateOptions,
} from "./multi.ts";
export type {
  CallOptions,
  ClientHost,
  CloseOptions,
  ConnectOptions,
  CreateMode,
  CreateOptions,
  DeleteOptions,
  Logger,
  ReadOptions,
  SetOptions,
} from "./options.ts";
export {
  type Acl,
  type AuthInfo,
  creatorAcl,
  openAcl,
  permissions,
  readAcl,
  type Stat,
} from "./records.ts";
export { connect } from "./shell.ts";
export type { ConnectionState, LossCause, StateEvent } from "./states.ts";
export type { WatchEvent, Watcher, WatchKind, WatchList, WatchOutcome } from "./watches.ts";
