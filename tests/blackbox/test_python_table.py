"""podop_table.py: tables in Python, every operation, answers and output, the check, and the package."""

import os
import shutil
import subprocess
import sys

import harness
from harness import Case
from python_table_case import PYTHON, STORE, Tables


class Operations(Tables):
    """All operations, with ordinary methods."""

    text = STORE.replace("MAYBE_ASYNC ", "")

    def test_all(self):
        p = self.program(self.text)
        self.assertEqual(p.ask("get", "k"), {"status": "miss"})
        self.assertEqual(p.ask("set", "k", value="v"), {"status": "ok"})
        self.assertEqual(p.ask("get", "k"), {"status": "ok", "value": "v"})
        self.assertEqual(p.ask("get", "k", "other"), {"status": "miss"})
        self.assertEqual(p.ask("inc", "n", by=2), {"status": "miss"})
        self.assertEqual(p.ask("set", "n", value="40"), {"status": "ok"})
        self.assertEqual(p.ask("inc", "n", by=2), {"status": "ok"})
        self.assertEqual(p.ask("get", "n"), {"status": "ok", "value": "42"})
        self.assertEqual(p.ask("unset", "n"), {"status": "ok"})
        self.assertEqual(p.ask("unset", "n"), {"status": "miss"})
        self.assertEqual(p.ask("set", "e", value="v", expire=60, timestamp=1), {"status": "ok"})
        self.assertEqual(p.ask("get", "e")["value"], ["v", 60, 1])

    def test_users_have_keys_of_their_own(self):
        p = self.program(self.text)
        for value, owner in (("all", {}), ("bob's", {"user": "bob", "private": True}),
                             ("al's", {"user": "al", "private": True})):
            with self.subTest(value=value, owner=owner):
                p.ask("set", "d/k", value=value, **owner)
                self.assertEqual(p.ask("get", "d/k", **owner)["value"], value)
                self.assertEqual(p.iterate("d/", **owner)["rows"], [["k", value]])
        self.assertEqual(p.ask("get", "d/k", user="bob")["value"], "all")

    def test_commit(self):
        p = self.program(self.text)
        bob = {"user": "bob", "private": True}
        changes = [{"op": "set", "key": "a", "value": "1", **bob}, {"op": "set", "key": "b", "value": "2"},
                   {"op": "inc", "key": "a", "by": -3, **bob}, {"op": "unset", "key": "nothing"}]
        self.assertEqual(p.ask("commit", changes=changes), {"status": "ok"})
        self.assertEqual(p.ask("get", "a", **bob)["value"], "-2")
        self.assertEqual(p.ask("get", "b")["value"], "2")
        self.assertEqual(p.ask("commit", changes=[{"op": "inc", "key": "nothing", "by": 1}, changes[0]]),
                         {"status": "miss"})
        self.assertEqual(p.ask("get", "a", **bob)["value"], "-2")

    def test_iterate(self):
        p = self.program(self.text)
        for key, value in (("d/a", "1"), ("d/b", "2"), ("d/sub/c", "3"), ("e", "4")):
            p.ask("set", key, value=value)
        self.assertEqual(p.iterate("d/"), {"status": "ok", "more": False,
                                           "rows": [["a", "1"], ["b", "2"], ["sub/c", "3"]]})
        self.assertEqual(p.iterate("d/", recurse=False)["rows"], [["a", "1"], ["b", "2"]])
        self.assertEqual(p.iterate("d/", values=False)["rows"], [["a", None], ["b", None], ["sub/c", None]])
        self.assertEqual(p.iterate("d/", limit=1)["rows"], [["a", "1"]])
        self.assertEqual(p.iterate("nothing/")["rows"], [])

    def test_keys_and_values(self):
        p = self.program(self.text)
        for text in ("", " ", "a\nb\r\t\0", "Grüße, 你好, 🎉", "\u2028\x7f\\\"", "x" * 500_000, "50%/../§"):
            with self.subTest(text[:10]):
                self.assertEqual(p.ask("set", text, value=text), {"status": "ok"})
                self.assertEqual(p.ask("get", text)["value"], text)


class AsyncOperations(Operations):
    text = STORE.replace("MAYBE_ASYNC", "async")


class FunctionOperations(Operations):
    """All operations, as decorated functions."""

    text = STORE.replace("MAYBE_ASYNC ", "").replace("serve(", '''
def functions(store):
    table = Functions()
    for name in ("get", "set", "unset", "inc", "iterate"): assert getattr(table, name)(getattr(store, name))
    return table
serve(''').replace('Store(), "other": Store()', 'functions(Store()), "other": functions(Store())')


