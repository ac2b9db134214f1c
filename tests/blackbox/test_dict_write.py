"""Dovecot's writes: bodies, statuses, transactions, what O N F W promise, values that travel, caches, options."""

import json
import os
import signal

import harness
from dict import VERSIONS, DictCase, hello
from harness import CLOSE, RESET, http, percent, url_table
from store import Store

MAX_LINE = 1 << 20


class Write(DictCase):
    def setUp(self):
        super().setUp()
        self.store = Store()
        self.http = self.backend(default=self.store)

    def start(self, version=(4, 0), listen=None, **settings):
        podop = self.serve(url_table(self.http, **settings), listen=listen)
        self.dovecot = self.dict(version)
        return podop

    def writes(self):
        """What was written so far: method, target, body."""
        return [(request.method, request.target.decode(), request.body) for request in list(self.http.requests)
                if request.method != "GET"]

    def pass_through(self):
        """Whatever podop has read before this, it has had its chance to do."""
        witness = self.dict()
        for _ in range(20):
            witness.get("shared/pass-through")
        witness.close()

    def set_all(self, cases):
        """Sets a key for each (value, expected body)."""
        for number, (value, body) in enumerate(cases):
            with self.subTest(value=harness.shown(harness.to_bytes(value))):
                self.http.forget()
                self.check_payload(self.dovecot.change(("set", f"shared/k{number}", value)), "O")
                if body is None:  # a JSON string, however it is escaped
                    (method, target, sent), = self.writes()
                    self.assertEqual((method, target), ("POST", f"/k{number}"))
                    self.assertEqual(json.loads(sent.decode()), value)
                else:
                    self.assertEqual(self.writes(), [("POST", f"/k{number}", harness.to_bytes(body))])


