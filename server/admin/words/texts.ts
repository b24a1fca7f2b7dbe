/** What several words say in the same way. */

/**
 * The first `count` of what changes while it is walked in slices: what is added meanwhile comes
 * last, and so a walk without end is none.
 */
export function* first<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  if (left <= 0) return;
  for (const item of items) {
    yield item;
    if (--left === 0) return;
  }
}

const IPV6_GROUPS = 8;

/** As Java writes an address: IPv6 in brackets and without "::". */
export function addressText(address: string, port: number): string {
  return `/${address.includes(":") ? `[${expanded(address)}]` : address}:${port}`;
}

function expanded(address: string): string {
  const [groups = "", zone] = address.split("%");
  const [before = "", after] = groups.split("::");
  if (after === undefined) return address;
  const left = before === "" ? [] : before.split(":");
  const right = after === "" ? [] : after.split(":");
  const zeros = Array.from({ length: IPV6_GROUPS - left.length - right.length }, () => "0");
  const full = [...left, ...zeros, ...right].join(":");
  return zone === undefined ? full : `${full}%${zone}`;
}

/** A number as whole milliseconds, rounded down as ZooKeeper's clock does. */
export function whole(value: number): number {
  return Math.floor(value);
}
