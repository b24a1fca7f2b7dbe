/**
 * `quorate/testing`: simulated machines for tests that must not depend on the real one. A `World`
 * has one seed; its hosts run servers and clients in virtual time, under faults on demand.
 */
export { EventKind } from "./event-queue.ts";
export { SimError } from "./sim-error.ts";
export type { SimHost } from "./sim-host.ts";
export { SimRandom } from "./sim-random.ts";
export { TraceHash } from "./trace-hash.ts";
export { World } from "./world.ts";