class Requests(Write):
    """What travels to the backend."""

    def test_set_unset_increment(self):
        for number, version in enumerate(VERSIONS):
            with self.subTest(version=version):
                self.socket = self.path(f"s{number}")
                self.start(version)
                self.http.forget()
                self.store.values.clear()
                client = self.dovecot
                self.check_payload(client.change(("set", "shared/k", "text")), "O")
                self.check_payload(client.change(("set", "priv/q", "40")), "O")
                self.check_payload(client.change(("increment", "priv/q", 2)), "O")
                self.check_payload(client.change(("unset", "shared/k")), "O")
                self.check_payload(client.get("priv/q"), "O42")
                self.check_payload(client.get("shared/k"), "N")
                self.assertEqual([(method, target) for method, target, _ in self.writes()],
                                 [("POST", "/k"), ("POST", "/q/bob%40example.com"), ("PATCH", "/q/bob%40example.com"),
                                  ("DELETE", "/k")])
                self.assertEqual([body for _, _, body in self.writes()][:2], [b'"text"', b"40"])
                self.assertEqual(self.writes()[3][2], b"")

    def test_headers(self):
        self.start()
        self.store.values[b"/i/bob%40example.com"] = b"1"
        self.dovecot.change(("set", "priv/k", "x"), ("increment", "priv/i", 1), ("unset", "priv/k"),
                            ("set", "shared/k", "x"))
        self.assertEqual([request.method for request in self.http.requests], ["POST", "PATCH", "DELETE", "POST"])
        for number, request in enumerate(self.http.requests):
            with self.subTest(method=request.method, number=number):
                self.assertEqual(request.header("Podop-Table"), ["t"])
                self.assertEqual(request.header("Podop-User"), ["bob@example.com"] if number < 3 else [])
                self.assertEqual(request.header("Accept"), ["application/json"])
                self.assertRegex(request.header("User-Agent")[0], r"^podop/")
                if request.method == "POST":
                    self.assertEqual(request.header("Content-Type"), ["application/json"])
                if request.method != "DELETE":
                    self.assertEqual(request.header("Content-Length"), [str(len(request.body))])
                self.assertEqual(request.header("Expect"), [])
                self.assertEqual(request.header("Podop-Expire"), [])
                self.assertEqual(request.header("Podop-Timestamp"), [])

    def test_value_auto(self):
        as_it_is = ["12345", "0", "-1", "1.10", "1e3", "12345678901234567890123", "true", "false", "null", '"x"', '""',
                    " 1", '{ "a" : 1.10 }', "[1, 2]", "[ ]\n", r'"a\u0000b"', r'"\u00f6"', '"ö"', '{"a":1,"a":2}',
                    "\t5\r\n"]
        strings = ["", " ", "hello", "01", "+1", "1.", ".5", "NaN", "Infinity", "TRUE", "nul", "'x'", '"x', 'x"',
                   '"x" y',
                   "1 2", "[1,]", "{a:1}", r'"\ud800"', r'"\x41"', '"a\nb"', "0x10", "a,b", "\ufeff1", "jörg", "😀",
                   "// c\n1", "[" * 1000]
        self.start()
        self.set_all([(value, value) for value in as_it_is])
        self.set_all([(value, None) for value in strings])

    def test_value_string(self):
        values = ["12345", "true", "null", '"x"', "{}", "[1]", "", "hello", " 1 ", '"', "\\", "\\u0041", "a/b", "jörg"]
        self.start(value="string")
        self.set_all([(value, None) for value in values])

    def test_increments(self):
        self.start()
        for number in (1, -580, 0, 12345678901, -(2 ** 63), 2 ** 63 - 1):
            with self.subTest(number=number):
                self.http.forget()
                self.http.on("/k", http(status=204))
                self.check_payload(self.dovecot.change(("increment", "shared/k", number)), "O")
                (method, target, body), = self.writes()
                self.assertEqual((method, target, json.loads(body)), ("PATCH", "/k", {"inc": number}))
                self.assertIn(str(number).encode(), body)

    def test_increments_that_are_none(self):
        """Closed or refused, but nothing is written and nothing reported as done."""
        self.start()
        self.http.on("/k", http(status=204))
        for number in ("", "x", "1.5", "1e3", "--1", "9223372036854775808", "-9223372036854775809",
                       "99999999999999999999",
                       " 1", "1x"):
            with self.subTest(number=number):
                client = self.dict()
                client.begin(1)
                client.send(f"A1\tshared/k\t{number}\nC1\n".encode())
                request = client.expect("C", 1)
                while request.answer is None and client.read():
                    pass
                self.assertIn((request.answer or b"F")[:1], b"F")
        self.assertEqual(self.writes(), [])

    def test_keys(self):
        self.start()
        self.http.default = lambda request: http(status=204)
        client = self.dovecot
        keys = ["a b%20/cé\td\ne", "a//b", "x\\y\\|z", b"\xff\xfe", 'q"\'', "§", b"a\0b", "k?x=1#y", "a+b"]
        for key in keys:
            with self.subTest(key=key):
                self.http.forget()
                key = harness.to_bytes(key)
                self.check_payload(client.change(("set", b"shared/" + key, "v"), ("unset", b"shared/" + key),
                                                 ("increment", b"shared/" + key, 1)), "O")
                self.assertEqual([request.target.decode() for request in self.http.requests],
                                 ["/" + percent(key, b"/")] * 3)

    def test_user_in_the_template(self):
        self.serve(url_table(self.http, template="/{user}/§"))
        self.check_payload(self.dict().change(("set", "priv/k", "1"), ("set", "priv/l", "2")), "O")
        self.assertEqual([target for _, target, _ in self.writes()], ["/bob%40example.com/k", "/bob%40example.com/l"])

    def test_expire(self):
        self.start()
        client = self.dovecot
        for expire, expected in ((3600, ["3600"]), (1, ["1"]), (0, []), (4294967295, ["4294967295"])):
            with self.subTest(expire=expire):
                self.http.forget()
                self.check_payload(client.change(("set", "priv/k", "1"), ("unset", "priv/k"), expire=expire), "O")
                self.assertEqual([request.header("Podop-Expire") for request in self.http.requests], [expected] * 2)
        for version in ((2, 2), (3, 2)):
            with self.subTest("only major 4 has it", version=version):
                self.http.forget()
                client = self.dict(version)
                client.send(b"B1\tbob\t3600\n")
                client.set(1, "shared/k", "1")
                self.check_payload(client.wait(client.commit(1)), "O")
                self.assertEqual(self.http.requests[0].header("Podop-Expire"), [])

    def test_timestamp(self):
        self.start()
        for version in VERSIONS[2:]:
            client = self.dict(version)
            for seconds, nanoseconds, expected in ((1700000000, 123456789, "1700000000.123456789"),
                                                   (1700000000, 1, "1700000000.000000001"),
                                                   (1, 0, "1.000000000")):
                with self.subTest(version=version, seconds=seconds, nanoseconds=nanoseconds):
                    self.http.forget()
                    number = client.begin()
                    client.send(b"T%d\t%d\t%d\n" % (number, seconds, nanoseconds))
                    client.set(number, "shared/k", "1")
                    client.unset(number, "shared/k")
                    self.check_payload(client.wait(client.commit(number)), "O")
                    self.assertEqual([request.header("Podop-Timestamp") for request in self.http.requests],
                                     [[expected]] * 2)
            self.http.forget()
            self.check_payload(client.change(("set", "shared/k", "1")), "O")
            self.assertEqual(self.http.requests[0].header("Podop-Timestamp"), [])

    def test_hide_values_is_ignored(self):
        self.start()
        for version in VERSIONS:
            for flag in (b"1", b"yes", b"no", b""):
                with self.subTest(version=version, flag=flag):
                    client = self.dict(version)
                    number = client.begin()
                    client.send(b"V%d\t%s\n" % (number, flag))
                    client.set(number, "shared/k", "1")
                    self.check_payload(client.wait(client.commit(number)), "O")

    def test_long_value(self):
        self.start(value="string")
        for text in ("x" * (MAX_LINE - 40), "\n\t" * 200_000, "ö" * 400_000):
            with self.subTest(text=text[:40]):
                self.check_payload(self.dovecot.change(("set", "shared/k", text)), "O")
                self.assertEqual(json.loads(self.http.requests[-1].body), text)

    def test_json_of_any_depth_does_no_harm(self):
        self.start()
        for value in ("[" * 100_000 + "]" * 100_000, '{"a":' * 50_000 + "1" + "}" * 50_000, "[" * 500_000):
            with self.subTest(value=value[:40]):
                self.http.forget()
                self.check_payload(self.dovecot.change(("set", "shared/k", value)), "O")
                body, = [request.body for request in self.http.requests]
                self.assertIn(body, (value.encode(), json.dumps(value).encode()))

    def test_over_a_unix_socket(self):
        path = self.path("http")
        backend = self.backend(unix_path=path, default=Store())
        self.serve(url_table(backend, unix_socket=path))
        client = self.dict()
        self.check_payload(client.change(("set", "shared/k", "x")), "O")
        self.check_payload(client.get("shared/k"), "Ox")

    def test_many_changes(self):
        self.start()
        changes = [("set", f"shared/k{number}", str(number)) for number in range(200)]
        self.check_payload(self.dovecot.change(*changes), "O")
        self.assertEqual(self.writes(), [("POST", f"/k{number}", b"%d" % number) for number in range(200)])


