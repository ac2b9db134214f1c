"""The harness itself: exceptions in its threads fail a test, a reserved port stays the test's own, and time is held."""

import contextlib
import io
import signal
import socket
import threading
import unittest
from collections.abc import Callable

import harness
from basics import shut_down
from certificates import Authority
from daemon import is_frozen
from harness import CLOSE, RESET, Answer, Backend, Case, Request, echo, http


def outcome(body: Callable[[Case], None]) -> unittest.TestResult:
    """Runs a test with this body, without its output, and returns its result."""
    class Inner(Case):
        def runTest(self) -> None:
            body(self)

    result = unittest.TestResult()
    with contextlib.redirect_stderr(io.StringIO()):
        Inner().run(result)
    return result


def send(backend: Backend, data: bytes) -> bytes:
    """Sends bytes to a backend and returns all that it sends back."""
    with harness.connect(("127.0.0.1", backend.port)) as sock:
        with contextlib.suppress(OSError):  # the backend may reset the connection meanwhile
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while more := sock.recv(65536):
                answer += more
        return answer


REQUEST = b"GET /k HTTP/1.1\r\nHost: x\r\n\r\n"


class Exceptions(Case):
    def check_fails(self, body: Callable[[Case], None], text: str) -> None:
        """Checks that a test with this body fails, and says why."""
        result = outcome(body)
        told = "".join(trace for _, trace in result.failures + result.errors)
        self.assertIn(text, told)

    def check_answer_fails(self, default: Callable[[Request], Answer], data: bytes = REQUEST,
                           text: str = "KeyError: 'wrong'") -> None:
        """Checks that a test fails whose backend answers like this."""
        self.check_fails(lambda case: None if send(case.backend(default=default), data) else None, text)

    def test_answer_that_raises(self) -> None:
        def answer(request: Request) -> Answer:
            raise KeyError("wrong")
        self.check_answer_fails(answer)

    def test_errors_of_a_socket_in_an_answer(self) -> None:
        """An OSError counts only if the connection of the backend itself raised it."""
        def answer(request: Request) -> Answer:
            raise ConnectionResetError("wrong")
        self.check_answer_fails(answer, text="ConnectionResetError: wrong")

    def test_step_that_raises(self) -> None:
        def step() -> bytes:
            raise KeyError("wrong")
        self.check_answer_fails(lambda request: (b"HTTP/1.1 ", step))

    def test_request_that_is_not_http(self) -> None:
        self.check_answer_fails(echo, b"nonsense\r\n\r\n", "ValueError")

    def test_wait_for_requests(self) -> None:
        """It ends with the exception, not after GUARD seconds."""
        def body(case: Case) -> None:
            backend = case.backend(default=lambda request: {}[request.method])
            send(backend, REQUEST)
            backend.wait_requests(2)
        self.check_fails(body, "a thread of the backend failed")

    def test_any_thread(self) -> None:
        def body(case: Case) -> None:
            thread = threading.Thread(target=lambda: [].pop())
            thread.start()
            thread.join()
        self.check_fails(body, "IndexError: pop from empty list")

    def test_ends_of_connections(self) -> None:
        """They are no exceptions, whichever side they come from."""
        def body(case: Case) -> None:
            backend = case.backend(default=lambda request: (http('"x"'), CLOSE))
            backend.on("/reset", (RESET,))
            backend.on("/large", http("x" * 10_000_000))
            send(backend, REQUEST + REQUEST)
            send(backend, REQUEST.replace(b"/k", b"/reset"))
            send(backend, b"GET /half")
            with harness.connect(("127.0.0.1", backend.port)) as sock:
                sock.sendall(REQUEST.replace(b"/k", b"/large"))
                backend.wait_target("/large")
        result = outcome(body)
        self.assertEqual((result.failures, result.errors), ([], []))

    def test_end_while_tls_begins(self) -> None:
        """The thread that makes a handshake sees an end of the connection, not a socket without TLS."""
        ours, theirs = socket.socketpair()
        with theirs, Authority(self.dir).server().wrap_socket(ours, server_side=True,
                                                              do_handshake_on_connect=False) as sock:
            shut_down(sock)
            with self.assertRaises(OSError):
                sock.do_handshake()


class Ports(Case):
    def test_reserved(self) -> None:
        """No other socket gets it; connections are refused until the server for it listens, and after its end."""
        port = self.reserve_port()
        with contextlib.ExitStack() as stack:
            others = [stack.enter_context(harness.reserve()) for _ in range(300)]
            self.assertNotIn(port, map(harness.number, others))
        for _ in range(2):
            self.assertTrue(harness.refuses(("127.0.0.1", port)))
            backend = self.backend(port=port, default=echo)
            self.assertIn(b'"k"', send(backend, REQUEST))
            backend.stop()

    def test_kept_by_a_backend(self) -> None:
        """A backend that has stopped can come back on its port."""
        backend = self.backend()
        backend.stop()
        with self.assertRaises(OSError), socket.socket() as other:
            other.bind(("127.0.0.1", backend.port))
        self.backend(port=backend.port)

    def test_udp_and_tcp(self) -> None:
        udp, tcp = harness.bind_udp_and_tcp()
        with udp, tcp:
            self.assertEqual(harness.number(udp), harness.number(tcp))


class Time(Case):
    def test_held_clock(self) -> None:
        """Only what the test says passes, and other keys are answered meanwhile."""
        backend = self.backend(default=echo)
        backend.on("/hang", backend.gate())
        self.hold_clock()
        assert self.clock is not None
        self.serve(harness.url_table(backend, timeout="20s"))
        client, other = self.client(), self.client()
        client.request("t", "hang")
        backend.wait_target("/hang")
        self.clock.advance(19.9)
        self.check_payload(other.ask("t", "k"), "OK k")
        self.assertFalse(client.has_news())
        self.clock.advance(0.2)
        self.check_reason(client.read(), "TIMEOUT")

    def test_freeze(self) -> None:
        """Every thread stands still afterwards."""
        podop = self.serve({"name": "t", "type": "json", "param": self.write("t.json", "{}")})
        self.assertFalse(is_frozen(podop.pid))
        podop.freeze()
        self.assertTrue(is_frozen(podop.pid))
        podop.signal(signal.SIGCONT)
        self.check_payload(self.client().ask("t", "k"), "NOTFOUND ")


if __name__ == "__main__":
    harness.main()
