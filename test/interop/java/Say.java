import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.apache.zookeeper.AsyncCallback.ACLCallback;
import org.apache.zookeeper.AsyncCallback.AllChildrenNumberCallback;
import org.apache.zookeeper.AsyncCallback.Children2Callback;
import org.apache.zookeeper.AsyncCallback.Create2Callback;
import org.apache.zookeeper.AsyncCallback.DataCallback;
import org.apache.zookeeper.AsyncCallback.EphemeralsCallback;
import org.apache.zookeeper.AsyncCallback.MultiCallback;
import org.apache.zookeeper.AsyncCallback.StatCallback;
import org.apache.zookeeper.AsyncCallback.StringCallback;
import org.apache.zookeeper.AsyncCallback.VoidCallback;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Stat;

/**
 * What the program prints and waits for. The callbacks and watch events of a handle run on its event
 * thread, in the order in which the server sent them; the main thread prints, and turns to another
 * handle, only while nothing is outstanding. So the order of the lines is that on the wire.
 */
final class Say {
  private static final int PATIENCE_S = 60;
  private static final int SMALL_DATA = 40;
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
  private static final BufferedReader IN =
      new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
  private static final ReentrantLock LOCK = new ReentrantLock();
  private static final Condition CHANGED = LOCK.newCondition();
  private static int outstanding = 0;
  private static volatile int events = 0;

  private Say() {}

  static void say(String line) {
    OUT.println(line);
  }

  /** The head of a part, once all before it is settled. */
  static void part(String name) {
    settle();
    say("-- " + name);
  }

  /** Asks the judge ("restart", "cut", ...) and waits until it is done. */
  static void demand(String what) throws Exception {
    say("! " + what);
    if (IN.readLine() == null) System.exit(1);
  }

  /** Runs `change`, and wakes whoever waits for its outcome. */
  static void changed(Runnable change) {
    LOCK.lock();
    try {
      change.run();
      CHANGED.signalAll();
    } finally {
      LOCK.unlock();
    }
  }

  static void await(String what, BooleanSupplier condition) {
    LOCK.lock();
    try {
      long nanos = TimeUnit.SECONDS.toNanos(PATIENCE_S);
      while (!condition.getAsBoolean()) {
        if (nanos <= 0) {
          System.err.println("not within " + PATIENCE_S + " s: " + what);
          System.exit(1);
        }
        nanos = CHANGED.awaitNanos(nanos);
      }
    } catch (InterruptedException interrupted) {
      throw new IllegalStateException(interrupted);
    } finally {
      LOCK.unlock();
    }
  }

  /** Waits until every request was answered. */
  static void settle() {
    await("replies", () -> outstanding == 0);
  }

  /** How many watch events were printed so far. */
  static int events() {
    return events;
  }

  static void awaitEvents(int count) {
    await("watch events", () -> events >= count);
  }

  /**
   * A watcher; session events are the default watcher's. The client keeps watchers in a hash set, so
   * the order in which several are told of one event hangs on their hash: that of their name.
   */
  static Watcher watch(String name) {
    return new Watcher() {
      @Override
      public void process(WatchedEvent event) {
        if (event.getType() == EventType.None) return;
        say("event of " + name + ": " + event.getType() + " " + event.getPath());
        changed(() -> events++);
      }

      @Override
      public int hashCode() {
        return name.hashCode();
      }

      @Override
      public boolean equals(Object other) {
        return this == other;
      }
    };
  }

  // ---- Callbacks: made when a request is sent, called when it is answered ----

  static VoidCallback done(String label) {
    sent();
    return (code, path, context) -> answer(label, code, "");
  }

  static StatCallback stat(String label) {
    sent();
    return (code, path, context, stat) -> answer(label, code, text(stat));
  }

  /** For a request whose Stat does not matter. */
  static StatCallback plain(String label) {
    sent();
    return (code, path, context, stat) -> answer(label, code, "");
  }

  static DataCallback data(String label) {
    sent();
    return (code, path, context, data, stat) ->
        answer(label, code, code == 0 ? text(data) + ", " + text(stat) : "");
  }

  static StringCallback created(String label) {
    sent();
    return (code, path, context, name) -> answer(label, code, name);
  }

  static Create2Callback createdWithStat(String label) {
    sent();
    return (code, path, context, name, stat) -> answer(label, code, name + ", " + text(stat));
  }

  static Children2Callback children(String label) {
    sent();
    return (code, path, context, names, stat) ->
        answer(label, code, sorted(names) + ", " + text(stat));
  }

  static ACLCallback acl(String label) {
    sent();
    return (code, path, context, entries, stat) -> {
      StringBuilder text = new StringBuilder();
      if (entries != null) {
        for (ACL entry : entries) {
          text.append(entry.getPerms()).append(' ').append(entry.getId().getScheme());
          text.append(':').append(entry.getId().getId()).append(", ");
        }
      }
      answer(label, code, text + text(stat));
    };
  }

  static EphemeralsCallback ephemerals(String label) {
    sent();
    return (code, context, paths) -> answer(label, code, sorted(paths));
  }

  static AllChildrenNumberCallback number(String label) {
    sent();
    return (code, path, context, number) -> answer(label, code, String.valueOf(number));
  }

  static MultiCallback results(String label) {
    sent();
    return (code, path, context, results) -> {
      say(label + ": " + Code.get(code));
      if (results != null) {
        for (OpResult result : results) say(label + ":   " + text(result));
      }
      changed(() -> outstanding--);
    };
  }

  private static void sent() {
    changed(() -> outstanding++);
  }

  private static void answer(String label, int code, String text) {
    say(label + ": " + Code.get(code) + (code == 0 && !"".equals(text) ? ", " + text : ""));
    changed(() -> outstanding--);
  }

  // ---- Text ----

  static String sorted(List<String> names) {
    if (names == null) return "none";
    List<String> copy = new ArrayList<>(names);
    Collections.sort(copy);
    return copy.toString();
  }

  static String text(byte[] data) {
    if (data == null) return "null";
    if (data.length > SMALL_DATA) return data.length + " bytes";
    return '"' + new String(data, StandardCharsets.UTF_8) + '"';
  }

  static String text(Stat s) {
    if (s == null) return "no stat";
    return String.format(
        "czxid {zxid:%d} mzxid {zxid:%d} pzxid {zxid:%d} ctime {time:%d} mtime {time:%d} "
            + "versions %d %d %d owner {session:%d} length %d children %d",
        s.getCzxid(),
        s.getMzxid(),
        s.getPzxid(),
        s.getCtime(),
        s.getMtime(),
        s.getVersion(),
        s.getCversion(),
        s.getAversion(),
        s.getEphemeralOwner(),
        s.getDataLength(),
        s.getNumChildren());
  }

  private static String text(OpResult result) {
    if (result instanceof OpResult.CreateResult) {
      OpResult.CreateResult created = (OpResult.CreateResult) result;
      return "created " + created.getPath() + ", " + text(created.getStat());
    }
    if (result instanceof OpResult.SetDataResult) {
      return "set, " + text(((OpResult.SetDataResult) result).getStat());
    }
    if (result instanceof OpResult.GetDataResult) {
      OpResult.GetDataResult got = (OpResult.GetDataResult) result;
      return "got " + text(got.getData()) + ", " + text(got.getStat());
    }
    if (result instanceof OpResult.GetChildrenResult) {
      return "children " + sorted(((OpResult.GetChildrenResult) result).getChildren());
    }
    if (result instanceof OpResult.ErrorResult) {
      return "failed, " + Code.get(((OpResult.ErrorResult) result).getErr());
    }
    return result.getClass().getSimpleName();
  }
}
