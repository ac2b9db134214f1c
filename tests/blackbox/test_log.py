"""The log: an event is one line, whatever strangers send; a healthy podop logs nothing; lost writes are logged."""

import contextlib
import json
import os

import harness
from dict import EXACT, VERSIONS, hello, line
from harness import CLOSE, conf_file, http, netstring, percent, url_table
from log_case import FORGED, PARSERS, Log, as_logged
from store import Store


class Forged(Log):
    """Input of clients and backends that imitates log lines, over both protocols, at debug."""

    def ask_all(self):
        """Sends a lookup of each kind, one after the other, and yields (table, user, key)."""
        postfix = self.client()
        for text in FORGED:
            postfix.ask("t", text)
            yield b"t", b"", text
        for text in FORGED:
            if b" " not in text:
                postfix.ask(text, b"k")
                yield text, b"", b"k"
        for version in VERSIONS:
            for text in FORGED:
                client = self.dict(version, user="u")
                client.get(b"priv/" + text)
                yield b"t", b"u", b"priv/" + text
                if version[0] != 2:
                    client.get(b"priv/k", user=text)
                    yield b"t", text, b"priv/k"
                client.close()
        for text in FORGED:
            client = self.dict(name=text, user="u")
            client.get(b"shared/k")
            yield text, b"u", b"shared/k"
            client.close()

    def check(self, lines, form, expected):
        found = self.of(lines, "lookup")
        self.assertEqual(len(found), len(expected))
        for fields, (table, user, key) in zip(found, expected):
            with self.subTest(table=table[:30], user=user[:30], key=key[:30]):
                for name, value in (("table", table), ("user", user), ("key", key)):
                    # A line has room for one value that is escaped through and through, not for two.
                    if name in fields or (name != "table" and value and len(table) < 300):
                        self.assertEqual(fields.get(name), as_logged(value, form))
                self.assertIn("status", fields)
                self.assertRegex(fields["ms"], rb"^\d+\.\d{3}$")
        self.assertNotIn(b"forged", {fields["event"] for fields in lines})
        self.assertNotIn(b"error", {fields["level"] for fields in lines})

    def test_stderr(self):
        for form in PARSERS:
            with self.subTest(form):
                podop = self.podop("-c", self.config(form=form), verbose=())
                podop.wait_ready()
                expected = list(self.ask_all())
                podop.stop()
                self.check(self.lines(podop, form), form, expected)

    def test_syslog(self):
        for form in PARSERS:
            with self.subTest(form):
                podop, logger = self.with_syslog("-c", self.config(form=form, target="syslog"))
                logger.wait(b"ready")
                expected, told = [], len(logger.messages)
                for request in self.ask_all():
                    expected.append(request)
                    logger.wait_messages(told + len(expected))  # it need not be quick
                podop.stop()
                logger.stop()
                self.assertEqual(podop.log, [])
                self.check(self.messages(podop, logger, form), form, expected)

    def test_other_requests(self):
        """Paths of iterations, keys of transactions, and requests that break the protocol."""
        for form in PARSERS:
            with self.subTest(form):
                podop = self.podop("-c", self.config(form=form), verbose=())
                podop.wait_ready()
                texts = [text for text in FORGED if b"\0" not in text]
                for text in texts:
                    client = self.dict()
                    client.wait(client.iterate(b"shared/" + text, EXACT))
                    client.wait(client.write(("set", b"shared/" + text, "v")))
                    client.close()
                for text in FORGED:
                    for first in (text, netstring(text), hello((4, 0)) + text + b"\n", line("H", text, text, text)):
                        client = self.client()
                        client.send(first)
                        client.half_close()
                        with contextlib.suppress(AssertionError):
                            while client.read() is not None:
                                pass
                        client.close()
                podop.stop()
                lines = self.lines(podop, form)
                self.assertEqual([fields["key"] for fields in self.of(lines, "iterate")],
                                 [as_logged(b"shared/" + text, form) for text in texts])
                self.assertEqual([fields["key"] for fields in self.of(lines, "commit")],
                                 [as_logged(text, form) for text in texts])
                self.assertNotIn(b"forged", {fields["event"] for fields in lines})

    def test_backends(self):
        """Status lines, headers, broken answers, and names in an iteration."""
        name = "a\0\nlevel=error event=forged \x1b[2J\" \\"
        answers = [(head + b"\r\n\r\n", CLOSE) for head in (
            b"HTTP/1.1 503 \x1b[2J\" level=error event=forged\r\nX: \x1b[2J\r\nContent-Length: 0",
            b"HTTP/1.1 \x1b[2J\nlevel=error event=forged", b"\x1b[2J\nlevel=error event=forged",
            b"HTTP/1.1 200 OK\r\n\x1b[2J\nlevel=error event=forged\r\nContent-Length: 9",
            b"HTTP/1.1 200 OK\r\nContent-Length: \nlevel=error event=forged")]
        answers.append(http('"\nlevel=error event=forged\x1b[2J'))
        for form in PARSERS:
            with self.subTest(form):
                self.http.on("/rows/", http(json.dumps({name: "v", "b": "v", "\0": "v"})))
                podop = self.podop("-c", self.config(form=form), verbose=())
                podop.wait_ready()
                self.assertEqual(self.dict().rows("shared/rows/"), [(b"shared/rows/b", b"v")])
                client = self.client()
                for answer in answers:
                    self.http.on("/k", answer)
                    self.assertRegex(client.ask("t", "k"), rb"^(TEMP|NOTFOUND|TIMEOUT) ")
                podop.stop()
                lines = self.lines(podop, form)
                self.assertEqual(len(self.of(lines, "lookup")), len(answers))
                self.assertEqual([(fields["name"], fields["count"]) for fields in self.of(lines, "row_dropped")],
                                 [(name.encode(), b"1")])  # and the next one in a minute
                self.assertLessEqual({fields["event"] for fields in lines},
                                     {b"listening", b"ready", b"lookup", b"iterate", b"backend_failed", b"row_dropped",
                                      b"sandbox", b"stopping", b"stopped"})

    def test_programs(self):
        """The reasons that a program gives, and what it writes to stderr."""
        texts = [text for text in FORGED if text and b"\n" not in text and len(text) < 200][-20:]  # in one second
        program = self.write("program.py", f"""
import json, sys
for text in {texts!r}:
    sys.stderr.buffer.write(text + b"\\n")
    sys.stderr.buffer.flush()
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({{"id": request["id"], "status": "temporary", "reason": request["key"]}}), flush=True)
""")
        for form in PARSERS:
            with self.subTest(form):
                table = {"name": "t", "type": "program", "param": f"python3 {program}", "processes": 1}
                podop = self.podop("-c", self.config(table, form=form), verbose=())
                podop.wait_ready()
                client = self.client()
                for text, reason in (("a\nlevel=error event=forged", "a?level=error event=forged"), ('"\\', '"\\'),
                                     ("\x1b[2J", "?[2J"), ("\u2028", "???")):
                    self.check_payload(client.ask("t", text), f"TEMP table t: {reason}")
                harness.wait_until(lambda: sum("program_says" in text for text in list(podop.log)) == len(texts),
                                   "all that the program wrote is logged")
                podop.stop()
                lines = self.lines(podop, form)
                self.assertEqual([fields["text"] for fields in self.of(lines, "program_says")],
                                 [as_logged(text, form) for text in texts])
                self.assertNotIn(b"forged", {fields["event"] for fields in lines})


