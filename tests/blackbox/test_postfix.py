"""podop under a real Postfix: postmap -q for every kind of answer, and an smtpd that asks podop about recipients."""

from concurrent.futures import ThreadPoolExecutor

import harness
from harness import CLOSE, http, url_table
from postfix_case import WithPostfix


class Postmap(WithPostfix):
    def postmap(self, table, key, address=None):
        return self.postfix.run("postmap", "-q", key, f"socketmap:{address or 'unix:' + self.socket}:{table}")

    def check_postmap(self, table, key, value=None, warning="", address=None):
        """Checks the outcome of one lookup."""
        self.check_outcome(self.postmap(table, key, address), value, warning)

    def check_outcome(self, done, value, warning):
        """Checks that postmap printed the value, or the warning; a miss prints nothing."""
        self.assertEqual(done.stdout, "" if value is None else value + "\n", done.stderr)
        self.assertEqual(done.returncode, 1 if value is None else 0, done.stderr)
        if warning:
            self.assertIn(warning, done.stderr)
        else:
            self.assertEqual(done.stderr, "")

    def test_answer_table(self):
        temporary, permanent = "socketmap server temporary error: ", "socketmap server permanent error: "
        cases = [
            (http('"bob@example.com"'), "bob@example.com", ""),
            (http('"jörg@example.com"'), "jörg@example.com", ""),
            (http('" x "'), " x ", ""),
            (http("42"), "42", ""),
            (http("1.10"), "1.10", ""),
            (http("12345678901234567890123"), "12345678901234567890123", ""),
            (http("true"), "true", ""),
            (http("false"), None, ""),
            (http('[false, "a"]'), "a", ""),
            (http('["a@example.com", "b@example.com"]'), "a@example.com,b@example.com", ""),
            (http('[null, "a"]'), "a", ""),
            (http('{ "a" : 1.10 }'), '{"a":1.10}', ""),
            (http('[ [ "a" ] ]'), '[["a"]]', ""),
            (http('"%s"' % ("x" * 99_997)), "x" * 99_997, ""),
            (http('""'), None, ""),
            (http("[]"), None, ""),
            (http('[""]'), None, ""),
            (http("null"), None, ""),
            (http(status=204), None, ""),
            (http(status=400), None, ""),
            (http(status=401), None, ""),
            (http(status=403), None, ""),
            (http(status=404), None, ""),
            (http(status=410), None, ""),
            (http(status=408), None, temporary),
            (http(status=425), None, temporary),
            (http(status=429), None, temporary),
            (http(status=500), None, temporary),
            (http(status=503), None, temporary),
            (http(b"", 302, "Location: /elsewhere"), None, temporary),
            (http('"x"', 201), None, temporary),
            (http("no json"), None, temporary),
            (http(b'"\xff"'), None, temporary),
            (http(r'"\ud800"'), None, temporary),
            (http('"x"'.ljust((1 << 20) + 1)), None, temporary),
            ((CLOSE,), None, temporary),
            ((http('"x', length=3), CLOSE), None, temporary),
            (http(r'"a\u0000b"'), None, permanent),
            (http('"%s"' % ("x" * 99_998)), None, permanent),
        ]
        self.serve_postfix(url_table(self.http, "alias"))
        for number, (answer, _, _) in enumerate(cases):
            self.http.on(f"/k{number}", answer)
        keys = [f"k{number}" for number in range(len(cases))]
        with ThreadPoolExecutor(16) as pool:  # as postmap waits a second before it fails
            outcomes = list(pool.map(lambda key: self.postmap("alias", key), keys))
        for (answer, value, warning), outcome in zip(cases, outcomes):
            with self.subTest(answer=harness.shown(answer) if isinstance(answer, bytes) else answer):
                self.check_outcome(outcome, value, warning)

    def test_failures_around_the_backend(self):
        with harness.refusing_port() as deaf:
            self.http.on("/late", (self.http.gate(),))
            self.serve_postfix(url_table(self.http, "slow", timeout="200ms"),
                               {"name": "down", "type": "url", "param": f"http://127.0.0.1:{deaf}/§",
                                "timeout": "200ms"})
            self.check_postmap("down", "k", warning="socketmap server temporary error: ")
            self.check_postmap("slow", "late", warning="socketmap server timeout error: ")
            self.check_postmap("nosuch", "k", warning="socketmap server temporary error: no such table: nosuch")

    def test_keys(self):
        self.serve_postfix(url_table(self.http, "alias", "/x/§"))
        for key in ("bob+folder@example.com", "BOB@Example.COM", "a b  c", " lead trail ", "a\tb", '50%:"x"', "*", '""',
                    "a/b",
                    "jörg@example.com", '"bo b"@example.com', "bob@[127.0.0.1]", "x" * 3000, "a\x01b\r", "a\nb", ""):
            with self.subTest(key=key[:40]):
                self.http.on("/x/" + harness.percent(key, b"/"), http('"found"'))
                self.check_postmap("alias", key, "found")

    def test_tcp(self):
        port = self.reserve_port()
        self.http.on("/k", http('"x"'))
        self.serve(url_table(self.http, "alias"), listen=[{"socket": f"127.0.0.1:{port}", "mode": "postfix"}])
        self.check_postmap("alias", "k", "x", address=f"inet:127.0.0.1:{port}")

    def test_json_table(self):
        self.serve_postfix({"name": "local", "type": "json",
                            "param": self.write("t.json", '{"bob@example.com": "box", "n": 1.10}')})
        self.check_postmap("local", "bob@example.com", "box")
        self.check_postmap("local", "n", "1.10")
        self.check_postmap("local", "al@example.com")

    def test_many_keys_on_one_connection(self):
        self.serve_postfix(url_table(self.http, "alias"))
        self.http.default = lambda request: http(status=404) if request.target.endswith(b"7") else harness.echo(request)
        done = self.postfix.run("postmap", "-q", "-", f"socketmap:unix:{self.socket}:alias",
                                stdin="".join(f"k{number}\n" for number in range(1_000)))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.splitlines(), [f"k{n}\tk{n}" for n in range(1_000) if n % 10 != 7])
        self.assertEqual(self.http.connections, 1)


