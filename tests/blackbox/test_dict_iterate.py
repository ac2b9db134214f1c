"""Dovecot's iterations: flags, limits, arrays and objects of names, rows that fit, failures, bounded memory."""

import json
import threading

import harness
from dict import EXACT, NO_VALUES, RECURSE, VERSIONS, DictCase
from harness import CLOSE, echo, http, percent, url_table

AT_ONCE = 16  # values fetched at the same time


def names(text):
    """The rows of an iteration of shared/p/, as (key, value) in bytes, from `name=value` words."""
    return sorted((b"shared/p/" + name.encode(), value.encode())
                  for name, value in (word.split("=", 1) for word in text.split()))


class Iterate(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend()

    def start(self, **settings):
        podop = self.serve(url_table(self.http, **settings))
        self.dovecot = self.dict()
        return podop

    def values(self, **texts):
        """Scripts the values of names below /p/."""
        for name, text in texts.items():
            self.http.on(f"/p/{name}", http(json.dumps(text)))

    def check_rows(self, expected, *arguments, client=None, path="shared/p/", **options):
        self.assertEqual((client or self.dovecot).rows(path, *arguments, **options), names(expected))

    def check_fails(self, *arguments, client=None, path="shared/p/"):
        """F is the last line of the iteration, and nothing comes behind it."""
        client = client or self.dovecot
        request = client.iterate(path, *arguments)
        self.check_failure(client.wait(request))
        self.http.on("/after", http('"x"'))
        self.check_payload(client.get("shared/after"), "Ox")
        return request


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
                       http(" [ ] ")):
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
        self.serve({"name": "t", "type": "url", "param": f"http://127.0.0.1:{deaf}/§"})
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
        """It is neither what stands before the NUL nor two paths, and no row below it could travel."""
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                self.check_failure(client.wait(client.iterate("shared/p/\0shared/q/")), None)
                self.assertEqual(self.http.requests, [])

    def test_bad_flags(self):
        """Closed or failed, but no rows of anything and no N."""
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
        """Sorting is not asked for by anybody, and rows come in any order; async is how the client waits."""
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
        """Neither can travel: a name is left out or fails, a value fails."""
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
        """The path is a key, its row the answer."""
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
        """Only major 2 has it."""
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
        """The user is not appended to the path, but to the keys whose values are fetched."""
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


def dict_of(rows):
    return {key: value for key, value in rows}


