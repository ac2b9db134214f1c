"""https answers that end with the connection: an end counts if TLS confirms it, and not if the connection is cut."""

import contextlib
import socket
import ssl
import threading

import harness
from certificates import Authority
from dict import DictCase

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class Server:
    """A server that answers each request with the same bytes and ends the connection, with or without
    close_notify."""

    def __init__(self, case, context, answer, says_so):
        self.context, self.answer, self.says_so = context, answer, says_so
        self.connections = 0
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        case.addCleanup(self._stop)

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                self.connections += 1
                with contextlib.suppress(OSError), plain:
                    plain.settimeout(harness.GUARD)
                    self._answer(plain)

    def _answer(self, plain):
        with self.context.wrap_socket(plain, server_side=True) as sock:
            data = b""
            while b"\r\n\r\n" not in data:
                more = sock.recv(65536)
                if not more:
                    return
                data += more
            sock.sendall(self.answer)
            if self.says_so:
                sock.unwrap()  # its close_notify goes first, podop's is waited for

    def _stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(harness.GUARD)
        self._listener.close()


class End(DictCase):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.dir)

    def check(self, answer, says_so, expected, change="O"):
        for version in VERSIONS:
            with self.subTest(answer=answer, version=version.name, says_so=says_so):
                context = self.authority.server()
                context.minimum_version = context.maximum_version = version
                server = Server(self, context, answer, says_so)
                podop = self.serve({"name": "t", "type": "url", "param": server.url + "/§", "retries": 0,
                                    "tls": {"ca_file": self.authority.cert()}})
                try:
                    self.check_answer(self.client().ask("t", "k"), expected)
                    self.assertEqual(server.connections, 1)
                    self.check_dict(self.dict().change(("set", "shared/k", "1")), change)
                finally:
                    podop.stop()

    def test_without_a_word_a_body_may_be_cut(self):
        self.check(HEAD + b"\r\n12", False, "TEMP", "W")
        self.check(HEAD + b"\r\n", False, "TEMP", "W")
        self.check(HEAD.replace(b"1.1", b"1.0") + b"\r\n12345", False, "TEMP", "W")

    def test_ended_by_close_notify_it_is_whole(self):
        self.check(HEAD + b"\r\n12345", True, "OK 12345")
        self.check(HEAD + b"\r\n", True, "TEMP")  # not JSON, but complete

    def test_a_length_needs_no_close_notify(self):
        for says_so in (False, True):
            with self.subTest(says_so=says_so):
                self.check(HEAD + b"Content-Length: 5\r\n\r\n12345", says_so, "OK 12345")
                self.check(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n", says_so, "OK 12345")
                self.check(HEAD + b"Content-Length: 6\r\n\r\n12345", says_so, "TEMP", "W")


if __name__ == "__main__":
    harness.main()
