import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorOp;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.Participant;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedCountListener;
import org.apache.curator.framework.recipes.shared.SharedCountReader;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryForever;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.data.Stat;

/** Curator against a server: the framework and its recipes. Argument: connect string. */
public final class Recipes {
    private static final int SESSION_MS = 60_000;
    /** A PersistentTtlNode touches its znode every half of it. */
    private static final int TTL_MS = 1000;

    public static void main(String[] arguments) throws Exception {
        try (CuratorFramework a = open(arguments[0]); CuratorFramework b = open(arguments[0])) {
            framework(a);
            transactions(a);
            latch(a, b);
            locks(a, b);
            barriers(a, b);
            counts(a, b);
            caches(a, b);
            nodes(a, b);
            restart(a, b);
        }
    }

    private static CuratorFramework open(String address) throws InterruptedException {
        CuratorFramework client =
            CuratorFrameworkFactory.newClient(address, SESSION_MS, SESSION_MS, new RetryForever(50));
        client.start();
        client.blockUntilConnected();
        return client;
    }

    private static String data(CuratorFramework client, String path) throws Exception {
        return Transcript.text(client.getData().forPath(path));
    }

    private static List<String> children(CuratorFramework client, String path) throws Exception {
        List<String> names = new ArrayList<>(client.getChildren().forPath(path));
        names.sort(null);
        return names;
    }

    private static void framework(CuratorFramework client) throws Exception {
        Transcript.step("create", () -> client.create().creatingParentsIfNeeded().forPath("/f/a/b", Transcript.bytes("1")));
        Transcript.step("in containers", () -> client.create().creatingParentContainersIfNeeded().forPath("/f/c/d"));
        Transcript.step("container", () -> Transcript.shown(client.checkExists().forPath("/f/c")));
        Transcript.step("protected", () -> client.create().withProtection()
            .withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath("/f/p-"));
        Transcript.step("or set", () -> client.create().orSetData().forPath("/f/a/b", Transcript.bytes("22")));
        Stat stat = new Stat();
        Transcript.step("stored in", () -> client.create().storingStatIn(stat).forPath("/f/s"));
        Transcript.tell("stat", Transcript.shown(stat));
        Transcript.step("exists", () -> client.create().forPath("/f/s"));
        Transcript.step("bad version", () -> client.setData().withVersion(7).forPath("/f/s"));
        Transcript.step("idempotent", () -> Transcript.shown(client.setData().idempotent().withVersion(0).forPath("/f/s")));
        Transcript.step("not empty", () -> client.delete().forPath("/f/a"));
        Transcript.step("all below", () -> client.delete().guaranteed().deletingChildrenIfNeeded().forPath("/f/a"));
        Transcript.step("quietly", () -> client.delete().quietly().forPath("/f/a"));
        CompletableFuture<String> told = new CompletableFuture<>();
        client.create().withMode(CreateMode.EPHEMERAL)
            .inBackground((self, event) -> told.complete(event.getType() + " " + event.getResultCode() + " " + event.getName()))
            .forPath("/f/background");
        Transcript.step("in background", () -> told.get(60, SECONDS));
        Transcript.step("children", () -> children(client, "/f").toString());
        CuratorFramework below = client.usingNamespace("f/space");
        Transcript.step("namespace", () -> below.create().forPath("/in"));
        Transcript.step("seen", () -> children(client, "/f/space"));
    }

    private static void transactions(CuratorFramework client) throws Exception {
        CuratorOp create = client.transactionOp().create().forPath("/t", Transcript.bytes("t"));
        CuratorOp set = client.transactionOp().setData().withVersion(0).forPath("/t", Transcript.bytes("u"));
        CuratorOp check = client.transactionOp().check().withVersion(1).forPath("/t");
        CuratorOp wrong = client.transactionOp().check().withVersion(9).forPath("/t");
        CuratorOp delete = client.transactionOp().delete().forPath("/t");
        for (CuratorTransactionResult each : client.transaction().forOperations(create, set, check)) {
            Transcript.tell(each.getType().name(), each.getForPath() + " " + each.getResultPath() + " " + each.getError());
        }
        Transcript.step("fails", () -> client.transaction().forOperations(delete, wrong));
        Transcript.step("stays", () -> data(client, "/t"));
    }

    private static void latch(CuratorFramework a, CuratorFramework b) throws Exception {
        LeaderLatch first = new LeaderLatch(a, "/latch", "a");
        LeaderLatch second = new LeaderLatch(b, "/latch", "b");
        first.start();
        Transcript.step("a leads", () -> first.await(60, SECONDS));
        second.start();
        Transcript.until("two stand", () -> children(a, "/latch").size() == 2);
        for (Participant each : second.getParticipants()) {
            Transcript.tell("participant", each.getId() + " " + each.isLeader());
        }
        Transcript.tell("b leads", second.hasLeadership());
        Transcript.tell("b says", second.getLeader().getId());
        first.close();
        Transcript.step("b leads after a", () -> second.await(60, SECONDS));
        second.close();
        // It leaves in the background.
        Transcript.until("nobody stands", () -> children(a, "/latch").isEmpty());
    }

