"""The loop never blocks: neither on stderr nor on what a reload has to read."""

import contextlib
import functools
import json
import os
import pty
import re
import resource
import signal
import subprocess
import threading
import time
import tty

import harness
from control_case import Control
from harness import Case, conf_file, echo, netstring, url_table

LINES = 40_000  # lookups at -vv: more than any kernel and the queue of podop keep
WINDOW = 60  # lookups that a client has under way
LARGE = 400_000  # members of a file that takes a while
ATTEMPTS = 10  # to do something while it is read


class LoopCase(Case):
    def ask_many(self, client, number, table="j"):
        """Sends that many lookups and checks each answer."""
        for first in range(0, number, WINDOW):
            keys = range(first, min(first + WINDOW, number))
            client.send(b"".join(netstring(f"{table} {key}") for key in keys))
            for _ in keys:
                self.check_payload(client.read(), "NOTFOUND ")

    def configure(self, *tables, **settings):
        small = {"name": "j", "type": "json", "param": self.write("j.json", '{"k": "v"}')}
        return self.write("podop.conf", conf_file(
            listen=[{"socket": self.socket}], tables=[small, *tables], **settings))


class Stderr(LoopCase):
    """A stderr that is slow or blocked does not delay podop."""

    def start(self, stderr, **options):
        podop = subprocess.Popen([harness.binary("PODOP"), "-c", self.configure(), "-vv"], stdin=subprocess.DEVNULL,
                                 stderr=stderr, env=harness.clean_environment(), **options)

        def end():
            podop.kill()
            podop.wait()

        self.addCleanup(end)
        harness.wait_until(lambda: os.path.exists(self.socket) and not harness.refuses(self.socket), "podop listens")
        return podop

    def stop(self, podop):
        podop.send_signal(signal.SIGTERM)
        self.assertEqual(podop.wait(harness.GUARD), 0)

    def check_log(self, text, number):
        """Checks that whole lines came in order and that gaps are counted in place; returns the number of
        lost lines."""
        self.assertEqual(text[-1:], b"\n")
        expected = lost = 0
        for line in text.splitlines():
            self.assertRegex(line, rb"^time=[^ ]+ level=(debug|info|warning) event=[a-z_]+( [a-z_]+=.*)?$")
            self.assertEqual(line.count(b"level="), 1, line)
            if b"event=log_lines_lost" in line:
                gap = int(re.search(rb" lines=(\d+)$", line)[1])
                lost += gap
            elif b"event=lookup" in line:
                key = int(re.search(rb" key=(\d+) ", line)[1])
                self.assertGreaterEqual(key, expected)
                self.assertLessEqual(key - expected, lost)
                expected = key + 1
        self.assertLessEqual(expected, number)
        return lost

    def check_unread(self, reader, writer):
        """Leaves stderr unread during all lookups, then reads it."""
        podop = self.start(writer)
        os.close(writer)
        client = self.client()
        self.ask_many(client, LINES)
        got = bytearray()

        def read():
            with contextlib.suppress(OSError):  # the other end of a terminal has gone
                while more := os.read(reader, 65536):
                    got.extend(more)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        harness.wait_until(lambda: b"log_lines_lost" in got, "it says that lines were lost")
        self.check_payload(client.ask("j", str(LINES)), "NOTFOUND ")
        self.stop(podop)
        thread.join(harness.GUARD)
        os.close(reader)
        text = bytes(got).replace(b"\r\n", b"\n")
        lost = self.check_log(text, LINES + 1)
        self.assertEqual(lost + text.count(b"event=lookup"), LINES + 1)
        self.assertTrue(b"event=stopped" in text)

    def test_unread_terminal(self):
        master, slave = pty.openpty()
        tty.setraw(slave)
        self.check_unread(master, slave)

    def test_unread_pipe(self):
        self.check_unread(*os.pipe())

    def test_terminal_that_is_never_read_does_not_hold_up_the_end(self):
        master, slave = pty.openpty()
        podop = self.start(slave)
        os.close(slave)
        self.ask_many(self.client(), LINES)
        self.stop(podop)
        os.close(master)

    def test_terminal_stays_as_it_was_for_others(self):
        """The terminal is shared with the shell, so podop never makes it non-blocking."""
        master, slave = pty.openpty()
        podop = self.start(slave)
        self.ask_many(self.client(), 10)
        self.assertTrue(os.get_blocking(slave))
        self.stop(podop)
        self.assertTrue(os.get_blocking(slave))
        os.close(slave)
        os.close(master)

    def test_reader_that_closed_the_pipe(self):
        reader, writer = os.pipe()
        podop = self.start(writer)
        os.close(writer)
        os.close(reader)
        self.ask_many(self.client(), 1000)
        self.stop(podop)

    def test_full_disk(self):
        with open("/dev/full", "wb") as full:
            podop = self.start(full)
        self.ask_many(self.client(), 1000)
        self.stop(podop)

    def test_file_at_its_limit(self):
        """podop goes on, and what it could not write comes later: no line is cut."""
        path = self.path("log")
        limit = 10_000

        def set_limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

        with open(path, "ab") as log:
            podop = self.start(log, preexec_fn=set_limit)
        client = self.client()
        self.ask_many(client, 1000)
        harness.wait_until(lambda: os.path.getsize(path) == limit, "the file is at its limit")
        self.ask_many(client, 10)
        resource.prlimit(podop.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.stop(podop)
        with open(path, "rb") as log:
            text = log.read()
        self.assertGreater(len(text), limit)
        self.assertIn(b"event=stopped", text)
        self.assertEqual(text.count(b"event=lookup"), 1010)
        for line in text.splitlines():
            self.assertRegex(line, rb"^time=[^ ]+ level=[a-z]+ event=[a-z]+ ")
            self.assertEqual(line.count(b"time="), 1, line)

    def test_closed_standard_files(self):
        """No other descriptor gets their numbers, so log lines go nowhere else."""
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed):
                config = self.configure()
                podop = subprocess.Popen(
                    ["sh", "-c", f'exec "$0" "$@" {closed}', harness.binary("PODOP"), "-c", config, "-vv"],
                    stderr=subprocess.DEVNULL, env=harness.clean_environment())
                try:
                    harness.wait_until(lambda: os.path.exists(self.socket) and not harness.refuses(self.socket),
                                       "podop listens")
                    for number in range(3):
                        with open(f"/proc/{podop.pid}/fd/{number}", "rb"):
                            target = os.readlink(f"/proc/{podop.pid}/fd/{number}")
                        self.assertRegex(target, "^(/dev/null|pipe:.*|/dev/pts/.*|/.*)$")
                        self.assertNotRegex(target, "socket|anon_inode|memfd")
                    client = harness.Socketmap(self.socket)
                    self.ask_many(client, 100)
                    client.close()
                finally:
                    podop.send_signal(signal.SIGTERM)
                    self.assertEqual(podop.wait(harness.GUARD), 0)

    def test_podopctl_with_closed_standard_files(self):
        podop = self.podop("-c", self.configure())
        command = [harness.binary("PODOPCTL"), "get", "j", "none", "--socket", self.socket]
        for closed in ("<&-", "2>&-", "<&- 2>&-"):
            with self.subTest(closed):
                done = subprocess.run(["sh", "-c", f'exec "$0" "$@" {closed}', *command], capture_output=True,
                                      timeout=harness.GUARD, env=harness.clean_environment())
                self.assertEqual(done.returncode, 1)
        podop.stop()


