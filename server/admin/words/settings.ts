/** `conf`, `dirs`, `envi`: what the server was told, what it occupies, where it runs. */
import type { AdminSource } from "../source.ts";

/** Fast leader election; the others are gone since 3.6. */
const ELECTION_ALGORITHM = 3;

/** Solr splits every line on "=". The sizes are in the middle, so they are measured first. */
export function* settings(source: AdminSource): Generator<string> {
  const bytes = yield* source.directoryBytes();
  const { settings: s } = source;
  yield `clientPort=${s.clientPort}\n` +
    "secureClientPort=-1\n" +
    `dataDir=${s.snapshotDirectory}\n` +
    `dataDirSize=${bytes.snapshots}\n` +
    `dataLogDir=${s.logDirectory}\n` +
    `dataLogSize=${bytes.logs}\n` +
    `tickTime=${s.tickTimeMs}\n` +
    `maxClientCnxns=${s.maxClientConnections}\n` +
    `minSessionTimeout=${s.minSessionTimeoutMs}\n` +
    `maxSessionTimeout=${s.maxSessionTimeoutMs}\n` +
    `clientPortListenBacklog=${s.clientPortListenBacklog}\n` +
    `serverId=${s.serverId}\n`;
  const { ensemble, mode } = source;
  if (ensemble === undefined) return;
  yield `initLimit=${ensemble.initLimitTicks}\n` +
    `syncLimit=${ensemble.syncLimitTicks}\n` +
    `electionAlg=${ELECTION_ALGORITHM}\n` +
    `electionPort=${ensemble.electionPort}\n` +
    `quorumPort=${ensemble.quorumPort}\n` +
    `peerType=${ensemble.isObserver ? 1 : 0}\n`;
  // The blank and the missing end of the last line are ZooKeeper's.
  if (mode !== "read-only") yield `membership: \n${ensemble.membership}`;
}

export function* directories(source: AdminSource): Generator<string> {
  const { snapshots, logs } = yield* source.directoryBytes();
  yield `datadir_size: ${snapshots}\nlogdir_size: ${logs}\n`;
}

/** No environment variables: they hold secrets. kazoo reads the version out of this. */
export function environment(source: AdminSource): string {
  const machine = source.machine();
  return (
    "Environment:\n" +
    `zookeeper.version=${source.versionText}\n` +
    `quorate.version=${source.quorateVersion}\n` +
    `host.name=${machine.hostName}\n` +
    `node.version=${machine.nodeVersion}\n` +
    `os.name=${machine.osName}\n` +
    `os.arch=${machine.osArchitecture}\n` +
    `os.version=${machine.osVersion}\n` +
    `user.name=${machine.userName}\n` +
    `user.home=${machine.userHome}\n` +
    `user.dir=${machine.workingDirectory}\n` +
    `os.memory.free=${megabytes(machine.freeBytes)}\n` +
    `os.memory.max=${megabytes(machine.maxBytes)}\n` +
    `os.memory.total=${megabytes(machine.totalBytes)}\n`
  );
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 0x10_0000)}MB`;
}
