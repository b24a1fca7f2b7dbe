/**
 * What asks for a change of an ensemble's members (client-protocol 6, operation 16). Its answer is
 * that of a getData of `/zookeeper/config`.
 */
import type { Reader, Writer } from "./jute.ts";

// ReconfigRequest: ustring joiningServers, ustring leavingServers, ustring newMembers,
//                  long curConfigId

/** Either the first two say what changes, or the third says all. */
export interface ReconfigRequest {
  readonly joiningServers: string | null;
  readonly leavingServers: string | null;
  readonly newMembers: string | null;
  /** The zxid of the configuration that is to be replaced; -1: any. */
  readonly curConfigId: number;
}

export function readReconfigRequest(reader: Reader): ReconfigRequest {
  return {
    joiningServers: reader.string(),
    leavingServers: reader.string(),
    newMembers: reader.string(),
    curConfigId: reader.long(),
  };
}

export function writeReconfigRequest(writer: Writer, request: ReconfigRequest): void {
  writer.string(request.joiningServers);
  writer.string(request.leavingServers);
  writer.string(request.newMembers);
  writer.long(request.curConfigId);
}
