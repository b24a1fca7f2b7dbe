/**
 * Who we say we are. Tools switch features on by the ZooKeeper version they read, and the
 * build date's order of day and month decides whether go-zookeeper reads `srvr` at all.
 */

/** The version of this package; a test holds it equal to package.json's. */
export const QUORATE_VERSION = "0.1.0";

/** The ZooKeeper whose behaviour this release follows. */
const ZOOKEEPER_VERSION = "3.9.4";

/** When this version was made, UTC. */
const RELEASED = { year: "2026", month: "11", day: "22", time: "18:00" } as const;

/** As `srvr`, `stat` and `mntr` print it. */
export const VERSION_TEXT: string =
  `${ZOOKEEPER_VERSION}-quorate-${QUORATE_VERSION}, ` +
  `built on ${RELEASED.month}/${RELEASED.day}/${RELEASED.year} ${RELEASED.time} UTC`;

/** As `quorate version` prints it. */
export const VERSION_LINE: string =
  `quorate, version ${QUORATE_VERSION} (ZooKeeper ${ZOOKEEPER_VERSION} compatible) ` +
  `${RELEASED.year}-${RELEASED.month}-${RELEASED.day} ${RELEASED.time} UTC`;
