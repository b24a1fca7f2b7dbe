import { describe, expect, test } from "vitest";
import { OpCode, Xid } from "../../../protocol/opcodes.ts";
import { RawClient } from "../../tools/raw-client.ts";
import type { Peer } from "./peer.ts";

/** What the servers of this suite are told, by ZooKeeper's names. */
export const ENFORCED_AUTH: Readonly<Record<string, string>> = {
  "enforce.auth.enabled": "true",
  "enforce.auth.schemes": "digest",
  ensembleAuthName: "one, two",
  "authProvider.1": "org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider",
};

/** A server that asks who is there, and is asked where it is. */
export function enforcedAuthSuite(peer: Peer): void {
  const open = (): Promise<RawClient> => RawClient.open(peer.port);

  describe("a server that demands digest", () => {
    // operations 2.4/enforce.auth.enabled enforce.auth.schemes
    // client-protocol 9/-124 SESSIONCLOSEDREQUIRESASLAUTH, 4/auth SASL enforced-auth refusal eager-ACL refusal, 11; server-semantics 12/auth failure / SASL failure / enforced auth
    test("refuses every request of who has not proven it, and closes", async () => {
      const types = [OpCode.ping, OpCode.closeSession, OpCode.exists, OpCode.setWatches, 999];
      for (const type of types) {
        const client = await open();
        const reply = await client.call(type, (writer) => writer.string("/"));
        expect(reply, `type ${type}`).toMatchObject({ err: -124, zxid: 0 });
        expect(reply.body).toHaveLength(0);
        await client.untilClosed();
        expect(client.frames).toHaveLength(1);
      }
    });

    test("keeps the xid, and answers nothing behind it", async () => {
      const client = await open();
      client.send(OpCode.ping, undefined, Xid.ping);
      client.sendCreate("/behind");
      await client.untilClosed();
      expect(client.frames).toMatchObject([{ xid: Xid.ping, err: -124 }]);
      const other = await open();
      await other.auth("digest", "u:p");
      expect((await other.exists("/behind")).err).toBe(-101);
      other.drop();
    });

    // operations 2.4/enforce.auth.enabled enforce.auth.schemes
    test("serves who has, from the next request on", async () => {
      const client = await open();
      void client.auth("ip", "");
      void client.auth("digest", "u:p", 7);
      expect((await client.exists("/none")).err).toBe(-101);
      expect(client.closed).toBe(false);
      client.drop();
    });
  });

  describe("an ensemble with names", () => {
    // server-semantics 7.1/ensemble (if configured); operations 2.4/ensembleAuthName
    test("is found by each of them, and by who names none", async () => {
      for (const name of ["one", "two", "", null]) {
        const client = await open();
        expect(await client.auth("ensemble", name)).toMatchObject({ err: 0, zxid: 0 });
        // It proves nothing about the client.
        expect((await client.exists("/")).err).toBe(-124);
      }
    });

    // server-semantics 7.1/ensemble (if configured); operations 2.4/ensembleAuthName
    test("closes without a word on who looks for another", async () => {
      for (const name of ["three", " two", "one, two"]) {
        const client = await open();
        await expect(client.auth("ensemble", name)).rejects.toThrow("closed");
        expect(client.frames).toEqual([]);
      }
    });
  });
}
