"""A TLS server for test_kernel_tls.c, which sends records as it is told: tls_peer.py DIRECTORY

Makes a certificate for localhost in the directory, listens on a free port of 127.0.0.1 and prints it. Then it
obeys the lines of its standard input, and answers each with a line:
  accept        accepts a connection and makes the handshake
  hang-up       accepts a connection and closes it at once
  send N...     sends records of so many bytes, together
  part N        sends a part of a record of so many bytes
  rest          sends the rest of it
  read N        reads so many bytes
  notify        sends close_notify
  fin, reset    ends the connection
"""

import os
import socket
import ssl
import struct
import subprocess
import sys

PART = 7  # bytes of a record


class Peer:
    """A connection, of which every byte on its way is seen."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        self.listener, self.context = listener, context
        self.connection: socket.socket
        self.kept = b""

    def accept(self) -> None:
        self.connection = self.listener.accept()[0]
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                self.receive()
            except ssl.SSLError:
                break
        self.flush()

    def receive(self) -> None:
        got = self.connection.recv(1 << 16)
        if got:
            self.incoming.write(got)
        else:
            self.incoming.write_eof()

    def flush(self) -> None:
        self.connection.sendall(self.outgoing.read())

    def send(self, *sizes: str) -> None:
        for size in sizes:
            self.tls.write(b"x" * int(size))
        self.flush()

    def part(self, size: str) -> None:
        self.tls.write(b"x" * int(size))
        self.kept = self.outgoing.read()
        self.connection.sendall(self.kept[:PART])

    def rest(self) -> None:
        self.connection.sendall(self.kept[PART:])

    def read(self, size: str) -> None:
        left = int(size)
        while left > 0:
            try:
                left -= len(self.tls.read(left))
            except ssl.SSLWantReadError:
                self.receive()

    def notify(self) -> None:
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.flush()

    def fin(self) -> None:
        self.connection.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def hang_up(self) -> None:
        self.connection = self.listener.accept()[0]
        self.connection.recv(1 << 16)
        self.connection.close()


def main() -> None:
    directory = sys.argv[1]
    cert, key = os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
                   check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    listener = socket.create_server(("127.0.0.1", 0))
    peer = Peer(listener, context)
    print(listener.getsockname()[1], flush=True)
    for line in sys.stdin:
        name, *arguments = line.split()
        getattr(peer, name.replace("-", "_"))(*arguments)
        print("done", flush=True)


main()
