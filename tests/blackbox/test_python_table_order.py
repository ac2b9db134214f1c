"""podop_table.py: which requests wait for which, long lists in parts, and transactions."""

import json
import os
import signal
import subprocess
import sys
import threading

import harness
from python_table_case import Tables


class Order(Tables):
    """Which requests wait for which."""

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
        """A program with too many requests stops reading; all are answered in the end."""
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
        """Requests under way are answered."""
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
        """Writes under way are carried out, even if nothing reads the answers."""
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


class Iterations(Tables):
    """Long lists come in parts."""

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
        """A failure after a change that was made is not reported as if nothing had been made."""
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


if __name__ == "__main__":
    harness.main()
