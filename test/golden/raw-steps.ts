// Requests that Apache's Java client never sends, written out by hand: what older and other clients
// do, and what a server refuses. capture.ts sends them and keeps the answers.

export interface RawStep {
  readonly name: string;
  /** Frames behind their lengths, in hexadecimal; each brings one frame. */
  readonly requests: readonly string[];
  /** The server closes the connection in the end. */
  readonly closes: boolean;
}

const NO_PASSWORD = "00000010 00000000000000000000000000000000";

/** version 0, lastZxidSeen 0, 8 s, no session, 16 zero bytes, read-only not wanted */
const CONNECT = `00000000 0000000000000000 00001f40 0000000000000000 ${NO_PASSWORD} 00`;

function afterConnect(name: string, ...bodies: readonly string[]): RawStep {
  return {
    name,
    requests: [CONNECT, ...bodies],
    closes: false,
  };
}

export const rawSteps: readonly RawStep[] = [
  {
    name: "connect-without-readOnly",
    requests: [CONNECT.slice(0, -" 00".length)],
    closes: false,
  },
  {
    name: "connect-password-null",
    requests: [`${"00".repeat(16)} 0000000000000000 ffffffff 00`],
    closes: false,
  },
  {
    // A session that never was.
    name: "connect-unknown-session",
    requests: [`00000000 0000000000000000 00001f40 0123456789abcdef ${NO_PASSWORD} 00`],
    closes: true,
  },
  // kazoo sends null for an empty string.
  afterConnect("sync-null", "00000001 00000009 ffffffff"),
  afterConnect("sync-empty", "00000001 00000009 00000000"),
  afterConnect("exists-empty-path", "00000001 00000003 00000000 00"),
  afterConnect("ping-other-xid", "00000007 0000000b"),
  afterConnect(
    "auth-ordinary-xid",
    "00000005 00000064 00000000 00000006646967657374 00000003613a62",
  ),
  afterConnect("auth-xid", "fffffffc 00000064 00000000 00000006646967657374 00000003613a62"),
  {
    ...afterConnect("auth-AuthFailed", "fffffffc 00000064 00000000 000000046e6f6e65 ffffffff"),
    closes: true,
  },
  // The C client's way, with no watch at all; then with lists that are null.
  afterConnect("setWatches-xid", "fffffff8 00000065 0000000000000000 00000000 00000000 00000000"),
  afterConnect("setWatches-null", "fffffff8 00000065 0000000000000000 ffffffff ffffffff ffffffff"),
  afterConnect("checkWatches-NoWatcher", "00000001 00000011 000000022f61 00000002"),
  afterConnect("removeWatches-MarshallingError", "00000001 00000012 000000022f61 00000063"),
  afterConnect("getData-MarshallingError", "00000001 00000004 7fffffff"),
  // /t with flags 99.
  afterConnect(
    "create-BadArguments",
    "00000001 00000001 000000022f74 00000000 00000001 0000001f 00000005776f726c64 00000006616e796f6e65 00000063",
  ),
  // The Java client does not send these two: an ACL without entries, and with none at all.
  afterConnect(
    "create-InvalidACL-empty",
    "00000001 00000001 000000022f74 00000000 00000000 00000000",
  ),
  afterConnect(
    "create-InvalidACL-null",
    "00000001 00000001 000000022f74 00000000 ffffffff 00000000",
  ),
  // Nor a multi without operations.
  afterConnect("multi-empty", "00000001 0000000e ffffffff 01 ffffffff"),
  // A getData inside a multi.
  afterConnect(
    "multi-MarshallingError",
    "00000001 0000000e 00000004 00 ffffffff 000000022f61 00 ffffffff 01 ffffffff",
  ),
  // create2 inside a multi: later releases answer with type 15.
  afterConnect(
    "multi-create2",
    "00000001 0000000e 0000000f 00 ffffffff 000000042f746d32 ffffffff 00000001 0000001f 00000005776f726c64 00000006616e796f6e65 00000000 ffffffff 01 ffffffff",
  ),
  {
    ...afterConnect("unknown-operation", "00000001 000003e7"),
    closes: true,
  },
];
