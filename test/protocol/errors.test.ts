import { expect, test } from "vitest";
import { ErrorCode, errorName, errorSentence } from "../../protocol/errors.ts";

/** The codes of the reference, with the name that it gives each. */
const REFERENCE: readonly (readonly [code: number, name: string])[] = [
  [0, "OK"],
  [-1, "SYSTEMERROR"],
  [-2, "RUNTIMEINCONSISTENCY"],
  [-3, "DATAINCONSISTENCY"],
  [-4, "CONNECTIONLOSS"],
  [-5, "MARSHALLINGERROR"],
  [-6, "UNIMPLEMENTED"],
  [-7, "OPERATIONTIMEOUT"],
  [-8, "BADARGUMENTS"],
  [-9, "INVALIDSTATE"],
  [-12, "UNKNOWNSESSION"],
  [-13, "NEWCONFIGNOQUORUM"],
  [-14, "RECONFIGINPROGRESS"],
  [-100, "APIERROR"],
  [-101, "NONODE"],
  [-102, "NOAUTH"],
  [-103, "BADVERSION"],
  [-108, "NOCHILDRENFOREPHEMERALS"],
  [-110, "NODEEXISTS"],
  [-111, "NOTEMPTY"],
  [-112, "SESSIONEXPIRED"],
  [-113, "INVALIDCALLBACK"],
  [-114, "INVALIDACL"],
  [-115, "AUTHFAILED"],
  [-116, "CLOSING"],
  [-117, "NOTHING"],
  [-118, "SESSIONMOVED"],
  [-119, "NOTREADONLY"],
  [-120, "EPHEMERALONLOCALSESSION"],
  [-121, "NOWATCHER"],
  [-122, "REQUESTTIMEOUT"],
  [-123, "RECONFIGDISABLED"],
  [-124, "SESSIONCLOSEDREQUIRESASLAUTH"],
  [-125, "QUOTAEXCEEDED"],
  [-127, "THROTTLEDOP"],
];

// client-protocol 9, 9/0, 9/-1, 9/-3, 9/-7, 9/-9, 9/-100, 9/-113, 9/-116, 9/-122
test("the table has the reference's codes under their names, and no other", () => {
  const ours = Object.entries(ErrorCode).map(([name, code]) => [code, name.toUpperCase()]);
  expect(ours).toEqual(REFERENCE);
});

test("a code leads to its name and a sentence, an unknown one to nothing", () => {
  for (const [code, name] of REFERENCE) {
    const found = errorName(code);
    expect(found?.toUpperCase()).toBe(name);
    expect(found === undefined ? "" : errorSentence(found)).toMatch(/^[a-z].{8,}[a-z]$/);
  }
  expect(errorName(-126)).toBeUndefined();
  expect(errorName(1)).toBeUndefined();
});
