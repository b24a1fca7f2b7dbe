/**
 * A session's password: 16 bytes that follow from its id, so that every server, of an Apache
 * ensemble too, can check it. It proves nothing to an attacker (client-protocol 3.7).
 *
 * The generator is java.util.Random's: 48 bits of state, here in halves of 24 bits, since the
 * product of two halves is a safe integer.
 */

/** Bytes of a password. */
export const PASSWORD_BYTES = 16;

const SALT = 0xb341_5c00;
const MULTIPLIER_HIGH = 0x5de;
const MULTIPLIER_LOW = 0xec_e66d;
const INCREMENT = 0xb;
const TWO_24 = 0x100_0000;

/** The password of the session whose id has these words. */
export function sessionPassword(sessionHigh: number, sessionLow: number): Buffer {
  const password = Buffer.allocUnsafe(PASSWORD_BYTES);
  // The generator scrambles its seed with the multiplier; the salt has no upper word.
  const seedLow = sessionLow ^ SALT ^ ((MULTIPLIER_HIGH << 24) | MULTIPLIER_LOW);
  const seedHigh = (sessionHigh ^ (MULTIPLIER_HIGH >> 8)) & 0xffff;
  let high = (seedHigh << 8) | (seedLow >>> 24);
  let low = seedLow & (TWO_24 - 1);
  for (let at = 0; at < PASSWORD_BYTES; at += 4) {
    const product = low * MULTIPLIER_LOW + INCREMENT;
    const carry = Math.floor(product / TWO_24);
    high = (high * MULTIPLIER_LOW + low * MULTIPLIER_HIGH + carry) % TWO_24;
    low = product % TWO_24;
    password.writeInt32LE((high << 8) | (low >>> 16), at);
  }
  return password;
}
