import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Writer } from "../../protocol/jute.ts";
import {
  FILE_HEADER_BYTES,
  LOG_FILE_HEADER,
  readFileHeader,
  SNAPSHOT_FILE_HEADER,
  writeFileHeader,
} from "../../protocol/persistence.ts";
import { int, long } from "./arbitraries.ts";
import { codecLaws } from "./codec-laws.ts";

describe("FileHeader", () => {
  codecLaws({
    arbitrary: fc.record({ magic: int, version: int, dbid: long }),
    read: readFileHeader,
    write: writeFileHeader,
  });
});

// storage ST-7
test("a log and a snapshot begin with their names", () => {
  const writer = new Writer();
  writeFileHeader(writer, LOG_FILE_HEADER);
  writeFileHeader(writer, SNAPSHOT_FILE_HEADER);
  expect(writer.length).toBe(2 * FILE_HEADER_BYTES);
  expect(writer.written().toString("hex")).toBe(
    "5a4b4c47 00000002 0000000000000000 5a4b534e 00000002 ffffffffffffffff".replaceAll(" ", ""),
  );
});
