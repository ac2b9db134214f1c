"""Backends by names in the hosts file: changes of their addresses, and addresses that do not answer."""

import socket

import harness
from certificates import Authority
from harness import echo, url_table
from names_case import ADDRESSES, DEAF, NamesCase, go_silent


class Names(NamesCase):
    """Addresses of a name in the hosts file that change."""

    def test_backend_that_moves(self):
        """The old address is gone, and no lookup fails."""
        self.name(ADDRESSES[0])
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.name(ADDRESSES[1])
        self.backends[0].stop()
        self.ask_until_it_is_followed(client)
        self.assertEqual(len(self.backends[0].requests), 1)

    def test_backend_that_moves_and_leaves_the_old_one_running(self):
        """podop follows the name even while a kept connection is always in use."""
        self.name(ADDRESSES[0])
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.name(ADDRESSES[1])
        self.ask_until_it_is_followed(client)
        self.backends[0].forget()
        for number in range(100):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
        self.assertEqual(self.backends[0].requests, [])

    def test_several_addresses(self):
        """An address that refuses connections is not a failure while another works."""
        self.name(*ADDRESSES)
        client = self.start()
        for turn in range(2):
            for number in range(10):
                self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
            if turn == 0:
                self.backends[0].stop()

    def test_name_that_appears(self):
        """podop starts before the name exists; that it was not found is not cached."""
        self.write("resolv.conf", "nameserver 127.0.0.78\noptions timeout:1 attempts:1\n")  # no server listens there
        client = self.start()
        for _ in range(2):
            self.check_reason(client.ask("t", "k"), "TEMP")
        self.name(ADDRESSES[1])
        self.check_payload(client.ask("t", "k"), "OK k")

    def test_name_server_that_hangs(self):
        """Only lookups that need it wait, and podop ends when it is told to."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            try:
                deaf.bind((DEAF, 53))
            except OSError as fault:
                harness.need(False, f"port 53 of {DEAF}: {fault}")
            self.name(ADDRESSES[0])
            hanging = {"type": "url", "param": "http://hanging.test/§"}
            client = self.start({"name": "hasty", "timeout": "300ms", **hanging},
                                {"name": "patient", "timeout": "1h", "connect_timeout": "1h", **hanging},
                                url_table(self.backends[1], "u"))
            patient = [self.client() for _ in range(20)]
            for waiting in patient:
                waiting.request("patient", "k")
            deaf.settimeout(harness.GUARD)
            deaf.recv(512)  # it is asked
            for number in range(100):
                self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
                self.check_payload(client.ask("u", f"k{number}"), f"OK k{number}")
            for _ in range(3):
                self.check_reason(client.ask("hasty", "k"), "TIMEOUT", "hasty")
            self.assertFalse(any(waiting.has_news() for waiting in patient))
            for waiting in patient:
                waiting.close()
            self.check_payload(client.ask("t", "k"), "OK k")


class Reached(NamesCase):
    """Which of the addresses of a name in the hosts file podop connects to."""

    def test_addresses_that_swallow_connections(self):
        """After any number of them the last address is reached within connect_timeout, and is then tried first."""
        silent = [f"127.0.0.{number}" for number in range(10, 18)]
        for address in silent:
            self.listen_silently(address)
        self.name(*silent, ADDRESSES[0])
        client = self.start(table={"retries": 0, "connect_timeout": "5s"})
        self.check_payload(client.ask("t", "a"), "OK a")
        for number in range(20):
            self.backends[0].drop()
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")

    def test_restart_beside_an_address_that_is_silent(self):
        """The address that refused is tried again while the other is silent."""
        silent = "127.0.0.10"
        self.listen_silently(silent)
        self.name(ADDRESSES[0], silent)
        self.backends[0].stop()
        client = self.start(table={"timeout": "1h", "connect_timeout": "1h"})
        client.request("t", "k")

        def is_waiting():  # in state SYN_SENT: the first address has refused
            with open("/proc/net/tcp", encoding="ascii") as table:
                return f" 0A00007F:{self.port:04X} 02 " in table.read()
        harness.wait_until(is_waiting, "the second address is tried")
        self.backend(host=ADDRESSES[0], port=self.port, default=echo)
        self.check_payload(client.read(), "OK k")

    def test_other_family(self):
        """One family is tried first and refuses; the other one works."""
        six = self.backend(host="::1", default=echo)
        self.port = six.port
        self.write("hosts", "127.0.0.9 service.test\n::1 service.test\n")
        client = self.start(table={"retries": 0})
        self.check_payload(client.ask("t", "a"), "OK a")
        six.stop()
        self.backend(host="127.0.0.9", port=self.port, default=echo)
        for number in range(3):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")

    def test_addresses_in_urls(self):
        """Addresses of both families, with a scope, and in forms that only the C library knows."""
        six = self.backend(host="::1", default=echo)
        urls = {"four": f"http://{ADDRESSES[0]}:{self.port}", "short": f"http://127.2:{self.port}",
                "six": f"http://[::1]:{six.port}", "scope": f"http://[::1%25lo]:{six.port}"}
        client = self.start(*({"name": name, "type": "url", "param": url + "/§"} for name, url in urls.items()))
        for name in urls:
            with self.subTest(name=name):
                self.check_payload(client.ask(name, "k"), "OK k")

    def test_reasons(self):
        """The address and the error, in words."""
        with harness.refusing_port() as port:
            tables = [{"name": "closed", "type": "url", "param": f"http://127.0.0.1:{port}/§"},
                      {"name": "closed6", "type": "url", "param": f"http://[::1]:{port}/§"},
                      {"name": "secure", "type": "url", "param": f"https://127.0.0.1:{port}/§"},
                      {"name": "missing", "type": "url", "param": "http://h/§", "unix_socket": self.path("none")},
                      {"name": "both", "type": "url", "param": f"http://both.test:{port}/§"},
                      {"name": "unknown", "type": "url", "param": "http://unknown.test/§"}]
            self.write("hosts", "127.0.0.1 both.test\n::1 both.test\n")
            self.write("resolv.conf", "nameserver 127.0.0.78\n")
            client = self.start(*({**table, "timeout": "1s"} for table in tables))
            reasons = {"closed": f"connect to 127.0.0.1:{port}: Connection refused",
                       "closed6": f"connect to \\[::1\\]:{port}: Connection refused",
                       "secure": f"connect to 127.0.0.1:{port}: Connection refused",
                       "missing": f"connect to {self.path('none')}: No such file or directory",
                       "both": f"connect to \\[::1\\]:{port}: Connection refused, "
                               f"to 127.0.0.1:{port}: Connection refused",
                       "unknown": "name does not resolve: the name server cannot be reached"}
            for table, reason in reasons.items():
                with self.subTest(table=table):
                    self.check_reason(client.ask(table, "k"), "TEMP", table)
                    self.daemon.wait_log(f'event=backend_failed table={table} .*reason="?{reason}')

    def check_vanished(self, backend, **table):
        """Checks that a kept connection whose peer acknowledges nothing ends after connect_timeout, however
        long the timeout is."""
        client = self.start(table={"timeout": "10m", "connect_timeout": "2s", "param": backend.url + "/§", **table})
        self.check_payload(client.ask("t", "a"), "OK a")
        for sock in backend.sockets():
            go_silent(sock)
        self.check_payload(client.ask("t", "b"), "OK b")
        self.assertEqual(backend.connections, 2)

    def check_vanished_with_all(self, backend, **table):
        """Checks that all connections end together after one of them was waited for."""
        gate = backend.gate()
        backend.default = lambda request: (gate, echo(request))
        client = self.start(table={"timeout": "10m", "connect_timeout": "2s", "param": backend.url + "/§", **table})
        others = [self.client() for _ in range(5)]
        for number, other in enumerate(others):
            other.request("t", f"k{number}")
        backend.wait_requests(5)
        gate.set()
        for number, other in enumerate(others):
            self.check_payload(other.read(), f"OK k{number}")
        for sock in backend.sockets():
            go_silent(sock)
        before = self.daemon.descriptors()
        self.check_payload(client.ask("t", "b"), "OK b")
        harness.wait_until(lambda: self.daemon.descriptors() == before - 4, "the connections are closed")

    def test_host_that_vanishes_with_all_connections(self):
        self.check_vanished_with_all(self.backend(default=echo))

    def test_host_that_vanishes_with_all_connections_of_tls(self):
        authority = Authority(self.dir)
        self.check_vanished_with_all(self.backend(tls=authority.server()), tls={"ca_file": authority.cert()})

    def test_host_that_vanishes(self):
        self.check_vanished(self.backend(default=echo))

    def test_host_that_vanishes_with_tls(self):
        authority = Authority(self.dir)
        self.check_vanished(self.backend(default=echo, tls=authority.server()), tls={"ca_file": authority.cert()})

    def test_tls_knows_the_name(self):
        """The name is sent, and must be in the certificate, whatever its address is."""
        authority = Authority(self.dir)
        names = []
        context = authority.server(address="DNS:secure.test")
        context.sni_callback = lambda sock, name, context: names.append(name)
        self.listen_silently("127.0.0.10")
        backend = self.backend(host="127.0.0.11", port=self.port, default=echo, tls=context)
        self.write("hosts", "".join(f"{address} secure.test other.test\n" for address in ("127.0.0.10", "127.0.0.11")))
        tables = [{"name": name, "type": "url", "param": f"https://{name}.test:{backend.port}/§", "retries": 0,
                   "tls": {"ca_file": authority.cert()}} for name in ("secure", "other")]
        client = self.start(*tables)
        self.check_payload(client.ask("secure", "a"), "OK a")
        self.check_payload(client.ask("secure", "b"), "OK b")
        answer = client.ask("other", "a")
        self.check_reason(answer, "TEMP", "other")
        self.assertRegex(answer, b"no alternative certificate subject name matches target .*'other.test'")
        self.assertEqual(names, ["secure.test", "other.test"])


if __name__ == "__main__":
    harness.main()
