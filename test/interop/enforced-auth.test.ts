// needs: apache

import { afterAll } from "vitest";
import { ENFORCED_AUTH, enforcedAuthSuite } from "../conformance/server/enforced-auth.suite.ts";
import { ApacheServer } from "../tools/apache.ts";

const properties = Object.entries(ENFORCED_AUTH).map(([key, value]) => [`zookeeper.${key}`, value]);
const server = await ApacheServer.start({ properties: Object.fromEntries(properties) });
afterAll(() => server.stop());

enforcedAuthSuite({ name: "apache 3.8.0", port: server.port });
