"""A server that takes every mail, by SMTP or LMTP, and keeps what it was told: envelope and headers."""

import contextlib
import os
import re
import socket
import socketserver
import threading
from typing import NamedTuple

from ports import reserve


class Delivery(NamedTuple):
    """One recipient of one mail, at the place of the sink that got it."""

    place: str
    sender: str
    recipient: str
    headers: tuple[str, ...]


def unfolded(text: str) -> list[str]:
    """Returns the headers of a mail, each in one line."""
    head = text.partition("\r\n\r\n")[0]
    return re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")


class Session(socketserver.StreamRequestHandler):
    """A session of SMTP or LMTP."""

    server: "Server"

    def handle(self) -> None:
        """Serves the session to its end; a peer that goes in the middle of it ends it."""
        self.sender, self.recipients = "", list[str]()
        with contextlib.suppress(ConnectionError):
            self.say("220 sink.example ESMTP")
            while (line := self.read()) and self.obey(line):
                pass

    def say(self, *lines: str) -> None:
        """Sends replies."""
        self.wfile.write("".join(line + "\r\n" for line in lines).encode())

    def read(self) -> str:
        """Returns the next line; "" at the end of the connection."""
        return self.rfile.readline().decode(errors="surrogateescape")

    def obey(self, line: str) -> bool:
        """Answers a command; False at the end of the session."""
        verb = line[:4].upper()
        address = re.search("<(.*)>", line)
        if verb in ("EHLO", "LHLO"):
            self.say("250-sink.example", "250-8BITMIME", "250 SMTPUTF8")
        elif verb == "DATA":
            self.take_mail(one_answer=not self.server.is_lmtp)
        else:
            if verb == "MAIL" and address:
                self.sender, self.recipients = address[1], []
            elif verb == "RCPT" and address:
                self.recipients.append(address[1])
            self.say("250 2.0.0 ok")
        return verb != "QUIT"

    def take_mail(self, one_answer: bool) -> None:
        """Reads a mail and keeps it."""
        self.say("354 go on")
        text = ""
        while (line := self.read()) not in ("", ".\r\n"):
            text += line
        headers = tuple(unfolded(text))
        self.server.sink.keep(text, [Delivery(self.server.place, self.sender, recipient, headers)
                                     for recipient in self.recipients])
        self.say(*["250 2.0.0 kept"] * (1 if one_answer else len(self.recipients)))


class Server(socketserver.ThreadingMixIn, socketserver.BaseServer):
    """A place where mail arrives: a socket that listens, with a thread for each session."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, sink: "Sink", place: str, listener: socket.socket, is_lmtp: bool) -> None:
        super().__init__(listener.getsockname(), Session)
        self.sink, self.place, self.socket, self.is_lmtp = sink, place, listener, is_lmtp
        listener.listen(64)

    def fileno(self) -> int:
        """Returns the socket's number, for the selector of serve_forever()."""
        return self.socket.fileno()

    def get_request(self) -> tuple[socket.socket, str]:
        """Accepts a connection."""
        return self.socket.accept()[0], self.place

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Ends a connection."""
        if isinstance(request, socket.socket):
            request.close()


class Sink:
    """Places that take mail; `mails` has the text of each mail with its deliveries."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[Delivery]]] = []
        self._lock = threading.Lock()
        self._servers: list[Server] = []

    def keep(self, text: str, deliveries: list[Delivery]) -> None:
        """Keeps a mail."""
        with self._lock:
            self.mails.append((text, deliveries))

    def serve_smtp(self, place: str, address: str, port: int) -> None:
        """Listens for SMTP on a loopback address, at a port that the test reserved."""
        self._start(Server(self, place, reserve(address, port), is_lmtp=False))

    def serve_lmtp(self, place: str, path: str) -> None:
        """Listens for LMTP on a unix socket that every user may use."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        os.chmod(path, 0o777)
        self._start(Server(self, place, listener, is_lmtp=True))

    def _start(self, server: Server) -> None:
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), name=f"sink {server.place}", daemon=True).start()

    def stop(self) -> None:
        """Closes every place."""
        for server in self._servers:
            server.shutdown()
            server.socket.close()


class Greeting(socketserver.StreamRequestHandler):
    """A connection to LoginServer."""

    def handle(self) -> None:
        """Says which mechanisms there are, and waits for the end of the connection."""
        with contextlib.suppress(ConnectionError):
            self.wfile.write(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n"
                             b"COOKIE\t0123456789abcdef0123456789abcdef\nDONE\n")
            self.rfile.read()


class LoginServer(socketserver.ThreadingUnixStreamServer):
    """A server of Dovecot's auth protocol that knows nobody: enough for smtpd to say that it has logins."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, path: str) -> None:
        super().__init__(path, Greeting)
        os.chmod(path, 0o777)
        threading.Thread(target=self.serve_forever, args=(0.05,), name=f"logins {path}", daemon=True).start()

    def stop(self) -> None:
        """Closes the socket."""
        self.shutdown()
        self.server_close()
