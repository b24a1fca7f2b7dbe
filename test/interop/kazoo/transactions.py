"""All or nothing."""


def run(room):
    zk, other = room.clients(2)
    zk.ensure_path("/transactions")
    commit(room, zk)
    failing_check(room, zk)
    failing_later(room, zk)
    other_forms(room, zk, other)


def tell_tree(room, zk):
    room.tell("children", set(zk.get_children("/transactions")))


def commit(room, zk):
    transaction = zk.transaction()
    transaction.create("/transactions/a", b"1")
    transaction.create("/transactions/a/b", b"2")
    transaction.create("/transactions/s-", b"", sequence=True)
    transaction.create("/transactions/e", b"", ephemeral=True)
    transaction.set_data("/transactions/a", b"3", version=0)
    transaction.check("/transactions/a", version=1)
    transaction.delete("/transactions/a/b")
    room.step("commit", transaction.commit)
    room.step("commit twice", transaction.commit)
    tell_tree(room, zk)
    room.step("a", zk.get, "/transactions/a")
    created, changed = zk.exists("/transactions/e"), zk.exists("/transactions/a")
    room.tell("one zxid", created.czxid == changed.czxid == changed.mzxid == changed.pzxid)
    room.tell("owner", created)


def failing_check(room, zk):
    transaction = zk.transaction()
    transaction.create("/transactions/f")
    transaction.check("/transactions/a", version=9)
    transaction.delete("/transactions/a")
    room.step("a check fails", transaction.commit)
    tell_tree(room, zk)


def failing_later(room, zk):
    transaction = zk.transaction()
    transaction.create("/transactions/g")
    transaction.create("/transactions/g/h")
    transaction.delete("/transactions/g")
    transaction.set_data("/transactions/none", b"")
    room.step("not empty", transaction.commit)
    transaction = zk.transaction()
    transaction.check("/transactions/none", version=-1)
    room.step("check of nothing", transaction.commit)
    transaction = zk.transaction()
    transaction.create("/transactions/a")
    room.step("exists", transaction.commit)
    tell_tree(room, zk)


def other_forms(room, zk, other):
    room.step("nothing to do", zk.transaction().commit)
    with zk.transaction() as transaction:
        transaction.create("/transactions/with")
    tell_tree(room, zk)
    events = []
    for path in ["/transactions/a", "/transactions/new"]:
        other.exists(path, watch=events.append)
    other.get_children("/transactions", watch=events.append)
    with zk.transaction() as transaction:
        transaction.create("/transactions/new")
        transaction.set_data("/transactions/a", b"")
    room.until("three events", lambda: len(events) == 3)
    for event in events:
        room.tell("told", event)
