/** Numbers of requests and of txns, as on the wire (zookeeper 3.9, ZooDefs.OpCode). */
export const OpCode = {
  notification: 0,
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getACL: 6,
  setACL: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  deleteContainer: 20,
  createTTL: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  createSession: -10,
  closeSession: -11,
  /** A txn type only: the record of a write that failed. */
  error: -1,
} as const;

/** Reserved values of a header's xid. */
export const Xid = {
  notification: -1,
  ping: -2,
  auth: -4,
  /** The C client's; others send setWatches with an ordinary xid. */
  setWatches: -8,
} as const;

/** Kinds of znode that a create asks for: an enumeration, not a bit mask. */
export const CreateFlag = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
  persistentWithTtl: 5,
  persistentSequentialWithTtl: 6,
} as const;

/** Bits of an ACL entry's permissions. */
export const Perm = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

/** Types of watch event that a server sends. */
export const EventType = {
  none: -1,
  nodeCreated: 1,
  nodeDeleted: 2,
  nodeDataChanged: 3,
  nodeChildrenChanged: 4,
} as const;

/** The only keeper state that a server puts into an event. */
export const SYNC_CONNECTED = 3;

/** What removeWatches and checkWatches name. */
export const WatcherType = {
  children: 1,
  data: 2,
  any: 3,
  persistent: 4,
  persistentRecursive: 5,
} as const;

/** What addWatch sets: a watch that stays, on a znode or on all that is below it as well. */
export const AddWatchMode = { persistent: 0, persistentRecursive: 1 } as const;
