import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.RetryOneTime;

/**
 * Curator's InterProcessMutex, driven by lines: "acquire MILLISECONDS" answers "true" or "false",
 * "release" answers "released". Arguments: connect string, path of the lock.
 */
public final class LockPeer {
    public static void main(String[] arguments) throws Exception {
        BufferedReader commands =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (CuratorFramework client =
                CuratorFrameworkFactory.newClient(arguments[0], 10_000, 10_000, new RetryOneTime(100))) {
            client.start();
            client.blockUntilConnected();
            InterProcessMutex mutex = new InterProcessMutex(client, arguments[1]);
            System.out.println("ready");
            for (String line = commands.readLine(); line != null; line = commands.readLine()) {
                String[] words = line.split(" ");
                if (words[0].equals("acquire")) {
                    System.out.println(mutex.acquire(Long.parseLong(words[1]), TimeUnit.MILLISECONDS));
                } else {
                    mutex.release();
                    System.out.println("released");
                }
            }
        }
    }
}
