"""systemd's part in podop: sockets that it passes, and messages to the service manager."""

import contextlib
import os
import shutil
import signal
import socket
import stat
import sys
import threading

import harness
from harness import Case, conf_file, echo, url_table

BIND, CONFIG = 71, 78
ROUNDS = 8  # restarts under load

# Executes podop as systemd does: with descriptors from 3 on, their names, and the process they are meant for.
HAND_OVER = """
import fcntl, os, sys
names, numbers, command = sys.argv[1], sys.argv[2].split(), sys.argv[3:]
spare = [fcntl.fcntl(int(n), fcntl.F_DUPFD, 100) for n in numbers]
for i, n in enumerate(spare):
    os.dup2(n, 3 + i, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(spare)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""


def has_libsystemd():
    """Returns True if this podop was built with libsystemd."""
    done = harness.run("PODOP", "-t", "--socket", "systemd:x", "--name", "t", "--type", "url", "--param", "http://h/{}")
    return "without libsystemd" not in done.stderr


class Manager(Case):
    def setUp(self):
        super().setUp()
        harness.need(has_libsystemd(), "a podop with libsystemd")
        self.http = self.backend(default=echo)

    def config(self, *listen, **settings):
        return self.write("podop.conf", conf_file(listen=list(listen), tables=[url_table(self.http)], **settings))

    def keep(self, sock):
        self.addCleanup(sock.close)
        return sock

    def unix(self, name="s"):
        return self.keep(harness.listen(self.path(name)))

    def start(self, sockets, *args, env=None):
        """Starts podop and passes it these (name, socket); does not wait."""
        numbers = [str(sock.fileno()) for _, sock in sockets]
        through = [sys.executable, "-c", HAND_OVER, ":".join(name for name, _ in sockets), " ".join(numbers)]
        podop = harness.Podop(*args, "-v", env=env, through=through, pass_fds=[int(n) for n in numbers])
        self.addCleanup(podop.stop)
        return podop

    def ready(self, sockets, *args, **options):
        podop = self.start(sockets, *args, **options)
        podop.wait_ready()
        return podop

    def check_serves(self, address):
        client = self.client(address)
        self.check_payload(client.ask("t", "k"), "OK k")
        client.close()

    def check_no_start(self, sockets, config, status=BIND):
        podop = self.start(sockets, "-c", config)
        self.assertEqual(podop.wait(), status, podop.stderr)
        return podop.stderr


class Activation(Manager):
    def test_by_name(self):
        """Each listener gets its socket, and podop does not bind, change or remove any."""
        one, two = self.unix("one"), self.unix("two")
        os.chmod(self.path("one"), 0o600)
        podop = self.ready([("b", two), ("a", one)], "-c", self.config(
            {"socket": "systemd:a", "mode": "dovecot"}, {"socket": "systemd:b", "mode": "postfix"}))
        self.check_serves(self.path("two"))
        dovecot = self.client(self.path("one"))
        dovecot.send(b"H2\t0\t0\t\tt\nLshared/k\n")
        self.assertEqual(dovecot.sock.recv(100), b"Ok\n")
        podop.wait_log(r"event=listening socket=\S*systemd:a=\S*/one")
        podop.stop()
        found = os.stat(self.path("one"))
        self.assertTrue(stat.S_ISSOCK(found.st_mode))
        self.assertEqual(stat.S_IMODE(found.st_mode), 0o600)
        self.assertFalse(harness.refuses(self.path("one")))

    def test_several_of_one_name(self):
        """A unit with two ListenStream= lines makes two listeners; TCP works as well."""
        one, tcp = self.unix(), self.keep(socket.create_server(("127.0.0.1", 0)))
        self.ready([("podop", one), ("podop", tcp)], "-c", self.config({"socket": "systemd:podop"}))
        self.check_serves(self.socket)
        self.check_serves(tcp.getsockname())

    def test_beside_own_sockets(self):
        one = self.unix("one")
        podop = self.ready([("podop", one)], "-c", self.config({"socket": "systemd:podop"}, {"socket": self.socket}))
        self.check_serves(self.path("one"))
        self.check_serves(self.socket)
        podop.stop()
        self.assertFalse(os.path.exists(self.socket))
        self.assertTrue(os.path.exists(self.path("one")))

    def test_waiting_client_is_served(self):
        one = self.unix()
        client = self.client()
        client.request("t", "k")
        self.ready([("podop", one)], "-c", self.config({"socket": "systemd:podop"}))
        self.check_payload(client.read(), "OK k")

    def test_blocking_socket_is_made_nonblocking(self):
        """After two clients, podop would block in accept() until a third came."""
        one = self.unix()
        self.assertTrue(one.getblocking())
        self.ready([("podop", one)], "-c", self.config({"socket": "systemd:podop"}))
        client = self.client()
        for _ in range(3):
            self.check_serves(self.socket)
            self.check_payload(client.ask("t", "k"), "OK k")

    def test_unknown_name(self):
        told = self.check_no_start([("a", self.unix("a")), ("b", self.unix("b"))],
                                   self.config({"socket": "systemd:podop"}))
        self.assertRegex(told, r"podop\.conf:1: .*'podop'.* a, b")

    def test_outside_of_systemd(self):
        config = self.config({"socket": "systemd:podop"})
        done = harness.run("PODOP", "-c", config)
        self.assertEqual(done.returncode, BIND, done.stderr)
        self.assertIn("FileDescriptorName=podop", done.stderr)
        done = harness.run("PODOP", "-t", "-c", config)
        self.assertEqual((done.returncode, done.stdout), (0, "configuration OK\n"), done.stderr)

    def test_meant_for_another_process(self):
        """podop ignores descriptors that a parent left in the environment."""
        done = harness.Podop("-c", self.config({"socket": "systemd:podop"}),
                             env={"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "podop"})
        self.assertEqual(done.wait(), BIND, done.stderr)

    def test_no_listening_stream(self):
        datagram = self.keep(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagram.bind(self.path("datagram"))
        deaf = self.keep(socket.socket(socket.AF_UNIX))
        deaf.bind(self.path("deaf"))
        with open("/dev/null", "rb") as null:
            for name, one in (("datagram", datagram), ("not listening", deaf), ("no socket", null)):
                with self.subTest(name):
                    told = self.check_no_start([("podop", one)], self.config({"socket": "systemd:podop"}))
                    self.assertRegex(told, "'podop'.*not a listening stream socket")

    def test_unused_sockets_are_logged(self):
        podop = self.ready([("a", self.unix("a")), ("podop", self.unix()), ("c", self.unix("c")),
                            ("a", self.unix("d"))], "-c", self.config({"socket": "systemd:podop"}))
        self.assertRegex(podop.wait_log("event=descriptors_unused"), r'level=warning .*names="?a, c"?$')
        podop.stop()
        self.assertEqual(podop.stderr.count("descriptors_unused"), 1)

    def test_rights_are_the_units(self):
        for setting in ({"permissions": "0600"}, {"owner": "nobody"}, {"group": "nogroup"}):
            with self.subTest(**setting):
                done = harness.run("PODOP", "-t", "-c", self.config({"socket": "systemd:podop", **setting}))
                self.assertEqual(done.returncode, CONFIG, done.stderr)
                self.assertRegex(done.stderr, rf"podop\.conf:1: '{list(setting)[0]}' in socket 'systemd:podop' "
                                              "cannot be set here")

    def test_bad_names(self):
        for name in ("", "a:b", "a\tb", "ä", "x" * 256):
            with self.subTest(name):
                done = harness.run("PODOP", "-t", "-c", self.config({"socket": "systemd:" + name}))
                self.assertEqual(done.returncode, CONFIG, done.stderr)
        done = harness.run("PODOP", "-t", "-c", self.config({"socket": "systemd:" + "x" * 255}))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_real_activator(self):
        """systemd's own test program starts podop when the first client connects."""
        harness.need(shutil.which("systemd-socket-activate"), "systemd-socket-activate")
        podop = harness.Podop("-c", self.config({"socket": "systemd:podop"}), "-v", through=[
            "systemd-socket-activate", "--fdname=podop", "-E", "ASAN_OPTIONS", "-E", "UBSAN_OPTIONS",
            "-l", self.socket])
        self.addCleanup(podop.stop)
        podop.wait_log("Listening on")
        self.check_serves(self.socket)
        podop.wait_ready()


