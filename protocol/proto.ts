/**
 * The jute module `proto`: what travels on the client port (client-protocol 3 to 8). A record's
 * layout stands above its reader and writer, in wire order. Operations that share a layout share a
 * record; which operation has which is in the comment. `multi.ts` and `multi-read.ts` have the two
 * records of each multi, `inquiries.ts` what is asked about many znodes or about oneself.
 *
 * Readers take what the reference takes: trailing bytes are left alone, a null string or buffer is
 * a value. What is no record at all is a JuteError.
 */
import {
  type ACL,
  readACLs,
  readStat,
  readStrings,
  type Stat,
  writeACLs,
  writeStat,
  writeStrings,
} from "./data.ts";
import type { Reader, Writer } from "./jute.ts";
import type { Zxid } from "./zxid.ts";

// The handshake: the only records without a header.

// ConnectRequest: int protocolVersion, long lastZxidSeen, int timeOut, long sessionId,
//                 buffer passwd, [boolean readOnly]

export interface ConnectRequest {
  /** 0; nobody looks at it. */
  readonly protocolVersion: number;
  /** The highest zxid that the client saw in a reply, 0 at first. */
  readonly lastZxidSeen: Zxid;
  readonly timeoutMs: number;
  /** Both words 0 for a new session. */
  readonly sessionHigh: number;
  readonly sessionLow: number;
  readonly password: Buffer | null;
  /** Whether a server without a quorum will do; undefined: the byte is absent, as in old clients. */
  readonly readOnly: boolean | undefined;
}

export function readConnectRequest(reader: Reader): ConnectRequest {
  return {
    protocolVersion: reader.int(),
    lastZxidSeen: reader.long(),
    timeoutMs: reader.int(),
    sessionHigh: reader.int(),
    sessionLow: reader.int(),
    password: reader.buffer(),
    readOnly: reader.remaining > 0 ? reader.boolean() : undefined,
  };
}

export function writeConnectRequest(writer: Writer, request: ConnectRequest): void {
  writer.int(request.protocolVersion);
  writer.long(request.lastZxidSeen);
  writer.int(request.timeoutMs);
  writer.words(request.sessionHigh, request.sessionLow);
  writer.buffer(request.password);
  if (request.readOnly !== undefined) writer.boolean(request.readOnly);
}

// ConnectResponse: int protocolVersion, int timeOut, long sessionId, buffer passwd,
//                  [boolean readOnly]

export interface ConnectResponse {
  readonly protocolVersion: number;
  /** What was negotiated; 0, with a session id of 0: the session is over. */
  readonly timeoutMs: number;
  readonly sessionHigh: number;
  readonly sessionLow: number;
  /** From servers always 16 bytes. */
  readonly password: Buffer | null;
  /** There exactly when the request had it. */
  readonly readOnly: boolean | undefined;
}

export function readConnectResponse(reader: Reader): ConnectResponse {
  return {
    protocolVersion: reader.int(),
    timeoutMs: reader.int(),
    sessionHigh: reader.int(),
    sessionLow: reader.int(),
    password: reader.buffer(),
    readOnly: reader.remaining > 0 ? reader.boolean() : undefined,
  };
}

export function writeConnectResponse(writer: Writer, response: ConnectResponse): void {
  writer.int(response.protocolVersion);
  writer.int(response.timeoutMs);
  writer.words(response.sessionHigh, response.sessionLow);
  writer.buffer(response.password);
  if (response.readOnly !== undefined) writer.boolean(response.readOnly);
}

// Headers.

// RequestHeader: int xid, int type

export interface RequestHeader {
  readonly xid: number;
  /** One of `OpCode`. */
  readonly type: number;
}

export function readRequestHeader(reader: Reader): RequestHeader {
  return { xid: reader.int(), type: reader.int() };
}

export function writeRequestHeader(writer: Writer, header: RequestHeader): void {
  writer.int(header.xid);
  writer.int(header.type);
}

// ReplyHeader: int xid, long zxid, int err

/** A body follows only if `err` is 0. */
export interface ReplyHeader {
  readonly xid: number;
  readonly zxid: Zxid;
  readonly err: number;
}

export function readReplyHeader(reader: Reader): ReplyHeader {
  return { xid: reader.int(), zxid: reader.safeLong(), err: reader.int() };
}

export function writeReplyHeader(writer: Writer, header: ReplyHeader): void {
  writer.int(header.xid);
  writer.long(header.zxid);
  writer.int(header.err);
}

// Requests. ping and closeSession have a header and nothing else.

// PathRequest: ustring path          (getACL, sync, getEphemerals, getAllChildrenNumber)

export interface PathRequest {
  readonly path: string | null;
}

export function readPathRequest(reader: Reader): PathRequest {
  return { path: reader.string() };
}

export function writePathRequest(writer: Writer, request: PathRequest): void {
  writer.string(request.path);
}

// WatchableRequest: ustring path, boolean watch     (exists, getData, getChildren, getChildren2)

export interface WatchableRequest {
  readonly path: string | null;
  readonly watch: boolean;
}

