"""podop.conf(5), "Whose fault a failure is": a key that fails costs no other key an answer."""

import itertools
import json
import random
import threading

import harness
from fault_case import FAILURES, POISON, Case
from harness import CLOSE, RESET, echo, http, url_table


class OneKey(Case):
    """One key fails again and again, and every other key is always answered."""

    def check_poison(self, answer, urls, word="TEMP", **settings):
        self.start(*(self.poisoned(*answer) for _ in range(urls)), **settings)
        client = self.client()
        for _ in range(3):
            for _ in range(FAILURES + 1):
                client.request("t", POISON)
                if word == "TIMEOUT":
                    self.check_timeout(client)
                else:
                    self.check_reason(client.read(), word)
            self.check_good_keys(2)

    def test_statuses(self):
        for status, urls in ((500, 1), (500, 2), (500, 3), (502, 1), (503, 1), (503, 2), (504, 2), (599, 1)):
            with self.subTest(status=status, urls=urls):
                self.check_poison((http(status=status),), urls)

    def test_connections_that_end(self):
        answers = {"closed": (CLOSE,), "reset": (RESET,), "half a head": (b"HTTP/1.1 200 OK\r\nContent-", CLOSE),
                   "half a body": (http('"x', length=9), RESET), "not HTTP": (b"hello\r\n\r\n", CLOSE)}
        for (name, answer), urls in itertools.product(answers.items(), (1, 2)):
            with self.subTest(name, urls=urls):
                self.check_poison(answer, urls)

    def test_hanging_and_dripping(self):
        gate = threading.Event()
        for (name, answer), urls in itertools.product(
                {"hangs": (gate,), "drips": (http('"x', length=9), gate)}.items(), (1, 2)):
            with self.subTest(name, urls=urls):
                self.check_poison(answer, urls, word="TIMEOUT", timeout="200ms")

    def test_hanging_while_others_are_asked(self):
        """Many hang at once and time out together, between answers to other keys."""
        gate = threading.Event()
        backend = self.backend(default=lambda request: ((gate,) if request.target.startswith(b"/slow")
                                                        else echo(request)))
        self.addCleanup(gate.set)
        self.start(backend, timeout="1s")
        clients = [self.client() for _ in range(2 * FAILURES)]
        for number, client in enumerate(clients):
            client.request("t", f"slow{number}")
        backend.wait_requests(2 * FAILURES)
        while not all(client.has_news() for client in clients):
            self.check_good_keys(1)
            self.clock.advance(0.1)
        for client in clients:
            self.check_reason(client.read(), "TIMEOUT")
        self.check_good_keys()

    def test_bad_on_one_url_only(self):
        """Another URL answers this key and all others, also while that one fails for other keys."""
        for answer in ((http(status=500),), (RESET,)):
            with self.subTest(answer=answer):
                first, second = self.poisoned(*answer), self.backend(default=echo)
                self.start(first, second)
                for _ in range(3 * FAILURES):
                    self.check_payload(self.postfix.ask("t", POISON), f"OK {POISON}")
                    self.check_good_keys(1)
                for _ in range(3 * FAILURES):
                    self.check_payload(self.postfix.ask("t", POISON), f"OK {POISON}")
                second.default = lambda request: http(status=500)
                self.check_good_keys()

    def test_suspended_for_its_answers_is_the_last_resort(self):
        """A URL suspended for its answers is reachable: when the other one is gone, it is asked at once."""
        first, second = self.poisoned(http(status=503)), self.backend(default=echo)
        self.start(first, second)
        for _ in range(2 * FAILURES):
            self.check_payload(self.postfix.ask("t", POISON), f"OK {POISON}")
        self.assertLess(first.count("/" + POISON), 2 * FAILURES, "it is suspended")
        second.stop()
        self.check_good_keys()

    def test_suspended_where_another_url_answers_well(self):
        first, second = self.backend(default=lambda request: http(status=500)), self.backend(default=echo)
        self.start(first, second)
        self.check_good_keys(3 * FAILURES)
        self.assertLess(len(first.requests), 3 * FAILURES)
        first.default = echo

        def is_asked():
            self.clock.advance(0.1)
            self.check_good_keys(1)
            return second.requests[-1].target != b"/k0" or first.count("/k0") > 1

        harness.wait_until(is_asked, "the first is asked again")

    def test_misses_of_another_url_count_too(self):
        first = self.backend(default=lambda request: http(status=500))
        second = self.backend(default=lambda request: http(status=404))
        self.start(first, second)
        for number in range(3 * FAILURES):
            self.check_payload(self.postfix.ask("t", f"k{number}"), "NOTFOUND ")
        self.assertLess(len(first.requests), 3 * FAILURES)

    def test_iterations_and_writes(self):
        backend = self.poisoned(http(status=500))
        backend.on("/d/", http('{"a": "1"}'))
        self.start(backend)
        client = self.dict()
        for _ in range(2 * FAILURES):
            self.check_failure(client.wait(client.iterate(f"shared/{POISON}/")), "t")
            self.check_failure(client.change(("set", f"shared/{POISON}", "1")), "t")
            self.assertEqual(client.rows("shared/d/"), [(b"shared/d/a", b"1")])
            self.check_good_keys(1)

    def test_five_different_keys(self):
        """Five keys that fail suspend the URL, and a second later one lookup tries it."""
        backend = self.backend(default=lambda request: (CLOSE,))
        self.start(backend, retries=0)
        for number in range(FAILURES):
            self.check_reason(self.postfix.ask("t", f"k{number}"), "TEMP")
        self.assertIn(b"suspended", self.postfix.ask("t", "more"))
        self.assertEqual(backend.count("/more"), 0)
        backend.default = echo
        self.clock.advance(1)
        self.check_payload(self.postfix.ask("t", "k"), "OK k")

    def test_random(self):
        """Two URLs, each failing for another key, in any order: only a key that fails on both may fail."""
        seed = random.randrange(1 << 32)
        generator = random.Random(seed)
        endings = ((http(status=500),), (http(status=503),), (CLOSE,), (RESET,), (b"nonsense\r\n\r\n", CLOSE))
        bad = [{f"p{number}": generator.choice(endings) for number in generator.sample(range(4), 2)} for _ in range(2)]

        def answer(number):
            return lambda request: bad[number].get(request.target[1:].decode(), echo(request))

        self.start(*(self.backend(default=answer(number)) for number in range(2)))
        for count in range(400):
            key = f"p{generator.randrange(4)}" if generator.random() < 0.8 else f"k{count}"
            got = self.postfix.ask("t", key)
            if not (key in bad[0] and key in bad[1]):
                self.assertEqual(got, f"OK {key}".encode(), f"seed {seed}, step {count}, bad keys {bad}")


