// An ensemble of quorate servers, each in a container with a volume of its own, on a network of
// their own. Its faults are those of machines: killed, frozen, unplugged, heard by nobody, replaced.

import { execFileSync } from "node:child_process";
import {
  GenericContainer,
  Network,
  type StartedNetwork,
  type StartedTestContainer,
  Wait,
} from "testcontainers";
import { fourLetterWord, freePort } from "../tools/server-process.ts";
import { SUPER_DIGEST } from "../tools/tree-dump.ts";
import { until } from "../tools/until.ts";
import { buildImage } from "./image.ts";

const CLIENT_PORT = 2181;
const CONFIG = "/conf/zoo.cfg";
const DATA = "/data";
const LEADER_LIMIT_MS = 60_000;

/** A member through its containers; its volume, its name and its port outside outlast them. */
export class ContainerMember {
  readonly sid: number;
  readonly clientPort: number;
  readonly volume: string;
  /** The others dial it by this. */
  readonly name: string;
  isPaused = false;
  readonly #image: string;
  readonly #network: StartedNetwork;
  readonly #config: string;
  /** Undefined while no container runs. */
  #container: StartedTestContainer | undefined;

  constructor(sid: number, port: number, image: string, network: StartedNetwork, config: string) {
    this.sid = sid;
    this.clientPort = port;
    this.name = memberName(sid);
    this.volume = `quorate-test-${process.pid}-${port}`;
    this.#image = image;
    this.#network = network;
    this.#config = config;
  }

  get address(): string {
    return `127.0.0.1:${this.clientPort}`;
  }

  get isRunning(): boolean {
    return this.#container !== undefined;
  }