class Answers(Tables):
    def test_values(self):
        p = self.program('''
values = {"text": "t", "int": 10**30, "float": 1.5, "true": True, "list": ["a", None], "dict": {"a": {"b": []}},
          "bytes": "ü".encode(), "empty": "", "none": None}
serve({"t": values})''')
        for key, value in (("text", "t"), ("int", 10**30), ("float", 1.5), ("true", True), ("list", ["a", None]),
                           ("dict", {"a": {"b": []}}), ("bytes", "ü"), ("empty", "")):
            with self.subTest(key=key, value=value):
                self.assertEqual(p.ask("get", key), {"status": "ok", "value": value})
        for key in ("none", "nothing"):
            with self.subTest(key=key):
                self.assertEqual(p.ask("get", key), {"status": "miss"})

    def test_values_that_are_not_json(self):
        p = self.program('''
def nested(depth):
    value = []
    for _ in range(depth - 1): value = [value]
    return value
values = {"surrogate": "a\\ud800", "nan": float("nan"), "inf": [float("inf")], "bytes": b"\\xff", "object": object(),
          "set": {1}, "tuple": {(1, 2): 3}, "deep": nested(61), "deeper": nested(100_000),
          "huge": "x" * (1 << 20), "fits": "x" * 1_000_000,
          "deep enough": nested(60)}
serve({"t": values})''')
        for key in ("surrogate", "nan", "inf", "bytes", "object", "set", "tuple", "deep", "deeper", "huge"):
            with self.subTest(key):
                answer = p.ask("get", key)
                self.assertEqual(answer["status"], "temporary")
                self.assertRegex(answer["reason"], r"^[ -~]+$")
        self.assertEqual(len(p.ask("get", "fits")["value"]), 1_000_000)
        self.assertEqual(p.ask("get", "deep enough")["status"], "ok")

    def test_failures(self):
        p = self.program('''
class T:
    def get(self, key): raise ERRORS[int(key)]
    async def set(self, key, value): raise ERRORS[int(key)]
    def iterate(self, path): yield "a", 1; raise ERRORS[int(path)]
ERRORS = [ValueError("bad\\nnews\\x00"), ValueError(), Temporary("later"), Permanent("never"), KeyError("k"), Miss(),
          StopIteration(), SystemExit(1), MemoryError(), RecursionError("deep"), Temporary("\\udcff" + "x" * 10_000),
          Temporary(), asyncio.CancelledError(), Temporary("€" * 1000)]
serve({"t": T()})'''.replace("ERRORS =", "import asyncio\nERRORS ="))
        temporary = "temporary"
        expected = [(temporary, "ValueError: bad news"), (temporary, "ValueError"), (temporary, "later"),
                    ("permanent", "never"), ("miss", None), ("miss", None), (temporary, None),
                    (temporary, "SystemExit: 1"), (temporary, "MemoryError"), (temporary, "RecursionError: deep"),
                    (temporary, "x" * 500), (temporary, "failed"), (temporary, None), (temporary, "€" * 166)]
        for number, (status, reason) in enumerate(expected):
            for op in ("get", "set"):
                with self.subTest(f"{op} {number}"):
                    answer = p.ask(op, str(number), value="v")
                    if op == "set" and status == "miss":  # a write cannot be a miss
                        status, reason = temporary, None
                    self.assertEqual(answer["status"], status, answer)
                    if reason is not None:
                        self.assertEqual(answer["reason"], reason)
            self.assertIn(p.iterate(str(number))["status"], (temporary, "permanent"), number)
        self.assertIn("in get\n", self.stderr())  # the traceback
        self.assertNotIn("Temporary: later", self.stderr())

    def test_invalid_requests(self):
        p = self.program("serve({'t': {}})")
        p.write(b"{}\nnonsense\n[1]\n\n\xff\n" + b'{"id":"x","op":"get"}\n' + b"[" * 100_000 + b"\n")
        for op, members in (("frob", {"key": "k"}), ("get", {}), ("get", {"key": 1}), ("set", {"key": "k"}),
                            ("get", {"key": "k", "private": True}), ("commit", {}), ("commit", {"changes": [{}]})):
            with self.subTest(op):
                self.assertEqual(p.ask(op, **members)["status"], "permanent")
        self.assertEqual(p.ask("get", "k", "nosuch"),
                         {"status": "temporary", "reason": "no such table in this program: nosuch"})
        self.assertEqual(p.ask("more")["status"], "temporary")
        self.assertEqual(self.stderr().count("not a request"), 7)

    def test_what_a_table_does_not_have(self):
        p = self.program('''
class Lookups:
    def get(self, key): return key
serve({"t": Lookups()})''')
        self.assertEqual(p.ask("get", "k")["value"], "k")
        for op, members in (("set", {"value": ""}), ("unset", {}), ("inc", {"by": 1}), ("iterate", {})):
            with self.subTest(op=op, members=members):
                self.assertEqual(p.ask(op, "k", **members), {"status": "permanent", "reason": f"the table has no {op}"})
        self.assertEqual(p.ask("get", "k", user="bob", private=True)["status"], "permanent")

    def test_no_table_at_all(self):
        p = self.program("serve({'t': object()})")
        self.assertEqual(p.wait(), 1)
        self.assertIn("table t has no method get, set or iterate", self.stderr())


