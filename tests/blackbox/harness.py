"""What every black-box test of podop needs: podop itself, a scriptable HTTP backend, a raw socketmap client.

A test waits for a ready line, a request or an answer, never for a clock: GUARD only ends a test that hangs.
The binaries are named by the environment: PODOP and PODOPCTL.
"""

import contextlib
import enum
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

GUARD = 60  # seconds until something that never comes is a failure
SANITIZER = re.compile(r"ERROR: AddressSanitizer|runtime error:|LeakSanitizer")


# --- small things -----------------------------------------------------------------------------------------------


def to_bytes(text):
    """Text as the bytes that travel; bytes stay what they are."""
    return text.encode() if isinstance(text, str) else text


def percent(key, keep=b""):
    """A key as the contract encodes it into a URL; `keep` are further bytes that stay."""
    keep += b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    return "".join(chr(byte) if byte in keep else f"%{byte:02X}" for byte in to_bytes(key))


def shown(data):
    """Bytes for a message: short enough to read."""
    return repr(data) if data is None or len(data) <= 200 else f"{data[:120]!r}...({len(data)} bytes)"


def wait_until(fact, what, guard=GUARD):
    """Waits for something only the operating system can tell, such as a file or a count in /proc."""
    deadline = time.monotonic() + guard
    while not fact():
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened: {what}")
        time.sleep(0.01)


def need(condition, what):
    """Skips the test where a peer is missing; under CI=true that is a failure."""
    if condition:
        return
    if os.environ.get("CI") == "true":
        raise AssertionError(f"missing under CI: {what}")
    raise unittest.SkipTest(what)


def binary(variable):
    """The absolute path of a binary that the environment names."""
    path = os.environ.get(variable)
    if not path or not os.access(path, os.X_OK):
        raise AssertionError(f"environment variable {variable} does not name a program: {path!r}")
    return os.path.abspath(path)


def free_port():
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def deaf_port():
    """A loopback port that refuses connections and that nobody else can take meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@contextlib.contextmanager
def full_port():
    """A loopback port whose backlog is full: the handshake of one more connection never ends."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        while True:
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0.5)
            try:
                filler.connect(listener.getsockname())
            except socket.timeout:
                break
        yield listener.getsockname()[1]


# --- libconfig ----------------------------------------------------------------------------------------------------


