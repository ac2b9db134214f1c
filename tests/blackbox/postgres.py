"""A private PostgreSQL in a directory of its own, which listens on a unix socket only."""

import atexit
import functools
import glob
import os
import pwd
import shutil
import subprocess
import tempfile

import harness


def programs() -> str:
    """Returns the directory of the programs of the newest installed PostgreSQL; "" if there is none."""
    found = glob.glob("/usr/lib/postgresql/*/bin")
    return max(found, key=lambda path: int(path.split("/")[4]), default="")


def as_user() -> list[str]:
    """Returns a command prefix: PostgreSQL refuses to be root, so user postgres runs it."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


def run(directory: str, program: str, *words: str) -> None:
    """Runs one of the programs of PostgreSQL to the end; `directory` holds the cluster."""
    with tempfile.TemporaryFile() as output:  # not a pipe, as the server keeps it open
        done = subprocess.run([*as_user(), os.path.join(programs(), program), "-D", directory + "/data", *words],
                              cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                              timeout=3 * harness.GUARD, check=False)
        output.seek(0)
        if done.returncode != 0:
            raise AssertionError(f"{program} failed: {output.read().decode(errors='replace')}")


def private_directory() -> str:
    """Returns a new directory of the user that runs PostgreSQL."""
    directory = tempfile.mkdtemp(prefix="postgres-", dir="/tmp")
    os.chmod(directory, 0o755)
    if as_user():
        os.chown(directory, pwd.getpwnam("postgres").pw_uid, -1)
    return directory


@functools.cache
def new_cluster() -> str:
    """Returns the path of an empty cluster to copy: initdb takes longer than most tests."""
    directory = private_directory()
    atexit.register(shutil.rmtree, directory)
    run(directory, "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
    return directory + "/data"


class Postgres:
    """A server that can be stopped and started again."""

    def __init__(self) -> None:
        harness.need(programs(), "PostgreSQL")
        self.dir = private_directory()
        self.is_running = False
        subprocess.run(["cp", "-a", "--reflink=auto", new_cluster(), self.dir + "/data"], check=True)

    @property
    def address(self) -> str:
        """The connection string for a client."""
        return f"host={self.dir} user=postgres dbname=postgres connect_timeout=60"

    def start(self) -> None:
        """Starts the server and waits until it takes connections."""
        options = f"-k {self.dir} -c listen_addresses='' -c fsync=off"
        run(self.dir, "pg_ctl", "-w", "-l", self.dir + "/log", "-o", options, "start")
        self.is_running = True

    def stop(self) -> None:
        """Stops the server at once, even while clients are connected."""
        if self.is_running:
            self.is_running = False
            run(self.dir, "pg_ctl", "-w", "-m", "fast", "stop")

    def remove(self) -> None:
        """Stops the server and removes its directory."""
        self.stop()
        shutil.rmtree(self.dir)
