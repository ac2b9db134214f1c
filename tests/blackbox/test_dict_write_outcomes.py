"""Writes of Dovecot: what O, N, F and W promise about the value at the backend."""

import harness
from dict import VERSIONS
from harness import CLOSE, RESET, http, url_table
from write_case import BY_A_PROXY, Write


class Outcomes(Write):
    """O, N, F and W agree with the value at the backend."""

    def keep_trust(self):
        """Sends one lookup that succeeds, so that the failures of the test are never five in a row, which
        would suspend the URL."""
        self.http.on("/trust", http(status=204))
        self.check_payload(self.dovecot.change(("set", "shared/trust", "1")), "O")

    def outcome(self, change, *answers, expected, table="t"):
        self.keep_trust()
        key = change[1].split("/", 1)[1]
        self.http.on("/" + key, *answers)
        self.http.forget()
        self.check_dict(self.dovecot.change(change), expected, table)
        return self.http.count("/" + key)

    def test_statuses_of_a_set(self):
        self.start(retries=3)
        for code in (*range(200, 227), 299):
            with self.subTest(code=code):
                self.assertEqual(self.outcome(("set", "shared/k", "1"), http(b"", code), expected="O"), 1)
        for code in (*range(400, 452), 499, *range(500, 512), 599, *range(300, 309), 600):
            with self.subTest(code=code):
                expected = "W" if code in BY_A_PROXY else "F"
                self.assertEqual(self.outcome(("set", "shared/k", "1"), http(b"", code), expected=expected), 1)

    def test_statuses_of_an_unset(self):
        self.start(retries=3)
        for code, expected in ((200, "O"), (202, "O"), (204, "O"), (299, "O"), (404, "O"), (400, "F"), (401, "F"),
                               (403, "F"), (405, "F"), (409, "F"), (410, "F"), (429, "F"), (500, "F"), (502, "W"),
                               (503, "W"), (504, "W"),
                               (302, "F")):
            with self.subTest(code=code):
                self.assertEqual(self.outcome(("unset", "shared/k"), http(b"", code), expected=expected), 1)

    def test_statuses_of_an_increment(self):
        self.start(retries=3)
        for code, expected in ((200, "O"), (204, "O"), (299, "O"), (404, "N"), (400, "F"), (403, "F"), (405, "F"),
                               (410, "F"), (429, "F"), (500, "F"), (502, "W"), (503, "W"), (504, "W"), (302, "F")):
            with self.subTest(code=code):
                self.assertEqual(self.outcome(("increment", "shared/k", 1), http(b"", code), expected=expected), 1)

    def test_body_of_a_success_does_not_matter(self):
        self.start()
        for body in ("", "no json", "null", '{"error": "x"}', b"\xff\0", "x" * 100_000):
            for change in (("set", "shared/k", "1"), ("unset", "shared/k"), ("increment", "shared/k", 1)):
                with self.subTest(change=change, body=body[:20]):
                    self.assertEqual(self.outcome(change, http(body), expected="O"), 1)

    def test_same_for_every_version(self):
        self.hold_clock()
        self.start(timeout="200ms")
        for number, (answer, expected) in enumerate(((http(status=204), "O"), (http(status=404), "N"),
                                                     (http(status=500), "F"), ((CLOSE,), "W"),
                                                     (self.hang(self.http, 0.2), "W"))):
            self.http.on(f"/k{number}", answer)
            for version in VERSIONS:
                with self.subTest(version=version, expected=expected):
                    self.keep_trust()
                    self.check_dict(self.dict(version).change(("increment", f"shared/k{number}", 1)), expected)

    def test_refused(self):
        deaf = self.enterContext(harness.refusing_port())
        self.serve({"name": "t", "type": "url", "param": f"http://127.0.0.1:{deaf}/§", "timeout": "1s"},
                   {"name": "unknown", "type": "url", "param": f"http://{'x' * 64}.invalid/§", "timeout": "1s"})
        for table in ("t", "unknown"):
            client = self.dict(name=table)
            for change in (("set", "shared/k", "1"), ("unset", "shared/k"), ("increment", "shared/k", 1)):
                with self.subTest(table=table, change=change):
                    self.check_failure(client.change(change), table)

    BROKEN = {
        "closed": (CLOSE,),
        "reset": (RESET,),
        "closed within the status line": (b"HTTP/1.1 20", CLOSE),
        "garbage": (b"garbage\r\n\r\n", CLOSE),
    }

    def test_unknown_outcome(self):
        """The request was sent and no answer came: it may have been carried out, so it is never repeated."""
        self.start(retries=3)
        for change in (("set", "shared/k", "1"), ("unset", "shared/k"), ("increment", "shared/k", 1)):
            for name, steps in self.BROKEN.items():
                with self.subTest(name, change=change):
                    self.assertEqual(self.outcome(change, steps, expected="W"), 1)
        self.check_payload(self.dovecot.change(("set", "shared/ok", "1")), "O")

    def test_unknown_outcome_on_a_kept_connection(self):
        """podop repeats such a lookup, but never a write."""
        self.start(retries=3)
        for change in (("set", "shared/k", "1"), ("unset", "shared/k"), ("increment", "shared/k", 1)):
            for name, steps in self.BROKEN.items():
                with self.subTest(name, change=change):
                    for key in ("a", "b"):
                        self.check_payload(self.dovecot.change(("set", f"shared/{key}", "1")), "O")
                    self.http.on("/k", steps, http(status=204))
                    self.http.forget()
                    self.check_failure(self.dovecot.change(change), "t", "W")
                    self.assertEqual(self.http.count("/k"), 1, "a write that may have arrived was repeated")

    def test_kept_connection_that_the_backend_closed_before(self):
        """Nothing of the write was received: another connection may be used, but the write is made at most once."""
        self.start()
        for number in range(20):
            self.http.on("/k", (http('"x"'), CLOSE))
            self.check_payload(self.dovecot.get("shared/k"), "Ox")
            self.http.forget()
            answer = self.dovecot.change(("set", f"shared/w{number}", "1"))
            self.assertIn(answer[:1], b"OFW")
            self.assertEqual(self.http.count(f"/w{number}"), 1 if answer == b"O" else 0)

    def test_timeout(self):
        self.hold_clock()
        self.start(timeout="200ms", retries=3)
        for change in (("set", "shared/k", "1"), ("unset", "shared/k"), ("increment", "shared/k", 1)):
            with self.subTest(change=change):
                self.assertEqual(self.outcome(change, self.hang(self.http, 0.2), expected="W"), 1)
        self.check_payload(self.dovecot.change(("set", "shared/ok", "1")), "O")

    def test_timeout_before_it_was_sent(self):
        """While it waits for a connection, or in the handshake: it was certainly not written."""
        full = self.enterContext(harness.full_port())
        self.hold_clock()
        self.serve(url_table(self.http, "first", timeout="1h"), url_table(self.http, timeout="200ms"),
                   {"name": "full", "type": "url", "param": f"http://127.0.0.1:{full}/§", "timeout": "1h",
                    "connect_timeout": "200ms"}, pool={"max_connections": 1})
        self.check_late(self.dict(name="full"), ("set", "shared/k", "1"), "full")
        gate = self.http.gate()
        self.http.on("/first", (gate, http('"first"')))
        first = self.dict(name="first")
        lookup = first.lookup("shared/first")
        self.http.wait_target("/first")
        self.check_late(self.dict(), ("set", "shared/second", "1"))
        gate.set()
        self.check_payload(first.wait(lookup), "Ofirst")
        self.check_payload(self.dict().get("shared/second"), "N")
        self.assertEqual(self.writes(), [])

    def check_late(self, client, change, table="t"):
        """Checks that a write fails after 200 milliseconds."""
        write = client.write(change)
        self.clock.advance(0.2)
        self.check_failure(client.wait(write), table)

    def test_reason_keeps_the_query_to_itself(self):
        podop = self.serve(url_table(self.http, template="/§?token=s3cret"))
        client = self.dict()
        self.http.on("/k?token=s3cret", http(b"s3cret", 500), (CLOSE,))
        for letter in ("F", "W"):
            with self.subTest(letter=letter):
                answer = client.change(("set", "shared/k", "1"))
                self.check_failure(answer, "t", letter)
                self.assertNotIn(b"s3cret", answer)
        podop.stop()
        self.assertNotIn("s3cret", podop.stderr)

    def test_values_stay_out_of_the_log(self):
        podop = self.serve(url_table(self.http), args=("-v", "-v"))
        client = self.dict()
        self.http.on("/k", http(b"", 503), http(status=204))
        for _ in range(2):
            number = client.begin()
            client.send(b"V%d\tyes\n" % number)
            client.set(number, "shared/k", "s3cret")
            client.wait(client.commit(number))
        podop.stop()
        self.assertNotIn("s3cret", podop.stderr)


if __name__ == "__main__":
    harness.main()
