"""Program tables: a co-process that dies, hangs or lies costs only requests under way, and is replaced."""

import os
import re
import time

import harness
from dict import Dict
from harness import wait_until
from program_case import RECORD, Program, is_alive


class Deaths(Program):
    """When a process goes wrong, its requests fail temporarily and it is replaced."""

    def check_failure(self, source, reason, **settings):
        """Sends key "bad" while another request waits, and checks that the log has the reason."""
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
        """Returns a program that executes these lines for key "bad"."""
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
                           "it ended with status 1, last line of stderr: ValueError: what a pity")

    def test_signal(self):
        self.check_failure(self.bad("os.kill(os.getpid(), signal.SIGSEGV)"), "killed by signal 11")

    def test_kill(self):
        self.check_failure(self.bad("os.kill(os.getpid(), signal.SIGKILL)"), "killed by signal 9")

    def test_child_holds_the_pipes(self):
        self.check_failure(self.bad("if os.fork() == 0:", "    time.sleep(1000)", "os._exit(4)"), "with status 4")

    def test_closed_output(self):
        self.check_failure(self.bad("os.close(1)", "time.sleep(1000)"), "it closed its input or its output")

    def test_closed_input(self):
        """podop notices when it writes the next request."""
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
        self.check_failure(self.bad('os.write(1, b"\\xff\\n")'), "byte 0xff is not UTF-8")

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

    def test_answer_to_an_unknown_request(self):
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
        self.assertIn(b"it sent no answer for 500 ms", self.postfix.ask("t", "bad"))  # however soon it is asked again
        self.server.wait_log("reason=.*it sent no answer for 500 ms while requests waited")
        self.check_recovers()
        self.assertFalse(is_alive(first))

    def test_long_start(self):
        """A start may take longer than an answer, and is not ended by lookups that time out meanwhile."""
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

    def test_hang_after_the_first_answer(self):
        """The process has started by then, so the table's timeout holds."""
        self.start("""
for request in ask():
    if request["op"] != "get":
        continue
    if request["key"] == "b":
        time.sleep(1000)
    say(request, value=request["key"])
""", timeout="2s")
        first = self.pids(1)[0]
        other = self.client()
        other.send(harness.netstring("t a") + harness.netstring("t b"))
        self.check_payload(other.read(), "OK a")
        self.check_reason(other.read(), "TIMEOUT")
        self.server.wait_log("reason=.*it sent no answer for 2000 ms while requests waited")
        self.check_recovers()
        self.assertFalse(is_alive(first))

    def test_late_answer_is_no_fault(self):
        """A process that answers other requests meanwhile is not taken for hung."""
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
        """Returns clients with so many unanswered requests under way."""
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
        """Any number of them does not make podop kill the process."""
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
        """podop's memory is bounded, and each request is answered."""
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
        """The pause before the next start grows: one second, then two."""
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
        """A lookup is sent once more, to a process that lives; a second death ends it."""
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
        """Checks that, once a key has killed processes, other keys are answered while it goes on."""
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


if __name__ == "__main__":
    harness.main()
