"""podopctl set, unset, inc, iterate, and get for a user: what it asks of podop as Dovecot would."""

import json
import re

import harness
from dict import DictCase
from harness import CLOSE, http, url_table
from store import Store

FOUND, MISS, USAGE, FAILED = 0, 1, 64, 75


class Dovecot(DictCase):
    def setUp(self):
        super().setUp()
        self.store = Store()
        self.http = self.backend(default=self.store)

    def start(self, **settings):
        return self.serve(url_table(self.http, **settings))

    def ctl(self, *words, stdin=None):
        return harness.run("PODOPCTL", "--socket", self.socket, *words, stdin=stdin)

    def check(self, done, stdout="", status=FOUND, word=None):
        """Checks that stderr has one line with the word, or nothing."""
        self.assertEqual((done.returncode, done.stdout), (status, stdout), done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 0 if word is None else 1, done.stderr)
        self.assertIn(word or "", done.stderr)

    def check_usage(self, *words, word, stdin=None):
        done = self.ctl(*words, stdin=stdin)
        self.assertEqual((done.returncode, done.stdout), (USAGE, ""), done.stderr)
        self.assertIn(word, done.stderr)
        self.assertIn("--help", done.stderr)


class Write(Dovecot):
    def test_values_come_back(self):
        self.start(value="string")
        for value in ("v", "", " ", "a\tb", "a\nb\n", "a\r\n", "\x01t", "\\n", "jörg €", "-5", "--json", "12",
                      '{"a": 1}', "x" * 100_000):
            with self.subTest(value=value[:20]):
                self.check(self.ctl("set", "--as", "dovecot", "t", "--", "k", value))
                self.assertEqual(json.loads(self.store.values[b"/k"]), value)
                shown = re.sub("\r\n?", "\n", value + "\n")  # by Python
                self.check(self.ctl("get", "t", "k", "--as", "dovecot"), shown)
                if 0 < len(value) < 99_000:
                    self.check(self.ctl("get", "t", "k"), shown)

    def test_value_of_input(self):
        self.start(value="string", max_response="4M")
        for stdin, value in (("v", "v"), ("v\n", "v"), ("v\n\n", "v\n"), ("", ""), ("\n", ""), ("a\tb\nc", "a\tb\nc"),
                             ("x" * 500_000, "x" * 500_000)):
            with self.subTest(stdin=stdin[:20]):
                self.check(self.ctl("set", "t", "k", "-", stdin=stdin))
                self.assertEqual(json.loads(self.store.values[b"/k"]), value)
                self.check(self.ctl("get", "t", "k", "--as", "dovecot"), value + "\n")

    def test_refused_values(self):
        self.start()
        self.check_usage("set", "t", "k", "-", stdin="a\0b", word="NUL")
        self.assertEqual(self.http.requests, [])
        self.check(self.ctl("set", "t", "k", "-", stdin="\udcff"), status=FAILED, word="UTF-8")

    def test_keys(self):
        self.start()
        for key in ("a b", "jörg", "a/b", "-", "x\ty\nz", "*", "", "shared/k"):
            with self.subTest(key=key):
                self.store.values.clear()
                self.check(self.ctl("set", "t", "--", key, "1"))
                self.assertEqual(list(self.store.values), [b"/" + harness.percent(key, keep=b"/").encode()])

    def test_user(self):
        self.start()
        user = "bob@example.com"
        self.check(self.ctl("set", "t", "k", "1", "-u", user))
        self.assertEqual(self.http.requests[0].header("Podop-User"), [user])
        self.check(self.ctl("inc", "t", "k", "2", "--user", user))
        self.check(self.ctl("get", "t", "k", "--user", user), "3\n")
        self.check(self.ctl("get", "t", "k", "--user", "alice"), status=MISS)
        self.check(self.ctl("get", "t", "k"), status=MISS)
        done = self.ctl("get", "t", "k", "--json", "--user", user)
        self.assertEqual(json.loads(done.stdout),
                         {"table": "t", "key": "k", "user": user, "status": "ok", "value": "3"})
        self.check(self.ctl("unset", "t", "k", "--user", user))
        self.check(self.ctl("get", "t", "k", "--user", user), status=MISS)
        self.check(self.ctl("get", "t", "k", "--user", ""), status=FAILED, word="user")

    def test_unset(self):
        self.start()
        for keys, stdin in ((["a"], None), (["a", "b", "nosuch"], None), (["-"], "a\nb\n")):
            with self.subTest(keys=keys, stdin=stdin):
                self.store.values = {b"/a": b"1", b"/b": b"1", b"/-": b"1"}
                self.check(self.ctl("unset", "t", *keys, stdin=stdin))
                self.assertEqual(set(self.store.values), {b"/-", *([b"/b"] if keys == ["a"] else [])})

    def test_unset_many(self):
        """Each key has a transaction of its own."""
        self.start()
        keys = [f"k{number}" for number in range(300)]
        self.store.values = {b"/" + key.encode(): b"1" for key in keys}
        self.http.on("/k7", http(status=500))
        done = self.ctl("unset", "t", "-", stdin="\n".join(keys))
        self.check(done, status=FAILED, word="podopctl: k7: ")
        self.assertEqual(set(self.store.values), {b"/k7"})

    def test_inc(self):
        self.start()
        self.store.values[b"/n"] = b"5"
        for words, value in (([], 6), (["10"], 16), (["-580"], -564), (["+4"], -560), (["0"], -560)):
            with self.subTest(words=words, value=value):
                self.check(self.ctl("inc", "t", "n", *words))
                self.assertEqual(self.store.values[b"/n"], b"%d" % value)
        self.check(self.ctl("inc", "t", "nosuch"), status=MISS, word="no such key")
        for word in ("x", "", "1.5", "99999999999999999999", "1x"):
            with self.subTest(word=word):
                self.check_usage("inc", "t", "n", word, word="whole number")

    def test_json(self):
        self.hold_clock()
        self.start(timeout="300ms")
        self.http.on("/fail", http(status=500))
        self.http.on("/late", self.hang(self.http, 0.3))
        for words, status, name in ((("set", "t", "k", "1"), FOUND, "ok"), (("inc", "t", "k"), FOUND, "ok"),
                                    (("inc", "t", "miss"), MISS, "miss"), (("unset", "t", "k"), FOUND, "ok"),
                                    (("set", "t", "fail", "1"), FAILED, "temporary"),
                                    (("set", "t", "late", "1"), FAILED, "uncertain")):
            with self.subTest(words=words):
                done = self.ctl(*words, "--json")
                self.assertEqual((done.returncode, done.stderr), (status, ""))
                line = json.loads(done.stdout)
                self.assertEqual("reason" in line, status == FAILED)
                line.pop("reason", None)
                self.assertEqual(line, {"table": "t", "key": words[2], "status": name})

    def test_failures(self):
        self.start()
        self.http.on("/k", http(status=403))
        self.check(self.ctl("set", "t", "k", "1"), status=FAILED, word="table t")
        self.check(self.ctl("set", "nosuch", "k", "1"), status=FAILED, word="nosuch")

    def test_usage(self):
        self.start()
        for words in (["set", "t", "k", "1"], ["unset", "t", "k"], ["inc", "t", "k"], ["iterate", "t"]):
            with self.subTest(words=words):
                self.check_usage(*words, "--as", "postfix", word="the socketmap protocol has lookups only")
        for words in (["set", "t", "k"], ["set", "t", "k", "1", "2"], ["unset", "t"], ["inc", "t"], ["iterate"],
                      ["inc", "t", "k", "1", "2"], ["iterate", "t", "p", "q"]):
            with self.subTest(words=words):
                self.check_usage(*words, word="usage: podopctl " + words[0])
        for option in (["--recurse"], ["--no-values"], ["--max", "1"]):
            with self.subTest(option=option):
                self.check_usage("get", "t", "k", *option, word=f"get has no option {option[0]}")
        for option in (["--max", "0"], ["--max", "x"], ["--max", "-1"], ["--timeout", "0"],
                       ["--timeout", "99999999999"],
                       ["--timeout", ""], ["--as", ""]):
            with self.subTest(option=option):
                self.check_usage("iterate", "t", *option, word=option[0])
        self.check_usage("get", "t", "k", "--as", "postfix", "--user", "u", word="--user")
        self.check_usage("nosuch", "t", word="nosuch")
        self.check_usage("get", "t", "k", "--nosuch", word="--nosuch")
        self.check_usage("get", "t", "k", "-jx", word="-x")
        self.assertEqual(self.http.requests, [])