    private static void locks(CuratorFramework a, CuratorFramework b) throws Exception {
        InterProcessReadWriteLock first = new InterProcessReadWriteLock(a, "/rw");
        InterProcessReadWriteLock second = new InterProcessReadWriteLock(b, "/rw");
        Transcript.step("a reads", () -> first.readLock().acquire(60, SECONDS));
        Transcript.step("b reads", () -> second.readLock().acquire(60, SECONDS));
        Transcript.step("a may not write", () -> first.writeLock().acquire(0, SECONDS));
        Transcript.tell("znodes", children(a, "/rw").size());
        first.readLock().release();
        second.readLock().release();
        Transcript.step("a writes", () -> first.writeLock().acquire(60, SECONDS));
        Transcript.step("and reads", () -> first.readLock().acquire(60, SECONDS));
        Transcript.step("b may not", () -> second.readLock().acquire(0, SECONDS));
        first.writeLock().release();
        Transcript.step("b may", () -> second.readLock().acquire(60, SECONDS));
        first.readLock().release();
        second.readLock().release();

        InterProcessSemaphoreV2 left = new InterProcessSemaphoreV2(a, "/semaphore", 2);
        InterProcessSemaphoreV2 right = new InterProcessSemaphoreV2(b, "/semaphore", 2);
        Lease one = left.acquire();
        Lease two = right.acquire();
        Transcript.step("no third", () -> left.acquire(100, MILLISECONDS));
        CompletableFuture<Boolean> third = CompletableFuture.supplyAsync(() -> acquired(left));
        left.returnLease(one);
        Transcript.step("a third", () -> third.get(60, SECONDS));
        right.returnLease(two);
    }

    private static boolean acquired(InterProcessSemaphoreV2 semaphore) {
        try {
            Lease lease = semaphore.acquire(60, SECONDS);
            semaphore.returnLease(lease);
            return true;
        } catch (Exception thrown) {
            throw new IllegalStateException(thrown);
        }
    }

    private static void barriers(CuratorFramework a, CuratorFramework b) throws Exception {
        DistributedBarrier barrier = new DistributedBarrier(a, "/barrier");
        barrier.setBarrier();
        Transcript.step("stands", () -> barrier.waitOnBarrier(100, MILLISECONDS));
        CompletableFuture<Boolean> waits = CompletableFuture.supplyAsync(() -> {
            try {
                return new DistributedBarrier(b, "/barrier").waitOnBarrier(60, SECONDS);
            } catch (Exception thrown) {
                throw new IllegalStateException(thrown);
            }
        });
        barrier.removeBarrier();
        Transcript.step("falls", () -> waits.get(60, SECONDS));

        DistributedDoubleBarrier first = new DistributedDoubleBarrier(a, "/double", 2);
        DistributedDoubleBarrier second = new DistributedDoubleBarrier(b, "/double", 2);
        CompletableFuture<Boolean> through = CompletableFuture.supplyAsync(() -> {
            try {
                return second.enter(60, SECONDS) && second.leave(60, SECONDS);
            } catch (Exception thrown) {
                throw new IllegalStateException(thrown);
            }
        });
        Transcript.step("enter", () -> first.enter(60, SECONDS));
        Transcript.step("leave", () -> first.leave(60, SECONDS));
        Transcript.step("the other, too", () -> through.get(60, SECONDS));
    }

    private static void counts(CuratorFramework a, CuratorFramework b) throws Exception {
        try (SharedCount first = new SharedCount(a, "/count", 5); SharedCount second = new SharedCount(b, "/count", 0)) {
            first.start();
            second.start();
            Transcript.Told told = new Transcript.Told();
            second.addListener(new SharedCountListener() {
                @Override
                public void countHasChanged(SharedCountReader reader, int count) {
                    told.add("count " + count);
                }

                @Override
                public void stateChanged(CuratorFramework client, ConnectionState state) {}
            });
            Transcript.tell("seed", second.getCount());
            first.setCount(6);
            told.tell("told", 1);
            VersionedValue<Integer> current = second.getVersionedValue();
            Transcript.tell("version", current.getVersion());
            Transcript.tell("try", second.trySetCount(current, 7));
            Transcript.tell("try again", first.trySetCount(current, 8));
        }
        DistributedAtomicLong total = new DistributedAtomicLong(a, "/total", new RetryForever(10));
        AtomicValue<Long> sum = total.add(40L);
        Transcript.tell("sum", sum.succeeded() + " " + sum.preValue() + " " + sum.postValue());
        Transcript.tell("compare", total.compareAndSet(41L, 1L).succeeded());
    }

