"""The basics of the cache: ttl for values, negative_ttl for misses, never a failure."""

import harness
from harness import CLOSE, Case, echo, http, netstring, url_table


class Cache(Case):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def start(self, **cache):
        self.serve(url_table(self.http, cache=cache) if cache else url_table(self.http))
        self.postfix = self.client()

    def check_requests(self, key, expected, number, lookups=3):
        """Checks that so many lookups of a key get the same answer and cost so many requests."""
        self.http.forget()
        for _ in range(lookups):
            self.check_answer(self.postfix.ask("t", key), expected)
        self.assertEqual(len(self.http.requests), number, "requests to the backend")

    def test_off_by_default(self):
        self.start()
        self.http.on("/miss", http(status=404))
        self.check_requests("k", "OK k", 3)
        self.check_requests("miss", "NOTFOUND ", 3)

    def test_values(self):
        self.start(ttl="1h")
        for number, (body, expected) in enumerate((('"x"', "OK x"), ("1.10", "OK 1.10"), ('["a","b"]', "OK a,b"),
                                                   ('{"a": 1}', 'OK {"a":1}'), ("false", "NOTFOUND "),
                                                   ('"%s"' % ("x" * 99_997), "OK " + "x" * 99_997))):
            with self.subTest(body=body[:40]):
                self.http.on(f"/k{number}", http(body))
                self.check_requests(f"k{number}", expected, 1)

    def test_misses(self):
        for number, cache in enumerate(({"ttl": "1h"}, {"ttl": "1h", "negative_ttl": "1h"})):
            with self.subTest(**cache):
                self.socket = self.path(f"s{number}")
                self.start(**cache)
                for key, answer in (("gone", http(status=404)), ("empty", http(status=204)), ("null", http("null"))):
                    self.http.on("/" + key, answer)
                    self.check_requests(key, "NOTFOUND ", 1)

    def test_values_without_misses(self):
        self.start(ttl="1h", negative_ttl=0)
        self.http.on("/miss", http(status=404))
        self.check_requests("miss", "NOTFOUND ", 3)
        self.check_requests("k", "OK k", 1)

    def test_misses_without_values(self):
        self.start(ttl=0, negative_ttl="1h")
        self.check_requests("k", "OK k", 3)

    def test_failures_are_asked_again(self):
        self.start(ttl="1h", negative_ttl="1h")
        for key, answer in (("503", http(status=503)), ("429", http(status=429)), ("text", http("no json"))):
            with self.subTest(key):
                self.http.on("/" + key, answer)
                self.check_requests(key, "TEMP", 3)
        self.http.on("/down", http(status=503), http('"up"'))
        self.check_reason(self.postfix.ask("t", "down"), "TEMP")
        self.check_payload(self.postfix.ask("t", "down"), "OK up")
        self.check_requests("down", "OK up", 0)

    def test_each_key_and_table_for_itself(self):
        self.serve(url_table(self.http, "a", "/a/§", cache={"ttl": "1h"}),
                   url_table(self.http, "b", "/b/§", cache={"ttl": "1h"}))
        client = self.client()
        keys = [b"k", b"K", b"k ", b"k\0", b"k\0x", b"k/", b"", b"k\xff"]
        for table in ("a", "b"):
            for number, key in enumerate(keys):
                self.http.on(f"/{table}/{harness.percent(key, b'/')}", http(f'"{table}{number}"'))
        for _ in range(2):
            for table in ("a", "b"):
                with self.subTest(table=table):
                    for number, key in enumerate(keys):
                        self.check_payload(client.ask(table, key), f"OK {table}{number}")
        self.assertEqual(len(self.http.requests), 2 * len(keys))

    def test_all_clients_share_it(self):
        self.start(ttl="1h")
        self.check_payload(self.client().ask("t", "k"), "OK k")
        self.check_requests("k", "OK k", 0)

    def test_entries_end(self):
        """Asks on until the backend gets another request."""
        self.start(ttl="100ms", negative_ttl="100ms")
        self.http.on("/miss", http(status=404))
        for key, expected in (("k", "OK k"), ("miss", "NOTFOUND ")):
            with self.subTest(key):
                self.http.forget()

                def asked_again():
                    self.check_payload(self.postfix.ask("t", key), expected)
                    return len(self.http.requests) >= 3

                harness.wait_until(asked_again, "the entry expires")

    def test_hits_need_no_backend(self):
        self.serve(url_table(self.http, cache={"ttl": "1h"}, timeout="2s"))
        self.postfix = self.client()
        self.check_payload(self.postfix.ask("t", "k"), "OK k")
        self.http.stop()
        self.check_payload(self.postfix.ask("t", "k"), "OK k")
        self.check_reason(self.postfix.ask("t", "other"), "TEMP")

    def test_hits_keep_their_place(self):
        self.start(ttl="1h")
        gate = self.http.gate()
        self.check_payload(self.postfix.ask("t", "hit"), "OK hit")
        self.http.on("/slow", (gate, http('"slow"')))
        self.postfix.send(netstring("t hit") + netstring("t slow") + netstring("t hit"))
        self.check_payload(self.postfix.read(), "OK hit")
        self.http.wait_target("/slow")
        self.assertFalse(self.postfix.has_news(), "an answer overtook another")
        gate.set()
        self.check_payload(self.postfix.read(), "OK slow")
        self.check_payload(self.postfix.read(), "OK hit")

    def test_sharing_client_that_leaves(self):
        """The client that caused the request leaves; the others still get their answers."""
        self.start(ttl="1h")
        gate = self.http.gate()
        self.http.on("/k", (gate, http('"x"')))
        first, second = self.client(), self.client()
        first.request("t", "k")
        self.http.wait_target("/k")
        second.send(netstring("t other") + netstring("t k"))
        self.check_payload(second.read(), "OK other")
        first.close()
        self.check_payload(self.postfix.ask("t", "another"), "OK another")
        gate.set()
        self.check_payload(second.read(), "OK x")

    def test_least_recently_used_leaves_first(self):
        self.start(ttl="1h", max_entries=3)
        for key in ("a", "b", "c", "a", "d"):
            with self.subTest(key=key):
                self.check_payload(self.postfix.ask("t", key), f"OK {key}")
        for key, number in (("a", 0), ("c", 0), ("d", 0), ("b", 1), ("a", 1)):
            with self.subTest(key):
                self.check_requests(key, f"OK {key}", number)

    def test_bytes_are_bounded(self):
        """A value larger than the cache is answered but not kept, and evicts nothing."""
        self.start(ttl="1h", max_bytes="64K")
        self.http.default = lambda request: http('"%s"' % ("x" * (90_000 if b"huge" in request.target else 10_000)))
        for number in range(100):
            self.assertEqual(len(self.postfix.ask("t", f"k{number}")), 10_003)
        self.check_requests("k99", "OK " + "x" * 10_000, 0)
        self.check_requests("huge", "OK " + "x" * 90_000, 3)
        self.http.forget()
        for number in reversed(range(100)):
            self.postfix.ask("t", f"k{number}")
        kept = 100 - len(self.http.requests)
        self.assertTrue(3 <= kept <= 6, f"{kept} of 100 values were kept")

    def check_stale(self, client, expected):
        """Checks that the cached value is still answered after a request to the backend failed."""
        self.http.forget()

        def has_failed():
            self.check_payload(client.ask("t", "k"), expected)
            return self.http.count("/k") >= 3

        harness.wait_until(has_failed, "the backend is asked in vain")

    def test_stale_answers(self):
        """In any outage a known value is answered, but not after its stale time, and nothing is invented for
        unknown keys."""
        self.start(ttl="1ms", stale="1h")
        outages = {"status 503": (http(status=503),), "closed": (CLOSE,), "429": (http(status=429),)}
        for number, (name, outage) in enumerate(outages.items()):
            with self.subTest(name):
                self.http.on("/k", http(f'"v{number}"'))

                def is_new():
                    return self.postfix.ask("t", "k") == b"OK v%d" % number

                harness.wait_until(is_new, "the new value")
                for key in ("k", f"new{number}"):
                    self.http.on("/" + key, outage)
                self.check_stale(self.postfix, f"OK v{number}")
                self.check_reason(self.postfix.ask("t", f"new{number}"), "TEMP")
        self.http.stop()
        for _ in range(100):
            self.check_payload(self.postfix.ask("t", "k"), "OK v2")

    def test_misses_are_never_stale(self):
        """A stale miss would make Postfix reject mail for good."""
        self.start(ttl="1ms", negative_ttl="1ms", stale="1h")
        self.http.on("/miss", http(status=404), http(status=503))
        self.check_payload(self.postfix.ask("t", "miss"), "NOTFOUND ")
        harness.wait_until(lambda: self.postfix.ask("t", "miss").startswith(b"TEMP"), "the miss expires")
        self.check_reason(self.postfix.ask("t", "miss"), "TEMP")

    def test_stale_answer_for_a_timeout(self):
        self.serve(url_table(self.http, timeout="300ms", cache={"ttl": "1ms", "stale": "1h"}))
        client = self.client()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.http.on("/k", (self.http.gate(),))
        self.http.on("/new", (self.http.gate(),))
        self.check_stale(client, "OK k")
        self.check_reason(client.ask("t", "new"), "TIMEOUT")

    def test_stale_answers_end(self):
        self.start(ttl="1ms", stale="200ms")
        self.check_payload(self.postfix.ask("t", "k"), "OK k")
        self.http.on("/k", http(status=503))

        def has_ended():
            answer = self.postfix.ask("t", "k")
            if answer == b"OK k":
                return False
            self.check_reason(answer, "TEMP")
            return True

        harness.wait_until(has_ended, "the stale value expires")

    def test_no_sharing_without_a_cache(self):
        self.start()
        gate = self.http.gate()
        self.http.on("/k", (gate, http('"x"')))
        clients = [self.client() for _ in range(10)]
        for client in clients:
            client.request("t", "k")
        self.http.wait_target("/k", 10)
        gate.set()
        for client in clients:
            self.check_payload(client.read(), "OK x")


if __name__ == "__main__":
    harness.main()
