"""The calls of the client itself."""

from kazoo.exceptions import EXCEPTIONS, KazooException


def run(room):
    zk = room.client()
    creates(room, zk)
    reads_and_writes(room, zk)
    deletes(room, zk)
    arguments(room, zk)
    pipelined(room, zk)
    sessions(room)
    administration(room, zk)
    too_large(room, zk)


def creates(room, zk):
    room.step("ensure_path", zk.ensure_path, "/plain/a/b")
    room.step("ensure_path again", zk.ensure_path, "/plain/a/b")
    room.step("create", zk.create, "/plain/c", b"value")
    room.step("create again", zk.create, "/plain/c", b"other")
    room.step("create without a parent", zk.create, "/plain/none/d")
    room.step("create with makepath", zk.create, "/plain/made/on/the/way", b"x", makepath=True)
    room.step("create with include_data", zk.create, "/plain/e", b"12", include_data=True)
    room.step("create without data", zk.create, "/plain/empty")
    room.step("create with null", zk.create, "/plain/null", None)
    room.step("create ephemeral", zk.create, "/plain/eph", b"e", ephemeral=True)
    room.step("its stat", zk.exists, "/plain/eph")
    room.step("create below an ephemeral", zk.create, "/plain/eph/f")
    room.step("create in sequence", zk.create, "/plain/a/s-", sequence=True)
    room.step("create in sequence", zk.create, "/plain/a/s-", sequence=True)
    room.step("create another in sequence", zk.create, "/plain/a/t-", sequence=True)
    room.step("create a mere number", zk.create, "/plain/a/", sequence=True)
    room.step(
        "create ephemeral in sequence",
        zk.create,
        "/plain/a/u-",
        sequence=True,
        ephemeral=True,
        include_data=True,
    )
    room.step("create by a name in two scripts", zk.create, "/plain/é☃")
    room.step("create by a name beyond the basic plane", zk.create, "/plain/𝄞")


def reads_and_writes(room, zk):
    room.step("exists", zk.exists, "/plain/c")
    room.step("exists on nothing", zk.exists, "/plain/nothing")
    room.step("get", zk.get, "/plain/c")
    room.step("get empty", zk.get, "/plain/empty")
    room.step("get null", zk.get, "/plain/null")
    room.step("get nothing", zk.get, "/plain/nothing")
    room.step("set", zk.set, "/plain/c", b"second")
    room.step("set with the version", zk.set, "/plain/c", b"third", version=1)
    room.step("set with an old version", zk.set, "/plain/c", b"fourth", version=1)
    room.step("set to null", zk.set, "/plain/c", None)
    room.step("set nothing", zk.set, "/plain/nothing", b"")
    room.step("get after the sets", zk.get, "/plain/c")
    room.tell("children", set(zk.get_children("/plain")))
    children, stat = zk.get_children("/plain/a", include_data=True)
    room.tell("children with stat", (set(children), stat))
    room.step("children of nothing", zk.get_children, "/plain/nothing")
    room.step("sync", zk.sync, "/plain")
    room.step("sync of nothing", zk.sync, "/plain/nothing")
    room.tell("children of the root", set(zk.get_children("/")))
    room.tell("children of /zookeeper", set(zk.get_children("/zookeeper")))
    room.step("the config znode", zk.get, "/zookeeper/config")
    room.step("the quota znode", zk.get, "/zookeeper/quota")


def deletes(room, zk):
    room.step("delete with children", zk.delete, "/plain/made")
    room.step("delete with a wrong version", zk.delete, "/plain/e", version=7)
    room.step("delete with the version", zk.delete, "/plain/e", version=0)
    room.step("delete again", zk.delete, "/plain/e")
    room.step("delete recursively", zk.delete, "/plain/made", recursive=True)
    room.step("the parent after it", zk.exists, "/plain")
    room.step("delete the root", zk.delete, "/")
    room.step("delete /zookeeper", zk.delete, "/zookeeper")


def arguments(room, zk):
    room.step("create the root", zk.create, "/")
    room.step("a path with a dot", zk.get, "/plain/./c")
    room.step("a path with two slashes", zk.get, "/plain//c")
    room.step("a path with a control character", zk.create, "/plain/\x01")
    room.step("a path with a private character", zk.create, "/plain/\ue000")
    room.step("a path with a null character", zk.exists, "/plain/\0")


def pipelined(room, zk):
    """A hundred requests in flight: every reply finds its own."""
    zk.create("/plain/many")
    results = [zk.create_async(f"/plain/many/{i}", str(i).encode()) for i in range(100)]
    paths = [result.get() for result in results]
    room.tell("a hundred creates", paths == [f"/plain/many/{i}" for i in range(100)])
    results = [zk.get_async(f"/plain/many/{i}") for i in range(120)]
    for result in results:
        result.wait()
    data = [result.get()[0] for result in results if result.successful()]
    room.tell("their data", data == [str(i).encode() for i in range(100)])
    room.tell("failed", sum(not result.successful() for result in results))


def sessions(room):
    """A session that ends takes its ephemerals along."""
    left, right = room.clients(2)
    left.ensure_path("/sessions/of")
    for i in range(3):
        left.create(f"/sessions/of/left{i}", ephemeral=True)
    right.create("/sessions/of/right", ephemeral=True)
    room.tell("two sessions", set(right.get_children("/sessions/of")))
    left.stop()
    room.tell("one session", set(right.get_children("/sessions/of")))
    room.step("a call after stop", left.get, "/sessions/of")
    left.start()
    room.step("a call after another start", lambda: left.get("/sessions/of")[0])


def administration(room, zk):
    room.step("ruok", zk.command, b"ruok")
    room.step("isro", zk.command, b"isro")
    mode = [line for line in zk.command(b"srvr").splitlines() if line.startswith("Mode")]
    room.tell("srvr", mode)
    # The two are of different releases.
    room.step("server_version", lambda: zk.server_version()[0])
    # kazoo 2.8 does not know this error, and its reader would die of it.
    EXCEPTIONS[-123] = ReconfigDisabled
    room.step("reconfig", zk.reconfig, "server.9=127.0.0.1:1:2;3", None, None)


class ReconfigDisabled(KazooException):
    pass


def too_large(room, zk):
    """What exceeds a frame costs the connection, not the session."""
    session = zk.client_id
    room.step("set two megabytes", zk.set, "/plain/c", bytes(2 << 20))
    room.until("the client is back", lambda: zk.connected)
    room.tell("same session", zk.client_id == session)
    room.step("the ephemeral is there", zk.retry, zk.exists, "/plain/eph")
