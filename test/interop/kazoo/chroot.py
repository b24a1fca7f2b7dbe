"""A client whose root is a znode."""

import warnings


def run(room):
    outside = room.client()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        zk = room.client(chroot="/chroot/base")
    room.tell("warned", [str(warning.message) for warning in caught])
    room.step("create before the base is there", zk.create, "/a")
    outside.ensure_path("/chroot")
    room.step("make the base", zk.ensure_path, "/")
    room.step("create", zk.create, "/a", b"in")
    room.step("seen from outside", lambda: outside.get("/chroot/base/a")[0])
    room.step("create in sequence", zk.create, "/s-", sequence=True)
    room.step("create with stat", zk.create, "/b", include_data=True)
    room.tell("children", set(zk.get_children("/")))
    room.step("sync", zk.sync, "/a")
    room.step("exists outside", zk.exists, "/chroot")
    transaction = zk.transaction()
    transaction.create("/t")
    transaction.create("/t/s-", sequence=True)
    room.step("transaction", transaction.commit)
    events = []
    zk.get("/a", watch=events.append)
    zk.get_children("/", watch=events.append)
    zk.exists("/c", watch=events.append)
    outside.set("/chroot/base/a", b"out")
    outside.create("/chroot/base/c")
    room.until("three events", lambda: len(events) == 3)
    for event in events:
        room.tell("told", event)
    lock = zk.Lock("/lock", "me")
    room.step("lock", lock.acquire)
    room.tell("its znode", outside.get_children("/chroot/base/lock"))
    room.step("contenders", outside.Lock("/chroot/base/lock").contenders)
    room.step("release", lock.release)
    room.step("delete all", zk.delete, "/", recursive=True)
    room.tell("left outside", set(outside.get_children("/chroot")))
