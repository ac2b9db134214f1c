"""balance = "spread": the lookups of a table are shared between its URLs, and between the addresses of a name."""

import re
import signal
import time

import harness
import nameserver
from control_case import ControlCase
from dict import DictCase
from harness import CLOSE, Backend, echo, http
from names_case import NamesCase, addresses
from nameserver import FakeServer

FAILURES = 5  # in a row suspend a URL or an address
LOOKUPS = 300
FEWEST = 50  # of 100 that each of three should get; by chance there are fewer in one of 10 ** 8 runs
SPREAD = {"balance": "spread"}
THREE = "127.0.0.2", "127.0.0.3", "127.0.0.4"


class Shares(DictCase):
    """What holds for URLs and for addresses alike. `backends` are three that all lookups may go to."""

    backends: list[Backend]

    def counts(self):
        """Returns how many requests each backend got, and forgets them."""
        counts = [len(backend.requests) for backend in self.backends]
        for backend in self.backends:
            backend.forget()
        return counts

    def ask_all(self, client, number=LOOKUPS):
        """Makes lookups one after the other, of which none may fail; returns how many each backend got."""
        self.counts()
        for key in range(number):
            self.check_payload(client.ask("t", f"k{key}"), f"OK k{key}")
        return self.counts()

    def check_trials(self, client, number):
        """Makes lookups while server `number` ends its connections: it is suspended, except for trials. A second has
        at most two, each sent twice. Returns how many requests each backend got."""
        started_at = time.monotonic()
        counts = self.ask_all(client)
        self.assertLessEqual(counts[number], 4 * FAILURES + 4 * (time.monotonic() - started_at + 1))
        return counts

    def check_equal_shares(self, client):
        for count in self.ask_all(client):
            self.assertGreaterEqual(count, FEWEST)


class Urls(Shares):
    """Three URLs."""

    def setUp(self):
        super().setUp()
        self.backends = [self.backend(default=echo) for _ in range(3)]

    def start(self, **settings):
        self.serve({"name": "t", "type": "url", "param": [backend.url + "/§" for backend in self.backends],
                    **SPREAD, **settings})
        return self.client()

    def test_equal_shares(self):
        self.check_equal_shares(self.start())

    def test_first_is_the_default(self):
        self.assertEqual(self.ask_all(self.start(balance="first"), 20), [20, 0, 0])

    def test_busy_one_gets_fewer(self):
        """The first has lookups under way, and the others have none, so any other that is drawn with it is chosen."""
        client = self.start(timeout="1h")
        gates = [backend.gate() for backend in self.backends]
        for backend, gate in zip(self.backends, gates):
            backend.default = lambda request, gate=gate: (gate, echo(request))
        waiting = {f"w{number}": self.client() for number in range(15)}
        for key, one in waiting.items():
            one.request("t", key)
        harness.wait_until(lambda: sum(len(backend.requests) for backend in self.backends) == len(waiting), "all wait")
        asked = [[request.target.decode().strip("/") for request in backend.requests] for backend in self.backends]
        self.assertGreater(len(asked[0]), 0)
        self.release(gates[1:], waiting, asked[1] + asked[2])
        counts = self.ask_all(client, 100)
        self.assertEqual((counts[0], sum(counts)), (0, 100))
        self.release(gates[:1], waiting, asked[0])

    def release(self, gates, waiting, keys):
        """Lets backends answer the lookups of these keys, and reads the answers."""
        for gate in gates:
            gate.set()
        for key in keys:
            self.check_payload(waiting[key].read(), f"OK {key}")

    def test_dead_one_costs_nothing_and_recovers(self):
        client = self.start()
        dead = self.backends[1]
        dead.default = lambda request: (CLOSE,)
        counts = self.check_trials(client, 1)
        self.assertGreaterEqual(min(counts[0], counts[2]), FEWEST)
        dead.default = echo
        harness.wait_until(lambda: self.ask_all(client, 10)[1] > 1, "it gets its share again")

    def test_failing_one_costs_nothing(self):
        """Statuses of failure suspend one of several."""
        client = self.start()
        self.backends[2].default = lambda request: http(status=503)
        counts = self.ask_all(client)
        self.assertLess(counts[2], FEWEST)

    def test_all_suspended(self):
        client = self.start()
        for backend in self.backends:
            backend.default = lambda request: (CLOSE,)
        harness.wait_until(lambda: b"suspended" in client.ask("t", f"k{len(self.backends[0].requests)}"), "suspended")
        for backend in self.backends:
            backend.default = echo
        harness.wait_until(lambda: client.ask("t", "k") == b"OK k", "a trial succeeds")

    def test_writes_keep_their_order(self):
        """They all go to the first URL; a failure before the request is sent lets them go to the next."""
        self.start()
        for backend in self.backends:
            backend.default = lambda request: http(status=204)
        client = self.dict()
        for number in range(20):
            self.check_payload(client.change(("set", "shared/k", str(number)), ("unset", "shared/l")), "O")
        self.assertEqual(self.counts(), [40, 0, 0])
        self.backends[0].stop()
        self.check_payload(client.change(("set", "shared/k", "1")), "O")
        self.assertEqual(self.counts(), [0, 1, 0])

    def test_iterations(self):
        self.start()
        for backend in self.backends:
            backend.default = lambda request: http('{"a": "1"}')
        client = self.dict()
        for _ in range(60):
            self.assertEqual(client.rows("shared/d/"), [(b"shared/d/a", b"1")])
        self.assertGreater(min(self.counts()), 2)


