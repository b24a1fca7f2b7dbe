"""Lock, ReadLock, WriteLock, Semaphore, Election: who waits behind whom."""

import threading

from room import Worker

CONTENDERS = 4
TURNS = 5


def run(room):
    lock(room)
    lock_of_a_lost_client(room)
    contention(room)
    read_write(room)
    semaphore(room)
    election(room)


def queue(room, name, call, contenders, expected):
    """Starts a blocking call and waits until its contender stands in line."""
    worker = Worker(call)
    room.until(f"{name} stands in line", lambda: contenders() == expected)
    room.tell(f"{name} waits", (worker.waits, expected))
    return worker


def lock(room):
    a, b, c = (
        client.Lock("/locks/lock", name)
        for name, client in zip("abc", room.clients(3))
    )
    room.step("a acquires", a.acquire)
    room.step("b does not wait", b.acquire, blocking=False)
    room.step("b waits a little", b.acquire, timeout=0.2)
    room.step("contenders", b.contenders)
    b_waits = queue(room, "b", b.acquire, a.contenders, ["a", "b"])
    c_waits = queue(room, "c", c.acquire, a.contenders, ["a", "b", "c"])
    room.tell("znodes", set(a.client.get_children("/locks/lock")))
    room.step("a releases", a.release)
    room.step("b has it", b_waits.result)
    c.cancel()
    room.step("c was cancelled", c_waits.result)
    room.step("contenders", a.contenders)
    room.step("a releases what it has not", a.release)
    room.step("b releases", b.release)
    room.step("znodes", a.client.get_children, "/locks/lock")
    with a:
        room.step("in a block", a.contenders)
    room.tell("after it", a.contenders())


def lock_of_a_lost_client(room):
    d, e = room.clients(2)
    held, wanted = d.Lock("/locks/lost", "d"), e.Lock("/locks/lost", "e")
    held.acquire()
    waits = queue(room, "e", wanted.acquire, wanted.contenders, ["d", "e"])
    d.stop()
    room.step("d is gone, e has it", waits.result)
    room.step("e releases", wanted.release)


def contention(room):
    """Some clients, a value that is read and then written, one lock: no turn is lost."""
    clients = room.clients(CONTENDERS)
    clients[0].create("/locks/sum", b"0", makepath=True)

    def turns(client):
        for _ in range(TURNS):
            with client.Lock("/locks/contention"):
                value = int(client.get("/locks/sum")[0])
                client.set("/locks/sum", str(value + 1).encode())

    for worker in [Worker(turns, client) for client in clients]:
        worker.result()
    room.step("the sum of all turns", lambda: clients[0].get("/locks/sum")[0])


def read_write(room):
    r1, r2, w, r3 = room.clients(4)
    path = "/locks/rw"
    first, second = r1.ReadLock(path, "r1"), r2.ReadLock(path, "r2")
    writer, third = w.WriteLock(path, "w"), r3.ReadLock(path, "r3")
    room.step("r1 reads", first.acquire)
    room.step("r2 reads", second.acquire)
    room.step("w does not wait", writer.acquire, blocking=False)
    everyone = r1.WriteLock(path).contenders
    w_waits = queue(room, "w", writer.acquire, everyone, ["r1", "r2", "w"])
    room.step("r3 does not wait", third.acquire, blocking=False)
    r3_waits = queue(room, "r3", third.acquire, everyone, ["r1", "r2", "w", "r3"])
    room.step("r2 releases", second.release)
    room.tell("w still waits", w_waits.waits)
    room.step("r1 releases", first.release)
    room.step("w writes", w_waits.result)
    room.tell("r3 still waits", r3_waits.waits)
    room.step("w releases", writer.release)
    room.step("r3 reads", r3_waits.result)
    room.step("r3 releases", third.release)
    room.tell("nobody", everyone())


def semaphore(room):
    path = "/locks/semaphore"
    a, b, c = (
        client.Semaphore(path, name, max_leases=2)
        for name, client in zip("abc", room.clients(3))
    )
    room.step("a acquires", a.acquire)
    room.step("b acquires", b.acquire)
    room.step("c does not wait", c.acquire, blocking=False)
    room.step("c waits a little", c.acquire, timeout=0.2)
    room.tell("holders", set(a.lease_holders()))
    room.step("what the znode says", lambda: a.client.get(path)[0])
    other = a.client.Semaphore(path, "z", max_leases=3)
    room.step("another number of leases", other.acquire)
    waits = Worker(c.acquire)
    watches = a.client.Lock(path + "-__lock__").contenders
    room.until("c waits for a lease", lambda: watches() != [])
    room.tell("c waits", (waits.waits, watches()))
    room.step("b releases", b.release)
    room.step("c has it", waits.result)
    room.tell("holders", set(a.lease_holders()))
    room.step("a releases", a.release)
    room.step("c releases", c.release)
    room.step("c releases again", c.release)
    room.tell("holders", set(a.lease_holders()))


def election(room):
    names = ["x", "y", "z"]
    elections = [
        client.Election("/locks/election", name)
        for name, client in zip(names, room.clients(len(names)))
    ]
    leaders = []
    terms = {name: threading.Event() for name in names}

    def lead(name):
        leaders.append(name)
        terms[name].wait()

    x, y, z = elections
    runs = []
    for at, name in enumerate(names):
        candidate = elections[at]
        runs.append(
            queue(
                room, name, lambda: candidate.run(lead, name), x.contenders, names[: at + 1]
            )
        )
        room.until("x leads", lambda: leaders == ["x"])
    room.tell("leads", leaders)
    z.cancel()
    room.step("z gives up", runs[2].result)
    room.step("contenders", y.contenders)
    terms["x"].set()
    room.step("the term of x is over", runs[0].result)
    room.until("y leads", lambda: leaders == ["x", "y"])
    room.tell("led", leaders)
    terms["y"].set()
    room.step("the term of y is over", runs[1].result)
    room.step("nobody runs", x.contenders)
    room.step("what is not callable", x.run, None)
