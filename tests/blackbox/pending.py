"""Helpers for tests of write-behind: a backend that goes away and comes back, and a podop that is reloaded."""

import signal
from collections.abc import Mapping
from typing import Any

from dict import DictCase
from harness import Backend, Podop, conf_file, url_table, wait_until
from store import Store

PROGRAM = '''
import json, sys
path = sys.argv[1]
values = json.load(open(path))
for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"], "status": "ok"}
    key = request.get("user", "") + ":" + request.get("key", "")
    if request["op"] == "get":
        answer.update({"value": values[key]} if key in values else {"status": "miss"})
    elif request["op"] == "set" and request["value"] == "never":
        answer.update({"status": "permanent", "reason": "refused"})
    elif request["op"] == "set":
        values[key] = request["value"]
    elif request["op"] == "unset":
        values.pop(key, None)
    with open(path + ".log", "a") as log:
        log.write(line)
    print(json.dumps(answer), flush=True)
'''


class WriteBehindCase(DictCase):
    """A table with pending writes, whose backend `http` keeps the values in `store`."""

    def setUp(self) -> None:
        super().setUp()
        self.store = Store()
        self.http = self.backend(default=self.store)

    def configure(self, *tables: Mapping[str, Any], **settings: Any) -> None:
        """Writes podop.conf."""
        self.write("podop.conf", conf_file(listen=[{"socket": self.socket}], tables=list(tables), **settings))

    def start(self, *tables: Mapping[str, Any], **settings: Any) -> Podop:
        """Starts podop as `server`, and a client as `dovecot`."""
        self.configure(*(tables or [self.table()]), **settings)
        self.server = self.podop("-c", self.path("podop.conf"))
        self.reloads = 0
        self.dovecot = self.dict()
        return self.server

    def table(self, name: str = "t", **settings: Any) -> dict[str, Any]:
        """Returns the settings of a url table with write_behind = "1h", unless told otherwise."""
        return url_table(self.http, name, **{"write_behind": "1h", **settings})

    def reload(self, *tables: Mapping[str, Any], **settings: Any) -> None:
        """Reloads podop, with other settings if there are any, and waits until that is done."""
        if tables:
            self.configure(*tables, **settings)
        self.reloads += 1
        self.server.signal(signal.SIGHUP)
        self.server.wait_lines(self.reloads, "event=reload ")

    def logged(self, text: str) -> list[str]:
        """Returns the log lines so far that contain the text."""
        return self.server.lines(text)

    def write_keys(self, number: int, prefix: str = "key") -> None:
        """Sends so many writes, each of which podop must acknowledge at once."""
        for key in range(number):
            self.check_payload(self.dovecot.change(("set", f"shared/{prefix}{key}", str(key))), "O")

    def stored(self, prefix: str) -> dict[bytes, bytes]:
        """Returns the values in the store whose keys begin like this."""
        return {key: value for key, value in list(self.store.values.items()) if key.startswith(b"/" + prefix.encode())}

    def check_all(self, number: int, prefix: str = "key") -> None:
        """Fails unless the store has what write_keys() wrote."""
        self.assertEqual(self.stored(prefix), {b"/%s%d" % (prefix.encode(), key): b"%d" % key for key in range(number)})

    def wait_all(self, number: int, prefix: str = "key") -> None:
        """Waits until the store has what write_keys() wrote."""
        wait_until(lambda: len(self.stored(prefix)) == number, "all is written")
        self.check_all(number, prefix)

    def go_down(self) -> None:
        """Stops the backend; its port refuses connections from now on."""
        self.http.stop()

    def come_back(self) -> None:
        """Starts the backend again, on the same port."""
        self.http = Backend(port=self.http.port, default=self.http.default)
        self.addCleanup(self.http.stop)

    def suspend(self) -> None:
        """Sends lookups that fail until podop suspends the URL."""
        client = self.client()
        for number in range(8):
            self.assertEqual(client.ask("t", f"suspend{number}")[:4], b"TEMP")

    def posts(self, target: str | None = None) -> list[bytes]:
        """Returns the bodies of the POST requests so far, of one target or of all."""
        return [request.body for request in list(self.http.requests)
                if request.method == "POST" and target in (None, request.target.decode())]