class RoundTrip(Write):
    """Texts come back as they went in."""

    TEXTS = ["", " ", "a", "line1\r\nline2\n\ttab é€\x01x", "\r", "\n", "\t", "\x01", "\x01t", "\x011", "x\r",
             "\r\n",
             "va l\tue\nx\x01y\r", "\x7f", "😀\uffff", '"quoted', "back\\slash", "\\n", "/", "<&>", "  padded  ",
             "O", "N",
             "".join(chr(code) for code in range(1, 0x250)), "x" * 70_000, "\x01" * 1000]
    JSON_LIKE = ["12345", "1.10", "true", "null", '"x"', "{}", "[1, 2]", " 1 ", '""', r'"a\u0000b"', "1e400"]

    def check_texts(self, texts):
        for version in VERSIONS:
            client = self.dict(version)
            for text in texts:
                with self.subTest(version=version, text=text[:40]):
                    self.check_payload(client.change(("set", "priv/k", text), ("set", "shared/k", text)), "O")
                    self.check_payload(client.get("priv/k"), "O" + text)
                    self.check_payload(client.get("shared/k"), "O" + text)

    def test_auto(self):
        self.start()
        self.check_texts(self.TEXTS)
        self.check_texts(["12345", "1.10", "true", "-0", "12345678901234567890123"])

    def test_string(self):
        self.start(value="string")
        self.check_texts(self.TEXTS + self.JSON_LIKE)

    def test_rows(self):
        self.start(value="string")
        client = self.dovecot
        changes = [("set", f"shared/p/k{number}", text) for number, text in enumerate(self.TEXTS)]
        self.check_payload(client.change(*changes), "O")
        self.assertEqual(dict_of(client.rows("shared/p/")), {key: value for _, key, value in changes})

    def test_refused_values(self):
        """Nothing of a transaction with such a value is written, not even what came before it."""
        bad = {b"\0": "NUL", b"a\0b": "NUL", b"a\0": "NUL", b"\xff": "UTF-8", b"a\x80b": "UTF-8", b"\xc3": "UTF-8",
               b"\xc0\xaf": "UTF-8", b"\xed\xa0\x80": "UTF-8", b"\xf4\x90\x80\x80": "UTF-8", b"j\xf6rg": "UTF-8",
               b'"\xff"': "UTF-8", b'{"a":"\xff"}': "UTF-8", b'"a\0"': "NUL"}
        for mode in ("auto", "string"):
            self.socket = self.path(mode)
            self.start(value=mode)
            for version in VERSIONS:
                client = self.dict(version)
                for value, word in bad.items():
                    with self.subTest(mode=mode, version=version, value=value):
                        answer = client.change(("set", "shared/a", "good"), ("unset", "shared/b"),
                                               ("set", "shared/k", value), ("set", "shared/c", "good"))
                        self.check_failure(answer)
                        self.assertIn(word.encode(), answer)
                        self.assertEqual(self.http.requests, [])


def dict_of(rows):
    return {key.decode(): value.decode() for key, value in rows}


BY_A_PROXY = (502, 503, 504)  # which does not know whether the backend made the write


