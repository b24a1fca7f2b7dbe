// zookeeper at work, the ZooKeeper client of npm that wraps the C client: what it prints must be the
// same with any server.
//
// Arguments: the folder that it is installed in, the server's address, and one whose links can be cut.

import { createRequire } from "node:module";
import { join } from "node:path";
import {
  answered,
  changed,
  demand,
  eventCount,
  happened,
  part,
  say,
  settle,
  textOf,
  until,
} from "./say.mjs";

const [folder, address, fragileAddress] = process.argv.slice(2);
const ZooKeeper = createRequire(join(folder, "package.json"))("zookeeper");
const { constants } = ZooKeeper;
const LONG_MS = 40_000;
const SHORT_MS = 5_000;
const NEVER_MS = 600_000;
const OPEN = [{ perm: 31, scheme: "world", auth: "anyone" }];

/** A client, how often it was connected, and how it ended. */
async function open(name, to, timeout = LONG_MS, identity = {}) {
  const client = new ZooKeeper({
    connect: to,
    timeout,
    // Below the lowest: this client's log goes to standard output.
    debug_level: 0,
    host_order_deterministic: true,
    ...identity,
  });
  const session = { name, client, connections: 0, isClosed: false };
  client.on("connect", () => {
    session.connections++;
    changed();
  });
  client.on("close", () => {
    session.isClosed = true;
    changed();
  });
  client.init({});
  await until("a connection", () => session.connections === 1);
  say(`${name}: connected as {session:0x${client.client_id}}, timeout ${client.timeout}`);
  return session;
}

async function close(session) {
  await settle();
  session.client.close();
  await until("the end", () => session.isClosed);
}

/** A callback as this client calls it: with a code and its text before the results. */
function done(label, describe) {
  const tell = answered(label, describe);
  return (code, name, ...results) => tell(code === 0 ? null : { code, name }, ...results);
}

function statText(stat) {
  return [
    `czxid {zxid:${stat.czxid}} mzxid {zxid:${stat.mzxid}} pzxid {zxid:${stat.pzxid}}`,
    `ctime {time:${stat.ctime.getTime()}} mtime {time:${stat.mtime.getTime()}}`,
    `versions ${stat.version} ${stat.cversion} ${stat.aversion}`,
    `owner {session:0x${stat.ephemeralOwner}} mine ${stat.createdInThisSession}`,
    `length ${stat.dataLength} children ${stat.numChildren}`,
  ].join(" ");
}

const path = (made) => made;
const data = (stat, bytes) => `${textOf(bytes)}, ${statText(stat)}`;
const children = (names, stat) => `[${names.toSorted().join(" ")}], ${statText(stat)}`;
const acls = (list, stat) =>
  `${list.map(({ perms, scheme, auth }) => `${perms} ${scheme}:${auth}`).join(", ")}, ${statText(stat)}`;

function watch(name) {
  return (type, _state, at) => {
    if (type !== constants.ZOO_SESSION_EVENT) happened(name, `type ${type} ${at}`);
  };
}

function remove(client, ...given) {
  // oxlint-disable-next-line no-underscore-dangle -- its name, as `delete` is no name
  client.a_delete_(...given);
}

async function requests({ client }) {
  await part("requests that are all under way at once");
  client.a_create("/z", "root", constants.ZOO_PERSISTENT, done("create", path));
  client.a_create("/z", "root", constants.ZOO_PERSISTENT, done("create again"));
  client.a_create("/z/no/x", "", constants.ZOO_PERSISTENT, done("no parent"));
  client.a_create("/z/s-", "", constants.ZOO_PERSISTENT_SEQUENTIAL, done("sequential", path));
  client.a_create("/z/e", "e", constants.ZOO_EPHEMERAL, done("ephemeral", path));
  client.a_create("/z/e/x", "", constants.ZOO_PERSISTENT, done("a child of it"));
  client.a_create("/z/es-", "", constants.ZOO_EPHEMERAL_SEQUENTIAL, done("both", path));
  client.a_create("/z/box", "", constants.ZOO_CONTAINER, done("container", path));
  client.a_get("/z", false, done("get", data));
  client.a_get("/z/none", false, done("get none"));
  client.a_set("/z", "two", 0, done("set", statText));
  client.a_set("/z", "three", 0, done("set an old version"));
  client.a_exists("/z/e", false, done("its owner", statText));
  client.a_exists("/z/none", false, done("exists not"));
  client.a_get_children2("/z", false, done("children", children));
  client.a_get_children2("/z/none", false, done("children of none"));
  client.a_sync("/z", done("sync"));
  remove(client, "/z", -1, done("delete a parent"));
  remove(client, "/z/s-0000000000", 5, done("delete another version"));
  remove(client, "/z/s-0000000000", 0, done("delete"));
  await settle();
}