  /** Starts a new container on the volume; whether it serves is another question. */
  async startContainer(): Promise<void> {
    this.#container = await new GenericContainer(this.#image)
      .withCommand(["server", CONFIG])
      .withCopyContentToContainer([
        { content: this.#config, target: CONFIG },
        { content: `${this.sid}\n`, target: `${DATA}/myid` },
      ])
      .withNetwork(this.#network)
      .withNetworkAliases(this.name)
      .withExposedPorts({ container: CLIENT_PORT, host: this.clientPort })
      .withBindMounts([{ source: this.volume, target: DATA }])
      .withWaitStrategy(Wait.forLogMessage(/"quorate starts"/))
      .withStartupTimeout(60_000)
      .start();
  }

  /** SIGKILL: nothing in the container hears of it. The container is gone, the volume stays. */
  async killContainer(): Promise<void> {
    const container = this.#running();
    this.#container = undefined;
    docker("kill", "--signal", "KILL", container.getId());
    await container.stop({ remove: true });
  }

  pause(): void {
    docker("pause", this.#running().getId());
    this.isPaused = true;
  }

  resume(): void {
    docker("unpause", this.#running().getId());
    this.isPaused = false;
  }

  /** Pulls the cable to the other members. Clients come another way, and still reach it. */
  unplug(): void {
    docker("network", "disconnect", this.#network.getName(), this.#running().getId());
  }

  plugIn(): void {
    const network = this.#network.getName();
    docker("network", "connect", "--alias", this.name, network, this.#running().getId());
  }

  /** Of the network between the members, as it is now. */
  ipAddress(): string {
    const format = `{{(index .NetworkSettings.Networks "${this.#network.getName()}").IPAddress}}`;
    return docker("inspect", "--format", format, this.#running().getId()).trim();
  }

  /** As `srvr` words it; undefined: it serves nobody. */
  async mode(): Promise<string | undefined> {
    if (!this.isRunning || this.isPaused) return undefined;
    return /^Mode: (.*)$/m.exec(await fourLetterWord(this.clientPort, "srvr"))?.[1];
  }

  /** The end of what it wrote, for the message of a test that fails. */
  logTail(): string {
    const id = this.#container?.getId();
    const log = id === undefined ? "no container" : docker("logs", "--tail", "20", id);
    return `--- server ${this.sid}:\n${log}`;
  }

  async dispose(): Promise<void> {
    if (this.isPaused) this.resume();
    await this.#container?.stop({ remove: true });
    docker("volume", "rm", "--force", this.volume);
  }

  #running(): StartedTestContainer {
    if (this.#container === undefined) throw new Error(`no container of server ${this.sid} runs`);
    return this.#container;
  }
}

export class ContainerEnsemble implements AsyncDisposable {
  readonly members: readonly ContainerMember[];
  readonly #network: StartedNetwork;
  /** Rules of the packet filter that are in force. */
  #drops: string[][] = [];

  private constructor(network: StartedNetwork, members: readonly ContainerMember[]) {
    this.#network = network;
    this.members = members;
  }

  /** Builds the image and starts so many servers on empty volumes; resolves once they serve. */
  static async start(servers: number): Promise<ContainerEnsemble> {
    const image = buildImage();
    const network = await new Network().start();
    const sids = Array.from({ length: servers }, (_, at) => at + 1);
    const members: ContainerMember[] = [];
    for (const sid of sids) {
      members.push(new ContainerMember(sid, await freePort(), image, network, zooCfg(sids)));
    }
    const ensemble = new ContainerEnsemble(network, members);
    try {
      await Promise.all(members.map((each) => each.startContainer()));
      await ensemble.awaitServing();
    } catch (error) {
      await ensemble[Symbol.asyncDispose]();
      throw error;
    }
    return ensemble;
  }

  get clientPorts(): readonly number[] {
    return this.members.map((each) => each.clientPort);
  }

  /** Waits for a leader among these that a majority follows. */
  async awaitLeader(among: readonly ContainerMember[] = this.members): Promise<ContainerMember> {
    let leader: ContainerMember | undefined;
    await this.#until("there is a leader", async () => {
      const modes = await Promise.all(among.map((each) => each.mode()));
      leader = among[modes.indexOf("leader")];
      const followers = modes.filter((each) => each === "follower").length;
      return leader !== undefined && followers + 1 > this.members.length / 2;
    });
    if (leader === undefined) throw new Error("there is no leader");
    return leader;
  }

  /** Waits until everybody serves, under one leader. */
  async awaitServing(): Promise<void> {
    await this.#until("everybody serves", async () => {
      const modes = await Promise.all(this.members.map((each) => each.mode()));
      const followers = modes.filter((each) => each === "follower").length;
      return modes.includes("leader") && followers === this.members.length - 1;
    });
  }

  others(than: ContainerMember): readonly ContainerMember[] {
    return this.members.filter((each) => each !== than);
  }

  /** What `from` sends to `to` is lost on its way, and nothing else. */
  drop(from: ContainerMember, to: ContainerMember): void {
    const rule = ["FORWARD", "-s", from.ipAddress(), "-d", to.ipAddress(), "-j", "DROP"];
    iptables("-I", rule);
    this.#drops.push(rule);
  }

  stopDropping(): void {
    const drops = this.#drops;
    this.#drops = [];
    for (const rule of drops) iptables("-D", rule);
  }

  /** Removes all that it made. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stopDropping();
    await Promise.all(this.members.map((each) => each.dispose()));
    await this.#network.stop();
  }

  async #until(what: string, condition: () => Promise<boolean>): Promise<void> {
    await until(what, condition, LEADER_LIMIT_MS).catch((error: unknown) => {
      const logs = this.members.map((each) => each.logTail());
      throw new Error([String(error), ...logs].join("\n"));
    });
  }
}

function memberName(sid: number): string {
  return `server-${sid}`;
}

function zooCfg(sids: readonly number[]): string {
  const lines = [
    "tickTime=500",
    "initLimit=20",
    "syncLimit=4",
    `dataDir=${DATA}`,
    `clientPort=${CLIENT_PORT}`,
    // A container that is plugged in again may have another address.
    "quorumListenOnAllIPs=true",
    "4lw.commands.whitelist=*",
    "maxClientCnxns=0",
    `DigestAuthenticationProvider.superDigest=${SUPER_DIGEST}`,
    ...sids.map((sid) => `server.${sid}=${memberName(sid)}:2888:3888`),
  ];
  return `${lines.join("\n")}\n`;
}

function docker(...args: string[]): string {
  return execFileSync("docker", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function iptables(action: "-I" | "-D", rule: readonly string[]): void {
  const command = ["iptables", "--wait", action, ...rule];
  const [program = "", ...args] = process.getuid?.() === 0 ? command : ["sudo", "-n", ...command];
  execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
}
