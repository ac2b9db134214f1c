"""Loopback ports that no other process can take between their choice and their use.

A port is never chosen, closed and opened again. It is reserved by a socket that is bound with SO_REUSEADDR and does
not listen: Linux gives such a port to no bind(0) and to no connect(), yet a server that binds this very number with
SO_REUSEADDR, as podop and every common server do, may listen on it.
"""

import contextlib
import errno
import socket
from collections.abc import Iterator

LOOPBACK = "127.0.0.1"


def reserve(address: str = LOOPBACK, port: int = 0) -> socket.socket:
    """Reserves a TCP port until the returned socket is closed; connections are refused until a server listens."""
    holder = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((address, port))
    except OSError:
        holder.close()
        raise
    return holder


def number(sock: socket.socket) -> int:
    """Returns the port that a socket is bound to."""
    return int(sock.getsockname()[1])


def bind_udp_and_tcp(port: int = 0) -> tuple[socket.socket, socket.socket]:
    """Binds a UDP and a TCP socket to one port, as a name server needs it; the TCP socket does not listen yet."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind((LOOPBACK, port))
            return udp, reserve(port=number(udp))
        except OSError as error:
            udp.close()
            if port or error.errno != errno.EADDRINUSE:
                raise


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """A port that refuses connections and that no server can take meanwhile."""
    with socket.socket() as holder:
        holder.bind((LOOPBACK, 0))
        yield number(holder)


@contextlib.contextmanager
def full_port() -> Iterator[int]:
    """A port with a full backlog: the handshake of one more connection never ends."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        while True:
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0.5)
            try:
                filler.connect(listener.getsockname())
            except socket.timeout:
                break
        yield number(listener)