def conf(value):
    """A Python value in libconfig's syntax: dict a group, list of dicts a list, any other list an array."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + " ".join(f"{name} = {conf(item)};" for name, item in value.items()) + " }"
    if isinstance(value, list):
        left, right = "()" if any(isinstance(item, dict) for item in value) else "[]"
        return left + ", ".join(conf(item) for item in value) + right
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\x{ord(m[0]):02x}", text) + '"'
    return str(value)


def conf_file(**settings):
    """A whole configuration file."""
    return "".join(f"{name} = {conf(value)};\n" for name, value in settings.items())


def url_table(backend, name="t", template="/§", **settings):
    """A url table whose template lies below the backend."""
    return {"name": name, "type": "url", "param": backend.url + template, **settings}


# --- podop --------------------------------------------------------------------------------------------------------


def clean_environment(extra=None):
    """The environment without proxies, which libcurl would obey."""
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    env.update(extra or {})
    return env


def small_quarantine():
    """Settings that let AddressSanitizer give freed memory back, for tests that watch the size of podop."""
    options = [os.environ.get("ASAN_OPTIONS", ""), "quarantine_size_mb=1", "thread_local_quarantine_size_kb=64"]
    return {"ASAN_OPTIONS": ":".join(filter(None, options))}


def check_sanitizers(stderr):
    """Fails if a sanitizer found something."""
    if SANITIZER.search(stderr):
        raise AssertionError("a sanitizer reported:\n" + stderr)


def run(variable, *args, stdin=None):
    """Runs a binary to its end and returns what subprocess.run() does, as text."""
    done = subprocess.run([binary(variable), *args], input=stdin, capture_output=True, timeout=GUARD,
                          env=clean_environment(), encoding="utf-8", errors="surrogateescape")
    check_sanitizers(done.stderr)
    return done


def limit_descriptors(pid, number):
    """Lets a process have no more than so many descriptors from now on."""
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (number, number))


class Podop:
    """A running podop; its stderr is collected line by line in `log`."""

    def __init__(self, *args, env=None, through=(), pass_fds=(), program=None):
        """`through` is a command that becomes podop, with podop's own behind it; `program` is another podop."""
        self.log = []
        self._news = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen([*through, program or binary("PODOP"), *args], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, pass_fds=pass_fds,
                                        env=clean_environment(env), encoding="utf-8", errors="surrogateescape")
        self.pid = self.process.pid
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def _read_log(self):
        for line in self.process.stderr:
            with self._news:
                self.log.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def wait_log(self, pattern):
        """The first log line that matches the regular expression, as soon as it is there."""
        with self._news:
            def found():
                return next((line for line in self.log if re.search(pattern, line)), None)
            self._news.wait_for(lambda: found() is not None or self._ended, GUARD)
            line = found()
        if line is None:
            raise AssertionError(f"podop never logged {pattern!r}:\n{self.stderr}")
        return line

    def wait_ready(self):
        """Waits until podop serves."""
        self.wait_log(r"event=ready|\"event\": ?\"ready\"")

    @property
    def stderr(self):
        return "\n".join(self.log)

    @property
    def is_running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """The exit status, once podop has ended by itself or by a signal sent before."""
        try:
            status = self.process.wait(GUARD)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self._reader.join(GUARD)
            raise AssertionError("podop did not end:\n" + self.stderr) from None
        self._reader.join(GUARD)
        self.process.stderr.close()
        check_sanitizers(self.stderr)
        return status

    def stop(self):
        """SIGTERM must end podop cleanly: status 0, no sanitizer report. Harmless if it ended already."""
        if self.process.returncode is not None:
            return
        self.signal(signal.SIGTERM)
        status = self.wait()
        if status != 0:
            raise AssertionError(f"podop ended with status {status}, not 0:\n{self.stderr}")

    def descriptors(self):
        """How many file descriptors podop has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def unix_sockets(self):
        """How many of its descriptors are unix sockets: listeners and clients, but no backend connections."""
        with open("/proc/net/unix", encoding="utf-8", errors="replace") as table:
            inodes = {line.split()[6] for line in table}
        links = []
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(f"/proc/{self.pid}/fd/{name}"))
        return sum(link.startswith("socket:[") and link[8:-1] in inodes for link in links)

    def status_field(self, name):
        """A line of /proc/PID/status, as the list of its words."""
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
            return next(line.split()[1:] for line in status if line.startswith(name + ":"))

    def rss_kb(self):
        """Resident memory."""
        return int(self.status_field("VmRSS")[0])


# --- the backend --------------------------------------------------------------------------------------------------


class Step(enum.Enum):
    """What a backend can do besides sending bytes and waiting for an event."""

    CLOSE = "close the connection"
    RESET = "reset the connection"


CLOSE, RESET = Step.CLOSE, Step.RESET


def http(body=b"", status=200, *headers, length=None):
    """An HTTP/1.1 answer as bytes; `length` lies about the size of the body."""
    body = to_bytes(body)
    lines = [f"HTTP/1.1 {status} Status", *headers]
    if status >= 200 and status not in (204, 304):
        lines += ["Content-Type: application/json", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*chunks, end=b"0\r\n\r\n"):
    """A chunked 200 answer; another `end` damages it."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(to_bytes(c)), to_bytes(c)) for c in chunks) + end