async function timeToLive({ client }) {
  await part("znodes with a time to live");
  const mode = constants.ZOO_PERSISTENT_WITH_TTL;
  client.a_createTtl("/z/ttl", "t", mode, NEVER_MS, done("ttl", path));
  client.a_createTtl("/z/ttl", "t", mode, NEVER_MS, done("ttl again"));
  client.a_exists("/z/ttl", false, done("its owner", statText));
  await settle();
}

async function watches({ client }) {
  await part("watches");
  client.a_create("/z/w", "0", constants.ZOO_PERSISTENT, done("create", path));
  client.aw_get("/z/w", watch("get"), done("get", data));
  client.aw_exists("/z/w/x", watch("exists"), done("exists"));
  client.aw_get_children2("/z/w", watch("children"), done("children", children));
  client.a_set("/z/w", "1", -1, done("set", statText));
  client.a_set("/z/w", "2", -1, done("set again", statText));
  client.a_create("/z/w/x", "", constants.ZOO_PERSISTENT, done("create a child", path));
  client.aw_exists("/z/w/x", watch("exists x"), done("exists x", statText));
  remove(client, "/z/w/x", -1, done("delete x"));
  await settle();
}

async function accessControl({ client }) {
  await part("access control");
  client.a_create("/z/acl", "a", constants.ZOO_PERSISTENT, done("create", path));
  client.a_get_acl("/z/acl", done("open", acls));
  await settle();
  client.add_auth("digest", "ann:secret", done("auth"));
  await settle();
  const hers = [{ perm: 31, scheme: "auth", auth: "" }];
  client.a_set_acl("/z/acl", 3, hers, done("set another version"));
  client.a_set_acl("/z/acl", 0, hers, done("hers alone"));
  await settle();
  client.a_get_acl("/z/acl", done("hers", acls));
  await settle();
  const stranger = await open("stranger", address);
  stranger.client.a_get("/z/acl", false, done("a stranger reads"));
  stranger.client.a_set_acl("/z/acl", -1, OPEN, done("and sets the acl"));
  await settle();
  stranger.client.add_auth("digest", "ann:secret", done("auth"));
  await settle();
  stranger.client.a_get("/z/acl", false, done("with her name", data));
  await close(stranger);
}

async function membership({ client }) {
  await part("membership");
  client.a_getconfig(false, done("configuration", data));
  client.a_reconfig(null, null, "server.1=127.0.0.1:1:2;3", -1, done("reconfig"));
  client.a_sync("/", done("still connected"));
  await settle();
}

/** SIGKILL and a new start: the same session, its ephemerals, its watches, its auth. */
async function restart(session) {
  await part("a server that was killed");
  const { client } = session;
  client.aw_get("/z/w", watch("data"), done("get", data));
  client.aw_get_children2("/z/w", watch("children"), done("children", children));
  client.aw_exists("/z/later", watch("exists"), done("exists"));
  await settle();
  const id = client.client_id;
  const { connections } = session;
  await demand("restart");
  await until("a connection", () => session.connections > connections);
  say(`the same session: ${client.client_id === id}`);
  client.a_exists("/z/e", false, done("its ephemeral", statText));
  client.a_get("/z/acl", false, done("its auth", data));
  client.a_set("/z/w", "3", -1, done("set", statText));
  client.a_create("/z/w/c", "", constants.ZOO_PERSISTENT, done("create a child", path));
  client.a_create("/z/later", "", constants.ZOO_PERSISTENT, done("create later", path));
  await settle();
}

/** Another client takes the session of one that is cut off, by its id and password. */
async function takeover({ client }) {
  await part("a session that is taken over");
  const first = await open("first", fragileAddress);
  first.client.a_create("/z/taken", "", constants.ZOO_EPHEMERAL, done("create", path));
  await settle();
  const { client_id, client_password } = first.client;
  await demand("cut");
  const second = await open("second", address, LONG_MS, { client_id, client_password });
  second.client.a_exists("/z/taken", false, done("its ephemeral", statText));
  await settle();
  client.aw_exists("/z/taken", watch("it goes"), done("exists", statText));
  await settle();
  const seen = eventCount();
  await close(second);
  await until("its end", () => eventCount() === seen + 1);
  await demand("heal");
  await until("expiry", () => first.isClosed);
  say("first: expired");
}

/** A client that is silent for longer than its timeout has lost its session. */
async function expiry({ client }) {
  await part("a session that expires");
  const silent = await open("silent", fragileAddress, SHORT_MS);
  silent.client.a_create("/z/silent", "", constants.ZOO_EPHEMERAL, done("create", path));
  await settle();
  client.aw_exists("/z/silent", watch("it goes"), done("exists", statText));
  await settle();
  const seen = eventCount();
  await demand("cut");
  await until("its end", () => eventCount() === seen + 1);
  await demand("heal");
  await until("expiry", () => silent.isClosed);
  say("silent: expired");
}

const mine = await open("mine", address);
await requests(mine);
await timeToLive(mine);
await watches(mine);
await accessControl(mine);
await membership(mine);
await restart(mine);
await takeover(mine);
await expiry(mine);
await close(mine);
process.exit(0);
