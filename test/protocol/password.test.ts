import { expect, test } from "vitest";
import { PASSWORD_BYTES, sessionPassword } from "../../protocol/password.ts";

// client-protocol 3.7; operations Trap 25
test("the password of a session follows from its id as in the reference", () => {
  expect(sessionPassword(0x01000012, 0x83160000).toString("hex")).toBe(
    "e8b1880f55617f6b069b0b4f26ae62c8",
  );
});

/** The generator as its definition has it, in wide integers. */
function passwordByDefinition(id: bigint): string {
  const bits48 = (1n << 48n) - 1n;
  let state = (id ^ 0xb3415c00n ^ 0x5deece66dn) & bits48;
  const password = Buffer.alloc(PASSWORD_BYTES);
  for (let at = 0; at < PASSWORD_BYTES; at += 4) {
    state = (state * 0x5deece66dn + 0xbn) & bits48;
    password.writeUInt32LE(Number((state >> 16n) & 0xffff_ffffn), at);
  }
  return password.toString("hex");
}

// client-protocol 3.7
test("halves of 24 bits compute what 48 bits would", () => {
  const words = [0, 1, -1, 0x7fffffff, -0x80000000, 0x0100_0012, 0x5dee_ce66, 0x1234_5678];
  for (const high of words) {
    for (const low of words) {
      const id = BigInt.asUintN(64, (BigInt(high) << 32n) | BigInt(low >>> 0));
      expect(sessionPassword(high, low).toString("hex")).toBe(passwordByDefinition(id));
    }
  }
});
