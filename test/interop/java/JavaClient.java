import static org.apache.zookeeper.CreateMode.CONTAINER;
import static org.apache.zookeeper.CreateMode.EPHEMERAL;
import static org.apache.zookeeper.CreateMode.EPHEMERAL_SEQUENTIAL;
import static org.apache.zookeeper.CreateMode.PERSISTENT;
import static org.apache.zookeeper.CreateMode.PERSISTENT_SEQUENTIAL;
import static org.apache.zookeeper.CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL;
import static org.apache.zookeeper.CreateMode.PERSISTENT_WITH_TTL;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;

/** ZooKeeper's own Java client at work: what it prints must be the same with any server. */
public final class JavaClient {
  private static final int LONG_MS = 40_000;
  private static final int SHORT_MS = 5_000;
  private static final long NEVER_MS = 600_000;

  /** Together more than the 128 KiB that one setWatches of this client holds. */
  private static final int MANY = 1_500;

  private static final List<ACL> OPEN = Ids.OPEN_ACL_UNSAFE;

  private static String address;
  private static String fragileAddress;

  private JavaClient() {}

  public static void main(String[] arguments) throws Exception {
    address = arguments[0];
    fragileAddress = arguments[1];
    Session mine = new Session("mine", address, LONG_MS);
    ZooKeeper zk = mine.zk;
    requests(zk);
    persistentWatches(zk);
    removedWatches(zk);
    timeToLive(zk);
    containers(zk);
    transactions(zk);
    inquiries(zk);
    accessControl(zk);
    chroot(zk);
    membership(mine);
    restart(mine);
    missedEvents(zk);
    takeover(zk);
    expiry(zk);
    Say.settle();
    zk.close();
    System.exit(0);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static ACL acl(int perms, String scheme, String id) {
    return new ACL(perms, new Id(scheme, id));
  }

  private static void create(ZooKeeper zk, String path) {
    zk.create(path, bytes("x"), OPEN, PERSISTENT, Say.created("create " + path), null);
  }

  private static void requests(ZooKeeper zk) throws Exception {
    Say.part("requests that are all under way at once");
    zk.create("/j", bytes("root"), OPEN, PERSISTENT, Say.createdWithStat("create"), null);
    zk.create("/j", bytes("root"), OPEN, PERSISTENT, Say.created("create again"), null);
    zk.create("/j/no/x", null, OPEN, PERSISTENT, Say.created("no parent"), null);
    zk.create("/j/null", null, OPEN, PERSISTENT, Say.created("null data"), null);
    zk.create("/j/empty", new byte[0], OPEN, PERSISTENT, Say.created("empty data"), null);
    zk.create("/j/zwölf-十二", bytes("ü"), OPEN, PERSISTENT, Say.created("unicode"), null);
    zk.create("/j/s-", null, OPEN, PERSISTENT_SEQUENTIAL, Say.created("sequential"), null);
    zk.create("/j/e", null, OPEN, EPHEMERAL, Say.created("ephemeral"), null);
    zk.create("/j/e/x", null, OPEN, PERSISTENT, Say.created("a child of it"), null);
    zk.create("/j/es-", null, OPEN, EPHEMERAL_SEQUENTIAL, Say.createdWithStat("both"), null);
    zk.getData("/j/null", false, Say.data("get null"), null);
    zk.getData("/j/empty", false, Say.data("get empty"), null);
    zk.setData("/j", bytes("two"), 0, Say.stat("set"), null);
    zk.setData("/j", bytes("three"), 0, Say.stat("set an old version"), null);
    zk.exists("/j", false, Say.stat("exists"), null);
    zk.exists("/j/no", false, Say.stat("exists not"), null);
    zk.getChildren("/j", false, Say.children("children"), null);
    zk.getChildren("/j/no", false, Say.children("children of none"), null);
    zk.sync("/j", Say.done("sync"), null);
    zk.delete("/j/null", 3, Say.done("delete another version"), null);
    zk.delete("/j/null", 0, Say.done("delete"), null);
    zk.delete("/j", -1, Say.done("delete a parent"), null);
    zk.delete("/zookeeper", -1, Say.done("delete what is reserved"), null);
    Say.settle();
  }

  /** Each change tells a persistent watch of P of P, and a recursive one of all that is below. */
  private static void persistentWatches(ZooKeeper zk) throws Exception {
    Say.part("persistent watches");
    Watcher one = Say.watch("persistent");
    Watcher all = Say.watch("recursive");
    zk.addWatch("/j/p", one, AddWatchMode.PERSISTENT, Say.done("add persistent"), null);
    zk.addWatch("/j/r", all, AddWatchMode.PERSISTENT_RECURSIVE, Say.done("add recursive"), null);
    for (String top : Arrays.asList("/j/p", "/j/r")) {
      create(zk, top);
      zk.setData(top, bytes("1"), -1, Say.stat("set"), null);
      zk.setData(top, bytes("2"), -1, Say.stat("set again"), null);
      create(zk, top + "/c");
      zk.setData(top + "/c", bytes("1"), -1, Say.stat("set the child"), null);
      create(zk, top + "/c/d");
      zk.setACL(top, OPEN, -1, Say.stat("set its acl"), null);
      zk.delete(top + "/c/d", -1, Say.done("delete the grandchild"), null);
      zk.delete(top + "/c", -1, Say.done("delete the child"), null);
      zk.delete(top, -1, Say.done("delete"), null);
      create(zk, top);
      Say.settle();
    }

    Say.part("one path, watched in every way");
    zk.addWatch("/j/p", all, AddWatchMode.PERSISTENT_RECURSIVE, Say.done("recursive too"), null);
    zk.getData("/j/p", Say.watch("get"), Say.data("get"), null);
    zk.getChildren("/j/p", Say.watch("children"), Say.children("children"), null);
    Say.settle();
    zk.setData("/j/p", bytes("3"), -1, Say.plain("set"), null);
    zk.setData("/j/p", bytes("4"), -1, Say.plain("set again"), null);
    create(zk, "/j/p/c");
    zk.delete("/j/p/c", -1, Say.done("delete the child"), null);
    Say.settle();
  }

  private static void removedWatches(ZooKeeper zk) throws Exception {
    Say.part("watches that are removed");
    Watcher data = Say.watch("data");
    Watcher child = Say.watch("child");
    Watcher recursive = Say.watch("kept");
    create(zk, "/j/rm");
    zk.getData("/j/rm", data, Say.data("get"), null);
    zk.getChildren("/j/rm", child, Say.children("children"), null);
    Say.settle();
    zk.removeWatches("/j/rm", data, WatcherType.Data, false, Say.done("remove data"), null);
    Say.settle();
    zk.setData("/j/rm", bytes("1"), -1, Say.stat("set"), null);
    create(zk, "/j/rm/c");
    Say.settle();
    zk.addWatch("/j/rm", recursive, AddWatchMode.PERSISTENT_RECURSIVE, Say.done("add"), null);
    Say.settle();
    zk.setData("/j/rm/c", bytes("1"), -1, Say.stat("set the child"), null);
    Say.settle();
    zk.removeAllWatches("/j/rm", WatcherType.Any, false, Say.done("remove all"), null);
    Say.settle();
    zk.setData("/j/rm/c", bytes("2"), -1, Say.stat("set the child again"), null);
    Say.settle();
  }

  private static void timeToLive(ZooKeeper zk) throws Exception {
    Say.part("znodes with a time to live");
    create(zk, "/j/t");
    String kept = "/j/t/kept";
    zk.create(
        kept, null, OPEN, PERSISTENT_WITH_TTL, Say.createdWithStat("a long one"), null, NEVER_MS);
    zk.create(
        kept, null, OPEN, PERSISTENT_WITH_TTL, Say.createdWithStat("again"), null, NEVER_MS);
    zk.create(
        "/j/t/s-",
        null,
        OPEN,
        PERSISTENT_SEQUENTIAL_WITH_TTL,
        Say.createdWithStat("sequential"),
        null,
        NEVER_MS);
    create(zk, kept + "/child");
    zk.exists(kept, false, Say.stat("its owner"), null);
    Watcher seen = Say.watch("short");
    zk.addWatch("/j/t/short", seen, AddWatchMode.PERSISTENT, Say.done("watch"), null);
    Say.settle();
    int seenBefore = Say.events();
    zk.create(
        "/j/t/short", null, OPEN, PERSISTENT_WITH_TTL, Say.createdWithStat("short"), null, 1);
    Say.settle();
    Say.awaitEvents(seenBefore + 2);
    zk.getChildren("/j/t", false, Say.children("what is left"), null);
    Say.settle();
  }

  private static void containers(ZooKeeper zk) throws Exception {
    Say.part("containers");
    Watcher seen = Say.watch("container");
    int seenBefore = Say.events();
    zk.addWatch("/j/box", seen, AddWatchMode.PERSISTENT_RECURSIVE, Say.done("watch"), null);
    zk.create("/j/box", null, OPEN, CONTAINER, Say.createdWithStat("container"), null);
    create(zk, "/j/box/c");
    zk.exists("/j/box", false, Say.stat("its owner"), null);
    zk.delete("/j/box/c", -1, Say.done("delete the child"), null);
    Say.settle();
    Say.awaitEvents(seenBefore + 4);
    zk.exists("/j/box", false, Say.stat("it is gone"), null);
    zk.create("/j/unused", null, OPEN, CONTAINER, Say.createdWithStat("one never used"), null);
    Say.settle();
  }

  private static void transactions(ZooKeeper zk) throws Exception {
    Say.part("multi");
    List<Op> ops =
        Arrays.asList(
            Op.create("/j/m", bytes("m"), OPEN, PERSISTENT),
            Op.create("/j/m/s-", null, OPEN, PERSISTENT_SEQUENTIAL),
            Op.create("/j/m/s-", null, OPEN, EPHEMERAL_SEQUENTIAL),
            Op.create("/j/m/box", null, OPEN, CONTAINER),
            Op.create("/j/m/ttl", null, OPEN, PERSISTENT_WITH_TTL, NEVER_MS),
            Op.setData("/j/m", bytes("mm"), 0),
            Op.check("/j/m", 1),
            Op.delete("/j/m/s-0000000000", 0));
    zk.multi(ops, Say.results("multi"), null);
    List<Op> failing =
        Arrays.asList(
            Op.create("/j/m/a", null, OPEN, PERSISTENT),
            Op.check("/j/m", 77),
            Op.delete("/j/m", -1));
    zk.multi(failing, Say.results("a check that fails"), null);
    zk.getChildren("/j/m", false, Say.children("nothing of it"), null);
    Say.settle();
    zk.multi(Collections.emptyList(), Say.results("of none"), null);
    Say.settle();
    zk.transaction().create("/j/tx", bytes("1"), OPEN, PERSISTENT).setData("/j/tx", bytes("2"), 0)
        .check("/j/tx", 1).commit(Say.results("transaction"), null);
    zk.multi(
        Arrays.asList(
            Op.getData("/j/tx"),
            Op.getChildren("/j/m"),
            Op.getData("/j/none"),
            Op.getChildren("/j/none"),
            Op.getChildren("/j/tx")),
        Say.results("reads"),
        null);
    Say.settle();
  }

  private static void inquiries(ZooKeeper zk) throws Exception {
    Say.part("inquiries");
    zk.getEphemerals(Say.ephemerals("ephemerals"), null);
    zk.getEphemerals("/j/e", Say.ephemerals("with a prefix"), null);
    zk.getEphemerals("/none", Say.ephemerals("of none"), null);
    zk.getAllChildrenNumber("/", Say.number("in all"), null);
    zk.getAllChildrenNumber("/j", Say.number("below /j"), null);
    zk.getAllChildrenNumber("/j/empty", Say.number("below a leaf"), null);
    zk.getAllChildrenNumber("/none", Say.number("below none"), null);
    Say.settle();
    whoAmI(zk);
  }

  private static void whoAmI(ZooKeeper zk) throws Exception {
    List<String> ids =
        zk.whoAmI().stream()
            .map(info -> info.getAuthScheme() + ":" + info.getUser())
            .collect(Collectors.toList());
    Say.say("who am I: " + Say.sorted(ids));
  }

  private static void accessControl(ZooKeeper zk) throws Exception {
    Say.part("access control");
    zk.create("/j/mine", null, Ids.CREATOR_ALL_ACL, PERSISTENT, Say.created("before auth"), null);
    Say.settle();
    zk.addAuthInfo("digest", bytes("ann:secret"));
    zk.sync("/", Say.done("sync"), null);
    Say.settle();
    whoAmI(zk);
    zk.create("/j/mine", null, Ids.CREATOR_ALL_ACL, PERSISTENT, Say.created("creator all"), null);
    zk.create(
        "/j/net",
        null,
        Arrays.asList(acl(Perms.ALL, "ip", "127.0.0.0/8"), acl(Perms.READ, "ip", "10.0.0.1")),
        PERSISTENT,
        Say.created("networks"),
        null);
    zk.create(
        "/j/elsewhere",
        null,
        Collections.singletonList(acl(Perms.ALL, "ip", "10.0.0.0/8")),
        PERSISTENT,
        Say.created("another network"),
        null);
    zk.create(
        "/j/bad",
        null,
        Collections.singletonList(acl(Perms.ALL, "ip", "10.0.0.0/33")),
        PERSISTENT,
        Say.created("no network"),
        null);
    zk.getACL("/j/mine", null, Say.acl("acl of mine"), null);
    zk.getACL("/j/net", null, Say.acl("acl of the network"), null);
    zk.setData("/j/net", bytes("1"), -1, Say.stat("from the network"), null);
    zk.getData("/j/elsewhere", false, Say.data("from outside"), null);
    zk.setACL("/j/mine", Ids.READ_ACL_UNSAFE, 5, Say.stat("an old version"), null);
    Say.settle();
    Session stranger = new Session("stranger", address, LONG_MS);
    stranger.zk.getData("/j/mine", false, Say.data("a stranger reads"), null);
    stranger.zk.create("/j/mine/x", null, OPEN, PERSISTENT, Say.created("and creates"), null);
    stranger.zk.setACL("/j/mine", OPEN, -1, Say.stat("and sets the acl"), null);
    stranger.zk.getACL("/j/mine", null, Say.acl("and asks for it"), null);
    // To delete takes no more than what the parent gives.
    stranger.zk.delete("/j/mine", -1, Say.done("and deletes"), null);
    Say.settle();
    stranger.zk.addAuthInfo("no-such-scheme", bytes("x"));
    stranger.awaitState(KeeperState.AuthFailed);
    stranger.zk.close();
  }

  private static void chroot(ZooKeeper zk) throws Exception {
    Say.part("chroot");
    create(zk, "/j/root");
    Say.settle();
    Session below = new Session("below", address + "/j/root", LONG_MS);
    Watcher seen = Say.watch("a path below");
    below.zk.exists("/a", seen, Say.stat("exists"), null);
    create(below.zk, "/a");
    below.zk.create("/s-", null, OPEN, EPHEMERAL_SEQUENTIAL, Say.created("sequential"), null);
    below.zk.getChildren("/", false, Say.children("children"), null);
    below.zk.getEphemerals("/", Say.ephemerals("ephemerals"), null);
    below.zk.multi(
        Arrays.asList(Op.create("/m", null, OPEN, PERSISTENT), Op.delete("/m", 0)),
        Say.results("multi"),
        null);
    Say.settle();
    zk.getChildren("/j/root", false, Say.children("from above"), null);
    Say.settle();
    below.zk.close();
  }

  private static void membership(Session mine) throws Exception {
    Say.part("membership");
    mine.zk.getConfig(false, Say.data("configuration"), null);
    Say.settle();
    mine.zk.reconfigure(
        (String) null, null, "server.1=127.0.0.1:1:2;3", -1, Say.data("reconfig"), null);
    mine.zk.sync("/", Say.done("still connected"), null);
    Say.settle();
  }

  /** SIGKILL and a new start: the same session, its ephemerals, its watches of every kind. */
  private static void restart(Session mine) throws Exception {
    Say.part("a server that was killed");
    ZooKeeper zk = mine.zk;
    create(zk, "/j/w");
    create(zk, "/j/many");
    Say.settle();
    zk.getData("/j/w", Say.watch("data"), Say.data("get"), null);
    zk.getChildren("/j/w", Say.watch("child"), Say.children("children"), null);
    zk.exists("/j/later", Say.watch("exist"), Say.stat("exists"), null);
    zk.addWatch("/j/pp", Say.watch("pp"), AddWatchMode.PERSISTENT, Say.done("add"), null);
    zk.addWatch("/j/rr", Say.watch("rr"), AddWatchMode.PERSISTENT_RECURSIVE, Say.done("add"), null);
    Say.settle();
    Watcher many = Say.watch("many");
    for (int i = 0; i < MANY; i++) zk.exists(longPath(i), many, (a, b, c, d) -> {}, null);
    zk.sync("/", Say.done("many watches"), null);
    Say.settle();
    long id = zk.getSessionId();
    int connections = mine.connections();
    Say.demand("restart");
    mine.awaitConnection(connections + 1);
    Say.say("the same session: " + (zk.getSessionId() == id));
    zk.exists("/j/e", false, Say.stat("its ephemeral"), null);
    Say.settle();
    whoAmI(zk);
    zk.setData("/j/w", bytes("1"), -1, Say.stat("set"), null);
    create(zk, "/j/w/c");
    create(zk, "/j/later");
    create(zk, "/j/pp");
    create(zk, "/j/pp/c");
    create(zk, "/j/rr");
    create(zk, "/j/rr/c");
    create(zk, "/j/rr/c/d");
    for (int i : new int[] {0, MANY / 2, MANY - 1}) {
      zk.create(longPath(i), null, OPEN, PERSISTENT, Say.createdWithStat("one of many"), null);
    }
    Say.settle();
  }

  private static String longPath(int i) {
    return "/j/many/" + "long-".repeat(24) + i;
  }

  /** What changes while a client is cut off is told when it is back, but not to persistent watches. */
  private static void missedEvents(ZooKeeper zk) throws Exception {
    Say.part("events that were missed");
    Session cut = new Session("cut", fragileAddress, LONG_MS);
    create(zk, "/j/gone");
    Say.settle();
    cut.zk.getData("/j/w", Say.watch("data"), Say.data("get"), null);
    Say.settle();
    cut.zk.exists("/j/new", Say.watch("exist"), Say.stat("exists"), null);
    Say.settle();
    cut.zk.getData("/j/gone", Say.watch("gone"), Say.data("get"), null);
    Say.settle();
    cut.zk.getChildren("/j/w", Say.watch("unchanged"), Say.children("children"), null);
    Watcher persistent = Say.watch("persistent");
    cut.zk.addWatch("/j/w", persistent, AddWatchMode.PERSISTENT, Say.done("add"), null);
    Say.settle();
    int connections = cut.connections();
    Say.demand("cut");
    Say.demand("drop");
    zk.setData("/j/w", bytes("2"), -1, Say.stat("set meanwhile"), null);
    create(zk, "/j/new");
    zk.delete("/j/gone", -1, Say.done("delete meanwhile"), null);
    Say.settle();
    Say.demand("heal");
    cut.awaitConnection(connections + 1);
    cut.zk.sync("/", Say.done("sync"), null);
    Say.settle();
    create(cut.zk, "/j/w/d");
    Say.settle();
    cut.zk.close();
  }

  /** Another handle takes the session of one that is cut off, by its id and password. */
  private static void takeover(ZooKeeper zk) throws Exception {
    Say.part("a session that is taken over");
    Session first = new Session("first", fragileAddress, LONG_MS);
    first.zk.create("/j/taken", null, OPEN, EPHEMERAL, Say.createdWithStat("create"), null);
    Say.settle();
    Say.demand("cut");
    ZooKeeper second = first.attach(address, LONG_MS);
    Say.say("the same session: " + (second.getSessionId() == first.zk.getSessionId()));
    second.exists("/j/taken", false, Say.stat("its ephemeral"), null);
    Say.settle();
    zk.exists("/j/taken", Say.watch("it goes"), Say.stat("exists"), null);
    Say.settle();
    int seenBefore = Say.events();
    second.close();
    Say.awaitEvents(seenBefore + 1);
    Say.demand("heal");
    first.awaitState(KeeperState.Expired);
    first.zk.close();
  }

  /** A client that is silent for longer than its timeout has lost its session. */
  private static void expiry(ZooKeeper zk) throws Exception {
    Say.part("a session that expires");
    Session silent = new Session("silent", fragileAddress, SHORT_MS);
    silent.zk.create("/j/silent", null, OPEN, EPHEMERAL, Say.createdWithStat("create"), null);
    Say.settle();
    zk.exists("/j/silent", Say.watch("it goes"), Say.stat("exists"), null);
    Say.settle();
    int seenBefore = Say.events();
    Say.demand("cut");
    Say.awaitEvents(seenBefore + 1);
    Say.demand("heal");
    silent.awaitState(KeeperState.Expired);
    silent.zk.getData("/j", false, Say.data("a request then"), null);
    Say.settle();
    silent.zk.close();
  }
}
