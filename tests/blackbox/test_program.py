"""Program tables: lookups, writes and iterations that a co-process answers."""

import os
import select

import harness
from dict import NO_VALUES, RECURSE, Dict
from harness import wait_until
from program_case import ECHO, RECORD, Program


class Lookups(Program):
    def test_values(self):
        self.start("""
values = {"string": "x", "empty": "", "number": 1.5, "list": ["a", "b"], "null": None, "object": {"a": [1]},
          "nul": "a\\0b", "unicode": "j\\u00f6rg", "true": True, "false": False, "falses": ["a", False, None]}
for request in ask():
    key = request["key"]
    if key in values:
        say(request, value=values[key])
    elif key == "digits":
        write('{"value" : 12345678901234567890123, "status":"ok", "more": false, "x": [{}], "id":%d} ' % request["id"])
    elif key in ("temporary", "permanent"):
        say(request, key, reason="because\\nof " + key)
    elif key == "no value":
        say(request)
    elif key == "no reason":
        say(request, "temporary")
    else:
        say(request, "miss")
""")
        expected = {"string": "OK x", "empty": "NOTFOUND ", "number": "OK 1.5", "list": "OK a,b", "null": "NOTFOUND ",
                    "true": "OK true", "false": "NOTFOUND ", "falses": "OK a",
                    "object": 'OK {"a":[1]}', "nul": "PERM", "unicode": "OK jörg", "other": "NOTFOUND ",
                    "digits": "OK 12345678901234567890123", "temporary": "TEMP table t: because?of temporary",
                    "permanent": "PERM table t: because?of permanent", "no value": "TEMP", "no reason": "TEMP"}
        for key, answer in expected.items():
            with self.subTest(key):
                self.check_answer(self.postfix.ask("t", key), answer)
        self.assertEqual(len(self.pids(1)), 1)  # none of that is a reason to kill it

    def test_keys(self):
        self.start(ECHO)
        for key in ("a", "", " a ", "a\nb", 'q"\\', "a\0b", "jörg", "😀", "x" * 60_000, b"\xff", b"a\xc3"):
            with self.subTest(key=key[:20]):
                answer = self.postfix.ask("t", key)
                if isinstance(key, bytes) or key == "":
                    self.check_payload(answer, "NOTFOUND ")
                else:
                    self.check_answer(answer, "PERM" if "\0" in key else "OK " + key)

    def test_answers_in_any_order(self):
        self.start("""
kept = []
for request in ask():
    kept.append(request)
    if len(kept) == 20:
        for request in reversed(kept):
            say(request, value=request["key"])
        kept = []
""")
        clients = [self.client() for _ in range(20)]
        for number, client in enumerate(clients):
            client.request("t", f"k{number}")
        for number, client in enumerate(clients):
            self.check_payload(client.read(), f"OK k{number}")

    def test_processes_share_the_work(self):
        self.start("""
for request in ask():
    if request["key"] == "pid":
        say(request, value=os.getpid())
""", processes=3)
        idle = [self.client() for _ in range(2)]
        answers = set()
        for client in idle:
            answers.add(self.postfix.ask("t", "pid"))
            client.request("t", "never")
            wait_until(lambda: self.client().ask("t", "pid") not in answers, "another process is asked")
        self.assertEqual(len(self.pids(3)), 3)

    def test_private_key(self):
        self.start(RECORD + """
for request in ask():
    record(request)
    say(request, value=request["op"])
""")
        dovecot = Dict(self.socket, user="bob@example.com")
        self.addCleanup(dovecot.close)
        for key in ("priv/a/b", "shared/a"):
            dovecot.get(key)
        first, second = [{name: value for name, value in r.items() if name != "id"} for r in self.requests()]
        self.assertEqual(first, {"op": "get", "table": "t", "key": "a/b", "user": "bob@example.com", "private": True})
        self.assertEqual(second, {"op": "get", "table": "t", "key": "a"})

    def test_cancel(self):
        self.start(RECORD + """
for request in ask():
    record(request)
""")
        self.postfix.request("t", "a")
        wait_until(self.requests, "the program has the request")
        self.postfix.close()
        wait_until(lambda: len(self.requests()) == 2, "the program gets the cancel")
        self.assertEqual([r["op"] for r in self.requests()], ["get", "cancel"])
        self.assertEqual(len({r["id"] for r in self.requests()}), 1)


