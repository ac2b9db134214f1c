"""Clients that do not read: what they cost is bounded, and no other client waits for them."""

import contextlib
import fcntl
import json
import os
import re
import signal
import sys
import textwrap
import threading
from typing import Any

import harness
from harness import echo, http, netstring, url_table, wait_until
from unread_case import ANSWERS, MIB, POOL, ROOM, Peak, Unread


class Lookups(Unread):
    def check(self, proto, size, clients, share=False, address=None, **settings):
        backend = self.backend(default=self.answer(size))
        podop = self.start(url_table(backend, share=share, timeout="1h", **settings),
                           listen={"socket": address or self.socket}, pool=POOL)
        address = ("127.0.0.1", int(address.rsplit(":", 1)[1])) if address else None
        self.check_others(address=address)
        keys = [f"big{0 if share else number}" for number in range(ANSWERS)]
        before = podop.rss_kb()
        with Peak(podop) as peak:
            silent = [self.silent(proto, keys, address) for _ in range(clients)]
            for client in silent:
                wait_until(client.has_news, "the first answer")
            self.check_others(address=address)  # the pool is a queue: all that was asked for before has come
        self.assertLess(peak.kb - before, ROOM)
        self.read_all(silent[0], keys, size)
        for client in silent:
            client.close()
        podop.stop()

    def test_socketmap(self):
        self.check("socketmap", 500_000, 5)

    def test_dict(self):
        self.check("dict", 500_000, 5)

    def test_socketmap_shared(self):
        self.check("socketmap", 500_000, 5, share=True)

    def test_dict_shared(self):
        self.check("dict", 500_000, 5, share=True)

    def test_cached(self):
        for proto in "socketmap", "dict":
            with self.subTest(proto):
                self.check(proto, 500_000, 5, share=True, cache={"ttl": "1h"})

    def test_middle_sized_over_tcp(self):
        for proto in "socketmap", "dict":
            with self.subTest(proto):
                self.check(proto, 300_000, 8, address=f"127.0.0.1:{self.reserve_port()}")

    def test_small_ones(self):
        self.check("socketmap", 4_000, 20)

    def test_many_clients_together(self):
        """Together they exceed the limit for all: those that read nothing are disconnected, the others get
        their answers."""
        size = 1_000_000
        backend = self.backend(default=self.answer(size))
        podop = self.start(url_table(backend, share=True, timeout="1h"))
        self.check_others()
        before = podop.rss_kb()
        with Peak(podop) as peak:
            silent = [self.silent("socketmap", ["big0"] * 4) for _ in range(160)]
            podop.wait_log("event=client_not_reading .*all clients together")
            reader = self.client()
            for number in range(5):
                self.check_payload(reader.ask("t", f"big{number}"), "OK " + self.value(number, size))
            self.check_others()
        self.assertLess(peak.kb - before, ROOM + 64 * MIB)
        del silent

    def test_many_clients_and_one_value_of_the_cache(self):
        """The answer is known at once, yet is not copied for more clients than the limit for all allows."""
        size = 500_000
        for proto in "socketmap", "dict":
            with self.subTest(proto):
                backend = self.backend(default=self.answer(size))
                podop = self.start(url_table(backend, timeout="1h", cache={"ttl": "1h"}))
                self.check_others()
                self.assertTrue(self.client().ask("t", "big0"))
                before = podop.rss_kb()
                podop.freeze()  # so that all ask before anybody is disconnected
                with Peak(podop) as peak:
                    silent = [self.silent(proto, ["big0"] * 2) for _ in range(400)]
                    podop.signal(signal.SIGCONT)
                    podop.wait_log("event=client_not_reading .*all clients together")
                    self.check_others()
                self.assertLess(peak.kb - before, ROOM + 64 * MIB)
                self.assertEqual(backend.count("/big0"), 1)
                for client in silent:
                    client.sock.close()
                podop.stop()

    def test_more_at_once_than_one_turn_may_take(self):
        """One long answer for many clients that read: each gets it, though not in the same turn."""
        size = 400_000
        for proto in "socketmap", "dict":
            for cache in {}, {"ttl": "1h"}:
                with self.subTest(proto, cache=cache):
                    backend = self.backend(default=self.answer(size))
                    gate = backend.gate()
                    backend.on("/big0", (gate, http(json.dumps(self.value(0, size)))),
                               http(json.dumps(self.value(0, size))))
                    podop = self.start(url_table(backend, share=True, timeout="1h", cache=cache))
                    clients = [self.silent(proto, ["big0"]) for _ in range(60)]
                    backend.wait_target("/big0")
                    self.check_others()
                    gate.set()
                    for client in clients:
                        self.read_all(client, ["big0"], size)
                        client.close()
                    podop.stop()


