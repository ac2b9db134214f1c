"""The HTTP listener: its sockets, its limits, reload and stop, health."""

import contextlib
import grp
import os
import signal
import socket
import stat
import threading

import harness
from basics import need
from harness import http, url_table
from monitor_case import MonitorCase
from test_systemd import Manager

REQUEST = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
CLIENTS_MAX = 16


class Scrapes(MonitorCase):
    def many(self):
        """Tables whose metrics are more than the kernel buffers for a unix socket, 208 KiB by default."""
        return [url_table(self.http, f"table{i}") for i in range(300)]

    @contextlib.contextmanager
    def slow_client(self):
        """A connection to self.path("http") in the middle of a large answer, which podop cannot send whole."""
        with harness.connect(self.path("http")) as slow:
            slow.sendall(REQUEST % b"/metrics")
            slow.recv(1, socket.MSG_PEEK)
            yield slow


class Requests(MonitorCase):
    def test_paths_and_methods(self):
        self.start()
        live = self.fetch("/live")
        self.assertEqual((live.status, live.text), (200, "live\n"))
        self.assertEqual(live.getheader("Cache-Control"), "no-store")
        self.assertEqual(live.getheader("X-Content-Type-Options"), "nosniff")
        self.assertEqual(self.fetch("/live?x=y").status, 200)
        for path in ("/live/", "/LIVE", "/Metrics", "//live", "/../live", "/%2e/live", "*", "/metrics%00", "/%6cive"):
            with self.subTest(path):
                self.assertIn(self.fetch(path).status, (400, 404))
        for path in ("/live", "/ready", "/metrics"):
            with self.subTest(path):
                head = self.fetch(path, method="HEAD")
                self.assertEqual((head.status, head.text), (200, ""))
                self.assertGreater(int(head.getheader("Content-Length")), 4)
                post = self.fetch(path, method="POST")
                self.assertEqual((post.status, post.getheader("Allow")), (405, "GET, HEAD"))

    def test_long_and_half_requests(self):
        podop = self.start()
        self.assertIn(b" 431 ", self.raw(b"GET /live HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20000))
        self.assertRegex(self.raw(b"GET /" + b"x" * 40000), rb" (414|431) ")
        for part in (b"", b"G", b"GET /live", b"GET /live HTTP/1.1\r\n", b"GET /live HTTP/1.1\r\nHost: x\r\n"):
            with self.subTest(part):
                self.assertNotIn(b"200 OK", self.raw(part))
        self.assertNotIn(b"200 OK", self.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"))
        self.assertEqual(self.fetch("/live").status, 200)
        self.check_payload(self.client().ask("t", "k"), "OK k")
        self.assertTrue(podop.is_running)

    def test_pipelined(self):
        self.start()
        with harness.connect(self.address) as sock:
            sock.sendall(REQUEST % b"/live" + REQUEST % b"/metrics" + REQUEST % b"/nothing" + REQUEST % b"/ready")
            received = b""
            while b"ready\n" not in received:
                received += sock.recv(65536)
        statuses = [part.split(b" ")[0] for part in received.split(b"HTTP/1.1 ")[1:]]
        self.assertEqual(statuses, [b"200", b"200", b"404", b"200"])

    def test_keep_alive(self):
        self.start()
        connection = self.connection()
        for _ in range(3):
            connection.request("GET", "/metrics")
            self.assertEqual(connection.getresponse().read()[:6], b"# HELP")
        self.assertEqual(self.metrics()["podop_connections_total"][("listener", f"127.0.0.1:{self.port}"),], 2)


class Limits(Scrapes):
    def test_a_thousand_connections(self):
        """At most 16 are served at a time, and all get their answer; lookups go on."""
        podop = self.start()
        socks = []
        with contextlib.ExitStack() as stack:
            for _ in range(1000):
                socks.append(stack.enter_context(harness.connect(self.address)))
            self.check_payload(self.client().ask("t", "k"), "OK k")
            for sock in socks:
                sock.sendall(REQUEST % b"/live")
            for sock in socks:
                received = b""
                while not received.endswith(b"live\n"):
                    data = sock.recv(4096)
                    self.assertTrue(data, received)
                    received += data
            self.assertEqual(podop.lines("event=accept_paused"), [])
        self.assertEqual(self.metrics()["podop_clients_max"][("listener", f"127.0.0.1:{self.port}"),], CLIENTS_MAX)

    def test_idle_connections_time_out(self):
        """Connections that send nothing keep others out for ten seconds of podop's time at most."""
        self.hold_clock()
        self.start()
        with contextlib.ExitStack() as stack:
            idle = [stack.enter_context(harness.connect(self.address)) for _ in range(CLIENTS_MAX)]
            idle[0].sendall(b"GET /live HT")
            with harness.connect(self.address) as late:
                late.sendall(REQUEST % b"/live")
                self.clock.grant(9)
                late.settimeout(0.2)
                with self.assertRaises(TimeoutError):
                    late.recv(1)
                self.clock.grant(2)
                late.settimeout(harness.GUARD)
                self.assertTrue(late.recv(100).startswith(b"HTTP/1.1 200"))
            for sock in idle:
                with contextlib.suppress(ConnectionResetError):
                    self.assertEqual(sock.recv(1), b"")

    def test_client_that_does_not_read(self):
        """podop ends the connection after thirty seconds; other clients do not wait."""
        self.hold_clock()
        self.http_group = {"socket": self.path("http")}
        self.start(*self.many())
        with self.slow_client() as slow:
            self.check_payload(self.client().ask("table7", "k"), "OK k")
            self.assertEqual(self.fetch("/ready", self.path("http")).status, 200)
            self.clock.advance(31)
            received = 0
            with contextlib.suppress(ConnectionResetError):
                while data := slow.recv(65536):
                    received += len(data)
            self.assertLess(received, len(self.fetch("/metrics", self.path("http")).text))

    def test_one_rendering_for_all(self):
        """Sixteen clients that ask at once get the same bytes, from one rendering."""
        podop = self.start(*self.many())
        podop.freeze()
        socks = [harness.connect(self.address) for _ in range(CLIENTS_MAX)]
        for sock in socks:
            sock.sendall(REQUEST % b"/metrics")
        podop.signal(signal.SIGCONT)
        bodies = set()
        for sock in socks:
            received = b""
            while data := sock.recv(65536):
                received += data
            sock.close()
            bodies.add(received.partition(b"\r\n\r\n")[2])
        self.assertEqual(len(bodies), 1)
        self.assertIn(b'table="table299"', bodies.pop())


class Sockets(MonitorCase):
    def test_unix_socket(self):
        self.http_group = {"socket": self.path("http"), "permissions": "0620"}
        podop = self.start()
        self.assertEqual(stat.S_IMODE(os.stat(self.path("http")).st_mode), 0o620)
        self.assertEqual(self.fetch("/ready", self.path("http")).text, "ready\n")
        clients = self.metrics(self.path("http"))["podop_clients"]
        self.assertIn(("listener", self.path("http")), [key[0] for key in clients])
        podop.stop()
        self.assertFalse(os.path.exists(self.path("http")))

    def test_group(self):
        need(os.getuid() == 0, "root, to give a file away")
        self.http_group = {"socket": self.path("http"), "group": "daemon"}
        self.start()
        self.assertEqual(os.stat(self.path("http")).st_gid, grp.getgrnam("daemon").gr_gid)

    def test_default_permissions(self):
        self.http_group = {"socket": self.path("http")}
        self.start()
        self.assertEqual(stat.S_IMODE(os.stat(self.path("http")).st_mode), 0o660)

    def test_allow(self):
        self.http_group["allow"] = ["192.0.2.0/24"]
        podop = self.start()
        with self.assertRaises(ConnectionError):
            self.fetch("/live")
        podop.wait_log("event=client_not_allowed")
        self.http_group["allow"] = ["127.0.0.1"]
        self.configure()
        self.reload(podop)
        self.assertEqual(self.fetch("/live").status, 200)
        refused = self.metrics()["podop_connections_refused_total"]
        self.assertEqual(refused[("listener", f"127.0.0.1:{self.port}"),], 1)

    def test_exposed(self):
        self.http_group["socket"] = f"0.0.0.0:{self.port}"
        podop = self.start()
        self.assertIn("any client may read the metrics", podop.wait_log("event=config_warning"))

    def test_faults(self):
        for group, fault in (({"socket": "nowhere"}, "invalid address 'nowhere'"),
                             ({"socket": self.socket}, "is already the socket of 'http'"),
                             ({"socket": "systemd:x", "permissions": "0600"}, "'permissions' in 'http'"),
                             ({"socket": "127.0.0.1:9", "mode": "auto"}, "'mode'"),
                             ({"socket": "127.0.0.1:9", "allow": ["x/y"]}, "'allow' in 'http'")):
            with self.subTest(group):
                self.http_group = group
                done = harness.run("PODOP", "-t", "-c", self.configure())
                self.assertEqual(done.returncode, 78)
                self.assertIn(fault, done.stderr)

    def test_no_setting(self):
        """Nothing listens, and no descriptor is used."""
        podop = self.start(http={})
        without = podop.descriptors()
        self.assertTrue(harness.refuses(self.address))
        self.configure()
        self.reload(podop)
        self.assertEqual(self.fetch("/live").status, 200)
        self.assertGreater(podop.descriptors(), without)


class Life(Scrapes):
    def test_reload_moves_the_socket(self):
        """An answer that is under way is not cut off; the old address is closed."""
        self.http_group = {"socket": self.path("http")}
        podop = self.start(*self.many())
        expected = len(self.fetch("/metrics", self.path("http")).text)
        with self.slow_client() as slow:
            self.http_group = {"socket": self.path("other")}
            self.configure(*self.many())
            self.reload(podop)
            self.assertTrue(harness.refuses(self.path("http")))
            self.assertEqual(self.fetch("/live", self.path("other")).status, 200)
            received = 0
            while received < expected:
                data = slow.recv(65536)
                self.assertTrue(data)
                received += len(data)
        listeners = {dict(key)["listener"] for key in self.metrics(self.path("other"))["podop_clients"]}
        self.assertEqual(listeners, {self.socket, self.path("other")})

    def test_reload_during_renderings(self):
        """A document has the tables of one configuration, never of two."""
        podop = self.start(*(url_table(self.http, f"old{i}") for i in range(100)))
        wrong, done = [], threading.Event()

        def scrape():
            while not done.is_set():
                kinds = {dict(key)["table"][:3] for key in self.metrics()["podop_lookups_total"]}
                if len(kinds) != 1:
                    wrong.append(kinds)

        scrapers = [threading.Thread(target=scrape) for _ in range(3)]
        for scraper in scrapers:
            scraper.start()
        for i in range(8):
            name = "new" if i % 2 == 0 else "old"
            self.configure(*(url_table(self.http, f"{name}{i}") for i in range(100)))
            self.reload(podop)
        done.set()
        for scraper in scrapers:
            scraper.join()
        self.assertEqual(wrong, [])

    def test_socket_added_and_removed(self):
        """In the sandbox, too: what libmicrohttpd needs is allowed later."""
        podop = self.start(http={}, sandbox=True)
        self.http_group = {"socket": self.path("http")}
        for _ in range(3):
            self.configure(sandbox=True)
            self.reload(podop)
            self.assertEqual(self.fetch("/ready", self.path("http")).status, 200)
            self.assertEqual(self.metrics(self.path("http"))["podop_config_last_reload_success"][()], 1)
            self.configure(http={}, sandbox=True)
            self.reload(podop)
            self.assertFalse(os.path.exists(self.path("http")))

    def test_stop_during_a_scrape(self):
        """podop does not wait for a scraper that does not read."""
        self.http_group = {"socket": self.path("http")}
        podop = self.start(*self.many())
        with self.slow_client():
            podop.stop()
        self.assertEqual(podop.lines("event=stop_cut_short"), [])

    def test_ready(self):
        param = [self.http.url + "/b/{}", "http://127.0.0.1:1/{}"]
        self.start(*(url_table(self.http, name, timeout="300ms", retries=0, **more)
                     for name, more in (("t", {}), ("both", {"param": param}))))
        self.assertEqual(self.fetch("/ready").text, "ready\n")
        self.http.stop()
        client = self.client()
        harness.wait_until(lambda: client.ask("t", "k") and self.fetch("/ready").status == 503, "t is suspended")
        self.assertEqual(self.fetch("/ready").text, "every URL of table 't' is suspended\n")
        self.assertEqual(self.fetch("/live").status, 200)
        up = {dict(key)["backend"]: value for key, value in self.metrics()["podop_backend_up"].items()}
        self.assertEqual(up, {self.http.url: 0, "http://127.0.0.1:1": 1})
        harness.wait_until(lambda: client.ask("both", "k") and "'both'" in self.fetch("/ready").text,
                           "both URLs of the other table are suspended")
        up = {dict(key)["backend"]: value for key, value in self.metrics()["podop_backend_up"].items()}
        self.assertEqual(up, {self.http.url: 0, "http://127.0.0.1:1": 0})

    def test_not_ready_while_stopping(self):
        """The socket is open until the end, and says why podop is not ready."""
        podop = self.start()
        gate = self.http.gate()
        self.http.on("/slow", (gate, http('"s"')))
        client = self.client()
        client.send(harness.netstring("t slow"))
        self.http.wait_target("/slow")
        podop.signal(signal.SIGTERM)
        podop.wait_log("event=stopping")
        answer = self.fetch("/ready")
        self.assertEqual((answer.status, answer.text), (503, "podop is stopping\n"))
        self.assertEqual(self.fetch("/live").status, 200)
        gate.set()
        self.check_payload(client.read(), "OK s")
        self.assertEqual(podop.wait(), 0)
        self.assertTrue(harness.refuses(self.address))


class Systemd(Manager):
    def test_socket_of_systemd(self):
        clients, web = self.unix("clients"), self.keep(socket.create_server(("127.0.0.1", 0)))
        config = self.config({"socket": "systemd:clients"}, http={"socket": "systemd:web"})
        done = harness.run("PODOP", "-t", "-c", config)
        harness.need("built without" not in done.stderr, "a podop with libmicrohttpd")
        self.ready([("clients", clients), ("web", web)], "-c", config)
        with harness.connect(web.getsockname()) as sock:
            sock.sendall(REQUEST % b"/ready")
            received = b""
            while not received.endswith(b"\r\n\r\nready\n"):
                data = sock.recv(1000)
                self.assertTrue(data, received)
                received += data
        self.check_serves(self.path("clients"))


if __name__ == "__main__":
    harness.main()
