// Apache ZooKeeper as a process of its own: the peer that the interop suites measure us against.
// It is where Debian installs it; `npm test` leaves those suites out on a machine without it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

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

export interface ApacheOptions {
  /** Default 500: sessions of a second and up. */
  readonly tickTimeMs?: number;
  /** Java system properties, such as "znode.container.checkIntervalMs". */
  readonly properties?: Readonly<Record<string, string>>;
  /** A data directory to open; without it a new one, which `stop` removes. */
  readonly dataDir?: string;
  /** More lines of zoo.cfg. */
  readonly settings?: Readonly<Record<string, string>>;
}

export class ApacheServer {
  readonly port: number;
  readonly dataDir: string;
  readonly #home: string;
  readonly #properties: readonly string[];
  /** Undefined while it does not run. */
  #process: ChildProcess | undefined;
  #stderr = "";

  private constructor(port: number, home: string, options: ApacheOptions) {
    this.port = port;
    this.#home = home;
    this.dataDir = options.dataDir ?? join(home, "data");
    this.#properties = Object.entries(options.properties ?? {}).map(
      ([key, value]) => `-D${key}=${value}`,
    );
    const settings = {
      dataDir: this.dataDir,
      clientPort: String(port),
      clientPortAddress: "127.0.0.1",
      tickTime: String(options.tickTimeMs ?? 500),
      maxClientCnxns: "0",
      "admin.enableServer": "false",
      "4lw.commands.whitelist": "*",
      ...options.settings,
    };
    mkdirSync(this.dataDir, { recursive: true });
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(join(home, "zoo.cfg"), lines.join(""));
  }

  static async start(options: ApacheOptions = {}): Promise<ApacheServer> {
    const home = mkdtempSync(join(tmpdir(), "quorate-apache-"));
    const server = new ApacheServer(await freePort(), home, options);
    await server.restart();
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts it on the same port and data, and waits until it answers. */
  async restart(): Promise<void> {
    this.#stderr = "";
    const process = spawn(
      "/usr/bin/java",
      [
        "-Xmx256m",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        ...this.#properties,
        "-cp",
        javaClassPath(),
        "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        join(this.#home, "zoo.cfg"),
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    process.stderr.on("data", (bytes: Buffer) => {
      this.#stderr = (this.#stderr + bytes.toString()).slice(-STDERR_KEPT);
    });
    this.#process = process;
    const deadline = performance.now() + START_LIMIT_MS;
    while (!(await fourLetterWord(this.port, "srvr")).includes("Mode:")) {
      if (process.exitCode !== null || performance.now() > deadline) {
        throw new Error(`Apache ZooKeeper did not start: ${this.#stderr}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  word(word: string): Promise<string> {
    return fourLetterWord(this.port, word);
  }

  /** SIGKILL; the data stay. */
  async kill(): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    if (process.exitCode !== null) return;
    const exited = once(process, "exit");
    process.kill("SIGKILL");
    await exited;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#home, { recursive: true, force: true });
  }
}

const STDERR_KEPT = 8192;
const START_LIMIT_MS = 30_000;

/** What a server answers to a four-letter word; "" while nobody answers. */
export async function fourLetterWord(port: number, word: string): Promise<string> {
  const socket = connectSocket({ port, host: "127.0.0.1" });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise<void>((resolve) => {
    socket.on("close", () => resolve());
    socket.on("error", () => resolve());
  });
  socket.write(word);
  await closed;
  return Buffer.concat(chunks).toString();
}

/** A TCP port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
