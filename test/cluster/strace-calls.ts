// What strace wrote, as system calls: which file or connection each was about, its bytes, and when
// it began and returned in the order of all calls of the process.

/** One system call. */
export interface Call {
  readonly name: string;
  readonly args: string;
  readonly result: number;
  /** Lines of the trace: what has the smaller number was earlier, in whichever thread. */
  readonly began: number;
  readonly returned: number;
  /** By the machine's clock, which all processes share. */
  readonly beganMs: number;
  readonly returnedMs: number;
}

export type Target =
  | { readonly kind: "file"; readonly path: string }
  /** Each end as address:port. */
  | { readonly kind: "connection"; readonly local: string; readonly remote: string };

/** Calls that make something durable, name it, or send it. */
const TRACED =
  "trace=openat,write,writev,pwrite64,pwritev,sendmsg,sendto,fdatasync,fsync,rename,renameat,renameat2";
/** How strace has to be called for this reader: all bytes, and names in the place of descriptors. */
export const STRACE: readonly string[] = [
  ...["-f", "-ttt", "-T", "-yy", "-xx", "-s", "4000000"],
  ...["-e", TRACED],
];

const MS = 1000;

/** Joins the halves of calls that other threads interrupted, in the order in which calls returned. */
export function parseCalls(text: string): Call[] {
  const calls: Call[] = [];
  const unfinished = new Map<string, { line: number; at: number; head: string }>();
  for (const [line, row] of text.split("\n").entries()) {
    const match = /^(?:\[pid +)?(\d+)\]? +(\d+\.\d+) (.*)$/.exec(row);
    if (match === null) continue;
    const [, thread = "", time = "", rest = ""] = match;
    const at = Number(time);
    if (rest.startsWith("+++ killed by ")) {
      const cutShort = unfinished.get(thread);
      unfinished.delete(thread);
      if (cutShort !== undefined) addCutShort(calls, cutShort, line);
      continue;
    }
    const cut = / <unfinished \.\.\.>$/.exec(rest);
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    if (cut !== null) {
      unfinished.set(thread, { line, at, head: rest.slice(0, cut.index) });
    } else if (resumed !== null) {
      const first = unfinished.get(thread);
      unfinished.delete(thread);
      if (first === undefined) continue;
      add(calls, first.head + (resumed[1] ?? ""), first, line);
    } else {
      add(calls, rest, { line, at }, line);
    }
  }
  return calls;
}

/** A call that SIGKILL cut short has done its work, as far as anybody can tell, and synced nothing. */
function addCutShort(
  calls: Call[],
  { line, at, head }: { line: number; at: number; head: string },
  returned: number,
): void {
  const [, name = "", args = ""] = /^(\w+)\((.*)$/.exec(head) ?? [];
  if (name === "fsync" || name === "fdatasync") return;
  const times = { began: line, returned, beganMs: at * MS, returnedMs: at * MS };
  calls.push({
    name,
    args,
    result: name.startsWith("rename") ? 0 : Number.MAX_SAFE_INTEGER,
    ...times,
  });
}

function add(
  calls: Call[],
  text: string,
  { line, at }: { line: number; at: number },
  returned: number,
): void {
  // A call that strace itself answered has done nothing.
  if (text.includes("(INJECTED)")) return;
  const match = /^(\w+)\((.*)\) += (-?\d+).*<(\d+\.\d+)>$/.exec(text);
  if (match === null) return;
  const [, name = "", args = "", result = "", took = ""] = match;
  const returnedMs = (at + Number(took)) * MS;
  const times = { began: line, returned, beganMs: at * MS, returnedMs };
  calls.push({ name, args, result: Number(result), ...times });
}

/** What a call on a descriptor was about; undefined: a pipe, or what nobody asks for. */
export function targetOf(call: Call): Target | undefined {
  const named = /^\d+<((?:->|[^>])*)>/.exec(call.args)?.[1] ?? "";
  const connection = /^TCP(?:v6)?:\[(.*)->(.*)\]$/.exec(named);
  if (connection !== null) {
    const [, local = "", remote = ""] = connection;
    return { kind: "connection", local, remote };
  }
  const path = decode(named).toString();
  return path.startsWith("/") ? { kind: "file", path } : undefined;
}

/** What a call wrote: as many bytes of the strings in its arguments as it says it took. */
export function written(call: Call): Buffer {
  const strings = [...call.args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)];
  return Buffer.concat(strings.map((one) => decode(one[1] ?? ""))).subarray(0, call.result);
}

/** The paths that a call names as its arguments. */
export function pathsOf(call: Call): string[] {
  const names = call.args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g);
  return [...names].map((one) => decode(one[1] ?? "").toString());
}

function decode(escaped: string): Buffer {
  return Buffer.from(escaped.replaceAll("\\x", ""), "hex");
}
