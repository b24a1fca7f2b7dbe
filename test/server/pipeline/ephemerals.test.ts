import { expect, test } from "vitest";
import { OpCode } from "../../../protocol/opcodes.ts";
import { ServerRoom } from "./server-room.ts";

const EPHEMERAL = 1;
const NAME_BYTES = 60_000;

function path(number: number): string {
  return `/${String(number).padStart(NAME_BYTES, "e")}`;
}

test("a session owns no more than one txn can delete, and is told so", () => {
  const room = new ServerRoom();
  const owner = room.open();
  const codes: number[] = [];
  for (let i = 0; i < 20; i++) codes.push(owner.reply(owner.create(path(i), EPHEMERAL)).err);
  // A million bytes of paths: sixteen of these.
  expect(codes).toEqual([...Array<number>(16).fill(0), -125, -125, -125, -125]);

  // What it deletes makes room, what others own does not count, persistent znodes are no matter.
  expect(owner.reply(owner.delete(path(0))).err).toBe(0);
  expect(owner.reply(owner.create(path(18), EPHEMERAL)).err).toBe(0);
  expect(owner.reply(owner.create(path(19))).err).toBe(0);
  const other = room.open();
  expect(other.reply(other.create(path(20), EPHEMERAL)).err).toBe(0);

  expect(owner.reply(owner.send(OpCode.closeSession)).err).toBe(0);
  expect(room.server.tree?.ephemerals.count).toBe(1);
});
