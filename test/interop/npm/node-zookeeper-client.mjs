// node-zookeeper-client at work, the ZooKeeper client of npm that is written in JavaScript: what it
// prints must be the same with any server.
//
// Arguments: the server's address, and one whose links can be cut.

import zookeeper from "node-zookeeper-client";
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

const { ACL, CreateMode, Id, Permission } = zookeeper;
const [address, fragileAddress] = process.argv.slice(2);
const LONG_MS = 40_000;
const SHORT_MS = 5_000;

/** A client, and how often it was connected. */
async function open(name, to, sessionTimeout = LONG_MS) {
  const client = zookeeper.createClient(to, { sessionTimeout, spinDelay: 200 });
  const session = { name, client, connections: 0, state: "" };
  client.on("state", (state) => {
    session.state = state.getName();
    if (session.state === "SYNC_CONNECTED") session.connections++;
    changed();
  });
  client.connect();
  await until("a connection", () => session.connections === 1);
  const id = client.getSessionId().toString("hex");
  say(`${name}: connected as {session:0x${id}}, timeout ${client.getSessionTimeout()}`);
  return session;
}

async function close({ client }) {
  await settle();
  const closed = new Promise((resolve) => client.once("disconnected", resolve));
  client.close();
  await closed;
}

const hex = (long) => `0x${long.toString("hex")}`;

function statText(stat) {
  if (!stat) return "no stat";
  return [
    `czxid {zxid:${hex(stat.czxid)}} mzxid {zxid:${hex(stat.mzxid)}} pzxid {zxid:${hex(stat.pzxid)}}`,
    `ctime {time:${BigInt(hex(stat.ctime))}} mtime {time:${BigInt(hex(stat.mtime))}}`,
    `versions ${stat.version} ${stat.cversion} ${stat.aversion}`,
    `owner {session:${hex(stat.ephemeralOwner)}}`,
    `length ${stat.dataLength} children ${stat.numChildren}`,
  ].join(" ");
}

const path = (made) => made;
const data = (bytes, stat) => `${textOf(bytes)}, ${statText(stat)}`;
const children = (names, stat) => `[${names.toSorted().join(" ")}], ${statText(stat)}`;
const acls = (list, stat) =>
  `${list.map(({ permission, id }) => `${permission} ${id.scheme}:${id.id}`).join(", ")}, ${statText(stat)}`;
const results = (list) =>
  list.map((result) => `${result.type} ${result.path ?? statText(result.stat)}`).join("; ");
const watch = (name) => (event) => happened(name, `${event.getName()} ${event.getPath()}`);

async function requests({ client }) {
  await part("requests that are all under way at once");
  client.create("/n", Buffer.from("root"), answered("create", path));
  client.create("/n", Buffer.from("root"), answered("create again"));
  client.create("/n/no/x", answered("no parent"));
  client.create("/n/null", answered("null data", path));
  client.create("/n/empty", Buffer.alloc(0), answered("empty data", path));
  client.create("/n/s-", CreateMode.PERSISTENT_SEQUENTIAL, answered("sequential", path));
  client.create("/n/e", CreateMode.EPHEMERAL, answered("ephemeral", path));
  client.create("/n/e/x", answered("a child of it"));
  client.create("/n/es-", CreateMode.EPHEMERAL_SEQUENTIAL, answered("both", path));
  client.create("/n/es-", CreateMode.EPHEMERAL_SEQUENTIAL, answered("the next", path));
  client.getData("/n", answered("get", data));
  client.getData("/n/null", answered("get null", data));
  client.getData("/n/empty", answered("get empty", data));
  client.getData("/n/none", answered("get none"));
  client.setData("/n", Buffer.from("two"), 0, answered("set", statText));
  client.setData("/n", Buffer.from("three"), 7, answered("set another version"));
  client.setData("/n", Buffer.from("four"), -1, answered("set any version", statText));
  client.exists("/n", answered("exists", statText));
  client.exists("/n/e", answered("its owner", statText));
  client.exists("/n/none", answered("exists not", statText));
  client.getChildren("/n", answered("children", children));
  client.getChildren("/n/none", answered("children of none"));
  client.remove("/n", -1, answered("remove a parent"));
  client.remove("/n/null", 3, answered("remove another version"));
  client.remove("/n/null", answered("remove"));
  client.remove("/n/null", answered("remove again"));
  await settle();
  client.mkdirp("/n/a/b/c", answered("a whole path", path));
  await settle();
  client.listSubTreeBFS(
    "/n/a",
    answered("all below", (list) => list.join(" ")),
  );
  await settle();
  client.removeRecursive("/n/a", answered("remove all below"));
  await settle();
}

async function transactions({ client }) {
  await part("transactions");
  client
    .transaction()
    .create("/n/t")
    .create("/n/t/s-", Buffer.from("s"), CreateMode.PERSISTENT_SEQUENTIAL)
    .setData("/n/t", Buffer.from("tt"))
    .check("/n/t", 1)
    .remove("/n/t/s-0000000000")
    .commit(answered("one that holds", results));
  await settle();
  client
    .transaction()
    .create("/n/t/x")
    .check("/n/t", 9)
    .remove("/n/t")
    .commit((error, list) => {
      answered("one that fails")(error);
      say(`  ${list.map((result) => `${result.type} ${result.err}`).join("; ")}`);
    });
  client.getChildren("/n/t", answered("nothing of it", children));
  await settle();
}

