"""Lookups on one dict connection: which answers may overtake others, and how many are under way."""

import harness
from dict import ASYNC_VERSIONS, VERSIONS, DictCase
from harness import echo, http, url_table
from random_order import RandomOrder
from store import Store


class Lookups(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)
        self.serve(url_table(self.http, timeout="1h"))

    def slow(self, target, answer):
        """Makes the backend delay its answer until the returned event is set."""
        gate = self.http.gate()
        self.http.on(target, (gate, answer))
        return gate

    def test_clients_of_2_0_get_plain_answers_in_order(self):
        gate = self.slow("/slow", http('"slow"'))
        client = self.dict((2, 0))
        with client.packet():
            requests = [client.lookup("shared/" + key) for key in ("first", "slow", "fast")]
            requests.append(client.lookup("other/k"))
            requests.append(client.write(("set", "shared/w", "1")))
        self.check_payload(client.wait(requests[0]), "Ofirst")
        self.http.wait_target("/slow")
        self.check_payload(self.dict((2, 0)).get("shared/k"), "Ok")
        self.assertFalse(client.has_news(), "an answer overtook another")
        gate.set()
        self.check_payload(client.wait(requests[1]), "Oslow")
        self.check_payload(client.wait(requests[2]), "Ofast")
        self.check_failure(client.wait(requests[3]), None)
        self.check_payload(client.wait(requests[4]), "O")

    def test_a_slow_key_delays_no_other(self):
        for number, version in enumerate(ASYNC_VERSIONS):
            with self.subTest(version=version):
                gate = self.slow(f"/slow{number}", http('"slow"'))
                client = self.dict(version)
                slow = client.lookup(f"shared/slow{number}")
                self.http.wait_target(f"/slow{number}")
                for key in range(10):
                    self.check_payload(client.get(f"shared/k{key}"), f"Ok{key}")
                with client.packet():
                    requests = [client.lookup(f"shared/k{key}") for key in range(10)]
                for key, request in reversed(list(enumerate(requests))):
                    self.check_payload(client.wait(request), f"Ok{key}")
                self.assertIsNone(slow.answer)
                gate.set()
                self.check_payload(client.wait(slow), "Oslow")
                self.check_payload(client.get("shared/last"), "Olast")

    def test_slow_and_fast_in_one_packet(self):
        for number, version in enumerate(ASYNC_VERSIONS):
            with self.subTest(version=version):
                gate = self.slow(f"/slow{number}", http('"slow"'))
                client = self.dict(version)
                with client.packet():
                    slow, fast = client.lookup(f"shared/slow{number}"), client.lookup("shared/fast")
                    bad, miss = client.lookup("other/k"), client.lookup("shared/..")
                self.check_payload(client.wait(fast), "Ofast")
                self.check_failure(client.wait(bad), None)
                self.check_payload(client.wait(miss), "N")
                self.assertIsNone(slow.answer)
                gate.set()
                self.check_payload(client.wait(slow), "Oslow")

    def test_failures_and_misses_find_their_owners(self):
        """Answers in the opposite order, each of another kind."""
        answers = [(http('"x"'), "Ox"), (http(status=404), "N"), (http(status=503), "F"), (http('""'), "O"),
                   (http("no json"), "F")]
        for number, version in enumerate(ASYNC_VERSIONS):
            with self.subTest(version=version):
                gates = [self.slow(f"/{number}.{key}", answer) for key, (answer, _) in enumerate(answers)]
                client = self.dict(version)
                with client.packet():
                    requests = [client.lookup(f"shared/{number}.{key}") for key in range(len(answers))]
                for key, gate in reversed(list(enumerate(gates))):
                    self.http.wait_target(f"/{number}.{key}")
                    gate.set()
                    self.check_dict(client.wait(requests[key]), answers[key][1])

    def test_same_key_twice(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                with client.packet():
                    requests = [client.lookup("shared/k") for _ in range(20)]
                for request in requests:
                    self.check_payload(client.wait(request), "Ok")

    def test_slow_iteration_delays_no_other(self):
        for number, version in enumerate(ASYNC_VERSIONS):
            with self.subTest(version=version):
                gate = self.slow(f"/p{number}/", http('["a", "b"]'))
                value = self.slow(f"/p{number}/a", http('"1"'))
                client = self.dict(version)
                rows = client.iterate(f"shared/p{number}/")
                self.http.wait_target(f"/p{number}/")
                self.check_payload(client.get("shared/k"), "Ok")
                gate.set()
                self.http.wait_target(f"/p{number}/a")
                self.check_payload(client.get("shared/k"), "Ok")
                value.set()
                self.check_payload(client.wait(rows), "")
                self.assertEqual(sorted(rows.rows),
                                 [(b"shared/p%d/a" % number, b"1"), (b"shared/p%d/b" % number, b"b")])

    def test_slow_iteration_in_order_for_2_0(self):
        gate = self.slow("/p/a", http('"1"'))
        self.http.on("/p/", http('["a", "b"]'))
        client = self.dict((2, 0))
        with client.packet():
            rows, after = client.iterate("shared/p/"), client.lookup("shared/k")
        self.http.wait_target("/p/a")
        gate.set()
        self.check_payload(client.wait(after), "Ok")
        self.check_payload(rows.answer, "")
        self.assertEqual(sorted(rows.rows), [(b"shared/p/a", b"1"), (b"shared/p/b", b"b")])

    def test_client_that_leaves_its_slow_answers(self):
        gate = self.slow("/slow", http('"slow"'))
        for version in VERSIONS:
            client = self.dict(version)
            client.lookup("shared/slow")
            client.lookup("shared/k")
            client.close()
        self.check_payload(self.dict().get("shared/k"), "Ok")
        gate.set()
        self.check_payload(self.dict().get("shared/k"), "Ok")


class Many(DictCase):
    """Far more requests at once than podop takes from one client."""

    def test_all_delayed_then_all_answered(self):
        for number, version in enumerate(VERSIONS):
            with self.subTest(version=version):
                self.socket = self.path(f"s{number}")
                backend = self.backend()
                gate = backend.gate()
                backend.default = lambda request, gate=gate: (gate, echo(request))
                self.serve(url_table(backend, timeout="1h"))
                client = self.dict(version)
                with client.packet():
                    requests = [client.lookup(f"shared/k{key}") for key in range(300)]
                backend.wait_requests(32)
                gate.set()
                for key, request in enumerate(requests):
                    self.check_payload(client.wait(request), f"Ok{key}")
                self.assertEqual(len(backend.requests), 300)

    def test_answers_in_any_order(self):
        """The backend answers in random order; each client gets its own answers."""
        for version in ((2, 0), (2, 2), (4, 0)):
            with self.subTest(version=version):
                self.socket = self.path(f"s{version[0]}{version[1]}")
                self.check_random(version)

    def check_random(self, version):
        order = RandomOrder()
        order.backend = self.backend(default=order)
        self.serve(url_table(order.backend, timeout="1h"))
        client = self.dict(version)
        releaser = order.release(500, at_first=16)
        client.sock.settimeout(harness.GUARD)
        with client.packet():
            requests = [client.lookup(f"shared/k{key}") for key in range(500)]
        for key, request in enumerate(requests):
            self.check_payload(client.wait(request), f"Ok{key}")
        releaser.join(harness.GUARD)

    def test_everything_at_once(self):
        """Lookups, iterations and transactions of three hundred users on one connection."""
        store = Store()
        backend = self.backend(default=store)
        self.serve(url_table(backend, timeout="1h"))
        for turn, version in enumerate(VERSIONS):
            with self.subTest(version=version):
                client = self.dict(version)
                store.values[b"/p/a"] = b'"1"'
                checks = []
                with client.packet():
                    for number in range(100):
                        key = f"shared/w{turn}.{number}"
                        checks.append((client.write(("set", key, f"v{number}")), "O"))
                        checks.append((client.lookup(key), f"Ov{number}"))
                        checks.append((client.iterate("shared/p/"), ""))
                        checks.append((client.lookup("shared/gone"), "N"))
                for request, expected in checks:
                    self.check_payload(client.wait(request), expected)
                    if request.kind == "I":
                        self.assertEqual(request.rows, [(b"shared/p/a", b"1")])

    def test_client_that_does_not_read(self):
        """Its answers do not fill podop's memory: podop stops reading its requests, serves others, and sends
        all answers later."""
        value = "x" * 90_000
        backend = self.backend(default=lambda request: (
            http('"%s"' % value) if request.target.startswith(b"/big") else echo(request)))
        podop = self.serve(url_table(backend, timeout="1h"), env=harness.small_quarantine())
        for version in ((2, 0), (4, 0)):
            with self.subTest(version=version):
                lazy, busy = self.dict(version), self.dict(version)
                backend.forget()
                rss = podop.rss_kb()
                with lazy.packet():
                    requests = [lazy.lookup(f"shared/big{number}") for number in range(600)]
                for number in range(500):
                    self.check_payload(busy.get(f"shared/k{number}"), f"Ok{number}")
                self.assertLess(sum(request.target.startswith(b"/big") for request in list(backend.requests)), 200)
                self.assertLess(podop.rss_kb(), rss + 64 * 1024)
                for request in requests:
                    self.check_payload(lazy.wait(request), "O" + value)

    def test_client_that_does_not_read_failures(self):
        """Answers that need no backend do not fill the memory either."""
        backend = self.backend(default=echo)
        podop = self.serve(url_table(backend), env=harness.small_quarantine())
        for version in ((2, 0), (4, 0)):
            with self.subTest(version=version):
                lazy, witness = self.dict(version), self.dict(version)
                self.check_payload(witness.get("shared/k"), "Ok")
                rss, stuck, sent = podop.rss_kb(), 0, 0
                lazy.sock.setblocking(False)
                while stuck < 20 and sent < 64 << 20:
                    try:
                        sent += lazy.sock.send(b"Lother/k\n" * 10_000)
                        stuck = 0
                    except BlockingIOError:
                        stuck += 1
                        self.check_payload(witness.get("shared/k"), "Ok")
                self.assertEqual(stuck, 20, "podop reads on and on")
                self.assertLess(podop.rss_kb(), rss + 16 * 1024)
                lazy.close()


class Timeouts(DictCase):
    def test_requests_queued_after_a_hung_write(self):
        """Its time counts from when it was read: all fail together, and no client waits a second time."""
        store = Store({"/k": "1"})
        backend = self.backend(default=store)
        store.hold("POST", "/k", backend.gate())
        self.serve(url_table(backend, timeout="500ms"))
        for version in VERSIONS:
            with self.subTest(version=version):
                self.check_payload(self.dict().get("shared/trust"), "N")  # else five failures suspend the URL
                backend.forget()
                client = self.dict(version)
                with client.packet():
                    commits = [client.write(("set", "shared/k", "1")) for _ in range(8)]
                    lookup, rows = client.lookup("shared/k"), client.iterate("shared/")
                self.check_failure(client.wait(commits[0]), "t", "W")
                for request in (*commits[1:], lookup, rows):
                    self.assertIn((request.answer or client.wait(request))[:1], b"FW")
                self.assertLessEqual(len(backend.requests), 3)  # a millisecond may be left for the next


if __name__ == "__main__":
    harness.main()
