"""The services of docs/backends.md, each behind the server lines that the page has for it.

The code of a service is in examples/services, and its command is taken from the page, so both are what is tested. Only
the port is changed, and the module `store`, which the page leaves to its reader, is one of those in stores: it answers
a lookup of KEY with "got KEY", knows no key that begins with "no such", fails for one that begins with "broken", and
appends a line to a log for each write.

Some servers are in every run of scripts/test. The others are tested where they are installed; with
PODOP_TEST_BACKENDS=all, they must be.
"""

import atexit
import contextlib
import dataclasses
import functools
import glob
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import tempfile

import documents
from basics import wait_until
from daemon import clean_environment, has_ended, is_frozen
from socketmap import Address, refuses


PAGE = os.path.join(documents.SOURCE, "docs", "backends.md")
STORES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stores")
EXAMPLES = os.path.join(documents.SOURCE, "examples", "services")
PORT = "8080"  # in the page
PATH = "/usr/bin:/usr/sbin:" + os.environ.get("PATH", os.defpath)  # of the Python that runs this, too
ALL = os.environ.get("PODOP_TEST_BACKENDS") == "all"


def children(pid: int) -> set[str]:
    """Returns the processes that a process has started and that still run."""
    found: set[str] = set()
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
            found |= set(file.read().split())
    return found


