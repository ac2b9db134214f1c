"""Many lookups, many clients, clients that do not read: answers keep their order, and nothing grows."""

import fcntl
import random
import re
import signal

import harness
from harness import Case, echo, http, netstring, small_quarantine, url_table
from random_order import RandomOrder

POOL = 64  # backend connections per host, by default


class OneClient(Case):
    def test_ten_thousand_lookups_cost_one_connection(self):
        backend = self.backend(default=echo)
        podop = self.serve(url_table(backend), env=small_quarantine())
        client = self.client()

        def ask(numbers):
            for number in numbers:
                self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")

        ask(range(2_000))  # allocators and buffers have found their size
        rss, descriptors = podop.rss_kb(), podop.descriptors()
        ask(range(2_000, 12_000))
        self.assertEqual(podop.descriptors(), descriptors)
        self.assertLess(podop.rss_kb(), rss + 2048, "podop grew while it answered")
        self.assertEqual(backend.connections, 1)
        self.assertEqual(len(backend.requests), 12_000)

    def test_ten_thousand_misses_and_failures(self):
        """Answers without a value do not grow the memory either: misses, statuses, bodies that are not JSON,
        unknown tables."""
        answers = {b"m": http(status=404), b"f": http(status=503), b"j": http("no json"), b"p": http(r'"\u0000"')}
        backend = self.backend(default=lambda request: answers[request.target[1:2]])
        podop = self.serve(url_table(backend), env=small_quarantine())
        client = self.client()

        def ask(rounds):
            for number in range(rounds):
                client.send(b"".join(netstring(f"{table} {key}{number}") for table, key in
                                     (("t", "m"), ("t", "f"), ("t", "j"), ("t", "p"), (f"no{number}", "k"))))
                for word in (b"NOTFOUND ", b"TEMP ", b"TEMP ", b"PERM ", b"TEMP no such table"):
                    answer = client.read()
                    self.assertTrue(answer.startswith(word), answer)

        ask(400)
        rss, descriptors = podop.rss_kb(), podop.descriptors()
        ask(2_000)
        self.assertLessEqual(podop.descriptors(), descriptors + POOL)
        self.assertLess(podop.rss_kb(), rss + 2048, "podop grew while it answered")

    def test_pipelined_answers_keep_their_order(self):
        """A thousand requests in one packet, which the backend answers in any order."""
        order = RandomOrder()
        order.backend = backend = self.backend(default=order)
        self.serve(url_table(backend, timeout="1h"))
        client = self.client()
        releaser = order.release(1_000, at_first=16)
        client.send(b"".join(netstring(f"t k{number}") for number in range(1_000)))
        for number in range(1_000):
            self.check_payload(client.read(), f"OK k{number}")
        releaser.join(harness.GUARD)
        self.assertLessEqual(backend.connections, POOL)

    def test_client_that_does_not_read(self):
        """Its answers do not fill podop's memory: podop stops reading its requests, serves others, and sends
        all answers later."""
        value = "x" * 90_000
        backend = self.backend(default=lambda request: (
            http('"%s"' % value) if request.target.startswith(b"/big") else echo(request)))
        podop = self.serve(url_table(backend, timeout="1h"), env=small_quarantine())
        lazy, busy = self.client(), self.client()
        rss = podop.rss_kb()
        lazy.send(b"".join(netstring(f"t big{number}") for number in range(1_000)))
        for number in range(1_500):
            self.check_payload(busy.ask("t", f"k{number}"), f"OK k{number}")
        with self.subTest("what was asked for the lazy client"):
            self.assertLess(sum(request.target.startswith(b"/big") for request in backend.requests), 200)
            self.assertLess(podop.rss_kb(), rss + 64 * 1024)
        for _ in range(1_000):
            self.check_payload(lazy.read(), "OK " + value)