class Reload(LoopCase):
    """Files are read while the loop serves clients."""

    @staticmethod
    @functools.cache
    def members():
        return ", ".join(f'"user{n}@example.com": ["box{n}", "b"]' for n in range(LARGE))

    def content(self, value):
        return f'{{"which": {json.dumps(value)}, {self.members()}}}'

    def start(self, *more, args=(), **settings):
        self.large = self.write("large.json", self.content("old"))
        self.tables = [{"name": "large", "type": "json", "param": self.large}, *more]
        self.control = self.path("control")
        return self.podop("-c", self.configure(*self.tables, control={"socket": self.control}, **settings), *args)

    def check_which(self, expected):
        client = harness.Socketmap(self.socket)
        self.check_payload(client.ask("large", "which"), "OK " + expected)
        client.close()

    @staticmethod
    def reloads(podop):
        return [line for line in list(podop.log) if "event=reload " in line]

    def control_client(self):
        control = Control(self.control)
        self.addCleanup(control.close)
        return control

    def test_lookups_while_a_file_is_read(self):
        podop = self.start(args=["-vv"])
        client = self.client()
        self.write("large.json", self.content("new"))
        podop.signal(signal.SIGHUP)
        while not self.reloads(podop):
            self.check_payload(client.ask("j", "during"), "NOTFOUND ")
        self.check_which("new")
        podop.stop()
        events = [re.search("event=([a-z]+)", line)[1] for line in podop.log]
        self.assertGreater(events[:events.index("reload")].count("lookup"), 20)

    def test_all_or_nothing(self):
        """A fault is reported with its place, and none of the other settings are applied."""
        podop = self.start()
        broken = self.content("new")[:-1] + ',\n\n"last": tru}'
        self.write("large.json", broken)
        self.write("j.json", '{"k": "new"}')
        podop.signal(signal.SIGHUP)
        line = podop.wait_log("event=reload_failed ")
        self.assertIn("large.json: invalid word (JSON has true, false and null) at line 3, column 9", line)
        self.check_which("old")
        self.check_payload(self.client().ask("j", "k"), "OK v")

    def test_asked_for_again_meanwhile(self):
        """Any number of signals during a reload causes one more, which reads the changes made meanwhile."""
        for _ in range(ATTEMPTS):
            podop = self.start()
            client = harness.Socketmap(self.socket)
            self.write("new.json", self.content("third"))
            self.write("large.json", self.content("second"))
            podop.signal(signal.SIGHUP)
            client.ask("j", "k")
            os.rename(self.path("new.json"), self.large)
            for _ in range(5):
                podop.signal(signal.SIGHUP)
                client.ask("j", "k")
            is_in_time = not self.reloads(podop)
            harness.wait_until(lambda: len(self.reloads(podop)) >= 2, "the second reload")
            self.check_which("third")
            self.check_payload(client.ask("j", "k"), "OK v")
            client.close()
            podop.stop()
            if is_in_time:
                self.assertEqual(len(self.reloads(podop)), 2)
                return
        self.fail("no file took long enough")

    def test_each_client_is_answered_when_it_is_done(self):
        podop = self.start()
        first, second, gone = self.control_client(), self.control_client(), self.control_client()
        self.write("large.json", self.content("new"))
        first.send(command="reload")
        first.send(command="stats")  # what comes after a reload is asked of what it leads to
        gone.ask(command="stats")  # the first has been heard by now
        second.send(command="reload")
        gone.send(command="reload")
        gone.close()
        self.assertEqual(first.read(), {"ok": True})
        self.check_which("new")
        self.assertEqual(first.read()["reloads"]["done"], 1)
        self.assertEqual(second.read(), {"ok": True})
        self.assertEqual(second.ask(command="stats")["reloads"]["done"], 2)
        self.write("large.json", "{")
        failed = first.ask(command="reload")
        self.assertFalse(failed["ok"])
        self.assertIn("large.json", failed["faults"][0])
        podop.stop()

    def stop_meanwhile(self, is_other_to_follow):
        """Sends SIGTERM during a reload; returns True if the reload was still under way."""
        podop = self.start()
        control, client = Control(self.control), harness.Socketmap(self.socket)
        control.send(command="reload")
        client.ask("j", "k")
        if is_other_to_follow:
            podop.signal(signal.SIGHUP)
            client.ask("j", "k")
        podop.signal(signal.SIGTERM)
        answer = control.read()
        control.close()
        client.close()
        self.assertEqual(podop.wait(), 0)
        if answer == {"ok": True}:
            return False
        self.assertIn("podop is stopping", answer["faults"])
        self.assertEqual(self.reloads(podop), [])
        self.assertEqual(any("podop is stopping" in line for line in podop.log), is_other_to_follow)
        return True

    def test_stopped_meanwhile(self):
        for is_other_to_follow in (False, True):
            with self.subTest(is_other_to_follow):
                self.assertTrue(any(self.stop_meanwhile(is_other_to_follow) for _ in range(ATTEMPTS)))

    def test_file_that_did_not_change_is_not_read(self):
        podop = self.start()
        size = os.path.getsize(self.large)

        def read_so_far():
            with open(f"/proc/{podop.pid}/io", encoding="ascii") as io:
                return int(re.search(r"rchar: (\d+)", io.read())[1])

        def reload():
            before, number = read_so_far(), len(self.reloads(podop))
            podop.signal(signal.SIGHUP)
            harness.wait_until(lambda: len(self.reloads(podop)) > number, "a reload")
            return read_so_far() - before

        harness.wait_until(lambda: int(time.time()) > int(os.stat(self.large).st_ctime) + 1, "the file is old enough")
        reload()
        self.assertLess(reload(), size / 2)
        self.check_which("old")
        with open(self.large, "r+b") as file:  # in place, and as long as before
            file.write(b'{"which": "new"')
        self.assertGreaterEqual(reload(), size)
        self.check_which("new")

    def test_iteration_goes_on_in_the_old_table(self):
        podop = self.start()
        ctl = subprocess.Popen([harness.binary("PODOPCTL"), "iterate", "large", "user", "--socket", self.socket],
                               stdout=subprocess.PIPE, env=harness.clean_environment())
        first = ctl.stdout.readline()
        self.write("large.json", '{"which": "new"}')
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload ")
        self.check_which("new")
        rest = ctl.stdout.read().splitlines()
        self.assertEqual(ctl.wait(harness.GUARD), 0)
        ctl.stdout.close()
        self.assertEqual(len([first, *rest]), LARGE)

    def test_many_tables(self):
        """Tables are opened while the loop serves clients, and take effect all at once."""
        backend = self.backend(default=echo)
        tables = [url_table(backend, f"t{number}") for number in range(2000)]
        podop = self.start(*tables, args=["-vv"])
        client = self.client()
        self.configure(*self.tables, url_table(backend, "new"))
        podop.signal(signal.SIGHUP)
        while client.ask("new", "k") != b"OK k":
            self.check_payload(client.ask("t1999", "k"), "OK k")
        self.check_payload(client.ask("t0", "k"), "OK k")
        podop.stop()


if __name__ == "__main__":
    harness.main()
