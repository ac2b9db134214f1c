"""Start and stop: sockets and their rights, signals, requests under way, privileges."""

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys

import harness
from harness import Case, conf_file, echo, netstring, url_table

BIND, CONFIG = 71, 78

# Tries, as user nobody, to connect to each file of a directory until standard input ends.
STRANGER = """
import os, select, socket, sys
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
directory, tried, got_through = sys.argv[1], 0, 0
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    for name in os.listdir(directory):
        with socket.socket(socket.AF_UNIX) as client:
            tried += name != "podop.conf"
            try:
                client.connect(os.path.join(directory, name))
                got_through += 1
            except OSError:
                pass
print(tried, got_through)
"""


class Life(Case):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def config(self, *listen, **settings):
        """Writes a configuration with one table; it listens on self.socket unless told otherwise."""
        return self.write("podop.conf", conf_file(
            listen=list(listen) or [{"socket": self.socket}], tables=[url_table(self.http)], **settings))

    def check_serves(self, address=None):
        client = self.client(address)
        self.check_payload(client.ask("t", "k"), "OK k")
        client.close()

    def check_no_start(self, config, status=BIND):
        """Checks that podop ends by itself and prints a reason."""
        done = harness.run("PODOP", "-c", config, "-v")
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertRegex(done.stderr, r"\S")
        return done.stderr


class Access(Life):
    """A podop that is not root lets owner and group in by an ACL."""

    USER, GROUP = "daemon", "games"

    def setUp(self):
        super().setUp()
        harness.need(os.geteuid() == 0, "root, to become other users")
        os.chmod(self.dir, 0o755)
        os.mkdir(self.path("own"))
        shutil.chown(self.path("own"), "nobody")
        self.socket = self.path("own/s")

    def as_user(self, user, group):
        return ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", "--inh-caps", "-all"]

    def start(self, **listen):
        config = self.config({"socket": self.socket, **listen})
        os.chmod(config, 0o644)
        podop = harness.Podop("-v", "-c", config, through=self.as_user("nobody", "nogroup"))
        self.addCleanup(podop.stop)
        return podop

    def is_let_in(self, user, group):
        done = subprocess.run([*self.as_user(user, group), sys.executable, "-c",
                               "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])", self.socket],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=harness.GUARD,
                              check=False)
        self.assertTrue(done.returncode == 0 or "Permission denied" in done.stderr, done.stderr)
        return done.returncode == 0

    def check(self, listen, *expected):
        """Checks whether the owner, others in the group, others in podop's group and others may connect."""
        podop = self.start(**listen)
        podop.wait_ready()
        who = ((self.USER, "bin"), ("bin", self.GROUP), ("bin", "nogroup"), ("bin", "bin"))
        self.assertEqual([self.is_let_in(*one) for one in who], list(expected))
        self.assertTrue(self.is_let_in("nobody", "bin"))
        podop.stop()
        self.assertFalse(os.path.exists(self.socket))

    def test_owner_and_group(self):
        self.check({"owner": self.USER, "group": self.GROUP}, True, True, False, False)

    def test_owner(self):
        self.check({"owner": self.USER}, True, False, True, False)
        self.check({"owner": self.USER, "permissions": "0600"}, True, False, False, False)

    def test_group(self):
        self.check({"group": self.GROUP}, False, True, False, False)
        self.check({"group": self.GROUP, "permissions": "0666"}, True, True, False, True)

    def test_own_group(self):
        self.check({"group": "nogroup"}, False, False, True, False)

    def test_unknown(self):
        for setting in ("owner", "group"):
            with self.subTest(setting=setting):
                podop = self.start(**{setting: "no-such"})
                self.assertEqual(podop.wait(), CONFIG, podop.stderr)
                self.assertIn("no-such", podop.stderr)


