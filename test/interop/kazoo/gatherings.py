"""Party, ShallowParty, Barrier, DoubleBarrier, SetPartitioner: who is there, and until all are."""

from room import Worker

# How long a party must stay as it is before the set is divided.
BOUNDARY_S = 0.3


def run(room):
    party(room)
    shallow_party(room)
    barrier(room)
    double_barrier(room)
    set_partitioner(room)


def party(room):
    a, b, c = room.clients(3)
    parties = [client.Party("/gatherings/party", name) for name, client in zip("abc", [a, b, c])]
    room.tell("before", (len(parties[0]), list(parties[0])))
    for each in parties:
        each.join()
    parties[1].join()
    room.tell("all", (len(parties[0]), set(parties[0])))
    room.step("b leaves", parties[1].leave)
    room.step("b leaves again", parties[1].leave)
    room.tell("two", (len(parties[0]), set(parties[0])))
    c.stop()
    room.tell("one", (len(parties[0]), set(parties[0])))
    names = a.get_children("/gatherings/party")
    room.tell("its znode", (names, a.get("/gatherings/party/" + names[0])))


def shallow_party(room):
    a, b = room.clients(2)
    first = a.ShallowParty("/gatherings/shallow", "a")
    second = b.ShallowParty("/gatherings/shallow", "b")
    first.join()
    second.join()
    room.tell("both", (len(first), set(first)))
    room.tell("znodes", set(a.get_children("/gatherings/shallow")))
    room.step("a leaves", first.leave)
    room.tell("one", (len(second), set(second)))


def barrier(room):
    a, b = room.clients(2)
    first, second = a.Barrier("/gatherings/barrier"), b.Barrier("/gatherings/barrier")
    room.step("no barrier", first.wait)
    room.step("create", first.create)
    room.step("create again", second.create)
    room.step("wait a little", second.wait, timeout=0.2)
    waits = Worker(second.wait, timeout=60)
    room.step("wait in vain", first.wait, timeout=0.2)
    room.tell("still waits", waits.waits)
    room.step("remove", first.remove)
    room.step("it falls", waits.result)
    room.step("remove again", first.remove)


def double_barrier(room):
    path = "/gatherings/double"
    clients = room.clients(3)
    barriers = [
        client.DoubleBarrier(path, 3, name) for name, client in zip("abc", clients)
    ]
    zk = clients[0]
    zk.ensure_path(path)

    def arrived():
        return set(zk.get_children(path))

    enters = []
    for at, each in enumerate(barriers[:2]):
        enters.append(Worker(each.enter))
        room.until("it stands there", lambda: len(arrived()) == at + 1)
    room.tell("two wait", ([worker.waits for worker in enters], arrived()))
    enters.append(Worker(barriers[2].enter))
    for worker in enters:
        room.step("entered", worker.result)
    room.tell("inside", ([each.participating for each in barriers], arrived()))
    first = Worker(barriers[0].leave)
    room.until("the first wants to leave", lambda: "ready" not in arrived())
    room.tell("it waits", (first.waits, arrived()))
    second = Worker(barriers[2].leave)
    room.until("the last wants to leave", lambda: len(arrived()) == 2)
    room.tell("both wait", ([first.waits, second.waits], arrived()))
    barriers[1].leave()
    room.step("left", first.result)
    room.step("left", second.result)
    room.tell("outside", ([each.participating for each in barriers], arrived()))


def set_partitioner(room):
    clients = room.clients(2)
    shared = (1, 2, 3, 4, 5)

    def join(at):
        return clients[at].SetPartitioner(
            "/gatherings/set", shared, identifier=f"member{at}", time_boundary=BOUNDARY_S
        )

    def acquired(member):
        room.until("the set is divided", lambda: member.acquired or member.failed)
        return member.state, list(member)

    first = join(0)
    room.tell("begins", first.state)
    room.step("alone", acquired, first)
    second = join(1)
    room.until("the first must let go", lambda: first.release)
    room.tell("the first must let go", first.state)
    first.release_set()
    room.step("first of two", acquired, first)
    room.step("second of two", acquired, second)
    room.tell("locks", set(clients[0].get_children("/gatherings/set/locks")))
    clients[1].stop()
    room.until("the second has failed", lambda: second.failed)
    room.until("the first must let go", lambda: first.release)
    first.release_set()
    room.step("alone again", acquired, first)
    first.finish()
    room.tell("finished", (first.state, clients[0].get_children("/gatherings/set/party")))
