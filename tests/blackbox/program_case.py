"""The base of tests of program tables: programs in Python that say how they are asked."""

import contextlib
import json
import os
import re

from harness import Case, wait_until

# The first lines of every program. `ask` yields the requests; `say` answers.
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

# Writes each request to a file, for the test to read.
RECORD = """
def record(request):
    with open(HERE + "/requests", "a") as file:
        file.write(json.dumps(request) + "\\n")
"""


def is_alive(pid):
    """Returns True if there is such a process, even as a zombie."""
    return os.path.exists(f"/proc/{pid}")


def state_of(pid):
    """Returns the state of a process (R, S, Z...), or None if there is none."""
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat", encoding="latin-1") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    return None


class Program(Case):
    def table(self, source, name="t", preamble=PREAMBLE, **settings):
        """Returns a table whose program is this Python source; the file is replaced at once, so a starting
        process reads all of it."""
        path = self.path(f"{name}.py")
        os.replace(self.write(f"{name}.py.new", f"HERE = {self.dir!r}\n{preamble}\n{source}"), path)
        return {"name": name, "type": "program", "param": f"python3 {path}", "processes": 1, **settings}

    def start(self, source, **settings):
        self.server = self.serve(self.table(source, **settings))
        self.postfix = self.client()

    def pids(self, number):
        """Waits for so many started processes and returns their ids."""
        def found():
            return re.findall(r"event=program_started table=\w+ pid=(\d+)", "\n".join(list(self.server.log)))
        wait_until(lambda: len(found()) >= number, f"{number} programs were started")
        return [int(pid) for pid in found()]

    def children(self):
        """Returns all children of podop, including zombies."""
        with open(f"/proc/{self.server.pid}/task/{self.server.pid}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def requests(self):
        """Returns the requests that RECORD wrote."""
        with contextlib.suppress(FileNotFoundError):
            with open(self.path("requests"), encoding="utf-8") as file:
                return [json.loads(line) for line in file if line.endswith("\n")]
        return []

    def check_recovers(self):
        """Checks that lookups are answered once a new process runs."""
        wait_until(lambda: self.client().ask("t", "again") == b"OK again", "the program answers again")
