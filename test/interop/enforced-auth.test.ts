// needs: apache

import { afterAll } from "vitest";
import { ENFORCED_AUTH, enforcedAuthSuite } from "../conformance/server/enforced-auth.suite.ts";
import { ApacheServer } from "../tools/apache.ts";

const properties: Record<string, string> = {};
for (const [key, value] of Object.entries(ENFORCED_AUTH)) properties[`zookeeper.${key}`] = value;
const server = await ApacheServer.start({ properties });
afterAll(() => server.stop());

enforcedAuthSuite({ name: "apache 3.8.0", port: server.port });
