"""kazoo clients that hold what must outlive a migration: sessions, ephemerals, a lock and its line.

Told "look" on its input, it says as one line of JSON what they hold; told "pass", the holder gives the
lock away and says who has it then. It ends with its input.
"""

import json
import logging
import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.protocol.states import KazooState
from kazoo.retry import KazooRetry

ROOT = "/holders"
CLIENTS = 4
SESSION_S = 40
LIMIT_S = 60
POLL_S = 0.01

# Lost connections are what this is about.
logging.getLogger("kazoo").addHandler(logging.NullHandler())


def until(what, condition):
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("waited in vain: " + what)
        time.sleep(POLL_S)


class Holder:
    def __init__(self, hosts, number):
        retry = KazooRetry(max_tries=-1, delay=0.05, backoff=1)
        self.name = f"holder-{number}"
        self.lost = 0
        self.zk = KazooClient(
            hosts, timeout=SESSION_S, connection_retry=retry, command_retry=retry
        )
        self.zk.add_listener(self.hear)
        self.zk.start(timeout=LIMIT_S)
        self.path = self.zk.create(
            f"{ROOT}/e-", self.name.encode(), ephemeral=True, sequence=True, makepath=True
        )
        self.lock = self.zk.Lock(f"{ROOT}/lock", self.name)
        self.thread = threading.Thread(target=self.lock.acquire, daemon=True)

    def hear(self, state):
        if state == KazooState.LOST:
            self.lost += 1

    def queue(self, place):
        self.thread.start()
        until("it stands in line", lambda: len(self.contenders()) == place)

    def contenders(self):
        return self.zk.retry(self.lock.contenders)

    def look(self):
        until("its client is connected", lambda: self.zk.connected)
        data, stat = self.zk.retry(self.zk.get, self.path)
        return {
            "session": f"{self.zk.client_id[0]:x}",
            "lost": self.lost,
            "path": self.path,
            "data": data.decode(),
            "czxid": f"{stat.czxid:x}",
            "owner": f"{stat.ephemeralOwner:x}",
            "contenders": self.contenders(),
            "waits": self.thread.is_alive(),
        }


def locks_of(zk):
    """The znodes of the lock's line, by name: their creation must not change either."""
    names = zk.retry(zk.get_children, f"{ROOT}/lock")
    return {name: f"{zk.retry(zk.exists, f'{ROOT}/lock/{name}').czxid:x}" for name in sorted(names)}


def main(hosts):
    holders = [Holder(hosts, number) for number in range(CLIENTS)]
    for place, holder in enumerate(holders, start=1):
        holder.queue(place)
    until("the first one has the lock", lambda: not holders[0].thread.is_alive())
    say({"ready": True})
    for line in sys.stdin:
        if line.strip() == "look":
            say({"holders": [each.look() for each in holders], "line": locks_of(holders[0].zk)})
        elif line.strip() == "pass":
            holders[0].lock.release()
            until("the next one has the lock", lambda: not holders[1].thread.is_alive())
            say({"owner": holders[1].name, "contenders": holders[1].contenders()})


def say(value):
    print(json.dumps(value, sort_keys=True), flush=True)


main(sys.argv[1])
