// Spoilt frames by the ten thousands, on many connections, while other sessions work. The long form
// is `npm run hostile -- --frames 1000000`.

import { afterEach, expect, test } from "vitest";
import { aftermath } from "./aftermath.ts";
import { Bystander } from "./bystander.ts";
import { batches, fire, reportLine } from "./frames-run.ts";
import { HostileServer } from "./hostile-server.ts";

const FRAMES = 100_000;
const SEED = Number(process.env["HOSTILE_SEED"] ?? 1);
const BYSTANDER_SESSIONS = 2;

let server: HostileServer | undefined;
afterEach(() => server?.stop());

// operations 7.9/1 Frame length > jute.maxbuffer, 7.9/2, 7.9/15 Malformed jute inside a valid frame, 7.9/16 Unknown opcode 9999
test("no frame, however spoilt, harms the server, its data or another session", async () => {
  server = await HostileServer.start({ snapCount: "20000" });
  const bystander = await Bystander.start(server.address);
  console.log(`seed ${SEED}`);
  for (const [index, batch] of batches(FRAMES).entries()) {
    const report = await fire(server, bystander, batch, SEED * 1000 + index);
    console.log(reportLine(report));
    expect(report.frames).toBeGreaterThanOrEqual(batch.connections);
  }
  await bystander.rest();
  expect(bystander.cycles).toBeGreaterThan(20);
  const { differences, znodes } = await aftermath(server, BYSTANDER_SESSIONS);
  expect(differences).toEqual([]);
  expect(znodes).toBeGreaterThan(100);
  expect(server.complaints()).toEqual([]);
  await bystander.stop();
  expect(bystander.problems).toEqual([]);
});
