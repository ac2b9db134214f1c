"""A private PostgreSQL in a directory of its own, which listens on a unix socket only."""

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


class Postgres:
    """A server that can be stopped and started again. PostgreSQL refuses to be root, so user postgres runs it."""

    def __init__(self) -> None:
        harness.need(programs(), "PostgreSQL")
        self.dir = tempfile.mkdtemp(prefix="postgres-", dir="/tmp")
        self.is_running = False
        os.chmod(self.dir, 0o755)
        self.as_user: list[str] = []
        if os.geteuid() == 0:
            self.as_user = ["runuser", "-u", "postgres", "--"]
            os.chown(self.dir, pwd.getpwnam("postgres").pw_uid, -1)
        self.run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")

    @property
    def address(self) -> str:
        """The connection string for a client."""
        return f"host={self.dir} user=postgres dbname=postgres connect_timeout=3"

    def run(self, program: str, *words: str) -> None:
        """Runs one of its programs to the end."""
        with tempfile.TemporaryFile() as output:  # not a pipe, as the server keeps it open
            done = subprocess.run([*self.as_user, os.path.join(programs(), program), "-D", self.dir + "/data", *words],
                                  cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                  timeout=3 * harness.GUARD, check=False)
            output.seek(0)
            if done.returncode != 0:
                raise AssertionError(f"{program} failed: {output.read().decode(errors='replace')}")

    def start(self) -> None:
        """Starts the server and waits until it takes connections."""
        options = f"-k {self.dir} -c listen_addresses='' -c fsync=off"
        self.run("pg_ctl", "-w", "-l", self.dir + "/log", "-o", options, "start")
        self.is_running = True

    def stop(self) -> None:
        """Stops the server at once, even while clients are connected."""
        if self.is_running:
            self.is_running = False
            self.run("pg_ctl", "-w", "-m", "fast", "stop")

    def remove(self) -> None:
        """Stops the server and removes its directory."""
        self.stop()
        shutil.rmtree(self.dir)
