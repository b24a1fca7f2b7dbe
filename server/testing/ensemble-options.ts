/** How an ensemble for tests is asked for, and what each of its servers is told. */
import { type Member, makeEnsemble } from "../../protocol/ensemble.ts";
import { defaultConfig, type ServerConfig } from "../config/config.ts";
import { ensembleSettings } from "../config/ensemble.ts";
import type { Logger } from "../log.ts";

export interface TestEnsembleOptions {
  /** Servers that vote, numbered from 1. 1 stands alone. Default: 3. */
  readonly servers?: number | undefined;
  /** Servers that do not, numbered after them. Default: 0. */
  readonly observers?: number | undefined;
  /** What the servers draw, and what a power cut loses. Default: any. */
  readonly seed?: number | undefined;
  /**
   * The unit of time. A session lasts at least 2 ticks; a leader that nobody hears from for 10 is
   * given up, and who hears no leader for 12 closes its clients. Default: 100.
   */
  readonly tickTimeMs?: number | undefined;
  /** Settings that all servers share; `zoo.cfg` has most of them under other names. */
  readonly config?: Partial<Omit<ServerConfig, "ensemble" | "dataDir" | "dataLogDir">> | undefined;
  /** What the servers have to say. Default: nobody hears it. */
  readonly logger?: Logger | undefined;
}

/** The ports of one server. */
export interface TestPorts {
  readonly clientPort: number;
  readonly quorumPort: number;
  readonly electionPort: number;
}

export const TEST_ADDRESS = "127.0.0.1";
/** On a disk of its own, in memory. */
const DATA_DIR = "/data";
const TICK_TIME_MS = 100;
const INIT_LIMIT_TICKS = 20;
const SYNC_LIMIT_TICKS = 10;
/** A leader that was elected and cannot be reached is given up after this. */
const CONNECT_LIMIT_TICKS = 10;
/** Who looks for a leader asks the others again at least so often, also after a partition. */
const NOTIFICATION_TICKS = 5;
const SESSION_TIMEOUT_MAX_MS = 300_000;
const PRE_ALLOC_BYTES = 0x1_0000;

/** The settings of every server, by its number; those up to `servers` vote. */
export function testConfigs(
  options: TestEnsembleOptions,
  servers: number,
  ports: readonly TestPorts[],
): ReadonlyMap<number, ServerConfig> {
  const members = ports.map((each, at) => testMember(at + 1, at < servers, each));
  const tickTimeMs = options.tickTimeMs ?? TICK_TIME_MS;
  const config = makeEnsemble(0, members);
  if (typeof config === "string") throw new Error(config);
  return new Map(
    ports.map(({ clientPort }, at) => [
      at + 1,
      {
        ...defaultConfig(DATA_DIR, clientPort, tickTimeMs),
        clientPortAddress: TEST_ADDRESS,
        maxClientConnections: 0,
        maxSessionTimeoutMs: SESSION_TIMEOUT_MAX_MS,
        preAllocBytes: PRE_ALLOC_BYTES,
        fourLetterWords: "*",
        ...options.config,
        ensemble:
          ports.length === 1
            ? undefined
            : ensembleSettings(at + 1, config, INIT_LIMIT_TICKS, SYNC_LIMIT_TICKS, {
                connectLimitTicks: CONNECT_LIMIT_TICKS,
                minNotificationMs: tickTimeMs,
                maxNotificationMs: NOTIFICATION_TICKS * tickTimeMs,
              }),
      },
    ]),
  );
}

function testMember(sid: number, votes: boolean, ports: TestPorts): Member {
  const { clientPort, quorumPort, electionPort } = ports;
  return {
    sid,
    role: votes ? "participant" : "observer",
    addresses: [{ host: TEST_ADDRESS, quorumPort, electionPort }],
    client: { host: TEST_ADDRESS, port: clientPort },
  };
}
