"""Counter, Queue, LockingQueue, NonBlockingLease, MultiNonBlockingLease."""

from datetime import datetime, timedelta

from room import Worker

HOUR = timedelta(hours=1)
NOON = datetime(2030, 1, 1, 12)


def run(room):
    counter(room)
    counters_in_contention(room)
    queue(room)
    consumers(room)
    locking_queue(room)
    lease(room)
    leases(room)


def counter(room):
    zk = room.client()
    count = zk.Counter("/values/count")
    room.tell("new", count.value)
    count += 2
    count -= 5
    room.tell("changed", (count.value, count.pre_value, count.post_value))
    room.step("its znode", zk.get, "/values/count")
    real = zk.Counter("/values/real", default=1.5)
    real += 2.0
    room.tell("a float", (real.value, zk.get("/values/real")[0]))
    room.step("an int to a float", lambda: real + 1)
    shared = zk.Counter("/values/curator", support_curator=True)
    shared += 258
    room.tell("Curator's layout", (shared.value, zk.get("/values/curator")[0]))


def counters_in_contention(room):
    clients = room.clients(3)

    def add(client):
        count = client.Counter("/values/together")
        for _ in range(5):
            count += 1

    for worker in [Worker(add, client) for client in clients]:
        worker.result()
    room.tell("together", clients[0].Counter("/values/together").value)
    room.tell("versions", clients[0].exists("/values/together").version)


def queue(room):
    zk = room.client()
    line = zk.Queue("/values/queue")
    room.tell("empty", (len(line), line.get()))
    for value, priority in [(b"last", 900), (b"one", 100), (b"two", 100), (b"first", 5)]:
        line.put(value, priority)
    room.tell("znodes", set(zk.get_children("/values/queue")))
    room.tell("length", len(line))
    room.tell("in order", [line.get() for _ in range(5)])
    room.step("a bad priority", line.put, b"", 1000)


def consumers(room):
    """Each entry goes to one consumer."""
    clients = room.clients(3)
    source = clients[0].Queue("/values/food")
    for i in range(30):
        source.put(b"%02d" % i)

    def eat(client):
        line = client.Queue("/values/food")
        return list(iter(line.get, None))

    eaten = [worker.result() for worker in [Worker(eat, client) for client in clients]]
    room.tell("eaten once", sorted(sum(eaten, [])) == [b"%02d" % i for i in range(30)])


def locking_queue(room):
    a, b = room.clients(2)
    first, second = a.LockingQueue("/values/locking"), b.LockingQueue("/values/locking")
    room.step("nothing there", first.get, timeout=0.2)
    room.step("put_all", first.put_all, [b"one", b"two", b"three"])
    room.step("put ahead", second.put, b"zero", 10)
    room.tell("length", len(first))
    room.step("a takes", first.get)
    room.step("a takes the same", first.get)
    room.step("b takes the next", second.get)
    room.tell("locked", set(a.get_children("/values/locking/taken")))
    room.step("a holds", first.holds_lock)
    room.step("a releases", first.release)
    room.step("a releases again", first.release)
    room.step("b consumes", second.consume)
    room.step("b takes what a released", second.get)
    room.step("b consumes", second.consume)
    room.tell("left", len(first))
    taken = [first.get(), second.get()]
    room.tell("both", (taken, [first.consume(), second.consume()]))
    waits = Worker(first.get, timeout=60)
    room.tell("a waits", waits.waits)
    room.step("put", second.put, b"late")
    room.step("a gets", waits.result)
    a.stop()
    room.step("a is gone, b takes it", second.get)
    room.step("b consumes", second.consume)
    room.tell("empty", len(second))


def lease(room):
    zk = room.client()

    def take(name, when):
        return bool(zk.NonBlockingLease("/values/lease", HOUR, name, utcnow=lambda: when))

    room.step("a takes", take, "a", NOON)
    room.step("b is late", take, "b", NOON)
    room.step("a renews", take, "a", NOON + HOUR / 2)
    room.step("b is still late", take, "b", NOON + HOUR)
    room.step("b takes what ran out", take, "b", NOON + 2 * HOUR)
    room.step("its znode", lambda: zk.get("/values/lease/lease_holder")[0])


def leases(room):
    zk = room.client()

    def take(name, when=NOON):
        taken = zk.MultiNonBlockingLease(2, "/values/leases", HOUR, name, utcnow=lambda: when)
        return bool(taken)

    room.tell("two of three", [take("a"), take("b"), take("c")])
    room.tell("one runs out", [take("a", NOON + HOUR / 2), take("c", NOON + HOUR)])
    room.tell("znodes", set(zk.get_children("/values/leases")))