class Iterations(Unread):
    """Rows that the client does not read."""

    LONG = 20_000  # names of some 100 bytes: 2 MB

    def setUp(self):
        super().setUp()
        rows = {f"{number:06}-" + "n" * 90: "v" for number in range(self.LONG)}
        long = http(json.dumps(rows))
        self.http = self.backend(default=lambda request: long if b"long" in request.target else echo(request))
        self.http.on("/short/", http('{"a": "1"}'))

    def silent_iterations(self, number, **options):
        client: Any = self.dict(**options)
        with client.packet():
            client.walks = [client.iterate(f"shared/long{n}/") for n in range(number)]
        return client

    def check_other_iterations(self):
        for version in (2, 2), (4, 0):
            with self.subTest(version=version):
                for _ in range(10):
                    client = self.dict(version)
                    self.assertEqual(client.rows("shared/short/"), [(b"shared/short/a", b"1")])
                    client.close()

    def test_one_client_with_many(self):
        podop = self.start(url_table(self.http, timeout="5s"))
        self.silent_iterations(64)
        self.http.wait_requests(4)
        self.check_other_iterations()
        self.assertEqual(len([1 for request in self.http.requests if b"long" in request.target]), 4)
        self.assertEqual(self.failed(podop), [])

    def failed(self, podop):
        return [text for text in podop.log if "left_alone" in text or "outage" in text]

    def test_many_clients_with_some(self):
        """They may use all of the limit, until others need some of it."""
        self.start(url_table(self.http, timeout="18s"), pool={"max_connections": 4})
        for _ in range(8):
            self.silent_iterations(4)
        self.http.wait_requests(4)
        self.check_other_iterations()

    def test_they_run_one_after_the_other(self):
        """A client that reads gets all sixty-four of its iterations, whole."""
        self.start(url_table(self.http, timeout="1h"))
        client = self.silent_iterations(10)
        for walk in client.walks:
            self.check_payload(client.wait(walk), b"")
            self.assertEqual(len(walk.rows), self.LONG)

    def test_unread_for_the_tables_timeout(self):
        """The iteration fails, its connection to the backend ends, and the client is told when it reads."""
        for version in (2, 0), (4, 0):
            with self.subTest(version=version):
                podop = self.start(url_table(self.http, timeout="500ms"))
                client = self.silent_iterations(1, version=version)
                self.http.wait_requests(1)
                wait_until(lambda: self.http.open_connections() == 0, "the stream is given up")
                self.check_failure(client.wait(client.walks[0]))
                self.assertIn(b"does not read", client.walks[0].answer)
                podop.stop()
                self.http.forget()

    def test_memory_of_values(self):
        """Values are asked for one by one, and the number under way is limited."""
        value = http(json.dumps("x" * 1_000_000))
        names = http(json.dumps([f"n{number}" for number in range(1000)]))
        self.http.default = lambda request: names if request.target.endswith(b"/") else value
        podop = self.start(url_table(self.http, timeout="1h"))
        before = podop.rss_kb()
        with Peak(podop) as peak:
            for _ in range(4):
                self.silent_iterations(16)
            self.http.wait_requests(16 * 5)
            self.check_payload(self.dict().get("shared/k")[:2], "Ox")
        self.assertLess(peak.kb - before, 2 * ROOM)  # of a thousand


PROGRAM = textwrap.dedent("""\
    #!{python}
    import json, sys
    rows = [["%06d-" % n + "n" * 90, "v"] for n in range(8000)]
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "iterate":
            answer = {{"id": request["id"], "status": "ok", "rows": rows}}
        else:
            answer = {{"id": request["id"], "status": "ok", "value": "v"}}
        print(json.dumps(answer), flush=True)
    """)