    private static void caches(CuratorFramework a, CuratorFramework b) throws Exception {
        for (String path : new String[] {"/cache/a/b", "/cache/c"}) {
            b.create().creatingParentsIfNeeded().forPath(path, Transcript.bytes(path));
        }
        Transcript.Told told = new Transcript.Told();
        try (CuratorCache cache = CuratorCache.build(a, "/cache")) {
            CompletableFuture<Void> filled = new CompletableFuture<>();
            cache.listenable().addListener(CuratorCacheListener.builder()
                .forInitialized(() -> filled.complete(null)).build());
            cache.listenable().addListener(CuratorCacheListener.builder()
                .afterInitialized().forAll((type, before, now) -> told.add(type + " " + shown(before) + " " + shown(now))).build());
            cache.start();
            filled.get(60, SECONDS);
            Transcript.tell("filled", cache.stream().map(Recipes::shown).sorted().toList());
            b.create().forPath("/cache/a/b/deep", Transcript.bytes("x"));
            told.tell("told", 1);
            b.setData().forPath("/cache/a/b/deep", Transcript.bytes("y"));
            told.tell("told", 1);
            b.setData().forPath("/cache", Transcript.bytes("root"));
            told.tell("told", 1);
            b.delete().forPath("/cache/a/b/deep");
            told.tell("told", 1);
            b.transaction().forOperations(
                b.transactionOp().delete().forPath("/cache/c"),
                b.transactionOp().create().forPath("/cache/c", Transcript.bytes("again")));
            told.tell("told", 2);
        }
        told.tellSurplus("no more");
        try (PathChildrenCache cache = new PathChildrenCache(a, "/cache", true)) {
            Transcript.Told changes = new Transcript.Told();
            cache.getListenable().addListener((self, event) ->
                changes.add(event.getType() + " " + (event.getData() == null ? "" : shown(event.getData()))));
            cache.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
            Transcript.tell("children", cache.getCurrentData().stream().map(Recipes::shown).toList());
            b.create().withMode(CreateMode.EPHEMERAL).forPath("/cache/e", Transcript.bytes("e"));
            changes.tell("child", 1);
            b.setData().forPath("/cache/e", Transcript.bytes("f"));
            changes.tell("child", 1);
            b.delete().forPath("/cache/e");
            changes.tell("child", 1);
        }
    }

    private static String shown(ChildData node) {
        return node == null ? "-" : node.getPath() + "=" + Transcript.text(node.getData()) + "@" + node.getStat().getVersion();
    }

    private static void nodes(CuratorFramework a, CuratorFramework b) throws Exception {
        try (PersistentNode node = new PersistentNode(a, CreateMode.EPHEMERAL, false, "/nodes/own", Transcript.bytes("v"))) {
            node.start();
            Transcript.step("there", () -> node.waitForInitialCreate(60, SECONDS));
            Stat before = b.checkExists().forPath("/nodes/own");
            Transcript.tell("stat", Transcript.shown(before));
            b.delete().forPath("/nodes/own");
            Transcript.until("it comes again", () -> {
                Stat now = b.checkExists().forPath("/nodes/own");
                return now != null && now.getCzxid() != before.getCzxid();
            });
            Transcript.step("with its data", () -> data(b, "/nodes/own"));
        }
        Transcript.step("gone", () -> b.checkExists().forPath("/nodes/own"));
        try (PersistentTtlNode node = new PersistentTtlNode(a, "/nodes/ttl", TTL_MS, Transcript.bytes("t"))) {
            node.start();
            Transcript.step("there", () -> node.waitForInitialCreate(60, SECONDS));
            Transcript.step("stat", () -> Transcript.shown(b.checkExists().forPath("/nodes/ttl")));
            Transcript.until("it is touched", () -> b.checkExists().forPath("/nodes/ttl/touch") != null);
            Transcript.step("children", () -> children(b, "/nodes/ttl"));
        }
    }

    private static void restart(CuratorFramework a, CuratorFramework b) throws Exception {
        Transcript.Told states = new Transcript.Told();
        a.getConnectionStateListenable().addListener((client, state) -> states.add(state.name()));
        b.create().forPath("/restart");
        a.create().withMode(CreateMode.EPHEMERAL).forPath("/restart/e");
        LeaderLatch latch = new LeaderLatch(b, "/latch-again", "b");
        latch.start();
        latch.await();
        Transcript.Told told = new Transcript.Told();
        try (CuratorCache cache = CuratorCache.build(a, "/restart")) {
            CompletableFuture<Void> filled = new CompletableFuture<>();
            cache.listenable().addListener(CuratorCacheListener.builder()
                .forInitialized(() -> filled.complete(null)).build());
            cache.listenable().addListener(CuratorCacheListener.builder()
                .afterInitialized().forCreates(node -> told.add("created " + shown(node))).build());
            cache.start();
            filled.get(60, SECONDS);
            long session = a.getZookeeperClient().getZooKeeper().getSessionId();
            Transcript.ask("kill");
            states.tell("state", 1);
            Transcript.ask("start");
            states.tell("state", 1);
            Transcript.tell("same session", session == a.getZookeeperClient().getZooKeeper().getSessionId());
            Transcript.step("its ephemeral", () -> Transcript.shown(a.checkExists().forPath("/restart/e")));
            Transcript.step("the latch", () -> latch.await(60, SECONDS));
            b.create().forPath("/restart/late", Transcript.bytes("late"));
            told.tell("told", 1);
        }
        latch.close();
    }
}
