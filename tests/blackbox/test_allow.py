"""The setting 'allow' of a socket: which users, groups and networks are served, and what the others get."""

import os
import pwd
import re
import signal
import socket
import subprocess
import sys

import harness
from harness import Case, conf_file, echo, netstring, url_table
from test_systemd import Manager

# Sends a lookup, and prints the answer, or nothing when the connection ends without one.
ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as sock:
    sock.connect(sys.argv[1])
    try:
        sock.sendall(b"3:t k,")
        sys.stdout.write(sock.recv(100).decode())
    except (BrokenPipeError, ConnectionResetError):
        pass
"""
ANSWER = netstring("OK k").decode()


def ask_as(path, user, group, *groups):
    """Looks k up as this user, with this group and these supplementary ones."""
    more = ["--groups", ",".join(groups)] if groups else ["--clear-groups"]
    done = subprocess.run(["setpriv", "--reuid", user, "--regid", group, *more, sys.executable, "-c", ASK, path],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=harness.GUARD, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Allow(Case):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def config(self, *listen, **settings):
        return self.write("podop.conf", conf_file(listen=list(listen), tables=[url_table(self.http)], **settings))

    def start(self, *listen, **settings):
        return self.podop("-c", self.config(*listen, **settings))


class Users(Allow):
    def setUp(self):
        super().setUp()
        harness.need(os.geteuid() == 0, "root, to become other users")
        os.chmod(self.dir, 0o755)

    def check(self, allow, *expected):
        """Checks whether daemon, bin in the group games, bin with the supplementary group games, and games get an
        answer; root always does."""
        podop = self.start({"socket": self.socket, "permissions": "0666", "allow": allow})
        clients = (("daemon", "bin"), ("bin", "games"), ("bin", "bin", "mail", "games"), ("games", "nogroup"))
        self.assertEqual([ask_as(self.socket, *who) == ANSWER for who in clients], list(expected))
        self.assertEqual(ask_as(self.socket, "root", "root"), ANSWER)
        podop.stop()

    def test_users_and_groups(self):
        number = str(pwd.getpwnam("daemon").pw_uid)
        self.check(["daemon"], True, False, False, False)
        self.check("user:daemon", True, False, False, False)
        self.check([number], True, False, False, False)
        self.check(["group:games"], False, True, True, False)
        self.check(["daemon", "games"], True, False, False, True)
        self.check(["no.such.name"], False, False, False, False)

    def test_refused_clients(self):
        """They get no byte, are counted, and are logged once."""
        podop = self.start({"socket": self.socket, "permissions": "0666", "allow": "daemon"})
        for _ in range(3):
            self.assertEqual(ask_as(self.socket, "bin", "games"), "")
        self.assertEqual(ask_as(self.socket, "daemon", "daemon"), ANSWER)
        podop.signal(signal.SIGUSR1)
        self.assertRegex(podop.wait_log("event=counters .*uptime_s"), r" connections=1 refused=3 ")
        podop.stop()
        line, = podop.lines("event=client_not_allowed")
        user = pwd.getpwnam("bin")
        peer = rf"uid {user.pw_uid}, gid \d+, pid \d+"
        self.assertRegex(line, rf'level=warning .*socket={self.socket} peer="{peer}" count=1')
        self.assertEqual(len(self.http.requests), 1)

    def test_control_socket(self):
        control = self.path("control")
        podop = self.start({"socket": self.socket}, control={"socket": control, "permissions": "0666",
                                                             "allow": ["daemon"]})
        for user, is_allowed in (("daemon", True), ("bin", False)):
            with self.subTest(user=user):
                done = subprocess.run(["setpriv", "--reuid", user, "--regid", user, "--clear-groups",
                                       harness.binary("PODOPCTL"), "--control", control, "stats"],
                                      stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                                      timeout=harness.GUARD, env=harness.clean_environment())
                self.assertEqual(done.returncode == 0, is_allowed, done.stderr)
        self.assertIn(f"socket={control}", podop.wait_log("event=client_not_allowed"))

    def test_a_reload_changes_the_list(self):
        """For new clients: those that are connected stay, as with changed permissions."""
        listen = {"socket": self.socket, "permissions": "0666"}
        podop = self.start({**listen, "allow": ["daemon"]})
        client = self.client()  # of root
        self.check_payload(client.ask("t", "k"), "OK k")
        self.assertEqual(ask_as(self.socket, "bin", "bin"), "")
        for allow, served in (({"allow": ["bin"]}, ("bin",)), ({}, ("bin", "daemon")),
                              ({"allow": "user:1"}, ("daemon",))):
            with self.subTest(**allow):
                self.config({**listen, **allow})
                podop.log.clear()
                podop.signal(signal.SIGHUP)
                podop.wait_log("event=reload ")
                self.assertEqual([user for user in ("bin", "daemon") if ask_as(self.socket, user, "bin") == ANSWER],
                                 list(served))
                self.check_payload(client.ask("t", "k"), "OK k")
        podop.log.clear()
        self.config({**listen, "allow": "10.0.0.0/8"})
        podop.signal(signal.SIGHUP)
        self.assertIn("'10.0.0.0/8' is a network", podop.wait_log("event=reload_failed"))
        self.assertEqual(ask_as(self.socket, "daemon", "bin"), ANSWER)
        self.assertEqual(ask_as(self.socket, "bin", "bin"), "")


class Networks(Allow):
    def ask_from(self, address, port):
        """Returns the bytes that a client with this address gets for a lookup."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as sock:
            sock.settimeout(harness.GUARD)
            sock.bind((address, 0))
            sock.connect(("::1" if ":" in address else "127.0.0.1", port))
            try:
                sock.sendall(netstring("t k"))
                return sock.recv(100)
            except (BrokenPipeError, ConnectionResetError):
                return b""

    def test_addresses(self):
        port = self.reserve_port()
        for allow, served in ((["127.0.0.2"], {"127.0.0.2"}), ("127.0.0.2/31", {"127.0.0.2", "127.0.0.3"}),
                              (["127.0.0.1", "127.1.0.0/16"], {"127.0.0.1", "127.1.2.3"}),
                              ("::ffff:127.0.0.3", {"127.0.0.3"}), ("::/0", set()),
                              ("localhost", {"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.1.2.3"})):
            with self.subTest(allow=allow):
                podop = self.start({"socket": f"127.0.0.1:{port}", "allow": allow})
                got = {address for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.1.2.3")
                       if self.ask_from(address, port) == netstring("OK k")}
                self.assertEqual(got, served)
                podop.stop()

    def test_refused_clients(self):
        port = self.reserve_port()
        podop = self.start({"socket": f"127.0.0.1:{port}", "allow": "127.0.0.2"})
        for address in ("127.0.0.3", "127.0.0.4", "127.0.0.3"):
            self.assertEqual(self.ask_from(address, port), b"")
        self.assertEqual(self.ask_from("127.0.0.2", port), netstring("OK k"))
        podop.stop()  # then all of its log is written
        line, = podop.lines("event=client_not_allowed")
        self.assertRegex(line, rf"socket=127\.0\.0\.1:{port} peer=127\.0\.0\.3 count=1$")
        self.assertEqual(len(self.http.requests), 1)

    def test_refused_clients_take_no_place(self):
        port = self.reserve_port()
        podop = self.start({"socket": f"127.0.0.1:{port}", "allow": "127.0.0.2", "max_clients": 1})
        for _ in range(5):
            self.assertEqual(self.ask_from("127.0.0.3", port), b"")
        before = podop.descriptors()
        for _ in range(5):
            self.assertEqual(self.ask_from("127.0.0.3", port), b"")
        self.assertEqual(self.ask_from("127.0.0.2", port), netstring("OK k"))
        harness.wait_until(lambda: podop.descriptors() <= before + 1, "the refused are closed")

    def test_of_the_command_line(self):
        port = self.reserve_port()
        config = self.config({"socket": f"127.0.0.1:{port}"})
        self.podop("-c", config, "--set", "listen.[0].allow=127.0.0.2")
        self.assertEqual(self.ask_from("127.0.0.1", port), b"")
        self.assertEqual(self.ask_from("127.0.0.2", port), netstring("OK k"))

    def test_faults(self):
        path = self.config({"socket": "127.0.0.1:9100", "allow": ["127.0.0.1/8"]}, {"socket": self.socket, "allow": []})
        done = harness.run("PODOP", "-t", "-c", path)
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stderr, r"podop.conf:1: 'allow' in socket '127.0.0.1:9100': '127.0.0.1/8' has bits after "
                                      r"its prefix: the network is 127.0.0.0/8")
        self.assertRegex(done.stderr, rf"podop.conf:1: 'allow' in socket '{re.escape(self.socket)}' must not be empty")


