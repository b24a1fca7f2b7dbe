// The programs of others that some suites talk to. A test file says in its header which it needs,
// `// needs: apache, strace`; `npm test` leaves it out where one is missing, and says so.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { installNativeClient } from "./native-client.ts";

export interface Engine {
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** How to get it on Debian. */
  readonly install: string;
  readonly isThere: () => boolean;
}

const JARS = "/usr/share/java";

export const ENGINES: readonly Engine[] = [
  {
    name: "apache",
    title: "Apache ZooKeeper",
    install: "apt-get install zookeeper default-jre-headless",
    isThere: () => existsSync(`${JARS}/zookeeper.jar`) && runs("java", "-version"),
  },
  {
    name: "curator",
    title: "Apache Curator and a Java compiler",
    install: "apt-get install libcurator-recipes-java default-jdk-headless",
    isThere: () => existsSync(`${JARS}/curator-recipes.jar`) && runs("javac", "-version"),
  },
  {
    name: "javac",
    title: "a Java compiler",
    install: "apt-get install default-jdk-headless",
    isThere: () => runs("javac", "-version"),
  },
  {
    name: "kazoo",
    title: "kazoo",
    install: "apt-get install python3-kazoo",
    isThere: () => runs("/usr/bin/python3", "-c", "import kazoo"),
  },
  {
    name: "c-client",
    title: "ZooKeeper's C client and a C compiler",
    install: "apt-get install libzookeeper-mt-dev gcc libc6-dev",
    isThere: () => existsSync("/usr/include/zookeeper/zookeeper.h") && runs("gcc", "--version"),
  },
  {
    name: "npm-zookeeper",
    title: "zookeeper from npm, compiled",
    install: "apt-get install g++ make python3, and a way to npm's registry",
    isThere: installNativeClient,
  },
  {
    name: "strace",
    title: "strace",
    install: "apt-get install strace",
    isThere: () => runs("strace", "-V"),
  },
  {
    name: "docker",
    title: "a Docker engine",
    install: "apt-get install docker.io, then start dockerd",
    isThere: () => runs("docker", "version"),
  },
];

/** The names of the engines that a test file's header asks for. */
export function needsOf(text: string): string[] {
  const list = /^\/\/ needs: (.+)$/m.exec(text)?.[1];
  return list === undefined ? [] : list.split(", ");
}

function runs(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore", timeout: 30_000 }).status === 0;
}