class Backlog(Life):
    def test_as_long_as_the_kernel_allows(self):
        """The backlog does not depend on SOMAXCONN, which is 4096 in glibc and 128 in musl."""
        harness.need(os.geteuid() == 0 and shutil.which("ss"), "root and ss")
        enter = 'echo 9000 >/proc/sys/net/core/somaxconn && ip link set lo up && exec "$@"'
        config = self.config({"socket": "127.0.0.1:9100"}, {"socket": self.socket})
        podop = harness.Podop("-v", "-c", config, through=["unshare", "--net", "sh", "-c", enter, "sh"])
        self.addCleanup(podop.stop)
        podop.wait_ready()
        for family in ("--tcp", "--unix"):
            with self.subTest(family=family):
                lines = subprocess.run(["nsenter", f"--net=/proc/{podop.pid}/ns/net", "ss", "-Hln", family],
                                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=harness.GUARD,
                                       check=True).stdout.splitlines()
                self.assertEqual([line.split()[3 if family == "--unix" else 2] for line in lines], ["9000"], lines)


class Start(Life):
    def test_ready_line_counts(self):
        podop = self.serve(url_table(self.http, "a"), url_table(self.http, "b"),
                           listen=[{"socket": self.socket}, {"socket": self.path("more")},
                                   {"socket": f"127.0.0.1:{self.reserve_port()}"}])
        line = podop.wait_log("event=ready")
        self.assertIn("level=info", line)
        self.assertRegex(line, r"\bsockets=3\b")
        self.assertRegex(line, r"\btables=2\b")

    def test_permissions(self):
        for setting, mode in (({}, 0o660), ({"permissions": "0600"}, 0o600), ({"permissions": "0666"}, 0o666),
                              ({"permissions": "0777"}, 0o777), ({"permissions": "640"}, 0o640)):
            for mask in (0o000, 0o077):
                with self.subTest(mask=oct(mask), **setting):
                    before = os.umask(mask)
                    try:
                        podop = self.podop("-c", self.config({"socket": self.socket, **setting}))
                    finally:
                        os.umask(before)
                    found = os.stat(self.socket)
                    self.assertTrue(stat.S_ISSOCK(found.st_mode))
                    self.assertEqual(oct(stat.S_IMODE(found.st_mode)), oct(mode))
                    podop.stop()

    def test_rights_from_the_first_moment(self):
        """A socket never exists with other rights, under whatever temporary name, and never disappears when
        they change. Another user who tries all names in the directory never gets through."""
        harness.need(os.geteuid() == 0, "root, to be somebody else")
        os.chmod(self.dir, 0o755)
        listen = [{"socket": self.socket, "permissions": mode, "owner": "daemon"} for mode in ("0600", "0660")]
        config = self.config(listen[0])
        stranger = subprocess.Popen([sys.executable, "-c", STRANGER, self.dir], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE)
        self.addCleanup(stranger.communicate)
        self.assertEqual(stranger.stdout.readline(), b"ready\n")
        for _ in range(3):
            podop = self.podop("-c", config)
            inode = os.stat(self.socket).st_ino
            for number in range(1, 11):
                self.config(listen[number % 2])
                podop.signal(signal.SIGHUP)
                while os.stat(self.socket).st_ino == inode:  # there is always a file
                    self.check_serves()  # on which podop answers
                inode = os.stat(self.socket).st_ino
            podop.stop()
            self.config(listen[0])
        told, _ = stranger.communicate()
        tried, got_through = told.split()
        self.assertGreater(int(tried), 0)
        self.assertEqual(int(got_through), 0)

    def test_owner_and_group(self):
        harness.need(os.geteuid() == 0, "root, to give a socket away")
        user = pwd.getpwnam("nobody")
        self.podop("-c", self.config({"socket": self.socket, "owner": "nobody", "group": "nogroup"},
                                     {"socket": self.path("own"), "owner": "nobody"}))
        for path, owner in ((self.socket, (user.pw_uid, user.pw_gid)), (self.path("own"), (user.pw_uid, os.getegid()))):
            with self.subTest(path=path, owner=owner):
                found = os.stat(path)
                self.assertEqual((found.st_uid, found.st_gid), owner)

    def test_unknown_owner(self):
        for setting in ("owner", "group"):
            with self.subTest(setting):
                done = harness.run("PODOP", "-c", self.config({"socket": self.socket, setting: "no-such-name"}))
                self.assertIn(done.returncode, (BIND, CONFIG), done.stderr)
                self.assertIn("no-such-name", done.stderr)
                self.assertFalse(os.path.exists(self.socket))

    def test_nothing_but_the_socket_in_its_directory(self):
        os.mkdir(self.path("run"))
        podop = self.podop("-c", self.config({"socket": self.path("run/s")}))
        self.assertEqual(os.listdir(self.path("run")), ["s"])
        podop.stop()
        self.assertEqual(os.listdir(self.path("run")), [])

    def test_longest_path(self):
        """A socket path has at most 107 bytes; a temporary name beside it must fit as well, or not be needed."""
        longest = self.path("x" * (107 - len(self.dir) - 1))
        done = harness.run("PODOP", "-c", self.config({"socket": longest + "x"}))
        self.assertIn(done.returncode, (BIND, CONFIG), done.stderr)
        self.podop("-c", self.config({"socket": longest}))
        self.check_serves(longest)

    def test_privileges_are_dropped(self):
        harness.need(os.geteuid() == 0, "root, to drop privileges")
        user = pwd.getpwnam("nobody")
        os.mkdir(self.path("run"))
        os.chown(self.path("run"), user.pw_uid, user.pw_gid)
        os.chmod(self.dir, 0o755)
        podop = self.podop("-c", self.config({"socket": self.path("run/s")}, user="nobody", group="nogroup"))
        self.check_serves(self.path("run/s"))
        self.assertEqual(set(podop.status_field("Uid")), {str(user.pw_uid)})
        self.assertEqual(set(podop.status_field("Gid")), {str(user.pw_gid)})
        self.assertNotIn("0", podop.status_field("Groups"))
        podop.stop()
        self.assertEqual(os.listdir(self.path("run")), [])

    def test_dropped_privileges_do_not_come_back(self):
        """No capability and no id of root is left, and the kernel returns neither to the process."""
        harness.need(os.geteuid() == 0, "root, to drop privileges")
        os.chmod(self.dir, 0o777)
        for identity in ({"user": "nobody"}, {"user": "nobody", "group": "nogroup"}, {"user": "65534"}):
            with self.subTest(**identity):
                podop = self.podop("-c", self.config(**identity))
                for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                    self.assertEqual(int(podop.status_field(name)[0], 16), 0, name)
                self.assertNotIn("0", podop.status_field("Uid") + podop.status_field("Gid") +
                                 podop.status_field("Groups"))
                self.check_serves()
                podop.signal(signal.SIGHUP)
                podop.wait_log("event=reload ")
                self.assertEqual(int(podop.status_field("CapPrm")[0], 16), 0)
                self.assertNotIn("0", podop.status_field("Uid"))
                podop.stop()

    def test_unknown_user(self):
        done = harness.run("PODOP", "-c", self.config(user="no-such-user"))
        self.assertIn(done.returncode, (BIND, CONFIG), done.stderr)
        self.assertIn("no-such-user", done.stderr)
        self.assertFalse(os.path.exists(self.socket))


