"""What the tests of pending writes have in common: a store that goes away and comes back, and reloads."""

import signal
import socket

import harness
from dict import DictCase, Store
from harness import Backend, conf_file, url_table

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
    def setUp(self):
        super().setUp()
        self.store = Store()
        self.http = self.backend(default=self.store)

    def configure(self, *tables, **settings):
        self.write("podop.conf", conf_file(listen=[{"socket": self.socket}], tables=list(tables), **settings))

    def start(self, *tables, **settings):
        self.configure(*(tables or [self.table()]), **settings)
        self.server = self.podop("-c", self.path("podop.conf"))
        self.reloads = 0
        self.dovecot = self.dict()
        return self.server

    def table(self, name="t", **settings):
        """A url table whose writes are pending for an hour, unless told otherwise."""
        return url_table(self.http, name, **{"write_behind": "1h", **settings})

    def reload(self, *tables, **settings):
        if tables:
            self.configure(*tables, **settings)
        self.reloads += 1
        self.server.signal(signal.SIGHUP)
        harness.wait_until(lambda: len(self.told("event=reload ")) == self.reloads, "a reload")

    def told(self, what):
        return [line for line in list(self.server.log) if what in line]

    def hold(self, number, prefix="key"):
        """So many writes that Dovecot is told are done."""
        for key in range(number):
            self.check_payload(self.dovecot.change(("set", f"shared/{prefix}{key}", str(key))), "O")

    def check_all(self, number, prefix="key"):
        self.assertEqual({key: value for key, value in self.store.values.items()
                          if key.startswith(b"/" + prefix.encode())},
                         {b"/%s%d" % (prefix.encode(), key): b"%d" % key for key in range(number)})

    def wait_all(self, number, prefix="key"):
        start = b"/" + prefix.encode()
        harness.wait_until(lambda: sum(key.startswith(start) for key in list(self.store.values)) == number,
                           "all is written")
        self.check_all(number, prefix)

    def go_down(self):
        """The backend's port refuses connections from now on, and is no other test's."""
        self.http.stop()
        self.port = socket.socket()
        self.addCleanup(self.port.close)
        self.port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.port.bind(("127.0.0.1", self.http.port))

    def come_back(self):
        self.port.close()
        self.http = Backend(port=self.http.port, default=self.http.default)
        self.addCleanup(self.http.stop)

    def suspend(self):
        """Lookups fail until podop leaves the URL alone."""
        client = self.client()
        for number in range(8):
            self.assertEqual(client.ask("t", f"suspend{number}")[:4], b"TEMP")

    def posts(self, target=None):
        return [request.body for request in list(self.http.requests)
                if request.method == "POST" and target in (None, request.target.decode())]
