// What a supervisor sees of a server: exit codes, signals, the lock on the data directory.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorCode } from "../../protocol/errors.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { VERSION_TEXT } from "../../server/version.ts";
import { type Ending, QuorateCommand, servingPort } from "../tools/quorate-command.ts";
import { RawClient } from "../tools/raw-client.ts";
import { RawSession } from "../tools/raw-session.ts";
import { fourLetterWord } from "../tools/server-process.ts";
import { until } from "../tools/until.ts";

let home: string;
let started: QuorateCommand[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "quorate-surface-"));
  started = [];
});

afterEach(async () => {
  const running = started.filter((each) => !each.hasEnded);
  await Promise.all(running.map((each) => each.end("SIGKILL")));
  rmSync(home, { recursive: true, force: true });
});

function command(...args: string[]): QuorateCommand {
  const result = new QuorateCommand(args);
  started.push(result);
  return result;
}

/** Writes a zoo.cfg with a data directory and a free port, and returns its path. */
function configFile(settings: Readonly<Record<string, string>> = {}): string {
  const all = {
    dataDir: join(home, "data"),
    clientPort: "0",
    clientPortAddress: "127.0.0.1",
    tickTime: "500",
    ...settings,
  };
  const path = join(home, "zoo.cfg");
  writeFileSync(
    path,
    Object.entries(all)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
  );
  return path;
}

/** Starts a server on a config file and waits until it serves. */
async function serving(
  ...args: string[]
): Promise<{ readonly server: QuorateCommand; readonly port: number }> {
  const server = command("server", ...(args.length > 0 ? args : [configFile()]));
  return { server, port: await servingPort(server) };
}

function end(...args: string[]): Promise<Ending> {
  return command(...args).ended();
}

describe("a configuration that is wrong", () => {
  // operations 1.2/2 invalid invocation or config, 2.9
  test("ends with 2, every problem and ZooKeeper's sentence on stderr, and all in the log", async () => {
    const path = configFile({ tickTime: "abc", snapCount: "x", tickTme: "1" });
    const { code, stderr, stdout } = await end("server", path);
    expect(code).toBe(2);
    expect(stderr).toBe(
      `${path}:4:10: error: tickTime: expected an integer from 1 to 2147483647, got "abc"\n` +
        `${path}:5:11: error: snapCount: expected an integer from -1 to 2147483647, decimal or 0x, got "x"\n` +
        `${path}:6:1: warning: unknown key "tickTme" ignored (did you mean "tickTime"?)\n` +
        "2 errors, 1 warning\nInvalid config, exiting abnormally\n",
    );
    const places = stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { place: string }).place);
    expect(places).toEqual([`${path}:4:10`, `${path}:5:11`, `${path}:6:1`]);
    expect(existsSync(join(home, "data"))).toBe(false);
  });

  // operations 1.2/2 invalid invocation or config, 2.9/file missing
  test("that is missing ends with 2", async () => {
    const { code, stderr } = await end("server", join(home, "none.cfg"));
    expect(code).toBe(2);
    expect(stderr).toContain("none.cfg: error: there is no such file\n");
    expect(stderr).toMatch(/Invalid config, exiting abnormally\n$/);
  });

  // operations 2.9/no arguments, 1.1
  test.each([
    [["server"]],
    [["server", "1", "2", "3", "4", "5"]],
    [["nonsense"]],
    [["4lw", "h", "x", "ruok"]],
  ])("an invocation that is none, %j, ends with 2 and a word of help", async (args) => {
    const { code, stderr } = await end(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/error:/);
  });

  // operations 1.1/quorate check <cfg> [--json] [--strict]
  test("is told by check, which starts nothing", async () => {
    const wrong = await end("check", configFile({ tickTime: "abc" }));
    expect([wrong.code, wrong.stdout.split("\n").at(-2)]).toEqual([2, "1 error, 0 warnings"]);
    const right = await end("check", configFile(), "--set", "snapCount=1000");
    expect([right.code, right.stdout]).toEqual([0, "0 errors, 0 warnings\n"]);
    expect(existsSync(join(home, "data"))).toBe(false);
  });
});

