/**
 * A server as a process: its settings, its lock on the data directory, its signals, and the exit
 * code that says to a supervisor how it ended.
 *
 *     0 stopped in good order           3 data directory missing, not usable, or in use
 *     1 something unexpected            10 storage failed, or holds what cannot be right
 *     2 wrong settings or arguments     143 a second signal cut the stop short
 *
 * @see operations 1.2, 1.3, 9.4
 */
import { AssertionError } from "../protocol/assert.ts";
import type { Host } from "../protocol/host.ts";
import { nodeHost } from "../protocol/node-host.ts";
import { DirectoryInUseError, lockDirectory } from "../protocol/node-lock.ts";
import { type ConfigArguments, readCommandConfig } from "./config/command-config.ts";
import type { ServerConfig } from "./config/config.ts";
import { type ConfigProblem, problemsText } from "./config/problems.ts";
import { type Logger, openLog } from "./log.ts";
import { Server } from "./server.ts";
import { ExitCode } from "./server-face.ts";
import { makeDirectoryDurably } from "./storage/directories.ts";
import { VERSION_TEXT } from "./version.ts";

const FORCED = 143;

/** What an orderly stop may take: half of what Kubernetes grants before it kills. */
const STOP_LIMIT_MS = 15_000;
/** How often an unsafe setting is told again. */
const UNSAFE_REMINDER_MS = 3_600_000;

/** Runs a server until a signal or a failure ends the process. */
export function runServer(given: ConfigArguments): void {
  const host = nodeHost();
  const { config, problems } = readCommandConfig(host.disk, given);
  const log = openLog(config?.logLevel ?? "info");
  for (const problem of problems) logProblem(log, problem);
  if (config === undefined) {
    process.stderr.write(`${problemsText(problems)}Invalid config, exiting abnormally\n`);
    endProcess(ExitCode.config);
    return;
  }
  new ServerProcess(host, config, log).start(given.positional[0] ?? "");
}

/** Tells everything that is wrong with the settings, and starts nothing. */
export function checkConfig(given: ConfigArguments): void {
  const { config, problems } = readCommandConfig(nodeHost().disk, given);
  process.stdout.write(problemsText(problems));
  if (config === undefined) process.exitCode = ExitCode.config;
}

class ServerProcess {
  readonly #host: Host;
  readonly #config: ServerConfig;
  readonly #log: Logger;
  #server: Server | undefined;
  #stopping = false;

  constructor(host: Host, config: ServerConfig, log: Logger) {
    this.#host = host;
    this.#config = config;
    this.#log = log;
  }

  start(configName: string): void {
    process.on("uncaughtException", (error) => {
      this.#unexpected(error);
    });
    const { dataDir } = this.#config;
    this.#log.info(
      { version: VERSION_TEXT, node: process.version, config: configName, dataDir },
      "quorate starts",
    );
    if (!this.#takeDataDirectory()) return;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        this.#stop(signal);
      });
    }
    process.on("SIGHUP", () => {
      this.#log.warn({}, "SIGHUP changes nothing: settings are read at the start only");
    });
    try {
      this.#server = this.#open();
    } catch (error) {
      this.#unexpected(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #open(): Server {
    return new Server(this.#host, this.#config, this.#log, {
      ready: () => {
        this.#remindOfUnsafeSettings();
      },
      stopped: () => {
        this.#log.info({}, "stopped");
        endProcess(0);
      },
      failed: ({ exitCode, message }) => {
        this.#fail(exitCode, message);
      },
    });
  }

  /** The lock is given back when the process ends, whichever way; a killed one leaves it stale. */
  #takeDataDirectory(): boolean {
    const { dataDir, dataDirAutocreate } = this.#config;
    const { disk } = this.#host;
    try {
      if (dataDirAutocreate) makeDirectoryDurably(disk, dataDir);
      const release = lockDirectory(dataDir);
      process.on("exit", release);
      return true;
    } catch (error) {
      const isMachines = error instanceof Error && "code" in error;
      if (!isMachines && !(error instanceof DirectoryInUseError)) throw error;
      this.#fail(ExitCode.dataDirectory, `dataDir ${dataDir} cannot be used: ${error.message}`);
      return false;
    }
  }

  #stop(signal: string): void {
    if (this.#stopping) {
      this.#log.warn({ signal }, "a second signal: the stop is cut short");
      endProcess(FORCED);
      return;
    }
    this.#stopping = true;
    this.#log.info({ signal }, "stopping: replies on their way leave, sessions stay");
    this.#host.clock.after(STOP_LIMIT_MS, () => {
      this.#fail(ExitCode.unexpected, `the stop took longer than ${STOP_LIMIT_MS} ms`);
    });
    this.#server?.stop();
  }

  /** The reader of the settings has told it once, at the start. */
  #remindOfUnsafeSettings(): void {
    const { forceSync, skipAcl } = this.#config;
    if (forceSync && !skipAcl) return;
    this.#host.clock.after(UNSAFE_REMINDER_MS, () => {
      if (!forceSync) this.#log.warn({}, "forceSync=no: a power cut loses acknowledged writes");
      if (skipAcl) this.#log.warn({}, "skipACL=yes: every client may do everything");
      this.#remindOfUnsafeSettings();
    });
  }

  #unexpected(error: Error): void {
    this.#log.error({ err: error }, "unexpected error");
    this.#fail(
      ExitCode.unexpected,
      error instanceof AssertionError
        ? `the server found itself in a state that cannot be: ${error.message}`
        : `unexpected error: ${error.message}`,
    );
  }

  #fail(exitCode: number, message: string): void {
    this.#log.error({ exitCode }, message);
    process.stderr.write(`quorate: ${message}\n`);
    endProcess(exitCode);
  }
}

function logProblem(log: Logger, problem: ConfigProblem): void {
  const { place, severity, message } = problem;
  if (severity === "error") log.error({ place }, message);
  else log.warn({ place }, message);
}

/**
 * At once: a server that failed must not answer anything more, and one that stopped must not wait
 * for a client that never closes its side. What was logged has been written.
 */
function endProcess(exitCode: number): void {
  // oxlint-disable-next-line unicorn/no-process-exit -- the one place where the process ends
  process.exit(exitCode);
}
