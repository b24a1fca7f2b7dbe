/**
 * Records of the jute module `proto` that ask about many znodes at once, or about oneself
 * (client-protocol 6, operations 103, 104 and 107). The first two are asked with a PathRequest,
 * whoAmI with a header alone.
 */
import { readStrings, writeStrings } from "./data.ts";
import type { Reader, Writer } from "./jute.ts";

// GetEphemeralsResponse: vector<ustring> ephemerals

export interface GetEphemeralsResponse {
  /** Whole paths, in no order. */
  readonly ephemerals: readonly string[] | null;
}

export function readGetEphemeralsResponse(reader: Reader): GetEphemeralsResponse {
  return { ephemerals: readStrings(reader) };
}

export function writeGetEphemeralsResponse(writer: Writer, response: GetEphemeralsResponse): void {
  writeStrings(writer, response.ephemerals);
}

// GetAllChildrenNumberResponse: int totalNumber

export interface GetAllChildrenNumberResponse {
  /** Descendants of every generation. */
  readonly totalNumber: number;
}

export function readGetAllChildrenNumberResponse(reader: Reader): GetAllChildrenNumberResponse {
  return { totalNumber: reader.int() };
}

export function writeGetAllChildrenNumberResponse(
  writer: Writer,
  response: GetAllChildrenNumberResponse,
): void {
  writer.int(response.totalNumber);
}

// ClientInfo: ustring authScheme, ustring user

/** One of the identities that a connection has proven, without what proves it. */
export interface ClientInfo {
  readonly authScheme: string | null;
  readonly user: string | null;
}

/** Two empty strings. */
const CLIENT_INFO_BYTES_MIN = 8;

// WhoAmIResponse: vector<ClientInfo> clientInfo

export interface WhoAmIResponse {
  /** In no order. */
  readonly clientInfo: readonly ClientInfo[] | null;
}

export function readWhoAmIResponse(reader: Reader): WhoAmIResponse {
  const length = reader.vectorLength(CLIENT_INFO_BYTES_MIN);
  if (length < 0) return { clientInfo: null };
  const clientInfo: ClientInfo[] = [];
  for (let i = 0; i < length; i++) {
    clientInfo.push({ authScheme: reader.string(), user: reader.string() });
  }
  return { clientInfo };
}

export function writeWhoAmIResponse(writer: Writer, { clientInfo }: WhoAmIResponse): void {
  if (clientInfo === null) {
    writer.int(-1);
    return;
  }
  writer.int(clientInfo.length);
  for (const { authScheme, user } of clientInfo) {
    writer.string(authScheme);
    writer.string(user);
  }
}
