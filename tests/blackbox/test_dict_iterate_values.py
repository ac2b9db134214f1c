"""Dovecot's iterations: the values of an array's names, lists as long as there may be users, and JSON tables."""

import json
import threading

import harness
from dict import EXACT, NO_VALUES, RECURSE, VERSIONS, DictCase
from harness import CLOSE, echo, http, url_table
from iterate_case import AT_ONCE, Iterate, names


class Values(Iterate):
    """The values of an array's names."""

    def test_names_that_vanished_are_left_out(self):
        self.start()
        self.http.on("/p/", http('["a", "b", "c", "d", "..", "."]'))
        self.values(a="1")
        self.http.on("/p/b", http(status=404))
        self.http.on("/p/c", http(status=204))
        self.http.on("/p/d", http("null"))
        for version in VERSIONS:
            with self.subTest(version=version):
                self.check_rows("a=1", client=self.dict(version))
        self.assertLessEqual({target for _, target in self.seen(self.http)}, {"/p/", "/p/a", "/p/b", "/p/c", "/p/d"})

    def test_failure_in_the_middle(self):
        """Rows may precede it; F is the last line, never N and never the end of an iteration."""
        self.start(retries=0)
        self.http.default = echo
        self.http.on("/p/", http(json.dumps([f"n{number}" for number in range(100)])))
        for answer in (http(status=500), http("no json"), http(status=429), (CLOSE,)):
            for name in ("n0", "n50", "n99"):
                for version in VERSIONS:
                    with self.subTest(answer=answer, name=name, version=version):
                        self.http.on("/p/" + name, answer)
                        request = self.check_fails(client=self.dict(version))
                        self.assertNotIn(b"shared/p/" + name.encode(), [key for key, _ in request.rows])
                        self.http.on("/p/" + name, http('"x"'))

    def test_slow_value_fails_in_time(self):
        self.start(timeout="300ms")
        self.http.default = echo
        self.http.on("/p/", http('["a", "b", "c"]'))
        self.http.on("/p/b", (self.http.gate(),))
        for version in VERSIONS:
            with self.subTest(version=version):
                self.check_fails(client=self.dict(version))

    def test_sixteen_at_once(self):
        self.start(timeout="1h")
        gate = self.http.gate()
        flying, most, news = 0, 0, threading.Lock()

        def value(request):
            nonlocal flying, most
            with news:
                flying += 1
                most = max(most, flying)

            def landed():
                nonlocal flying
                with news:
                    flying -= 1
            return gate, landed, echo(request)

        self.http.default = value
        self.http.on("/p/", http(json.dumps([f"n{number}" for number in range(100)])))
        self.http.on("/other", http('"x"'))
        request = self.dovecot.iterate("shared/p/")
        self.http.wait_requests(1 + AT_ONCE)
        witness = self.dict()
        for _ in range(20):
            self.check_payload(witness.get("shared/other"), "Ox")
        self.assertEqual(most, AT_ONCE, "values fetched at the same time")
        gate.set()
        self.check_payload(self.dovecot.wait(request), "")
        self.assertEqual(sorted(request.rows),
                         sorted((b"shared/p/n%d" % number, b"n%d" % number) for number in range(100)))
        self.assertLessEqual(most, AT_ONCE)
        self.assertEqual(len({row for row in request.rows}), 100)

    def test_rows_leave_before_all_values_are_there(self):
        self.start(timeout="1h")
        gate = self.http.gate()
        self.http.default = echo
        count = 200
        self.http.on("/p/", http(json.dumps([f"n{number}" for number in range(count)])))
        self.http.on(f"/p/n{count - 1}", (gate, http('"last"')))
        request = self.dovecot.iterate("shared/p/")
        while len(request.rows) < count // 2:
            self.assertTrue(self.dovecot.read())
        self.assertIsNone(request.answer)
        gate.set()
        self.check_payload(self.dovecot.wait(request), "")
        self.assertEqual(len(request.rows), count)

    def test_several_at_once(self):
        self.start()
        self.http.default = echo
        for number in range(20):
            self.http.on(f"/p{number}/", http(json.dumps([f"{number}.{name}" for name in range(30)])))
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                with client.packet():
                    requests = [client.iterate(f"shared/p{number}/", NO_VALUES if number % 3 == 2 else 0)
                                for number in range(20)]
                    lookups = [client.lookup(f"shared/k{number}") for number in range(20)]
                for number, request in enumerate(requests):
                    self.check_payload(client.wait(request), "")
                    self.assertEqual({key for key, _ in request.rows},
                                     {b"shared/p%d/%d.%d" % (number, number, name) for name in range(30)})
                    self.assertEqual(len(request.rows), 30)
                for number, lookup in enumerate(lookups):
                    self.check_payload(lookup.answer or client.wait(lookup), f"Ok{number}")

    def test_client_that_leaves(self):
        podop = self.start(timeout="1h")
        self.http.on("/other", http('"x"'))
        self.check_payload(self.dovecot.get("shared/other"), "Ox")
        self.http.forget()
        before = podop.unix_sockets()
        gate = self.http.gate()
        self.http.default = lambda request: (gate, echo(request))
        self.http.on("/p/", http(json.dumps([f"n{number}" for number in range(1000)])))
        for version in VERSIONS:
            client = self.dict(version)
            client.iterate("shared/p/")
            self.http.wait_requests(1 + AT_ONCE)
            client.close()
            harness.wait_until(lambda: podop.unix_sockets() == before, "the client's connection is closed")
            self.http.forget()
        gate.set()
        self.check_payload(self.dovecot.get("shared/other"), "Ox")
        self.assertLess(len(self.http.requests), 5 * AT_ONCE)


