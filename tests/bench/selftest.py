#!/usr/bin/python3
"""The load generator and the memory server understand each other, and the generator counts wrong answers.

selftest.py DIRECTORY finds the two programs in that directory. Nothing is timed.
"""

import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

SHAPES: tuple[tuple[str, ...], ...] = ((), ("--connections", "7", "--in-flight", "5"), ("--zipf", "1"))


def load(programs: pathlib.Path, path: pathlib.Path, *options: str) -> Any:
    """Runs the load generator and returns its report."""
    out = subprocess.run([programs / "load", "--socket", path, "--table", "virtual", *options],
                         check=True, stdout=subprocess.PIPE, timeout=60).stdout
    return json.loads(out)


def is_listening(path: pathlib.Path) -> bool:
    """Returns True once a server takes connections on a unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def check(programs: pathlib.Path, path: pathlib.Path, options: tuple[str, ...]) -> None:
    """Compares a run whose answers are right with one that expects others."""
    right = load(programs, path, *options)
    assert right["lookups"] == 3001, (options, right)
    assert right["wrong"] == 0 and right["not_ok"] == 0, (options, right)
    wrong = load(programs, path, *options, "--value", "/x/")
    assert wrong["lookups"] == 3001 == wrong["wrong"], (options, wrong)
    assert wrong["not_ok"] == 0, (options, wrong)


def main() -> None:
    """Starts the memory server and asks it in every shape."""
    programs = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="podop-bench-") as directory:
        path = pathlib.Path(directory) / "memory.sock"
        memory = subprocess.Popen([programs / "memory", path, "/k/"])
        try:
            while not is_listening(path):
                assert memory.poll() is None, "the memory server has ended"
                time.sleep(0.01)
            for protocol in "socketmap", "dict":
                for shape in SHAPES:
                    check(programs, path, ("--protocol", protocol, "--count", "3001", "--keys", "100", *shape))
        finally:
            memory.terminate()
            memory.wait()


if __name__ == "__main__":
    main()
