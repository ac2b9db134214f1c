"""The base of tests with clients that do not read: podop's memory, and clients that read nothing."""

import fcntl
import json
import struct
import termios
import threading
from typing import Any

import harness
from dict import Dict, DictCase
from harness import echo, http, netstring, wait_until

MIB = 1024  # in the unit of rss_kb()

# Some MiB for each of the few clients, for the answers under way, and for what malloc or a sanitizer keeps. All
# answers together would need far more.
ROOM = 60 * MIB
POOL = {"max_connections": 8}
ANSWERS = 64  # lookups that one client can have under way


class Peak:
    """The largest resident memory during its context."""

    def __init__(self, podop):
        self.podop, self.kb, self._over = podop, podop.rss_kb(), threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self):
        while not self._over.wait(0.01):
            self.kb = max(self.kb, self.podop.rss_kb())

    def __exit__(self, *fault):
        self._over.set()
        self._thread.join()


class Unread(DictCase):
    def value(self, number, size):
        return f"{number}-" + "x" * size

    def answer(self, size):
        """Returns a default for a backend: values of one size below /big, which differ by their number; other
        keys are echoed."""
        return lambda request: (http(json.dumps(self.value(request.target[4:].decode(), size)))
                                if request.target.startswith(b"/big") else echo(request))

    def start(self, *tables, listen=(), env=None, **settings):
        listener = {"socket": self.socket, "max_reply": "4M", "reply_timeout": "1h", **dict(listen)}
        return self.serve(*tables, listen=[listener], env=env or harness.small_quarantine(), **settings)

    def check_others(self, times=50, address=None):
        """Checks that another client is served meanwhile."""
        other = self.client(address)
        for number in range(times):
            self.check_payload(other.ask("t", f"k{number}"), f"OK k{number}")
        other.close()

    def silent(self, proto, keys, address=None):
        """Returns a client that asks for the keys and does not read."""
        if proto == "socketmap":
            client = self.client(address)
            client.send(b"".join(netstring(f"t {key}") for key in keys))
            return client
        dovecot: Any = self.dict(address=address)
        with dovecot.packet():
            dovecot.asked = [dovecot.lookup(f"shared/{key}") for key in keys]
        return dovecot

    def wait_rows(self, client):
        """Waits until rows fill the connection, so that podop holds back the others."""
        def waiting():
            return struct.unpack("i", fcntl.ioctl(client.sock, termios.FIONREAD, b"\0" * 4))[0]
        wait_until(lambda: waiting() > 100_000, "rows that the client does not read")

    def read_all(self, client: Any, keys, size):
        """Reads all answers at last."""
        for number, key in enumerate(keys):
            if isinstance(client, Dict):
                asked: Any = client
                self.check_payload(client.wait(asked.asked[number]), "O" + self.value(key[3:], size))
            else:
                self.check_payload(client.read(), "OK " + self.value(key[3:], size))
