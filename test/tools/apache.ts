// Apache ZooKeeper as a process of its own: the peer that the interop suites measure us against.
// It is where Debian installs it; `npm test` leaves those suites out on a machine without it.

import { freePort, ServerProcess, type ServerProcessOptions } from "./server-process.ts";

export { fourLetterWord, freePort } from "./server-process.ts";

const JARS = "/usr/share/java";

/** A class path with these jars, by their names without ".jar"; the server's own come first. */
export function javaClassPath(...jars: string[]): string {
  return [...SERVER_JARS, ...jars].map((jar) => `${JARS}/${jar}.jar`).join(":");
}

const SERVER_JARS = [
  "zookeeper",
  "zookeeper-jute",
  "slf4j-api",
  "slf4j-simple",
  "netty-all",
  "commons-cli",
  "metrics-core",
  "snappy-java",
  "jackson-core",
];

export interface ApacheOptions extends ServerProcessOptions {
  /** Java system properties, such as "znode.container.checkIntervalMs". */
  readonly properties?: Readonly<Record<string, string>>;
}

export class ApacheServer extends ServerProcess {
  static async start(options: ApacheOptions = {}): Promise<ApacheServer> {
    const properties = Object.entries(options.properties ?? {});
    const server = new ApacheServer(
      await freePort(),
      (configFile) => [
        "/usr/bin/java",
        "-Xmx256m",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        ...properties.map(([key, value]) => `-D${key}=${value}`),
        "-cp",
        javaClassPath(),
        "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        configFile,
      ],
      options,
    );
    await server.restart();
    return server;
  }
}
