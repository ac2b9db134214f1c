"""Name servers for tests on loopback: a real NSD with zones of the test, and one that answers as the test says."""

import contextlib
import os
import pwd
import shutil
import socket
import struct
import subprocess
import threading

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


class Nsd:
    """An NSD below the directory of a test; zones are texts without SOA and NS, or None for one that does not load."""

    def __init__(self, case, zones, port=None):
        harness.need(shutil.which("nsd", path=PATH), "NSD")
        self.port = port or harness.free_port()
        self.address = f"127.0.0.1:{self.port}"
        conf = NSD_CONF.format(port=self.port, dir=case.dir, user=pwd.getpwuid(os.geteuid()).pw_name)
        for number, (zone, text) in enumerate(zones.items()):
            conf += f'zone:\n    name: "{zone}"\n    zonefile: "{number}.zone"\n'
            if text is not None:
                case.write(f"{number}.zone", f"$ORIGIN {zone}.\n$TTL 3600\n"
                           "@ 600 IN SOA ns.invalid. root.invalid. 1 3600 600 86400 300\n"
                           f"@ IN NS ns.invalid.\n{text}\n")
        self.log = case.path("nsd.log")
        self.process = subprocess.Popen([shutil.which("nsd", path=PATH), "-d", "-c", case.write("nsd.conf", conf)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        case.addCleanup(self.stop)
        harness.wait_until(self.is_there, "NSD answers")

    def is_there(self):
        """True once it answers anything at all."""
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                raise AssertionError(f"NSD ended with status {self.process.returncode}:\n{log.read()}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            sock.connect(("127.0.0.1", self.port))
            with contextlib.suppress(OSError):
                sock.send(struct.pack("!6H", 1, 0, 1, 0, 0, 0) + wire_name("x.invalid") + struct.pack("!2H", 1, 1))
                return bool(sock.recv(512))
        return False

    def stop(self):
        self.process.terminate()
        self.process.wait(harness.GUARD)


def wire_name(name):
    """A name as it travels, without compression."""
    labels = [label.encode("latin-1") for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(name, kind, data, ttl=3600):
    """One record; data are bytes."""
    return wire_name(name) + struct.pack("!2HIH", TYPES[kind], 1, ttl, len(data)) + data


def mx(name, preference, host, ttl=3600):
    return record(name, "MX", struct.pack("!H", preference) + wire_name(host), ttl)


def soa(name, ttl=3600, minimum=3600):
    return record(name, "SOA", wire_name("ns.invalid") * 2 + struct.pack("!5I", 1, 1, 1, 1, minimum), ttl)


class Question:
    """What podop asked."""

    def __init__(self, data, over_tcp):
        self.data, self.over_tcp = data, over_tcp
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
            at += 1 + data[at]
        self.name = ".".join(labels)
        number = struct.unpack_from("!H", data, at + 1)[0]
        self.kind = next((kind for kind, code in TYPES.items() if code == number), str(number))
        self.wire = data[12:at + 5]

    def answer(self, *answers, authority=(), rcode=NOERROR, flags=RECURSIVE):
        """The message that says so."""
        head = struct.pack("!6H", int.from_bytes(self.data[:2], "big"), 0x8100 | flags | rcode, 1, len(answers),
                           len(authority), 0)
        return head + self.wire + b"".join(answers) + b"".join(authority)


class FakeServer:
    """A name server that answers each Question with what a function returns: bytes, or None for silence."""

    def __init__(self, case, answer, port=None):
        self.answer = answer
        self.questions = []  # each once, however often podop tries
        self._news = threading.Condition()
        self.port = port or harness.free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._tcp = socket.socket()
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._tcp.bind(("127.0.0.1", self.port))
        self._tcp.listen()
        self._threads = [threading.Thread(target=function, daemon=True) for function in (self._serve_udp,
                                                                                       self._serve_tcp)]
        for thread in self._threads:
            thread.start()
        case.addCleanup(self.stop)

    def _take(self, data, over_tcp):
        question = Question(data, over_tcp)
        with self._news:
            if not any((q.data, q.over_tcp) == (data, over_tcp) for q in self.questions):
                self.questions.append(question)
            self._news.notify_all()
        return self.answer(question)

    def _serve_udp(self):
        with contextlib.suppress(OSError):
            while True:
                data, peer = self._udp.recvfrom(65536)
                if not data:
                    return
                answer = self._take(data, False)
                if answer is not None:
                    self._udp.sendto(answer, peer)

    def _serve_tcp(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._tcp.accept()
                with sock, contextlib.suppress(OSError):
                    sock.settimeout(harness.GUARD)
                    stream = sock.makefile("rb")
                    while len(head := stream.read(2)) == 2:
                        answer = self._take(stream.read(int.from_bytes(head, "big")), True)
                        if answer is not None:
                            sock.sendall(len(answer).to_bytes(2, "big") + answer)

    def count(self, name, kind="MX"):
        """How many such questions came so far."""
        with self._news:
            return sum((q.name.lower(), q.kind) == (name, kind) for q in self.questions)

    def wait_questions(self, number):
        """Waits until so many have come in all."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.questions) >= number, harness.GUARD):
                raise AssertionError(f"the name server got {len(self.questions)} questions, never {number}")

    def stop(self):
        for sock in (self._udp, self._tcp):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(harness.GUARD)
        self._udp.close()
        self._tcp.close()