class Crowds(Case):
    """A key on which the backend hangs does not occupy the whole pool, however many clients ask for it."""

    CROWD = 40

    def crowd(self, key, table="t"):
        clients = [self.client() for _ in range(self.CROWD)]
        for client in clients:
            client.request(table, key)
        return clients

    def test_hanging_key(self):
        gate = threading.Event()
        for pool in (16, 64):
            with self.subTest(pool=pool):
                gate.clear()
                backend = self.poisoned(gate, http('"late"'))
                self.start(backend, timeout="1h", pool={"max_connections": pool})
                crowd = self.crowd(POISON)
                backend.wait_requests(2)
                self.check_good_keys()
                self.assertLess(backend.count("/" + POISON), pool)
                gate.set()
                for client in crowd:
                    self.check_payload(client.read(), "OK late")
                self.check_good_keys()

    def test_hanging_key_times_out(self):
        backend = self.poisoned(threading.Event())
        self.start(backend, timeout="500ms", pool={"max_connections": 8})
        for client in self.crowd(POISON):
            self.check_timeout(client)
        self.check_good_keys()

    def test_hanging_key_and_a_small_pool(self):
        """A key may occupy all of it at first, as it may be a popular one, but not after it was not answered."""
        backend = self.poisoned(threading.Event())
        self.start(backend, timeout="600ms", pool={"max_connections": 4})
        crowd = self.crowd(POISON)
        for client in crowd:
            self.check_timeout(client)
        for _ in range(3):
            for client in crowd:
                client.request("t", POISON)
            self.check_good_keys()
            for client in crowd:
                self.check_timeout(client)
        backend.default = echo
        self.check_payload(self.postfix.ask("t", POISON), f"OK {POISON}")
        for client in self.crowd(POISON):
            self.check_payload(client.read(), f"OK {POISON}")

    def test_turns_that_come_late(self):
        """A request that is sent just before its deadline says nothing about the backend."""
        backend = self.poisoned(threading.Event())
        self.start(backend, timeout="1s", pool={"max_connections": 8})
        crowd = []
        for _ in range(2 * self.CROWD):
            crowd.append(self.client())
            crowd[-1].request("t", POISON)
            self.clock.advance(0.001)
        for _ in range(3):
            for client in crowd:
                self.check_timeout(client)
                client.request("t", POISON)
            self.check_good_keys(5)
        for client in crowd:
            self.check_timeout(client)

    def test_write_that_hangs(self):
        """As with a lookup, other keys have connections left."""
        gate = threading.Event()
        for pool in (16, 64):
            with self.subTest(pool=pool):
                gate.clear()
                backend = self.poisoned(gate, http(status=204))
                self.start(backend, timeout="1h", pool={"max_connections": pool})
                clients = [self.dict() for _ in range(pool)]
                writes = [client.write(("set", f"shared/{POISON}", "1")) for client in clients]
                backend.wait_requests(pool // 4)
                self.check_good_keys()
                self.check_payload(self.dict().change(("set", "shared/k", "1")), "O")
                self.assertLess(backend.count("/" + POISON), pool)
                gate.set()
                for client, write in zip(clients, writes):
                    self.check_payload(client.wait(write), "O")
                self.assertEqual(backend.count("/" + POISON), pool)

    def test_write_that_hangs_is_remembered(self):
        """From then on, lookups and writes of the key together occupy one connection of a small pool."""
        backend = self.poisoned(threading.Event())
        self.start(backend, timeout="600ms", pool={"max_connections": 4})
        first = self.dict()
        write = first.write(("set", f"shared/{POISON}", "1"))
        self.pass_time_for(first)
        self.check_payload(first.wait(write)[:1], "W")
        clients = [self.dict() for _ in range(8)]
        writes = [client.write(("set", f"shared/{POISON}", "1")) for client in clients]
        self.check_good_keys()
        for client, write in zip(clients, writes):
            self.pass_time_for(client)
            self.assertIn(client.wait(write)[:1], (b"W", b"F"))

    def test_changes_of_one_transaction(self):
        """They are sent one after the other, so a transaction never waits for itself."""
        backend = self.backend(default=lambda request: http(status=204))
        self.start(backend, pool={"max_connections": 1})
        changes = [("set", "shared/k", str(number)) for number in range(20)]
        clients = [self.dict() for _ in range(4)]
        for client, write in [(client, client.write(*changes)) for client in clients]:
            self.check_payload(client.wait(write), "O")
        self.assertEqual(backend.count("/k"), len(changes) * len(clients))

    def test_clients_that_leave(self):
        backend = self.poisoned(threading.Event())
        self.start(backend, timeout="1h", pool={"max_connections": 16})
        for _ in range(3):
            crowd = self.crowd(POISON)
            self.check_good_keys(5)
            for client in crowd:
                client.close()
        self.check_good_keys()

    def test_busy_key(self):
        """A popular key is answered for all clients, each with a request of its own."""
        backend = self.backend(default=echo)
        self.start(backend)
        for client in self.crowd("k"):
            self.check_payload(client.read(), "OK k")
        self.assertEqual(backend.count("/k"), self.CROWD)


class Retries(Case):
    """A retry and a trial use new connections, and a key is asked 1 + retries times at most."""

    def test_key_on_which_the_server_closes(self):
        for retries in (0, 1, 2, 3):
            with self.subTest(retries=retries):
                backend = self.poisoned(CLOSE)
                self.start(backend, retries=retries)
                self.check_good_keys(1)  # its connection is kept
                self.check_reason(self.postfix.ask("t", POISON), "TEMP")
                # a retry uses a new connection, as a kept one may have been closed
                self.assertEqual(backend.count("/" + POISON), 1 + max(retries, 1))

    def test_retry_goes_over_a_new_connection(self):
        backend = self.backend(default=echo)
        backend.on("/bad", (http('"x', length=9), CLOSE))
        self.start(backend, retries=2)
        gate = backend.gate()
        backend.on("/slow", (gate, http('"x"')))
        clients = [self.client() for _ in range(4)]
        for client in clients:
            client.request("t", "slow")
        backend.wait_requests(4)
        gate.set()
        for client in clients:
            self.check_payload(client.read(), "OK x")  # four connections are kept
        self.check_reason(self.postfix.ask("t", "bad"), "TEMP")
        connections = [request.connection for request in backend.requests if request.target == b"/bad"]
        self.assertEqual(len(connections), 3)
        self.assertLessEqual(connections[0], 4, "the first try takes one that is kept")
        self.assertEqual(connections[1:], [5, 6], "the others do not")


class Printed(Case):
    def ask_control(self, control, command):
        with harness.connect(control) as sock:
            sock.sendall(harness.to_bytes(json.dumps({"command": command}) + "\n"))
            with sock.makefile("rb") as lines:
                return json.loads(lines.readline())

    def test_pause_is_short_when_no_url_serves(self):
        """However many trials have failed, the next one comes within a second."""
        control = self.path("control")
        with harness.refusing_port() as first, harness.refusing_port() as second:
            urls = [f"http://127.0.0.1:{port}/§" for port in (first, second)]
            self.serve({"name": "t", "type": "url", "param": urls, "timeout": "120ms"}, control={"socket": control})
            self.postfix = self.client()

            def has_failed_often():
                self.check_reason(self.postfix.ask("t", f"k{next(self.numbers)}"), "TEMP")
                backends = self.ask_control(control, "stats")["tables"][0]["backends"]
                for backend in backends:
                    self.assertLessEqual(backend["left_alone_ms"], 1000)
                    if backend["left_alone"]:
                        self.assertEqual(backend["cause"], "unsent")
                        self.assertNotEqual(backend["reason"], "")
                return all(backend["requests"] >= FAILURES + 4 for backend in backends)

            harness.wait_until(has_failed_often, "each has been tried four times")

    def test_stats_name_the_tables(self):
        backend = self.backend(default=echo)
        control = self.path("control")
        names = [f"table{number}" for number in range(9)]
        self.serve(*(url_table(backend, name) for name in names), control={"socket": control})
        done = harness.run("PODOPCTL", "stats", "--control", control)
        lines = [line.split() for line in done.stdout.splitlines() if backend.url in line and "table" in line]
        self.assertEqual([line[:2] for line in lines], [[name, backend.url] for name in names], done.stdout)


if __name__ == "__main__":
    harness.main()
