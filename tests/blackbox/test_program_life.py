"""Program tables: the environment of a co-process, its end, reloads, and load."""

import contextlib
import json
import os
import pwd
import random
import re
import signal
import threading

import harness
from harness import wait_until
from program_case import ECHO, Program, is_alive, state_of


class Surroundings(Program):
    SHOW = """
def show():
    descriptors = sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1]
    status = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
    return {"descriptors": descriptors, "environment": dict(os.environ), "directory": os.getcwd(),
            "group": os.getpgrp() == os.getpid(), "uid": os.getuid(), "gids": os.getgroups(),
            "blocked": status["SigBlk"],
            "ignored": int(os.popen("cat /proc/self/status | grep SigIgn").read().split()[1], 16)}
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
        """A stop ends the processes by closing their input, or else with SIGKILL."""
        self.server = self.serve(
            self.table("for request in ask(): pass\nopen(HERE + '/ended', 'w')"),
            self.table("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1000)", name="u"))
        pids = self.pids(2)
        wait_until(lambda: all(state_of(pid) == "S" for pid in pids), "both have started")
        self.server.stop()
        self.assertEqual([pid for pid in pids if is_alive(pid)], [])

    def test_stop_hears_them_out(self):
        """They can write all they have to say before they end, even more than a pipe holds."""
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
        """A hung process is killed in whatever process group it is."""
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
        self.check_fault("unclosed quote", param="python3 'x")
        self.check_fault("podop runs no shell", param="a | b")
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
        """Requests under way end on the old process, which ends after them."""
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
        # Enough tables for several turns of the loop, in which podop opens them.
        others = [{"name": f"t{n}", "type": "dns", "param": "mx.example.org"} for n in range(1000)]
        text = harness.conf_file(listen=[{"socket": self.socket}], tables=[
            self.table(ECHO), *others, {"name": "u", "type": "program", "param": "/nowhere/to/be/found"}])
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
        """Each request is answered with the right value or a failure, and never with a wrong miss."""
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
            """Kills a process only after an answer since the last time, however long a program takes to start."""
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
