"""Failures that a service tells with status 200: the setting error of podop-url(7)."""

import harness
from control_case import ControlCase
from harness import chunked, http, url_table

NOTHING = ("null", "false", '""', "0", "-0", "0.00", "0e5", "-0.0E-1", "[]", "[ ]", "{}", "{ }")
SOMETHING = (("true", ""), ("1", ""), ("-1.5", ""), ("1e-9", ""), ("[null]", ""), ("[[]]", ""), ('{"a": null}', ""),
             ('"database down"', ": database down"), ('["database down", "x"]', ": database down"),
             ('[{"code": 7, "message": "database down"}]', ": database down"),
             ('{"message": "database down"}', ": database down"), (r'"a\u0000\n\u00f6b"', ": a"),
             ('"%s"' % ("x" * 5000), ": xxx"))


class ErrorPointer(ControlCase):
    def start(self, *tables, **settings):
        super().start(*(tables or [url_table(self.http, error="/errors", **settings)]))
        self.postfix, self.dovecot = self.client(), self.dict()

    def check_told(self, words, key="k"):
        """Checks that a lookup fails with these words in its reason, for Postfix, for Dovecot and for explain."""
        postfix, dovecot = self.postfix.ask("t", key), self.dovecot.get(f"shared/{key}")
        self.check_reason(postfix, "TEMP")
        self.check_failure(dovecot)
        answer = self.explain(key)
        self.assertEqual((answer["status"], self.notes(answer, "status")), ("temporary", ["200"]))
        for reason in (postfix.decode(), dovecot.decode(), answer["reason"]):
            self.assertIn(words, reason)
            self.assertLess(len(reason), 700)


class Lookups(ErrorPointer):
    def test_nothing_is_told(self):
        self.start(select="/v")
        for told in NOTHING:
            with self.subTest(told=told):
                self.http.on("/k", http('{"errors": %s, "v": "x"}' % told))
                self.check_payload(self.postfix.ask("t", "k"), "OK x")
                self.check_payload(self.dovecot.get("shared/k"), "Ox")

    def test_something_is_told(self):
        self.start(select="/v")
        for told, reason in SOMETHING:
            with self.subTest(told=told[:50]):
                self.http.on("/k", http('{"v": "x", "errors": %s}' % told))
                self.check_told("the backend reports a failure at /errors" + reason)

    def test_answers_without_the_member(self):
        self.start()
        for body, postfix, dovecot in (('"x"', "OK x", "Ox"), ("null", "NOTFOUND ", "N"),
                                       ("false", "NOTFOUND ", "Ofalse"),
                                       ('["errors"]', "OK errors", 'O["errors"]'),
                                       ('{"a": {"errors": 1}}', 'OK {"a":{"errors":1}}', 'O{"a":{"errors":1}}'),
                                       ('{"errors ": 1}', 'OK {"errors ":1}', 'O{"errors ":1}')):
            with self.subTest(body=body):
                self.http.on("/k", http(body))
                self.check_payload(self.postfix.ask("t", "k"), postfix)
                self.check_payload(self.dovecot.get("shared/k"), dovecot)

    def test_pointers(self):
        tables = {"deep": "/a/0/b", "escaped": "/a~1b", "empty": "", "name": "/"}
        self.start(*(url_table(self.http, name, f"/{name}/§", error=pointer) for name, pointer in tables.items()))
        for table, body, expected in (("deep", '{"a": [{"b": "x"}]}', "TEMP"), ("deep", '{"a": [{"c": "x"}]}', "OK"),
                                      ("escaped", '{"a/b": 1}', "TEMP"), ("escaped", '{"a": {"b": 1}}', "OK"),
                                      ("empty", '{"errors": 1}', "OK"), ("name", '{"": 1}', "TEMP")):
            with self.subTest(table=table, body=body):
                self.http.on(f"/{table}/k", http(body))
                self.assertEqual(self.postfix.ask(table, "k").split(b" ")[0].decode(), expected)

    def test_before_select(self):
        """It comes first, even where select leads nowhere."""
        self.start(select="/v", strict=True)
        self.http.on("/k", http('{"errors": "locked"}'))
        self.check_told("at /errors: locked")

    def test_only_in_answers_of_success(self):
        self.start()
        self.http.on("/k", http('{"errors": "locked"}', 404))
        self.check_payload(self.postfix.ask("t", "k"), "NOTFOUND ")
        self.http.on("/k", http('{"errors": "locked"}', 500))
        self.assertNotIn(b"locked", self.postfix.ask("t", "k"))

    def test_it_is_final_and_stale_answers(self):
        """Another URL is not asked; an old value of the cache answers."""
        other = self.backend(default=lambda request: http('"other"'))
        self.start({"name": "t", "type": "url", "param": [self.http.url + "/§", other.url + "/§"], "error": "/errors",
                    "cache": {"ttl": "1ms", "stale": "1h"}})
        self.http.on("/k", http('"x"'), http('{"errors": true}'))
        self.check_payload(self.postfix.ask("t", "k"), "OK x")
        harness.wait_until(lambda: "stale" in self.notes(self.explain("k"), "cache")[0], "the entry is old")
        self.check_payload(self.postfix.ask("t", "k"), "OK x")
        self.http.on("/new", http('{"errors": true}'))
        self.check_told("at /errors", "new")
        self.assertEqual(other.requests, [])

    def test_faults_of_the_setting(self):
        for pointer in ("errors", "/a~2", "~"):
            path = self.configure(url_table(self.http, error=pointer))
            done = harness.run("PODOP", "-t", "-c", path)
            self.assertIn("'error'", done.stderr)
            self.assertNotEqual(done.returncode, 0)