class Reloads(Unread):
    """A reload releases the memory of what it replaced, even if clients do not read."""

    def processes(self, podop):
        with open(f"/proc/{podop.pid}/task/{podop.pid}/children", encoding="ascii") as children:
            return len(children.read().split())

    def reload(self, podop):
        self.reloads = getattr(self, "reloads", 0) + 1
        podop.signal(signal.SIGHUP)
        wait_until(lambda: sum("event=reload " in text for text in podop.log) == self.reloads, "a reload")

    def test_processes_and_rows(self):
        path = self.write("program", PROGRAM.format(python=sys.executable))
        os.chmod(path, 0o755)
        podop = self.start({"name": "t", "type": "program", "param": path, "processes": 2, "timeout": "1h"})
        clients = []
        before = podop.rss_kb()
        for _ in range(8):
            for _ in range(2):
                client = self.dict()
                client.iterate("shared/long/")
                self.wait_rows(client)
                clients.append(client)
            self.reload(podop)
        wait_until(lambda: self.processes(podop) <= 2, "the processes of old tables have ended")
        self.check_payload(self.dict().get("shared/k"), "Ov")
        self.assertLess(podop.rss_kb() - before, ROOM)

    def test_caches(self):
        """A client reads slowly during ten reloads, each with another cache that is filled."""
        rows = http(json.dumps({f"{number:06}-" + "n" * 90: "v" for number in range(200_000)}))
        value = http(json.dumps("x" * 60_000))
        backend = self.backend(default=lambda request: rows if b"long" in request.target else value)

        def write(ttl):
            table = url_table(backend, timeout="1h", cache={"ttl": f"{ttl}s", "max_bytes": "64M"})
            listener = {"socket": self.socket, "reply_timeout": "1h"}
            self.write("podop.conf", harness.conf_file(listen=[listener], tables=[table]))

        podop = self.start(url_table(backend))
        write(100)
        self.reload(podop)
        reader = self.dict()
        reader.iterate("shared/long/")
        self.wait_rows(reader)
        over = threading.Event()
        self.addCleanup(over.set)

        def read_slowly():
            with contextlib.suppress(OSError):  # closed at the end of the test
                while not over.wait(0.02) and reader.sock.recv(100_000):
                    pass

        threading.Thread(target=read_slowly, daemon=True).start()
        before = podop.rss_kb()
        other = self.client()
        for ttl in range(101, 111):
            for number in range(500):
                self.assertTrue(other.ask("t", f"k{number}").startswith(b"OK "))
            write(ttl)
            self.reload(podop)
        self.assertLess(podop.rss_kb() - before, 150 * MIB)  # of 300
        over.set()

    def test_reading_client_gets_all(self):
        """A reload does not affect an iteration that is being read."""
        rows = {f"{number:06}-" + "n" * 90: "v" for number in range(20_000)}
        backend = self.backend(default=lambda request: http(json.dumps(rows)))
        podop = self.start(url_table(backend, timeout="1h"))
        client = self.dict()
        walk = client.iterate("shared/long/")
        self.wait_rows(client)
        self.reload(podop)
        self.check_payload(client.wait(walk), b"")
        self.assertEqual(len(walk.rows), 20_000)


class Turns(Unread):
    def test_each_is_read_once_before_any_is_read_again(self):
        """Many clients send more than one turn of the loop handles: those that ask for little are not left behind."""
        podop = self.serve(url_table(self.backend(), skip=["known*"]), args=("-v",))
        fcntl.fcntl(podop.process.stderr, fcntl.F_SETPIPE_SZ, 1 << 20)  # or podop leaves lines of its log out
        clients = [self.client() for _ in range(8)]
        for client in clients:
            self.check_payload(client.ask("t", "known"), "NOTFOUND ")
        podop.freeze()
        first, *greedy, last = clients
        first.request("t", "known")
        for client in greedy:
            client.send(netstring("t known" + "x" * 2_300) * 60)
        last.request("t", "known")
        podop.signal(signal.SIGCONT)
        for client in clients:
            for _ in range(60 if client in greedy else 1):
                self.check_payload(client.read(), "NOTFOUND ")
        podop.stop()
        order = re.findall(r" event=lookup conn=(\d+) ", "\n".join(podop.log))[len(clients):]
        self.assertEqual(len(order), 60 * len(greedy) + 2)
        ends = [len(order) - 1 - order[::-1].index(str(number)) for number in range(2, len(clients))]
        for number in 1, len(clients):
            with self.subTest(number=number):
                self.assertLess(order.index(str(number)), min(ends))


if __name__ == "__main__":
    harness.main()
