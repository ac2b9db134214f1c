#!/usr/bin/python3
"""selftest.py DIRECTORY - the load generator and the memory server of that directory understand each
other, and a wrong answer is told from a right one. Nothing is timed."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time


def load(programs, socket, *options):
    out = subprocess.run([programs / "load", "--socket", socket, "--table", "virtual", *options],
                         check=True, stdout=subprocess.PIPE, timeout=60).stdout
    return json.loads(out)


def main():
    programs = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="podop-bench-") as directory:
        socket = pathlib.Path(directory) / "memory.sock"
        memory = subprocess.Popen([programs / "memory", socket, "/k/"])
        try:
            while not socket.exists():
                assert memory.poll() is None, "the memory server has ended"
                time.sleep(0.01)
            time.sleep(0.05)  # between its bind() and its listen()
            for protocol in "socketmap", "dict":
                for shape in (), ("--connections", "7", "--in-flight", "5"), ("--zipf", "1"):
                    options = ("--protocol", protocol, "--count", "3001", "--keys", "100", *shape)
                    right = load(programs, socket, *options)
                    assert right["lookups"] == 3001, right
                    assert right["wrong"] == 0 and right["not_ok"] == 0, right
                    wrong = load(programs, socket, *options, "--value", "/x/")
                    assert wrong["lookups"] == 3001 == wrong["wrong"], wrong
                    assert wrong["not_ok"] == 0, wrong
        finally:
            memory.terminate()
            memory.wait()


main()
