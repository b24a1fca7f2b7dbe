#!/usr/bin/env node
/**
 * The `quorate` command. Each subcommand is a line or two and loads the room that does its work,
 * so that `quorate version` does not load a server.
 */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import type { CommandLineSetting } from "./server/config/config-file.ts";

/** As operations 1.2 numbers them. */
const FAILED = 1;
const WRONG_USAGE = 2;

const program = new Command("quorate")
  .description("A coordination service: ZooKeeper-compatible, in one npm package")
  .exitOverride()
  .showHelpAfterError();

program
  .command("server")
  .description("run a server, until SIGTERM")
  .usage("<zoo.cfg> | <port> <dataDir> [tickTime] [maxClientCnxns]")
  .argument("<settings...>", "a configuration file, or port and data directory")
  .option("--set <key=value>", "a setting that wins over the file (repeatable)", collect, [])
  .action(async (positional: string[], { set }: { set: CommandLineSetting[] }) => {
    if (positional.length > 4) throw wrongUsage("server takes four arguments at most");
    const { runServer } = await import("./server/main.ts");
    runServer({ positional, settings: set });
  });

program
  .command("check")
  .description("print everything that is wrong with a configuration, and start nothing")
  .argument("<zoo.cfg>")
  .option("--set <key=value>", "a setting that wins over the file (repeatable)", collect, [])
  .action(async (file: string, { set }: { set: CommandLineSetting[] }) => {
    const { checkConfig } = await import("./server/main.ts");
    checkConfig({ positional: [file], settings: set });
  });

program
  .command("status")
  .description("print the mode of a running server")
  .argument("<host:port>")
  .action(async (address: string) => {
    const match = /^(.*):(\d+)$/.exec(address);
    if (match === null) throw wrongUsage(`expected host:port, got "${address}"`);
    const answer = await ask(match[1] ?? "", Number(match[2]), "srvr").catch(() => "");
    const mode = /^Mode: .*$/m.exec(answer)?.[0];
    console.log(mode ?? "Error contacting service. It is probably not running.");
    if (mode === undefined) process.exitCode = FAILED;
  });

program
  .command("4lw")
  .description("ask a server a four-letter word")
  .argument("<host>")
  .argument("<port>", "client port", parsePort)
  .argument("<word>")
  .action(async (host: string, port: number, word: string) => {
    process.stdout.write(await ask(host, port, word));
  });

program
  .command("digest")
  .description("print the ACL id of a user and a password")
  .argument("<user:password...>")
  .option("--algorithm <name>", "sha1, sha256, sha384 or sha512", "sha1")
  .action(async (pairs: string[], { algorithm }: { algorithm: string }) => {
    const { digestId } = await import("./server/net/auth.ts");
    for (const pair of pairs) console.log(`${pair}->${digestId(pair, algorithm)}`);
  });

program
  .command("version")
  .description("print the version")
  .action(async () => {
    const { VERSION_LINE } = await import("./server/version.ts");
    console.log(VERSION_LINE);
  });

async function ask(host: string, port: number, word: string): Promise<string> {
  const { askWord } = await import("./server/admin/ask-word.ts");
  const { nodeHost } = await import("./protocol/node-host.ts");
  return askWord(nodeHost(), { host, port }, word);
}

function collect(text: string, before: CommandLineSetting[]): CommandLineSetting[] {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("Expected key=value.");
  const setting = { key: text.slice(0, equals).trim(), value: text.slice(equals + 1).trim() };
  return [...before, { ...setting, place: "--set" }];
}

function parsePort(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > 65_535) throw new InvalidArgumentError("Not a port.");
  return Number(text);
}

function wrongUsage(message: string): CommanderError {
  console.error(`error: ${message}`);
  return new CommanderError(WRONG_USAGE, "quorate.usage", message);
}

program.parseAsync().catch((error: unknown) => {
  if (error instanceof CommanderError) {
    // It has told what is wrong, or printed the help that was asked for.
    process.exitCode = error.exitCode === 0 ? 0 : WRONG_USAGE;
  } else {
    console.error(`quorate: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = FAILED;
  }
});
