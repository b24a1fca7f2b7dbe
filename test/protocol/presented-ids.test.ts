import { expect, test } from "vitest";
import { Writer } from "../../protocol/jute.ts";
import { PacketSplitter } from "../../protocol/packet-splitter.ts";
import { PresentedIds } from "../../protocol/presented-ids.ts";
import { type PacketId, writeRequest } from "../../protocol/quorum.ts";

/** What the ids of such requests are read as, one after the other. */
function presented(requests: readonly (readonly PacketId[])[]): (readonly PacketId[])[] {
  const known = new PresentedIds();
  const found: (readonly PacketId[])[] = [];
  const splitter = new PacketSplitter(
    1024,
    (packet) => void found.push(known.of(packet)),
    (reason) => expect.fail(reason),
  );
  const out = new Writer();
  for (const ids of requests) writeRequest(out, 0, 7, 1, 5, Buffer.from("r"), 0, 1, ids);
  splitter.push(out.take());
  return found;
}

test("who is named again is given as the same list, whoever was named in between", () => {
  const one = [{ scheme: "ip", id: "10.0.0.1" }];
  const both = [...one, { scheme: "digest", id: "anna:x" }];
  const found = presented([one, both, one, both]);
  expect(found).toEqual([one, both, one, both]);
  expect(found[2]).toBe(found[0]);
  expect(found[3]).toBe(found[1]);
});

test("nobody is taken for another, however many there are and however long their names", () => {
  const requests: PacketId[][] = [];
  for (let i = 0; i < 2000; i++) {
    requests.push([
      { scheme: "digest", id: `user${i % 1000}:${"x".repeat(i % 7 === 0 ? 600 : 9)}` },
    ]);
  }
  expect(presented(requests)).toEqual(requests);
});