def members(group: int) -> list[int]:
    """Returns the processes of a process group."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(int(name)) == group:
                found.append(int(name))
    return found


def fenced(language: str) -> str:
    """Returns the only fenced block of a language in the page."""
    text, = (text for name, text in documents.fenced("docs", "backends.md") if name == language)
    return text


def table(first: str) -> dict[str, dict[str, str]]:
    """Returns the rows of the table of the page whose first column has this name: {row: {column: cell}}."""
    with open(PAGE, encoding="utf-8") as file:
        text = re.search(rf"(?m)^\| {re.escape(first)} \|.*\n(?:\|.*\n)+", file.read())
    assert text is not None, f"the page has no table of {first}"
    head, _, *rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
                      for line in text[0].splitlines()]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


@functools.cache
def go_cache() -> str:
    """Returns a directory for what Go compiles, of this process."""
    cache = tempfile.mkdtemp(prefix="podop-go-", dir="/tmp")
    atexit.register(shutil.rmtree, cache)
    return cache


@dataclasses.dataclass(frozen=True)
class Kind:
    """A service behind one server."""

    name: str  # as in the tables of the page
    file: str  # in examples/services
    command: str  # how its line in the page begins
    needs: tuple[str, ...]  # programs, and modules of Python
    keep_alive: tuple[str, ...] = ()  # options that shorten the time a connection is kept to a second
    keeps: bool = False  # whether it keeps connections, for a time that can be shortened
    reload: int = 0  # the signal after which new code is served without a gap; 0: there is none
    always: bool = False  # every scripts/test has it

    def is_installed(self) -> bool:
        """Tells whether all that it needs is there."""
        return all(shutil.which(name, path=PATH) or glob.glob(name) or
                   (name.isidentifier() and importlib.util.find_spec(name)) for name in self.needs)


KINDS = (
    Kind("Flask on gunicorn", "flask_service.py", "gunicorn --bind 127.0.0.1:8080 --workers 4", ("gunicorn", "flask"),
         reload=signal.SIGHUP, always=True),
    Kind("Flask on gunicorn with threads", "flask_service.py", "gunicorn --bind 127.0.0.1:8080 --threads",
         ("gunicorn", "flask"), ("--keep-alive", "1"), True, signal.SIGHUP, always=True),
    Kind("Flask on waitress", "flask_service.py", "waitress-serve", ("flask", "waitress", "waitress-serve"),
         ("--channel-timeout=1", "--cleanup-interval=1"), True),
    Kind("Flask on uwsgi", "flask_service.py", "uwsgi",
         ("flask", "uwsgi", "/usr/lib/uwsgi/plugins/python3_plugin.so"), reload=signal.SIGHUP),
    Kind("Django on gunicorn", "django_service.py", "gunicorn --bind 127.0.0.1:8080 --workers 2",
         ("gunicorn", "django"), reload=signal.SIGHUP),
    Kind("FastAPI on uvicorn", "fastapi_service.py", "uvicorn", ("uvicorn", "fastapi"),
         ("--timeout-keep-alive", "1"), True, always=True),
    Kind("FastAPI on hypercorn", "fastapi_service.py", "hypercorn", ("hypercorn", "fastapi")),
    Kind("aiohttp", "aiohttp_service.py", "python3 aiohttp", ("aiohttp",)),
    Kind("Express", "express_service.js", "node", ("node", "/usr/share/nodejs/express"), keeps=True,
         always=True),
    Kind("Go", "service.go", "go build", ("go",)),
    Kind("php -S", "service.php", "php -S", ("php",), always=True),
    Kind("PHP-FPM behind nginx", "service.php", "nginx", ("nginx", "/usr/sbin/php-fpm*"), keeps=True,
         reload=signal.SIGUSR2, always=True),
    Kind("Sinatra on Puma", "sinatra_service.rb", "puma",
         ("puma", "/usr/share/rubygems-integration/all/gems/sinatra-*"), keeps=True,
         reload=signal.SIGUSR2, always=True),
)

NODE_SHORT = """const http = require("http");
const create = http.createServer;
http.createServer = (...args) => Object.assign(create(...args), { keepAliveTimeout: 1000 });
"""


class Service:
    """A service of the page, running behind its server."""

    def __init__(self, kind: Kind, folder: str, port: int, short: bool = False) -> None:
        """Writes the files of the service; `short` makes its server close idle connections after a second."""
        self.kind, self.folder, self.port, self.short = kind, folder, port, short
        self.slug = re.sub(r"\W+", "_", kind.name).lower()
        self.url = f"http://127.0.0.1:{port}/data"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.environment = clean_environment({"PATH": PATH, "NODE_PATH": "/usr/share/nodejs", "PYTHONPATH": "."})
        shutil.copytree(STORES, folder)
        for name in (kind.file, *["config.ru"] * kind.file.endswith(".rb")):
            with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
                self.write(name, self.own(file.read()))
        if kind.file.endswith(".rb") and short:
            os.mkdir(self.path("config"))
            self.write("config/puma.rb", "persistent_timeout 1\n")
        if short and kind.file.endswith(".js"):
            self.write("short.js", NODE_SHORT)
            self.environment["NODE_OPTIONS"] = "--require ./short.js"
        self.commands = self.behind_nginx() if kind.command == "nginx" else [self.line()]

    def path(self, name: str) -> str:
        """Returns a path in the folder of the service."""
        return os.path.join(self.folder, name)

    def write(self, name: str, text: str) -> None:
        """Writes a file of the service."""
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def own(self, text: str) -> str:
        """Returns a part of the page with the port and the places of this service."""
        return re.sub(rf"\b{PORT}\b", str(self.port), text).replace("/srv/service", self.folder)

    def line(self) -> list[str]:
        """Returns the command of the page, and builds what has to be built."""
        lines = [line for line in fenced("sh").splitlines() if line.startswith(self.kind.command)]
        assert len(lines) == 1, f"the page has {len(lines)} lines that begin with {self.kind.command!r}"
        build, _, start = self.own(lines[0]).rpartition(" && ")
        if build:
            environment = {**self.environment, "GOFLAGS": "-mod=mod", "GO111MODULE": "off", "GOPROXY": "off",
                           "GOCACHE": go_cache(), "CGO_ENABLED": "0"}
            subprocess.run(build.split(), cwd=self.folder, env=environment, check=True)
        program, *arguments = start.split()
        return [program, *(self.kind.keep_alive if self.short else ()), *arguments]

    def behind_nginx(self) -> list[list[str]]:
        """Writes the configurations of php-fpm and nginx, and returns their commands."""
        root = os.geteuid() == 0
        location = self.own(fenced("nginx")).replace("/run/php/php-fpm.sock", self.path("fpm"))
        places = "".join(f"{name}_temp_path {self.path(name)};\n"
                         for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        shutil.copy("/etc/nginx/fastcgi_params", self.folder)
        self.write("nginx.conf", f"daemon off;\npid {self.path('nginx.pid')};\n{'user root;' * root}\n"
                   f"events {{}}\nhttp {{\naccess_log off;\n{places}{'keepalive_timeout 1s;' * self.short}\n"
                   f"server {{\nlisten 127.0.0.1:{self.port};\n{location}}}\n}}\n")
        self.write("fpm.conf", f"{fenced('ini')}error_log = /dev/stderr\n[www]\nlisten = {self.path('fpm')}\n"
                   f"{'user = root' * root}\npm = static\npm.max_children = 4\n")
        fpm = max(glob.glob("/usr/sbin/php-fpm*"))
        return [[fpm, "--nodaemonize", *["--allow-to-run-as-root"] * root, "--fpm-config", self.path("fpm.conf")],
                ["nginx", "-e", "stderr", "-c", self.path("nginx.conf")]]

    def start(self) -> None:
        """Starts the server; php-fpm takes connections before nginx is started."""
        self.processes = []
        with open(self.path("stderr"), "ab") as log:
            for command in self.commands:
                if self.processes:
                    self.wait_connects(self.path("fpm"))
                self.processes.append(subprocess.Popen(
                    command, cwd=self.folder, env=self.environment, start_new_session=True,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def wait_connects(self, address: Address) -> None:
        """Waits until the server takes connections at an address."""
        def connects() -> bool:
            if any(process.poll() is not None for process in self.processes):
                raise AssertionError(f"{self.kind.name} ended:\n{self.log()}")
            return not refuses(address)
        wait_until(connects, f"{self.kind.name} takes connections")

    def wait_ready(self) -> None:
        """Waits until the server takes connections."""
        self.wait_connects(("127.0.0.1", self.port))

    def log(self) -> str:
        """Returns what the server has written."""
        with open(self.path("stderr"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def writes(self) -> list[str]:
        """Returns the lines that the store has logged."""
        with contextlib.suppress(FileNotFoundError), open(self.path("log"), encoding="utf-8") as file:
            return file.read().splitlines()
        return []

    def signal_all(self, number: int) -> None:
        """Sends a signal to every process of the service: each command leads a process group of its own."""
        for process in self.processes:
            os.killpg(process.pid, number)

    def freeze(self) -> None:
        """Stops every process of the service until SIGCONT, and waits until none runs: before its first thread has
        been stopped, the others still serve, and on a busy machine that takes a while."""
        self.signal_all(signal.SIGSTOP)
        for process in self.processes:
            wait_until(lambda group=process.pid: all(map(is_frozen, members(group))), f"{self.kind.name} is stopped")

    def reload(self) -> None:
        """Reloads the service gracefully, and waits until all that served before has ended."""
        before = [(process, children(process.pid), self.starts()) for process in self.processes]
        self.processes[0].send_signal(self.kind.reload)
        if len(self.processes) > 1:
            self.processes[1].send_signal(signal.SIGHUP)  # nginx
        for process, old, starts in before:
            wait_until(lambda process=process, old=old, starts=starts: not old & children(process.pid)
                       if old else self.starts() > starts, f"{self.kind.name} is reloaded")

    def starts(self) -> int:
        """Returns how often the code of the store was loaded; only Ruby's says so."""
        with contextlib.suppress(FileNotFoundError), open(self.path("starts"), encoding="utf-8") as file:
            return len(file.read())
        return 0

    def end(self) -> None:
        """Ends the server as an administrator would, and waits for it."""
        for process in reversed(self.processes):
            process.terminate()
            process.wait()

    def stop(self) -> None:
        """Ends all processes of the service, whatever their state is."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        wait_until(lambda: all(map(has_ended, map(lambda one: one.pid, self.processes))), f"{self.kind.name} ends")


def chosen() -> list[Kind]:
    """Returns the kinds to test: what every scripts/test has, and what else is installed."""
    return [kind for kind in KINDS if kind.always or ALL or kind.is_installed()]
