"""Backends by name: changes of their addresses, and name servers that do not answer. As root only: in a mount
namespace podop has an /etc/hosts and an /etc/resolv.conf of the test's."""

import os
import shutil
import socket
import subprocess

import harness
from harness import Case, conf_file, echo, url_table

ADDRESSES = "127.0.0.2", "127.0.0.3"
DEAF = "127.0.0.77"  # a name server that never answers
CHANGE = 60  # seconds, until a change of an address is followed
REPLACED = 'mount --bind "$0/hosts" /etc/hosts && mount --bind "$0/resolv.conf" /etc/resolv.conf && exec "$@"'


class Names(Case):
    def setUp(self):
        super().setUp()
        harness.need(os.geteuid() == 0, "root, for a mount namespace")
        harness.need(shutil.which("unshare") and
                     subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0,
                     "mount namespaces")
        self.port = harness.free_port()
        self.backends = [self.backend(host=address, port=self.port, default=echo) for address in ADDRESSES]
        self.write("hosts", "")
        self.write("resolv.conf", f"nameserver {DEAF}\noptions timeout:30 attempts:5\n")

    def name(self, *addresses):
        """The backend's name stands for these addresses from now on."""
        self.write("hosts", "127.0.0.1 localhost\n" + "".join(f"{address} service.test\n" for address in addresses))

    def start(self, *tables, **settings):
        """A table `t` that asks the backend by its name, and others; returns a client."""
        table = {"name": "t", "type": "url", "param": f"http://service.test:{self.port}/§"}
        text = conf_file(listen=[{"socket": self.socket}], tables=[table, *tables], **settings)
        podop = harness.Podop("-c", self.write("podop.conf", text), "-v",
                              through=["unshare", "-m", "sh", "-c", REPLACED, self.dir])
        self.addCleanup(podop.stop)
        podop.wait_ready()
        return self.client()

    def ask_until_it_is_followed(self, client, guard=harness.GUARD):
        """Each answer is the right one, whoever gives it."""
        self.backends[1].forget()

        def is_asked():
            self.check_payload(client.ask("t", "k"), "OK k")
            return self.backends[1].requests

        harness.wait_until(is_asked, "the new address is asked", guard)

    def test_backend_that_moves(self):
        """The old one is gone: nobody notices."""
        self.name(ADDRESSES[0])
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.name(ADDRESSES[1])
        self.backends[0].stop()
        self.ask_until_it_is_followed(client)
        self.assertEqual(len(self.backends[0].requests), 1)

    def test_backend_that_moves_and_leaves_the_old_one_running(self):
        """Even where a kept connection is in use all the time."""
        self.name(ADDRESSES[0])
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.name(ADDRESSES[1])
        self.ask_until_it_is_followed(client, 2 * CHANGE)
        self.backends[0].forget()
        for number in range(100):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
        self.assertEqual(self.backends[0].requests, [])

    def test_several_addresses(self):
        """One that refuses connections is no failure while another works."""
        self.name(*ADDRESSES)
        client = self.start()
        for turn in range(2):
            for number in range(10):
                self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
            if turn == 0:
                self.backends[0].stop()

    def test_name_that_appears(self):
        """podop starts before it; what was not found is not remembered."""
        self.write("resolv.conf", "nameserver 127.0.0.78\noptions timeout:1 attempts:1\n")  # nobody listens there
        client = self.start()
        for _ in range(2):
            self.check_reason(client.ask("t", "k"), "TEMP")
        self.name(ADDRESSES[1])
        self.check_payload(client.ask("t", "k"), "OK k")

    def test_name_server_that_hangs(self):
        """Whoever needs it waits; nobody else does, and podop ends when it is told to."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            try:
                deaf.bind((DEAF, 53))
            except OSError as fault:
                harness.need(False, f"port 53 of {DEAF}: {fault}")
            self.name(ADDRESSES[0])
            hanging = {"type": "url", "param": "http://hanging.test/§"}
            client = self.start({"name": "hasty", "timeout": "300ms", **hanging},
                                {"name": "patient", "timeout": "1h", "connect_timeout": "1h", **hanging},
                                url_table(self.backends[1], "u"))
            patient = [self.client() for _ in range(20)]
            for waiting in patient:
                waiting.request("patient", "k")
            deaf.settimeout(harness.GUARD)
            deaf.recv(512)  # it is asked
            for number in range(100):
                self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
                self.check_payload(client.ask("u", f"k{number}"), f"OK k{number}")
            for _ in range(3):
                self.check_reason(client.ask("hasty", "k"), "TIMEOUT", "hasty")
            self.assertFalse(any(waiting.has_news() for waiting in patient))
            for waiting in patient:
                waiting.close()
            self.check_payload(client.ask("t", "k"), "OK k")


if __name__ == "__main__":
    harness.main()