class Outcomes(Write):
    """O, N, F and W tell the truth."""

    def keep_trust(self):
        """A good answer, so that the failures to come are not five in a row: the backend would be left alone."""
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
                               (403, "F"), (405, "F"), (409, "F"), (410, "F"), (429, "F"), (500, "F"), (502, "W"), (503, "W"), (504, "W"),
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
        self.start(timeout="200ms")
        for number, (answer, expected) in enumerate(((http(status=204), "O"), (http(status=404), "N"),
                                                     (http(status=500), "F"), ((CLOSE,), "W"),
                                                     ((self.http.gate(),), "W"))):
            self.http.on(f"/k{number}", answer)
            for version in VERSIONS:
                with self.subTest(version=version, expected=expected):
                    self.keep_trust()
                    self.check_dict(self.dict(version).change(("increment", f"shared/k{number}", 1)), expected)

    def test_refused(self):
        deaf = self.enterContext(harness.refusing_port())
        self.serve({"name": "t", "type": "url", "param": f"http://127.0.0.1:{deaf}/§"},
                   {"name": "unknown", "type": "url", "param": f"http://{'x' * 64}.invalid/§"})
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
        """The request was read and no answer came: it may have been done, and is never repeated."""
        self.start(retries=3)
        for change in (("set", "shared/k", "1"), ("unset", "shared/k"), ("increment", "shared/k", 1)):
            for name, steps in self.BROKEN.items():
                with self.subTest(name, change=change):
                    self.assertEqual(self.outcome(change, steps, expected="W"), 1)
        self.check_payload(self.dovecot.change(("set", "shared/ok", "1")), "O")

    def test_unknown_outcome_on_a_kept_connection(self):
        """What a lookup may repeat silently, a write may not."""
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
        """Nothing of the write arrived there: it may be done on another connection, but at most once."""
        self.start()
        for number in range(20):
            self.http.on("/k", (http('"x"'), CLOSE))
            self.check_payload(self.dovecot.get("shared/k"), "Ox")
            self.http.forget()
            answer = self.dovecot.change(("set", f"shared/w{number}", "1"))
            self.assertIn(answer[:1], b"OFW")
            self.assertEqual(self.http.count(f"/w{number}"), 1 if answer == b"O" else 0)

    def test_timeout(self):
        self.start(timeout="200ms", retries=3)
        for change in (("set", "shared/k", "1"), ("unset", "shared/k"), ("increment", "shared/k", 1)):
            with self.subTest(change=change):
                self.assertEqual(self.outcome(change, (self.http.gate(),), expected="W"), 1)
        self.check_payload(self.dovecot.change(("set", "shared/ok", "1")), "O")

    def test_timeout_before_it_was_sent(self):
        """In the queue for a connection, or in the handshake: certainly not written."""
        full = self.enterContext(harness.full_port())
        self.serve(url_table(self.http, "first", timeout="1h"), url_table(self.http, timeout="200ms"),
                   {"name": "full", "type": "url", "param": f"http://127.0.0.1:{full}/§", "timeout": "1h",
                    "connect_timeout": "200ms"}, pool={"max_connections": 1})
        self.check_failure(self.dict(name="full").change(("set", "shared/k", "1")), "full")
        gate = self.http.gate()
        self.http.on("/first", (gate, http('"first"')))
        first = self.dict(name="first")
        lookup = first.lookup("shared/first")
        self.http.wait_target("/first")
        self.check_failure(self.dict().change(("set", "shared/second", "1")))
        gate.set()
        self.check_payload(first.wait(lookup), "Ofirst")
        self.check_payload(self.dict().get("shared/second"), "N")
        self.assertEqual(self.writes(), [])

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


