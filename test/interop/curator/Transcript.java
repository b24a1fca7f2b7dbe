import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.data.Stat;

/** What a program shows of what it got, in a form that two servers can share (test/tools/transcript.ts). */
final class Transcript {
    private static final long WAIT_LIMIT_S = 60;
    private static final BufferedReader ANSWERS =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

    private Transcript() {}

    /** Curator's protection and members' names are random. */
    static void tell(String label, Object value) {
        String text = String.valueOf(value).replaceAll("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID");
        System.out.println(label + ": " + text);
    }

    /** Tells what a call gave, or what it threw. */
    static void step(String label, Callable<?> call) {
        try {
            tell(label, call.call());
        } catch (Exception thrown) {
            tell(label, "throws " + thrown.getClass().getSimpleName());
        }
    }

    static String text(byte[] data) {
        return data == null ? "null" : new String(data, StandardCharsets.UTF_8);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String shown(Stat stat) {
        if (stat == null) return "null";
        return String.format(
            "czxid={zxid:%d} mzxid={zxid:%d} pzxid={zxid:%d} ctime={time:%d} mtime={time:%d} version=%d cversion=%d"
                + " aversion=%d owner={session:%d} length=%d children=%d",
            stat.getCzxid(), stat.getMzxid(), stat.getPzxid(), stat.getCtime(), stat.getMtime(),
            stat.getVersion(), stat.getCversion(), stat.getAversion(), stat.getEphemeralOwner(),
            stat.getDataLength(), stat.getNumChildren());
    }

    static void until(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_LIMIT_S);
        while (!condition.call()) {
            if (System.nanoTime() > deadline) throw new IllegalStateException("waited in vain: " + what);
            Thread.sleep(5);
        }
    }

    static void ask(String what) throws IOException {
        System.out.println("! " + what);
        if (ANSWERS.readLine() == null) throw new IllegalStateException("nobody answers");
    }

    /** What listeners are told, in its order. */
    static final class Told {
        private final BlockingQueue<String> events = new LinkedBlockingQueue<>();

        void add(String event) {
            events.add(event);
        }

        void tell(String label, int count) throws InterruptedException {
            for (int i = 0; i < count; i++) {
                String event = events.poll(WAIT_LIMIT_S, TimeUnit.SECONDS);
                if (event == null) throw new IllegalStateException("not told: " + label);
                Transcript.tell(label, event);
            }
        }

        void tellSurplus(String label) {
            Transcript.tell(label, events);
        }
    }
}