class Activated(Manager):
    """Sockets of systemd: one name can have both kinds, and each has its entries of the list."""

    def test_both_kinds(self):
        unix = self.unix()
        tcp = self.keep(socket.create_server(("127.0.0.1", 0)))
        both = self.keep(socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True))
        sockets = [("podop", unix), ("podop", tcp), ("podop", both)]
        podop = self.ready(sockets, "-c", self.config({"socket": "systemd:podop", "allow": [
            "no.such.name" if os.geteuid() == 0 else str(os.geteuid()), "127.0.0.1"]}))
        self.check_serves(self.socket)
        self.check_serves(tcp.getsockname())
        self.check_serves(("127.0.0.1", both.getsockname()[1]))  # as ::ffff:127.0.0.1
        podop.stop()
        podop = self.ready(sockets, "-c", self.config({"socket": "systemd:podop", "allow": "127.0.0.9"}))
        for address in (tcp.getsockname(), ("127.0.0.1", both.getsockname()[1])):
            client = self.client(address)
            try:
                client.request("t", "k")
                self.assertIsNone(client.read())
            except (BrokenPipeError, ConnectionResetError):
                pass
        self.assertIn("peer=127.0.0.1 ", podop.wait_log("event=client_not_allowed .*::"))

    def test_warning(self):
        """Only at its start does podop know the addresses of these sockets."""
        local = self.keep(socket.create_server(("127.0.0.1", 0)))
        every = self.keep(socket.create_server(("0.0.0.0", 0)))
        host, port = every.getsockname()
        sockets = [("podop", self.unix()), ("podop", local), ("podop", every)]
        podop = self.ready(sockets, "-c", self.config({"socket": "systemd:podop"}))
        podop.stop()
        line, = podop.lines("event=config_warning")
        self.assertRegex(line, rf"podop.conf:1: warning: socket 'systemd:podop' accepts other hosts on "
                               rf"systemd:podop={host}:{port}, .*'allow'")
        podop = self.ready(sockets, "-c", self.config({"socket": "systemd:podop", "allow": ["root", "10.0.0.0/8"]}))
        podop.stop()
        self.assertEqual(podop.lines("event=config_warning"), [])


if __name__ == "__main__":
    harness.main()
