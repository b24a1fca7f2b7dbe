// A service that holds a lock, as a process that a test may stop. It uses the package by its public
// names, tells what happens as lines of JSON with the time of the machine's monotonic clock, and
// obeys lines on its standard input.
//
// Arguments: connect string, lock, znode to write, session timeout.

import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { connect, isZooKeeperError } from "quorate/client";
import { mutex } from "quorate/recipes";

const [servers, path, target, sessionTimeoutMs] = process.argv.slice(2);
const SLICE_MS = 2;
/** Longer than any slice, shorter than any stop of the test. */
const STOPPED_MS = 500;
const STOPPED_NS = BigInt(STOPPED_MS) * 1_000_000n;

/** What left this process towards the server, and when. */
const sentAtNs = [];
const port = Number(servers.split(":")[1]);
const write = Socket.prototype.write;
Socket.prototype.write = function writeAndNote(...given) {
  if (this.remotePort === port) sentAtNs.push(process.hrtime.bigint());
  return write.apply(this, given);
};

function tell(event, details = {}) {
  const atNs = process.hrtime.bigint();
  process.stdout.write(`${JSON.stringify({ event, atNs: String(atNs), ...details })}\n`);
}

const client = await connect(servers, { sessionTimeoutMs: Number(sessionTimeoutMs) });
const lock = await mutex(client, path).acquire();
let lostAtNs;
lock.signal.addEventListener("abort", () => {
  lostAtNs = process.hrtime.bigint();
  tell("lost", { lostAtNs: String(lostAtNs), reason: lock.signal.reason.reason });
});
tell("acquired", { token: lock.fencingTokenText, nodePath: lock.nodePath });

const commands = {
  /** Works in short steps that block, so that a stop falls into one of them. */
  work() {
    const cell = new Int32Array(new SharedArrayBuffer(4));
    let before = process.hrtime.bigint();
    const step = () => {
      Atomics.wait(cell, 0, 0, SLICE_MS);
      const now = process.hrtime.bigint();
      if (now - before > STOPPED_NS) return resumed();
      before = now;
      setImmediate(step);
    };
    step();
  },
  async writeGuarded() {
    tell("guarded", { code: await codeOf(guardedWrite(lock.guard())) });
    // As somebody would who does not ask the handle: only the server refuses.
    const check = client.transaction().check(lock.nodePath).setData(target, Buffer.from("late"));
    tell("checked", { code: await codeOf(check.commit()) });
  },
  async close() {
    await client.close();
    process.exit();
  },
};

/** The first statements after the stop. */
function resumed() {
  const isHeld = lock.isHeld();
  const isAborted = lock.signal.aborted;
  const resumedAtNs = process.hrtime.bigint();
  tell("resumed", { isHeld, isAborted });
  setTimeout(() => {
    const first = sentAtNs.find((atNs) => atNs > resumedAtNs - STOPPED_NS);
    tell("sent", { firstAtNs: String(first), lostAtNs: String(lostAtNs) });
  }, STOPPED_MS);
}

function guardedWrite(guard) {
  return client.transaction().guardedBy(guard).setData(target, Buffer.from("late")).commit();
}

async function codeOf(outcome) {
  try {
    await outcome;
    return "Ok";
  } catch (error) {
    if (!isZooKeeperError(error)) throw error;
    return error.code;
  }
}

createInterface(process.stdin).on("line", (command) => commands[command]());