class Addresses(Shares, NamesCase):
    """Three addresses of one name in the hosts file."""

    def setUp(self):
        super().setUp()
        for backend in self.backends:
            backend.stop()
        self.backends = [self.backend(host=address, port=self.port, default=echo) for address in THREE]
        self.name(*THREE)

    def start(self, *tables, table=(), **settings):
        return super().start(*tables, table={**SPREAD, **dict(table)}, **settings)

    def ask_first(self, client):
        """The name is resolved by the first lookup, and every lookup after it is shared."""
        self.check_payload(client.ask("t", "k"), "OK k")

    def test_equal_shares(self):
        client = self.start()
        self.ask_first(client)
        self.check_equal_shares(client)
        self.assertLessEqual(max(backend.connections for backend in self.backends), 2, "connections are kept")

    def test_first_is_the_default(self):
        client = self.start(table={"balance": "first"})
        self.assertEqual(self.ask_all(client, 20), [20, 0, 0])

    def test_two_tables_at_one_host(self):
        """Each has its own balance; the connections are shared."""
        client = self.start({"name": "u", "type": "url", "param": f"http://service.test:{self.port}/§"})
        self.ask_first(client)
        self.check_equal_shares(client)
        self.check_payload(client.ask("u", "k"), "OK k")
        self.assertLessEqual(sum(backend.connections for backend in self.backends), 5)

    def test_refusing_one_costs_nothing_and_recovers(self):
        client = self.start()
        self.ask_first(client)
        self.backends[1].stop()
        counts = self.ask_all(client)
        self.assertGreaterEqual(min(counts[0], counts[2]), FEWEST)
        self.daemon.wait_log(f"event=backend_failed table=t backend=.*service.test:{self.port} at 127.0.0.3")
        self.backends[1] = self.backend(host=THREE[1], port=self.port, default=echo)
        harness.wait_until(lambda: self.ask_all(client, 20)[1] > 1, "it gets its share again")
        self.daemon.wait_log("event=backend_recovered table=t backend=.* at 127.0.0.3")

    def test_silent_one_costs_nothing(self):
        """Its connections do not come about."""
        self.backends[0].stop()
        self.listen_silently(THREE[0])
        client = self.start()
        self.ask_first(client)
        counts = self.ask_all(client)
        self.assertGreaterEqual(min(counts[1:]), FEWEST)
        self.daemon.stop()
        self.assertEqual(self.count_log("backend_failed"), 1)

    def test_one_that_resets_costs_nothing(self):
        client = self.start()
        self.ask_first(client)
        self.backends[2].default = lambda request: (CLOSE,)
        counts = self.check_trials(client, 2)
        self.assertGreaterEqual(min(counts[:2]), FEWEST)

    def test_one_that_hangs_costs_nothing(self):
        client = self.start(table={"timeout": "3s", "retries": 0})
        self.ask_first(client)
        self.backends[2].default = lambda request: (self.backends[2].gate(),)
        counts = self.ask_all(client, 60)
        self.assertGreaterEqual(sum(counts[:2]), 60)

    def test_all_refuse(self):
        """Then the table fails, and each address is tried again."""
        client = self.start(table={"timeout": "200ms"})
        harness.wait_until(lambda: client.ask("t", "k") == b"OK k", "the name is resolved")
        for backend in self.backends:
            backend.stop()
        for number in range(2 * FAILURES):
            self.check_reason(client.ask("t", f"k{number}"), "TEMP")
        self.assertIn(b"suspended", client.ask("t", "k"))
        self.backends = [self.backend(host=address, port=self.port, default=echo) for address in THREE]
        harness.wait_until(lambda: client.ask("t", "k") == b"OK k" and all(b.requests for b in self.backends),
                           "all serve again")

    def test_writes_go_to_one(self):
        self.start()
        for backend in self.backends:
            backend.default = lambda request: http(status=204)
        client = self.dict()
        for number in range(20):
            self.check_payload(client.change(("set", "shared/k", str(number))), "O")
        self.assertEqual(sorted(self.counts()), [0, 0, 20])


