// Our server as users run it: the compiled command in a process of its own.

import { fileURLToPath } from "node:url";
import { freePort, ServerProcess, type ServerProcessOptions } from "./server-process.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

export class QuorateServer extends ServerProcess {
  static async start(options: ServerProcessOptions = {}): Promise<QuorateServer> {
    const server = new QuorateServer(
      await freePort(),
      (configFile) => [process.execPath, CLI, "server", configFile],
      options,
    );
    await server.restart();
    return server;
  }
}