export function readWatchableRequest(reader: Reader): WatchableRequest {
  return { path: reader.string(), watch: reader.boolean() };
}

export function writeWatchableRequest(writer: Writer, request: WatchableRequest): void {
  writer.string(request.path);
  writer.boolean(request.watch);
}

// VersionedRequest: ustring path, int version       (delete, check)

export interface VersionedRequest {
  readonly path: string | null;
  /** -1: any. */
  readonly version: number;
}

export function readVersionedRequest(reader: Reader): VersionedRequest {
  return { path: reader.string(), version: reader.int() };
}

export function writeVersionedRequest(writer: Writer, request: VersionedRequest): void {
  writer.string(request.path);
  writer.int(request.version);
}

// CreateRequest: ustring path, buffer data, vector<ACL> acl, int flags
//                                                   (create, create2, createContainer)

export interface CreateRequest {
  readonly path: string | null;
  readonly data: Buffer | null;
  readonly acl: readonly ACL[] | null;
  /** One of `CreateFlag`. */
  readonly flags: number;
}

export function readCreateRequest(reader: Reader): CreateRequest {
  return {
    path: reader.string(),
    data: reader.buffer(),
    acl: readACLs(reader),
    flags: reader.int(),
  };
}

export function writeCreateRequest(writer: Writer, request: CreateRequest): void {
  writer.string(request.path);
  writer.buffer(request.data);
  writeACLs(writer, request.acl);
  writer.int(request.flags);
}

// CreateTTLRequest: CreateRequest, long ttl

export interface CreateTTLRequest extends CreateRequest {
  readonly ttlMs: number;
}

export function readCreateTTLRequest(reader: Reader): CreateTTLRequest {
  return { ...readCreateRequest(reader), ttlMs: reader.long() };
}

export function writeCreateTTLRequest(writer: Writer, request: CreateTTLRequest): void {
  writeCreateRequest(writer, request);
  writer.long(request.ttlMs);
}

// SetDataRequest: ustring path, buffer data, int version

export interface SetDataRequest {
  readonly path: string | null;
  readonly data: Buffer | null;
  /** -1: any. */
  readonly version: number;
}

export function readSetDataRequest(reader: Reader): SetDataRequest {
  return { path: reader.string(), data: reader.buffer(), version: reader.int() };
}

export function writeSetDataRequest(writer: Writer, request: SetDataRequest): void {
  writer.string(request.path);
  writer.buffer(request.data);
  writer.int(request.version);
}

// SetACLRequest: ustring path, vector<ACL> acl, int version

export interface SetACLRequest {
  readonly path: string | null;
  readonly acl: readonly ACL[] | null;
  /** Of the ACL; -1: any. */
  readonly version: number;
}

export function readSetACLRequest(reader: Reader): SetACLRequest {
  return { path: reader.string(), acl: readACLs(reader), version: reader.int() };
}

export function writeSetACLRequest(writer: Writer, request: SetACLRequest): void {
  writer.string(request.path);
  writeACLs(writer, request.acl);
  writer.int(request.version);
}

// WatcherRequest: ustring path, int watcherType     (checkWatches, removeWatches)

export interface WatcherRequest {
  readonly path: string | null;
  /** One of `WatcherType`. */
  readonly watcherType: number;
}

export function readWatcherRequest(reader: Reader): WatcherRequest {
  return { path: reader.string(), watcherType: reader.int() };
}

export function writeWatcherRequest(writer: Writer, request: WatcherRequest): void {
  writer.string(request.path);
  writer.int(request.watcherType);
}

// AddWatchRequest: ustring path, int mode

export interface AddWatchRequest {
  readonly path: string | null;
  /** One of `AddWatchMode`. */
  readonly mode: number;
}

export function readAddWatchRequest(reader: Reader): AddWatchRequest {
  return { path: reader.string(), mode: reader.int() };
}

export function writeAddWatchRequest(writer: Writer, request: AddWatchRequest): void {
  writer.string(request.path);
  writer.int(request.mode);
}

// SetWatches: long relativeZxid, vector<ustring> dataWatches, vector<ustring> existWatches,
//             vector<ustring> childWatches

export interface SetWatches {
  /** What the client has seen: events after it are sent at once. */
  readonly relativeZxid: Zxid;
  readonly dataWatches: readonly string[] | null;
  readonly existWatches: readonly string[] | null;
  readonly childWatches: readonly string[] | null;
}

export function readSetWatches(reader: Reader): SetWatches {
  return {
    relativeZxid: reader.long(),
    dataWatches: readStrings(reader),
    existWatches: readStrings(reader),
    childWatches: readStrings(reader),
  };
}

export function writeSetWatches(writer: Writer, request: SetWatches): void {
  writer.long(request.relativeZxid);
  writeStrings(writer, request.dataWatches);
  writeStrings(writer, request.existWatches);
  writeStrings(writer, request.childWatches);
}

// SetWatches2: SetWatches, vector<ustring> persistentWatches,
//              vector<ustring> persistentRecursiveWatches