class Silence(Log):
    def test_healthy_podop(self):
        """At the default level no successful request is logged."""
        store = Store({"/k": b'"v"', "/d/a": b'"1"', "/d/b": b"2"})
        self.http.default = store
        path = self.path("podop.conf")
        json_table = {"name": "j", "type": "json", "param": self.write("j.json", '{"k": "v"}')}
        program = {"name": "p", "type": "program", "param": "cat", "processes": 1}
        tables = [url_table(self.http), url_table(self.http, "w", write_behind="1h"), json_table, program]

        def configure(*more):
            self.write("podop.conf", conf_file(listen=[{"socket": self.socket}], tables=[*tables, *more],
                                               control={"socket": self.path("control")}))

        configure()
        podop = self.podop("-c", path, verbose=())
        harness.wait_until(lambda: os.path.exists(self.socket) and not harness.refuses(self.socket), "podop listens")
        postfix = self.client()
        for table, key, answer in (("t", "k", "OK v"), ("t", "k", "OK v"), ("t", "none", "NOTFOUND "),
                                   ("j", "k", "OK v"), ("j", "none", "NOTFOUND "), ("t", "a\nb", "NOTFOUND ")):
            with self.subTest(table=table, key=key, answer=answer):
                self.check_payload(postfix.ask(table, key), answer)
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                self.check_payload(client.get("shared/k"), "Ov")
                self.check_payload(client.get("priv/none"), "N")
                self.check_payload(client.change(("set", "shared/n", "1"), ("unset", "shared/none", )), "O")
                self.check_payload(client.change(("increment", "shared/n", 1)), "O")
                self.assertEqual(len(client.rows("shared/d/")), 2)
                held = self.dict(version, name="w")
                self.check_payload(held.change(("set", "shared/held", "1")), "O")
                client.half_close()
                client.read_end()
                held.close()
        for request in (netstring("t k"), b"", b"3:t", hello((4, 0))):  # those who leave early
            client = self.client()
            client.send(request)
            client.close()
        configure(url_table(self.http, "new"))
        self.assertEqual(harness.run("PODOPCTL", "reload", "--control", self.path("control")).returncode, 0)
        self.check_payload(postfix.ask("new", "k"), "OK v")
        self.check_payload(postfix.ask("t", "k"), "OK v")
        podop.stop()
        self.assertEqual(podop.log, [])
        self.assertEqual(store.values[percent("/held", keep=b"/").encode()], b"1")


class LostWrites(Log):
    def test_logged_once_with_a_count_of_the_others(self):
        self.http.default = lambda request: http(status=400)
        podop = self.podop("-c", self.config(url_table(self.http, write_behind="1h"), level="error"), verbose=())
        harness.wait_until(lambda: os.path.exists(self.socket) and not harness.refuses(self.socket), "podop listens")
        client = self.dict()
        for number in range(5):
            self.check_payload(client.change(("set", f"shared/{number}", "v")), "O")
        client.close()
        podop.stop()
        lines = self.lines(podop, "text")
        self.assertEqual([(fields["event"], fields["level"], fields["writes"]) for fields in lines],
                         [(b"write_lost", b"error", b"1"), (b"write_lost", b"error", b"4")])
        self.assertIn(b"status 400", lines[0]["reason"])


if __name__ == "__main__":
    harness.main()
