/**
 * Addresses of machines as numbers, and networks of them (`10.1.0.0/16`, `fd00::/8`): what ACLs of
 * scheme `ip` and lists of who may connect are made of. A text is parsed once, when it is first
 * seen; what is asked per request compares words.
 */

/** int32 words, most significant first: one of them is IPv4, four are IPv6. */
export type IpAddress = readonly number[];

/** The addresses that begin with the first `bits` bits of `address`. */
export interface IpNetwork {
  readonly address: IpAddress;
  /** 0 to 32 times the words. */
  readonly bits: number;
}

const WORD_BITS = 32;
const GROUPS = 8;
/** `::ffff:0:0/96`, which holds IPv4 addresses as IPv6 ones. */
const MAPPED_WORD = 0xffff;

/**
 * An IPv4 or IPv6 literal, the zone of a link-local one left out; undefined: it is none. An IPv4
 * address in IPv6's clothes (`::ffff:10.0.0.1`) is the IPv4 address that it means.
 */
export function parseAddress(text: string): IpAddress | undefined {
  if (!text.includes(":")) return wordsOfIPv4(text);
  const zone = text.indexOf("%");
  return wordsOfIPv6(zone < 0 ? text : text.slice(0, zone));
}

/** `address`, which is all of its bits, or `address/bits`. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const slash = text.indexOf("/");
  const literal = slash < 0 ? text : text.slice(0, slash);
  // A zone says nothing across machines.
  const address = literal.includes("%") ? undefined : parseAddress(literal);
  if (address === undefined) return undefined;
  const widest = address.length * WORD_BITS;
  const bits = slash < 0 ? widest : decimal(text.slice(slash + 1), widest);
  return bits === undefined ? undefined : { address, bits };
}

/** Whether the address is in the network. The two families have nothing in common. */
export function isWithin(network: IpNetwork, address: IpAddress): boolean {
  if (network.address.length !== address.length) return false;
  for (let i = 0, bits = network.bits; bits > 0; i++, bits -= WORD_BITS) {
    const differing = (network.address[i] ?? 0) ^ (address[i] ?? 0);
    const shift = bits >= WORD_BITS ? 0 : WORD_BITS - bits;
    if (differing >>> shift !== 0) return false;
  }
  return true;
}

/** As Java writes an address: IPv6 with all of its groups, none of them with leading zeros. */
export function addressText(address: IpAddress): string {
  const [first = 0] = address;
  if (address.length === 1) {
    return `${first >>> 24}.${(first >>> 16) & 0xff}.${(first >>> 8) & 0xff}.${first & 0xff}`;
  }
  const groups = address.flatMap((word) => [word >>> 16, word & 0xffff]);
  return groups.map((group) => group.toString(16)).join(":");
}

/** Four decimal numbers; leading zeros mean nothing, as ZooKeeper reads them. */
function wordsOfIPv4(text: string): IpAddress | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let word = 0;
  for (const part of parts) {
    const byte = decimal(part, 0xff);
    if (byte === undefined) return undefined;
    word = (word << 8) | byte;
  }
  return [word];
}

/** Eight groups, of which `::` leaves out one or more zeros; the last two may be an IPv4 address. */
function wordsOfIPv6(text: string): IpAddress | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? "", halves.length === 1);
  const tail = groupsOf(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = GROUPS - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const words: number[] = [];
  for (let i = 0; i < GROUPS; i += 2) {
    words.push(((groups[i] ?? 0) << 16) | (groups[i + 1] ?? 0));
  }
  const [first, second, third, last = 0] = words;
  const isMapped = first === 0 && second === 0 && third === MAPPED_WORD;
  return isMapped ? [last] : words;
}

/** @param isEnd Whether these are the last groups: only they may end with an IPv4 address. */
function groupsOf(text: string, isEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (isEnd && i === parts.length - 1 && part.includes(".")) {
      const embedded = wordsOfIPv4(part)?.[0];
      if (embedded === undefined) return undefined;
      groups.push(embedded >>> 16, embedded & 0xffff);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

function decimal(text: string, max: number): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}
