/**
 * `quorate/testing`: an ensemble in the process of a test, on real sockets, for whatever talks to
 * ZooKeeper (`startEnsemble`); and simulated machines for tests that must not depend on the real
 * one: a `World` has one seed, its hosts run servers and clients in virtual time, under faults on
 * demand.
 */
export type { TestEnsembleOptions } from "./ensemble-options.ts";
export { EventKind } from "./event-queue.ts";
export { SimError } from "./sim-error.ts";
export type { SimHost } from "./sim-host.ts";
export { SimRandom } from "./sim-random.ts";
export {
  type PartitionOptions,
  type SessionOwner,
  startEnsemble,
  type TestEnsemble,
} from "./test-ensemble.ts";
export type { TestServerState } from "./test-server.ts";
export { TraceHash } from "./trace-hash.ts";
export { World } from "./world.ts";