class Request:
    """One request as the backend got it: every byte in `head` and `body`, cut up in the other fields."""

    def __init__(self, head, body, connection):
        self.head, self.body, self.connection = head, body, connection
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, target, self.version = first.split(" ")
        self.target = target.encode("latin-1")
        self.headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]

    def header(self, name):
        """All values of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Backend:
    """A threaded HTTP server on a loopback port or a unix socket that does what the test says, byte by byte.

    An answer is bytes, or a tuple of steps: bytes to send, an event to wait for, a function to call (it may return
    bytes to send), CLOSE or RESET.
    """

    def __init__(self, unix_path=None, host="127.0.0.1", port=0, default=None, tls=None):
        if unix_path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(unix_path)
            self.url = "http://localhost"
        else:
            self._listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((host, port))
            self.port = self._listener.getsockname()[1]
            self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self._tls = tls  # an ssl.SSLContext
        if tls:
            self.url = self.url.replace("http:", "https:")
        self.peers = {}  # of each TLS connection: the names in the client's certificate, or None
        self._listener.listen(1024)
        self.requests = []  # every Request, in the order of arrival
        self.connections = 0  # accepted so far
        self.default = default or (lambda request: http(status=404))
        self._answers = {}
        self._gates = []
        self._sockets = set()
        self._threads = []
        self._news = threading.Condition()
        self._stopped = False
        self._start(self._accept)

    def _start(self, function, *args):
        thread = threading.Thread(target=function, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def on(self, target, *answers):
        """Scripts a request target: the n-th request gets the n-th answer, the last answer stays."""
        self._answers[to_bytes(target)] = list(answers)

    def gate(self):
        """An event for the steps of an answer; stop() opens it if the test did not."""
        event = threading.Event()
        self._gates.append(event)
        return event

    def count(self, target):
        """How many requests for the target came so far."""
        with self._news:
            return sum(request.target == to_bytes(target) for request in self.requests)

    def wait_requests(self, number):
        """Waits until so many requests have come in all."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.requests) >= number, GUARD):
                raise AssertionError(f"the backend got {len(self.requests)} requests, never {number}")

    def wait_target(self, target, number=1):
        """Waits until so many requests for the target have come."""
        with self._news:
            def arrived():
                return sum(request.target == to_bytes(target) for request in self.requests)
            if not self._news.wait_for(lambda: arrived() >= number, GUARD):
                raise AssertionError(f"the backend got {arrived()} requests for {target!r}, never {number}")

    def forget(self):
        """Empties the list of requests."""
        with self._news:
            self.requests.clear()

    def open_connections(self):
        """How many connections are open."""
        with self._news:
            return len(self._sockets)

    def drop(self):
        """Closes every connection, and nothing else; podop can have seen it."""
        with self._news:
            sockets = list(self._sockets)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: not self._sockets.intersection(sockets), "the connections are closed")

    def stop(self):
        """Closes the listening socket and every connection at once."""
        with self._news:
            self._stopped = True
            sockets = list(self._sockets)
        for gate in self._gates:
            gate.set()
        for sock in [self._listener, *sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(GUARD)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._news:
                if self._stopped:
                    sock.close()
                    return
                self.connections += 1
                number = self.connections
                self._sockets.add(sock)
            self._start(self._serve, sock, number)

    def _wrap(self, sock, number):
        with self._news:
            self._sockets.discard(sock)
            sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            self._sockets.add(sock)
            if self._stopped:
                sock.close()
        try:
            sock.do_handshake()
            self.peers[number] = sock.getpeercert() and dict(pair[0] for pair in sock.getpeercert()["subject"])
        except OSError:
            with self._news:
                self._sockets.discard(sock)
            sock.close()
            raise
        return sock

    def _serve(self, sock, number):
        try:
            if self._tls:
                sock = self._wrap(sock, number)
            data = bytearray()
            while (request := self._read_request(sock, data, number)) is not None:
                with self._news:
                    self.requests.append(request)
                    answer = self._answer_for(request)
                    self._news.notify_all()
                self._send(sock, answer if isinstance(answer, tuple) else (answer,))
        except (OSError, ValueError):
            pass  # podop closed the connection, or an answer did; ssl calls a closed socket a wrong value
        finally:
            with self._news:
                self._sockets.discard(sock)
            sock.close()

    @staticmethod
    def _read_head(sock, data):
        while (end := data.find(b"\r\n\r\n")) < 0:
            more = sock.recv(65536)
            if not more:
                return None
            data += more
        head = bytes(data[:end])
        del data[:end + 4]
        return head

    def _read_request(self, sock, data, number):
        head = self._read_head(sock, data)
        if head is None:
            return None
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        missing = int(length[1]) if length else 0
        while len(data) < missing:
            more = sock.recv(65536)
            if not more:
                return None
            data += more
        body = bytes(data[:missing])
        del data[:missing]
        return Request(head, body, number)

    def _answer_for(self, request):
        script = self._answers.get(request.target)
        if not script:
            return self.default(request)
        return script.pop(0) if len(script) > 1 else script[0]

    @staticmethod
    def _send(sock, steps):
        for step in steps:
            if isinstance(step, threading.Event):
                step.wait(GUARD)
            elif step is CLOSE:
                raise ConnectionError(CLOSE)
            elif step is RESET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise ConnectionError(RESET)
            elif callable(step):
                sock.sendall(step() or b"")
            else:
                sock.sendall(step)


def echo(request):
    """The default of many tests: the last path segment comes back as a JSON string."""
    return http(b'"' + request.target.rsplit(b"/", 1)[-1] + b'"')


# --- the socketmap client -----------------------------------------------------------------------------------------


def netstring(payload):
    payload = to_bytes(payload)
    return b"%d:%s," % (len(payload), payload)


def connect(address):
    """A connected stream socket; the address is a path or a (host, port)."""
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX)
    else:
        sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(GUARD)
    try:
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