class Writes(Program):
    KEEP = RECORD + """
data = {}
for request in ask():
    record(request)
    op, key = request["op"], request.get("key")
    if key == "refused":
        say(request, "permanent", reason="never")
    elif key == "later":
        say(request, "temporary", reason="not now")
    elif key == "perhaps":
        say(request, "uncertain", reason="who knows")
    elif op == "get":
        say(request, value=data[key]) if key in data else say(request, "miss")
    elif op == "set":
        data[key] = request["value"]
        say(request)
    elif op == "unset":
        say(request, "ok" if data.pop(key, None) else "miss")
    elif op == "inc" and key in data:
        data[key] = str(int(data[key]) + request["by"])
        say(request)
    elif op == "inc":
        say(request, "miss")
    elif op == "commit":
        say(request)
"""

    def setUp(self):
        super().setUp()
        self.start(self.KEEP)
        self.dovecot = Dict(self.socket)
        self.addCleanup(self.dovecot.close)

    def check_write(self, change, expected):
        self.assertEqual(self.dovecot.change(change)[:1], expected, change)

    def check_value(self, key, expected):
        self.assertEqual(self.dovecot.get(key), expected)

    def test_changes(self):
        self.check_write(("set", "shared/a", "12"), b"O")
        self.check_value("shared/a", b"O12")
        self.check_write(("increment", "shared/a", -5), b"O")
        self.check_value("shared/a", b"O7")
        self.check_write(("unset", "shared/a"), b"O")
        self.check_write(("unset", "shared/a"), b"O")
        self.check_value("shared/a", b"N")
        self.check_write(("increment", "shared/a", 1), b"N")
        self.check_write(("set", "shared/later", "1"), b"F")
        self.check_write(("set", "shared/refused", "1"), b"F")
        self.check_write(("set", "shared/perhaps", "1"), b"W")
        self.check_write(("unset", "shared/perhaps"), b"W")
        self.check_write(("increment", "shared/perhaps", 1), b"W")
        self.assertEqual(self.dovecot.get("shared/perhaps"), b"Ftable t: who knows")
        self.check_reason(self.postfix.ask("t", "perhaps"), "TEMP")
        self.check_write(("set", b"shared/\xff", "1"), b"F")
        self.check_write(("set", "shared/b", 'q"\\\n{}'), b"O")
        self.check_value("shared/b", b'Oq"\\\n{}')

    def test_uncertain_commit(self):
        """It is sent once, whatever the answer is."""
        before = len(self.requests())
        self.assertEqual(self.dovecot.change(("set", "shared/perhaps", "1"))[:1], b"W")
        self.assertEqual(len(self.requests()), before + 1)

    def test_commit(self):
        self.assertEqual(self.dovecot.change(("set", "shared/a", "1"), ("unset", "priv/b"),
                                             ("increment", "shared/c", -3), user="bob", expire=60), b"O")
        self.assertEqual(self.requests()[-1], {
            "id": 1, "op": "commit", "table": "t", "changes": [
                {"op": "set", "key": "a", "value": "1", "expire": 60},
                {"op": "unset", "key": "b", "user": "bob", "private": True},
                {"op": "inc", "key": "c", "by": -3}]})

    def test_commit_without_changes(self):
        before = len(self.requests())
        self.assertEqual(self.dovecot.change(user="bob"), b"O")
        self.assertEqual(len(self.requests()), before)


