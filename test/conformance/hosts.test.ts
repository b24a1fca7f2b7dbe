import { benches } from "./benches.ts";
import { clockSuite } from "./clock.suite.ts";
import { diskSuite } from "./disk.suite.ts";
import { electionPortSuite } from "./election-port.suite.ts";
import { networkSuite } from "./network.suite.ts";
import { quorumPortSuite } from "./quorum-port.suite.ts";

for (const kind of benches) {
  clockSuite(kind);
  diskSuite(kind);
  networkSuite(kind);
  quorumPortSuite(kind);
  electionPortSuite(kind);
}