def listen(path):
    """A listening unix socket that is not podop's."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen()
    return sock


def refuses(address):
    """True once nobody takes connections at the address."""
    try:
        connect(address).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    return False


class Socketmap:
    """A raw socketmap client that sends whatever bytes it is told to."""

    def __init__(self, address):
        self.sock = connect(address)
        self._data = bytearray()

    def send(self, data):
        self.sock.sendall(data)

    def request(self, table, key):
        """Sends one well-formed request."""
        self.send(netstring(to_bytes(table) + b" " + to_bytes(key)))

    def read(self):
        """The payload of the next answer, or None at the end of the connection."""
        while (answer := self._cut()) is None:
            try:
                more = self.sock.recv(65536)
            except socket.timeout:
                raise AssertionError(f"no answer came; so far: {shown(bytes(self._data))}") from None
            except ConnectionResetError:
                more = b""
            if not more:
                if self._data:
                    raise AssertionError(f"the connection ended within an answer: {shown(bytes(self._data))}")
                return None
            self._data += more
        return answer

    def _cut(self):
        head = re.match(rb"(0|[1-9][0-9]{0,9}):", self._data)
        if head is None:
            if not re.fullmatch(rb"[0-9]{0,10}", self._data):
                raise AssertionError(f"not a netstring: {shown(bytes(self._data))}")
            return None
        end = head.end() + int(head[1])
        if len(self._data) <= end:
            return None
        if self._data[end:end + 1] != b",":
            raise AssertionError(f"not a netstring: {shown(bytes(self._data))}")
        payload = bytes(self._data[head.end():end])
        del self._data[:end + 1]
        return payload

    def ask(self, table, key):
        """One lookup: the payload of its answer."""
        self.request(table, key)
        answer = self.read()
        if answer is None:
            raise AssertionError(f"connection closed instead of an answer to {shown(to_bytes(key))}")
        return answer

    def has_news(self):
        """True if something can be read at once, be it the end of the connection."""
        if self._data:
            return True
        self.sock.settimeout(0)
        try:
            return self.sock.recv(1, socket.MSG_PEEK) is not None
        except BlockingIOError:
            return False
        finally:
            self.sock.settimeout(GUARD)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()


# --- the test case ------------------------------------------------------------------------------------------------


class Case(unittest.TestCase):
    """A test with a private directory, and with everything it started stopped and checked at its end."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="podop-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.dir)
        self.socket = self.path("s")

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        """Writes a file into the private directory and returns its path."""
        with open(self.path(name), "wb") as file:
            file.write(to_bytes(text))
        return self.path(name)

    def backend(self, **options):
        backend = Backend(**options)
        self.addCleanup(backend.stop)
        return backend

    def podop(self, *args, verbose=("-v",), env=None):
        """Starts podop with these arguments and waits until it is ready."""
        podop = Podop(*args, *verbose, env=env)
        self.addCleanup(podop.stop)
        if verbose:
            podop.wait_ready()
        return podop

    def serve(self, *tables, listen=None, args=(), env=None, **settings):
        """Starts podop with these tables, listening on self.socket unless told otherwise."""
        text = conf_file(listen=listen or [{"socket": self.socket}], tables=list(tables), **settings)
        return self.podop("-c", self.write("podop.conf", text), *args, env=env)

    def client(self, address=None):
        client = Socketmap(address or self.socket)
        self.addCleanup(client.close)
        return client

    def check_payload(self, got, expected):
        """The answer is exactly this."""
        if got != to_bytes(expected):
            self.fail(f"answer is {shown(got)}, not {shown(to_bytes(expected))}")

    def check_reason(self, got, word, table="t"):
        """The answer is `word`, a blank and a printable reason that names the table."""
        if got is None or not got.startswith(to_bytes(word) + b" "):
            self.fail(f"answer is {shown(got)}, not {word} and a reason")
        reason = got.split(b" ", 1)[1]
        if not re.search(rb"(?<![\w-])%s(?![\w-])" % re.escape(to_bytes(table)), reason):
            self.fail(f"the reason does not name table {table}: {shown(got)}")
        if re.search(rb"[\x00-\x1f\x7f]", reason):
            self.fail(f"control bytes in the reason: {shown(got)}")

    def check_answer(self, got, expected, table="t"):
        """`TEMP`, `TIMEOUT` or `PERM` stand for themselves and any reason, everything else is the whole answer."""
        if expected in ("TEMP", "TIMEOUT", "PERM"):
            self.check_reason(got, expected, table)
        else:
            self.check_payload(got, expected)


def main():
    """Runs the tests of a file; status 77 if nothing could be run."""
    result = unittest.main(exit=False, verbosity=2).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.skipped and len(result.skipped) >= result.testsRun else 0)