class Iterations(Program):
    MANY = """
COUNT, PART = 100000, 1000
at = {}
for request in ask():
    if request["op"] == "iterate" and request["key"] == "none/":
        say(request, "miss")
    elif request["op"] == "iterate" and request["key"] == "bad/":
        say(request, rows=[["a"]])
    elif request["op"] == "iterate" and request["key"] == "die/":
        say(request, rows=[["a", "1"]], more=True)
        next(ask())
        sys.exit(1)
    elif request["op"] == "iterate" and request["key"] == "forgets/":
        say(request, rows=[["a", "1"]], more=True)
        say(next(ask()), "miss")
    elif request["op"] in ("iterate", "more"):
        first = at.get(request["id"], 0)
        rows = [[f"k{n:06}", "v" * 100 if request.get("values", True) else None] for n in range(first, first + PART)]
        at[request["id"]] = first + PART
        say(request, rows=rows, more=first + PART < COUNT)
    elif request["op"] == "stop":
        with open(HERE + "/stopped", "w"):
            pass
    elif request["op"] == "get":
        say(request, value=request["key"])
"""

    def setUp(self):
        super().setUp()
        self.start(self.MANY)
        self.dovecot = Dict(self.socket)
        self.addCleanup(self.dovecot.close)

    def test_many_rows_and_a_slow_reader(self):
        before = self.server.rss_kb()
        walk = self.dovecot.iterate("shared/a/", RECURSE)
        self.check_payload(self.postfix.ask("t", "meanwhile"), "OK meanwhile")  # its process is free for others
        self.assertLess(self.server.rss_kb() - before, 100_000)
        self.assertEqual(self.dovecot.wait(walk), b"")
        self.assertEqual(len(walk.rows), 100_000)
        self.assertEqual(walk.rows[54_321], (b"shared/a/k054321", b"v" * 100))
        self.assertEqual(len({key for key, _ in walk.rows}), 100_000)

    def test_limit_and_names(self):
        walk = self.dovecot.iterate("shared/a/", RECURSE | NO_VALUES, limit=3)
        self.assertEqual(self.dovecot.wait(walk), b"")
        self.assertEqual(walk.rows, [(b"shared/a/k00000%d" % n, b"") for n in range(3)])
        wait_until(lambda: os.path.exists(self.path("stopped")), "the program is told to stop")
        self.check_payload(self.postfix.ask("t", "a"), "OK a")

    def test_nothing_there_and_failures(self):
        self.assertEqual(self.dovecot.rows("shared/none/"), [])
        bad = self.dovecot.wait(self.dovecot.iterate("shared/bad/"))
        self.assertRegex(bad, b"^Ftable t: the program sent rows that are not pairs of a name and a value")
        forgets = self.dovecot.iterate("shared/forgets/")
        self.assertEqual(self.dovecot.wait(forgets), b"Ftable t: the program answered with a miss after rows")
        die = self.dovecot.iterate("shared/die/")
        self.assertRegex(self.dovecot.wait(die), b"^Ftable t: the program failed: it ended with status 1")
        self.assertEqual(die.rows, [(b"shared/die/a", b"1")])

    def test_client_leaves(self):
        self.dovecot.iterate("shared/a/", RECURSE)
        self.dovecot.sock.recv(1)
        self.dovecot.close()
        wait_until(lambda: os.path.exists(self.path("stopped")), "the program is told to stop")


class OverdueIterations(Program):
    def test_stop(self):
        """A program is told that nobody asks for the rows that are left: it would keep them for ever."""
        self.start("""
for request in ask():
    if request["op"] == "iterate":
        late = request
    elif request["op"] == "stop" and request["id"] == late["id"]:
        with open(HERE + "/stopped", "w"):
            pass
    elif request["op"] == "get":
        if request["key"] == "go":
            say(late, rows=[["a", "1"]], more=True)
        say(request, value=request["key"])
""", timeout="1s")
        self.check_payload(self.postfix.ask("t", "a"), "OK a")
        dovecot = Dict(self.socket)
        self.addCleanup(dovecot.close)
        walk = dovecot.iterate("shared/a/")
        while not select.select([dovecot.sock], [], [], 0)[0]:
            self.postfix.ask("t", "meanwhile")  # it is not taken for hung
        self.assertRegex(dovecot.wait(walk), b"no answer within the table's timeout")
        self.check_payload(self.postfix.ask("t", "go"), "OK go")
        wait_until(lambda: os.path.exists(self.path("stopped")), "the program is told to stop")


if __name__ == "__main__":
    harness.main()