export interface SetWatches2 extends SetWatches {
  readonly persistentWatches: readonly string[] | null;
  readonly persistentRecursiveWatches: readonly string[] | null;
}

export function readSetWatches2(reader: Reader): SetWatches2 {
  return {
    relativeZxid: reader.long(),
    dataWatches: readStrings(reader),
    existWatches: readStrings(reader),
    childWatches: readStrings(reader),
    persistentWatches: readStrings(reader),
    persistentRecursiveWatches: readStrings(reader),
  };
}

export function writeSetWatches2(writer: Writer, request: SetWatches2): void {
  writeSetWatches(writer, request);
  writeStrings(writer, request.persistentWatches);
  writeStrings(writer, request.persistentRecursiveWatches);
}

// AuthPacket: int type, ustring scheme, buffer auth

export interface AuthPacket {
  /** 0; nobody looks at it. */
  readonly type: number;
  readonly scheme: string | null;
  readonly auth: Buffer | null;
}

export function readAuthPacket(reader: Reader): AuthPacket {
  return { type: reader.int(), scheme: reader.string(), auth: reader.buffer() };
}

export function writeAuthPacket(writer: Writer, packet: AuthPacket): void {
  writer.int(packet.type);
  writer.string(packet.scheme);
  writer.buffer(packet.auth);
}

// Replies. exists, setData and setACL answer with a Stat; delete, ping, auth, setWatches,
// setWatches2, checkWatches, removeWatches and closeSession with a header and nothing else.

// PathResponse: ustring path                        (create, sync)

export interface PathResponse {
  readonly path: string | null;
}

export function readPathResponse(reader: Reader): PathResponse {
  return { path: reader.string() };
}

export function writePathResponse(writer: Writer, response: PathResponse): void {
  writer.string(response.path);
}

// Create2Response: ustring path, Stat stat          (create2, createContainer, createTTL)

export interface Create2Response {
  readonly path: string | null;
  readonly stat: Stat;
}

export function readCreate2Response(reader: Reader): Create2Response {
  return { path: reader.string(), stat: readStat(reader) };
}

export function writeCreate2Response(writer: Writer, response: Create2Response): void {
  writer.string(response.path);
  writeStat(writer, response.stat);
}

// GetDataResponse: buffer data, Stat stat

export interface GetDataResponse {
  readonly data: Buffer | null;
  readonly stat: Stat;
}

export function readGetDataResponse(reader: Reader): GetDataResponse {
  return { data: reader.buffer(), stat: readStat(reader) };
}

export function writeGetDataResponse(writer: Writer, response: GetDataResponse): void {
  writer.buffer(response.data);
  writeStat(writer, response.stat);
}

// GetACLResponse: vector<ACL> acl, Stat stat

export interface GetACLResponse {
  readonly acl: readonly ACL[] | null;
  readonly stat: Stat;
}

export function readGetACLResponse(reader: Reader): GetACLResponse {
  return { acl: readACLs(reader), stat: readStat(reader) };
}

export function writeGetACLResponse(writer: Writer, response: GetACLResponse): void {
  writeACLs(writer, response.acl);
  writeStat(writer, response.stat);
}

// GetChildrenResponse: vector<ustring> children

export interface GetChildrenResponse {
  /** Names, not paths, in no order. */
  readonly children: readonly string[] | null;
}

export function readGetChildrenResponse(reader: Reader): GetChildrenResponse {
  return { children: readStrings(reader) };
}

export function writeGetChildrenResponse(writer: Writer, response: GetChildrenResponse): void {
  writeStrings(writer, response.children);
}

// GetChildren2Response: vector<ustring> children, Stat stat

export interface GetChildren2Response extends GetChildrenResponse {
  readonly stat: Stat;
}

export function readGetChildren2Response(reader: Reader): GetChildren2Response {
  return { children: readStrings(reader), stat: readStat(reader) };
}

export function writeGetChildren2Response(writer: Writer, response: GetChildren2Response): void {
  writeStrings(writer, response.children);
  writeStat(writer, response.stat);
}

// WatcherEvent: int type, int state, ustring path

/** Follows a ReplyHeader whose xid is `Xid.notification`. */
export interface WatcherEvent {
  /** One of `EventType`. */
  readonly type: number;
  /** `SYNC_CONNECTED` from every server. */
  readonly state: number;
  readonly path: string | null;
}

export function readWatcherEvent(reader: Reader): WatcherEvent {
  return { type: reader.int(), state: reader.int(), path: reader.string() };
}

export function writeWatcherEvent(writer: Writer, event: WatcherEvent): void {
  writer.int(event.type);
  writer.int(event.state);
  writer.string(event.path);
}

// ErrorResponse: int err                            (addWatch, always 0)

export interface ErrorResponse {
  readonly err: number;
}

export function readErrorResponse(reader: Reader): ErrorResponse {
  return { err: reader.int() };
}

export function writeErrorResponse(writer: Writer, response: ErrorResponse): void {
  writer.int(response.err);
}
