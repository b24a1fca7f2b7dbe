// The witness of the suites that kill servers is itself tried.

import { expect, test } from "vitest";
import { ClientMemory } from "./tools/client-memory.ts";

function memory(): { memory: ClientMemory; surprises: string[] } {
  const surprises: string[] = [];
  return { memory: new ClientMemory((text) => surprises.push(text)), surprises };
}

test("what only goes forward is no surprise", () => {
  const { memory: client, surprises } = memory();
  client.znode("/a", undefined);
  for (const zxid of [3, 3, 7]) client.zxid(zxid);
  client.znode("/a", { czxid: 3, mzxid: 3, version: 0 });
  client.znode("/a", { czxid: 3, mzxid: 3, version: 0 });
  client.znode("/a", { czxid: 3, mzxid: 9, version: 4 });
  expect(surprises).toEqual([]);
});

test("whatever steps back is told", () => {
  const { memory: client, surprises } = memory();
  client.zxid(16);
  client.zxid(15);
  client.znode("/a", { czxid: 3, mzxid: 9, version: 2 });
  client.znode("/a", { czxid: 3, mzxid: 8, version: 1 });
  client.znode("/a", { czxid: 4, mzxid: 9, version: 2 });
  client.znode("/a", { czxid: 4, mzxid: 10, version: 2 });
  client.znode("/a", undefined);
  expect(surprises).toEqual([
    "a reply of zxid f after one of 10",
    "/a: version 1, mzxid 8 after version 2, 9",
    "/a: czxid 4 after 3",
    "/a: one version, 2, of two writes, or two of one",
    "/a was there and is not",
  ]);
});
