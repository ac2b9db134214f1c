"""Dovecot's iterations: flags, limits, arrays and objects of names, which rows fit, and failures."""

import json

import harness
from dict import EXACT, NO_VALUES, RECURSE, VERSIONS
from harness import CLOSE, echo, http, percent
from iterate_case import Iterate, dict_of, names


class Answers(Iterate):
    def test_array_of_names(self):
        self.start()
        self.http.on("/p/", http('["a", "b", "c"]'))
        self.values(a="1", b="", c=["x", "y"])
        for version in VERSIONS:
            with self.subTest(version=version):
                self.http.forget()
                self.check_rows('a=1 b= c=["x","y"]', client=self.dict(version))
                self.assertEqual(sorted(self.seen(self.http)),
                                 [("GET", "/p/"), ("GET", "/p/a"), ("GET", "/p/b"), ("GET", "/p/c")])
                self.assertEqual(self.seen(self.http)[0], ("GET", "/p/"))

    def test_object_of_values(self):
        self.start()
        self.http.on("/p/", http('{"a": "1", "b": "", "c": ["x", 1.10], "d": 1.10, "e": {"f": null}, "g": true,'
                                 ' "h": 12345678901234567890123}'))
        for version in VERSIONS:
            with self.subTest(version=version):
                self.http.forget()
                self.check_rows('a=1 b= c=["x",1.10] d=1.10 e={"f":null} g=true h=12345678901234567890123',
                                client=self.dict(version))
                self.assertEqual(self.seen(self.http), [("GET", "/p/")])

    def test_null_in_an_object_is_no_row(self):
        self.start()
        self.http.on("/p/", http('{"a": null, "b": "1"}'))
        self.check_rows("b=1")

    def test_mailu_user_list(self):
        self.start(template="/internal/dovecot/§")
        self.http.on("/internal/dovecot/userdb/", http('["bob@example.com", "al@example.com"]'))
        self.http.default = lambda request: http('{"uid": 8}')
        client = self.dict((3, 2), name="t", user="*")
        self.assertEqual(client.rows("shared/userdb/"), [(b"shared/userdb/al@example.com", b'{"uid":8}'),
                                                         (b"shared/userdb/bob@example.com", b'{"uid":8}')])
        self.assertIn(("GET", "/internal/dovecot/userdb/bob%40example.com"), self.seen(self.http))

    def test_nothing_there(self):
        self.start()
        for answer in (http(status=404), http(status=410), http(status=204), http("null"), http("[]"), http("{}"),
                       http(" [ ] "), http("\ufeff[]"), http("\ufeffnull")):
            self.http.on("/p/", answer)
            for version in VERSIONS:
                for flags in (0, RECURSE, NO_VALUES):
                    with self.subTest(answer=answer, version=version, flags=flags):
                        self.check_rows("", flags, client=self.dict(version))

    def test_failures(self):
        self.start()
        for answer in (http(status=500), http(status=503), http(status=429), http(status=302), http('["a"]', 201),
                       http("no json"), http('["a"'), http(b'["\xff"]'), http(r'["\ud800"]'), http('"a"'), http("1"),
                       http("true"), (CLOSE,)):
            self.http.on("/p/", answer)
            for version in VERSIONS:
                for flags in (0, RECURSE | NO_VALUES):
                    with self.subTest(answer=answer, version=version, flags=flags):
                        request = self.check_fails(flags, client=self.dict(version))
                        if answer != http('["a"'):  # its begin looked good
                            self.assertEqual(request.rows, [])

    def test_late_answer(self):
        self.start(timeout="200ms")
        self.http.on("/p/", (self.http.gate(),))
        for version in VERSIONS:
            with self.subTest(version=version):
                self.check_fails(client=self.dict(version))

    def test_refused(self):
        deaf = self.enterContext(harness.refusing_port())
        self.serve({"name": "t", "type": "url", "param": f"http://127.0.0.1:{deaf}/§", "timeout": "1s"})
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                self.check_failure(client.wait(client.iterate("shared/p/")))

    def test_bad_paths(self):
        self.start()
        for version in VERSIONS:
            client = self.dict(version)
            for path in ("other/p/", "", "/", "shared", "p/", "Shared/p/"):
                with self.subTest(version=version, path=path):
                    self.check_failure(client.wait(client.iterate(path)), None)
            with self.subTest("priv without a user", version=version):
                nobody = self.dict(version, user="")
                self.check_failure(nobody.wait(nobody.iterate("priv/p/")), None)
        self.assertEqual(self.http.requests, [])

    def test_dot_segments_are_empty(self):
        self.start()
        for path in ("shared/../", "shared/a/../", "shared/./"):
            with self.subTest(path=path):
                self.check_rows("", path=path)
        self.assertEqual(self.http.requests, [])

    def test_path_with_nul(self):
        """It is neither cut at the NUL nor split into two paths; no row below it could be sent."""
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                self.check_failure(client.wait(client.iterate("shared/p/\0shared/q/")), None)
                self.assertEqual(self.http.requests, [])

    def test_bad_flags(self):
        """The client is disconnected or the iteration fails, but there are no rows and no N."""
        self.start()
        self.http.on("/p/", http('{"a": "1"}'))
        for head in (b"x\t0", b"-1\t0", b"\t0", b"99999999999999999999\t0", b"0\tx", b"0\t-1"):
            with self.subTest(head=head):
                client = self.dict()
                client.send(b"I%s\tshared/p/\tu\n" % head)
                request = client.expect("I", ["shared/p/"])
                while request.answer is None and client.read():
                    pass
                self.assertIn((request.answer or b"F")[:1], b"F")

    def test_other_flags_change_nothing(self):
        """Rows need no order, so the flags for sorting change nothing; async is a matter of the client."""
        self.start()
        self.http.on("/p/", http('{"b": "1", "a": "2"}'))
        for flags in (2, 4, 32, 2 | 32):
            with self.subTest(flags=flags):
                self.check_rows("a=2 b=1", flags)

    def test_encoded_path_and_names(self):
        self.start()
        odd = ["a b", "50%", "q?x=1#y", "jörg@example.com", "tab\there", "line\nfeed", "cr\r", "\x01", "😀", '"', "\\",
               "x" * 1000, " ", "§", "{}", "+"]
        self.http.on("/o%20%25/", http(json.dumps(odd)))
        for number, name in enumerate(odd):
            self.http.on("/o%20%25/" + percent(name, b"/"), http(f'"{number}"'))
        expected = sorted(("shared/o %/" + name).encode() for name in odd)
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                rows = client.rows("shared/o %/")
                self.assertEqual([key for key, _ in rows], expected)
                self.assertEqual({key: value for key, value in rows},
                                 {("shared/o %/" + name).encode(): str(number).encode()
                                  for number, name in enumerate(odd)})
                self.assertEqual(client.rows("shared/o %/", NO_VALUES), [(key, b"") for key in expected])

    def test_nul_in_a_name_or_value(self):
        """Neither can be sent: a name is left out or fails, a value fails."""
        self.start()
        self.http.on("/p/", http(r'{"a\u0000b": "1", "c": "2"}'))
        request = self.dovecot.iterate("shared/p/")
        self.assertIn(self.dovecot.wait(request)[:1], (b"", b"F"))
        self.assertLessEqual({key for key, _ in request.rows}, {b"shared/p/c"})
        for body in (r'{"a": "1", "c": "\u0000"}', '["a", "c"]'):
            with self.subTest(body=body):
                self.http.on("/p/", http(body))
                self.http.on("/p/a", http('"1"'))
                self.http.on("/p/c", http(r'"x\u0000"'))
                self.check_fails()

    def test_user_in_the_template(self):
        self.start(template="/{user}/§")
        self.http.on("/bob%40example.com/p/", http('["a"]'))
        self.http.on("/bob%40example.com/p/a", http('"1"'))
        self.assertEqual(self.dovecot.rows("priv/p/"), [(b"priv/p/a", b"1")])


