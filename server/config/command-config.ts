/**
 * The settings that a command was given: a file, or ZooKeeper's positional form, and what the
 * environment adds. Here and in `main.ts` alone the process's environment is read.
 */
import type { Disk } from "../../protocol/host.ts";
import {
  type CommandLineSetting,
  type ConfigReading,
  type ConfigSources,
  readConfig,
} from "./config-file.ts";

export interface ConfigArguments {
  /** A path, or `<port> <dataDir> [tickTime] [maxClientCnxns]`. */
  readonly positional: readonly string[];
  /** `--set key=value`, in order. */
  readonly settings: readonly CommandLineSetting[];
}

/** No `zoo.cfg` is nearly as large. */
const FILE_MAX_BYTES = 4 * 1024 * 1024;

const POSITIONS = ["clientPort", "dataDir", "tickTime", "maxClientCnxns"] as const;

/** Reads the file that is named, if one is. Everything wrong is among the problems. */
export function readCommandConfig(disk: Disk, given: ConfigArguments): ConfigReading {
  const [name = ""] = given.positional;
  if (given.positional.length > 1) {
    const file = { name: "arguments", bytes: new Uint8Array(0) };
    const assignments = [...positionalSettings(given.positional), ...given.settings];
    return readConfig(sources(disk, file, assignments));
  }
  const bytes = readWhole(disk, name);
  if (typeof bytes !== "string") return readConfig(sources(disk, { name, bytes }, given.settings));
  return {
    config: undefined,
    problems: [{ severity: "error", place: name, message: bytes }],
  };
}

/** Differs from the file: connections are not limited, as in ZooKeeper. */
function positionalSettings(values: readonly string[]): CommandLineSetting[] {
  return POSITIONS.flatMap((key, index) => {
    const value = values[index] ?? (key === "maxClientCnxns" ? "0" : undefined);
    return value === undefined ? [] : [{ key, value, place: "arguments" }];
  });
}

function sources(
  disk: Disk,
  file: ConfigSources["file"],
  assignments: readonly CommandLineSetting[],
): ConfigSources {
  const { env } = process;
  return {
    assignments,
    file,
    javaFlags: `${env["JVMFLAGS"] ?? ""} ${env["SERVER_JVMFLAGS"] ?? ""}`,
    environment: env,
    open: (path) => readWhole(disk, path),
  };
}

/** The file's bytes, or the sentence that says why there are none. */
function readWhole(disk: Disk, path: string): Uint8Array | string {
  try {
    const found = disk.stat(path);
    if (found === undefined) return "there is no such file";
    if (found.isDirectory) return "this is a directory";
    const file = disk.openNow(path, "read");
    try {
      const bytes = new Uint8Array(Math.min(file.size(), FILE_MAX_BYTES + 1));
      if (bytes.length > FILE_MAX_BYTES) return `larger than ${FILE_MAX_BYTES} bytes`;
      return bytes.subarray(0, file.readNow(bytes, 0));
    } finally {
      file.closeNow();
    }
  } catch (error) {
    if (error instanceof Error && "code" in error) return `cannot be read: ${error.message}`;
    throw error;
  }
}