class Values(Iterate):
    """The values of an array's names."""

    def test_names_that_vanished_are_left_out(self):
        self.start()
        self.http.on("/p/", http('["a", "b", "c", "d", "..", "."]'))
        self.values(a="1")
        self.http.on("/p/b", http(status=404))
        self.http.on("/p/c", http(status=204))
        self.http.on("/p/d", http("null"))
        for version in VERSIONS:
            with self.subTest(version=version):
                self.check_rows("a=1", client=self.dict(version))
        self.assertLessEqual({target for _, target in self.seen(self.http)}, {"/p/", "/p/a", "/p/b", "/p/c", "/p/d"})

    def test_failure_in_the_middle(self):
        """Rows may have gone before it; F is the last line, never N, never the finish."""
        self.start(retries=0)
        self.http.default = echo
        self.http.on("/p/", http(json.dumps([f"n{number}" for number in range(100)])))
        for answer in (http(status=500), http("no json"), http(status=429), (CLOSE,)):
            for name in ("n0", "n50", "n99"):
                for version in VERSIONS:
                    with self.subTest(answer=answer, name=name, version=version):
                        self.http.on("/p/" + name, answer)
                        request = self.check_fails(client=self.dict(version))
                        self.assertNotIn(b"shared/p/" + name.encode(), [key for key, _ in request.rows])
                        self.http.on("/p/" + name, http('"x"'))

    def test_slow_value_fails_in_time(self):
        self.start(timeout="300ms")
        self.http.default = echo
        self.http.on("/p/", http('["a", "b", "c"]'))
        self.http.on("/p/b", (self.http.gate(),))
        for version in VERSIONS:
            with self.subTest(version=version):
                self.check_fails(client=self.dict(version))

    def test_sixteen_at_once(self):
        self.start(timeout="1h")
        gate = self.http.gate()
        flying, most, news = 0, 0, threading.Lock()

        def value(request):
            nonlocal flying, most
            with news:
                flying += 1
                most = max(most, flying)

            def landed():
                nonlocal flying
                with news:
                    flying -= 1
            return gate, landed, echo(request)

        self.http.default = value
        self.http.on("/p/", http(json.dumps([f"n{number}" for number in range(100)])))
        self.http.on("/other", http('"x"'))
        request = self.dovecot.iterate("shared/p/")
        self.http.wait_requests(1 + AT_ONCE)
        witness = self.dict()
        for _ in range(20):
            self.check_payload(witness.get("shared/other"), "Ox")
        self.assertEqual(most, AT_ONCE, "values fetched at the same time")
        gate.set()
        self.check_payload(self.dovecot.wait(request), "")
        self.assertEqual(sorted(request.rows),
                         sorted((b"shared/p/n%d" % number, b"n%d" % number) for number in range(100)))
        self.assertLessEqual(most, AT_ONCE)
        self.assertEqual(len({row for row in request.rows}), 100)

    def test_rows_leave_before_all_values_are_there(self):
        self.start(timeout="1h")
        gate = self.http.gate()
        self.http.default = echo
        count = 200
        self.http.on("/p/", http(json.dumps([f"n{number}" for number in range(count)])))
        self.http.on(f"/p/n{count - 1}", (gate, http('"last"')))
        request = self.dovecot.iterate("shared/p/")
        while len(request.rows) < count // 2:
            self.assertTrue(self.dovecot.read())
        self.assertIsNone(request.answer)
        gate.set()
        self.check_payload(self.dovecot.wait(request), "")
        self.assertEqual(len(request.rows), count)

    def test_several_at_once(self):
        self.start()
        self.http.default = echo
        for number in range(20):
            self.http.on(f"/p{number}/", http(json.dumps([f"{number}.{name}" for name in range(30)])))
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                with client.packet():
                    requests = [client.iterate(f"shared/p{number}/", NO_VALUES if number % 3 == 2 else 0)
                                for number in range(20)]
                    lookups = [client.lookup(f"shared/k{number}") for number in range(20)]
                for number, request in enumerate(requests):
                    self.check_payload(client.wait(request), "")
                    self.assertEqual({key for key, _ in request.rows},
                                     {b"shared/p%d/%d.%d" % (number, number, name) for name in range(30)})
                    self.assertEqual(len(request.rows), 30)
                for number, lookup in enumerate(lookups):
                    self.check_payload(lookup.answer or client.wait(lookup), f"Ok{number}")

    def test_client_that_leaves(self):
        podop = self.start(timeout="1h")
        self.http.on("/other", http('"x"'))
        self.check_payload(self.dovecot.get("shared/other"), "Ox")
        self.http.forget()
        before = podop.unix_sockets()
        gate = self.http.gate()
        self.http.default = lambda request: (gate, echo(request))
        self.http.on("/p/", http(json.dumps([f"n{number}" for number in range(1000)])))
        for version in VERSIONS:
            client = self.dict(version)
            client.iterate("shared/p/")
            self.http.wait_requests(1 + AT_ONCE)
            client.close()
            harness.wait_until(lambda: podop.unix_sockets() == before, "the client's connection is closed")
            self.http.forget()
        gate.set()
        self.check_payload(self.dovecot.get("shared/other"), "Ox")
        self.assertLess(len(self.http.requests), 5 * AT_ONCE)