class Reload(Manager):
    def reload(self, podop, *listen):
        self.config(*listen)
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload ")
        podop.log.clear()

    def test_names_can_be_taken_up_and_let_go(self):
        """A later configuration can use all sockets that were passed at the start, again and again."""
        one, two = {"socket": "systemd:one"}, {"socket": "systemd:two"}
        podop = self.ready([("one", self.unix("one")), ("two", self.unix("two"))], "-c", self.config(one))
        stays = self.client(self.path("one"))
        self.check_payload(stays.ask("t", "k"), "OK k")
        for listen in ((one, two), (two,), (one,), (two, one)):
            with self.subTest(listen=listen):
                waiting = self.client(self.path("two"))
                waiting.request("t", "k")
                self.reload(podop, *listen)
                if two in listen:
                    self.check_payload(waiting.read(), "OK k")
                if one in listen:
                    self.check_serves(self.path("one"))
                self.check_payload(stays.ask("t", "k"), "OK k")

    def test_name_that_is_not_there(self):
        podop = self.ready([("one", self.unix())], "-c", self.config({"socket": "systemd:one"}))
        self.config({"socket": "systemd:two"})
        podop.signal(signal.SIGHUP)
        self.assertRegex(podop.wait_log("event=reload_failed"), "'two'.*one")
        self.check_serves(self.socket)

    def test_path_of_a_socket_that_was_handed_over(self):
        """podop does not bind it, as systemd listens there."""
        podop = self.ready([("one", self.unix())], "-c", self.config({"socket": "systemd:one"}))
        inode = os.stat(self.socket).st_ino
        self.config({"socket": self.socket})
        podop.signal(signal.SIGHUP)
        self.assertIn(self.socket, podop.wait_log("event=reload_failed"))
        self.assertEqual(os.stat(self.socket).st_ino, inode)
        self.check_serves(self.socket)


