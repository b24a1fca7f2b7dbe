// The four-letter words of a server of ours beside Apache ZooKeeper's, in the same state.
// needs: apache

import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OpCode } from "../../protocol/opcodes.ts";
import { ApacheServer, fourLetterWord } from "../tools/apache.ts";
import { QuorateServer } from "../tools/quorate-server.ts";
import { RawSession } from "../tools/raw-session.ts";
import { until } from "../tools/until.ts";

const EPHEMERAL = 1;

let apache: ApacheServer;
let ours: QuorateServer;
const sessions: RawSession[] = [];

beforeAll(async () => {
  apache = await ApacheServer.start();
  ours = await QuorateServer.start();
  for (const { port } of [apache, ours]) {
    const session = await RawSession.open(port);
    sessions.push(session);
    await session.create("/a", Buffer.from("xyz"));
    await session.create("/a/e", Buffer.alloc(0), EPHEMERAL);
    await session.watch(OpCode.getData, "/a");
    await session.watch(OpCode.exists, "/none");
  }
});

afterAll(async () => {
  for (const session of sessions) session.drop();
  await apache.stop();
  await ours.stop();
});

/** The answers of both to a word, the first Apache's. */
async function both(word: string): Promise<[apache: string, ours: string]> {
  return [await apache.word(word), await ours.word(word)];
}

/** Versions, numbers that tell of time and traffic, and ports, made equal. */
function masked(text: string): string {
  return text
    .replace(/Zookeeper version: .*/, "Zookeeper version: V")
    .replace(/min\/avg\/max: \d+\/\d+\.\d+\/\d+/, "min/avg/max: N/N.N/N")
    .replaceAll(/^(Received|Sent): \d+$/gm, "$1: N")
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:P")
    .replaceAll(/recved=\d+,sent=\d+/g, "recved=N,sent=N");
}

/** mntr as a map. */
function values(text: string): Map<string, string> {
  return new Map(
    text
      .trimEnd()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf("\t")), line.slice(line.indexOf("\t") + 1)]),
  );
}

describe("in the same state", () => {
  // operations 3.5, 11/4lw
  test("srvr is the same, numbers of time and traffic apart", async () => {
    const [theirs, own] = await both("srvr");
    expect(masked(own)).toBe(masked(theirs));
    expect(own).toMatch(/^Zxid: 0x3$/m);
  });

  // operations 3.5, 11/4lw
  test("stat is the same, clients included", async () => {
    const [theirs, own] = await both("stat");
    expect(sortedClients(masked(own))).toBe(sortedClients(masked(theirs)));
  });

  // operations 3.5/ruok, 3.5/isro
  test("ruok and isro are the same", async () => {
    for (const word of ["ruok", "isro"]) {
      const [theirs, own] = await both(word);
      expect(own).toBe(theirs);
    }
  });

  // operations 5.1
  test("every key of our mntr is one of Apache's, and the state reads the same", async () => {
    const [theirs, own] = (await both("mntr")).map(values) as [
      Map<string, string>,
      Map<string, string>,
    ];
    expect([...own.keys()].filter((key) => !theirs.has(key))).toEqual([]);
    expect([...own.keys()].slice(0, 2)).toEqual([...theirs.keys()].slice(0, 2));
    for (const key of [
      "zk_server_state",
      "zk_znode_count",
      "zk_ephemerals_count",
      "zk_watch_count",
      "zk_approximate_data_size",
      "zk_num_alive_connections",
      "zk_global_sessions",
      "zk_local_sessions",
      "zk_outstanding_requests",
      "zk_connection_request_count",
      "zk_cnt_updatelatency",
      "zk_cnt_readlatency",
    ]) {
      expect([key, own.get(key)]).toEqual([key, theirs.get(key)]);
    }
    for (const [key, value] of own) {
      if (key === "zk_version") continue;
      const form = /^-?\d+\.\d+$/.test(theirs.get(key) ?? "") ? /^-?\d+\.\d+$/ : /^(-?\d+|[a-z]+)$/;
      expect(`${key} ${value}`).toMatch(new RegExp(`^${key} ${form.source.slice(1)}`));
    }
  });

  // operations 3.1/Each word counts as one received packet and while
  test.each(["Received", "Sent"])("a word counts as one packet in %s", async (line) => {
    for (const { port } of [apache, ours]) {
      const before = await counted(port, line);
      expect((await counted(port, line)) - before).toBe(1);
    }
  });
});

// operations 3.1/Answer as soon as 4 bytes are in
test("what follows a word is ignored", async () => {
  for (const { port } of [apache, ours]) {
    expect(await fourLetterWord(port, "ruok\r\n")).toBe("imok");
  }
});

// operations 3.1/Unknown word = bad frame length → closed without a
test("an unknown word closes the connection without an answer", async () => {
  for (const { port } of [apache, ours]) {
    expect(await fourLetterWord(port, "moo!")).toBe("");
  }
});

// operations 3.1/A client that half-closes right after sending MUST still
// operations 3.1/Answer is raw text LF line ends no length prefix then FIN.
test("a client that has nothing more to send gets the whole answer, and then FIN", async () => {
  for (const { port } of [apache, ours]) {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    let answer = "";
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.end("mntr");
    await once(socket, "end");
    expect(answer).toMatch(/^zk_version\t[^]*\n$/);
    socket.destroy();
  }
});

// operations 3.1/The first 4 bytes of a connection read as a big-endian, Trap 2
test("within a session the same bytes are a length that closes the connection", async () => {
  for (const { port } of [apache, ours]) {
    const session = await RawSession.open(port);
    session.write(Buffer.from("ruok"));
    await until("the server closes", () => session.ending !== undefined);
    expect(session.unreadBytes).toBe(0);
    session.drop();
  }
});

// operations 3.1/0xfff4fffd (telnet interrupt) → close quietly no warning
test("what telnet sends for an interrupt closes the connection", async () => {
  for (const { port } of [apache, ours]) {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.write(Buffer.from("fff4fffd", "hex"));
    const [hadError] = (await once(socket.resume(), "close")) as [boolean];
    expect([hadError, socket.bytesRead]).toEqual([false, 0]);
  }
});

// operations 3.2
test("a word that is not listed gets the same sentence", async () => {
  const settings = { "4lw.commands.whitelist": "srvr", "quorate.4lw.loopbackWhitelist": "" };
  const strict = [await ApacheServer.start({ settings }), await QuorateServer.start({ settings })];
  try {
    const answers = await Promise.all(strict.map((server) => server.word("mntr")));
    expect(answers[0]).toMatch(/^mntr is not executed/);
    expect(answers[1]).toBe(answers[0]);
  } finally {
    await Promise.all(strict.map((server) => server.stop()));
  }
});

async function counted(port: number, line: string): Promise<number> {
  const answer = await fourLetterWord(port, "srvr");
  return Number(new RegExp(`^${line}: (\\d+)$`, "m").exec(answer)?.[1]);
}

function sortedClients(text: string): string {
  const lines = text.split("\n");
  const clients = lines.filter((line) => line.startsWith(" /")).toSorted();
  return lines.map((line) => (line.startsWith(" /") ? clients.shift() : line)).join("\n");
}