class Output(Tables):
    def test_prints_go_to_the_log(self):
        p = self.program('''
import os, subprocess, sys
print("at the beginning")
class T:
    def get(self, key):
        print("printed")
        sys.stdout.write("written\\n"); sys.stdout.flush()
        os.write(1, b"straight to descriptor 1\\n")
        sys.__stdout__.write("to __stdout__\\n"); sys.__stdout__.flush()
        subprocess.run(["echo", "by a child"], check=True)
        return [sys.stdin.read(), subprocess.run(["cat"], capture_output=True, check=True).stdout.decode()]
serve({"t": T()})''')
        self.assertEqual(p.ask("get", "k")["value"], ["", ""])
        self.assertEqual(p.end(), 0)
        for text in ("at the beginning", "printed", "written", "straight to descriptor 1", "to __stdout__",
                     "by a child"):
            with self.subTest(text=text):
                self.assertIn(text + "\n", self.stderr())
        self.assertEqual(len(p.answers), 1)


class PythonPodop(Tables):
    """A class of the shape that tables have in the podop written in Python, unchanged."""

    TABLE = '''
class UrlTable(object):
    """Answers like one that asks a service which keeps JSON."""
    def __init__(self, url_pattern): self.service = {"d/a": {"x": 1}, "d/k/bob": "bob's", "raw": b"bytes", "e": ""}
    async def get(self, key, ns=None):
        if ns is not None: key += "/" + ns
        if key == "broken": raise Exception(502)
        if key not in self.service: raise KeyError()
        return self.service[key]
    async def set(self, key, value, ns=None):
        if ns is not None: key += "/" + ns
        self.service[key] = value
    async def iter(self, cat):
        if cat == "d/": return ["a", "k", "gone"]
serve({"t": UrlTable("http://service/§")})'''

    def test_get(self):
        p = self.program(self.TABLE)
        bob = {"user": "bob", "private": True}
        self.assertEqual(p.ask("get", "d/a")["value"], {"x": 1})
        self.assertEqual(p.ask("get", "raw")["value"], "bytes")
        self.assertEqual(p.ask("get", "d/k", **bob)["value"], "bob's")
        self.assertEqual(p.ask("get", "d/k"), {"status": "miss"})
        self.assertEqual(p.ask("get", "broken"), {"status": "temporary", "reason": "Exception: 502"})

    def test_set(self):
        """Values are decoded as they were there; text that is not JSON, which failed there, stays text."""
        p = self.program(self.TABLE)
        for number, (text, value) in enumerate((("12", 12), ('{"a":1}', {"a": 1}), ('"t"', "t"), ("text", "text"),
                                                ("", ""))):
            with self.subTest(number=number, text=text, value=value):
                self.assertEqual(p.ask("set", f"{number}", value=text, user="bob", private=True), {"status": "ok"})
                self.assertEqual(p.ask("get", f"{number}/bob")["value"], value)
        self.assertEqual(p.ask("commit", changes=[{"op": "set", "key": "a", "value": "1"},
                                                  {"op": "set", "key": "a", "value": "2"}]), {"status": "ok"})
        self.assertEqual(p.ask("get", "a")["value"], 2)
        for op, members in (("unset", {}), ("inc", {"by": 1})):
            with self.subTest(op=op, members=members):
                self.assertEqual(p.ask(op, "a", **members)["status"], "permanent")

    def test_iter(self):
        p = self.program(self.TABLE)
        self.assertEqual(p.iterate("d/")["rows"], [["a", {"x": 1}]])
        self.assertEqual(p.iterate("d/", user="bob", private=True)["rows"], [["k", "bob's"]])
        self.assertEqual(p.iterate("d/", values=False)["rows"], [["a", None], ["k", None], ["gone", None]])
        self.assertEqual(p.iterate("nothing/")["status"], "temporary")


