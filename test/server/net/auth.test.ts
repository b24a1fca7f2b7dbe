import { expect, test } from "vitest";
import { OpCode } from "../../../protocol/opcodes.ts";
import { addressId } from "../../../server/net/auth.ts";
import { ServerRoom } from "../pipeline/server-room.ts";

// server-semantics 7.1
test("a connection is known by its address, as Java writes it", () => {
  expect(addressId("10.0.0.7").id).toBe("10.0.0.7");
  expect(addressId("::1").id).toBe("0:0:0:0:0:0:0:1");
  expect(addressId("2001:db8::A0:7").id).toBe("2001:db8:0:0:0:0:a0:7");
  expect(addressId("::ffff:10.0.0.7").id).toBe("10.0.0.7");
  expect(addressId("fe80::1%eth0").id).toBe("fe80:0:0:0:0:0:0:1");
});

// server-semantics 7.3/ip; operations 7.4
test("who comes over IPv6 is let in by the networks of IPv6", () => {
  const room = new ServerRoom();
  const inside = room.open({}, "fd00::7");
  const outside = room.open({}, "2001:db8::7");
  const acl = [{ perms: 31, id: { scheme: "ip", id: "fd00::/16" } }];
  const created = inside.create("/inside", 0, Buffer.alloc(0), acl);
  expect(inside.reply(created).err).toBe(0);
  expect(inside.reply(inside.read(OpCode.getData, "/inside")).err).toBe(0);
  expect(outside.reply(outside.read(OpCode.getData, "/inside")).err).toBe(-102);
});