class Large(Iterate):
    """As many names as there may be users."""

    GROWTH = 20 * 1024  # kB

    def start(self):
        podop = self.serve(url_table(self.http, max_response="64M", timeout="1h"), env=harness.small_quarantine())
        self.dovecot = self.dict()
        return podop

    @staticmethod
    def users(count):
        return [f"user{number}@example.com" for number in range(count)]

    def peak(self, podop, action):
        """How much podop's memory grew at most while the action ran, in kB."""
        with open(f"/proc/{podop.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
        before = podop.rss_kb()
        action()
        return int(podop.status_field("VmHWM")[0]) - before

    def read_all(self, count, flags):
        """Reads rows one by one and keeps none of them but their number."""
        request = self.dovecot.iterate("shared/u/", flags)
        total = 0
        while request.answer is None:
            self.assertTrue(self.dovecot.read(), "the end of the connection")
            total += len(request.rows)
            request.rows.clear()
        self.check_payload(request.answer, "")
        self.assertEqual(total, count)

    def check_growth(self, body_of, flags):
        podop = self.start()
        growth = {}
        for count in (1_000, 10_000, 100_000):
            self.http.on("/u/", http(body_of(self.users(count))))
            growth[count] = self.peak(podop, lambda count=count: self.read_all(count, flags))
        for count in (10_000, 100_000):
            with self.subTest(count=count):
                self.assertLess(growth[count], self.GROWTH, f"podop grew with the number of names: {growth} kB")

    def test_names_only(self):
        self.check_growth(json.dumps, NO_VALUES)

    def test_object(self):
        self.check_growth(lambda users: json.dumps({user: "x" for user in users}), 0)

    def test_values_of_ten_thousand(self):
        podop = self.start()
        self.http.default = echo
        self.http.on("/u/", http(json.dumps(self.users(10_000))))
        growth = self.peak(podop, lambda: self.read_all(10_000, 0))
        self.assertLess(growth, self.GROWTH)
        self.assertEqual(len(self.http.requests), 10_001)

    def test_slow_reader(self):
        """Rows wait for the reader, not in podop's memory; others are served meanwhile."""
        podop = self.start()
        for version in ((2, 0), (4, 0)):
            with self.subTest(version=version):
                self.dovecot = self.dict(version)
                self.http.on("/u/", http(json.dumps(self.users(100_000))))
                self.http.on("/other", http('"x"'))
                witness = self.dict()

                def lazily():
                    request = self.dovecot.iterate("shared/u/", NO_VALUES)
                    total = 0
                    while request.answer is None:
                        if total % 20_000 == 0:
                            for _ in range(50):
                                self.check_payload(witness.get("shared/other"), "Ox")
                        self.assertTrue(self.dovecot.read())
                        total += 1
                    self.assertEqual(len(request.rows), 100_000)

                self.assertLess(self.peak(podop, lazily), self.GROWTH)

    def test_reader_that_stops(self):
        """No values are fetched for rows that nobody takes."""
        podop = self.start()
        value = "x" * 10_000
        self.http.default = lambda request: http('"%s"' % value)
        self.http.on("/u/", http(json.dumps(self.users(5_000))))
        self.http.on("/other", http('"x"'))
        witness = self.dict()
        request = self.dovecot.iterate("shared/u/")
        for _ in range(500):
            self.check_payload(witness.get("shared/other"), "Ox")
        asked = sum(target.startswith("/u/user") for _, target in self.seen(self.http))
        self.assertLess(asked, 500, "values were fetched for a client that does not read")
        self.check_payload(self.dovecot.wait(request), "")
        self.assertEqual(len(request.rows), 5_000)
        self.assertTrue(podop.is_running)

    def test_over_max_response(self):
        """One entry has that limit; a list of many has none, for it is never in memory as a whole."""
        self.serve(url_table(self.http))
        self.dovecot = self.dict()
        self.http.on("/p/", http(json.dumps(["x" * 1_100_000])))
        for version in VERSIONS:
            with self.subTest(version=version):
                self.check_fails(client=self.dict(version))
        self.http.on("/p/", http(json.dumps(["x" * 100] * 20_000)))
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                request = client.iterate("shared/p/", NO_VALUES)
                self.check_payload(client.wait(request), "")
                self.assertEqual(len(request.rows), 20_000)

    def test_many_rows_at_once_for_many_clients(self):
        self.start()
        self.http.on("/u/", http(json.dumps(self.users(2_000))))
        clients = [self.dict(VERSIONS[number % len(VERSIONS)]) for number in range(40)]
        requests = [client.iterate("shared/u/", NO_VALUES) for client in clients]
        for client, request in zip(clients, requests):
            self.check_payload(client.wait(request), "")
            self.assertEqual(len(request.rows), 2_000)


class JsonTables(DictCase):
    CONTENT = {"p/a": "1", "p/b": ["x", "y"], "p/s/c": {"n": 1}, "p": "no", "p/": "no", "pq/x": "no", "p/null": None,
               "z": "1", "l/a/bob@example.com": "for bob", "l/a/al@example.com": "for al"}

    def setUp(self):
        super().setUp()
        self.serve({"name": "t", "type": "json", "param": self.write("t.json", json.dumps(self.CONTENT))})

    def test_paths(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                self.assertEqual(client.rows("shared/p/"), names('a=1 b=["x","y"]'))
                self.assertEqual(client.rows("shared/p/", RECURSE), names('a=1 b=["x","y"] s/c={"n":1}'))
                self.assertLessEqual(set(names("a= b=")), set(client.rows("shared/p/", NO_VALUES)))
                self.assertEqual(client.rows("shared/p/s/"), [(b"shared/p/s/c", b'{"n":1}')])
                self.assertEqual(client.rows("shared/none/"), [])
                self.assertEqual(client.rows("shared/p/a", EXACT), [(b"shared/p/a", b"1")])
                self.assertEqual(client.rows("shared/none", EXACT), [])
                self.check_failure(client.wait(client.iterate("other/")), None)
                if version > (2, 0):
                    self.assertEqual(len(client.rows("shared/p/", RECURSE, 2)), 2)

    def test_everything(self):
        self.assertEqual({key for key, _ in self.dict().rows("shared/", RECURSE)},
                         {b"shared/" + key.encode() for key, value in self.CONTENT.items() if value is not None})
        self.assertEqual({key for key, _ in self.dict().rows("shared/")}, {b"shared/p", b"shared/z"})

    def test_private_paths_end_or_fail(self):
        """What belongs to a user ends in his name: whatever podop makes of it, nobody sees another's."""
        client = self.dict()
        request = client.iterate("priv/l/", RECURSE)
        client.wait(request)
        self.assertNotIn(b"for al", [value for _, value in request.rows])

    def test_large(self):
        content = {f"u/user{number}": str(number) for number in range(30_000)}
        self.serve({"name": "t", "type": "json", "param": self.write("large.json", json.dumps(content))},
                   listen=[{"socket": self.path("large")}])
        client = self.dict(address=self.path("large"))
        self.assertEqual(client.rows("shared/u/"), sorted((b"shared/" + key.encode(), value.encode())
                                                          for key, value in content.items()))


if __name__ == "__main__":
    harness.main()