describe("a data directory", () => {
  // operations 1.2/3 data directory not accessible
  test("that is a plain file ends the server with 3", async () => {
    writeFileSync(join(home, "data"), "");
    const { code, stderr } = await end("server", configFile());
    expect([code, stderr]).toEqual([3, expect.stringContaining(join(home, "data"))]);
  });

  // operations 1.2/3 data directory not accessible, 2.3/datadir.autocreate db.autocreate
  test("that is missing and may not be made ends it with 3", async () => {
    const { code, stderr } = await end("server", configFile({ "datadir.autocreate": "false" }));
    expect([code, stderr]).toEqual([3, expect.stringContaining("ENOENT")]);
    expect(existsSync(join(home, "data"))).toBe(false);
  });

  // Nothing is closed to root.
  if (process.getuid?.() !== 0) {
    // operations 1.2/3 data directory not accessible
    test("that cannot be written to ends it with 3", async () => {
      chmodSync(home, 0o500);
      const { code } = await end("server", "0", join(home, "data"));
      chmodSync(home, 0o700);
      expect(code).toBe(3);
    });
  }

  // operations 1.2/3 data directory not accessible, 1.4/<dataDir>/quorate.lock, Trap 45
  test("in use by a living server ends a second one with 3, and the first goes on", async () => {
    const { server, port } = await serving();
    const { code, stderr } = await end("server", configFile());
    expect(code).toBe(3);
    expect(stderr).toContain(
      `is in use by process ${server.pid} (quorate.lock: delete it if this is a copy of another directory)`,
    );
    const session = await RawSession.open(port);
    expect(await session.create("/a", Buffer.from("x"))).toBe(0);
    session.drop();
  });

  // operations 1.4/<dataDir>/quorate.lock
  test("whose server was killed is taken over by the next one", async () => {
    const { server } = await serving();
    await server.end("SIGKILL");
    const lock = join(home, "data", "quorate.lock");
    expect(readFileSync(lock, "utf8")).toMatch(new RegExp(`^${server.pid} `));
    const next = await serving();
    expect(readFileSync(lock, "utf8")).toMatch(new RegExp(`^${next.server.pid} `));
  });
});

describe("what is on disk", () => {
  function dataFile(folder: string, name: string, content: string): void {
    mkdirSync(join(home, folder, "version-2"), { recursive: true });
    writeFileSync(join(home, folder, "version-2", name), content);
  }

  // operations 1.2/10 severe snapshot/txn-log IO error, 1.2
  test("ends the server with 10 where it cannot be right, naming the file", async () => {
    dataFile("data", "snapshot.5", "no snapshot");
    const { code, stderr } = await end("server", configFile());
    expect([code, stderr]).toEqual([10, expect.stringContaining("snapshot.5")]);
  });

  // operations 2.3/dataLogDir
  test("ends it with 2 where it lies in the wrong directory, with the command that repairs it", async () => {
    dataFile("data", "log.1", "");
    const { code, stderr } = await end("server", configFile({ dataLogDir: join(home, "logs") }));
    expect(code).toBe(2);
    expect(stderr).toContain(`mv ${home}/data/version-2/log.* ${home}/logs/version-2/`);
  });

  // operations 1.2/10 severe snapshot/txn-log IO error
  test("cannot grow: the server ends with 10 and has acknowledged nothing that is lost", async () => {
    const server = new QuorateCommand(["server", configFile({ preAllocSize: "64" })], {
      fileSizeLimitKb: 256,
    });
    started.push(server);
    const session = await RawSession.open(await servingPort(server));
    let acknowledged = 0;
    const data = Buffer.alloc(10_000);
    await expect(async () => {
      for (;;) {
        expect(await session.create(`/n${acknowledged}`, data)).toBe(0);
        acknowledged++;
      }
    }).rejects.toThrow("the server ended the connection");
    const { code, stderr } = await server.ended();
    expect([code, stderr]).toEqual([10, expect.stringContaining("the transaction log")]);

    const again = await serving();
    const other = await RawSession.open(again.port);
    for (let i = 0; i < acknowledged; i++) {
      expect(await other.watch(OpCode.exists, `/n${i}`)).toBe(0);
    }
    expect(acknowledged).toBeGreaterThan(5);
    other.drop();
  });
});

describe("an error that nobody expected", () => {
  // operations 1.2/1 unexpected error
  test.each([
    ["new Error('planted')", "unexpected error: planted"],
    ["new AssertionError('planted')", "a state that cannot be: planted"],
  ])("%s ends the server with 1 and says what it was", async (thrown, message) => {
    const assertion = new URL("../../dist/protocol/assert.js", import.meta.url).href;
    const planted = `import{AssertionError}from'${assertion}';process.on('SIGUSR2',()=>{throw ${thrown}})`;
    const server = new QuorateCommand(["server", configFile()], {
      nodeOptions: ["--import", `data:text/javascript,${encodeURIComponent(planted)}`],
    });
    started.push(server);
    await servingPort(server);
    const { code, stderr } = await server.end("SIGUSR2");
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(existsSync(join(home, "data", "quorate.lock"))).toBe(false);
  });
});

describe("a port", () => {
  // operations 1.2/1 unexpected error
  test("that is taken ends the server with 1 and its number", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await until("the port is taken", () => other.listening);
    const address = other.address();
    const port = typeof address === "object" ? String(address?.port) : "";
    const { code, stderr } = await end("server", configFile({ clientPort: port }));
    other.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`cannot listen on port ${port}: .*EADDRINUSE`));
    expect(existsSync(join(home, "data", "quorate.lock"))).toBe(false);
  });
});

