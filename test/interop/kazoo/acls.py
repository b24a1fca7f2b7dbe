"""Access control lists, with kazoo's digests."""

from kazoo.security import (
    CREATOR_ALL_ACL,
    OPEN_ACL_UNSAFE,
    READ_ACL_UNSAFE,
    make_acl,
    make_digest_acl,
)


def run(room):
    alice, bob = room.clients(2)
    owned(room, alice, bob)
    lists(room, alice, bob)
    by_address(room, alice)
    at_start(room)
    refused(room)


def owned(room, alice, bob):
    alice.create("/acls")
    room.step("add_auth", alice.add_auth, "digest", "alice:secret")
    acl = [make_digest_acl("alice", "secret", all=True)]
    room.step("create", alice.create, "/acls/own", b"1", acl=acl)
    room.step("its list", alice.get_acls, "/acls/own")
    room.step("the owner reads", lambda: alice.get("/acls/own")[0])
    room.step("another reads", bob.get, "/acls/own")
    room.step("another writes", bob.set, "/acls/own", b"2")
    room.step("another lists children", bob.get_children, "/acls/own")
    room.step("another creates", bob.create, "/acls/own/child")
    room.step("another reads the list", bob.get_acls, "/acls/own")
    room.step("another sets the list", bob.set_acls, "/acls/own", OPEN_ACL_UNSAFE)
    room.step("another deletes", bob.delete, "/acls/own")
    room.step("with a wrong password", bob.add_auth, "digest", "alice:guess")
    room.step("another still may not", bob.get, "/acls/own")
    room.step("with the password", bob.add_auth, "digest", "alice:secret")
    room.step("now it may", lambda: bob.get("/acls/own")[0])


def lists(room, alice, bob):
    readers = [make_digest_acl("alice", "secret", all=True), *READ_ACL_UNSAFE]
    room.step("set_acls", alice.set_acls, "/acls/own", readers)
    room.step("set_acls with the version", alice.set_acls, "/acls/own", readers, version=1)
    room.step("set_acls with an old version", alice.set_acls, "/acls/own", readers, version=1)
    carol = room.client()
    room.step("anyone reads", lambda: carol.get("/acls/own")[0])
    room.step("a reader sees no digests", lambda: carol.get_acls("/acls/own")[0])
    room.step("a reader may not write", carol.set, "/acls/own", b"")
    writers = [make_digest_acl("carol", "pw", write=True, create=True, delete=True, admin=True)]
    room.step("permissions", lambda: [w.acl_list for w in writers])
    room.step("create for carol", alice.create, "/acls/carol", b"", acl=writers)
    room.step("alice may not read it", alice.get, "/acls/carol")
    carol.add_auth("digest", "carol:pw")
    room.step("neither may carol", carol.get, "/acls/carol")
    room.step("but write", lambda: carol.set("/acls/carol", b"w").version)
    room.step("and create", carol.create, "/acls/carol/child")
    room.step("and delete", carol.delete, "/acls/carol/child")
    room.step("and see the list", lambda: carol.get_acls("/acls/carol")[0])
    room.step("creator", alice.create, "/acls/creator", acl=CREATOR_ALL_ACL)
    room.step("its list", lambda: alice.get_acls("/acls/creator")[0])
    dave = room.client()
    room.step("creator without auth", dave.create, "/acls/nobody", acl=CREATOR_ALL_ACL)
    unknown = [make_acl("nosuch", "x", all=True)]
    room.step("unknown scheme", alice.create, "/acls/nobody", acl=unknown)
    no_digest = [make_acl("digest", "no-colon", all=True)]
    room.step("not a digest", alice.create, "/acls/nobody", acl=no_digest)
    room.step("list of nothing", alice.get_acls, "/acls/nothing")
    room.step("list of the root", alice.get_acls, "/")


def by_address(room, alice):
    here = [make_acl("ip", "127.0.0.0/8", read=True), make_acl("ip", "10.0.0.1", all=True)]
    room.step("create for addresses", alice.create, "/acls/ip", b"ip", acl=here)
    room.step("from here one reads", lambda: alice.get("/acls/ip")[0])
    room.step("from here one may not write", alice.set, "/acls/ip", b"")
    room.step("its list", lambda: alice.get_acls("/acls/ip")[0])
    bad = [make_acl("ip", "127.0.0.0/33", read=True)]
    room.step("a mask that is none", alice.create, "/acls/bad", acl=bad)


def at_start(room):
    """Credentials and a list given to the constructor."""
    acl = [make_digest_acl("erin", "pw", all=True)]
    erin = room.client(auth_data=[("digest", "erin:pw")], default_acl=acl)
    room.step("default list", erin.create, "/acls/erin/below", makepath=True)
    room.step("below", lambda: erin.get_acls("/acls/erin/below")[0])
    room.step("on the way", lambda: erin.get_acls("/acls/erin")[0])
    transaction = erin.transaction()
    transaction.create("/acls/erin/below/t")
    room.step("in a transaction", transaction.commit)
    room.step("its list", lambda: erin.get_acls("/acls/erin/below/t")[0])


def refused(room):
    mallory = room.client()
    room.step("unknown scheme of auth", mallory.add_auth, "nosuch", "x")
    room.until("the state says so", lambda: mallory.client_state != "CONNECTED")
    room.step("after it", mallory.get, "/acls")
