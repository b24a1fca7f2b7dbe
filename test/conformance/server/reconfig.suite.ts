import { describe, expect, test } from "vitest";
import { OpCode } from "../../../protocol/opcodes.ts";
import { writeReconfigRequest } from "../../../protocol/reconfig.ts";
import { data, RawClient } from "../../tools/raw-client.ts";
import type { Peer } from "./peer.ts";

/** Where a server stands alone there is nothing to reconfigure; `err` says why. */
export function reconfigSuite(peer: Peer, err: -123 | -6): void {
  describe("reconfig", () => {
    // client-protocol 6/16 reconfig, 9/-123 RECONFIGDISABLED, 9/-6 UNIMPLEMENTED
    // server-semantics 3.2/reconfig, 3.4
    test(`of a server that stands alone is refused with ${err}, as a write that fails`, async () => {
      const client = await RawClient.open(peer.port);
      const { zxid } = await client.ping();
      for (const members of [null, "", "server.1=localhost:2888:3888;2181"]) {
        const reply = await client.call(OpCode.reconfig, (writer) =>
          writeReconfigRequest(writer, {
            joiningServers: members,
            leavingServers: null,
            newMembers: null,
            curConfigId: -1,
          }),
        );
        expect([reply.err, reply.zxid > zxid]).toEqual([err, true]);
      }
      expect((await client.call(OpCode.reconfig)).err).toBe(-5);
      // What getConfig asks for.
      expect(data(await client.getData("/zookeeper/config", true))?.length).toBe(0);
      client.drop();
    });
  });
}