class SocketFiles(Life):
    def leave_stale_socket(self):
        with socket.socket(socket.AF_UNIX) as old:
            old.bind(self.socket)

    def test_stale_socket_is_replaced(self):
        self.leave_stale_socket()
        self.podop("-c", self.config())
        self.check_serves()

    def test_after_a_crash(self):
        podop = self.podop("-c", self.config())
        podop.signal(signal.SIGKILL)
        self.assertEqual(podop.wait(), -signal.SIGKILL)
        self.assertTrue(os.path.exists(self.socket))
        self.podop("-c", self.config())
        self.check_serves()

    def test_socket_of_a_running_podop(self):
        self.podop("-c", self.config())
        self.assertIn(self.socket, self.check_no_start(self.config()))
        self.check_serves()

    def test_socket_of_another_server(self):
        """Also that of a server that does not call accept()."""
        listener = harness.listen(self.socket)
        self.addCleanup(listener.close)
        inode = os.stat(self.socket).st_ino
        self.check_no_start(self.config())
        self.assertEqual(os.stat(self.socket).st_ino, inode)

    def test_other_files_are_left_alone(self):
        with open(self.socket, "w", encoding="ascii") as file:
            file.write("precious")
        self.check_no_start(self.config())
        with open(self.socket, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")
        os.unlink(self.socket)
        os.mkdir(self.socket)
        self.check_no_start(self.config())
        self.assertTrue(os.path.isdir(self.socket))

    def test_missing_directory(self):
        path = self.path("none/s")
        self.assertIn(path, self.check_no_start(self.config({"socket": path})))

    def test_port_in_use(self):
        """The sockets that could be bound are removed again."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            told = self.check_no_start(self.config({"socket": self.socket}, {"socket": f"127.0.0.1:{port}"}))
        self.assertIn(str(port), told)
        self.assertFalse(os.path.exists(self.socket))

    def test_port_is_free_again_at_once(self):
        """Connections of the last run, in TIME_WAIT or not, do not keep podop from starting."""
        port = self.reserve_port()
        for _ in range(2):
            podop = self.podop("-c", self.config({"socket": f"127.0.0.1:{port}"}))
            self.client(("127.0.0.1", port)).ask("t", "k")
            podop.stop()

    def test_same_socket_twice(self):
        done = harness.run("PODOP", "-c", self.config({"socket": self.socket}, {"socket": "unix:" + self.socket}))
        self.assertIn(done.returncode, (BIND, CONFIG), done.stderr)
        self.assertFalse(os.path.exists(self.socket))

    def test_only_its_own_socket_is_removed(self):
        """Another process has taken the path meanwhile."""
        podop = self.podop("-c", self.config())
        os.unlink(self.socket)
        listener = harness.listen(self.socket)
        self.addCleanup(listener.close)
        podop.stop()
        self.assertTrue(os.path.exists(self.socket))
        self.assertFalse(harness.refuses(self.socket))


class Stop(Life):
    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number.name):
                podop = self.podop("-c", self.config({"socket": self.socket}, {"socket": self.path("more")}))
                self.check_serves()
                podop.signal(number)
                self.assertEqual(podop.wait(), 0)
                self.assertFalse(os.path.exists(self.socket))
                self.assertFalse(os.path.exists(self.path("more")))

    def test_signals_at_the_start(self):
        """As soon as there is a socket, SIGTERM ends podop cleanly, and no reload is lost."""
        for number, event in ((signal.SIGTERM, "stopping"), (signal.SIGHUP, "reload")):
            for _ in range(10):
                with self.subTest(signal=number.name):
                    podop = harness.Podop("-c", self.config(), "-v")
                    self.addCleanup(podop.stop)
                    while podop.is_running and not os.path.exists(self.socket):
                        pass
                    podop.signal(number)
                    podop.wait_log(f"event={event} ")
                    if number == signal.SIGHUP:
                        podop.signal(signal.SIGTERM)
                    self.assertEqual(podop.wait(), 0)
                    self.assertFalse(os.path.exists(self.socket))

    def test_clients_do_not_keep_it(self):
        podop = self.podop("-c", self.config(shutdown_timeout="1h"))
        idle, used, half = self.client(), self.client(), self.client()
        self.check_payload(used.ask("t", "k"), "OK k")
        half.send(netstring("t k") + b"5:t ha")
        self.check_payload(half.read(), "OK k")
        podop.signal(signal.SIGTERM)
        self.assertEqual(podop.wait(), 0)
        for client in (idle, used, half):
            with self.subTest(client=client):
                self.assertIsNone(client.read())

    def hold_requests(self, podop_config):
        """Starts a podop with requests under way, two on one connection and one on another; returns also the
        event that lets them go."""
        podop = self.podop("-c", podop_config)
        gate = self.http.gate()
        self.http.default = lambda request: (gate, echo(request))
        first, second = self.client(), self.client()
        first.send(netstring("t one") + netstring("t two"))
        second.send(netstring("t three"))
        self.http.wait_requests(3)
        return podop, gate, first, second

    def test_requests_under_way_finish(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number.name):
                podop, gate, first, second = self.hold_requests(self.config(shutdown_timeout="1h"))
                podop.signal(number)
                harness.wait_until(lambda: harness.refuses(self.socket), "podop takes no new clients")
                self.assertTrue(podop.is_running)
                gate.set()
                self.check_payload(first.read(), "OK one")
                self.check_payload(first.read(), "OK two")
                self.check_payload(second.read(), "OK three")
                self.assertIsNone(first.read())
                self.assertIsNone(second.read())
                self.assertEqual(podop.wait(), 0)
                self.assertFalse(os.path.exists(self.socket))
                self.http.forget()

    def test_all_that_was_asked_is_answered(self):
        """Also requests that podop had not read yet, as it limits the requests of one client, and those of
        clients that wait to be accepted."""
        port = self.reserve_port()
        podop = self.podop("-c", self.config({"socket": self.socket, "max_clients": 1},
                                             {"socket": f"127.0.0.1:{port}"}, shutdown_timeout="1h"))
        gate = self.http.gate()
        self.http.default = lambda request: (gate, echo(request))
        clients = [self.client(), self.client(("127.0.0.1", port))]
        keys = [f"{number}-{'x' * 500}" for number in range(100)]
        for client in clients:
            client.send(b"".join(netstring("t " + key) for key in keys[:64]))
        self.http.wait_requests(1)
        for client in clients:
            client.send(b"".join(netstring("t " + key) for key in keys[64:]))
        waiting = [self.client() for _ in range(3)]
        for client in waiting:
            client.send(netstring("t k"))
        podop.signal(signal.SIGTERM)
        podop.wait_log("event=stopping")
        harness.wait_until(lambda: harness.refuses(self.socket), "podop takes no new clients")
        for client in clients:
            client.send(netstring("t too-late"))
        gate.set()
        for client in clients:
            for key in keys:
                self.check_payload(client.read(), "OK " + key)
            last = client.read()
            if last is not None:  # read after the socket was closed
                self.check_payload(last, "OK too-late")
                self.assertIsNone(client.read())
            client.close()
        for client in waiting:
            self.check_payload(client.read(), "OK k")
        self.assertEqual(podop.wait(), 0)

    def test_half_closed_client_gets_its_answer(self):
        podop, gate, first, second = self.hold_requests(self.config(shutdown_timeout="1h"))
        first.half_close()
        podop.signal(signal.SIGTERM)
        harness.wait_until(lambda: harness.refuses(self.socket), "podop takes no new clients")
        gate.set()
        self.check_payload(first.read(), "OK one")
        self.check_payload(first.read(), "OK two")
        self.check_payload(second.read(), "OK three")
        self.assertEqual(podop.wait(), 0)

    def test_shutdown_timeout(self):
        """A backend that never answers cannot delay the end of podop, and no client gets a wrong answer."""
        podop, _, first, second = self.hold_requests(self.config(shutdown_timeout="200ms"))
        podop.signal(signal.SIGTERM)
        podop.wait()
        for client in (first, second):
            with self.subTest(client=client):
                while (answer := client.read()) is not None:
                    self.assertRegex(answer, rb"^(TEMP|TIMEOUT) ")

    def test_second_signal_ends_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number.name):
                podop, gate, *_ = self.hold_requests(self.config(shutdown_timeout="1h"))
                podop.signal(number)
                harness.wait_until(lambda: harness.refuses(self.socket), "podop takes no new clients")
                self.assertTrue(podop.is_running)
                podop.signal(number)
                podop.wait()
                gate.set()
                self.http.forget()

    def test_backend_that_is_down_is_no_reason_not_to_start(self):
        self.http.stop()
        self.serve(url_table(self.http, timeout="1s"))
        self.check_reason(self.client().ask("t", "k"), "TEMP")

    def test_client_that_leaves_does_not_end_podop(self):
        """Writing to a connection that was closed meanwhile raises no SIGPIPE."""
        podop, gate, first, second = self.hold_requests(self.config())
        first.close()
        gate.set()
        self.check_payload(second.read(), "OK three")
        self.check_serves()
        self.assertTrue(podop.is_running)


if __name__ == "__main__":
    harness.main()
