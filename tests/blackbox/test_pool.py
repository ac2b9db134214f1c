"""The pool of connections to a backend: never more than it has, its queue in order and bounded, shared requests."""

import threading

import harness
from harness import Case, echo, http, netstring, url_table

POOL = 8
WAITING = 1_000
PIPELINED = 50  # requests of one client in a row, below what podop reads ahead


class Gates:
    """Answers of a backend, each behind an event of its own, in the order of the requests."""

    def __init__(self, backend):
        self.backend, self.gates = backend, []
        backend.default = self.hold

    def hold(self, request):
        """Delays the answer to a request until its event is set."""
        gate = self.backend.gate()
        self.gates.append(gate)
        return gate, echo(request)


class Pool(Case):
    def setUp(self):
        super().setUp()
        self.http = self.backend()

    def settle(self):
        """Waits until podop has read all that was sent before: it reads all readable sockets in the same turn."""
        for _ in range(2):
            client = self.client()
            self.check_payload(client.ask("nosuch", "k"), "TEMP no such table: nosuch")
            client.close()

    def check_reused(self, requests):
        """Checks that connections are reused. Where the machine stalls there may be more than POOL, one after
        the other: a new connection was silent for a while, so podop closes idle ones, as it does for a server
        with few threads."""
        self.assertLessEqual(self.http.connections, max(2 * POOL, requests // 10))

    def queue(self, keys, table="t"):
        """Asks for the keys over many connections; podop gets them in this order."""
        clients = []
        for start in range(0, len(keys), PIPELINED):
            clients.append((self.client(), keys[start:start + PIPELINED]))
            clients[-1][0].send(b"".join(netstring(f"{table} {key}") for key in clients[-1][1]))
            self.settle()
        return clients

    def check_all(self, clients, expected):
        for client, keys in clients:
            for key in keys:
                self.check_answer(client.read(), expected(key))


class Queue(Pool):
    """Requests wait while no connection is free."""

    def test_a_thousand_wait_for_eight(self):
        """They are sent in the order of arrival; eight are always under way, and each answer lets one more go."""
        held = Gates(self.http)
        self.serve(url_table(self.http, timeout="1h"), pool={"max_connections": POOL})
        keys = [f"k{number}" for number in range(POOL + WAITING)]
        clients = self.queue(keys)
        for done in range(WAITING):
            self.http.wait_requests(POOL + done)
            self.assertEqual(len(self.http.requests), POOL + done, "requests under way and done")
            held.gates[done].set()
        self.http.wait_requests(len(keys))
        for gate in held.gates[WAITING:]:
            gate.set()
        self.check_all(clients, lambda key: f"OK {key}")
        asked = [request.target.decode()[1:] for request in self.http.requests]
        self.assertEqual(sorted(asked[:POOL]), keys[:POOL])
        self.assertEqual(asked[POOL:], keys[POOL:])
        self.check_reused(len(keys))

    def test_each_within_its_own_deadline(self):
        """Five hundred time out in the queue; those between them lose no time by it."""
        held = Gates(self.http)
        self.serve(url_table(self.http, timeout="1h"), url_table(self.http, "u", timeout="500ms"),
                   pool={"max_connections": POOL})
        under_way = self.queue([f"first{number}" for number in range(POOL)])
        self.http.wait_requests(POOL)
        patient, hasty = [], []
        for turn in range(10):
            patient += self.queue([f"p{turn}.{number}" for number in range(PIPELINED)])
            hasty += self.queue([f"h{turn}.{number}" for number in range(PIPELINED)], "u")
        for client, keys in hasty:
            for _ in keys:
                self.check_reason(client.read(), "TIMEOUT", "u")
        self.assertEqual(len(self.http.requests), POOL)
        self.http.default = echo
        for gate in held.gates:
            gate.set()
        self.check_all(under_way + patient, lambda key: f"OK {key}")
        asked = [request.target.decode()[1:] for request in self.http.requests]
        self.assertEqual(sorted(asked[POOL:]), sorted(key for _, keys in patient for key in keys))
        self.check_reused(len(asked))

    def test_its_bound(self):
        """A lookup beyond max_waiting fails at once, which is not a failure of the backend."""
        held = Gates(self.http)
        self.serve(url_table(self.http, timeout="1h"), pool={"max_connections": 2, "max_waiting": 3})
        clients = self.queue([f"k{number}" for number in range(5)])
        self.http.wait_requests(2)
        beyond = self.client()
        for number in range(20):
            answer = beyond.ask("t", f"beyond{number}")
            self.check_reason(answer, "TEMP")
            self.assertIn(b"too many requests wait", answer)
        self.http.default = echo
        for gate in held.gates:
            gate.set()
        self.check_all(clients, lambda key: f"OK {key}")
        self.check_payload(beyond.ask("t", "k"), "OK k")
        self.assertEqual(len(self.http.requests), 6)

    def test_its_bound_and_another_url(self):
        """A lookup that the first URL has no room for is sent to the second."""
        held, second = Gates(self.http), self.backend(default=echo)
        self.serve({"name": "t", "type": "url", "param": [self.http.url + "/§", second.url + "/§"], "timeout": "1h"},
                   pool={"max_connections": 1, "max_waiting": 1})
        clients = self.queue(["k0", "k1"])
        self.http.wait_requests(1)
        for number in range(10):
            self.check_payload(self.client().ask("t", f"more{number}"), f"OK more{number}")
        self.assertEqual(len(second.requests), 10)
        self.http.default = echo
        held.gates[0].set()
        self.check_all(clients, lambda key: f"OK {key}")
        self.assertEqual(len(second.requests), 10)

    def stall(self, request):
        """Leaves some keys without an answer."""
        return (self.http.gate(),) if request.target.startswith(b"/stall") else echo(request)

    def test_stalled_keys(self):
        """They occupy their connections and no more: other keys are answered, and the stalled ones time out."""
        self.http.default = self.stall
        self.serve(url_table(self.http, timeout="2s"), url_table(self.http, "u", timeout="1h"),
                   pool={"max_connections": POOL})
        stalled = self.queue([f"stall{number}" for number in range(POOL - 1)])
        self.http.wait_requests(POOL - 1)
        client = self.client()
        for number in range(100):
            self.check_payload(client.ask("u", f"k{number}"), f"OK k{number}")
        self.check_all(stalled, lambda key: "TIMEOUT")
        self.check_payload(client.ask("u", "k"), "OK k")

    def test_stalled_for_good(self):
        """Stalled keys occupy every connection; keys behind them are answered after they have timed out."""
        self.http.default = self.stall
        self.serve(url_table(self.http, timeout="500ms"), url_table(self.http, "u", timeout="1h"),
                   pool={"max_connections": POOL})
        stalled = self.queue([f"stall{number}" for number in range(POOL)])
        self.http.wait_requests(POOL)
        others = self.queue([f"k{number}" for number in range(200)], "u")
        self.check_all(stalled, lambda key: "TIMEOUT")
        self.check_all(others, lambda key: f"OK {key}")


class Kept(Pool):
    """Idle connections."""

    def test_idle_ones_are_closed(self):
        """All of them without lookups; all but one while one client asks on and on."""
        for is_asking in (False, True):
            with self.subTest(is_asking=is_asking):
                self.socket, self.http = self.path(f"s{is_asking}"), self.backend()
                held = Gates(self.http)
                self.serve(url_table(self.http, timeout="1h"), pool={"max_connections": POOL, "idle_timeout": "1s"})
                clients = self.queue([f"k{number}" for number in range(POOL)])
                self.http.wait_requests(POOL)
                self.assertEqual(self.http.open_connections(), POOL)
                self.http.default = echo
                for gate in held.gates:
                    gate.set()
                self.check_all(clients, lambda key: f"OK {key}")
                client = self.client()

                def is_closed():
                    if is_asking:
                        self.check_payload(client.ask("t", "k"), "OK k")
                    return self.http.open_connections() == (1 if is_asking else 0)

                harness.wait_until(is_closed, "the idle connections are closed")
                self.check_payload(client.ask("t", "k"), "OK k")

    def test_closed_by_the_backend(self):
        """That is not a failure: even a table without retries does not show it."""
        for unix_path in (None, self.path("http")):
            with self.subTest(unix_path=unix_path):
                self.socket = self.path("local" if unix_path else "remote")
                backend = self.backend(unix_path=unix_path, default=echo)
                more = {"unix_socket": unix_path} if unix_path else {}
                self.serve(url_table(backend, retries=0, timeout="1h", **more), pool={"max_connections": POOL})
                for turn in range(10):
                    keys = [f"k{turn}.{number}" for number in range(2 * POOL)]
                    self.check_all(self.queue(keys), lambda key: f"OK {key}")
                    backend.drop()
                self.assertEqual(len(backend.requests), 10 * 2 * POOL)

    def test_restarts_on_the_same_port(self):
        """Clients ask on meanwhile: each answer is the value or a temporary failure, and then all is well again.

        A lookup may meet the end of its time while podop still tries the port again, so TIMEOUT is allowed as well.
        """
        port = self.reserve_port()
        backend = harness.Backend(port=port, default=echo)
        self.addCleanup(lambda: backend.stop())
        self.serve(url_table(backend, timeout="2s"), pool={"max_connections": POOL})
        is_over, wrong, asked = threading.Event(), [], [0] * 4

        def ask(number):
            client = harness.Socketmap(self.socket)
            while not is_over.is_set():
                key = f"k{number}.{asked[number]}"
                answer = client.ask("t", key)
                is_failure = answer.startswith((b"TEMP table t: ", b"TIMEOUT table t: "))
                if answer != harness.to_bytes(f"OK {key}") and not is_failure:
                    wrong.append((key, answer))
                asked[number] += 1
            client.close()

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(asked))]
        for thread in threads:
            thread.start()
        witness = self.client()
        for _ in range(4):
            backend.wait_requests(100)
            backend.stop()
            harness.wait_until(lambda: witness.ask("t", "down").startswith((b"TEMP", b"TIMEOUT")),
                               "the backend is gone")
            backend = harness.Backend(port=port, default=echo)
            harness.wait_until(lambda: witness.ask("t", "up") == b"OK up", "the backend is asked again")
        is_over.set()
        for thread in threads:
            thread.join(harness.GUARD)
        self.assertEqual(wrong, [])


