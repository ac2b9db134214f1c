"""Name servers for tests on loopback: a real NSD with zones of the test, and one that answers as the test says."""

import contextlib
import os
import pwd
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

import harness

PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin"
TYPES = {"A": 1, "CNAME": 5, "SOA": 6, "MX": 15, "AAAA": 28}
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
AUTHORITATIVE, TRUNCATED, RECURSIVE = 0x0400, 0x0200, 0x0080

NSD_CONF = """
server:
    ip-address: 127.0.0.1@{port}
    server-count: 1
    username: "{user}"
    chroot: ""
    zonesdir: "{dir}"
    database: ""
    pidfile: "{dir}/nsd.pid"
    logfile: "{dir}/nsd.log"
    xfrdfile: "{dir}/xfrd.state"
    xfrdir: "{dir}"
    zonelistfile: "{dir}/zone.list"
    rrl-ratelimit: 0
    ipv4-edns-size: 512
remote-control:
    control-enable: no
"""


class PortTaken(Exception):
    """Another process has the port that was chosen."""


class Nsd:
    """An NSD below the directory of a test; zones are texts without SOA and NS, or None for one that does not load."""

    def __init__(self, case: harness.Case, zones: Mapping[str, str | None]) -> None:
        program = shutil.which("nsd", path=PATH)
        harness.need(program, "NSD")
        self.command = [str(program), "-d", "-c", case.path("nsd.conf")]
        self.case = case
        self.zones = ""
        for number, (zone, text) in enumerate(zones.items()):
            self.zones += f'zone:\n    name: "{zone}"\n    zonefile: "{number}.zone"\n'
            if text is not None:
                case.write(f"{number}.zone", f"$ORIGIN {zone}.\n$TTL 3600\n@ 600 IN SOA ns.invalid. root.invalid. "
                           f"1 3600 600 86400 300\n@ IN NS ns.invalid.\n{text}\n")
        self.log = case.path("nsd.log")
        case.addCleanup(self.stop)
        while True:
            self.choose_port()
            with contextlib.suppress(PortTaken):
                self.start_once()
                break

    def choose_port(self) -> None:
        """Reserves the port for TCP; a UDP port cannot be reserved for another process, so NSD may find it taken."""
        udp, tcp = harness.bind_udp_and_tcp()
        udp.close()
        self.case.addCleanup(tcp.close)
        self.port = harness.number(tcp)
        self.address = f"127.0.0.1:{self.port}"
        user = pwd.getpwuid(os.geteuid()).pw_name
        self.case.write("nsd.conf", NSD_CONF.format(port=self.port, dir=self.case.dir, user=user) + self.zones)

    def start_once(self) -> None:
        """Starts NSD and waits until it answers."""
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        harness.wait_until(self.is_there, "NSD answers")

    def start(self) -> None:
        """Starts NSD on its old port, as soon as no other process has that."""
        def is_started() -> bool:
            with contextlib.suppress(PortTaken):
                self.start_once()
                return True
            return False

        harness.wait_until(is_started, "NSD has its port again")

    def is_there(self) -> bool:
        """Returns True once NSD answers anything at all."""
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                text = log.read()
            os.unlink(self.log)
            if "Address already in use" in text:
                raise PortTaken
            raise AssertionError(f"NSD ended with status {self.process.returncode}:\n{text}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            sock.connect(("127.0.0.1", self.port))
            with contextlib.suppress(OSError):
                sock.send(struct.pack("!6H", 1, 0, 1, 0, 0, 0) + wire_name("x.invalid") + struct.pack("!2H", 1, 1))
                return bool(sock.recv(512))
        return False

    def stop(self) -> None:
        """Ends NSD."""
        self.process.terminate()
        self.process.wait(harness.GUARD)


def wire_name(name: str) -> bytes:
    """Encodes a name without compression."""
    labels = [label.encode("latin-1") for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(name: str, kind: str, data: bytes, ttl: int = 3600) -> bytes:
    """Encodes one record."""
    return wire_name(name) + struct.pack("!2HIH", TYPES[kind], 1, ttl, len(data)) + data


def mx(name: str, preference: int, host: str, ttl: int = 3600) -> bytes:
    """Encodes an MX record."""
    return record(name, "MX", struct.pack("!H", preference) + wire_name(host), ttl)


def soa(name: str, ttl: int = 3600, minimum: int = 3600) -> bytes:
    """Encodes an SOA record; `minimum` is how long a negative answer may be cached."""
    return record(name, "SOA", wire_name("ns.invalid") * 2 + struct.pack("!5I", 1, 1, 1, 1, minimum), ttl)


class Question:
    """A query from podop, decoded."""

    def __init__(self, data: bytes, over_tcp: bool) -> None:
        self.data, self.over_tcp = data, over_tcp
        labels: list[str] = []
        at = 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
            at += 1 + data[at]
        self.name = ".".join(labels)
        number = struct.unpack_from("!H", data, at + 1)[0]
        self.kind = next((kind for kind, code in TYPES.items() if code == number), str(number))
        self.wire = data[12:at + 5]

    def answer(self, *answers: bytes, authority: Sequence[bytes] = (), rcode: int = NOERROR,
               flags: int = RECURSIVE) -> bytes:
        """Encodes the response with these records."""
        head = struct.pack("!6H", int.from_bytes(self.data[:2], "big"), 0x8100 | flags | rcode, 1, len(answers),
                           len(authority), 0)
        return head + self.wire + b"".join(answers) + b"".join(authority)


class FakeServer:
    """A name server that answers each Question with what a function returns: bytes, or None for silence."""

    def __init__(self, case: harness.Case, answer: Callable[[Question], bytes | None]) -> None:
        self.answer = answer
        self.questions: list[Question] = []  # each once, however often podop tries
        self._news = threading.Condition()
        self._udp, self._tcp = harness.bind_udp_and_tcp()
        self.address = f"127.0.0.1:{harness.number(self._udp)}"
        self._tcp.listen()
        self._threads = [threading.Thread(target=function, daemon=True) for function in (self._serve_udp,
                                                                                       self._serve_tcp)]
        for thread in self._threads:
            thread.start()
        case.addCleanup(self.stop)

    def _take(self, data: bytes, over_tcp: bool) -> bytes | None:
        question = Question(data, over_tcp)
        with self._news:
            if not any((q.data, q.over_tcp) == (data, over_tcp) for q in self.questions):
                self.questions.append(question)
            self._news.notify_all()
        return self.answer(question)

    def _serve_udp(self) -> None:
        while True:
            data, peer = self._udp.recvfrom(65536)
            if not data:  # stop() has shut the socket down
                return
            answer = self._take(data, False)
            if answer is not None:
                with contextlib.suppress(OSError):
                    self._udp.sendto(answer, peer)

    def _serve_tcp(self) -> None:
        while True:
            try:
                sock, _ = self._tcp.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(harness.GUARD)
                self._answer_stream(sock)

    def _answer_stream(self, sock: socket.socket) -> None:
        """Answers the queries of a TCP connection until podop closes it."""
        stream = sock.makefile("rb")
        while len(head := self._read(stream, 2)) == 2:
            answer = self._take(self._read(stream, int.from_bytes(head, "big")), True)
            if answer is not None:
                with contextlib.suppress(OSError):
                    sock.sendall(len(answer).to_bytes(2, "big") + answer)

    @staticmethod
    def _read(stream: BinaryIO, size: int) -> bytes:
        """Reads so many bytes, or fewer at the end of the connection."""
        try:
            return stream.read(size)
        except OSError:
            return b""

    def count(self, name: str, kind: str = "MX") -> int:
        """Returns the number of such questions so far."""
        with self._news:
            return sum((q.name.lower(), q.kind) == (name, kind) for q in self.questions)

    def wait_questions(self, number: int) -> None:
        """Waits for so many questions in all."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.questions) >= number, harness.GUARD):
                raise AssertionError(f"the name server got {len(self.questions)} questions, never {number}")

    def stop(self) -> None:
        """Ends the server."""
        for sock in (self._udp, self._tcp):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(harness.GUARD)
        self._udp.close()
        self._tcp.close()
