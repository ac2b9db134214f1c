"""json tables: a file with one object, its keys looked up as they are."""

import json

import harness
from harness import Case, conf_file, url_table

CONFIG = 78


class JsonTable(Case):
    def start(self, content, **listener):
        self.file = self.write("t.json", content)
        self.serve({"name": "t", "type": "json", "param": self.file}, listen=[{"socket": self.socket, **listener}])
        self.postfix = self.client()


class Lookups(JsonTable):
    def test_values(self):
        values = {
            r'"bob@example.com"': "OK bob@example.com",
            r'"j\u00f6rg \ud83d\ude00"': "OK jörg 😀",
            "42": "OK 42",
            "1.10": "OK 1.10",
            "12345678901234567890123": "OK 12345678901234567890123",
            "true": "OK true",
            "false": "NOTFOUND ",
            '[false, "a", false]': "OK a",
            '["a", "b"]': "OK a,b",
            '[null, "a"]': "OK a",
            '{ "a" : 1.10 }': 'OK {"a":1.10}',
            '[ [ "a" ], 1 ]': 'OK [["a"],1]',
            '""': "NOTFOUND ",
            "[]": "NOTFOUND ",
            '[""]': "NOTFOUND ",
            "null": "NOTFOUND ",
            r'"a\u0000b"': "PERM",
            '"%s"' % ("x" * 99_997): "OK " + "x" * 99_997,
            '"%s"' % ("x" * 99_998): "PERM",
        }
        self.start("{%s}" % ",\n".join(f'"k{number}": {value}' for number, value in enumerate(values)))
        for number, (value, expected) in enumerate(values.items()):
            with self.subTest(value=value[:60]):
                self.check_answer(self.postfix.ask("t", f"k{number}"), expected)

    def test_keys_as_they_are(self):
        keys = ["", " ", "a b  c", "a/b", "/", ".", "..", "../x", "a%20b", "§", "{}", "jörg@example.com", "😀", "a\nb",
                "a\tb",
                '"bo b"@example.com', "bob@[127.0.0.1]", "*", "\x01", "A", "a", "x" * 10_000, "back\\slash", "\uffff"]
        self.start(json.dumps({key: f"v{number}" for number, key in enumerate(keys)}))
        for number, key in enumerate(keys):
            with self.subTest(key=key[:60]):
                self.check_payload(self.postfix.ask("t", key), f"OK v{number}")

    def test_misses(self):
        self.start('{"a": "x", "b/c": "y", "d": {"e": "z"}, "ab": "w"}')
        for key in ("", "A", "b", "d/e", "/d/e", "a ", " a", "aa", "abc", b"a\0", b"a\0b", b"\xff", "x" * 60_000,
                    b"a\xff"):
            with self.subTest(key=key[:20]):
                self.check_payload(self.postfix.ask("t", key), "NOTFOUND ")

    def test_empty_object(self):
        self.start(" {\n} \n")
        self.check_payload(self.postfix.ask("t", "k"), "NOTFOUND ")

    def test_large_file(self):
        self.start(json.dumps({f"user{number}@example.com": f"box{number}" for number in range(50_000)}))
        for number in range(0, 50_000, 997):
            self.check_payload(self.postfix.ask("t", f"user{number}@example.com"), f"OK box{number}")
        self.check_payload(self.postfix.ask("t", "user50000@example.com"), "NOTFOUND ")

    def test_limit_of_the_listener(self):
        self.start('{"a": "1234567", "b": "12345678"}', max_reply=10)
        self.check_payload(self.postfix.ask("t", "a"), "OK 1234567")
        self.check_reason(self.postfix.ask("t", "b"), "PERM")

    def test_file_is_read_at_start_only(self):
        self.start('{"k": "old"}')
        self.write("t.json", '{"k": "new"}')
        self.check_payload(self.postfix.ask("t", "k"), "OK old")
        self.write("t.json", "broken")
        self.check_payload(self.postfix.ask("t", "k"), "OK old")

    def test_beside_a_url_table(self):
        backend = self.backend(default=harness.echo)
        file = self.write("j.json", '{"k": "json"}')
        self.serve(url_table(backend, "u"), {"name": "j", "type": "json", "param": file})
        client = self.client()
        client.send(harness.netstring("u k") + harness.netstring("j k") + harness.netstring("u l"))
        for expected in ("OK k", "OK json", "OK l"):
            with self.subTest(expected=expected):
                self.check_payload(client.read(), expected)


class Faults(JsonTable):
    """A broken file is an error in the configuration."""

    def check_fault(self, param, *words):
        config = self.write("podop.conf", conf_file(
            listen=[{"socket": self.socket}], tables=[{"name": "t", "type": "json", "param": param}]))
        for args in (["-t"], []):
            with self.subTest(args=args):
                done = harness.run("PODOP", "-c", config, *args)
                self.assertEqual(done.returncode, CONFIG, done.stderr)
                for word in (param, *words):
                    self.assertRegex(done.stderr, word)

    def test_broken_files(self):
        contents = {
            "": "JSON", " \n": "JSON", "{": r"\b1\b", '{\n  "a": 1': r"\b2\b", '{"a": 1}}': r"\b1\b.*\b9\b",
            '{"a": 1} {"b": 2}': r"\b1\b",
            '{\n  "a": 1,\n  "b": nul\n}\n': r"\b3\b.*\b(8|9|10|11)\b",
            '{\n  "a": 1,\n}\n': r"\b3\b",
            '{\n\n\n  "a": 01\n}\n': r"\b4\b",
            '{"a": NaN}': r"\b1\b", "{'a': 1}": r"\b1\b", '{"a": 1} // comment': r"\b1\b", '{"a": "\tx"}': r"\b1\b",
            '{"a": "\\ud800"}': r"\b1\b", b'{"a": "\xff"}': r"\b1\b",
            b'{"\xc3": 1}': r"\b1\b",
        }
        for number, (content, place) in enumerate(contents.items()):
            with self.subTest(content=content):
                self.check_fault(self.write(f"{number}.json", content), place)

    def test_encodings(self):
        """A byte order mark is ignored (RFC 8259 section 8.1); what is not UTF-8 is named."""
        self.check_fault(self.write("16.json", '{"a": 1}'.encode("utf-16")), "in UTF-16, not in UTF-8")
        self.check_fault(self.write("l1.json", '{"\xe4": 1}'.encode("latin-1")), "0xe4 is not UTF-8 .*Latin-1")
        self.serve({"name": "t", "type": "json", "param": self.write("mark.json", '\ufeff{"a": "b"}')})
        self.check_payload(self.client().ask("t", "a"), "OK b")

    def test_root_is_no_object(self):
        for number, content in enumerate(('[]', '"x"', "1", "null", "true")):
            with self.subTest(content=content):
                self.check_fault(self.write(f"{number}.json", content), "object")

    def test_no_file(self):
        for path in (self.path("none.json"), self.dir):
            with self.subTest(path):
                self.check_fault(path)


if __name__ == "__main__":
    harness.main()