class Restart(Manager):
    def ask(self, key, failures, retries):
        """Sends one lookup as Postfix does: if the connection ends before the answer, it tries once more."""
        for _ in range(2):
            client = None
            try:
                client = harness.Socketmap(self.socket)
                client.request("t", key)
                if (answer := client.read()) is not None:
                    if answer != b"OK " + key.encode():
                        failures.append((key, answer))
                    return
            except BrokenPipeError:
                pass
            except (OSError, AssertionError) as failure:
                failures.append((key, failure))
                return
            finally:
                if client is not None:
                    client.close()
            retries.append(key)
        failures.append((key, "no answer in two tries"))

    def test_no_client_is_refused(self):
        """podop restarts again and again while clients come and go, and each client gets its answer."""
        listener = self.unix()
        listener.listen(1024)
        config = self.config({"socket": "systemd:podop"})
        over, failures, retries, asked = threading.Event(), [], [], []

        def load(number):
            count = 0
            while not over.is_set():
                self.ask(f"{number}-{count}", failures, retries)
                count += 1
            asked.append(count)

        threads = [threading.Thread(target=load, args=(number,), daemon=True) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(ROUNDS):
                podop = self.start([("podop", listener)], "-c", config)
                podop.wait_ready()
                seen = len(self.http.requests)
                self.http.wait_requests(seen + 20)
                podop.signal(signal.SIGTERM)
                self.assertEqual(podop.wait(), 0)
            last = self.ready([("podop", listener)], "-c", config)
        finally:
            over.set()
            for thread in threads:
                thread.join(harness.GUARD)
        last.stop()
        self.assertEqual(failures, [])
        self.assertGreaterEqual(sum(asked), 20 * ROUNDS)
        print(f"{sum(asked)} lookups over {ROUNDS} restarts, {len(retries)} second tries", file=sys.stderr)


class Notify(Manager):
    def setUp(self):
        super().setUp()
        self.inbox = self.keep(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.inbox.bind(self.path("notify"))
        self.inbox.settimeout(harness.GUARD)
        self.env = {"NOTIFY_SOCKET": self.path("notify")}

    def start_told(self, **env):
        podop = harness.Podop("-v", "-c", self.config({"socket": self.socket}), env={**self.env, **env})
        self.addCleanup(podop.stop)
        return podop

    def next(self):
        """Returns the next message as a dict."""
        return dict(line.split("=", 1) for line in self.inbox.recv(4096).decode().splitlines())

    def test_ready_and_stopping(self):
        podop = self.start_told()
        told = self.next()
        self.assertEqual(told.pop("READY"), "1")
        self.assertRegex(told.pop("STATUS"), r"sockets: 1\b.*tables: 1\b")
        self.assertEqual(told, {})
        self.check_serves_at_once()
        podop.signal(signal.SIGTERM)
        told = self.next()
        self.assertEqual(told.pop("STOPPING"), "1")
        self.assertRegex(told.pop("STATUS"), r"\S")
        self.assertEqual(podop.wait(), 0)

    def test_reload(self):
        """The messages that Type=notify-reload waits for, whether the reload succeeds or not."""
        podop = self.start_told()
        self.assertIn("READY", self.next())
        last_us = 0
        for listen, status in (({"socket": self.socket}, r"tables: 1$"), ({"socket": "nonsense"}, "reload failed$"),
                               ({"socket": self.socket}, r"tables: 1$")):
            with self.subTest(listen=listen, status=status):
                self.config(listen)
                podop.signal(signal.SIGHUP)
                told = self.next()
                self.assertEqual(told["RELOADING"], "1")
                self.assertGreater(int(told["MONOTONIC_USEC"]), last_us)
                last_us = int(told["MONOTONIC_USEC"])
                told = self.next()
                self.assertEqual(told["READY"], "1")
                self.assertRegex(told["STATUS"], status)
                self.check_serves_at_once()

    def check_serves_at_once(self):
        self.check_payload(self.client().ask("t", "k"), "OK k")

    def test_not_ready_when_it_fails(self):
        done = harness.Podop("-c", self.config({"socket": self.path("none/s")}), env=self.env)
        self.assertEqual(done.wait(), BIND)
        self.inbox.setblocking(False)
        with self.assertRaises(BlockingIOError):
            self.inbox.recv(4096)

    def test_watchdog(self):
        self.start_told(WATCHDOG_USEC="100000")
        self.assertIn("READY", self.next())
        for _ in range(5):
            self.assertEqual(self.next(), {"WATCHDOG": "1"})

    def test_watchdog_is_not_fed_unasked(self):
        podop = self.start_told(WATCHDOG_USEC="100000", WATCHDOG_PID="1")
        self.assertIn("READY", self.next())
        podop.signal(signal.SIGTERM)
        self.assertIn("STOPPING", self.next())
        self.assertEqual(podop.wait(), 0)

    def test_manager_that_has_ended(self):
        """Clients are served all the same."""
        self.inbox.close()
        podop = self.start_told(WATCHDOG_USEC="100000")
        podop.wait_ready()
        self.check_serves_at_once()

    def words_until(self, word):
        words = []
        while word not in words:
            self.assertLess(len(words), 10000, f"{word} never comes")
            words += self.next()
        return words

    def test_manager_that_does_not_read(self):
        """Its queue is full: podop serves clients, and sends the messages in order as soon as it can."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    filler.sendto(b"FILLER=1", self.path("notify"))
            podop = self.start_told(WATCHDOG_USEC="1000")
            podop.wait_ready()
            self.check_serves_at_once()
        words = self.words_until("READY") + self.words_until("WATCHDOG")
        podop.signal(signal.SIGTERM)
        words += self.words_until("STOPPING")
        self.assertEqual(podop.wait(), 0)
        self.assertEqual(set(words), {"FILLER", "READY", "STATUS", "WATCHDOG", "STOPPING"})


if __name__ == "__main__":
    harness.main()
