/** `srvr` and `stat`: the server on one page, without and with its clients. */
import { zxidHex } from "../../../protocol/zxid.ts";
import type { AdminSource } from "../source.ts";
import { averageText } from "../summary.ts";
import { addressText, first, whole } from "./texts.ts";

export function server(source: AdminSource): string {
  return versionLine(source) + serverBlock(source);
}

/** One leading blank per client; the empty line ends the block for Datadog. */
export function* serverWithClients(source: AdminSource): Generator<string> {
  yield `${versionLine(source)}Clients:\n`;
  for (const each of first(source.connections(), source.connectionCount)) {
    yield ` ${addressText(each.remoteAddress, each.remotePort)}[${each.interest}]` +
      `(queued=${each.queued},recved=${each.received},sent=${each.sent})\n`;
  }
  yield `\n${serverBlock(source)}`;
}

function versionLine({ versionText, mode }: AdminSource): string {
  const readOnly = mode === "read-only" ? "READ-ONLY mode; serving only read-only clients\n" : "";
  return `Zookeeper version: ${versionText}\n${readOnly}`;
}

function proposalLine(source: AdminSource): string {
  const sizes = source.ensemble?.leading?.proposals;
  if (sizes === undefined) return "";
  return `Proposal sizes last/min/max: ${sizes.last}/${sizes.min}/${sizes.max}\n`;
}

/** Fields and their order are fixed: go-zookeeper matches the lines one after the other. */
function serverBlock(source: AdminSource): string {
  const latency = source.requestLatency;
  return (
    `Latency min/avg/max: ${whole(latency.min)}/${averageText(latency)}/${whole(latency.max)}\n` +
    `Received: ${source.packetsReceived}\n` +
    `Sent: ${source.packetsSent}\n` +
    `Connections: ${source.connectionCount}\n` +
    `Outstanding: ${source.outstandingRequests}\n` +
    `Zxid: 0x${zxidHex(source.lastZxid)}\n` +
    `Mode: ${source.mode}\n` +
    `Node count: ${source.znodeCount}\n` +
    proposalLine(source)
  );
}