class Transactions(Write):
    def test_changes_in_their_order_one_after_the_other(self):
        self.start()
        gates = [self.http.gate() for _ in range(4)]
        for gate, method, key in zip(gates, ("POST", "DELETE", "PATCH", "POST"), "abcd"):
            self.http.on("/" + key, (gate, http(status=204)))
        commit = self.dovecot.write(("set", "shared/a", "1"), ("unset", "shared/b"), ("increment", "shared/c", 1),
                                    ("set", "shared/d", "2"))
        for done, gate in enumerate(gates):
            self.http.wait_target("/" + "abcd"[done])
            self.pass_through()
            self.assertEqual(len(self.writes()), done + 1, "changes sent before the ones before them were done")
            gate.set()
        self.check_payload(self.dovecot.wait(commit), "O")
        self.assertEqual([(method, target) for method, target, _ in self.writes()],
                         [("POST", "/a"), ("DELETE", "/b"), ("PATCH", "/c"), ("POST", "/d")])

    def test_same_key_several_times(self):
        """Unset before set, as quota does; folding the two is allowed, the result is not in question."""
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                self.check_payload(client.change(("unset", "priv/s"), ("unset", "priv/m"), ("set", "priv/s", "464"),
                                                 ("set", "priv/m", "4")), "O")
                self.check_payload(client.change(("increment", "priv/s", 100), ("increment", "priv/s", -64)), "O")
                self.check_payload(client.get("priv/s"), "O500")
                self.check_payload(client.change(("set", "priv/s", "1"), ("unset", "priv/s")), "O")
                self.check_payload(client.get("priv/s"), "N")
                self.check_payload(client.change(("set", "priv/s", "1"), ("increment", "priv/s", 1),
                                                 ("set", "priv/m", "7")), "O")
                self.check_payload(client.get("priv/s"), "O2")
                self.check_payload(client.get("priv/m"), "O7")

    def test_first_failure_ends_it(self):
        self.start(timeout="300ms")
        for answer, expected in ((http(b"", 500), "F"), (http(b"", 404), "F"), (http(b"", 403), "F"), ((CLOSE,), "W"),
                                 ((self.http.gate(),), "W")):
            with self.subTest(answer=answer, expected=expected):
                self.http.forget()
                self.http.on("/b", answer)
                self.check_dict(self.dovecot.change(("set", "shared/a", "1"), ("set", "shared/b", "1"),
                                                    ("set", "shared/c", "1"), ("unset", "shared/d")), expected)
                self.pass_through()
                self.assertEqual([target for _, target, _ in self.writes()], ["/a", "/b"])

    def test_increment_of_a_missing_key_among_others(self):
        self.start()
        self.store.values[b"/i"] = b"1"
        for changes in ((("increment", "shared/none", 1),),
                        (("increment", "shared/none", 1), ("increment", "shared/none", 1)),
                        (("increment", "shared/i", 1), ("increment", "shared/none", 1)),
                        (("increment", "shared/none", 1), ("increment", "shared/i", 1))):
            with self.subTest(changes=changes):
                self.check_payload(self.dovecot.change(*changes), "N")
        self.assertNotIn(b"/none", self.store.values)

    def test_rollback_leaves_no_trace(self):
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                number = client.begin()
                client.set(number, "shared/k", "1")
                client.unset(number, "shared/l")
                client.increment(number, "shared/m", 1)
                client.rollback(number)
                self.check_payload(client.get("shared/k"), "N")
                self.assertEqual(self.writes(), [])
                self.check_failure(client.wait(client.commit(number)), None)

    def test_commit_of_an_unknown_id(self):
        self.start()
        for version in VERSIONS:
            client = self.dict(version)
            for number in (9, 0, 4294967295):
                with self.subTest(version=version, number=number):
                    self.check_failure(client.wait(client.commit(number)), None)
            self.check_payload(client.change(("set", "shared/k", "1")), "O")

    def test_ids(self):
        self.start()
        for version in VERSIONS:
            client = self.dict(version)
            for number in (1, 2, 77, 2147483648, 4294967295, 1):
                with self.subTest(version=version, number=number):
                    client.begin(number)
                    client.set(number, "shared/k", str(number))
                    self.check_payload(client.wait(client.commit(number)), "O")
                    self.assertEqual(self.store.values[b"/k"], b"%d" % number)

    def test_empty_transaction(self):
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                self.check_payload(self.dict(version).change(), "O")
        self.assertEqual(self.http.requests, [])

    def test_changes_without_a_begin(self):
        """Refused or closed; never done, never reported as done."""
        self.start()
        for wire in (b"S1\tshared/k\t1\nC1\n", b"U1\tshared/k\nC1\n", b"A1\tshared/k\t1\nC1\n", b"T1\t1\t1\nC1\n",
                     b"R1\nC1\n", b"Bx\tu\nSx\tshared/k\t1\nC1\n"):
            with self.subTest(wire=wire):
                client = self.dict()
                client.send(wire)
                commit = client.expect("C", 1)
                while commit.answer is None and client.read():
                    pass
                self.assertIn((commit.answer or b"F")[:1], b"F")
        self.assertEqual(self.writes(), [])

    def test_keys_that_cannot_be_written(self):
        self.start()
        client = self.dovecot
        for key in ("other/k", "k", "", "shared", "Shared/k"):
            for change in (("set", key, "1"), ("unset", key), ("increment", key, 1)):
                with self.subTest(change=change):
                    self.check_failure(client.change(change), None)
        nobody = self.dict(user="")
        for change in (("set", "priv/k", "1"), ("unset", "priv/k"), ("increment", "priv/k", 1)):
            with self.subTest("priv without a user", change=change):
                self.check_failure(nobody.change(change), None)
        for key in ("shared/../k", "shared/a/..", "shared/."):
            with self.subTest(key=key):
                self.check_failure(client.change(("set", key, "1")), None)
        self.assertEqual(self.http.requests, [])
        self.check_payload(nobody.change(("set", "shared/k", "1")), "O")

    def test_async_commit(self):
        """Clients up to 2.2.24: the answer has an A before it and may come in any order."""
        self.start((2, 0))
        client = self.dovecot
        for change, expected in ((("set", "shared/k", "1"), "O"), (("increment", "shared/k", 1), "O"),
                                 (("increment", "shared/none", 1), "N"), (("set", "other/k", "1"), "F")):
            with self.subTest(change=change):
                number = client.begin()
                getattr(client, change[0])(number, *change[1:])
                client.send(b"D%d\n" % number)
                self.check_dict(client.wait(client.expect("D", number)), expected, None)
        gate = self.http.gate()
        self.store.hold("POST", "/slow", gate)
        number = client.begin()
        client.set(number, "shared/slow", "1")
        client.send(b"D%d\n" % number)
        slow = client.expect("D", number)
        self.http.wait_target("/slow")
        lookup = client.lookup("shared/slow")
        gate.set()
        self.check_payload(client.wait(lookup), "O1")
        self.check_payload(slow.answer or client.wait(slow), "O")

    def test_disconnect_before_commit_leaves_no_trace(self):
        podop = self.start()
        self.dovecot.get("shared/k")
        self.http.forget()
        before = podop.unix_sockets()
        for version in VERSIONS:
            for tail in (b"", b"C", b"C1"):
                client = self.dict(version)
                client.begin(1)
                client.set(1, "shared/k", "1")
                client.send(tail)
                client.close()
        harness.wait_until(lambda: podop.unix_sockets() == before, "the clients' connections are closed")
        self.pass_through()
        self.assertEqual(self.writes(), [])

    def test_disconnect_after_commit_finishes_it(self):
        podop = self.start()
        self.dovecot.get("shared/k")
        self.http.forget()
        before = podop.unix_sockets()
        for number, version in enumerate(VERSIONS):
            with self.subTest("while the first change is under way", version=version):
                self.http.forget()
                gate = self.http.gate()
                self.store.hold("POST", f"/a{number}", gate)
                client = self.dict(version)
                client.write(("set", f"shared/a{number}", "1"), ("set", "shared/b", "2"), ("unset", "shared/c"))
                self.http.wait_target(f"/a{number}")
                client.close()
                self.pass_through()
                gate.set()
                self.http.wait_target("/c")
                self.assertEqual([(method, target) for method, target, _ in self.writes()],
                                 [("POST", f"/a{number}"), ("POST", "/b"), ("DELETE", "/c")])
            with self.subTest("at once", version=version):
                self.http.forget()
                client = self.dict(version)
                with client.packet():
                    client.write(("set", "shared/d", "1"), ("set", "shared/e", "2"))
                    client.write(("set", "shared/f", "3"))
                client.close()
                for key in "def":
                    self.http.wait_target("/" + key)
        harness.wait_until(lambda: podop.unix_sockets() == before, "the clients' connections are closed")

    def test_stop_finishes_what_was_committed(self):
        podop = self.start()
        gate = self.http.gate()
        self.store.hold("POST", "/a", gate)
        self.dovecot.begin(99)
        self.dovecot.set(99, "shared/never", "1")
        commit = self.dovecot.write(("set", "shared/a", "1"), ("set", "shared/b", "2"))
        self.http.wait_target("/a")
        podop.signal(signal.SIGTERM)
        harness.wait_until(lambda: not os.path.exists(self.socket), "podop stops")
        gate.set()
        self.check_payload(self.dovecot.wait(commit), "O")
        self.assertEqual(podop.wait(), 0)
        self.assertEqual(self.writes(), [("POST", "/a", b"1"), ("POST", "/b", b"2")])

    def test_cut_anywhere(self):
        self.start()
        for version in VERSIONS:
            user = b"" if version[0] == 2 else b"\tb\x01tb"
            wire = hello(version, "t", "b\tb" if version[0] == 2 else "")
            wire += b"B7%s\nS7\tpriv/k\ta\x01nb\nU7\tshared/u\nA7\tshared/i\t-1\nC7\n" % user
            for cut in range(1, len(wire)):
                with self.subTest(version=version, cut=cut):
                    self.store.values = {b"/i": b"1"}
                    self.http.forget()
                    client = self.dict(version, greet=False)
                    client.send(wire[:cut])
                    if cut % 5 == 0:  # podop has read the first part before the second comes
                        self.dict(version).get("shared/k")
                    client.send(wire[cut:])
                    self.check_payload(client.wait(client.expect("C", 7)), "O")
                    client.close()
                    self.assertEqual([entry for entry in self.writes() if entry[0] != "PATCH"],
                                     [("POST", "/k/b%09b", b'"a\\nb"'), ("DELETE", "/u", b"")])
                    self.assertEqual(self.store.values[b"/i"], b"0")

    def test_open_transactions_are_limited(self):
        """A client that begins and never ends fills no memory; it is closed or refused at some point."""
        podop = self.serve(url_table(self.http), env=harness.small_quarantine())
        client = self.dict()
        value = "x" * 100_000
        rss = podop.rss_kb()
        try:
            for number in range(2_000):  # 200 MB
                client.begin(number)
                client.set(number, "shared/k", value)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.check_payload(self.dict().get("shared/k"), "N")
        self.assertLess(podop.rss_kb(), rss + 100 * 1024, "open transactions fill podop's memory")
        self.assertEqual(self.writes(), [])



