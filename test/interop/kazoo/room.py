"""What every subject of the kazoo script uses: clients, threads, and the transcript.

The transcript must not depend on timing: what a thread got is told where the script waits for it,
and before that the script waits until the thread has come as far as it can. Zxids, sessions and
times are marked for the judge, test/tools/transcript.ts.
"""

import itertools
import sys
import threading
import time
import uuid

from kazoo.client import KazooClient
from kazoo.protocol.states import WatchedEvent, ZnodeStat
from kazoo.security import ACL

WAIT_LIMIT_S = 60
POLL_S = 0.005


def name_uuids_in_order():
    """kazoo names its contenders with random uuids: here they are 1, 2, ... as they come."""
    numbers = itertools.count(1)
    uuid.uuid4 = lambda: uuid.UUID(int=next(numbers))


class Worker:
    """A call in a thread of its own, for what blocks."""

    def __init__(self, call, *args, **options):
        self._result = None
        self._thread = threading.Thread(target=self._run, args=(call, args, options), daemon=True)
        self._thread.start()

    def _run(self, call, args, options):
        try:
            self._result = call(*args, **options)
        except Exception as error:
            self._result = error

    @property
    def waits(self):
        return self._thread.is_alive()

    def result(self):
        """What the call returned, or the exception that it raised."""
        self._thread.join(WAIT_LIMIT_S)
        if self.waits:
            raise RuntimeError("a thread did not end")
        return self._result


class Room:
    def __init__(self, address):
        self.address = address
        self._clients = []

    def client(self, chroot="", **options):
        """A started client."""
        steady = {"max_tries": -1, "delay": 0.05, "backoff": 1}
        client = KazooClient(
            self.address + chroot, timeout=60, connection_retry=steady, **options
        )
        client.start(timeout=WAIT_LIMIT_S)
        self._clients.append(client)
        return client

    def clients(self, count):
        return [self.client() for _ in range(count)]

    def close(self):
        """Ends the sessions of all clients that are left."""
        for client in self._clients:
            client.stop()
            client.close()
        self._clients = []

    def say(self, line):
        print(line, flush=True)

    def ask(self, what):
        """Asks the judge for something, and waits until it is done."""
        self.say("! " + what)
        if sys.stdin.readline() == "":
            raise RuntimeError("nobody answers")

    def tell(self, label, value):
        self.say(f"{label}: {self._shown(value)}")

    def step(self, label, call, *args, **options):
        """Makes a call and tells what it gave; returns that, too."""
        try:
            value = call(*args, **options)
        except Exception as error:
            value = error
        self.tell(label, value)
        return value

    def until(self, what, condition):
        deadline = time.monotonic() + WAIT_LIMIT_S
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError("waited in vain: " + what)
            time.sleep(POLL_S)

    def _shown(self, value):
        if isinstance(value, ZnodeStat):
            return self._shown_stat(value)
        if isinstance(value, WatchedEvent):
            return f"event {value.type} {value.state} {value.path}"
        if isinstance(value, ACL):
            return f"{'|'.join(value.acl_list)} {value.id.scheme}:{value.id.id}"
        if isinstance(value, Exception):
            return f"raises {type(value).__name__}"
        # Children have no order.
        if isinstance(value, (set, frozenset)):
            return self._shown(sorted(value))
        if isinstance(value, list):
            return "[" + ", ".join(map(self._shown, value)) + "]"
        if isinstance(value, tuple):
            return "(" + ", ".join(map(self._shown, value)) + ")"
        return repr(value)

    def _shown_stat(self, stat):
        return (
            f"stat czxid={{zxid:{stat.czxid}}} mzxid={{zxid:{stat.mzxid}}}"
            f" pzxid={{zxid:{stat.pzxid}}} ctime={{time:{stat.ctime}}} mtime={{time:{stat.mtime}}}"
            f" version={stat.version} cversion={stat.cversion} aversion={stat.aversion}"
            f" owner={{session:{stat.ephemeralOwner}}} length={stat.dataLength}"
            f" children={stat.numChildren}"
        )
