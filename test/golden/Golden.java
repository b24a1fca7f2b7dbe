// Drives Apache ZooKeeper's own Java client through fixed steps, so that the bytes of both sides
// are the reference's. capture.ts runs it: each step is announced on standard output and waits for
// a line on standard input, and so does its end; what passes between the two belongs to the step.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

public final class Golden {
  private static final BufferedReader IN =
      new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
  private static final List<ACL> OPEN = Ids.OPEN_ACL_UNSAFE;
  private static final Watcher IGNORED = event -> {};

  private interface Step {
    void run() throws Exception;
  }

  /** A server's refusal is part of the step; anything else ends the program. */
  private static void step(String name, Step step) throws Exception {
    say("begin " + name);
    try {
      step.run();
    } catch (KeeperException refusal) {
      // The reply has been recorded.
    }
    say("end " + name);
  }

  private static void say(String line) throws Exception {
    OUT.println(line);
    if (IN.readLine() == null) System.exit(1);
  }

  private static ZooKeeper connect(String address, int timeoutMs) throws Exception {
    CountDownLatch connected = new CountDownLatch(1);
    ZooKeeper zk =
        new ZooKeeper(
            address,
            timeoutMs,
            event -> {
              if (event.getState() == KeeperState.SyncConnected) connected.countDown();
            });
    connected.await();
    return zk;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static ACL acl(int perms, String scheme, String id) {
    return new ACL(perms, new Id(scheme, id));
  }

  public static void main(String[] args) throws Exception {
    if (args[0].equals("session")) session(args[1]);
    else directory(args[1]);
    System.exit(0);
  }

  // ---- the client port: one step for each record ----

  private static void session(String address) throws Exception {
    ZooKeeper[] held = new ZooKeeper[1];
    step("connect", () -> held[0] = connect(address, 9000));
    ZooKeeper zk = held[0];

    step("create", () -> zk.create("/a", bytes("one"), OPEN, CreateMode.PERSISTENT));
    step("create-data-empty", () -> zk.create("/empty", new byte[0], OPEN, CreateMode.PERSISTENT));
    step("create-data-null", () -> zk.create("/null", null, OPEN, CreateMode.PERSISTENT));
    step(
        "create-sequential",
        () -> zk.create("/a/s-", bytes("1"), OPEN, CreateMode.PERSISTENT_SEQUENTIAL));
    step("create-ephemeral", () -> zk.create("/e", bytes("2"), OPEN, CreateMode.EPHEMERAL));
    step(
        "create-acls",
        () ->
            zk.create(
                "/acls",
                bytes("3"),
                Arrays.asList(
                    acl(Perms.READ, "world", "anyone"),
                    acl(Perms.ALL, "digest", "user:+xGx0cg6uTCuO2MVSWNtyATTkSY="),
                    acl(Perms.ALL, "ip", "127.0.0.1")),
                CreateMode.PERSISTENT));
    step(
        "create2",
        () -> zk.create("/stat", bytes("4"), OPEN, CreateMode.PERSISTENT, new Stat()));
    step(
        "createContainer",
        () -> zk.create("/box", bytes("5"), OPEN, CreateMode.CONTAINER, new Stat()));
    step("create-NodeExists", () -> zk.create("/a", null, OPEN, CreateMode.PERSISTENT));
    step("create-NoNode", () -> zk.create("/no/child", null, OPEN, CreateMode.PERSISTENT));
    step(
        "create-NoChildrenForEphemerals",
        () -> zk.create("/e/child", null, OPEN, CreateMode.PERSISTENT));
    step("create-unicode", () -> zk.create("/zwölf-十二", null, OPEN, CreateMode.PERSISTENT));

    step("exists", () -> zk.exists("/a", false));
    step("exists-ephemeral", () -> zk.exists("/e", false));
    step("exists-NoNode", () -> zk.exists("/none", false));
    step("getData", () -> zk.getData("/a", false, new Stat()));
    step("getData-empty", () -> zk.getData("/empty", false, new Stat()));
    step("getData-null", () -> zk.getData("/null", false, new Stat()));
    step("getData-NoNode", () -> zk.getData("/none", false, new Stat()));
    step("setData", () -> zk.setData("/a", bytes("two"), 0));
    step("setData-empty", () -> zk.setData("/a", new byte[0], -1));
    step("setData-null", () -> zk.setData("/a", null, -1));
    step("setData-BadVersion", () -> zk.setData("/a", bytes("x"), 77));
    step("getChildren", () -> zk.getChildren("/a", false));
    step("getChildren-none", () -> zk.getChildren("/empty", false));
    step("getChildren2", () -> zk.getChildren("/a", false, new Stat()));
    step("getChildren2-none", () -> zk.getChildren("/empty", false, new Stat()));
    step("getACL", () -> zk.getACL("/acls", new Stat()));
    step(
        "setACL",
        () -> zk.setACL("/empty", Arrays.asList(acl(Perms.READ, "world", "anyone")), 0));
    step("setData-NoAuth", () -> zk.setData("/empty", bytes("x"), -1));
    step("sync", () -> sync(zk, "/a"));
    step("delete-NotEmpty", () -> zk.delete("/a", -1));
    step("delete", () -> zk.delete("/null", 0));

    step(
        "multi",
        () ->
            zk.multi(
                Arrays.asList(
                    Op.create("/m", bytes("m"), OPEN, CreateMode.PERSISTENT),
                    Op.setData("/m", bytes("mm"), 0),
                    Op.check("/m", 1),
                    Op.create("/m/null", null, OPEN, CreateMode.PERSISTENT),
                    Op.delete("/m/null", -1),
                    Op.create("/m/box", new byte[0], OPEN, CreateMode.CONTAINER))));
    step(
        "multi-failed",
        () ->
            zk.multi(
                Arrays.asList(
                    Op.create("/n", null, OPEN, CreateMode.PERSISTENT),
                    Op.check("/m", 77),
                    Op.delete("/m", -1))));

    step(
        "auth",
        () -> {
          zk.addAuthInfo("digest", bytes("user:secret"));
          sync(zk, "/");
        });

    step("exists-NoNode-watch", () -> zk.exists("/w", IGNORED));
    step("event-NodeCreated", () -> zk.create("/w", null, OPEN, CreateMode.PERSISTENT));
    step("getData-watch", () -> zk.getData("/w", IGNORED, new Stat()));
    step("event-NodeDataChanged", () -> zk.setData("/w", bytes("w"), -1));
    step("getChildren-watch", () -> zk.getChildren("/w", IGNORED));
    step(
        "event-NodeChildrenChanged",
        () -> zk.create("/w/c", null, OPEN, CreateMode.PERSISTENT));
    step("getChildren2-watch", () -> zk.getChildren("/w/c", IGNORED, new Stat()));
    step("exists-watch", () -> zk.exists("/w/c", IGNORED));
    step("event-NodeDeleted", () -> zk.delete("/w/c", -1));

    Watcher first = event -> {};
    zk.getData("/w", first, null);
    zk.getData("/w", IGNORED, null);
    step("checkWatches", () -> zk.removeWatches("/w", first, WatcherType.Data, false));
    step("removeWatches", () -> zk.removeAllWatches("/w", WatcherType.Data, false));
    step("removeWatches-NoWatcher", () -> zk.removeAllWatches("/w", WatcherType.Any, false));

    step("ping", () -> Thread.sleep(4000));

    zk.getData("/w", IGNORED, null);
    zk.exists("/x", IGNORED);
    zk.getChildren("/", IGNORED);
    step("setWatches", () -> reconnect(zk));
    zk.addWatch("/w", IGNORED, AddWatchMode.PERSISTENT);
    zk.addWatch("/a", IGNORED, AddWatchMode.PERSISTENT_RECURSIVE);
    step("setWatches2", () -> reconnect(zk));

    long id = zk.getSessionId();
    byte[] password = zk.getSessionPasswd();
    step("closeSession", () -> zk.close());
    step(
        "connect-expired",
        () -> {
          CountDownLatch expired = new CountDownLatch(1);
          new ZooKeeper(
              address,
              9000,
              event -> {
                if (event.getState() == KeeperState.Expired) expired.countDown();
              },
              id,
              password);
          expired.await();
        });
  }

  private static void sync(ZooKeeper zk, String path) throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    zk.sync(path, (code, at, context) -> done.countDown(), null);
    done.await();
  }

