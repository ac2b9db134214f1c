"""podopctl top: its picture, keys, signals and sizes on a terminal, and its text elsewhere."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import harness
from control_case import DOWN, FAILED, USAGE, ControlCase
from harness import url_table, wait_until
from terminal import Terminal

UTF8 = {"LC_ALL": "C.UTF-8", "TERM": "xterm"}
FAST = ("--interval", "0.1")


class FakePodop:
    """A control socket that answers with whatever a test wants podop to have counted."""

    def __init__(self, path):
        self.answer = {}
        self.path = path
        self.asked = 0
        self._listener = harness.listen(path)
        self._clients = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                self._clients.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client.makefile("rb") as lines:
            for _ in lines:
                self.asked += 1
                client.sendall(json.dumps({"ok": True, **self.answer}).encode() + b"\n")

    def stop(self):
        for sock in [self._listener, *self._clients]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def answer_of(pid=1, uptime=100, **tables):
    """An answer to stats, with lookups and temporary failures of each table."""
    return {"version": "9.9", "pid": pid, "uptime_s": uptime, "tables": [
        {"table": name, "lookups": lookups, "answers": {"found": lookups - failed, "temporary": failed}}
        for name, (lookups, failed) in tables.items()]}


class TopCase(ControlCase):
    def terminal(self, *args, env=None, **size):
        terminal = Terminal([harness.binary("PODOPCTL"), "top", "--control", self.control, *args],
                            harness.clean_environment({**UTF8, **(env or {})}), **size)
        self.addCleanup(terminal.close)
        return terminal

    def fake(self, **answer):
        fake = FakePodop(self.control)
        self.addCleanup(fake.stop)
        fake.answer = answer_of(**answer)
        return fake

    def check_end(self, terminal, status):
        """Checks how the program ended, and that the terminal is as it was."""
        self.assertEqual(terminal.wait(), status)
        wait_until(terminal.is_as_before, "the terminal is as before")


class Picture(TopCase):
    def test_shows_what_podop_does(self):
        self.start(url_table(self.http, "alias", cache={"ttl": "1h"}), url_table(self.http, "other", "/o/§"))
        self.http.on("/o/down", DOWN)
        terminal = self.terminal(*FAST)
        terminal.wait_line(r"^podop \d+\.\d+\.\d+, pid \d+, up 00:00:\d\d, memory \d+\.\d MiB   \d\d:\d\d:\d\d$")
        client = self.client()

        def sees(pattern, table, key):
            def ask():
                client.ask(table, key)
                return any(re.search(pattern, line) for line in terminal.lines)
            wait_until(ask, pattern)

        sees(r"^alias +[1-9][0-9.k]* +[1-9][0-9.k]* +0 +0 +\d+% ", "alias", "k")
        sees(r"^other +[1-9][0-9.k]* +0 +0 +[1-9][0-9.k]* +- ", "other", "down")
        terminal.press("q")
        self.check_end(terminal, 0)

    def test_failures(self):
        self.start(url_table(self.http, "t"))
        self.http.on("/down", DOWN)
        terminal = self.terminal(*FAST, columns=130)
        client = self.client()

        def sees(pattern):
            client.ask("t", "down")
            return any(re.search(pattern, line) for line in terminal.lines)

        wait_until(lambda: sees(r"^t +[0-9.]+ +0 +0 +[1-9]"), "failures are counted")
        failing = re.escape(self.http.url) + r" failing +\d+[sm] .* the backend answered with status 503"
        wait_until(lambda: sees(failing),
                   "the backend and its reason")
        self.assertIn("31", terminal.screen.colours)

    def test_keys_change_the_order(self):
        fake = self.fake(a=(1, 1), b=(1, 1), c=(1, 1))
        terminal = self.terminal(*FAST)
        terminal.wait_line("^c ")
        fake.answer = answer_of(a=(2, 2), b=(900, 1), c=(30, 30))

        def order():
            return [line[0] for line in terminal.lines if re.match(r"[abc] ", line)]

        for key, expected in (("l", "bca"), ("f", "cab"), ("n", "abc"), ("p", "abc"), ("x", "abc"), ("l", "bca")):
            with self.subTest(key=key):
                terminal.press(key)
                wait_until(lambda wanted=list(expected): order() == wanted, f"{key}: {expected}")
        terminal.press("j")
        wait_until(lambda: order() == ["c", "a"], "scrolled")
        terminal.press("jjjjk")
        wait_until(lambda: order() == ["c", "a"], "scrolled to the end, and back by one")

    def test_follows_the_size(self):
        self.fake(**{f"table{i:02}": (i, 0) for i in range(40)})
        terminal = self.terminal(*FAST)
        terminal.wait_line(r"^\.\.\. and 23 more$")
        for columns, lines, pattern in ((80, 60, "^table00 "), (20, 24, r"^TABLE +LOOKUPS/S$"), (5, 2, "^by l~$"),
                                        (1, 1, "^~$"), (200, 50, "^table10 .* -  +0  +0 "), (80, 24, "q quit$")):
            with self.subTest(columns=columns, lines=lines):
                terminal.resize(columns, lines)
                terminal.wait_line(pattern)
                terminal.check_fits()
        terminal.press("q")
        self.check_end(terminal, 0)

    def test_follows_the_size_at_once(self):
        fake = self.fake(a=(1, 0))
        terminal = self.terminal("--interval", "3600")
        wait_until(lambda: fake.asked == 2, "nothing else will happen")
        terminal.wait_line("^a +0 ")
        terminal.resize(20, 10)
        terminal.wait_line("~$")
        terminal.resize(100, 30)
        terminal.wait_line("q quit$")
        self.assertEqual(fake.asked, 2)

    def test_names_cannot_move_the_cursor(self):
        fake = self.fake()
        names = ("日本語の長い名前のテーブル", "\x1b[2J\x1b]0;x\x07\x9b", "a\u202eb\u0301")
        fake.answer = answer_of(**{name: (1, 0) for name in names})
        fake.answer["version"] = "\x1b[31m9"
        terminal = self.terminal(*FAST)
        for pattern in (r"^podop \\x1b\[31m9, pid", r"^日本語の長い名前の~ ", r"^\\x1b\[2J\\x1b\]0;x~ ", r"^a\\u202eb\\u0301 "):
            terminal.wait_line(pattern)
        terminal.check_fits()

    def test_without_colour(self):
        for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
            with self.subTest(env=env):
                fake = self.fake(a=(1, 1))
                terminal = self.terminal(*FAST, env=env)
                terminal.wait_line("^a ")
                fake.answer = answer_of(a=(1_000_000, 1_000_000))
                terminal.wait_line(r"^a +[0-9.]+[kM] ")
                self.assertEqual("31" in terminal.screen.colours, coloured)
                terminal.press("q")
                self.check_end(terminal, 0)
                fake.stop()


class Life(TopCase):
    def test_signals(self):
        self.fake(a=(1, 0))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
                       signal.SIGALRM):
            with self.subTest(signal=number.name):
                terminal = self.terminal(*FAST)
                terminal.wait_line("^a ")
                self.assertFalse(terminal.is_as_before())
                terminal.process.send_signal(number)
                self.check_end(terminal, -number)

    def test_interrupt_key(self):
        self.fake(a=(1, 0))
        terminal = self.terminal(*FAST)
        terminal.wait_line("^a ")
        terminal.press("\x03")
        self.check_end(terminal, -signal.SIGINT)

    def test_stopped_and_continued(self):
        """Under a shell with job control: the terminal is the shell's while top is stopped."""
        harness.need(shutil.which("bash"), "bash")
        self.fake(a=(1, 0))
        terminal = Terminal(["bash", "--norc", "--noprofile", "--noediting", "-i"],
                            harness.clean_environment({**UTF8, "PS1": "shell> ", "HISTFILE": ""}))
        self.addCleanup(terminal.close)
        terminal.wait_line("^shell>")
        terminal.press(f"{harness.binary('PODOPCTL')} top --control {self.control} --interval 0.1\n")
        terminal.wait_line("^a ")
        self.assertTrue(terminal.screen.is_own)
        for _ in range(2):
            terminal.press("\x1a")
            wait_until(terminal.is_as_before, "the terminal is the shell's")
            terminal.wait_line("Stopped")
            terminal.press("fg\n")
            wait_until(lambda: terminal.screen.is_own, "it goes on")
            terminal.wait_line("^a ")
        terminal.press("q")
        wait_until(terminal.is_as_before, "it has ended")
        terminal.press("echo status $?\n")
        terminal.wait_line("status 0$")
        terminal.press("exit\n")
        self.assertEqual(terminal.wait(), 0)

    def test_signal_to_stop_without_a_shell(self):
        """A process group without a shell is not stopped: top goes on."""
        self.fake(a=(1, 0))
        terminal = self.terminal(*FAST)
        terminal.wait_line("^a ")
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.press("f")
        terminal.wait_line("^by failures")
        self.assertTrue(terminal.screen.is_own)

    def test_podop_goes_away_and_comes_back(self):
        config = self.configure(url_table(self.http))
        podop = self.podop("-c", config)
        self.client().ask("t", "k")
        terminal = self.terminal(*FAST)
        terminal.wait_line(r"^t +0 +0 ")
        podop.stop()
        away = terminal.wait_line(r"^NO ANSWER since \d\d:\d\d:\d\d \(\d+s\): ")
        since = away.split()[3]
        terminal.wait_line(r"^NO ANSWER since " + since + r" \([1-9]s\): cannot connect to podop on ")
        terminal.wait_line(r"^t +- +- ")
        self.podop("-c", config)
        wait_until(lambda: not any("NO ANSWER" in line for line in terminal.lines), "it answers again")
        terminal.wait_line(r"^t +0 +0 ")
        self.assertFalse([line for line in terminal.lines if re.search(r"\s-\d", line)])
        terminal.press("q")
        self.check_end(terminal, 0)

    def test_counters_that_fall(self):
        """Another process, or the same id again after a restart, or a table that was replaced."""
        fake = self.fake(pid=7, a=(5000, 0))
        terminal = self.terminal(*FAST)
        terminal.wait_line(r"^a +0 ")
        for answer in (answer_of(pid=8, uptime=1, a=(3, 0)), answer_of(pid=8, uptime=0, a=(1, 0)),
                       answer_of(pid=8, uptime=0, a=(0, 0))):
            asked = fake.asked
            fake.answer = answer
            for _ in range(2):
                wait_until(lambda seen=asked: fake.asked > seen, "asked again")
                asked = fake.asked
                self.assertFalse([line for line in terminal.lines if re.search(r"\s-\d", line)])
            terminal.wait_line(r"^a +0 ")

    def test_podop_that_is_frozen(self):
        podop = self.start(url_table(self.http))
        terminal = self.terminal(*FAST, "--timeout", "1", columns=200)
        terminal.wait_line(r"^t +0 ")
        podop.freeze()
        try:
            terminal.wait_line(r"^NO ANSWER since .*: podop on \S+ did not answer within 1 s")
            terminal.press("f")
            terminal.wait_line("^by failures")
        finally:
            podop.signal(signal.SIGCONT)
        wait_until(lambda: not any("NO ANSWER" in line for line in terminal.lines), "it answers again")


