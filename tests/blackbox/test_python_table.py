"""podop_table.py by itself: tables in Python, asked over pipes as podop would ask them, and by hand."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading

import harness
from harness import Case

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = os.path.join(SOURCE, "python")


class Program:
    """A running table, and podop's ends of its pipes."""

    def __init__(self, path, stderr):
        self.process = subprocess.Popen([sys.executable, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=stderr, cwd="/", env={"PATH": os.environ["PATH"]})
        self.answers = []  # all that came, in their order
        self.waiting = {}
        self.ids = itertools.count(1)
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            answer = json.loads(line.decode())  # always UTF-8, always JSON
            with self.news:
                self.answers.append(answer)
                self.waiting[answer["id"]] = answer
                self.news.notify_all()
        with self.news:
            self.waiting[None] = None
            self.news.notify_all()

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, op, key=None, table="t", number=None, **members):
        """Sends a request; returns its id."""
        number = number or next(self.ids)
        request = {"id": number, "op": op, "table": table, **members}
        if key is not None:
            request["key"] = key
        self.write(json.dumps(request, ensure_ascii=False).encode() + b"\n")
        return number

    def answer(self, number):
        """The answer to a request, as soon as it is there, without its id."""
        with self.news:
            if not self.news.wait_for(lambda: number in self.waiting or None in self.waiting, harness.GUARD):
                raise AssertionError(f"no answer to {number}; so far: {self.answers}")
            if number not in self.waiting:
                raise AssertionError(f"the program has ended without an answer to {number}")
            answer = dict(self.waiting.pop(number))
        del answer["id"]
        return answer

    def ask(self, *words, **members):
        return self.answer(self.send(*words, **members))

    def iterate(self, path, **members):
        """All parts of an iteration: the last answer, with the rows of all in it."""
        number = self.send("iterate", path, **{"recurse": True, "values": True, "limit": 0, **members})
        answer = self.answer(number)
        rows = list(answer.pop("rows", []))
        while answer.get("more"):
            answer = self.answer(self.send("more", number=number))
            rows += answer.pop("rows", [])
        return {**answer, "rows": rows}

    def close_input(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def end(self):
        """Closes the program's input and waits for its end: the exit status."""
        self.close_input()
        return self.wait()

    def wait(self):
        try:
            status = self.process.wait(harness.GUARD)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the program did not end") from None
        finally:
            self.reader.join(harness.GUARD)
        self.close_input()
        self.process.stdout.close()
        return status


class Tables(Case):
    """A test with a file of tables."""

    def file(self, text):
        """A file of tables, with podop_table beside it."""
        if not os.path.lexists(self.path("podop_table.py")):
            os.symlink(os.path.join(PYTHON, "podop_table.py"), self.path("podop_table.py"))
        return self.write("mytable.py", "import podop_table\nfrom podop_table import *\n" + text)

    def program(self, text):
        with open(self.path("stderr"), "ab") as stderr:
            program = Program(self.file(text), stderr)
        self.addCleanup(self.end, program)
        return program

    def end(self, program):
        """Every program ends well."""
        if program.process.returncode is None:
            self.assertEqual(program.end(), 0, self.stderr())

    def stderr(self):
        with open(self.path("stderr"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def signal_of(self, name):
        """Waits until a table has made this file."""
        harness.wait_until(lambda: os.path.exists(self.path(name)), name)

    def gate(self):
        """Lines for a table: wait() and wait_async() return once open() is called here; reached() says they began."""
        return f'''
import asyncio, os, time, threading
def reached(name): open({self.dir!r} + "/" + name, "w").close()
def is_open(name): return os.path.exists({self.dir!r} + "/" + name)
def wait(name):
    while not is_open(name): time.sleep(0.01)
async def wait_async(name):
    while not is_open(name): await asyncio.sleep(0.01)
'''

    def open(self, name):
        self.write(name, "")


STORE = '''
class Store:
    """Everything a table can do."""
    def __init__(self): self.entries = {}
    MAYBE_ASYNC def get(self, key, user=None): return self.entries[user, key]
    MAYBE_ASYNC def set(self, key, value, user=None, expire=None, timestamp=None):
        self.entries[user, key] = value if expire is None else [value, expire, timestamp]
    MAYBE_ASYNC def unset(self, key, user=None): del self.entries[user, key]
    MAYBE_ASYNC def inc(self, key, by, user=None): self.entries[user, key] = str(int(self.entries[user, key]) + by)
    MAYBE_ASYNC def iterate(self, path, user=None):
        for (owner, key), value in sorted(self.entries.items(), key=str):
            if owner == user and key.startswith(path): yield key.removeprefix(path), value
serve({"t": Store(), "other": Store()})
'''


class Operations(Tables):
    """All of them, with ordinary methods."""

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
    """The same as decorated functions."""

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

    def test_what_is_no_json(self):
        p = self.program('''
def nested(depth):
    value = []
    for _ in range(depth - 1): value = [value]
    return value
values = {"surrogate": "a\\ud800", "nan": float("nan"), "inf": [float("inf")], "bytes": b"\\xff", "object": object(),
          "set": {1}, "tuple": {(1, 2): 3}, "deep": nested(61), "deeper": nested(100_000), "huge": "x" * (1 << 20), "fits": "x" * 1_000_000,
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
                    if op == "set" and status == "miss":  # there is nothing to be missed
                        status, reason = temporary, None
                    self.assertEqual(answer["status"], status, answer)
                    if reason is not None:
                        self.assertEqual(answer["reason"], reason)
            self.assertIn(p.iterate(str(number))["status"], (temporary, "permanent"), number)
        self.assertIn("in get\n", self.stderr())  # the traceback
        self.assertNotIn("Temporary: later", self.stderr())

    def test_requests_that_are_none(self):
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


class Order(Tables):
    """Who waits for whom."""

    def check_overlap(self, text):
        p = self.program(self.gate() + text)
        slow = p.send("get", "slow")
        self.signal_of("begun")
        self.assertEqual(p.ask("get", "fast")["value"], "fast")
        self.open("slow")
        self.assertEqual(p.answer(slow)["value"], "slow")

    def test_ordinary_methods_overlap(self):
        self.check_overlap('''
class T:
    def get(self, key):
        if key == "slow": reached("begun"); wait(key)
        return key
serve({"t": T()})''')

    def test_async_methods_overlap(self):
        self.check_overlap('''
class T:
    async def get(self, key):
        if key == "slow": reached("begun"); await wait_async(key)
        return key
serve({"t": T()})''')

    def test_threads_are_bounded(self):
        p = self.program(self.gate() + '''
running, most, lock = 0, 0, threading.Lock()
class T:
    def get(self, key):
        global running, most
        with lock: running += 1; most = max(most, running)
        if running == 3: reached("full")
        wait("go")
        with lock: running -= 1
        return most
serve({"t": T()}, workers=3)''')
        numbers = [p.send("get", "k") for _ in range(10)]
        self.signal_of("full")
        self.open("go")
        self.assertEqual({p.answer(number)["value"] for number in numbers}, {3})

    def test_reading_is_bounded(self):
        """A program that is swamped stops reading; everything is answered in the end."""
        p = self.program(self.gate() + '''
podop_table.MAX_UNDER_WAY = 10
class T:
    def get(self, key):
        wait("go")
        return key
serve({"t": T()})''')
        line = b'{"id":%d,"op":"get","table":"t","key":"k","padding":"' + b"x" * 60_000 + b'"}\n'
        writer = threading.Thread(target=lambda: [p.write(line % number) for number in range(1, 41)])
        writer.start()
        writer.join(0.3)
        self.assertTrue(writer.is_alive())
        self.open("go")
        writer.join(harness.GUARD)
        for number in range(1, 41):
            self.assertEqual(p.answer(number)["value"], "k")

    def test_end_of_input(self):
        """What is under way is answered."""
        p = self.program(self.gate() + '''
class T:
    def get(self, key): reached("sync"); wait("go"); return key
    async def set(self, key, value): reached("async"); await wait_async("go")
serve({"t": T()})''')
        numbers = [p.send("get", "a"), p.send("set", "b", value="c")]
        self.signal_of("sync")
        self.signal_of("async")
        p.write(b'{"id":99,"op":"get"')  # half a request
        p.process.stdin.close()
        self.open("go")
        self.assertEqual([p.answer(number)["status"] for number in numbers], ["ok", "ok"])
        self.assertEqual(p.wait(), 0)

    def test_terminated(self):
        p = self.program(self.gate() + '''
class T:
    def get(self, key): reached("begun"); wait("go"); return key
serve({"t": T()})''')
        number = p.send("get", "a")
        self.signal_of("begun")
        p.process.send_signal(signal.SIGTERM)
        self.open("go")
        self.assertEqual(p.answer(number)["value"], "a")
        self.assertEqual(p.wait(), 0)

    def test_podop_dies(self):
        """Writes under way are done, even when nobody reads the answers."""
        path = self.file(self.gate() + '''
class T:
    def set(self, key, value): reached("begun"); wait("go"); reached("written")
serve({"t": T()})''')
        with open(self.path("stderr"), "wb") as stderr, \
                subprocess.Popen([sys.executable, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=stderr) as process:
            process.stdin.write(b'{"id":1,"op":"set","table":"t","key":"k","value":"v"}\n')
            process.stdin.flush()
            self.signal_of("begun")
            process.stdout.close()
            process.stdin.close()
            self.open("go")
            self.assertEqual(process.wait(harness.GUARD), 0)
        self.signal_of("written")
        self.assertEqual(self.stderr(), "")

    def test_cancel(self):
        p = self.program(self.gate() + '''
class T:
    async def get(self, key):
        try: reached("begun"); await wait_async("never")
        finally: reached("cancelled")
    async def set(self, key, value): reached("begun2"); await wait_async("go")
serve({"t": T()})''')
        number = p.send("get", "k")
        self.signal_of("begun")
        p.send("cancel", number=number)
        self.signal_of("cancelled")
        self.assertEqual(p.answer(number), {"status": "temporary", "reason": "cancelled"})
        number = p.send("set", "k", value="v")
        self.signal_of("begun2")
        p.send("cancel", number=number)  # podop never does
        self.open("go")
        self.assertEqual(p.answer(number), {"status": "ok"})
        p.send("cancel", number=12345)
        at_once = p.send("get", "k")
        p.send("cancel", number=at_once)
        self.assertEqual(p.answer(at_once)["status"], "temporary")


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


class Iterations(Tables):
    """Long lists, in parts."""

    GENERATORS = '''
class T:
    def iterate(self, path):
        try:
            for n in range(int(path)): yield f"n{n}", "x" * SIZE
        finally: reached("closed")
serve({"t": T()})'''

    def check_parts(self, text, number, least_parts):
        p = self.program(self.gate() + text)
        answer = p.iterate(str(number))
        self.assertEqual((answer["status"], answer["more"]), ("ok", False))
        self.assertEqual([name for name, _ in answer["rows"]], [f"n{n}" for n in range(number)])
        self.signal_of("closed")
        self.assertGreaterEqual(len(p.answers), least_parts)
        self.assertLess(max(len(json.dumps(part)) for part in p.answers), 1 << 20)
        return p

    def test_generator(self):
        self.check_parts(self.GENERATORS.replace("SIZE", "1"), 5_000, 10)

    def test_async_generator(self):
        self.check_parts(self.GENERATORS.replace("SIZE", "1").replace("def iterate", "async def iterate"), 5_000, 10)

    def test_big_values(self):
        self.check_parts(self.GENERATORS.replace("SIZE", "100_000"), 50, 25)

    def test_lists_and_dicts(self):
        p = self.program('''
class T:
    def __init__(self, rows): self.rows = rows
    def get(self, key): return {"d/a": 1, "d/b": 2}[key]
    def iterate(self, path): return self.rows
serve({"list": T(["a", "b", "gone"]), "pairs": T([("a", 1), ["b", 2]]), "dict": T({"a": 1, "b": 2}),
       "none": T(None), "text": T("ab"), "numbers": T([1, 2]), "names": T([(1, 2)]), "bad": T([("a\\ud800", 1)]),
       "huge": T([("a", 1), ("b", "x" * (1 << 20))])})''')
        for table in ("list", "pairs", "dict"):
            with self.subTest(table=table):
                self.assertEqual(p.iterate("d/", table=table)["rows"], [["a", 1], ["b", 2]])
        for table in ("none", "text", "numbers", "names", "bad", "huge"):
            with self.subTest(table=table):
                self.assertEqual(p.iterate("d/", table=table)["status"], "temporary", table)
        self.assertEqual(p.iterate("d/", table="list", values=False)["rows"], [[n, None] for n in ("a", "b", "gone")])

    def test_limit_and_stop(self):
        p = self.program(self.gate() + self.GENERATORS.replace("SIZE", "1"))
        self.assertEqual(len(p.iterate(str(10**9), limit=700)["rows"]), 700)
        self.signal_of("closed")
        os.remove(self.path("closed"))
        number = p.send("iterate", str(10**9), values=True)
        self.assertTrue(p.answer(number)["more"])
        p.send("stop", number=number)
        self.signal_of("closed")
        self.assertEqual(p.ask("more", number=number)["status"], "temporary")

    def test_stop_while_busy(self):
        for is_async in (False, True):
            with self.subTest(is_async=is_async):
                text = '''
class T:
    ASYNC def iterate(self, path):
        try:
            reached("begunN"); AWAIT("goN")
            for n in range(10**9): yield str(n), n
        finally: reached("closedN")
serve({"t": T()})'''.replace("ASYNC", "async" if is_async else "").replace("N", str(is_async))
                p = self.program(self.gate() + text.replace("AWAIT", "await wait_async" if is_async else "wait"))
                number = p.send("iterate", "d/", values=True)
                self.signal_of(f"begun{is_async}")
                p.send("stop", number=number)
                self.open(f"go{is_async}")
                self.signal_of(f"closed{is_async}")
                self.assertEqual(p.end(), 0)
                self.assertNotIn("Traceback", self.stderr())

    def test_end_of_input_between_parts(self):
        p = self.program(self.gate() + self.GENERATORS.replace("SIZE", "1"))
        self.assertTrue(p.ask("iterate", str(10**9))["more"])
        self.assertEqual(p.end(), 0)
        self.signal_of("closed")

    def test_failure_in_the_middle(self):
        p = self.program('''
class T:
    def iterate(self, path):
        for n in range(1000): yield str(n), n
        raise KeyError("this is no end")
serve({"t": T()})''')
        answer = p.iterate("d/")
        self.assertEqual(answer["status"], "temporary")
        self.assertLess(len(answer["rows"]), 1001)


class Transactions(Tables):
    TABLE = '''
import contextlib, threading
class T:
    def __init__(self): self.done, self.open = {}, None
    MAYBE def get(self, key): return self.done[key]
    MAYBE def set(self, key, value):
        if value == "bad": raise Temporary("bad")
        self.open[key] = value
    MAYBE def inc(self, key, by): self.open[key] = int(self.open[key]) + by
    MAYBE def unset(self, key): del self.open[key]
    @contextlib.MANAGER
    MAYBE def transaction(self):
        thread = threading.get_ident()
        self.open = dict(self.done)
        try:
            yield
            assert thread == threading.get_ident()
            self.done = self.open
        finally: self.open = None
serve({"t": T()})'''

    def check_transactions(self, text):
        p = self.program(text)

        def changes(last):
            return [{"op": "set", "key": "a", "value": "1"}, {"op": "unset", "key": "nothing"}, last]
        for last, status in (({"op": "set", "key": "b", "value": "bad"}, "temporary"),
                             ({"op": "inc", "key": "b", "by": 1}, "miss"), ({"op": "frob", "key": "b"}, "permanent")):
            with self.subTest(last=last, status=status):
                self.assertEqual(p.ask("commit", changes=changes(last))["status"], status)
                self.assertEqual(p.ask("get", "a"), {"status": "miss"})
        self.assertEqual(p.ask("commit", changes=changes({"op": "inc", "key": "a", "by": 1})), {"status": "ok"})
        self.assertEqual(p.ask("get", "a"), {"status": "ok", "value": 2})

    def test_context_manager(self):
        self.check_transactions(self.TABLE.replace("MAYBE ", "").replace("MANAGER", "contextmanager"))

    def test_async_context_manager(self):
        self.check_transactions(self.TABLE.replace("MAYBE", "async").replace("MANAGER", "asynccontextmanager"))

    def test_commit_method(self):
        p = self.program('''
class T:
    def set(self, key, value): raise RuntimeError
    async def commit(self, changes): self.changes = [repr(change) for change in changes]
    def get(self, key): return self.changes
serve({"t": T()})''')
        self.assertEqual(p.ask("commit", changes=[{"op": "set", "key": "k", "value": "v", "expire": 5},
                                                  {"op": "inc", "key": "n", "by": 2, "user": "bob", "private": True}]),
                         {"status": "ok"})
        self.assertEqual(p.ask("get", "")["value"], [
            "Change(op='set', key='k', value='v', by=0, user=None, expire=5, timestamp=None)",
            "Change(op='inc', key='n', value='', by=2, user='bob', expire=None, timestamp=None)"])


    def test_one_by_one(self):
        """What fails behind a change that was made is not as if nothing had been done."""
        for kind in ("", "async "):
            p = self.program(f'''
class T:
    {kind}def set(self, key, value):
        if value == "bad": raise ValueError("bad")
        if value == "perhaps": raise Uncertain("perhaps")
    {kind}def unset(self, key): raise KeyError(key)
serve({{"t": T()}})''')

            def commit(*values):
                return p.ask("commit", changes=[{"op": "set", "key": "k", "value": value} for value in values])
            self.assertEqual(commit("good", "bad"),
                             {"status": "uncertain", "reason": "changes before this one were made: ValueError: bad"})
            self.assertEqual(commit("bad", "good"), {"status": "temporary", "reason": "ValueError: bad"})
            self.assertEqual(commit("perhaps", "good"), {"status": "uncertain", "reason": "perhaps"})
            self.assertEqual(p.ask("set", "k", value="perhaps"), {"status": "uncertain", "reason": "perhaps"})
            self.assertEqual(p.ask("set", "k", value="bad"), {"status": "temporary", "reason": "ValueError: bad"})
            self.assertEqual(p.ask("commit", changes=[{"op": "unset", "key": "k"}] * 2), {"status": "ok"})


class PythonPodop(Tables):
    """A class of the shape that tables have in the Python podop, unchanged."""

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
        """Values are decoded, as they were there; what is no JSON, which failed there, is a text."""
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
