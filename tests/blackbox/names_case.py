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
    """Makes a TCP socket drop all that comes in: a listening socket swallows SYNs, and the peer of a
    connected socket gets no acknowledgement."""
    drop = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # BPF_RET: 0 bytes are kept
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(drop)))


def addresses(name, kind, *texts, ttl=1):
    """Returns A or AAAA records."""
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
        """Sets the addresses of the backend's name in the hosts file."""
        self.write("hosts", "127.0.0.1 localhost\n" + "".join(f"{address} service.test\n" for address in addresses))

    def start(self, *tables, host="service.test", table=(), **settings):
        """Starts podop with a table `t` that asks the backend by its name, and with further tables; returns a
        client."""
        first = {"name": "t", "type": "url", "param": f"http://{host}:{self.port}/§", **dict(table)}
        text = conf_file(listen=[{"socket": self.socket}], tables=[first, *tables], **settings)
        self.daemon = podop = harness.Podop("-c", self.write("podop.conf", text), "-v",
                              through=["unshare", "-m", "sh", "-c", REPLACED, self.dir])
        self.addCleanup(podop.stop)
        podop.wait_ready()
        return self.client()

    def count_log(self, event):
        """Returns the number of log lines with that event so far."""
        return sum(f"event={event} " in line for line in self.daemon.log)

    def listen_silently(self, address):
        """Listens at an address on the port of the backends and swallows SYNs."""
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, self.port))
        listener.listen()
        go_silent(listener)

    def ask_until_it_is_followed(self, client, guard=harness.GUARD):
        """Asks until the other backend answers; until then either backend's answer is right."""
        self.backends[1].forget()

        def is_asked():
            self.check_payload(client.ask("t", "k"), "OK k")
            return self.backends[1].requests

        harness.wait_until(is_asked, "the new address is asked", guard)
