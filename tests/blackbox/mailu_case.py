"""The base of tests of docs/mailu.md: the stand-in of Mailu's admin, and podop in front of it as the page starts it."""

import os
import re
import shlex
import sys

import documents
import harness
from harness import Case
from mailu_service import Mailu

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = os.path.join(SOURCE, "examples", "mailu")
PAGE = ("docs", "mailu.md")
SOCKET = "/tmp/podop.socket"
ADMIN = "http://$ADMIN_ADDRESS:8080"

# The tables that Mailu's start scripts serve, and the paths of their URLs.
POSTFIX = {"transport": "transport/§", "alias": "alias/§", "dane": "dane/§", "domain": "domain/§",
           "mailbox": "mailbox/§", "recipientmap": "recipient/map/§", "sendermap": "sender/map/§",
           "senderlogin": "sender/login/§", "senderrate": "sender/rate/§"}
DOVECOT = {"quota": "§", "auth": "§", "sieve": "§"}


def tables(server_type, url=ADMIN):
    """Returns the argument of run_server(): name, type and parameter of each table."""
    paths = POSTFIX if server_type == "postfix" else DOVECOT
    return [(name, "url", f"{url}/internal/{server_type}/{path}") for name, path in paths.items()]


def page_text():
    """Returns the page."""
    with open(os.path.join(SOURCE, *PAGE), encoding="utf-8") as file:
        return file.read()


def page_words(server_type):
    """Returns the words of the page's command line for a server, without the name of the program."""
    text = documents.block(*PAGE, begin=f"/usr/sbin/podop --mode {server_type}")
    return shlex.split(re.sub(r"\\\n", " ", text))[1:]


class WithMailu(Case):
    """A test with the admin, whose port stays the same when it goes and comes back."""

    def setUp(self):
        super().setUp()
        self.mailu = Mailu()
        self.admin = self.backend(default=self.mailu)

    def come_back(self):
        """Starts the admin again after self.admin.stop()."""
        self.admin = self.backend(default=self.mailu, port=self.admin.port)

    def serve_page(self, server_type, *more):
        """Starts podop by the page's command line and further words."""
        words = [word.replace(ADMIN, self.admin.url).replace(SOCKET, self.socket) for word in page_words(server_type)]
        return self.podop(*words, *more)

    def script(self, server_type, served):
        """Returns a start script like Mailu's, which serves these tables."""
        return (f"import sys\nsys.path.insert(0, {PACKAGE!r})\nimport podop\n"
                f"podop.PODOP = {harness.binary('PODOP')!r}\nfrom podop import run_server\n"
                f"run_server(1, {server_type!r}, {self.socket!r}, {served!r})\n")

    def run_server(self, server_type):
        """Starts podop by run_server() of the package in examples/mailu."""
        server = harness.Podop("-c", self.script(server_type, tables(server_type, self.admin.url)),
                               program=sys.executable)
        self.addCleanup(server.stop)
        server.wait_ready()
        return server