describe("a signal", () => {
  // operations 1.1/quorate server <cfg>, 1.2/0 normal end, 1.3/SIGTERM SIGINT, Trap 36
  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s ends connections with FIN, keeps sessions, gives the lock back and ends with 0",
    async (signal) => {
      const { server, port } = await serving();
      const session = await RawSession.open(port);
      expect(await session.create("/mine", Buffer.alloc(0), 1)).toBe(0);
      const { code, stderr } = await server.end(signal);
      expect([code, stderr]).toEqual([0, ""]);
      await until("the client hears of it", () => session.ending !== undefined);
      expect(session.ending).toBe("FIN");
      expect(existsSync(join(home, "data", "quorate.lock"))).toBe(false);

      // The ephemeral is there as long as its session is not over.
      const again = await serving();
      const other = await RawSession.open(again.port);
      expect(await other.create("/mine", Buffer.alloc(0))).toBe(ErrorCode.NodeExists);
      other.drop();
    },
  );

  // operations 1.2/143, 1.3/SIGTERM SIGINT
  test("a second one while the server stops ends it with 143", async () => {
    const { server } = await serving();
    // Stopped in its tracks, it gets both signals in the turn in which it goes on.
    server.signal("SIGSTOP");
    server.signal("SIGTERM");
    server.signal("SIGINT");
    server.signal("SIGCONT");
    const { code } = await server.ended();
    expect(code).toBe(143);
  });

  // operations 1.3/SIGHUP
  test("SIGHUP does not end a server", async () => {
    const { server } = await serving();
    server.signal("SIGHUP");
    await until("it says so", () => server.log.some(({ msg }) => msg.startsWith("SIGHUP")));
    expect(server.hasEnded).toBe(false);
    expect((await server.end("SIGTERM")).code).toBe(0);
  });
});

// operations 1.1/quorate server <port> <dataDir> [tickTime] [maxClientCnxns], 2.3/maxClientCnxns
test("two to four arguments are port, data directory, tick and connections", async () => {
  const { port } = await serving("0", join(home, "data"), "400", "3");
  expect(existsSync(join(home, "data", "version-2"))).toBe(true);
  const status = await end("status", `127.0.0.1:${port}`);
  expect([status.code, status.stdout]).toEqual([0, "Mode: standalone\n"]);
});

// operations 6.1/Startup banner
test("the log begins with one line that says what runs where", async () => {
  const { server } = await serving();
  expect(server.log[0]).toMatchObject({
    msg: "quorate starts",
    level: "info",
    pid: server.pid,
    node: process.version,
    config: join(home, "zoo.cfg"),
    dataDir: join(home, "data"),
    version: VERSION_TEXT,
  });
});

// operations 7.9/26
test("what a client calls its znodes makes no line of the log, nor a field of one", async () => {
  const { server, port } = await serving();
  const client = await RawClient.open(port);
  const path = '/x","level":"fatal","msg":"the disk is gone\u2028"}{';
  const quota = `/zookeeper/quota${path}`;
  await client.create(path);
  await client.create(quota);
  await client.create(`${quota}/zookeeper_limits`, { data: Buffer.from("count=1,bytes=-1") });
  await client.create(`${quota}/zookeeper_stats`);
  expect((await client.create(`${path}/more`)).err).toBe(0);
  await until("the quota is spoken of", () => server.log.some((line) => line.path === path));
  const told = server.log.find((line) => line.path === path);
  expect(told).toMatchObject({ level: "warn", msg: "a quota's soft limit of count is exceeded" });
  expect(server.stdout.split("\n").filter((line) => line !== "")).toHaveLength(server.log.length);
});

// operations 3.1/A word arriving when maxClientCnxns/maxCnxns is exhausted, Trap 33
test("a probe on this machine is answered when no more connections are let in", async () => {
  const path = configFile({ maxClientCnxns: "1", "4lw.commands.whitelist": "ruok" });
  const { port } = await serving(path);
  const session = await RawSession.open(port);
  expect(await fourLetterWord(port, "ruok")).toBe("imok");
  await expect(RawSession.open(port)).rejects.toThrow("the server ended the connection");
  session.drop();
});

// operations 1.1/quorate 4lw <host> <port> <word> [secure]
test("4lw prints what the server answers", async () => {
  const { port } = await serving();
  const { code, stdout } = await end("4lw", "127.0.0.1", String(port), "ruok");
  expect([code, stdout]).toEqual([0, "imok"]);
});

// operations 1.1/quorate status [<cfg>|host:port], Trap 35
test("status says that nobody answers, and ends with 1", async () => {
  const { server, port } = await serving();
  await server.end("SIGTERM");
  const status = await end("status", `127.0.0.1:${port}`);
  expect([status.code, status.stdout]).toEqual([
    1,
    "Error contacting service. It is probably not running.\n",
  ]);
});

// operations 1.1/quorate digest <user:pass>…, 7.1/Identity
test("digest prints the id that ZooKeeper makes of a user and a password", async () => {
  const { code, stdout } = await end("digest", "super:admin", "a:b:c");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^super:admin->super:xQJmxLMiHGwaqBvst5y6rkB6HQs=\na:b:c->a:\S+=\n$/);
});

// operations 1.1/quorate version
test("version prints both versions", async () => {
  const { code, stdout } = await end("version");
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/^quorate, version .* compatible\) .*\n$/),
  ]);
});