  /** capture.ts resets the link when it is asked to; the client comes back with its watches. */
  private static void reconnect(ZooKeeper zk) throws Exception {
    CountDownLatch down = new CountDownLatch(1);
    CountDownLatch up = new CountDownLatch(1);
    zk.register(
        event -> {
          if (event.getState() == KeeperState.Disconnected) down.countDown();
          if (event.getState() == KeeperState.SyncConnected && down.getCount() == 0) up.countDown();
        });
    OUT.println("reset");
    down.await();
    up.await();
    // The watches are set before anything else is sent.
    sync(zk, "/");
  }

  // ---- a data directory: txns of every kind, a restart with its snapshot, more txns ----

  private static void directory(String address) throws Exception {
    ZooKeeper one = connect(address, 60000);
    ZooKeeper two = connect(address, 120000);
    ZooKeeper three = connect(address, 90000);

    one.create("/data", bytes("v1"), OPEN, CreateMode.PERSISTENT);
    one.setData("/data", bytes("v2"), 0);
    one.create("/empty", new byte[0], OPEN, CreateMode.PERSISTENT);
    one.create("/null", null, OPEN, CreateMode.PERSISTENT);
    one.create("/zwölf", bytes("ü"), OPEN, CreateMode.PERSISTENT, new Stat());
    one.create("/zwölf/十二", bytes("十"), OPEN, CreateMode.PERSISTENT);
    one.create("/gone", bytes("x"), OPEN, CreateMode.PERSISTENT);
    one.delete("/gone", 0);
    one.create("/queue", null, OPEN, CreateMode.PERSISTENT);
    for (int i = 0; i < 3; i++) {
      one.create("/queue/n-", bytes("q" + i), OPEN, CreateMode.PERSISTENT_SEQUENTIAL);
    }
    one.delete("/queue/n-0000000001", -1);
    one.create("/held", null, OPEN, CreateMode.PERSISTENT);
    one.create("/held/one", bytes("1"), OPEN, CreateMode.EPHEMERAL);
    two.create("/held/two-", bytes("2"), OPEN, CreateMode.EPHEMERAL_SEQUENTIAL);
    three.create("/held/three", bytes("3"), OPEN, CreateMode.EPHEMERAL);
    three.create("/held/also-three", bytes("3"), OPEN, CreateMode.EPHEMERAL);
    one.create("/readable", bytes("r"), Ids.READ_ACL_UNSAFE, CreateMode.PERSISTENT);
    one.addAuthInfo("digest", bytes("user:secret"));
    one.create("/mine", bytes("m"), Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
    one.setACL(
        "/empty",
        Arrays.asList(
            acl(Perms.READ | Perms.WRITE, "ip", "127.0.0.1"), acl(Perms.ALL, "world", "anyone")),
        0);
    refused(() -> one.create("/data", null, OPEN, CreateMode.PERSISTENT));
    refused(() -> one.setData("/data", bytes("x"), 77));
    one.create("/box", null, OPEN, CreateMode.CONTAINER);
    one.create("/box/in", bytes("i"), OPEN, CreateMode.PERSISTENT);
    one.create("/emptied", null, OPEN, CreateMode.CONTAINER);
    one.create("/emptied/in", null, OPEN, CreateMode.PERSISTENT);
    one.delete("/emptied/in", -1);
    while (one.exists("/emptied", false) != null) Thread.sleep(50);
    one.multi(
        Arrays.asList(
            Op.create("/multi", bytes("m"), OPEN, CreateMode.PERSISTENT),
            Op.create("/multi/e", null, OPEN, CreateMode.EPHEMERAL),
            Op.create("/multi/box", null, OPEN, CreateMode.CONTAINER),
            Op.create("/multi/box/in", null, OPEN, CreateMode.PERSISTENT),
            Op.check("/data", 1),
            Op.setData("/data", bytes("v3"), 1),
            Op.delete("/queue/n-0000000002", 0)));
    refused(
        () ->
            one.multi(
                Arrays.asList(
                    Op.create("/never", null, OPEN, CreateMode.PERSISTENT),
                    Op.check("/data", 77),
                    Op.delete("/data", -1))));
    three.close();
    connect(address, 60000).close();
    say("restart");

    await(one);
    await(two);
    one.setData("/data", bytes("v4"), 2);
    one.setData("/null", null, 0);
    one.create("/queue/n-", bytes("q3"), OPEN, CreateMode.PERSISTENT_SEQUENTIAL);
    two.create("/held/later", bytes("l"), OPEN, CreateMode.EPHEMERAL);
    one.delete("/held/one", 0);
    one.setACL("/mine", Arrays.asList(acl(Perms.ALL, "world", "anyone")), 0);
    one.setACL("/zwölf", Arrays.asList(acl(Perms.ADMIN | Perms.READ, "auth", "")), -1);
    ZooKeeper four = connect(address, 60000);
    four.create("/held/four", null, OPEN, CreateMode.EPHEMERAL);
    four.multi(
        Arrays.asList(
            Op.delete("/held/four", -1),
            Op.create("/held/four", bytes("again"), OPEN, CreateMode.EPHEMERAL)));
    four.close();
    refused(() -> two.delete("/queue", -1));

    ZooKeeper[] open = {one, two};
    for (ZooKeeper zk : open) {
      OUT.println("session\t" + Long.toHexString(zk.getSessionId()) + "\t" + zk.getSessionTimeout());
    }
    dump(one, "/");
    say("dumped");
  }

  private static void refused(Step step) throws Exception {
    try {
      step.run();
    } catch (KeeperException refusal) {
      return;
    }
    throw new IllegalStateException("the server accepted what it should refuse");
  }

  private static void await(ZooKeeper zk) throws Exception {
    for (; ; ) {
      try {
        zk.exists("/", false);
        return;
      } catch (KeeperException.ConnectionLossException lost) {
        Thread.sleep(50);
      }
    }
  }

  /** znode TAB path TAB data TAB Stat TAB perms scheme id TAB ... */
  private static void dump(ZooKeeper zk, String path) throws Exception {
    Stat s = new Stat();
    byte[] data = zk.getData(path, false, s);
    List<String> line = new ArrayList<>();
    line.add("znode");
    line.add(path);
    line.add(data == null ? "null" : "0x" + HexFormat.of().formatHex(data));
    line.add(
        String.join(
            ",",
            String.valueOf(s.getCzxid()),
            String.valueOf(s.getMzxid()),
            String.valueOf(s.getCtime()),
            String.valueOf(s.getMtime()),
            String.valueOf(s.getVersion()),
            String.valueOf(s.getCversion()),
            String.valueOf(s.getAversion()),
            String.format("%016x", s.getEphemeralOwner()),
            String.valueOf(s.getDataLength()),
            String.valueOf(s.getNumChildren()),
            String.valueOf(s.getPzxid())));
    for (ACL acl : zk.getACL(path, new Stat())) {
      line.add(acl.getPerms() + " " + acl.getId().getScheme() + " " + acl.getId().getId());
    }
    OUT.println(String.join("\t", line));
    List<String> children = zk.getChildren(path, false);
    Collections.sort(children);
    for (String child : children) dump(zk, path.equals("/") ? "/" + child : path + "/" + child);
  }
}