async function watches({ client }) {
  await part("watches");
  client.create("/n/w", answered("create", path));
  client.getData("/n/w", watch("get"), answered("get", data));
  client.exists("/n/w/x", watch("exists"), answered("exists", statText));
  client.getChildren("/n/w", watch("children"), answered("children", children));
  client.setData("/n/w", Buffer.from("1"), answered("set", statText));
  client.setData("/n/w", Buffer.from("2"), answered("set again", statText));
  client.create("/n/w/x", answered("create a child", path));
  client.create("/n/w/y", answered("and another", path));
  client.exists("/n/w/x", watch("exists x"), answered("exists x", statText));
  client.remove("/n/w/x", answered("remove x"));
  await settle();
}

async function accessControl({ client }) {
  await part("access control");
  const mine = ACL.CREATOR_ALL_ACL;
  const readable = [
    new ACL(Permission.READ, Id.ANYONE_ID_UNSAFE),
    new ACL(Permission.ALL, new Id("ip", "10.0.0.0/8")),
  ];
  client.create("/n/mine", mine, answered("before auth"));
  await settle();
  client.addAuthInfo("digest", Buffer.from("ann:secret"));
  client.create("/n/mine", mine, answered("creator all", path));
  client.create("/n/read", readable, answered("readable", path));
  client.getACL("/n/mine", answered("acl", acls));
  client.setACL("/n/mine", readable, 5, answered("set another version"));
  client.setData("/n/read", Buffer.from("x"), answered("may not write"));
  client.setACL("/n/read", mine, answered("may not set the acl"));
  await settle();
  const stranger = await open("stranger", address);
  stranger.client.getData("/n/mine", answered("a stranger reads"));
  stranger.client.getData("/n/read", answered("what anyone may", data));
  await settle();
  stranger.client.addAuthInfo("digest", Buffer.from("ann:secret"));
  stranger.client.getData("/n/mine", answered("with her name", data));
  await settle();
  stranger.client.addAuthInfo("no-such-scheme", Buffer.from("x"));
  await until("a refusal", () => stranger.state === "AUTH_FAILED");
  say("a scheme of nobody: refused");
}

async function below() {
  await part("chroot");
  const session = await open("below", `${address}/n/w`);
  session.client.exists("/z", watch("a path below"), answered("exists", statText));
  session.client.create("/z", answered("create", path));
  session.client.getChildren("/", answered("children", children));
  await close(session);
}

/** SIGKILL and a new start: the same session, its ephemerals, its watches, its auth. */
async function restart(session) {
  await part("a server that was killed");
  const { client } = session;
  client.getData("/n/w", watch("data"), answered("get", data));
  client.getChildren("/n/w", watch("children"), answered("children", children));
  client.exists("/n/later", watch("exists"), answered("exists", statText));
  await settle();
  const id = hex(client.getSessionId());
  const connections = session.connections;
  // Kept away until the server serves: one that is just starting may take a connection and forget
  // it, and this client waits for the answer to its handshake for ever.
  await demand("cut");
  await demand("restart");
  await demand("heal");
  await until("a connection", () => session.connections > connections);
  say(`the same session: ${hex(client.getSessionId()) === id}`);
  client.exists("/n/e", answered("its ephemeral", statText));
  client.getData("/n/mine", answered("its auth", data));
  client.setData("/n/w", Buffer.from("3"), answered("set", statText));
  client.create("/n/w/c", answered("create a child", path));
  client.create("/n/later", answered("create later", path));
  await settle();
}

/** What changes while a client is cut off is told when it is back. */
async function missedEvents({ client }) {
  await part("events that were missed");
  const cut = await open("cut", fragileAddress);
  cut.client.getData("/n/w", watch("data"), answered("get", data));
  cut.client.exists("/n/new", watch("exists"), answered("exists", statText));
  cut.client.getChildren("/n/t", watch("unchanged"), answered("children", children));
  await settle();
  const seen = eventCount();
  await demand("cut");
  await demand("drop");
  client.setData("/n/w", Buffer.from("4"), answered("set meanwhile", statText));
  client.create("/n/new", answered("create meanwhile", path));
  await settle();
  await demand("heal");
  await until("the events", () => eventCount() === seen + 2);
  cut.client.create("/n/t/c", answered("then a child", path));
  await close(cut);
}

/** A client that is silent for longer than its timeout has lost its session. */
async function expiry({ client }) {
  await part("a session that expires");
  const silent = await open("silent", fragileAddress, SHORT_MS);
  silent.client.create("/n/silent", CreateMode.EPHEMERAL, answered("create", path));
  await settle();
  client.exists("/n/silent", watch("it goes"), answered("exists", statText));
  await settle();
  const seen = eventCount();
  await demand("cut");
  await until("its end", () => eventCount() === seen + 1);
  await demand("heal");
  await until("expiry", () => silent.state === "EXPIRED");
  say("silent: expired");
}

const mine = await open("mine", fragileAddress);
await requests(mine);
await transactions(mine);
await watches(mine);
await accessControl(mine);
await below();
await restart(mine);
await close(mine);
const other = await open("other", address);
await missedEvents(other);
await expiry(other);
await close(other);
process.exit(0);
