"""Raw connections to podop, and a socketmap client that sends whatever bytes a test says."""

import re
import socket
from typing import TypeAlias

from basics import GUARD, shown, to_bytes

Address: TypeAlias = str | tuple[str, int]  # the path of a unix socket, or a host and a port


def netstring(payload: str | bytes) -> bytes:
    """Encodes a payload as a netstring."""
    payload = to_bytes(payload)
    return b"%d:%s," % (len(payload), payload)


def connect(address: Address) -> socket.socket:
    """Returns a connected stream socket."""
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


def listen(path: str) -> socket.socket:
    """Returns a listening unix socket of the test itself."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen()
    return sock


def refuses(address: Address) -> bool:
    """Returns True once no process takes connections at the address."""
    try:
        connect(address).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    return False


class Connection:
    """A connection to podop; what a client's read() has not taken yet is in `_data`."""

    def __init__(self, address: Address) -> None:
        self.sock = connect(address)
        self._data = bytearray()

    def has_news(self) -> bool:
        """Returns True if bytes, or the end of the connection, can be read at once."""
        if self._data:
            return True
        self.sock.settimeout(0)
        try:
            return self.sock.recv(1, socket.MSG_PEEK) is not None
        except BlockingIOError:
            return False
        finally:
            self.sock.settimeout(GUARD)

    def _receive(self, size: int, missing: str) -> bool:
        """Appends what podop sent next; False at a clean end of the connection. `missing` is for messages."""
        try:
            more = self.sock.recv(size)
        except socket.timeout:
            raise AssertionError(f"{missing} never came; so far: {shown(bytes(self._data))}") from None
        except ConnectionResetError:
            more = b""
        if not more and self._data:
            raise AssertionError(f"the connection ended within {missing}: {shown(bytes(self._data))}")
        self._data += more
        return bool(more)

    def half_close(self) -> None:
        """Closes the sending side."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Closes the connection."""
        self.sock.close()


class Socketmap(Connection):
    """A client of Postfix's socketmap protocol."""

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.sock.sendall(data)

    def request(self, table: str | bytes, key: str | bytes) -> None:
        """Sends one well-formed request."""
        self.send(netstring(to_bytes(table) + b" " + to_bytes(key)))

    def read(self) -> bytes | None:
        """Returns the payload of the next answer, or None at the end of the connection."""
        while (answer := self._cut()) is None:
            if not self._receive(65536, "an answer"):
                return None
        return answer

    def _cut(self) -> bytes | None:
        """Takes one netstring off the front of what came; None if it is not whole yet."""
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

    def ask(self, table: str | bytes, key: str | bytes) -> bytes:
        """Sends one lookup and returns the payload of its answer."""
        self.request(table, key)
        answer = self.read()
        if answer is None:
            raise AssertionError(f"connection closed instead of an answer to {shown(to_bytes(key))}")
        return answer