class ChangingAddresses(Shares, NamesCase):
    """Addresses in DNS that change."""

    def setUp(self):
        super().setUp()
        for backend in self.backends:
            backend.stop()
        self.backends = [self.backend(host=address, port=self.port, default=echo) for address in THREE]
        self.known = list(THREE[:2])
        server = FakeServer(self, self.answer)
        self.write("resolv.conf", f"nameserver {server.address}\n")

    def answer(self, question):
        if question.name != "service.test":
            return question.answer(rcode=nameserver.NXDOMAIN)
        return question.answer(*(addresses(question.name, "A", *self.known) if question.kind == "A" else ()))

    def test_followed(self):
        """An address that is new gets its share, one that left gets nothing more."""
        client = self.start(table=SPREAD)
        harness.wait_until(lambda: min(self.ask_all(client, 10)[:2]) > 0, "both get their share")
        self.known = list(THREE[1:])
        harness.wait_until(lambda: self.ask_all(client, 10)[0] == 0 and self.ask_all(client, 10)[2] > 0,
                           "the new address is asked instead of the old one")
        self.assertEqual(self.ask_all(client, 100)[0], 0)
        self.known = list(THREE)
        harness.wait_until(lambda: self.ask_all(client, 10)[0] > 0, "the old address is back")


class Seen(ControlCase):
    """What the administrator sees."""

    def test_stats_and_reload(self):
        """Each address of a name is seen by itself, and a reload keeps what is known of it."""
        backend = self.backend(default=echo)
        table = {"name": "t", "type": "url", "param": f"http://a.localhost:{backend.port}/§", **SPREAD}
        podop = self.start(table)
        client = self.client()
        for number in range(50):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
        self.ctl("reload")
        backends = {each["address"]: each for each in self.stats()[1]["t"]["backends"]}
        self.assertEqual(set(backends), {"127.0.0.1", "::1"})
        self.assertEqual((backends["::1"]["left_alone"], backends["::1"]["cause"]), (True, "unsent"))
        self.assertEqual((backends["127.0.0.1"]["left_alone"], backends["127.0.0.1"]["in_flight"]), (False, 0))
        self.assertGreaterEqual(backends["127.0.0.1"]["requests"], 50)
        notes = "\n".join(self.notes(self.explain("k"), "backend"))
        self.assertIn(f"http://a.localhost:{backend.port} at ::1 suspended", notes)
        self.assertIn(f"http://a.localhost:{backend.port} at 127.0.0.1 not suspended", notes)
        podop.signal(signal.SIGUSR1)
        for address in ("::1", "127.0.0.1"):
            podop.wait_log(f"event=counters table=t backend=http://a.localhost:{backend.port} "
                           f"address={re.escape(address)} in_flight=0 requests=")


if __name__ == "__main__":
    harness.main()