class Names(Iterate):
    """Which names become rows."""

    def test_names_that_break_the_path_are_dropped(self):
        podop = self.start()
        self.http.on("/p/", http('["", "a", "", "b"]'))
        self.values(a="1", b="2")
        before = len(podop.log)
        self.check_rows("a=1 b=2")
        self.check_rows("a= b=", NO_VALUES)
        self.http.on("/p/", http('{"": "x", "a": "1"}'))
        self.check_rows("a=1")
        self.assertEqual(self.http.count("/p/"), 3)
        harness.wait_until(lambda: len(podop.log) > before, "a line in the log about the dropped name")

    def test_recursion(self):
        self.start()
        array = '["a", "sub/c", "sub/", "sub/d/e", "/x", "b"]'
        mapping = '{"a": "1", "sub/c": "2", "sub/d/e": "3", "/x": "4"}'
        self.http.default = echo
        for version in VERSIONS:
            client = self.dict(version)
            with self.subTest(version=version):
                self.http.on("/p/", http(array))
                self.http.forget()
                self.check_rows("a=a b=b", client=client)
                self.assertEqual(sorted(self.seen(self.http)), [("GET", "/p/"), ("GET", "/p/a"), ("GET", "/p/b")])
                self.check_rows("a= b=", NO_VALUES, client=client)
                self.assertLessEqual(set(names("a= b= sub/c= sub/d/e=")),
                                     set(client.rows("shared/p/", RECURSE | NO_VALUES)))
                rows = dict_of(client.rows("shared/p/", RECURSE))
                self.assertEqual((rows[b"shared/p/sub/c"], rows[b"shared/p/sub/d/e"]), (b"c", b"e"))
                self.http.on("/p/", http(mapping))
                self.check_rows("a=1", client=client)
                self.check_rows("a=1 sub/c=2 sub/d/e=3 /x=4", RECURSE, client=client)

    def test_no_values(self):
        self.start()
        for body in ('["a", "b"]', '{"a": "1", "b": {"c": 1}}'):
            self.http.on("/p/", http(body))
            for version in VERSIONS:
                for flags in (NO_VALUES, NO_VALUES | RECURSE):
                    with self.subTest(version=version, body=body, flags=flags):
                        self.http.forget()
                        self.check_rows("a= b=", flags, client=self.dict(version))
                        self.assertEqual(self.seen(self.http), [("GET", "/p/")])

    def test_exact_key(self):
        """The path is a key, and the row is its value."""
        self.start()
        self.http.on("/p/a", http('"1"'))
        self.http.on("/p/gone", http(status=404))
        self.http.on("/p/bad", http(status=500))
        self.http.on("/q/bob%40example.com", http('"2"'))
        for version in VERSIONS:
            client = self.dict(version)
            for flags in (EXACT, EXACT | RECURSE):
                with self.subTest(version=version, flags=flags):
                    self.http.forget()
                    self.assertEqual(client.rows("shared/p/a", flags), [(b"shared/p/a", b"1")])
                    self.assertEqual(self.seen(self.http), [("GET", "/p/a")])
                    self.assertEqual(client.rows("shared/p/gone", flags), [])
                    self.check_failure(client.wait(client.iterate("shared/p/bad", flags)))
                    self.assertEqual(client.rows("priv/q", flags), [(b"priv/q", b"2")])
            with self.subTest("without the value", version=version):
                self.assertEqual(client.rows("shared/p/a", EXACT | NO_VALUES), [(b"shared/p/a", b"")])
                self.assertEqual(client.rows("shared/p/gone", EXACT | NO_VALUES), [])

    def test_max_rows(self):
        self.start()
        self.http.default = echo
        everything = {name: name for name in "abcdefgh"}
        for body in (json.dumps(list(everything)), json.dumps(everything)):
            self.http.on("/p/", http(body))
            for version in VERSIONS[1:]:
                for flags in (0, NO_VALUES):
                    for limit, expected in ((0, 8), (1, 1), (3, 3), (8, 8), (9, 8), (4294967295, 8)):
                        with self.subTest(version=version, body=body[0], flags=flags, limit=limit):
                            rows = self.dict(version).rows("shared/p/", flags, limit)
                            self.assertEqual(len(rows), expected)
                            for key, value in rows:
                                self.assertEqual(value, b"" if flags else key[-1:])

    def test_max_rows_counts_rows_not_names(self):
        self.start()
        self.http.on("/p/", http('["", "gone", "x/y", "a", "b", "c"]'))
        self.values(a="a", b="b", c="c")
        self.assertEqual(len(self.dovecot.rows("shared/p/", 0, 2)), 2)

    def test_several_paths(self):
        """Only major 2 has them."""
        self.start()
        self.http.on("/p/", http('{"a": "1"}'))
        self.http.on("/q/", http('["b"]'))
        self.http.on("/q/b", http('"2"'))
        self.http.on("/r/", http(status=404))
        self.http.on("/s/", http(status=500))
        for version in VERSIONS[:3]:
            with self.subTest(version=version):
                client = self.dict(version)
                self.assertEqual(client.rows(["shared/p/", "shared/r/", "shared/q/"]),
                                 [(b"shared/p/a", b"1"), (b"shared/q/b", b"2")])
                self.check_failure(client.wait(client.iterate(["shared/p/", "shared/s/", "shared/q/"])))
                self.check_failure(client.wait(client.iterate(["shared/p/", "other/q/"])), None)
                self.assertEqual(client.rows(["shared/p/"]), [(b"shared/p/a", b"1")])

    def test_private_paths(self):
        """The user is appended to the keys whose values are fetched, not to the path."""
        self.start()
        self.http.on("/l/", http('["a", "s/b"]'))
        self.http.on("/l/a/bob%40example.com", http('"1"'))
        self.http.on("/l/s/b/bob%40example.com", http('"2"'))
        for version in VERSIONS:
            with self.subTest(version=version):
                self.http.forget()
                client = self.dict(version)
                self.assertEqual(client.rows("priv/l/", RECURSE), [(b"priv/l/a", b"1"), (b"priv/l/s/b", b"2")])
                self.assertEqual([request.header("Podop-User") for request in self.http.requests],
                                 [["bob@example.com"]] * 3)
                self.http.forget()
                self.assertEqual(client.rows("priv/l/", NO_VALUES), [(b"priv/l/a", b"")])
                self.assertEqual(self.seen(self.http), [("GET", "/l/")])
                self.http.forget()
                self.http.on("/l/", http('{"a": "x"}'), http('["a", "s/b"]'))
                self.assertEqual(client.rows("priv/l/"), [(b"priv/l/a", b"x")])
                self.assertEqual(self.seen(self.http), [("GET", "/l/")])
                client.rows("priv/l/", NO_VALUES)
        self.http.forget()
        self.dovecot.rows("shared/l/", NO_VALUES)
        self.assertEqual(self.http.requests[0].header("Podop-User"), [])

    def test_rest_of_the_headers(self):
        self.start()
        self.http.on("/p/", http('["a"]'))
        self.values(a="1")
        self.check_rows("a=1")
        for request in self.http.requests:
            self.assertEqual(request.header("Podop-Table"), ["t"])
            self.assertEqual(request.header("Accept"), ["application/json"])


if __name__ == "__main__":
    harness.main()
