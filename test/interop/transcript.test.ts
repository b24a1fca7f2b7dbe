// The judge of the programs of others: it must see what it is there to see.
// needs: apache

import { afterAll, beforeAll, expect, test } from "vitest";
import { expectSame, type ProgramCommand, ServerPair } from "../tools/transcript.ts";

const ROW = "zxid of a watch event";

let servers: ServerPair;

beforeAll(async () => {
  servers = await ServerPair.start();
});

afterAll(() => servers[Symbol.asyncDispose]());

/** A program of a few lines of JavaScript; `say` prints, `ask` asks the judge and waits. */
function script(text: string): ProgramCommand {
  const prelude = `
    const net = require("node:net");
    const lines = require("node:readline").createInterface(process.stdin)[Symbol.asyncIterator]();
    const say = (line) => console.log(line);
    const ask = async (what) => { say("! " + what); await lines.next(); };
    const [address, fragile] = process.argv.slice(1);
    // 45 bytes: no zxid, 10 s, no session, a password of sixteen zeros, not read-only.
    const connectRequest = Buffer.alloc(49);
    connectRequest.writeInt32BE(45, 0);
    connectRequest.writeInt32BE(10_000, 16);
    connectRequest.writeInt32BE(16, 28);
    const word = (to, text) => new Promise((resolve) => {
      const [host, port] = to.split(":");
      const socket = net.connect(port, host, () => socket.write(text));
      let answer = "";
      socket.on("data", (bytes) => { answer += bytes; });
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(answer));
    });`;
  const program = `${prelude}(async () => { ${text} })().then(() => process.exit(0));`;
  return (...addresses) => [process.execPath, "-e", program, ...addresses];
}

test("equal lines are equal, addresses apart", async () => {
  const transcripts = await servers.run(script(`say(address + " " + await word(address, "ruok"))`));
  expectSame(transcripts);
  expect(transcripts.ours).toEqual(["SERVER imok"]);
});

test("zxids are compared by their order, sessions by their identity, times not at all", async () => {
  const transcripts = await servers.run(
    script(`
      const at = process.pid * 100;
      say(\`{zxid:\${at + 7}} {zxid:0x\${at.toString(16)}} {zxid:\${at + 7}} {zxid:0}\`);
      say(\`{session:\${at}} {session:\${at + 1}} {session:\${at}} {time:\${at}} {time:0}\`);`),
  );
  expectSame(transcripts);
  expect(transcripts.ours).toEqual([
    "{zxid:zxid#2} {zxid:zxid#1} {zxid:zxid#2} {zxid:0}",
    "{session:session#1} {session:session#2} {session:session#1} {time:time} {time:0}",
  ]);
});

test("a difference must be named by its row, and must be there", async () => {
  const transcripts = await servers.run(
    script(`
      say("before");
      say((await word(address, "srvr")).includes("quorate") ? "ours" : "theirs");
      say("after");`),
  );
  const lines = { apache: ["theirs"], ours: ["ours"] } as const;
  expectSame(transcripts, [{ row: ROW, ...lines }]);
  expect(() => expectSame(transcripts)).toThrow("to deeply equal");
  expect(() => expectSame(transcripts, [{ row: "no such row", ...lines }])).toThrow();
  const twice = [
    { row: ROW, ...lines },
    { row: ROW, ...lines },
  ];
  expect(() => expectSame(transcripts, twice)).toThrow();
});

test("a program kills its server, starts it, and cuts its own link", async () => {
  const transcripts = await servers.run(
    script(`
      await ask("kill");
      say("killed: " + await word(address, "ruok"));
      await ask("start");
      say("started: " + await word(address, "ruok"));
      await ask("restart");
      const socket = net.connect(fragile.split(":")[1], () => socket.write(connectRequest));
      socket.on("error", () => undefined);
      await new Promise((resolve) => socket.once("data", resolve));
      say("connected");
      await ask("cut");
      const closed = new Promise((resolve) => socket.once("close", resolve));
      await ask("drop");
      await closed;
      say("dropped");
      await ask("heal");
      const next = net.connect(fragile.split(":")[1], () => next.write(connectRequest));
      await new Promise((resolve) => next.once("data", resolve));
      say("connected again");`),
  );
  expectSame(transcripts);
  expect(transcripts.ours).toEqual([
    "killed: ",
    "started: imok",
    "connected",
    "dropped",
    "connected again",
  ]);
});

test("a program that fails is not compared", async () => {
  await expect(servers.run(() => [process.execPath, "-e", "process.exit(3)"])).rejects.toThrow(
    "ended with 3",
  );
});