class Smtpd(WithPostfix):
    """A mail server whose recipients podop knows. Each test starts its own, as smtpd remembers failures for a
    while."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.postfix.stop)
        self.postfix.start()
        self.port = self.http.port
        self.script(self.http)
        self.server = self.start_podop()

    def script(self, backend):
        """Scripts two mailboxes and an alias for both in example.com."""
        backend.on("/domain/example.com", http('"example.com"'))
        for name in ("bob", "al"):
            backend.on(f"/mailbox/{name}%40example.com", http(f'"{name}/"'))
        backend.on("/alias/team%40example.com", http('["bob@example.com", "al@example.com"]'))

    def start_podop(self):
        return self.serve_postfix(*(url_table(self.http, name, f"/{name}/§", timeout="2s")  # of an outage, too
                                    for name in ("alias", "domain", "mailbox")))

    def test_recipients(self):
        session = self.session()
        for address in ("bob@example.com", "al@example.com", "team@example.com", "Bob@Example.COM"):
            with self.subTest(address=address):
                self.check_recipient(session, address, 250)
        self.check_recipient(session, "nobody@example.com", 550, "5.1.1")
        self.check_recipient(session, "bob@elsewhere.example", 554, "5.7.1")
        self.check_recipient(session, "bob@example.com", 250)

    def test_temporary_answers_defer(self):
        for number, answer in enumerate((http(status=503), http("no json"), http(r'"\u0000"'), (CLOSE,))):
            with self.subTest(answer=answer):
                self.http.on(f"/mailbox/x{number}%40example.com", answer)
                self.check_recipient(self.session(), f"x{number}@example.com", 451)

    def test_backend_goes_and_comes_back(self):
        self.check_recipient(self.session(), "bob@example.com", 250)
        self.check_recipient(self.session(), "nobody@example.com", 550)
        self.http.stop()
        self.check_recipient(self.session(), "bob@example.com", 451, "4.3.0")
        self.check_recipient(self.session(), "nobody@example.com", 451, "4.3.0")
        self.script(self.backend(port=self.port))
        self.check_recipient(self.session(), "bob@example.com", 250)
        self.check_recipient(self.session(), "nobody@example.com", 550)

    def test_a_domain_that_could_not_be_looked_up_is_not_asked_for_again(self):
        """What docs/postfix-keys.md says of a recipient whose class smtpd could not learn."""
        session = self.session()
        self.http.on("/domain/example.com", http(status=503))
        self.check_recipient(session, "bob@example.com", 451, "4.3.0")
        self.script(self.http)
        self.check_recipient(session, "al@example.com", 250)
        self.check_recipient(session, "bob@example.com", 451, "4.3.0")

    def test_podop_restarts_within_a_session(self):
        session = self.session()
        self.check_recipient(session, "bob@example.com", 250)
        self.server.stop()
        self.server = self.start_podop()
        self.check_recipient(session, "al@example.com", 250)
        self.check_recipient(session, "nobody@example.com", 550)

    def test_mail_to_an_alias_arrives(self):
        session = self.session()
        session.sendmail("sender@elsewhere.example", ["team@example.com"], b"Subject: test\r\n\r\nHello\r\n")
        for name in ("bob", "al"):
            arrived = f"to=<{name}@example.com>, orig_to=<team@example.com>"
            harness.wait_until(lambda wanted=arrived: any(
                wanted in line and "status=sent" in line for line in self.postfix.log().splitlines()), arrived)


if __name__ == "__main__":
    harness.main()
