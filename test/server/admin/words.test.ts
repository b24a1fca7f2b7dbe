// The four-letter words of a whole server on a simulated host.

import { expect, test } from "vitest";
import type { Link } from "../../../protocol/host.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { writeSetWatches } from "../../../protocol/proto.ts";
import { ServerRoom } from "../pipeline/server-room.ts";

/** Makes a write last as long as a test needs. */
const SLOW_DISK = 10_000;
const WATCHED = 40_000;

/** Somebody with `nc`. */
class Probe {
  text = "";
  ended = false;
  readonly #link: Link;

  constructor(room: ServerRoom, name: string) {
    let isConnected = false;
    this.#link = room.world.host(name).network.connect(
      { host: "server", port: 2181 },
      {
        opened: () => {
          isConnected = true;
        },
        data: (bytes) => {
          this.text += bytes.toString();
        },
        ended: () => {
          this.ended = true;
        },
        drained: () => undefined,
        closed: () => {
          this.ended = true;
        },
      },
    );
    room.until(() => isConnected);
  }

  ask(word: string): this {
    this.#link.write(Buffer.from(word));
    return this;
  }

  stopReading(): void {
    this.#link.pause();
  }

  readOn(): void {
    this.#link.resume();
  }
}

// operations 3.3
test("while a server stops, words say that nothing is served", () => {
  const room = new ServerRoom({ fourLetterWords: "*" });
  const words = ["srvr", "hash", "isro", "ruok", "wchp"];
  const probes = words.map((word) => new Probe(room, `probe-${word}`));
  const client = room.open();
  room.host.disk.slow(SLOW_DISK);
  client.create("/on-its-way");
  room.runMs(5);
  room.stop();
  room.runMs(5);
  for (const [i, word] of words.entries()) probes[i]?.ask(word);
  room.until(() => probes.every(({ ended }) => ended));
  const text = "This ZooKeeper instance is not currently serving requests";
  expect(probes.map((probe) => probe.text)).toEqual([
    `${text}\n`,
    text,
    "null",
    "imok",
    `${text}\n`,
  ]);
  expect(room.stopped).toBe(false);
});

// operations 3.6
test("who reads the watches slowly gets them all, and others are served meanwhile", () => {
  const room = new ServerRoom({ fourLetterWords: "*" });
  const watcher = room.open();
  const paths = Array.from({ length: WATCHED }, (_, i) => `/watched/by/somebody/${i}`);
  for (let at = 0; at < WATCHED; at += 10_000) {
    const existWatches = paths.slice(at, at + 10_000);
    const none = { relativeZxid: 0, dataWatches: [], childWatches: [] };
    const xid = watcher.send(OpCode.setWatches, (writer) =>
      writeSetWatches(writer, { ...none, existWatches }),
    );
    watcher.reply(xid);
  }
  const slow = new Probe(room, "slow");
  slow.stopReading();
  slow.ask("wchp");
  room.runMs(3000);
  const other = room.open();
  expect(other.reply(other.create("/meanwhile")).err).toBe(0);
  expect(slow.ended).toBe(false);
  slow.readOn();
  room.until(() => slow.ended);
  const lines = slow.text.split("\n");
  expect(lines.slice(-2)).toEqual(["", ""]);
  expect(lines.filter((line) => line.startsWith("/"))).toEqual(paths);
});