class Text(TopCase):
    def once(self, *args, env=None, status=0):
        done = subprocess.run([harness.binary("PODOPCTL"), "top", "--control", self.control, *args],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=harness.GUARD, check=False,
                              env=harness.clean_environment({**UTF8, **(env or {})}))
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertNotIn(b"\x1b", done.stdout + done.stderr)
        return done

    def test_pipe(self):
        """Elsewhere than on a terminal, one picture of text has all tables and all columns."""
        self.fake(**{f"table{i:02}": (i, 0) for i in range(40)})
        for args in ((), ("--once",)):
            lines = self.once(*FAST, *args).stdout.decode().splitlines()
            self.assertRegex(lines[0], "^podop 9.9, pid 1, ")
            self.assertEqual(sum(line.startswith("table") for line in lines), 40)
            self.assertRegex(lines[4], r"^TABLE +LOOKUPS/S .* LOST$")
            self.assertNotIn("quit", lines[-1])

    def test_terminals_that_cannot_be_filled(self):
        self.fake(a=(1, 0))
        for args, env in (((), {"TERM": "dumb"}), ((), {"TERM": ""}), (("--once",), {})):
            with self.subTest(args=args, env=env):
                terminal = self.terminal(*FAST, *args, env=env)
                self.assertEqual(terminal.wait(), 0)
                terminal.wait_line("^a ")
                self.assertEqual(terminal.screen.colours, set())
                self.assertTrue(terminal.is_as_before())

    def test_nobody_answers(self):
        self.assertRegex(self.once(status=FAILED).stderr, rb"^podopctl: cannot connect to podop on ")
        terminal = self.terminal()
        self.assertEqual(terminal.wait(), FAILED)
        terminal.wait_line("^podopctl: cannot connect to podop on ")
        self.assertTrue(terminal.is_as_before())

    def test_server_that_is_not_podop(self):
        fake = self.fake()
        fake.answer = {"ok": False}
        self.assertRegex(self.once(status=FAILED).stderr, rb"^podopctl: podop on .* refused to tell its counters")

    def test_output_that_cannot_be_written(self):
        self.fake(a=(1, 0))
        with open("/dev/full", "wb") as full:
            done = subprocess.run([harness.binary("PODOPCTL"), "top", "--control", self.control, *FAST], stdout=full,
                                  stderr=subprocess.PIPE, timeout=harness.GUARD, check=False)
        self.assertEqual(done.returncode, FAILED)

    def test_usage(self):
        for args in (["top", "t"], ["top", "--json"], ["top", "--interval", "0"], ["top", "--interval", "0.05"],
                     ["top", "--interval", "1s"], ["top", "--interval", "-1"], ["top", "--interval", "3601"],
                     ["top", "--interval", "1.0001"], ["top", "--interval", ".5"], ["top", "--interval", "1e3"],
                     ["stats", "--once"], ["stats", "--interval", "1"]):
            with self.subTest(args=args):
                self.ctl(*args, status=USAGE)


if __name__ == "__main__":
    harness.main()
