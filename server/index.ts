/**
 * A server inside a program of one's own: `quorate server zoo.cfg` is the same with a process
 * around it.
 */
export { nodeHost } from "../protocol/node-host.ts";
export { defaultConfig, type ServerConfig } from "./config/config.ts";
export type { Logger } from "./log.ts";
export { Server } from "./server.ts";
export type { ServerEvents, ServerFailure } from "./server-face.ts";
export type { SnapshotReport } from "./storage/snapshot-writer.ts";
