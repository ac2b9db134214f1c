"""The base of tests of podop_table.py: a program in Python, asked over pipes as podop asks it."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading

import harness
from harness import Case

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = os.path.join(SOURCE, "python")


class Program:
    """A running table, with podop's ends of its pipes."""

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
        """Waits for the answer to a request and returns it without its id."""
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
        """Returns the last answer of an iteration, with the rows of all parts in it."""
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
        """Closes the program's input and waits for its end."""
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
        """Writes a file of tables, with podop_table beside it."""
        if not os.path.lexists(self.path("podop_table.py")):
            os.symlink(os.path.join(PYTHON, "podop_table.py"), self.path("podop_table.py"))
        return self.write("mytable.py", "import podop_table\nfrom podop_table import *\n" + text)

    def program(self, text):
        with open(self.path("stderr"), "ab") as stderr:
            program = Program(self.file(text), stderr)
        self.addCleanup(self.end, program)
        return program

    def end(self, program):
        """Checks that a program ends with status 0 after its input."""
        if program.process.returncode is None:
            self.assertEqual(program.end(), 0, self.stderr())

    def stderr(self):
        with open(self.path("stderr"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def signal_of(self, name):
        """Waits until a table has created this file."""
        harness.wait_until(lambda: os.path.exists(self.path(name)), name)

    def gate(self):
        """Returns source lines for a table: wait() and wait_async() return once open() is called here, and
        reached() waits for their call."""
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