class Iterations(ErrorPointer):
    def test_object(self):
        self.start()
        for told in NOTHING:
            with self.subTest(told=told):
                self.http.on("/p/", http('{"a": "1", "errors": %s, "b": "2"}' % told))
                self.assertEqual(self.dovecot.rows("shared/p/"), [(b"shared/p/a", b"1"), (b"shared/p/b", b"2")])
        for told, reason in SOMETHING:
            for body in ('{"a": "1", "errors": %s}', '{"errors": %s, "a": "1"}'):
                with self.subTest(told=told[:50], body=body):
                    self.http.on("/p/", http(body % told))
                    answer = self.dovecot.wait(self.dovecot.iterate("shared/p/"))
                    self.check_failure(answer)
                    self.assertIn(b"reports a failure at /errors" + reason.encode(), answer)

    def test_in_pieces(self):
        self.start()
        body = '{"a": "1", "errors": ["database down"], "b": "2"}'
        self.http.on("/p/", chunked(*body))
        request = self.dovecot.iterate("shared/p/")
        self.assertIn(b"database down", self.dovecot.wait(request))
        self.assertEqual(request.rows, [(b"shared/p/a", b"1")])

    def test_array_of_names(self):
        self.start()
        self.http.on("/p/", http('["errors", "a"]'))
        self.http.on("/p/errors", http('"1"'))
        self.http.on("/p/a", http('"2"'))
        self.assertEqual(self.dovecot.rows("shared/p/"), [(b"shared/p/a", b"2"), (b"shared/p/errors", b"1")])
        self.http.on("/p/a", http('{"errors": "database down"}'))
        self.assertIn(b"database down", self.dovecot.wait(self.dovecot.iterate("shared/p/")))


