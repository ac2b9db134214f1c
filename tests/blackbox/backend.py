"""A scriptable HTTP backend that sends exactly the bytes that a test says, when the test says."""

import contextlib
import enum
import re
import socket
import ssl
import struct
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import ports
from basics import GUARD, shut_down, to_bytes, wait_until


class End(enum.Enum):
    """The steps of an answer that end the connection."""

    CLOSE = "close the connection"
    RESET = "reset the connection"


CLOSE, RESET = End.CLOSE, End.RESET

# A step is bytes to send, an event to wait for, a function to call that may return bytes to send, CLOSE or RESET.
Step: TypeAlias = bytes | threading.Event | End | Callable[[], bytes | None]
Answer: TypeAlias = Step | tuple[Step, ...]


class PeerGone(Exception):
    """podop, a step of an answer or stop() closed the connection."""


@contextlib.contextmanager
def _peer_may_go() -> Iterator[None]:
    """Turns errors of a socket, and of nothing else, into PeerGone."""
    try:
        yield
    except OSError as error:
        raise PeerGone from error


def http(body: str | bytes = b"", status: int = 200, *headers: str, length: int | None = None) -> bytes:
    """Returns an HTTP/1.1 answer; `length` is a Content-Length that differs from the size of the body."""
    body = to_bytes(body)
    lines = [f"HTTP/1.1 {status} Status", *headers]
    if status >= 200 and status not in (204, 304):
        lines += ["Content-Type: application/json", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*chunks: str | bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Returns a chunked answer with status 200; another `end` damages it."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(to_bytes(chunk)), to_bytes(chunk)) for chunk in chunks) + end


class Request:
    """One request: `head` and `body` as received, the other fields parsed from them."""

    def __init__(self, head: bytes, body: bytes, connection: int) -> None:
        self.head, self.body, self.connection = head, body, connection
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, target, self.version = first.split(" ")
        self.target = target.encode("latin-1")
        self.headers: list[tuple[str, str]] = []
        for line in lines:
            name, value = line.split(":", 1)
            self.headers.append((name.strip(), value.strip()))

    def header(self, name: str) -> list[str]:
        """Returns all values of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Backend:
    """An HTTP server with one thread a connection, on a loopback port or a unix socket.

    An Answer is a step or a tuple of steps. An exception in an answer, or a request that cannot be parsed, fails the
    test: at once where it waits for requests, at its end otherwise (threads.py).
    """

    def __init__(self, unix_path: str | None = None, host: str = "127.0.0.1", port: int = 0,
                 default: Callable[[Request], Answer] | None = None, tls: ssl.SSLContext | None = None) -> None:
        if unix_path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(unix_path)
            self.url = "http://localhost"
        else:
            reservation = ports.reserve(host, port)  # so that another backend of the test may come back on the port
            weakref.finalize(self, reservation.close)
            self.port = ports.number(reservation)
            self._listener = ports.reserve(host, self.port)
            self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self._tls = tls
        if tls:
            self.url = self.url.replace("http:", "https:")
        self.peers: dict[int, Any] = {}  # of each TLS connection: the names in the client's certificate, or None
        self._listener.listen(1024)
        self.requests: list[Request] = []  # in the order of arrival
        self.connections = 0  # accepted so far
        self.default = default or (lambda request: http(status=404))
        self._answers: dict[bytes, list[Answer]] = {}
        self._gates: list[threading.Event] = []
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._news = threading.Condition()
        self._stopped = False
        self._failed = False
        self._start(self._accept)

    def _start(self, function: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=self._run, args=(function, *args), name=f"backend {self.url}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, function: Callable[..., None], *args: Any) -> None:
        """Runs a thread; an exception also wakes the test that waits for requests."""
        try:
            function(*args)
        except PeerGone:
            pass
        except BaseException:
            with self._news:
                self._failed = True
                self._news.notify_all()
            raise

    def on(self, target: str | bytes, *answers: Answer) -> None:
        """Scripts a request target: the n-th request gets the n-th answer, all further ones the last."""
        self._answers[to_bytes(target)] = list(answers)

    def gate(self) -> threading.Event:
        """Returns an event for the steps of an answer; stop() sets it if the test did not."""
        event = threading.Event()
        self._gates.append(event)
        return event

    def _count(self, target: str | bytes) -> int:
        return sum(request.target == to_bytes(target) for request in self.requests)

    def count(self, target: str | bytes) -> int:
        """Returns the number of requests for the target so far."""
        with self._news:
            return self._count(target)

    def _wait(self, count: Callable[[], int], number: int, what: str) -> None:
        with self._news:
            self._news.wait_for(lambda: count() >= number or self._failed, GUARD)
            if self._failed:
                raise AssertionError("a thread of the backend failed, see its traceback")
            if count() < number:
                raise AssertionError(f"the backend got {count()} {what}, never {number}")

    def wait_requests(self, number: int) -> None:
        """Waits for so many requests in all."""
        self._wait(lambda: len(self.requests), number, "requests")

    def wait_target(self, target: str | bytes, number: int = 1) -> None:
        """Waits for so many requests for the target."""
        self._wait(lambda: self._count(target), number, f"requests for {target!r}")

    def forget(self) -> None:
        """Empties the list of requests."""
        with self._news:
            self.requests.clear()

    def open_connections(self) -> int:
        """Returns the number of open connections."""
        with self._news:
            return len(self._sockets)

    def sockets(self) -> list[socket.socket]:
        """Returns the sockets of the open connections."""
        with self._news:
            return list(self._sockets)

    def drop(self) -> None:
        """Closes every connection but not the listening socket, and waits until that is done."""
        sockets = self.sockets()
        for sock in sockets:
            shut_down(sock)
        wait_until(lambda: not self._sockets.intersection(sockets), "the connections are closed")

    def stop(self) -> None:
        """Closes the listening socket and every connection at once."""
        with self._news:
            self._stopped = True
            sockets = list(self._sockets)
        for gate in self._gates:
            gate.set()
        for sock in [self._listener, *sockets]:
            shut_down(sock)
        deadline = time.monotonic() + GUARD  # of all together: there may be hundreds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._listener.close()
        if any(thread.is_alive() for thread in self._threads):
            raise AssertionError("a thread of the backend did not end")

    def _accept(self) -> None:
        while True:
            with _peer_may_go():
                sock, _ = self._listener.accept()
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

    def _handshake(self, sock: socket.socket, number: int, tls: ssl.SSLContext) -> ssl.SSLSocket:
        """Replaces a socket by one that speaks TLS, whose handshake is done."""
        with self._news:
            if self._stopped:
                raise PeerGone
            self._sockets.discard(sock)
            with _peer_may_go():
                wrapped = tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            self._sockets.add(wrapped)
        try:
            with _peer_may_go():
                wrapped.do_handshake()
            subject: Any = (wrapped.getpeercert() or {}).get("subject")
            self.peers[number] = subject and dict(pair[0] for pair in subject)
        except PeerGone:
            self._close(wrapped)
            raise
        return wrapped

    def _close(self, sock: socket.socket) -> None:
        with self._news:
            self._sockets.discard(sock)
        sock.close()

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            if self._tls:
                sock = self._handshake(sock, number, self._tls)
            data = bytearray()
            while (request := self._read_request(sock, data, number)) is not None:
                with self._news:
                    self.requests.append(request)
                    answer = self._answer_for(request)
                    self._news.notify_all()
                self._send(sock, answer if isinstance(answer, tuple) else (answer,))
        finally:
            self._close(sock)

    @staticmethod
    def _receive(sock: socket.socket, data: bytearray) -> bool:
        """Appends what the peer sent next; False at the end of the connection."""
        with _peer_may_go():
            more = sock.recv(65536)
        data += more
        return bool(more)

    def _read_head(self, sock: socket.socket, data: bytearray) -> bytes | None:
        """Takes the head of the next request off the front of data; None at the end of the connection."""
        while (end := data.find(b"\r\n\r\n")) < 0:
            if not self._receive(sock, data):
                return None
        head = bytes(data[:end])
        del data[:end + 4]
        return head

    def _read_request(self, sock: socket.socket, data: bytearray, number: int) -> Request | None:
        """Takes the next request off the front of data; None at the end of the connection."""
        head = self._read_head(sock, data)
        if head is None:
            return None
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        size = int(length[1]) if length else 0
        while len(data) < size:
            if not self._receive(sock, data):
                return None
        body = bytes(data[:size])
        del data[:size]
        return Request(head, body, number)

    def _answer_for(self, request: Request) -> Answer:
        script = self._answers.get(request.target)
        if not script:
            return self.default(request)
        return script.pop(0) if len(script) > 1 else script[0]

    @staticmethod
    def _send(sock: socket.socket, steps: tuple[Step, ...]) -> None:
        for step in steps:
            if isinstance(step, threading.Event):
                if not step.wait(GUARD):
                    raise AssertionError("the event before a part of an answer never came")
            elif step is CLOSE:
                raise PeerGone
            elif step is RESET:
                with _peer_may_go():
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise PeerGone
            else:
                data = step() if callable(step) else step
                with _peer_may_go():
                    sock.sendall(data or b"")  # type: ignore[arg-type]


def url_table(backend: Backend, name: str = "t", template: str = "/§", **settings: Any) -> dict[str, Any]:
    """Returns the settings of a url table whose template lies below the backend."""
    return {"name": name, "type": "url", "param": backend.url + template, **settings}


def echo(request: Request) -> bytes:
    """Answers with the last segment of the path as a JSON string; the default of many tests."""
    return http(b'"' + request.target.rsplit(b"/", 1)[-1] + b'"')
