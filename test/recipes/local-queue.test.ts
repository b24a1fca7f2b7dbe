import { expect, test } from "vitest";
import { isSlotTaken, takeSlot } from "../../recipes/local-queue.ts";

const never = new AbortController().signal;

test("the slot is had by one at a time, first come first served", async () => {
  const client = {};
  const order: number[] = [];
  const turns = [1, 2, 3].map(async (turn) => {
    const slot = await takeSlot(client, "/l", never);
    order.push(turn);
    await Promise.resolve();
    expect(order.at(-1)).toBe(turn);
    slot.free();
  });
  expect(isSlotTaken(client, "/l")).toBe(true);
  await Promise.all(turns);
  expect(order).toEqual([1, 2, 3]);
  expect(isSlotTaken(client, "/l")).toBe(false);
});

test("other paths and other clients have slots of their own", async () => {
  const client = {};
  await takeSlot(client, "/a", never);
  await takeSlot(client, "/b", never);
  await takeSlot({}, "/a", never);
  expect(isSlotTaken(client, "/c")).toBe(false);
});

test("a place that was given up rejects at once and frees itself when its turn comes", async () => {
  const client = {};
  const first = await takeSlot(client, "/l", never);
  const stop = new AbortController();
  const abandoned = takeSlot(client, "/l", stop.signal);
  const patient = takeSlot(client, "/l", never);
  const reason = new Error("enough");
  stop.abort(reason);
  await expect(abandoned).rejects.toBe(reason);
  first.free();
  const slot = await patient;
  slot.free();
  expect(isSlotTaken(client, "/l")).toBe(false);
});

test("freeing a slot twice takes nothing from whoever has it next", async () => {
  const client = {};
  const first = await takeSlot(client, "/l", never);
  first.free();
  const second = await takeSlot(client, "/l", never);
  first.free();
  expect(isSlotTaken(client, "/l")).toBe(true);
  second.free();
  expect(isSlotTaken(client, "/l")).toBe(false);
});
