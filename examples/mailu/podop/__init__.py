"""run_server() of the Python podop, for the start scripts of Mailu's images: it runs the podop that is written in C.

docs/mailu.md says how it comes into an image, and why each setting below is needed.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from types import FrameType

PODOP = "/usr/sbin/podop"  # whole, because a Python podop in the virtual environment has the same name
RESTART_SECONDS = 1
NO_USE_TO_RESTART = (64, 78)  # wrong usage, and a configuration with a fault

# What podop has to know of Mailu's admin, for each type of server and for tables of these names.
SETTINGS = {
    "postfix": ('defaults.temporary=("4xx")', "defaults.miss=(404, 308)", "defaults.timeout=30s",
                "pool.idle_timeout=1s"),
    "dovecot": ('defaults.temporary=("4xx")', "defaults.miss=(404, 308)", "defaults.timeout=25s"),
}
TABLE_SETTINGS = {"dane": ("timeout=60s",), "senderrate": ("retries=0",)}


def command_line(verbosity: int, server_type: str, socket: str, tables: Iterable[tuple[str, str, str]]) -> list[str]:
    """Returns the command line of a podop that serves these tables: of each its name, its type and its parameter."""
    command = [PODOP, "--mode", server_type, "--socket", socket, *["-v"] * min(verbosity, 2)]
    for setting in SETTINGS[server_type]:
        command += ["--set", setting]
    for name, table_type, param in tables:
        command += ["--name", name, "--type", table_type, "--param", param]
        for setting in TABLE_SETTINGS.get(name, ()):
            command += ["--set", f"tables.{name}.{setting}"]
    return command


def run_server(verbosity: int, server_type: str, socket: str, tables: Iterable[tuple[str, str, str]]) -> None:
    """Runs podop until a signal ends this process; starts it again when it ends by itself."""
    command = command_line(verbosity, server_type, socket, tables)
    signal.signal(signal.SIGTERM, end)
    podop = None
    try:
        while True:
            podop = subprocess.Popen(command)
            status = podop.wait()
            if status in NO_USE_TO_RESTART:
                sys.exit(status)
            print(f"podop: ended with status {status}, starting it again", file=sys.stderr, flush=True)
            time.sleep(RESTART_SECONDS)
    finally:
        if podop is not None:
            podop.terminate()
            podop.wait()


def end(_number: int, _frame: FrameType | None) -> None:
    """Ends this process, and podop with it, after a signal."""
    sys.exit(0)
