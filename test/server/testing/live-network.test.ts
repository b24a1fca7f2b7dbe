// What the wires of a test's ensemble do to connections that are cut, and to servers that end.

import { afterEach, beforeEach, expect, test } from "vitest";
import type { HostError, Link, LinkHandlers } from "../../../protocol/host.ts";
import { nodeHost } from "../../../protocol/node-host.ts";
import { LiveNetwork } from "../../../server/testing/live-network.ts";
import { LiveProcess } from "../../../server/testing/live-process.ts";
import { LiveWires } from "../../../server/testing/live-wires.ts";
import { nextTurn, until } from "../../tools/until.ts";

const ADDRESS = "127.0.0.1";

/** A server that writes down what its links tell. */
class Member implements LinkHandlers {
  readonly process: LiveProcess;
  readonly network: LiveNetwork;
  readonly told: string[] = [];
  link: Link | undefined;

  constructor(sid: number, wires: LiveWires) {
    const { clock, network } = nodeHost();
    this.process = new LiveProcess(clock);
    this.network = new LiveNetwork(sid, this.process, wires, network);
  }

  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.network.listen(
        { host: ADDRESS, port: 0, backlog: 5 },
        (link) => {
          this.told.push("accepted");
          this.link = link;
          link.handlers = this;
        },
        (error, listener) => {
          if (listener === undefined) reject(error ?? new Error("no listener"));
          else resolve(listener.port);
        },
      );
    });
  }

  dial(port: number): void {
    this.link = this.network.connect({ host: ADDRESS, port }, this);
  }

  say(text: string): void {
    this.link?.write(Buffer.from(text));
  }

  pause(): void {
    this.process.pause();
    this.network.regulate();
  }

  resume(): void {
    this.process.resume(() => this.network.regulate());
  }

  kill(): Promise<void> {
    this.process.end();
    return new Promise((resolve) => {
      this.network.abandon(resolve);
    });
  }

  async hears(...words: string[]): Promise<void> {
    await until(words.join(), () => this.told.length >= words.length);
    expect(this.told.splice(0)).toEqual(words);
  }

  opened(): void {
    this.told.push("opened");
  }

  data(bytes: Buffer): void {
    this.told.push(bytes.toString());
  }

  ended(): void {
    this.told.push("ended");
  }

  drained(): void {
    this.told.push("drained");
  }

  closed(error: HostError | undefined): void {
    this.told.push(error === undefined ? "closed" : "broken");
  }
}

let wires: LiveWires;
let one: Member;
let two: Member;
let port: number;

beforeEach(async () => {
  wires = new LiveWires();
  one = new Member(1, wires);
  two = new Member(2, wires);
  port = await two.listen();
  wires.belongs(port, 2);
});

afterEach(async () => {
  wires.heal();
  await one.kill();
  await two.kill();
});

async function connected(): Promise<void> {
  one.dial(port);
  await one.hears("opened");
  await two.hears("accepted");
}

function cutBoth(): void {
  wires.cut(1, 2);
  wires.cut(2, 1);
}

/** Whatever could arrive would have. */
async function longEnough(): Promise<void> {
  const { clock } = nodeHost();
  await new Promise<void>((resolve) => {
    clock.after(50, resolve);
  });
  await nextTurn();
}

test("a cut wire holds bytes back both ways, and lets them through when it is whole", async () => {
  await connected();
  cutBoth();
  one.say("a");
  one.say("b");
  two.say("c");
  await longEnough();
  expect([...one.told, ...two.told]).toEqual([]);
  expect(one.link?.pendingBytes).toBe(2);
  wires.heal();
  await until("both have heard", () => one.told.includes("c") && two.told.join("") === "ab");
  await until("all has left", () => one.told.includes("drained"));
  expect(one.link?.pendingBytes).toBe(0);
});

test("a wire that is cut one way lets the other pass", async () => {
  await connected();
  wires.cut(1, 2);
  one.say("unheard");
  two.say("heard");
  await one.hears("heard");
  await longEnough();
  expect(two.told).toEqual([]);
});

test("whoever dials through a cut wire waits for it", async () => {
  cutBoth();
  one.dial(port);
  one.say("hello");
  await longEnough();
  expect([...one.told, ...two.told]).toEqual([]);
  wires.heal();
  await two.hears("accepted", "hello");
  expect(one.told).toContain("opened");
});

test("the end of a connection is not heard through a cut wire", async () => {
  await connected();
  cutBoth();
  two.link?.destroy();
  await two.hears("closed");
  await longEnough();
  expect(one.told).toEqual([]);
  one.link?.destroy();
  await one.hears("closed");
  wires.heal();
  await longEnough();
  expect(one.told).toEqual([]);
});

test("a server that stands still hears everything once it goes on, in order", async () => {
  await connected();
  two.pause();
  one.say("a");
  one.link?.end();
  const late = new Member(3, wires);
  late.dial(port);
  await late.hears("opened");
  await longEnough();
  expect(two.told).toEqual([]);
  two.resume();
  await until("it has heard all", () => two.told.includes("ended"));
  expect(two.told.indexOf("a")).toBeLessThan(two.told.indexOf("ended"));
  expect(two.told).toContain("accepted");
  await late.kill();
});

test("a killed server tells its peers, does nothing more, and frees its port", async () => {
  await connected();
  let rang = false;
  two.process.after(1, () => {
    rang = true;
  });
  await two.kill();
  await until("its peer hears of it", () => one.told.length > 0);
  await longEnough();
  expect(two.told).toEqual([]);
  expect(rang).toBe(false);
  const next = new Member(2, wires);
  await expect(
    new Promise((resolve) => {
      next.network.listen({ host: ADDRESS, port, backlog: 5 }, () => {}, resolve);
    }),
  ).resolves.toBeUndefined();
  await next.kill();
});
