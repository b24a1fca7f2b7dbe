import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { addressText, isWithin, parseAddress, parseNetwork } from "../../protocol/ip-network.ts";

test("an IPv4 address is four numbers", () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      const address = parseAddress(text);
      expect(address && addressText(address)).toBe(text);
    }),
  );
  expect(parseAddress("0010.0.0.001")).toEqual(parseAddress("10.0.0.1"));
});

test("an IPv6 address is eight groups, however it is written", () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const address = parseAddress(text);
      expect(address).toBeDefined();
      if (address?.length !== 4) return;
      const full = addressText(address);
      expect(full).toMatch(/^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}$/);
      expect(parseAddress(full)).toEqual(address);
      // The URL standard's own reading, from its shortest form.
      expect(new URL(`http://[${full}]/`).host).toBe(new URL(`http://[${text}]/`).host);
    }),
  );
});

test("nothing else is an address", () => {
  const pieces = fc.constantFrom(
    ":",
    "::",
    ".",
    "0",
    "1",
    "255",
    "256",
    "ffff",
    "fffff",
    "g",
    "%",
    "/",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      const text = parts.join("");
      if (text.includes("%")) return;
      expect(parseAddress(text) !== undefined).toBe(isIPv4(text) || isIPv6(text) || isLoose(text));
    }),
    { numRuns: 2000 },
  );
});

/** Leading zeros in IPv4, which ZooKeeper takes. */
function isLoose(text: string): boolean {
  const plain = text.replace(/(^|[.:])0+(?=\d+(\.|$))/g, "$1");
  return text.includes(".") && plain !== text && (isIPv4(plain) || isIPv6(plain));
}

test("an IPv4 address in IPv6's clothes is the IPv4 address", () => {
  expect(parseAddress("::ffff:10.1.2.3")).toEqual(parseAddress("10.1.2.3"));
  expect(parseAddress("::FFFF:0a01:0203")).toEqual(parseAddress("10.1.2.3"));
  expect(parseAddress("::10.1.2.3")).not.toEqual(parseAddress("10.1.2.3"));
});

test("a network is an address and as many bits of it as are said", () => {
  expect(parseNetwork("10.0.0.1")?.bits).toBe(32);
  expect(parseNetwork("fd00::")?.bits).toBe(128);
  expect(parseNetwork("10.0.0.1/0")?.bits).toBe(0);
  expect(parseNetwork("::ffff:10.0.0.1/32")?.bits).toBe(32);
  for (const text of ["10.0.0.1/33", "fd00::/129", "10.0.0.1/", "/8", "10.0.0.1/+8", "fe80::1%2"]) {
    expect(parseNetwork(text), text).toBeUndefined();
  }
});

test("an address is within a network when their first bits are the same", () => {
  const word = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
  const address = fc.oneof(fc.tuple(word), fc.tuple(word, word, word, word));
  fc.assert(
    fc.property(address, fc.nat(), fc.nat(), (words, rawBits, rawFlip) => {
      const width = words.length * 32;
      const bits = rawBits % (width + 1);
      const flip = rawFlip % width;
      const other = words.map((each, i) =>
        i === flip >>> 5 ? each ^ (1 << (31 - (flip & 31))) : each,
      );
      expect(isWithin({ address: words, bits }, words)).toBe(true);
      expect(isWithin({ address: words, bits }, other)).toBe(flip >= bits);
    }),
  );
});

test("the families have nothing in common", () => {
  expect(isWithin({ address: [0], bits: 0 }, [0, 0, 0, 0])).toBe(false);
  expect(isWithin({ address: [0, 0, 0, 0], bits: 0 }, [0])).toBe(false);
});
