"""scrape.py PORT CONNECTIONS: asks for /metrics, /status.json and the status page over and over until SIGTERM.

Prints a line when it begins, and at the end how many answers it got, and their bytes.
"""

import json
import selectors
import signal
import socket
import sys

REQUESTS = [f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode()
            for path in ("/metrics", "/status.json", "/")]


class Flood:
    """Keeps so many requests under way."""

    def __init__(self, port: int, connections: int) -> None:
        self.address = ("127.0.0.1", port)
        self.selector = selectors.DefaultSelector()
        self.answers = self.bytes = self.bad = self.asked = 0
        self.ends = False
        signal.signal(signal.SIGTERM, self.stop)
        for _ in range(connections):
            self.ask()

    def stop(self, _number: int, _frame: object) -> None:
        self.ends = True

    def ask(self) -> None:
        sock = socket.create_connection(self.address)
        sock.sendall(REQUESTS[self.asked % len(REQUESTS)])
        self.asked += 1
        self.selector.register(sock, selectors.EVENT_READ, [0])

    def run(self) -> None:
        while not self.ends:
            for key, _ in self.selector.select(0.1):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                data = sock.recv(1 << 20)
                if key.data[0] == 0 and not data.startswith(b"HTTP/1.1 200"):
                    self.bad += 1
                key.data[0] += len(data)
                if not data:
                    self.answers += 1
                    self.bytes += key.data[0]
                    self.selector.unregister(sock)
                    sock.close()
                    self.ask()


def main() -> None:
    flood = Flood(int(sys.argv[1]), int(sys.argv[2]))
    print("begun", flush=True)
    flood.run()
    print(json.dumps({"answers": flood.answers, "bytes": flood.bytes, "bad": flood.bad}))


if __name__ == "__main__":
    main()
