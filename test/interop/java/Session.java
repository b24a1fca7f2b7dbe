import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.admin.ZooKeeperAdmin;

/** A handle, and what its default watcher was told. */
final class Session {
  final ZooKeeperAdmin zk;
  private int connections = 0;
  private KeeperState state = KeeperState.Disconnected;

  /** Connects and waits for it; the session goes by `name` in the transcript. */
  Session(String name, String address, int timeoutMs) throws Exception {
    zk = new ZooKeeperAdmin(address, timeoutMs, watcher());
    awaitConnection(1);
    long id = zk.getSessionId();
    Say.say(name + ": connected as {session:" + id + "}, timeout " + zk.getSessionTimeout());
  }

  /** Waits until it was connected `count` times. */
  void awaitConnection(int count) {
    Say.await("a connection", () -> connections >= count);
  }

  void awaitState(KeeperState wanted) {
    Say.await(wanted.toString(), () -> state == wanted);
    Say.say("state: " + wanted);
  }

  /** Another handle for the same session. */
  ZooKeeper attach(String address, int timeoutMs) throws Exception {
    boolean[] isConnected = {false};
    Watcher connected =
        event -> {
          if (event.getState() == KeeperState.SyncConnected) {
            Say.changed(() -> isConnected[0] = true);
          }
        };
    ZooKeeper other =
        new ZooKeeper(address, timeoutMs, connected, zk.getSessionId(), zk.getSessionPasswd());
    Say.await("a second handle", () -> isConnected[0]);
    return other;
  }

  int connections() {
    return connections;
  }

  private Watcher watcher() {
    return event -> {
      if (event.getType() != EventType.None) return;
      Say.changed(
          () -> {
            state = event.getState();
            if (state == KeeperState.SyncConnected) connections++;
          });
    };
  }
}