class Iterate(Dovecot):
    def setUp(self):
        super().setUp()
        self.start()
        self.store.values = {b"/p/a": b'"1"', b"/p/b": b'"x\\ty"', b"/p/c/d": b'"3"', b"/q": b'"4"'}

    def lines(self, *words):
        done = self.ctl("iterate", "t", *words)
        self.assertEqual((done.returncode, done.stderr), (FOUND, ""))
        return sorted(done.stdout.splitlines())

    def test_rows(self):
        self.assertEqual(self.lines("p/"), ["p/a\t1", "p/b\tx\\ty"])
        self.assertEqual(self.lines("p/", "--recurse"), ["p/a\t1", "p/b\tx\\ty", "p/c/d\t3"])
        self.assertEqual(self.lines("p/", "--no-values"), ["p/a", "p/b"])
        self.assertEqual(self.lines("p/", "-R", "--no-values"), ["p/a", "p/b", "p/c/d"])
        self.assertEqual(len(self.lines("p/", "--max", "1")), 1)
        self.assertEqual(self.lines("nosuch/"), [])
        self.assertEqual(self.lines(), ["q\t4"])

    def test_user(self):
        self.http.on("/mine/", http('{"a": "1"}'))
        self.assertEqual(self.lines("mine/", "--user", "bob"), ["mine/a\t1"])
        self.assertEqual(self.http.requests[-1].header("Podop-User"), ["bob"])

    def test_json(self):
        lines = [json.loads(line) for line in self.lines("p/", "--json")]
        self.assertEqual(lines, [{"table": "t", "key": "p/a", "status": "ok", "value": "1"},
                                 {"table": "t", "key": "p/b", "status": "ok", "value": "x\ty"}])
        lines = [json.loads(line) for line in self.lines("p/", "--json", "--no-values")]
        self.assertEqual(lines[0], {"table": "t", "key": "p/a", "status": "ok"})

    def test_keys_can_be_asked_for(self):
        keys = self.ctl("iterate", "t", "p/", "--recurse", "--no-values").stdout
        done = self.ctl("get", "t", "-", "--as", "dovecot", stdin=keys)
        self.assertEqual(sorted(done.stdout.splitlines()), self.lines("p/", "-R"))

    def test_failure_in_the_middle(self):
        """The rows that came are printed, then the reason."""
        names = [f"n{number:04}" for number in range(200)]
        self.http.on("/m/", http(json.dumps(names)))
        for name in names:
            self.http.on("/m/" + name, http('"v"'))
        self.http.on("/m/n0150", http(status=503))
        done = self.ctl("iterate", "t", "m/")
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (FAILED, 1), done.stderr)
        self.assertIn("table t", done.stderr)
        rows = done.stdout.splitlines()
        self.assertTrue(rows)
        self.assertLessEqual(set(rows), {f"m/{name}\tv" for name in names})
        done = self.ctl("iterate", "t", "m/", "--json")
        last = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual((last["key"], last["status"], done.returncode, done.stderr), ("m/", "temporary", FAILED, ""))

    def test_failures(self):
        self.http.on("/broken/", (CLOSE,))
        self.check(self.ctl("iterate", "t", "broken/"), status=FAILED, word="table t")
        self.check(self.ctl("iterate", "nosuch", "p/"), status=FAILED, word="nosuch")
        with harness.listen(self.path("silent")):
            done = harness.run("PODOPCTL", "iterate", "t", "--socket", self.path("silent"), "--timeout", "1")
        self.check(done, status=FAILED, word="within 1 s")

    def test_many_rows(self):
        names = {f"n{number:05}": "v" * 100 for number in range(20_000)}
        self.http.on("/m/", http(json.dumps(names)))
        self.assertEqual(self.lines("m/"), sorted(f"m/{name}\t{value}" for name, value in names.items()))


if __name__ == "__main__":
    harness.main()