class Check(Tables):
    """python3 -m podop_table check"""

    def check(self, *words, text=Operations.text):
        path = self.file(text)
        return subprocess.run([sys.executable, "-m", "podop_table", "check", path, *words], cwd=PYTHON,
                              capture_output=True, text=True, timeout=harness.GUARD, check=False)

    def check_done(self, done, status, stdout="", stderr=""):
        self.assertEqual((done.returncode, done.stdout), (status, stdout), done.stderr)
        self.assertIn(stderr, done.stderr)

    def test_operations(self):
        table = '''
import beside
entries = {(None, "k"): "v", (None, "n"): [1, "ü"], ("bob", "k"): "bob's"}
class T:
    def get(self, key, user=None):
        print("noise", file=__import__("sys").stderr)
        return entries[user, key]
    def set(self, key, value): assert (key, value) == ("k", "-1")
    def unset(self, key): entries[key]
    def inc(self, key, by): assert by == -3
    def iterate(self, path):
        for n in range(1200): yield f"n{n}", n
        yield "deep/er", 1
if __name__ == "__main__":
    serve({"t": T()})'''
        self.write("beside.py", "")
        self.check_done(self.check(text=table), 0, "t: get set unset inc iterate\n")
        self.check_done(self.check("get", "k", text=table), 0, "v\n")
        self.check_done(self.check("get", "t", "n", text=table), 0, '[1,"ü"]\n')
        self.check_done(self.check("get", "--user", "bob", "k", text=table), 0, "bob's\n")
        self.check_done(self.check("get", "nothing", text=table), 1)
        self.check_done(self.check("set", "k", "--", "-1", text=table), 0)
        self.check_done(self.check("unset", "k", text=table), 1)
        self.check_done(self.check("inc", "k", "-3", text=table), 0)
        rows = "".join(f"n{n}\t{n}\n" for n in range(1200))
        self.check_done(self.check("iterate", "d/", text=table), 0, rows)
        self.check_done(self.check("iterate", "d/", "--recurse", text=table), 0, rows + "deep/er\t1\n")
        self.check_done(self.check("iterate", "d/", "--no-values", "--limit", "2", text=table), 0, "n0\nn1\n")
        self.check_done(self.check("set", "k", "v", text=table), 75, stderr="temporary: AssertionError")

    def test_usage(self):
        for words in (("frob", "k"), ("get",), ("get", "k"), ("get", "t", "k", "l"), ("inc", "t", "k", "x"),
                      ("--frob",)):
            with self.subTest(words):
                self.check_done(self.check(*words), 64)
        self.check_done(self.check("get", "k"), 64, stderr="the tables are: t other")
        self.check_done(self.check("get", "k", text=""), 64, stderr="does not call serve()")
        self.check_done(self.check("get", "nosuch", "k"), 75, stderr="no such table")


class Package(Case):
    def test_types(self):
        harness.need(shutil.which("mypy", path="/usr/bin"), "mypy")
        done = subprocess.run(["/usr/bin/mypy", "--strict", "--cache-dir", self.path("cache"),
                               os.path.join(PYTHON, "podop_table.py")], capture_output=True, text=True, check=False,
                              timeout=6 * harness.GUARD)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_pip(self):
        """It installs without a network."""
        def run(*words):
            return subprocess.run(words, cwd=self.dir, capture_output=True, text=True, check=False,
                                  timeout=6 * harness.GUARD)
        harness.need(run(sys.executable, "-c", "import ensurepip, setuptools, wheel").returncode == 0,
                     "python3-venv, python3-setuptools and python3-wheel")
        shutil.copytree(PYTHON, self.path("source"), ignore=shutil.ignore_patterns("__pycache__"))
        for words in ((sys.executable, "-m", "venv", "--system-site-packages", "env"),
                      ("env/bin/pip", "install", "--no-index", "--no-build-isolation", "./source"),
                      ("env/bin/python3", "-m", "podop_table", "--help")):
            with self.subTest(words=words):
                done = run(*words)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    harness.main()
