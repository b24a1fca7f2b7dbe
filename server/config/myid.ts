/**
 * The file `myid` beside the data: this server's number among the members.
 *
 * Differs from ZooKeeper: blanks, a carriage return or a byte order mark around the number do not
 * matter. Editors and `echo` under Windows leave them.
 *
 * @see operations 1.4, 2.9
 */
import { parseSid } from "../../protocol/ensemble.ts";

/** Opens a file by its path: its bytes, or the sentence that says why there are none. */
export type FileOpener = (path: string) => Uint8Array | string;

/** The number, or what is wrong and what to do about it. */
export function readMyid(open: FileOpener, dataDir: string): number | string {
  const path = `${dataDir.replace(/(?<=.)\/+$/, "")}/myid`;
  const bytes = open(path);
  const advice = `write this server's number into it (echo N > ${path})`;
  if (typeof bytes === "string") return `${path}: ${bytes}. For an ensemble ${advice}`;
  const [first = ""] = new TextDecoder("utf-8").decode(bytes.subarray(0, READ_BYTES)).split("\n");
  const text = first.trim();
  return parseSid(text) ?? `${path}: "${text}" is not a number: ${advice}`;
}

/** Far more than a number; what else the file holds is not shown. */
const READ_BYTES = 64;
