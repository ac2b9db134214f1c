"""podop and podopctl as processes: started, watched through the log and /proc, stopped and checked."""

import contextlib
import os
import re
import resource
import signal
import subprocess
import threading
from collections.abc import Iterable, Mapping

from basics import GUARD, binary, wait_until

SANITIZER = re.compile(r"ERROR: AddressSanitizer|runtime error:|LeakSanitizer")


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns the environment without the proxies, which libcurl would obey."""
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    env.update(extra or {})
    return env


def small_quarantine() -> dict[str, str]:
    """Returns settings that make AddressSanitizer give freed memory back, for tests that watch podop's size."""
    options = [os.environ.get("ASAN_OPTIONS", ""), "quarantine_size_mb=1", "thread_local_quarantine_size_kb=64"]
    return {"ASAN_OPTIONS": ":".join(filter(None, options))}


def check_sanitizers(stderr: str) -> None:
    """Fails if a sanitizer reported a fault."""
    if SANITIZER.search(stderr):
        raise AssertionError("a sanitizer reported:\n" + stderr)


def run(variable: str, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the program that an environment variable names to its end and returns its status and output."""
    done = subprocess.run([binary(variable), *args], input=stdin, capture_output=True, timeout=GUARD, check=False,
                          env=clean_environment(), encoding="utf-8", errors="surrogateescape")
    check_sanitizers(done.stderr)
    return done


def limit_descriptors(pid: int, number: int) -> None:
    """Sets the maximum number of descriptors of a running process."""
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (number, number))


def has_ended(pid: int | str) -> bool:
    """Returns True if a process does not exist any more, or is a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def is_frozen(pid: int | str) -> bool:
    """Returns True if no thread of a process runs until SIGCONT, or if the process has ended."""
    states = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii", errors="replace") as file:
                states.add(file.read().rsplit(")", 1)[1].split()[0])
    return states <= {"T", "Z", "X"}


class Podop:
    """A running podop; `log` collects the lines of its stderr."""

    def __init__(self, *args: str, env: Mapping[str, str] | None = None, through: Iterable[str] = (),
                 pass_fds: Iterable[int] = (), program: str | None = None) -> None:
        """Starts podop; `through` is a command that executes podop with podop's arguments, `program` another podop."""
        self.log: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen([*through, program or binary("PODOP"), *args], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, pass_fds=tuple(pass_fds),
                                        env=clean_environment(env), encoding="utf-8", errors="surrogateescape")
        self.pid = self.process.pid
        self._reader = threading.Thread(target=self._read_log, name="log reader", daemon=True)
        self._reader.start()

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.log.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def wait_log(self, pattern: str) -> str:
        """Waits for a log line that matches the regular expression and returns the first."""
        def found() -> str | None:
            return next((line for line in self.log if re.search(pattern, line)), None)

        with self._news:
            self._news.wait_for(lambda: found() is not None or self._ended, GUARD)
            line = found()
        if line is None:
            raise AssertionError(f"podop never logged {pattern!r}:\n{self.stderr}")
        return line

    def wait_lines(self, number: int, text: str) -> list[str]:
        """Waits for so many log lines that contain the text and returns them."""
        with self._news:
            self._news.wait_for(lambda: len(self.lines(text)) >= number or self._ended, GUARD)
            lines = self.lines(text)
        if len(lines) < number:
            raise AssertionError(f"podop logged {text!r} {len(lines)} times, not {number}:\n{self.stderr}")
        return lines

    def lines(self, text: str) -> list[str]:
        """Returns the log lines so far that contain the text."""
        return [line for line in list(self.log) if text in line]

    def wait_ready(self) -> None:
        """Waits until podop serves."""
        self.wait_log(r"event=ready|\"event\": ?\"ready\"")

    @property
    def stderr(self) -> str:
        """All that podop logged so far, as one text."""
        return "\n".join(self.log)

    @property
    def is_running(self) -> bool:
        """True until the process has ended."""
        return self.process.poll() is None

    def signal(self, number: int) -> None:
        """Sends a signal."""
        self.process.send_signal(number)

    def freeze(self) -> None:
        """Stops podop until SIGCONT. After SIGSTOP alone, a thread may still run for as long as another waits for a
        processor, and a SIGCONT that comes too soon revokes the stop."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: is_frozen(self.pid), "podop is stopped")

    def wait(self) -> int:
        """Waits for podop's end, after a signal or by itself, and returns the exit status."""
        try:
            status = self.process.wait(GUARD)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self._reader.join(GUARD)
            raise AssertionError("podop did not end:\n" + self.stderr) from None
        self._reader.join(GUARD)
        if self.process.stderr is not None:
            self.process.stderr.close()
        check_sanitizers(self.stderr)
        return status

    def stop(self) -> None:
        """Sends SIGTERM, on which podop must end with status 0 and no sanitizer report; no-op after its end."""
        if self.process.returncode is not None:
            return
        self.signal(signal.SIGTERM)
        status = self.wait()
        if status != 0:
            raise AssertionError(f"podop ended with status {status}, not 0:\n{self.stderr}")

    def descriptors(self) -> int:
        """Returns the number of open file descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def unix_sockets(self) -> int:
        """Returns the number of open unix sockets: listeners and clients, but no TCP connections to backends."""
        inodes = set()
        for _ in range(4):  # a reader of the table misses some while other processes open and close sockets
            with open("/proc/net/unix", encoding="utf-8", errors="replace") as table:
                inodes |= {line.split()[6] for line in table}
        links = []
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(f"/proc/{self.pid}/fd/{name}"))
        return sum(link.startswith("socket:[") and link[8:-1] in inodes for link in links)

    def status_field(self, name: str) -> list[str]:
        """Returns the words of a line of /proc/PID/status."""
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
            return next(line.split()[1:] for line in status if line.startswith(name + ":"))

    def rss_kb(self) -> int:
        """Returns the resident memory in KiB."""
        return int(self.status_field("VmRSS")[0])
