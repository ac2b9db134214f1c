"""Builds podop in a chroot of the Debian release that this system is not, and runs there what a release changes.

These are the tests with the label "release": against the libraries of that release, its Postfix and its Dovecot. The
build is kept in build/SUITE. Arguments go to ctest. The status is 0 if all passed, or if it cannot be done here.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import debian

OTHER = {"bookworm": "trixie", "trixie": "bookworm"}
INSIDE = "/mnt"  # where the chroot has the sources; every Debian has this folder
TARGETS = ("podop", "podopctl", "set_clock", "hold_clock", "sandbox_probe")

# No sanitizers: each release is tested with them where it is the system's own. This is about another libcurl, c-ares,
# json-c and OpenSSL, and about the warnings of another compiler.
STEPS = f"""
set -e
ip link set lo up
export HOME=/root LC_ALL=C.UTF-8
build=$1
shift
cmake -S {INSIDE} -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 -DPODOP_WERROR=ON
cmake --build "$build" --target {" ".join(TARGETS)}
exec ctest --test-dir "$build" --label-regex '^release$' --no-tests=error --output-on-failure "$@"
"""


def run(suite: str, place: str, arguments: list[str]) -> int:
    """Builds and tests there; returns the status."""
    build = os.path.join("build", suite)
    os.makedirs(os.path.join(debian.SOURCE, build), exist_ok=True)
    scratch = tempfile.mkdtemp(prefix=f"podop-{suite}-", dir="/tmp")
    os.chmod(scratch, 0o1777)
    parallel = ["--parallel", str(4 * len(os.sched_getaffinity(0)))]
    command = debian.inside(place, "sh", "-c", STEPS, "sh", os.path.join(INSIDE, build), *parallel, *arguments,
                            mounts=[(debian.SOURCE, INSIDE), (scratch, "/tmp")])
    # Its ports are its own, because the same tests may run out here; its processes too, so that none is left.
    command[1:1] = ["--net", "--pid", "--fork", "--kill-child"]
    kept = {name: os.environ[name] for name in ("CI", "TERM") if name in os.environ}
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, check=False,
                              env={**kept, "PATH": debian.PATH, debian.ONLY_INSTALLED: "1"}).returncode
    finally:
        shutil.rmtree(scratch)


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by an exception, which ends what was started
    suite = OTHER.get(debian.codename())
    if not suite:
        print("skipped: this system is not Debian 12 or 13")
        return 0
    try:
        place = debian.with_peers(suite)
    except unittest.SkipTest as reason:
        print(f"skipped: it needs {reason}")
        return 0
    except AssertionError as failure:
        print(f"no chroot of Debian {suite}: {failure}")
        return 1
    return run(suite, place, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