class ManyClients(Case):
    def test_connections_to_the_backend_are_limited(self):
        """Two hundred lookups at the same time: 64 under way, the others wait for a free connection."""
        backend = self.backend()
        gate = backend.gate()
        backend.default = lambda request: (gate, echo(request))
        self.serve(url_table(backend, timeout="1h"))
        clients = [self.client() for _ in range(200)]
        for number, client in enumerate(clients):
            client.request("t", f"k{number}")
        backend.wait_requests(POOL)
        gate.set()
        for number, client in enumerate(clients):
            self.check_payload(client.read(), f"OK k{number}")
        self.assertLessEqual(backend.connections, POOL)

    def test_a_thousand_connections(self):
        """All are served, again and again; their descriptors are free after they close."""
        backend = self.backend(default=echo)
        podop = self.serve(url_table(backend))
        witness = self.client()
        self.check_payload(witness.ask("t", "k"), "OK k")
        before = podop.unix_sockets()
        clients = [self.client() for _ in range(1_000)]
        for turn in range(2):
            for number, client in enumerate(clients):
                client.request("t", f"k{turn}.{number}")
            for number, client in enumerate(clients):
                self.check_payload(client.read(), f"OK k{turn}.{number}")
        self.assertEqual(podop.unix_sockets(), before + len(clients))
        for client in clients:
            client.close()
        harness.wait_until(lambda: podop.unix_sockets() == before, "the descriptors of the clients are closed")
        self.check_payload(witness.ask("t", "k"), "OK k")

    def test_connect_ask_close(self):
        """As Postfix's short-lived processes do; descriptors and memory do not grow."""
        backend = self.backend(default=echo)
        podop = self.serve(url_table(backend), env=small_quarantine())
        sockets = podop.unix_sockets()

        def visit(times):
            for number in range(times):
                client = harness.Socketmap(self.socket)
                self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
                client.close()

        visit(500)
        rss = podop.rss_kb()
        visit(2_000)
        self.assertLess(podop.rss_kb(), rss + 2048, "podop grew with its visitors")
        harness.wait_until(lambda: podop.unix_sockets() == sockets, "the visitors' descriptors are closed")
        self.assertLessEqual(backend.connections, 2)

    def test_backend_that_breaks_anywhere(self):
        """Answers end at random bytes, by an end or a reset, on new and kept connections: every lookup is
        answered, with its own value or a failure and never a miss."""
        chance = random.Random(1)

        def answer(request):
            whole = harness.chunked('"', request.target[1:].decode(), '"') if chance.random() < .5 else echo(request)
            if chance.random() < .6:
                return whole
            return whole[:chance.randrange(len(whole))], chance.choice((harness.CLOSE, harness.RESET))

        backend = self.backend(default=answer)
        self.serve(url_table(backend, timeout="1h"))
        clients = [self.client() for _ in range(1_000)]
        right = 0
        for turn in range(3):
            for number, client in enumerate(clients):
                client.request("t", f"k{turn}.{number}")
            for number, client in enumerate(clients):
                got = client.read()
                if not got.startswith(b"TEMP "):
                    self.check_answer(got, f"OK k{turn}.{number}")
                    right += 1
        self.assertGreater(right, 0)

    def test_known_answers_give_way_to_others(self):
        """A client with many requests that are answered at once does not keep podop from serving others."""
        podop = self.serve(url_table(self.backend(), skip=["known*"]), args=("-v",))
        fcntl.fcntl(podop.process.stderr, fcntl.F_SETPIPE_SZ, 1 << 20)  # or podop leaves lines of its log out
        first, greedy, last = clients = [self.client() for _ in range(3)]
        for client in clients:
            self.check_payload(client.ask("t", "known"), "NOTFOUND ")
        podop.freeze()
        first.request("t", "known")
        greedy.send(b"".join(netstring("t known") for _ in range(4_000)))
        last.request("t", "known")
        podop.signal(signal.SIGCONT)
        for client, answers in (first, 1), (greedy, 4_000), (last, 1):
            with self.subTest(client=client, answers=answers):
                for _ in range(answers):
                    self.check_payload(client.read(), "NOTFOUND ")
        podop.stop()
        order = re.findall(r" event=lookup conn=(\d+) ", "\n".join(podop.log))[len(clients):]
        self.assertEqual(len(order), 4_002)
        end = len(order) - 1 - order[::-1].index("2")
        self.assertLess(order.index("1"), end)
        self.assertLess(order.index("3"), end)

    def test_out_of_descriptors(self):
        """Clients beyond the limit wait in the backlog and are served when others leave."""
        backend = self.backend(default=echo)
        podop = self.serve(url_table(backend))
        harness.limit_descriptors(podop.pid, podop.descriptors() + 20)
        clients = [self.client() for _ in range(60)]
        for number, client in enumerate(clients):
            client.request("t", f"k{number}")
        for number, client in enumerate(clients):
            answer = client.read()
            self.assertIn(answer.split(b" ")[0], (b"OK", b"TEMP", b"TIMEOUT"), harness.shown(answer))
            client.close()
        client = self.client()
        harness.wait_until(lambda: client.ask("t", "after") == b"OK after", "the backend is asked again")


if __name__ == "__main__":
    harness.main()