class Herd(Pool):
    """A thousand clients that ask for the same key at the same time."""

    CLIENTS = 1_000

    def check_herd(self, requests, **settings):
        """Checks how many requests reach the backend."""
        held = Gates(self.http)
        self.serve(url_table(self.http, timeout="1h", **settings), pool={"max_connections": POOL})
        clients = [self.client() for _ in range(self.CLIENTS)]
        for client in clients:
            client.request("t", "k")
        self.http.wait_requests(min(requests, POOL))
        self.settle()
        self.assertEqual(len(self.http.requests), min(requests, POOL))
        self.http.default = echo
        for gate in held.gates:
            gate.set()
        for client in clients:
            self.check_payload(client.read(), "OK k")
        self.assertEqual(self.http.count("/k"), requests)
        self.check_reused(requests)

    def test_with_a_cache(self):
        self.check_herd(1, cache={"ttl": "1h"})

    def test_with_share(self):
        self.check_herd(1, share=True)

    def test_with_neither(self):
        self.check_herd(self.CLIENTS)

    def test_with_a_cache_and_without_share(self):
        self.check_herd(self.CLIENTS, cache={"ttl": "1h"}, share=False)

    def test_miss_and_failure_are_shared(self):
        answers = (http(status=404), "NOTFOUND "), (http(status=503), "TEMP"), (http("no json"), "TEMP")
        self.serve(url_table(self.http, share=True))
        for answer, expected in answers:
            with self.subTest(answer=answer):
                self.http.forget()
                gate = self.http.gate()
                self.http.on("/k", (gate, answer))
                clients = [self.client() for _ in range(100)]
                for client in clients:
                    client.request("t", "k")
                self.http.wait_requests(1)
                self.settle()
                gate.set()
                for client in clients:
                    self.check_answer(client.read(), expected)
                self.assertEqual(len(self.http.requests), 1)

    def test_sharers_have_their_own_deadlines(self):
        """A lookup that joins a stalled request late has the whole timeout."""
        self.http.on("/k", (self.http.gate(),))
        self.serve(url_table(self.http, timeout="1s", share=True))
        first, second = self.client(), self.client()
        first.request("t", "k")
        self.http.wait_requests(1)
        second.request("t", "k")
        self.check_reason(first.read(), "TIMEOUT")
        self.check_reason(second.read(), "TIMEOUT")


if __name__ == "__main__":
    harness.main()