class Large(Iterate):
    """Lists as long as there may be users."""

    GROWTH = 20 * 1024  # kB

    def start_large(self):
        podop = self.serve(url_table(self.http, max_response="64M", timeout="1h"), env=harness.small_quarantine())
        self.dovecot = self.dict()
        return podop

    @staticmethod
    def users(count):
        return [f"user{number}@example.com" for number in range(count)]

    def peak(self, podop, action):
        """Returns by how many kB podop's memory grew at most during the action."""
        with open(f"/proc/{podop.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
        before = podop.rss_kb()
        action()
        return int(podop.status_field("VmHWM")[0]) - before

    def read_all(self, count, flags):
        """Reads rows one by one and returns only their number."""
        request = self.dovecot.iterate("shared/u/", flags)
        total = 0
        while request.answer is None:
            self.assertTrue(self.dovecot.read(), "the end of the connection")
            total += len(request.rows)
            request.rows.clear()
        self.check_payload(request.answer, "")
        self.assertEqual(total, count)

    def check_growth(self, body_of, flags):
        podop = self.start_large()
        growth = {}
        for count in (1_000, 10_000, 100_000):
            self.http.on("/u/", http(body_of(self.users(count))))
            growth[count] = self.peak(podop, lambda count=count: self.read_all(count, flags))
        for count in (10_000, 100_000):
            with self.subTest(count=count):
                self.assertLess(growth[count], self.GROWTH, f"podop grew with the number of names: {growth} kB")

    def test_names_only(self):
        self.check_growth(json.dumps, NO_VALUES)

    def test_object(self):
        self.check_growth(lambda users: json.dumps({user: "x" for user in users}), 0)

    def test_values_of_ten_thousand(self):
        podop = self.start_large()
        self.http.default = echo
        self.http.on("/u/", http(json.dumps(self.users(10_000))))
        growth = self.peak(podop, lambda: self.read_all(10_000, 0))
        self.assertLess(growth, self.GROWTH)
        self.assertEqual(len(self.http.requests), 10_001)

    def test_slow_reader(self):
        """Rows are not kept in podop's memory for a slow reader, and other clients are served meanwhile."""
        podop = self.start_large()
        for version in ((2, 0), (4, 0)):
            with self.subTest(version=version):
                self.dovecot = self.dict(version)
                self.http.on("/u/", http(json.dumps(self.users(100_000))))
                self.http.on("/other", http('"x"'))
                witness = self.dict()

                def lazily():
                    request = self.dovecot.iterate("shared/u/", NO_VALUES)
                    total = 0
                    while request.answer is None:
                        if total % 20_000 == 0:
                            for _ in range(50):
                                self.check_payload(witness.get("shared/other"), "Ox")
                        self.assertTrue(self.dovecot.read())
                        total += 1
                    self.assertEqual(len(request.rows), 100_000)

                self.assertLess(self.peak(podop, lazily), self.GROWTH)

    def test_reader_that_stops(self):
        """No values are fetched for rows that the client does not read."""
        podop = self.start_large()
        value = "x" * 10_000
        self.http.default = lambda request: http('"%s"' % value)
        self.http.on("/u/", http(json.dumps(self.users(5_000))))
        self.http.on("/other", http('"x"'))
        witness = self.dict()
        request = self.dovecot.iterate("shared/u/")
        for _ in range(500):
            self.check_payload(witness.get("shared/other"), "Ox")
        asked = sum(target.startswith("/u/user") for _, target in self.seen(self.http))
        self.assertLess(asked, 500, "values were fetched for a client that does not read")
        self.check_payload(self.dovecot.wait(request), "")
        self.assertEqual(len(request.rows), 5_000)
        self.assertTrue(podop.is_running)

    def test_over_max_response(self):
        """The limit is that of one entry; a list of many has none, as it is never in memory as a whole."""
        self.serve(url_table(self.http))
        self.dovecot = self.dict()
        self.http.on("/p/", http(json.dumps(["x" * 1_100_000])))
        for version in VERSIONS:
            with self.subTest(version=version):
                self.check_fails(client=self.dict(version))
        self.http.on("/p/", http(json.dumps(["x" * 100] * 20_000)))
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                request = client.iterate("shared/p/", NO_VALUES)
                self.check_payload(client.wait(request), "")
                self.assertEqual(len(request.rows), 20_000)

    def test_many_rows_at_once_for_many_clients(self):
        self.start_large()
        self.http.on("/u/", http(json.dumps(self.users(2_000))))
        clients = [self.dict(VERSIONS[number % len(VERSIONS)]) for number in range(40)]
        requests = [client.iterate("shared/u/", NO_VALUES) for client in clients]
        for client, request in zip(clients, requests):
            self.check_payload(client.wait(request), "")
            self.assertEqual(len(request.rows), 2_000)


class JsonTables(DictCase):
    CONTENT = {"p/a": "1", "p/b": ["x", "y"], "p/s/c": {"n": 1}, "p": "no", "p/": "no", "pq/x": "no", "p/null": None,
               "z": "1", "l/a/bob@example.com": "for bob", "l/a/al@example.com": "for al"}

    def setUp(self):
        super().setUp()
        self.serve({"name": "t", "type": "json", "param": self.write("t.json", json.dumps(self.CONTENT))})

    def test_paths(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                self.assertEqual(client.rows("shared/p/"), names('a=1 b=["x","y"]'))
                self.assertEqual(client.rows("shared/p/", RECURSE), names('a=1 b=["x","y"] s/c={"n":1}'))
                self.assertLessEqual(set(names("a= b=")), set(client.rows("shared/p/", NO_VALUES)))
                self.assertEqual(client.rows("shared/p/s/"), [(b"shared/p/s/c", b'{"n":1}')])
                self.assertEqual(client.rows("shared/none/"), [])
                self.assertEqual(client.rows("shared/p/a", EXACT), [(b"shared/p/a", b"1")])
                self.assertEqual(client.rows("shared/none", EXACT), [])
                self.check_failure(client.wait(client.iterate("other/")), None)
                if version > (2, 0):
                    self.assertEqual(len(client.rows("shared/p/", RECURSE, 2)), 2)

    def test_everything(self):
        self.assertEqual({key for key, _ in self.dict().rows("shared/", RECURSE)},
                         {b"shared/" + key.encode() for key, value in self.CONTENT.items() if value is not None})
        self.assertEqual({key for key, _ in self.dict().rows("shared/")}, {b"shared/p", b"shared/z"})

    def test_private_paths_end_or_fail(self):
        """A user's keys end in the user's name; whatever podop answers, no user sees the keys of another."""
        client = self.dict()
        request = client.iterate("priv/l/", RECURSE)
        client.wait(request)
        self.assertNotIn(b"for al", [value for _, value in request.rows])

    def test_large(self):
        content = {f"u/user{number}": str(number) for number in range(30_000)}
        self.serve({"name": "t", "type": "json", "param": self.write("large.json", json.dumps(content))},
                   listen=[{"socket": self.path("large")}])
        client = self.dict(address=self.path("large"))
        self.assertEqual(client.rows("shared/u/"), sorted((b"shared/" + key.encode(), value.encode())
                                                          for key, value in content.items()))


if __name__ == "__main__":
    harness.main()
