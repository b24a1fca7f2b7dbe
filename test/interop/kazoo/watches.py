"""DataWatch, ChildrenWatch, TreeCache, and the bare watches under them."""

from kazoo.recipe.cache import TreeCache, TreeEvent


def run(room):
    bare(room)
    data_watch(room)
    children_watch(room)
    tree_cache(room)


def told(room, calls, count):
    """Waits until a watcher has been called so many times, and tells the last call."""
    room.until(f"call {count}", lambda: len(calls) >= count)
    room.tell("told", calls[count - 1])


def bare(room):
    zk, other = room.clients(2)
    other.ensure_path("/watches/bare")
    calls = []
    zk.exists("/watches/bare/a", watch=calls.append)
    zk.get_children("/watches/bare", watch=calls.append)
    other.create("/watches/bare/a")
    told(room, calls, 1)
    told(room, calls, 2)
    zk.get("/watches/bare/a", watch=calls.append)
    other.set("/watches/bare/a", b"1")
    told(room, calls, 3)
    other.set("/watches/bare/a", b"2")
    zk.exists("/watches/bare/a", watch=calls.append)
    zk.get_children("/watches/bare/a", watch=calls.append)
    zk.get_children("/watches/bare", watch=calls.append)
    other.delete("/watches/bare/a")
    for count in [4, 5, 6]:
        told(room, calls, count)
    # An answer comes behind the events of all that it shows.
    zk.get("/watches/bare")
    room.tell("calls", len(calls))


def data_watch(room):
    zk, other = room.clients(2)
    calls = []

    def changed(data, stat, event):
        calls.append((data, stat and stat.version, event))
        return data != b"enough"

    zk.DataWatch("/watches/data", changed)
    told(room, calls, 1)
    other.create("/watches/data", b"new")
    told(room, calls, 2)
    other.set("/watches/data", b"changed")
    told(room, calls, 3)
    other.delete("/watches/data")
    told(room, calls, 4)
    other.create("/watches/data", b"again")
    told(room, calls, 5)
    other.set("/watches/data", b"enough")
    told(room, calls, 6)
    other.set("/watches/data", b"more")
    zk.get("/watches/data")
    room.tell("calls", len(calls))


def children_watch(room):
    zk, other = room.clients(2)
    other.create("/watches/children")
    calls = []

    def changed(children, event):
        calls.append((set(children), event))
        return len(children) < 3

    zk.ChildrenWatch("/watches/children", changed, send_event=True)
    told(room, calls, 1)
    other.create("/watches/children/a")
    told(room, calls, 2)
    other.create("/watches/children/b", ephemeral=True)
    told(room, calls, 3)
    other.set("/watches/children/a", b"")
    other.stop()
    told(room, calls, 4)
    for count, name in enumerate("cd", start=5):
        zk.create("/watches/children/" + name)
        told(room, calls, count)
    zk.create("/watches/children/e")
    zk.get("/watches/children")
    room.tell("calls", len(calls))


NAMES = {
    getattr(TreeEvent, name): name
    for name in ["NODE_ADDED", "NODE_UPDATED", "NODE_REMOVED", "INITIALIZED"]
}


def tree_cache(room):
    zk, other = room.clients(2)
    for path in ["a/b", "a/c", "d"]:
        other.create("/watches/tree/" + path, path.encode(), makepath=True)
    calls = []

    def listen(event):
        node = event.event_data
        calls.append((NAMES[event.event_type], node and (node.path, node.data)))

    cache = TreeCache(zk, "/watches/tree")
    cache.listen(listen)
    cache.start()
    for count in range(1, 7):
        told(room, calls, count)

    def after(change, *args):
        # The cache asks for what it does not know before it watches it.
        room.until("the cache is at rest", lambda: cache._outstanding_ops == 0)
        count = len(calls)
        change(*args)
        told(room, calls, count + 1)

    after(other.set, "/watches/tree/a", b"changed")
    after(other.create, "/watches/tree/a/b/deep", b"deeper")
    after(other.set, "/watches/tree/a/b/deep", b"deepest")
    after(other.delete, "/watches/tree/d")
    after(other.create, "/watches/tree/d", b"back")
    room.tell("data", cache.get_data("/watches/tree/a/b/deep").data)
    room.tell("version", cache.get_data("/watches/tree/a/b/deep").stat.version)
    room.tell("children", cache.get_children("/watches/tree/a"))
    room.tell("nothing there", cache.get_data("/watches/tree/none"))
    room.step("outside", cache.get_data, "/other")
    cache.close()
    room.step("start again", cache.start)
