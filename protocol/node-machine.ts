/** What the real machine and this process are called. */
import { arch, homedir, hostname, release, type, userInfo } from "node:os";
import { getHeapStatistics } from "node:v8";
import type { MachineDescription } from "./host.ts";

export function describeMachine(): MachineDescription {
  const heap = getHeapStatistics();
  return {
    hostName: hostname(),
    nodeVersion: process.versions.node,
    osName: type(),
    osArchitecture: arch(),
    osVersion: release(),
    userName: userName(),
    userHome: homedir(),
    workingDirectory: process.cwd(),
    freeBytes: heap.total_heap_size - heap.used_heap_size,
    totalBytes: heap.total_heap_size,
    maxBytes: heap.heap_size_limit,
  };
}

/** A container's user often has a number and no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    if (error instanceof Error && "code" in error) return "?";
    throw error;
  }
}
