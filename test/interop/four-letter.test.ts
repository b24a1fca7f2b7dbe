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

const SETTLE_LIMIT_MS = 5000;

/** Every word but srvr, which is always answered. */
const WORDS =
  "conf cons crst dirs dump envi gtmk hash isro mntr ruok srst stat stmk wchc wchp wchs".split(" ");

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

/** The same, once a connection that just asked is gone from both. */
async function agreed(word: string): Promise<[apache: string, ours: string]> {
  let answers = await both(word);
  const limit = Date.now() + SETTLE_LIMIT_MS;
  while (maskedIds(answers[0]) !== maskedIds(answers[1]) && Date.now() < limit) {
    answers = await both(word);
  }
  return answers;
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

/** Ids, moments and sizes too, and in one order what neither server orders. */
function maskedIds(text: string): string {
  const lines = masked(text)
    .replaceAll(/0x1[0-9a-f]{14}/g, "0xS")
    .replaceAll(/(est|lresp|llat|minlat|avglat|maxlat)=\d+/g, "$1=N")
    .replaceAll(/^\d+ expire at .*:\n/gm, "")
    .replaceAll(/Sets \(\d+\)/g, "Sets (N)")
    .replaceAll(/dir_size: \d+/g, "dir_size: N")
    .split("\n");
  return lines.map(blockSorter(lines)).join("\n");
}

/** Sorts lines that follow one another and begin alike: clients, sessions, paths. */
function blockSorter(lines: readonly string[]): (line: string, at: number) => string {
  const sorted = [...lines];
  for (let from = 0; from < lines.length; ) {
    const isListed = /^[ \t]/.test(lines[from] ?? "");
    let to = from + 1;
    while (isListed && to < lines.length && /^[ \t]/.test(lines[to] ?? "")) to++;
    sorted.splice(from, to - from, ...sorted.slice(from, to).toSorted());
    from = to;
  }
  return (_line, at) => sorted[at] ?? "";
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

  // operations 3.5, 3.5/wchs, 3.5/wchc, 3.5/wchp, 3.5/gtmk, 3.5/dirs
  test.each(["wchs", "wchc", "wchp", "gtmk", "dirs", "dump", "hash"])(
    "%s is the same",
    async (word) => {
      const [theirs, own] = await agreed(word);
      expect(maskedIds(own)).toBe(maskedIds(theirs));
      expect(own.length > 0).toBe(word !== "hash");
    },
  );

  // operations 3.5, 3.5/[n], 3.5/sid…, 3.5/lop, 3.5/est, 3.5/lcxid, 3.5/lresp
  test("cons is the same, the moments and the latencies apart", async () => {
    const [theirs, own] = await agreed("cons");
    expect(maskedIds(own)).toBe(maskedIds(theirs));
    expect(own).toMatch(/recved=5,sent=5,sid=0x1[0-9a-f]{14},lop=EXIS,est=/);
    expect(own).toMatch(/,to=10000,lcxid=0x4,lzxid=0x3,lresp=\d+,llat=\d+,minlat=/);
    const est = Number(/est=(\d+)/.exec(own)?.[1]);
    expect(Math.abs(Date.now() - est)).toBeLessThan(600_000);
  });

  // operations 3.5
  test("conf is the same, directories and the backlog apart", async () => {
    const [theirs, own] = (await both("conf")).map((text) =>
      text
        .replaceAll(/^(clientPort|data(?:Log)?(?:Dir)?Size|clientPortListenBacklog)=.*$/gm, "$1=N")
        .replaceAll(/^(data(?:Log)?Dir)=.*\/version-2$/gm, "$1=D"),
    );
    expect(own).toBe(theirs);
  });

  // operations 3.5/envi, 3.4/kazoo server_version() [P]
  test("envi has Apache's keys in its order, but for those of Java", async () => {
    const [theirs, own] = (await both("envi")).map((text) => text.split("\n"));
    const keys = (lines: string[] = []) => lines.map((line) => line.split("=")[0]);
    const common = keys(own).filter((key) => !/^(quorate|node)\./.test(key ?? ""));
    expect(common).toEqual(keys(theirs).filter((key) => key?.startsWith("java.") !== true));
    for (const key of ["os.name", "os.version", "user.name", "user.home"]) {
      const line = (lines: string[] = []) => lines.find((each) => each.startsWith(`${key}=`));
      expect(line(own)).toBe(line(theirs));
    }
    expect(own?.[1]).toMatch(/^zookeeper\.version=\d+\.\d+\.\d+/);
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
      "zk_proposal_count",
      "zk_commit_count",
      "zk_learner_commit_received_count",
      "zk_unrecoverable_error_count",
      "zk_outstanding_tls_handshake",
      "zk_non_mtls_local_conn_count",
      "zk_non_mtls_remote_conn_count",
      "zk_max_file_descriptor_count",
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

// operations 3.5/hash, 3.5/gtmk, 3.5/stmk, 3.5/crst, 3.5/srst, 3.1/stmk needs 8 more bytes
describe("what changes something", () => {
  // operations 3.5/stmk, 3.5/gtmk
  test("stmk sets the mask that gtmk tells", async () => {
    for (const [hex, text] of [
      ["0000000000000005", "5"],
      ["fffffffffffffffe", "-2"],
      ["8000000000000000", "-9223372036854775808"],
      ["0000000000000132", "306"],
    ] as const) {
      for (const { port } of [apache, ours]) {
        const burst = Buffer.concat([Buffer.from("stmk"), Buffer.from(hex, "hex")]);
        expect(await fourLetterWord(port, burst)).toBe(text);
        expect(await fourLetterWord(port, "gtmk")).toBe(text);
      }
    }
  });

  // operations 3.5/hash
  test("hash names every 128th zxid", async () => {
    for (const session of sessions) {
      for (let i = 0; i < 300; i++) await session.create(`/h${i}`, Buffer.alloc(0));
    }
    const [theirs, own] = (await both("hash")).map((text) => text.replaceAll(/: -?\d+$/gm, ": D"));
    expect(own).toBe(theirs);
    expect(own).toBe("80: D\n100: D\n");
  });

  // operations 3.5/crst
  test("crst zeroes what cons tells, and of the session only what it did", async () => {
    const [theirs, own] = await both("crst");
    expect(own).toBe(theirs);
    const [after, ownAfter] = await both("cons");
    const mask = (text: string) =>
      text
        .replaceAll(/(0x1[0-9a-f]{14}|127\.0\.0\.1:\d+|est=\d+)/g, "N")
        .split("\n")
        .toSorted();
    expect(mask(ownAfter)).toEqual(mask(after));
    expect(ownAfter).toContain("lop=NA");
  });

  // operations 3.5/srst
  test("srst zeroes what srvr tells, and the counters of mntr", async () => {
    const [theirs, own] = await both("srst");
    expect(own).toBe(theirs);
    const [after, ownAfter] = (await both("srvr")).map((text) => text.replace(/^.*\n/, ""));
    expect(ownAfter).toBe(after);
    const [counted, ownCounted] = (await both("mntr")).map(values);
    for (const key of [
      "zk_connection_request_count",
      "zk_max_client_response_size",
      "zk_cnt_fsynctime",
    ]) {
      expect([key, ownCounted?.get(key)]).toEqual([key, counted?.get(key)]);
    }
  });
});

// operations 3.1/stmk needs 8 more bytes (big-endian signed 64-bit mask) in
test("ours waits a moment for a mask that comes behind its word", async () => {
  const socket = connect({ port: ours.port, host: "127.0.0.1", noDelay: true });
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk.toString();
  });
  socket.write("stmk");
  await once(socket, "ready");
  await until("the word was heard", async () => /\[0\][^]*\[0\]/.test(await ours.word("stat")));
  socket.write(Buffer.from("0000000000000132", "hex"));
  await once(socket, "close");
  expect(answer).toBe("306");
});

// operations 3.2, client-protocol 3.1/a known word (conf cons crst dirs dump envi gtmk ruok stmk
test("words that are not listed get the same sentence", async () => {
  const settings = { "4lw.commands.whitelist": "srvr", "quorate.4lw.loopbackWhitelist": "" };
  const strict = [await ApacheServer.start({ settings }), await QuorateServer.start({ settings })];
  try {
    for (const word of WORDS) {
      const answers = await Promise.all(strict.map((server) => server.word(word)));
      expect(answers[0]).toMatch(new RegExp(`^${word} is not executed`));
      expect(answers[1]).toBe(answers[0]);
    }
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