class Caches(Write):
    def test_write_drops_the_value(self):
        for change, expected in ((("set", "shared/k", "new"), "Onew"), (("unset", "shared/k"), "N"),
                                 (("increment", "shared/k", 1), "O42")):
            with self.subTest(change=change):
                self.socket = self.path(change[0])
                self.start(cache={"ttl": "1h", "negative_ttl": "1h"})
                self.store.values[b"/k"] = b"41"
                other, postfix = self.dict((2, 2)), self.client()
                for _ in range(2):
                    self.check_payload(self.dovecot.get("shared/k"), "O41")
                self.check_payload(self.dovecot.change(change), "O")
                for _ in range(2):
                    self.check_payload(other.get("shared/k"), expected)
                    self.check_payload(self.dovecot.get("shared/k"), expected)
                self.http.forget()
                postfix.ask("t", "k")
                self.assertEqual(self.http.requests, [], "the new value is cached")

    def test_write_drops_the_miss(self):
        self.start(cache={"ttl": "1h", "negative_ttl": "1h"})
        self.check_payload(self.dovecot.get("priv/k"), "N")
        self.check_payload(self.dovecot.get("priv/k"), "N")
        self.check_payload(self.dovecot.change(("set", "priv/k", "new")), "O")
        self.check_payload(self.dovecot.get("priv/k"), "Onew")

    def test_other_keys_stay(self):
        self.start(cache={"ttl": "1h"})
        self.store.values.update({b"/k": b"1", b"/k/bob": b"2", b"/l": b"3"})
        client = self.dict(user="bob")
        for key in ("shared/k", "priv/k", "shared/l"):
            client.get(key)
        self.check_payload(client.change(("set", "shared/k", "9")), "O")
        self.http.forget()
        self.check_payload(client.get("priv/k"), "O2")
        self.check_payload(client.get("shared/l"), "O3")
        self.assertEqual(self.http.requests, [])

    def test_uncertain_and_failed_writes_drop_it_too(self):
        self.start(cache={"ttl": "1h"})
        for number, (answer, letter) in enumerate((((CLOSE,), "W"), (http(b"", 500), "F"))):
            with self.subTest(letter):
                self.http.on(f"/k{number}", http('"old"'), answer, http('"new"'))
                self.check_payload(self.dovecot.get(f"shared/k{number}"), "Oold")
                self.check_failure(self.dovecot.change(("set", f"shared/k{number}", "new")), "t", letter)
                self.check_payload(self.dovecot.get(f"shared/k{number}"), "Onew")

    def test_lookup_under_way_does_not_bring_the_old_value_back(self):
        """Asked before the write, answered after it: good for whoever waits, but not for the cache."""
        self.start(cache={"ttl": "1h"})
        gate = self.http.gate()
        self.http.on("/k", (gate, http('"old"')), http(status=204), http('"new"'))
        early = self.dict()
        lookup = early.lookup("shared/k")
        self.http.wait_target("/k")
        self.check_payload(self.dovecot.change(("set", "shared/k", "new")), "O")
        with self.subTest("does not join the old request"):
            later = self.dovecot.lookup("shared/k")
            self.http.wait_target("/k", 3)
            self.check_payload(self.dovecot.wait(later), "Onew")
        gate.set()
        self.assertIn(early.wait(lookup), (b"Oold", b"Onew"))
        self.check_payload(self.dovecot.get("shared/k"), "Onew")

    def test_lookup_during_the_write_does_not_keep_the_old_value(self):
        """Asked while the write was under way: what it saw must not outlive the write."""
        self.start(cache={"ttl": "1h"})
        gate = self.http.gate()
        self.http.on("/k", (gate, http(status=204)), http('"old"'), http('"new"'))
        commit = self.dovecot.write(("set", "shared/k", "new"))
        self.http.wait_target("/k")
        self.check_payload(self.dict().get("shared/k"), "Oold")
        gate.set()
        self.check_payload(self.dovecot.wait(commit), "O")
        self.check_payload(self.dovecot.get("shared/k"), "Onew")


