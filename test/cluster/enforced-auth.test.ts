import { afterAll } from "vitest";
import { ENFORCED_AUTH, enforcedAuthSuite } from "../conformance/server/enforced-auth.suite.ts";
import { QuorateServer } from "../tools/quorate-server.ts";

const server = await QuorateServer.start({ settings: ENFORCED_AUTH });
afterAll(() => server.stop());

enforcedAuthSuite({ name: "quorate", port: server.port });
