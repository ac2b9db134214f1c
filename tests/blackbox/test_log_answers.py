"""The log: what the line of a request says about its answer."""

import harness
from harness import CLOSE, http, url_table
from log_case import Log
from store import Store


class Answers(Log):
    """What the line of a request says about its answer."""

    def start(self, **settings):
        self.server = self.podop("-c", self.config(url_table(self.http, **settings)), verbose=())
        self.server.wait_ready()
        self.postfix = self.client()

    def line(self, event="lookup"):
        """Returns the fields of the only request of that kind so far, and forgets it."""
        self.server.wait_log(f"event={event} ")
        found = self.of(self.lines(self.server, "text"), event)
        self.assertEqual(len(found), 1)
        self.server.log.clear()
        return {name: found[0].get(name, b"").decode() for name in ("status", "cache", "http_status")}

    def ask(self, key, answer, status, cache, http_status=""):
        self.check_answer(self.postfix.ask("t", key), answer)
        self.assertEqual(self.line(), {"status": status, "cache": cache, "http_status": http_status})

    def test_cache(self):
        self.start(skip=["skipped*"], cache={"ttl": "1h", "negative_ttl": "1h"})
        self.http.on("/miss", http(status=404))
        self.http.on("/down", http(status=429))
        self.ask("k", "OK k", "found", "absent", "200")
        self.ask("k", "OK k", "found", "fresh")
        self.ask("miss", "NOTFOUND ", "miss", "absent", "404")
        self.ask("miss", "NOTFOUND ", "miss", "fresh")
        self.ask("down", "TEMP", "temporary", "absent", "429")
        self.ask("skipped", "NOTFOUND ", "miss", "skipped")

    def test_stale(self):
        self.start(cache={"ttl": "1ms", "stale": "1h"})
        self.ask("k", "OK k", "found", "absent", "200")
        self.http.on("/k", http(status=429))

        def is_stale():
            self.check_payload(self.postfix.ask("t", "k"), "OK k")
            told = self.line()
            return told == {"status": "found", "cache": "stale", "http_status": "429"}

        harness.wait_until(is_stale, "the answer is past its time")

    def test_no_cache_and_no_answer(self):
        self.hold_clock()
        self.start(cache={"ttl": 0, "negative_ttl": 0}, timeout="200ms")
        self.ask("k", "OK k", "found", "off", "200")
        self.http.on("/k", (CLOSE,))
        self.ask("k", "TEMP", "temporary", "off")
        self.http.on("/k", self.hang(self.http, 0.2))
        self.ask("k", "TIMEOUT", "timeout", "off")

    def test_refused(self):
        self.start()
        self.check_payload(self.postfix.ask("u", "k"), "TEMP no such table: u")
        self.assertEqual(self.line(), {"status": "temporary", "cache": "", "http_status": ""})

    def test_joined(self):
        """Only the first lookup causes a request; the lines of all of them have its outcome."""
        self.start(share=True, cache={"ttl": "1h"})
        gate = self.http.gate()
        self.http.on("/k", (gate, http('"v"')))
        postfix, clients = self.client(), [self.dict(), self.dict()]
        postfix.request("t", "k")
        self.http.wait_requests(1)
        lookups = [client.lookup("shared/k") for client in clients]
        witness = self.client()
        for _ in range(20):  # by then podop has handled what it read before
            self.check_payload(witness.ask("t", "witness"), "OK witness")
        gate.set()
        self.check_payload(postfix.read(), "OK v")
        for client, lookup in zip(clients, lookups):
            self.check_payload(client.wait(lookup), "Ov")
        self.server.stop()
        self.assertEqual(sorted((fields["proto"], fields["cache"], fields["http_status"])
                                for fields in self.of(self.lines(self.server, "text"), "lookup")
                                if fields["key"] != b"witness"),
                         [(b"dict", b"joined", b"200"), (b"dict", b"joined", b"200"),
                          (b"socketmap", b"absent", b"200")])

    def test_held(self):
        self.http.default = Store()
        self.start(write_behind="1h")
        client = self.dict()
        self.check_payload(client.change(("set", "shared/k", "v"), ("set", "shared/l", "v")), "O")
        self.assertEqual(self.line("commit"), {"status": "found", "cache": "held", "http_status": ""})
        self.check_payload(client.get("shared/k"), "Ov")
        self.assertEqual(self.line(), {"status": "found", "cache": "held", "http_status": ""})

    def test_writes_and_iterations(self):
        self.http.default = Store({"/d/a": b'"1"'})
        self.start()
        client = self.dict(user="bob")
        self.check_payload(client.change(("set", "priv/k", "v"), ("set", "priv/l", "v")), "O")
        self.server.wait_log("event=commit table=t user=bob key=k changes=2 |"
                             "event=commit .* table=t user=bob key=k changes=2 status=found http_status=204 ms=")
        self.line("commit")
        self.check_payload(client.change(("increment", "shared/none", 1)), "N")
        self.assertEqual(self.line("commit"), {"status": "miss", "cache": "", "http_status": "404"})
        self.http.on("/bad", http(status=507))
        self.check_failure(client.change(("set", "shared/bad", "v")))
        self.assertEqual(self.line("commit"), {"status": "temporary", "cache": "", "http_status": "507"})
        self.assertEqual(client.rows("shared/d/"), [(b"shared/d/a", b"1")])
        self.assertEqual(self.line("iterate"), {"status": "found", "cache": "", "http_status": "200"})
        self.http.on("/bad/", http(status=500))
        self.check_failure(client.wait(client.iterate("shared/bad/")))
        self.assertEqual(self.line("iterate"), {"status": "temporary", "cache": "", "http_status": "500"})


if __name__ == "__main__":
    harness.main()
