"""Two podops beside each other: of one user, in one directory, with sockets of their own, they share nothing."""

import os
import signal
import socket
import sys

import harness
from dict import DictCase
from harness import conf_file, echo, url_table
from store import Store

PROGRAM = """
import json, os, sys
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"id": request["id"], "status": "ok", "value": str(os.getpid())}), flush=True)
"""


class TwoPodops(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def start(self, name, *tables, **settings):
        """Starts a podop whose files have this name."""
        path = self.write(f"{name}.conf", conf_file(
            listen=[{"socket": self.path(name)}], control={"socket": self.path(f"{name}.control")},
            tables=list(tables) or [url_table(self.http)], **settings))
        return self.podop("-c", path)

    def check_serves(self, name, key="k"):
        """Checks that a new client is served."""
        client = self.client(self.path(name))
        self.check_payload(client.ask("t", key), f"OK {key}")
        client.close()

    def test_end_of_one(self):
        """It removes its own sockets only, and clients of the other stay connected."""
        first, _ = self.start("first"), self.start("second")
        client = self.client(self.path("second"))
        self.check_payload(client.ask("t", "k"), "OK k")
        first.stop()
        self.assertEqual(sorted(os.listdir(self.dir)), ["first.conf", "second", "second.conf", "second.control"])
        self.check_payload(client.ask("t", "again"), "OK again")
        self.check_serves("second")

    def test_crash_of_one(self):
        """The next podop takes the sockets that the first left, and not those of the other."""
        first, _ = self.start("first"), self.start("second")
        first.signal(signal.SIGKILL)
        first.wait()
        self.assertTrue(os.path.exists(self.path("first")))
        self.check_serves("second")
        self.start("first")
        for name in ("first", "second"):
            with self.subTest(name=name):
                self.check_serves(name)

    def test_one_socket_for_both(self):
        """The second does not start, removes nothing, and the first goes on."""
        self.start("first")
        text = conf_file(listen=[{"socket": self.path("other")}, {"socket": self.path("first")}],
                         tables=[url_table(self.http)])
        done = harness.run("PODOP", "-c", self.write("second.conf", text), "-v")
        self.assertEqual(done.returncode, 71, done.stderr)
        self.assertIn("another process answers on " + self.path("first"), done.stderr)
        self.assertFalse(os.path.exists(self.path("other")))
        self.check_serves("first")

    def test_why_a_socket_cannot_be_opened(self):
        missing = self.path("no/such")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for address, reason in ((missing + "/s", f"(the directory {missing} does not exist)"),
                                    (f"127.0.0.1:{port}", "(another process listens there, perhaps another podop: "),
                                    ("192.0.2.1:9100", "(this host does not have the address)")):
                with self.subTest(address=address):
                    text = conf_file(listen=[{"socket": address}], tables=[url_table(self.http)])
                    done = harness.run("PODOP", "-c", self.write("second.conf", text))
                    self.assertEqual(done.returncode, 71, done.stderr)
                    self.assertIn(f"cannot bind {address}: ", done.stderr)
                    self.assertIn(reason, done.stderr)

    def test_reload_of_one(self):
        """The other does not reload, and its clients do not notice."""
        first, second = self.start("first"), self.start("second")
        client = self.client(self.path("second"))
        self.check_payload(client.ask("t", "k"), "OK k")
        self.write("first.conf", conf_file(listen=[{"socket": self.path("moved")}],
                                           tables=[url_table(self.http, "u")]))
        first.signal(signal.SIGHUP)
        first.wait_log("event=reload ")
        self.check_payload(self.client(self.path("moved")).ask("u", "k"), "OK k")
        self.check_payload(client.ask("t", "again"), "OK again")
        self.assertEqual(second.lines("event=reload"), [])

    def test_caches(self):
        """Each has its own, and flushing one leaves the other."""
        tables = [url_table(self.http, cache={"ttl": "1h"})]
        self.start("first", *tables)
        self.start("second", *tables)
        for name, requests in (("first", 1), ("second", 2), ("first", 2), ("second", 2)):
            with self.subTest(name=name, requests=requests):
                self.check_serves(name)
                self.assertEqual(self.http.count("/k"), requests)
        done = harness.run("PODOPCTL", "flush", "t", "--control", self.path("first.control"))
        self.assertEqual(done.returncode, 0, done.stderr)
        for name, requests in (("second", 2), ("first", 3)):
            with self.subTest(name=name, requests=requests):
                self.check_serves(name)
                self.assertEqual(self.http.count("/k"), requests)

    def test_programs(self):
        """Each starts processes of its own, and ends no others."""
        table = {"name": "t", "type": "program", "processes": 1,
                 "param": f"{sys.executable} {self.write('program.py', PROGRAM)}"}
        first, _ = self.start("first", table), self.start("second", table)
        clients = [self.client(self.path(name)) for name in ("first", "second")]
        pids = [int(client.ask("t", "k").removeprefix(b"OK ")) for client in clients]
        self.assertNotEqual(*pids)
        first.stop()
        harness.wait_until(lambda: harness.has_ended(pids[0]), "the program of the first has ended")
        self.check_payload(clients[1].ask("t", "k"), f"OK {pids[1]}")

    def test_pending_writes(self):
        """A pending write is seen by clients of its own podop only, and made when that ends."""
        store = Store()
        http = self.backend(default=store)
        tables = [url_table(http, write_behind="1h")]
        first, _ = self.start("first", *tables), self.start("second", *tables)
        clients = [self.dict(address=self.path(name)) for name in ("first", "second")]
        self.check_payload(clients[0].change(("set", "shared/k", "v")), "O")
        self.check_payload(clients[0].get("shared/k"), "Ov")
        self.check_payload(clients[1].get("shared/k"), "N")
        first.stop()
        self.check_payload(clients[1].get("shared/k"), "Ov")
        self.assertEqual(store.values, {b"/k": b'"v"'})


if __name__ == "__main__":
    harness.main()
