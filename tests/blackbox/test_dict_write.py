"""Writes of Dovecot: what travels to the backend, values that come back, writes and the cache, other tables."""

import json

import harness
from dict import VERSIONS, DictCase
from harness import CLOSE, http, percent, url_table
from store import Store
from write_case import MAX_LINE, Write, dict_of


class Requests(Write):
    """What a write sends to the backend."""

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

    def test_invalid_increments(self):
        """The client is disconnected or refused; nothing is written and nothing acknowledged."""
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
        self.start(timeout="1h")
        changes = [("set", f"shared/k{number}", str(number)) for number in range(200)]
        self.check_payload(self.dovecot.change(*changes), "O")
        self.assertEqual(self.writes(), [("POST", f"/k{number}", b"%d" % number) for number in range(200)])


class RoundTrip(Write):
    """Texts come back as they were written."""

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
        """Nothing of a transaction with such a value is written, not even the changes before it."""
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
        """A lookup sent before the write and answered after it gets the old value, which must not be cached."""
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
        """A lookup sent during the write must not leave the old value in the cache."""
        self.start(cache={"ttl": "1h"})
        gate = self.http.gate()
        self.http.on("/k", (gate, http(status=204)), http('"old"'), http('"new"'))
        commit = self.dovecot.write(("set", "shared/k", "new"))
        self.http.wait_target("/k")
        self.check_payload(self.dict().get("shared/k"), "Oold")
        gate.set()
        self.check_payload(self.dovecot.wait(commit), "O")
        self.check_payload(self.dovecot.get("shared/k"), "Onew")


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
