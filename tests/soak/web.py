"""The web servers behind podop: a gunicorn on TCP, and an nginx in front of another gunicorn."""

import contextlib
import os
import shutil
import signal
import subprocess

import harness
from daemon import clean_environment

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = "/usr/sbin:/usr/bin:" + os.environ.get("PATH", os.defpath)
NGINX = """daemon off;
pid {folder}/nginx.pid;
{user}
worker_processes 2;
worker_shutdown_timeout 5s;
events {{ }}
http {{
    access_log off;
    {places}
    upstream service {{ server unix:{folder}/gunicorn fail_timeout=0; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


class Server:
    """A server that is started, reloaded, stopped and killed; its command leads a process group of its own."""

    def __init__(self, name: str, command: list[str], address: harness.Address, folder: str,
                 environment: dict[str, str]) -> None:
        self.name, self.command, self.address = name, command, address
        self.log_file = os.path.join(folder, name + ".log")
        self.environment = clean_environment({"PATH": PATH, "PYTHONDONTWRITEBYTECODE": "1", **environment})
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the server, and waits until it takes connections."""
        with open(self.log_file, "ab") as log:
            process = subprocess.Popen(self.command, env=self.environment, start_new_session=True,
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.process = process
        harness.wait_until(lambda: process.poll() is not None or not harness.refuses(self.address),
                           f"{self.name} takes connections")
        if process.poll() is not None:
            with open(self.log_file, encoding="utf-8", errors="replace") as text:
                raise AssertionError(f"{self.name} ended:\n{text.read()[-2000:]}")

    def reload(self) -> None:
        """Reloads it gracefully."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def end(self, number: int) -> None:
        """Ends it with a signal, and waits for it; SIGKILL ends its workers, too."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(harness.GUARD)
        finally:
            with contextlib.suppress(ProcessLookupError):  # there are no workers left
                os.killpg(process.pid, signal.SIGKILL)

    def workers(self) -> list[int]:
        """Returns the processes that the server has started."""
        if self.process is None:
            return []
        pid = self.process.pid
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
                open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
        return []


class Web:
    """All servers, with one database. `proxied` and `direct` are the URLs of the service with and without nginx."""

    def __init__(self, folder: str, database: str) -> None:
        self.folder = folder
        self._holders = [harness.reserve(), harness.reserve()]
        through, alone = map(harness.number, self._holders)
        self.proxied, self.direct = f"http://127.0.0.1:{through}", f"http://127.0.0.1:{alone}"
        environment = {"SOAK_DATABASE": database}
        inner = os.path.join(folder, "gunicorn")
        self.nginx = Server("nginx", ["nginx", "-e", "stderr", "-c", self._configure(through)], ("127.0.0.1", through),
                            folder, {})
        self.behind = Server("gunicorn-unix", self._gunicorn("unix:" + inner), inner, folder, environment)
        self.alone = Server("gunicorn-tcp", self._gunicorn(f"127.0.0.1:{alone}"), ("127.0.0.1", alone), folder,
                            environment)
        self.servers = (self.behind, self.alone, self.nginx)

    def _configure(self, port: int) -> str:
        places = " ".join(f"{name}_temp_path {self.folder}/{name};"
                          for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        file = os.path.join(self.folder, "nginx.conf")
        with open(file, "w", encoding="ascii") as text:
            text.write(NGINX.format(folder=self.folder, places=places, port=port,
                                    user="user root;" if os.geteuid() == 0 else ""))
        return file

    @staticmethod
    def _gunicorn(address: str) -> list[str]:
        return ["gunicorn", "--bind", address, "--workers", "2", "--worker-class", "gthread", "--threads", "4",
                "--keep-alive", "5", "--graceful-timeout", "5", "--chdir", HERE, "soak_service:app"]

    @staticmethod
    def is_installed() -> bool:
        """Tells whether the programs are there."""
        return all(shutil.which(name, path=PATH) for name in ("nginx", "gunicorn"))

    def start(self) -> None:
        """Starts all servers."""
        for server in self.servers:
            server.start()

    def stop(self) -> None:
        """Ends all servers, whatever their state is."""
        for server in self.servers:
            server.end(signal.SIGKILL)
        for holder in self._holders:
            holder.close()
