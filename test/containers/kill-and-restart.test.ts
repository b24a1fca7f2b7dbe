// needs: docker

import { connect } from "quorate/client";
import { mutex } from "quorate/recipes";
import { beforeAll, expect, test } from "vitest";
import { ContainerServer } from "./container-server.ts";

const WRITES = 200;

beforeAll(() => {
  // Its helper container would have to be pulled; every container here is removed by its test.
  process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
});

test("a container killed and started again on its volume has every znode, and the lock its holder", async () => {
  await using server = await ContainerServer.start();
  await using holder = await connect(server.address, { sessionTimeoutMs: 40_000 });
  await using waiter = await connect(server.address, { sessionTimeoutMs: 40_000 });

  const held = await mutex(holder, "/locks/ledger").acquire();
  const waiting = mutex(waiter, "/locks/ledger").acquire({ timeoutMs: 60_000 });
  await expect
    .poll(async () => (await holder.getChildren("/locks/ledger")).children.length)
    .toBe(2);
  await holder.create("/ledger", Buffer.from("0"));
  const entries = Array.from({ length: WRITES }, (_, index) =>
    holder.create("/ledger/entry-", Buffer.from(String(index)), {
      mode: "persistent-sequential",
    }),
  );
  const written = await Promise.all(entries);
  const claim = await holder.exists(held.nodePath);

  await server.killContainer();
  await server.startContainer();

  // The same session goes on: the claim, its token and the queue behind it are still there.
  const { children } = await holder.getChildren("/ledger");
  expect(children.length).toBe(WRITES);
  for (const [index, { path }] of written.entries()) {
    expect((await holder.getData(path)).data?.toString()).toBe(String(index));
  }
  expect(await holder.exists(held.nodePath)).toEqual(claim);
  expect(held.isHeld()).toBe(true);
  expect(held.signal.aborted).toBe(false);
  await held.ensureHeld();
  expect((await holder.getChildren("/locks/ledger")).children.length).toBe(2);

  expect(await held.release()).toBe("released");
  await using next = await waiting;
  expect(next.isHeld()).toBe(true);
  expect(next.fencingToken).toBeGreaterThan(held.fencingToken);
});