class Writes(ErrorPointer):
    CHANGES = (("set", "shared/k", "v"), ("unset", "shared/k"), ("increment", "shared/k", 1))

    def test_changes(self):
        self.start()
        for code in (200, 201, 202):
            for change in self.CHANGES:
                with self.subTest(code=code, change=change[0]):
                    for told in NOTHING:
                        self.http.on("/k", http('{"errors": %s}' % told, code))
                        self.check_payload(self.dovecot.change(change), "O")
                    for told, reason in SOMETHING:
                        self.http.on("/k", http('{"errors": %s}' % told, code))
                        answer = self.dovecot.change(change)
                        self.check_failure(answer)
                        self.assertIn(b"reports a failure at /errors" + reason.encode(), answer)

    def test_other_answers(self):
        """A body that is not JSON says nothing; 404 is as ever."""
        self.start()
        for answer in (http("done"), http(""), http(status=204), http("[]"), http('"errors"')):
            with self.subTest(answer=answer):
                self.http.on("/k", answer)
                self.check_payload(self.dovecot.change(("set", "shared/k", "v")), "O")
        self.http.on("/k", http('{"errors": 1}', 404))
        self.check_payload(self.dovecot.change(("unset", "shared/k")), "O")

    def test_failure_ends_the_transaction(self):
        self.start()
        self.http.on("/a", http('{"errors": "locked"}'))
        self.check_failure(self.dovecot.change(("set", "shared/a", "1"), ("set", "shared/b", "2")))
        self.assertEqual(self.http.count("/b"), 0)

    def test_commit_url(self):
        self.start(commit_url=self.http.url + "/commit")
        self.http.on("/commit", http('{"errors": "locked"}'))
        self.assertIn(b"at /errors: locked", self.dovecot.change(("set", "shared/a", "1")))
        self.http.on("/commit", http('{"errors": null}'))
        self.check_payload(self.dovecot.change(("set", "shared/a", "1")), "O")

    def test_answers_that_cannot_be_read(self):
        """The write may have been made, so it is uncertain."""
        self.start(max_response=1000)
        for answer, reason in ((http("x" * 1001), b"larger than max_response"),
                               (http("x", 200, "Content-Encoding: gzip"), b"Content-Encoding gzip")):
            with self.subTest(reason=reason):
                self.http.on("/k", answer)
                got = self.dovecot.change(("set", "shared/k", "v"))
                self.check_failure(got, letter="W")
                self.assertIn(reason, got)


class Encodings(ErrorPointer):
    """podop asks for no encoding, and an answer that has one fails with a reason that names it."""

    def test_lookups(self):
        self.start(url_table(self.http))
        for encoding in ("gzip", "br", "GZIP", "deflate, gzip", "identity, zstd", "x-y"):
            with self.subTest(encoding=encoding):
                self.http.on("/k", http('"x"', 200, f"Content-Encoding: {encoding}"))
                named = encoding.removeprefix("identity, ")
                self.check_told(f"the answer has Content-Encoding {named}, which was not asked for")
                self.assertEqual(self.notes(self.explain("k"), "encoding"), [named])

    def test_no_encoding(self):
        self.start(url_table(self.http))
        for encoding in ("identity", "IDENTITY", "", ",", "identity, identity"):
            with self.subTest(encoding=encoding):
                self.http.on("/k", http('"x"', 200, f"Content-Encoding: {encoding}"))
                self.check_payload(self.postfix.ask("t", "k"), "OK x")
        self.assertEqual({tuple(request.header("Accept-Encoding")) for request in self.http.requests}, {("identity",)})

    def test_large_body(self):
        self.start(url_table(self.http, max_response=1000))
        self.http.on("/k", http("x" * 1_000_000, 200, "Content-Encoding: gzip"))
        self.check_told("Content-Encoding gzip")

    def test_statuses_count_without_their_body(self):
        self.start(url_table(self.http))
        self.http.on("/k", http("\x1f", 404, "Content-Encoding: gzip"))
        self.check_payload(self.postfix.ask("t", "k"), "NOTFOUND ")
        self.http.on("/k", http("\x1f", 500, "Content-Encoding: gzip"))
        self.assertIn(b"status 500", self.postfix.ask("t", "k"))

    def test_iterations(self):
        self.start(url_table(self.http))
        self.http.on("/p/", http('{"a": "1"}', 200, "Content-Encoding: gzip"))
        self.assertIn(b"Content-Encoding gzip", self.dovecot.wait(self.dovecot.iterate("shared/p/")))

    def test_writes(self):
        """The body of the answer to a write is not read without error, so its encoding does not matter."""
        self.start(url_table(self.http))
        self.http.on("/k", http("x", 200, "Content-Encoding: gzip"))
        self.check_payload(self.dovecot.change(("set", "shared/k", "v")), "O")


if __name__ == "__main__":
    harness.main()
