"""program tables: a co-process answers, dies, hangs, lies, and is replaced; no request is lost."""

import contextlib
import json
import os
import pwd
import random
import re
import signal
import threading
import time

import harness
from dict import NO_VALUES, RECURSE, Dict
from harness import Case, wait_until

# What every program of these tests begins with. `ask` yields the requests; `say` answers.
PREAMBLE = """
import json, os, signal, sys, time

def ask():
    for line in sys.stdin:
        yield json.loads(line)

def write(line):
    sys.stdout.write(line + "\\n")
    sys.stdout.flush()

def say(request, status="ok", **more):
    write(json.dumps({"id": request["id"], "status": status, **more}))
"""

ECHO = """
for request in ask():
    if request["op"] == "get":
        say(request, value=request["key"])
"""

# Says each request to a file, so that a test can look at it.
RECORD = """
def record(request):
    with open(HERE + "/requests", "a") as file:
        file.write(json.dumps(request) + "\\n")
"""


def is_alive(pid):
    """Whether there is such a process, be it a zombie."""
    return os.path.exists(f"/proc/{pid}")


def state_of(pid):
    """R, S, Z...; None: there is none."""
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat", encoding="latin-1") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    return None


class Program(Case):
    def table(self, source, name="t", preamble=PREAMBLE, **settings):
        """A table whose program is this Python source. One that is just starting never reads half of it."""
        path = self.path(f"{name}.py")
        os.replace(self.write(f"{name}.py.new", f"HERE = {self.dir!r}\n{preamble}\n{source}"), path)
        return {"name": name, "type": "program", "param": f"python3 {path}", "processes": 1, **settings}

    def start(self, source, **settings):
        self.server = self.serve(self.table(source, **settings))
        self.postfix = self.client()

    def pids(self, number):
        """The pids of the first so many processes that were started."""
        def found():
            return re.findall(r"event=program_started table=\w+ pid=(\d+)", "\n".join(list(self.server.log)))
        wait_until(lambda: len(found()) >= number, f"{number} programs were started")
        return [int(pid) for pid in found()]

    def children(self):
        """All children of podop, zombies as well."""
        with open(f"/proc/{self.server.pid}/task/{self.server.pid}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def requests(self):
        """What RECORD wrote."""
        with contextlib.suppress(FileNotFoundError):
            with open(self.path("requests"), encoding="utf-8") as file:
                return [json.loads(line) for line in file if line.endswith("\n")]
        return []

    def check_recovers(self):
        """Once a process is there again, it answers."""
        wait_until(lambda: self.client().ask("t", "again") == b"OK again", "the program answers again")


class Lookups(Program):
    def test_values(self):
        self.start("""
values = {"string": "x", "empty": "", "number": 1.5, "list": ["a", "b"], "null": None, "object": {"a": [1]},
          "nul": "a\\0b", "unicode": "j\\u00f6rg"}
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
        wait_until(lambda: len(self.requests()) == 2, "the program is told that nobody waits")
        self.assertEqual([r["op"] for r in self.requests()], ["get", "cancel"])
        self.assertEqual(len({r["id"] for r in self.requests()}), 1)


class Deaths(Program):
    """What goes wrong makes the waiting requests temporary, and the process is replaced."""

    def check_failure(self, source, reason, **settings):
        """Key "bad" makes it go wrong while another request waits; the log has the reason."""
        self.start(source, **settings)
        waiting = self.client()
        waiting.request("t", "wait")
        self.check_payload(self.postfix.ask("t", "good"), "OK good")
        self.postfix.request("t", "bad")
        self.check_reason(self.postfix.read(), "TEMP")
        self.check_reason(waiting.read(), "TEMP")
        self.server.wait_log(rf"level=warning event=\w+ table=t .*reason=.*{reason}")
        first = self.pids(1)[0]
        self.check_recovers()
        self.assertGreaterEqual(len(self.pids(2)), 2)
        self.assertFalse(is_alive(first))
        self.assertEqual(len(self.children()), 1)

    def bad(self, *lines):
        """A program that does this for key "bad"."""
        return """
for request in ask():
    if request["op"] != "get" or request["key"] == "wait":
        continue
    if request["key"] == "bad":
        %s
    else:
        say(request, value=request["key"])
""" % "\n        ".join(lines)

    def test_exit(self):
        self.check_failure(self.bad("sys.exit(3)"), "it ended with status 3")

    def test_exception(self):
        self.check_failure(self.bad("raise ValueError('what a pity')"),
                           "it ended with status 1, and said last: ValueError: what a pity")

    def test_signal(self):
        self.check_failure(self.bad("os.kill(os.getpid(), signal.SIGSEGV)"), "killed by signal 11")

    def test_kill(self):
        self.check_failure(self.bad("os.kill(os.getpid(), signal.SIGKILL)"), "killed by signal 9")

    def test_child_holds_the_pipes(self):
        self.check_failure(self.bad("if os.fork() == 0:", "    time.sleep(1000)", "os._exit(4)"), "with status 4")

    def test_closed_output(self):
        self.check_failure(self.bad("os.close(1)", "time.sleep(1000)"), "it closed its input or its output")

    def test_closed_input(self):
        """It is seen when something is written to it."""
        self.start("""
os.close(0)
open(HERE + "/closed", "w").close()
time.sleep(1000)
""")
        wait_until(lambda: os.path.exists(self.path("closed")), "its input is closed")
        wait_until(lambda: self.client().ask("t", "a").startswith(b"TEMP "), "a lookup fails")
        self.server.wait_log("it closed its input or its output")

    def test_garbage(self):
        for line in ("hello", "{}", "[]", "", '{"id": 1}', '{"id": "1", "status": "ok"}',
                     '{"id": 1, "status": "good"}', '{"id": 1.0, "status": "ok"}', '{"id": -1, "status": "ok"}',
                     '{"id": 1, "id": 2, "status": "ok"}', '{"id": 1, "status": "temporary", "reason": 1}'):
            with self.subTest(line):
                self.check_failure(self.bad(f"write({line!r})"), "a line that is no|an answer w")
                self.server.stop()

    def test_bad_bytes(self):
        self.check_failure(self.bad('os.write(1, b"\\xff\\n")'), "invalid UTF-8")

    def test_long_line(self):
        self.check_failure(self.bad('say(request, value="x" * 2000)'), "a line of more than 1000 bytes",
                           max_response=1000)

    def test_long_line_without_end(self):
        self.check_failure(self.bad("while True:", "    os.write(1, b'x' * 10000)"), "a line of more than 1048576")

    def test_longest_line(self):
        self.start("""
for request in ask():
    room = 1000 - len(json.dumps({"id": request["id"], "status": "ok", "value": ""}))
    say(request, value="x" * room)
""", max_response=1000)
        self.assertGreater(len(self.postfix.ask("t", "a")), 900)

    def test_answer_to_nobody(self):
        self.check_failure(self.bad('write(\'{"id": 77, "status": "ok", "value": 1}\')'), "an answer to id 77")

    def test_answer_twice(self):
        self.check_failure("""
for request in ask():
    if request["op"] == "get" and request["key"] == "bad":
        say(answered, value="good")
    elif request["op"] == "get" and request["key"] != "wait":
        answered = request
        say(request, value=request["key"])
""", r"an answer to id \d+, which no request waits for")

    def test_hang(self):
        self.start("""
for request in ask():
    if request["key"] == "bad":
        time.sleep(1000)
    say(request, value=request["key"])
""", timeout="500ms")
        first = self.pids(1)[0]
        self.check_payload(self.postfix.ask("t", "good"), "OK good")
        self.check_reason(self.postfix.ask("t", "bad"), "TIMEOUT")
        self.assertIn(b"it said nothing for 500 ms", self.postfix.ask("t", "bad"))  # however soon it is asked again
        self.server.wait_log("reason=.*it said nothing for 500 ms while requests waited")
        self.check_recovers()
        self.assertFalse(is_alive(first))

    def test_long_start(self):
        """A start takes longer than an answer may, and is left to come to its end whoever asks meanwhile."""
        self.start("""
time.sleep(2)
for request in ask():
    say(request, value=request["key"])
""", timeout="200ms")
        first = self.pids(1)[0]
        deadline = time.monotonic() + 20
        while (got := self.postfix.ask("t", "a")).startswith(b"TIMEOUT ") and time.monotonic() < deadline:
            pass
        self.check_payload(got, "OK a")
        self.assertEqual(self.pids(1), [first])

    def test_hang_behind_the_first_answer(self):
        """It has started then, and has the table's timeout as any other."""
        self.start("""
for request in ask():
    if request["op"] != "get":
        continue
    if request["key"] == "b":
        time.sleep(1000)
    say(request, value=request["key"])
""", timeout="500ms")
        first = self.pids(1)[0]
        other = self.client()
        other.send(harness.netstring("t a") + harness.netstring("t b"))
        self.check_payload(other.read(), "OK a")
        self.check_reason(other.read(), "TIMEOUT")
        self.server.wait_log("reason=.*it said nothing for 500 ms while requests waited")
        self.check_recovers()
        self.assertFalse(is_alive(first))

    def test_late_answer_is_no_fault(self):
        """What answers others meanwhile does not hang."""
        self.start("""
late = None
for request in ask():
    if request["op"] != "get":
        continue
    if request["key"] == "late":
        late = request
    elif request["key"] == "now" and late:
        say(late, value="late")
        say(request, value="now")
    else:
        say(request, value=request["key"])
""", timeout="1s")
        other = self.client()
        self.postfix.request("t", "late")
        while not self.postfix.has_news():
            other.ask("t", "x")
        self.check_reason(self.postfix.read(), "TIMEOUT")
        self.check_payload(self.postfix.ask("t", "now"), "OK now")
        self.assertEqual(len(self.pids(1)), 1)

    def ask_many(self, number):
        """Clients with so many requests under way that are not answered."""
        clients = [self.client() for _ in range(number // 50)]
        for client in clients:
            for n in range(50):
                client.request("t", f"kept{n}")
        wait_until(lambda: self.postfix.ask("t", "count") == b"OK %d" % number, "the program has all of them")
        return clients

    KEEP = """
kept = []
for request in ask():
    if request["op"] != "get":
        continue
    if request["key"] == "count":
        say(request, value=len(kept))
    elif request["key"] == "flush":
        for old in kept:
            say(old, value="old")
        say(request, value="flushed")
    else:
        kept.append(request)
"""

    def test_answers_to_cancelled_requests(self):
        """However many there are: they are no reason to kill it."""
        self.start(self.KEEP)
        self.check_payload(self.postfix.ask("t", "count"), "OK 0")
        before = self.server.unix_sockets()
        for client in self.ask_many(1500):
            client.close()
        wait_until(lambda: self.server.unix_sockets() <= before, f"podop has seen that they left: {before}")
        self.check_payload(self.postfix.ask("t", "flush"), "OK flushed")
        self.check_payload(self.postfix.ask("t", "count"), "OK 1500")
        self.assertEqual(len(self.pids(1)), 1)

    def test_too_many_overdue(self):
        self.start(self.KEEP, timeout="2s")
        clients = self.ask_many(1100)
        line = []
        while not line:
            self.postfix.ask("t", "count")
            line = [text for text in list(self.server.log) if "it left too many requests without an answer" in text]
        for client in clients:
            for _ in range(50):
                self.assertRegex(client.read(), b"^(TIMEOUT|TEMP) table t: ")

    def test_reads_nothing(self):
        """podop's memory stays within bounds, and each request is answered."""
        self.start("time.sleep(1000)", timeout="2s")
        before = self.server.rss_kb()
        clients = [self.client() for _ in range(40)]
        for client in clients:
            for number in range(5):
                client.request("t", f"{number}" + "x" * 60_000)
        words = set()
        for client in clients:
            for _ in range(5):
                answer = client.read()
                words.add(answer.split()[0])
                if b"slowly" in answer:
                    words.add(b"slowly")
        self.assertLessEqual({b"TEMP", b"slowly"}, words)
        self.assertLessEqual(words, {b"TEMP", b"TIMEOUT", b"slowly"})
        self.assertLess(self.server.rss_kb() - before, 150_000)

    def test_exits_at_once(self):
        """The pause grows: a second, then two."""
        self.start("sys.exit(1)")
        self.server.wait_log("it ended with status 1")
        self.check_reason(self.postfix.ask("t", "a"), "TEMP")
        self.assertIn(b"it ended with status 1", self.postfix.ask("t", "a"))
        self.pids(3)
        times = [re.match(r"time=\S+T(\d+):(\d+):([\d.]+)Z", line) for line in self.server.log
                 if "program_started" in line]
        first, second, third = [int(t[1]) * 3600 + int(t[2]) * 60 + float(t[3]) for t in times[:3]]
        self.assertGreaterEqual((second - first) % 86400, 0.9)
        self.assertGreaterEqual((third - second) % 86400, 1.9)

    def test_another_process_is_asked(self):
        """A lookup is asked once more of a process that lives; a second death ends it."""
        self.start("""
for request in ask():
    if request["key"] == "once":
        with open(HERE + "/once", "a") as file:
            file.write("x")
        if os.path.getsize(HERE + "/once") == 1:
            sys.exit(1)
    if request["key"] == "always":
        sys.exit(1)
    say(request, value=request["key"])
""", processes=3)
        self.check_payload(self.postfix.ask("t", "once"), "OK once")
        self.check_reason(self.postfix.ask("t", "always"), "TEMP")

    def check_poison(self, words):
        """Once a key has shown what it does, others are answered whatever becomes of it."""
        client = self.client()
        client.ask("t", "poison")
        self.check_recovers()
        for _ in range(5):
            client.request("t", "poison")
            for number in range(20):
                self.check_payload(self.postfix.ask("t", f"k{number}"), f"OK k{number}")
            self.assertIn(client.read().split()[0], words)

    def test_key_that_hangs(self):
        self.start("""
for request in ask():
    while request["key"] == "poison":
        time.sleep(1)
    say(request, value=request["key"])
""", processes=2, timeout="1s")
        for number in range(4):
            self.check_payload(self.postfix.ask("t", f"k{number}"), f"OK k{number}")
        self.check_poison((b"TIMEOUT", b"TEMP"))

    def test_key_that_ends_processes(self):
        self.start("""
for request in ask():
    if request["key"] == "poison":
        sys.exit(1)
    say(request, value=request["key"])
""", processes=2)
        self.check_poison((b"TEMP",))

    def test_writes_are_made_once(self):
        self.start(RECORD + """
for request in ask():
    record(request)
    sys.exit(1)
""", processes=3)
        dovecot = Dict(self.socket)
        self.addCleanup(dovecot.close)
        self.assertEqual(dovecot.change(("set", "shared/a", "1"))[:1], b"W")
        self.assertEqual(len(self.requests()), 1)


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
        """It is asked for once, whatever the answer."""
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


class Surroundings(Program):
    SHOW = """
def show():
    descriptors = sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1]
    status = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
    return {"descriptors": descriptors, "environment": dict(os.environ), "directory": os.getcwd(),
            "group": os.getpgrp() == os.getpid(), "uid": os.getuid(), "gids": os.getgroups(),
            "blocked": status["SigBlk"], "ignored": int(os.popen("cat /proc/self/status | grep SigIgn").read().split()[1], 16)}
for request in ask():
    say(request, value=show())
"""

    def shown(self, **settings):
        self.server = self.serve(self.table(self.SHOW), env={"SECRET": "x"}, **settings)
        self.postfix = self.client()
        answer = self.postfix.ask("t", "a")
        self.assertTrue(answer.startswith(b"OK {"), answer)
        return json.loads(answer[3:])

    def test_clean(self):
        shown = self.shown()
        self.assertEqual(shown["descriptors"], [0, 1, 2])
        self.assertEqual(set(shown["environment"]) - {"LC_CTYPE"}, {"PATH", "LANG", "PODOP_MAX_RESPONSE"})
        self.assertEqual(shown["environment"]["LANG"], "C.UTF-8")
        self.assertEqual(shown["environment"]["PODOP_MAX_RESPONSE"], str(1 << 20))
        self.assertEqual(shown["directory"], "/")
        self.assertTrue(shown["group"])
        self.assertEqual(int(shown["blocked"], 16), 0)
        self.assertEqual(shown["ignored"] & (1 << (signal.SIGHUP - 1)), 0)

    def test_privileges(self):
        harness.need(os.geteuid() == 0, "root")
        os.chmod(self.dir, 0o755)
        shown = self.shown(user="nobody")
        self.assertEqual(shown["uid"], pwd.getpwnam("nobody").pw_uid)
        self.assertNotIn(0, shown["gids"])

    def test_standard_error(self):
        self.start("""
for request in ask():
    print("about", request["key"], file=sys.stderr)
    print("x" * 5000, file=sys.stderr)
    print("\\x1b[31mred\\xff", file=sys.stderr)
    say(request, value="x")
""")
        self.postfix.ask("t", "a key")
        line = self.server.wait_log("event=program_says .*about")
        self.assertIn(f'level=info event=program_says table=t pid={self.pids(1)[0]} text="about a key"', line)
        self.assertRegex(self.server.wait_log("event=program_says .*xxx"), r'text=x{512} cut=yes$')
        self.assertNotIn("\x1b", self.server.wait_log("event=program_says .*red"))

    def test_much_standard_error(self):
        self.start("""
for request in ask():
    for number in range(100000):
        print("line", number, file=sys.stderr)
    say(request, value="x")
    sys.exit(0)
""")
        self.check_payload(self.postfix.ask("t", "a"), "OK x")
        self.server.wait_log(r"event=program_lines_lost table=t pid=\d+ lines=\d+")
        self.server.wait_log("it ended with status 0")
        self.assertLess(len([line for line in self.server.log if "program_says" in line]), 1000)

    def test_stop(self):
        """A stop ends them: with the end of their input, or else with SIGKILL."""
        self.server = self.serve(
            self.table("for request in ask(): pass\nopen(HERE + '/ended', 'w')"),
            self.table("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1000)", name="u"))
        pids = self.pids(2)
        wait_until(lambda: all(state_of(pid) == "S" for pid in pids), "both have started")
        self.server.stop()
        self.assertEqual([pid for pid in pids if is_alive(pid)], [])

    def test_stop_hears_them_out(self):
        """They can write what they have to say to their end, and more than a pipe holds."""
        self.server = self.serve(self.table("""
for request in ask(): pass
for descriptor in (1, 2):
    os.write(descriptor, b"x" * 500_000)
open(HERE + "/ended", "w")
"""))
        self.pids(1)
        wait_until(lambda: state_of(self.pids(1)[0]) == "S", "it has started")
        self.server.stop()
        self.assertTrue(os.path.exists(self.path("ended")))

    def test_moved_to_another_group(self):
        """What hangs is killed wherever it is."""
        self.start("""
for request in ask():
    if request["key"] == "bad" and not os.path.exists(HERE + "/other"):
        other = os.fork()
        if other == 0:
            os.setpgid(0, 0)
            time.sleep(1000)
        while os.getpgid(other) != other:
            time.sleep(0.01)
        os.setpgid(0, other)
        open(HERE + "/other", "w").write(str(other))
        time.sleep(1000)
    say(request, value=request["key"])
""", timeout="3s")
        first = self.pids(1)[0]
        self.check_payload(self.postfix.ask("t", "good"), "OK good")
        self.check_reason(self.postfix.ask("t", "bad"), "TIMEOUT")
        wait_until(lambda: os.path.exists(self.path("other")), "it has moved")
        self.check_recovers()
        self.assertFalse(is_alive(first))
        with open(self.path("other"), encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGKILL)

    def test_podop_is_killed(self):
        self.start("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1000)")
        pid = self.pids(1)[0]
        self.server.signal(signal.SIGKILL)
        self.server.wait()
        wait_until(lambda: state_of(pid) in (None, "Z"), "the program has ended")

    def check_fault(self, expected, **settings):
        text = harness.conf_file(listen=[{"socket": self.socket}], tables=[{"name": "t", "type": "program",
                                                                           **settings}])
        path = self.write("podop.conf", text)
        done = harness.run("PODOP", "-t", "-c", path)
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stderr, rf"^{re.escape(path)}:\d+: .*{expected}")

    def test_check(self):
        plain = self.write("plain", "#!/bin/sh\n")
        self.check_fault("no end to the quotes", param="python3 'x")
        self.check_fault("no shell is run", param="a | b")
        self.check_fault("the command line is empty", param=" ")
        self.check_fault("program 'nowhere-to-be-found' not found in", param="nowhere-to-be-found x")
        self.check_fault("No such file", param="/nowhere/to/be/found")
        self.check_fault("Permission denied", param=plain)
        self.check_fault("not a regular file", param="/etc")
        self.check_fault("expected an absolute path or a name without", param="./x")
        self.check_fault("'processes' .*must be from 1 to 64", param="cat", processes=65)
        self.check_fault("'retries' .*is for type \"url\" only", param="cat", retries=1)
        started = self.path("started")
        script = self.write("script", f"#!/bin/sh\ntouch {started}\n")
        os.chmod(script, 0o755)
        path = self.write("good.conf", harness.conf_file(listen=[{"socket": self.socket}], tables=[
            {"name": "t", "type": "program", "param": script, "processes": 64, "max_response": "2M"}]))
        self.assertEqual(harness.run("PODOP", "-t", "-c", path).returncode, 0)
        self.assertFalse(os.path.exists(started))


class Reload(Program):
    SLOW = """
for request in ask():
    if request["key"] == "slow":
        open(HERE + "/slow", "w").close()
        while not os.path.exists(HERE + "/go"):
            time.sleep(0.01)
    say(request, value=request["key"])
"""

    def test_reload(self):
        """Requests under way end on the old process, which then ends."""
        self.start(self.SLOW)
        old = self.pids(1)[0]
        self.postfix.request("t", "slow")
        wait_until(lambda: os.path.exists(self.path("slow")), "the program has the request")
        self.server.signal(signal.SIGHUP)
        self.pids(2)
        self.check_payload(self.client().ask("t", "new"), "OK new")
        self.assertTrue(is_alive(old))
        self.write("go", "")
        self.check_payload(self.postfix.read(), "OK slow")
        wait_until(lambda: not is_alive(old), "the old process has ended, and is no zombie")
        self.assertNotIn("level=warning", self.server.stderr)

    def test_old_process_that_stays(self):
        self.start(self.SLOW + "while True: time.sleep(1000)")
        old = self.pids(1)[0]
        self.check_payload(self.postfix.ask("t", "a"), "OK a")
        self.server.signal(signal.SIGHUP)
        self.check_payload(self.client().ask("t", "b"), "OK b")
        wait_until(lambda: not is_alive(old), "the old process is killed")

    def test_bad_reload_starts_nothing(self):
        self.start(ECHO)
        pids = self.pids(1)
        text = harness.conf_file(listen=[{"socket": self.socket}], tables=[
            self.table(ECHO), {"name": "u", "type": "program", "param": "/nowhere/to/be/found"}])
        self.write("podop.conf", text)
        self.server.signal(signal.SIGHUP)
        self.server.wait_log("event=reload_failed .*No such file")
        self.check_payload(self.postfix.ask("t", "a"), "OK a")
        self.assertEqual(self.pids(1), pids)

    def test_reloads_under_load(self):
        self.start(ECHO, processes=2)
        self.check_payload(self.postfix.ask("t", "a"), "OK a")
        before = self.server.descriptors()
        for number in range(10):
            for n in range(200):
                self.postfix.request("t", f"{number}-{n}")
                if n == 100:
                    self.server.signal(signal.SIGHUP)
                if n >= 50:
                    self.check_payload(self.postfix.read(), f"OK {number}-{n - 50}")
            for n in range(150, 200):
                self.check_payload(self.postfix.read(), f"OK {number}-{n}")
        wait_until(lambda: len(self.children()) == 2, "only the newest processes are left")
        wait_until(lambda: self.server.descriptors() == before, "all other descriptors are closed")


class Load(Program):
    def test_kills_at_random(self):
        """Each request is answered, a found value is the right one, and a miss is a real miss."""
        self.start("""
for request in ask():
    if request["op"] == "get":
        if request["key"].startswith("m"):
            say(request, "miss")
        else:
            say(request, value=request["key"])
""", processes=4)
        stop = threading.Event()
        chance = random.Random(7)
        counts, faults, progress = [], [], [0]

        def ask(number):
            client = harness.Socketmap(self.socket)
            found = 0
            for n in range(3000):
                keys = [f"{'m' if (number + n) % 3 == 0 else 'f'}{number}-{n}-{i}" for i in range(3)]
                for key in keys:
                    client.request("t", key)
                for key in keys:
                    answer = client.read()
                    right = b"NOTFOUND " if key[0] == "m" else b"OK " + key.encode()
                    found += answer == right
                    progress[0] += answer == right
                    if answer != right and not (answer or b"").startswith(b"TEMP table t: "):
                        faults.append((key, answer))
            counts.append(found)
            client.close()

        def kill():
            """Not before somebody has answered since the last time, however long a program takes to begin."""
            seen = 0
            while not stop.wait(chance.random() * 0.1):
                if progress[0] == seen:
                    continue
                seen = progress[0]
                for pid in self.children()[:1 + chance.randrange(2)]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

        askers = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        killer = threading.Thread(target=kill)
        for thread in [killer, *askers]:
            thread.start()
        for thread in askers:
            thread.join()
        stop.set()
        killer.join()
        self.assertEqual(faults, [])
        self.assertEqual(len(counts), 8)
        self.assertGreater(sum(counts), 0)
        wait_until(lambda: not any(state_of(pid) == "Z" for pid in self.children()), "no zombie is left")


if __name__ == "__main__":
    harness.main()