class CommitUrl(Write):
    """A whole transaction as one POST. Its keys are those of single requests."""

    def start(self, **settings):
        self.serve(url_table(self.http, commit_url=self.http.url + "/commit", **settings))
        self.http.on("/commit", http(status=204))
        self.dovecot = self.dict()

    def ops(self, *changes, client=None, expected="O"):
        self.http.forget()
        self.check_dict((client or self.dovecot).change(*changes), expected)
        (method, target, body), = self.writes()
        self.assertEqual((method, target), ("POST", "/commit"))
        self.assertEqual(self.http.requests[0].header("Content-Type"), ["application/json"])
        return json.loads(body)

    def test_form(self):
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                sent = self.ops(("set", "priv/a/b", "text"), ("unset", "shared/c"), ("increment", "priv/d", -5),
                                ("set", "shared/e", "42"), ("set", "shared/f", ""), client=self.dict(version))
                self.assertEqual(sent["user"], "bob@example.com")
                self.assertEqual([(op["op"], op.get("value", "none")) for op in sent["ops"]],
                                 [("set", "text"), ("unset", "none"), ("inc", -5), ("set", 42), ("set", "")])
                self.assertEqual([op["key"] for op in sent["ops"]],
                                 ["a/b/bob@example.com", "c", "d/bob@example.com", "e", "f"])

    def test_value_string(self):
        self.start(value="string")
        sent = self.ops(("set", "shared/a", "42"), ("set", "shared/b", 'x"\r\n\t\x01é'))
        self.assertEqual([op["value"] for op in sent["ops"]], ["42", 'x"\r\n\t\x01é'])

    def test_json_goes_out_as_it_came(self):
        self.start()
        self.http.forget()
        self.check_payload(self.dovecot.change(("set", "shared/a", "12345678901234567890123"),
                                               ("set", "shared/b", "1.10")), "O")
        self.assertRegex(self.http.requests[0].body, rb"12345678901234567890123\b")
        self.assertRegex(self.http.requests[0].body, rb"\b1\.10\b")

    def test_outcomes(self):
        self.start(timeout="300ms", retries=3)
        for answer, expected in ((http(b"", 200), "O"), (http(b"", 204), "O"), (http(b"", 404), "F"),
                                 (http(b"", 409), "F"), (http(b"", 500), "F"),
                                 ((CLOSE,), "W"), ((RESET,), "W"), ((self.http.gate(),), "W")):
            with self.subTest(answer=answer):
                self.http.on("/commit", answer)
                self.ops(("set", "shared/a", "1"), ("set", "shared/b", "2"), expected=expected)

    def test_headers(self):
        self.start()
        number = self.dovecot.begin(expire=60)
        self.dovecot.send(b"T%d\t1700000000\t123456789\n" % number)
        self.dovecot.set(number, "priv/k", "1")
        self.check_payload(self.dovecot.wait(self.dovecot.commit(number)), "O")
        request = self.http.requests[0]
        self.assertEqual(request.header("Podop-Expire"), ["60"])
        self.assertEqual(request.header("Podop-Timestamp"), ["1700000000.123456789"])
        self.assertEqual(request.header("Podop-Table"), ["t"])

    def test_refused_values(self):
        self.start()
        for value in (b"a\0b", b"\xff"):
            with self.subTest(value=value):
                self.check_failure(self.dovecot.change(("set", "shared/a", "1"), ("set", "shared/k", value)))
        self.check_failure(self.dovecot.change(("set", "shared/a", "1"), ("set", "other/k", "1")), None)
        self.check_failure(self.dict(user="").change(("set", "shared/a", "1"), ("set", "priv/k", "1")), None)
        self.assertEqual(self.http.requests, [])

    def test_lookup_behind_it(self):
        self.start(cache={"ttl": "1h"})
        gate = self.http.gate()
        self.http.on("/k", http('"old"'), http('"new"'))
        self.http.on("/commit", (gate, http(status=204)))
        self.check_payload(self.dovecot.get("shared/k"), "Oold")
        with self.dovecot.packet():
            commit = self.dovecot.write(("set", "shared/k", "new"))
            lookup = self.dovecot.lookup("shared/k")
        self.http.wait_target("/commit")
        self.pass_through()
        self.assertEqual(self.http.count("/k"), 1)
        gate.set()
        self.check_payload(self.dovecot.wait(commit), "O")
        self.check_payload(self.dovecot.wait(lookup), "Onew")

    def test_rollback(self):
        self.start()
        number = self.dovecot.begin()
        self.dovecot.set(number, "shared/k", "1")
        self.dovecot.rollback(number)
        self.dovecot.get("shared/k")
        self.assertEqual(self.writes(), [])


class OtherTables(DictCase):
    def test_json_tables_cannot_be_written(self):
        self.serve({"name": "t", "type": "json", "param": self.write("t.json", '{"k": "x"}')})
        for version in VERSIONS:
            client = self.dict(version)
            for change in (("set", "shared/k", "1"), ("unset", "shared/k"), ("increment", "shared/k", 1)):
                with self.subTest(version=version, change=change):
                    self.check_failure(client.change(change))
                    self.check_payload(client.get("shared/k"), "Ox")

    def test_unknown_table(self):
        self.serve({"name": "t", "type": "json", "param": self.write("t.json", '{"k": "x"}')})
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version, name="x")
                self.check_payload(client.change(("set", "shared/k", "1")), "Fno such table: x")
                self.check_payload(client.wait(client.commit(77)), "Fno such table: x")


if __name__ == "__main__":
    harness.main()
