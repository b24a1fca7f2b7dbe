// A quorate server in a container, its data on a volume of its own. The port outside stays the
// same from one container to the next, so that clients find the server again.

import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";
import { buildImage } from "./image.ts";

const CLIENT_PORT = 2181;

export class ContainerServer implements AsyncDisposable {
  readonly volume: string;
  readonly #image: string;
  readonly #port: number;
  /** Undefined while no container runs. */
  #container: StartedTestContainer | undefined;

  private constructor(image: string, port: number) {
    this.#image = image;
    this.#port = port;
    this.volume = `quorate-test-${process.pid}-${port}`;
  }

  /** Builds the image and starts the first container on an empty volume. */
  static async start(): Promise<ContainerServer> {
    const server = new ContainerServer(buildImage(), await freePort());
    await server.startContainer();
    return server;
  }

  /** What to pass to `connect`. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Starts a new container on the volume and waits until the server serves. */
  async startContainer(): Promise<void> {
    this.#container = await new GenericContainer(this.#image)
      .withExposedPorts({ container: CLIENT_PORT, host: this.#port })
      .withBindMounts([{ source: this.volume, target: "/data" }])
      .withWaitStrategy(Wait.forLogMessage(/"serving/))
      .withStartupTimeout(60_000)
      .start();
  }

  /** SIGKILL: nothing in the container hears of it. The container is gone, the volume stays. */
  async killContainer(): Promise<void> {
    const container = this.#container;
    if (container === undefined) throw new Error("no container runs");
    this.#container = undefined;
    execFileSync("docker", ["kill", "--signal", "KILL", container.getId()], { stdio: "ignore" });
    await container.stop({ remove: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#container?.stop({ remove: true });
    execFileSync("docker", ["volume", "rm", "--force", this.volume], { stdio: "ignore" });
  }
}

/** A port that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === "string") reject(new Error("no TCP address"));
        else resolve(address.port);
      });
    });
  });
}
