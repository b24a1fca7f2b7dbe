import { aclSuite } from "./acl.suite.ts";
import { addWatchSuite } from "./add-watch.suite.ts";
import { habitsSuite } from "./habits.suite.ts";
import { handshakeSuite } from "./handshake.suite.ts";
import { inquiriesSuite } from "./inquiries.suite.ts";
import { multiSuite } from "./multi.suite.ts";
import { operationsSuite } from "./operations.suite.ts";
import { orderSuite } from "./order.suite.ts";
import type { Peer } from "./peer.ts";
import { quotaSuite } from "./quota.suite.ts";
import { reconfigSuite } from "./reconfig.suite.ts";
import { watchesSuite } from "./watches.suite.ts";

/** Everything that a server on the client port is held to, ours and Apache's alike. */
export function serverSuites(peer: Peer): void {
  handshakeSuite(peer);
  orderSuite(peer);
  operationsSuite(peer);
  multiSuite(peer);
  watchesSuite(peer);
  addWatchSuite(peer);
  inquiriesSuite(peer);
  reconfigSuite(peer, -123);
  aclSuite(peer);
  quotaSuite(peer);
  habitsSuite(peer);
}
