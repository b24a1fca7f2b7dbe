"""A session that outlives its server: killed, and started again on the same port and data."""

from kazoo.recipe.cache import TreeCache, TreeEvent
from kazoo.security import CREATOR_ALL_ACL
from room import Worker


def run(room):
    zk, other = room.clients(2)
    zk.add_auth("digest", "survivor:pw")
    states = []
    zk.add_listener(states.append)
    sessions = [zk.client_id, other.client_id]
    zk.create("/restart/e", b"mine", ephemeral=True, makepath=True)
    zk.create("/restart/e-", b"", ephemeral=True, sequence=True)
    zk.create("/restart/data", b"1")
    zk.create("/restart/own", b"", acl=CREATOR_ALL_ACL)
    zk.create("/restart/dir/child", b"", makepath=True)
    lock, wanted = zk.Lock("/restart/lock", "zk"), other.Lock("/restart/lock", "other")
    lock.acquire()
    waits = Worker(wanted.acquire)
    room.until("the other stands in line", lambda: lock.contenders() == ["zk", "other"])
    data, children, cached = watching(zk)
    room.until("the cache is filled", lambda: "INITIALIZED" in cached)
    room.tell("before", (data, children, cached))
    before = {path: zk.exists(path) for path in ["/restart", "/restart/e", "/restart/data"]}
    watches = watches_of(zk)

    room.ask("kill")
    room.until("the client has noticed", lambda: not zk.connected and not other.connected)
    asked = Worker(zk.get, "/restart/data")
    room.ask("start")

    room.until("both are back", lambda: zk.connected and other.connected)
    room.tell("same sessions", sessions == [zk.client_id, other.client_id])
    # Listeners are told behind the calls that wait.
    room.until("its listener is told", lambda: len(states) == 2)
    room.tell("states", states)
    room.step("what was asked meanwhile", asked.result)
    room.tell("same stats", {p: zk.retry(zk.exists, p) == before[p] for p in before})
    room.tell("its ephemeral", zk.exists("/restart/e"))
    room.until("all watches are there again", lambda: watches_of(zk) == watches)
    room.tell("watchers are not told what they know", (data, children))
    told_again(room, other, data, children, cached)
    # Credentials belong to a connection.
    room.step("kazoo has said its credentials again", lambda: zk.get("/restart/own")[0])
    room.step("still held", lock.contenders)
    room.tell("the other waits", waits.waits)
    room.step("release", lock.release)
    room.step("the other has it", waits.result)
    zk.stop()
    room.tell("the session is over", set(other.get_children("/restart")))


def watching(zk):
    """Three recipes that must watch again by themselves."""
    data, children, cached = [], [], []
    zk.DataWatch("/restart/data", lambda value, stat: data.append(value))
    zk.ChildrenWatch("/restart/dir", lambda names: children.append(set(names)))
    cache = TreeCache(zk, "/restart/dir")
    cache.listen(lambda event: cached.append(shown(event)))
    cache.start()
    return data, children, cached


def shown(event):
    for name, number in vars(TreeEvent).items():
        if number == event.event_type and name.isupper():
            return name if event.event_data is None else f"{name} {event.event_data.path}"


def told_again(room, other, data, children, cached):
    other.set("/restart/data", b"2")
    room.until("the data watch is told", lambda: len(data) == 2)
    other.create("/restart/dir/late")
    room.until("the children watch is told", lambda: len(children) == 2)
    room.until("the cache is told", lambda: "NODE_ADDED /restart/dir/late" in cached)
    room.tell("after", (data, children, cached))


def watches_of(zk):
    """How many watches the server keeps, for all its clients."""
    for line in zk.command(b"mntr").splitlines():
        if line.startswith("zk_watch_count"):
            return int(line.split()[1])
