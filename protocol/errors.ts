/** Every code that may appear on the wire, with its name and a sentence for people. */
const TABLE = [
  [0, "Ok", "the request succeeded"],
  [-1, "SystemError", "the server failed"],
  [-2, "RuntimeInconsistency", "an earlier operation of the same multi failed"],
  [-3, "DataInconsistency", "the server found its data inconsistent"],
  [
    -4,
    "ConnectionLoss",
    "the connection was lost; a request that was sent may or may not have taken effect",
  ],
  [-5, "MarshallingError", "the server could not decode the request"],
  [-6, "Unimplemented", "the server does not implement this operation"],
  [-7, "OperationTimeout", "no answer came in time"],
  [-8, "BadArguments", "a path or an argument is not valid"],
  [-9, "InvalidState", "the client is in no state for this"],
  [-12, "UnknownSession", "the server does not know the session"],
  [-13, "NewConfigNoQuorum", "no quorum of the new configuration is connected and in sync"],
  [-14, "ReconfigInProgress", "another reconfiguration is in progress"],
  [-100, "ApiError", "the request was refused"],
  [-101, "NoNode", "the znode does not exist"],
  [-102, "NoAuth", "the ACL does not permit this"],
  [-103, "BadVersion", "the version is not the expected one"],
  [-108, "NoChildrenForEphemerals", "an ephemeral znode cannot have children"],
  [-110, "NodeExists", "the znode already exists"],
  [-111, "NotEmpty", "the znode has children"],
  [-112, "SessionExpired", "the session has expired or was closed"],
  [-113, "InvalidCallback", "a callback is not valid"],
  [-114, "InvalidACL", "the ACL is empty or has an entry that is not valid"],
  [-115, "AuthFailed", "the server refused the credentials"],
  [-116, "Closing", "the client is closing"],
  [-117, "Nothing", "no response to process"],
  [-118, "SessionMoved", "the session moved to another server"],
  [-119, "NotReadOnly", "the server has no quorum and serves reads only"],
  [-120, "EphemeralOnLocalSession", "a local session cannot create an ephemeral znode"],
  [-121, "NoWatcher", "no such watch is registered"],
  [-122, "RequestTimeout", "no answer came in time"],
  [-123, "ReconfigDisabled", "reconfiguration is disabled"],
  [-124, "SessionClosedRequireSaslAuth", "the server demands authentication"],
  [-125, "QuotaExceeded", "a quota would be exceeded"],
  [-127, "ThrottledOp", "the server was too busy and did not execute the request"],
] as const;

/** Names of the codes, a closed union. */
export type ErrorName = (typeof TABLE)[number][1];

type Codes = {
  readonly [N in ErrorName]: Extract<(typeof TABLE)[number], readonly [number, N, string]>[0];
};

/** The code of each name. */
export const ErrorCode: Codes = Object.fromEntries(
  TABLE.map(([code, name]) => [name, code]),
) as Codes;

const byCode: ReadonlyMap<number, (typeof TABLE)[number]> = new Map(
  TABLE.map((row) => [row[0], row]),
);

/** The name of a code that came off the wire, or undefined for one that no release sends. */
export function errorName(code: number): ErrorName | undefined {
  return byCode.get(code)?.[1];
}

/** One sentence that says what a code means. */
export function errorSentence(name: ErrorName): string {
  return byCode.get(ErrorCode[name])?.[2] ?? name;
}
