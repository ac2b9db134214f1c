"""The base of tests with backends by name. As root only: in a mount namespace podop reads other files in /etc."""

import ctypes
import os
import shutil
import socket
import struct
import subprocess

import harness
from harness import Case, conf_file, echo
from nameserver import record

ADDRESSES = "127.0.0.2", "127.0.0.3"
DEAF = "127.0.0.77"  # a name server that never answers
FORMERR, NOTIMP = 1, 4
SO_ATTACH_FILTER = 26
PATIENT = {"retries": 0, "connect_timeout": "10s", "timeout": "15s"}
REPLACED = 'mount --bind "$0/hosts" /etc/hosts && mount --bind "$0/resolv.conf" /etc/resolv.conf && exec "$@"'


def go_silent(sock):
    """A TCP socket drops whatever comes in: a listening one swallows SYNs, the other end of a connected one gets no
    acknowledgement any more, and both without a word."""
    drop = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # BPF_RET: 0 bytes are kept
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(drop)))


def addresses(name, kind, *texts, ttl=1):
    """A or AAAA records."""
    family = socket.AF_INET6 if kind == "AAAA" else socket.AF_INET
    return [record(name, kind, socket.inet_pton(family, text), ttl) for text in texts]


class NamesCase(Case):
    def setUp(self):
        super().setUp()
        harness.need(os.geteuid() == 0, "root, for a mount namespace")
        harness.need(shutil.which("unshare") and
                     subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0,
                     "mount namespaces")
        self.port = self.reserve_port()
        self.backends = [self.backend(host=address, port=self.port, default=echo) for address in ADDRESSES]
        self.write("hosts", "")
        self.write("resolv.conf", f"nameserver {DEAF}\noptions timeout:30 attempts:5\n")

    def name(self, *addresses):
        """The backend's name stands for these addresses from now on."""
        self.write("hosts", "127.0.0.1 localhost\n" + "".join(f"{address} service.test\n" for address in addresses))

    def start(self, *tables, host="service.test", table=(), **settings):
        """A table `t` that asks the backend by its name, and others; returns a client."""
        first = {"name": "t", "type": "url", "param": f"http://{host}:{self.port}/§", **dict(table)}
        text = conf_file(listen=[{"socket": self.socket}], tables=[first, *tables], **settings)
        self.daemon = podop = harness.Podop("-c", self.write("podop.conf", text), "-v",
                              through=["unshare", "-m", "sh", "-c", REPLACED, self.dir])
        self.addCleanup(podop.stop)
        podop.wait_ready()
        return self.client()

    def count_log(self, event):
        """How many lines of that event podop has written."""
        return sum(f"event={event} " in line for line in self.daemon.log)

    def listen_silently(self, address):
        """An address that swallows SYNs, at the port of the backends."""
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, self.port))
        listener.listen()
        go_silent(listener)

    def ask_until_it_is_followed(self, client, guard=harness.GUARD):
        """Each answer is the right one, whoever gives it."""
        self.backends[1].forget()

        def is_asked():
            self.check_payload(client.ask("t", "k"), "OK k")
            return self.backends[1].requests

        harness.wait_until(is_asked, "the new address is asked", guard)
