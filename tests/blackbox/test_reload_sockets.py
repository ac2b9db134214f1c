"""Reload: sockets that stay, come and go; a configuration with a fault changes nothing."""

import mmap
import os
import signal
import stat

import harness
from harness import conf_file, echo, netstring, url_table
from reload_case import Reload


class Sockets(Reload):
    def inode(self, path=None):
        return os.stat(path or self.socket).st_ino

    def test_unchanged_sockets_stay_open(self):
        """The same descriptor stays open: a client in the backlog is served with the new tables."""
        port = self.reserve_port()
        listen = [{"socket": self.socket}, {"socket": f"127.0.0.1:{port}"}]
        podop = self.start(listen=listen)
        inode, descriptors = self.inode(), podop.descriptors()
        self.configure(url_table(self.http, "new"), listen=listen[::-1])
        for _ in range(5):
            self.reload(podop)
        self.assertEqual(self.inode(), inode)
        self.assertEqual(podop.descriptors(), descriptors)
        for address in (self.socket, ("127.0.0.1", port)):
            self.ask(self.client(address), "k", "OK k", "new")

    def start_with_held_accounts(self, listen, **settings):
        path = self.write("accounts", bytes(3))
        options = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        os.chmod(os.path.dirname(self.socket), 0o777)
        self.reloads = 0
        return path, self.podop("-c", self.configure(listen=listen, **settings), env={
            "LD_PRELOAD": os.environ["HOLD_ACCOUNTS"], "HOLD_ACCOUNTS_FILE": path, "ASAN_OPTIONS": options})

    def check_held(self, podop, path, client, listen, **settings):
        """Reloads while searches wait, and checks that the client is served and that the loop began none."""
        with open(path, "r+b") as file, mmap.mmap(file.fileno(), 3) as accounts:
            accounts[0:3] = b"\1\0\0"
            self.configure(listen=listen, **settings)
            podop.signal(signal.SIGHUP)
            harness.wait_until(lambda: accounts[1] == 1, "the reload waits for a search")
            self.ask(client, "k", "OK k")
            self.assertEqual(podop.lines("event=reload "), [])
            accounts[0] = 0
            podop.wait_lines(1, "event=reload ")
            self.assertEqual(accounts[2], 0)

    def test_a_user_database_that_does_not_answer(self):
        """Clients are served meanwhile: the loop asks for no owner, group or user."""
        settings = {"user": "nobody"} if os.geteuid() == 0 else {}
        listen = [{"socket": self.socket, "permissions": "0666"}]
        path, podop = self.start_with_held_accounts(listen, **settings)
        new = {"socket": self.path("new"), "owner": "nobody"}
        self.check_held(podop, path, self.client(), listen + [new], **settings)
        self.assertEqual(self.client(self.path("new")).ask("t", "k"), b"OK k")

    def test_a_resolver_that_does_not_answer(self):
        """Clients are served meanwhile: the loop resolves no host name of a new socket."""
        port, listen = self.reserve_port(), [{"socket": self.socket}]
        path, podop = self.start_with_held_accounts(listen)
        self.check_held(podop, path, self.client(), listen + [{"socket": f"localhost:{port}"}])
        self.assertEqual(self.client(("127.0.0.1", port)).ask("t", "k"), b"OK k")

    def test_limits_of_an_unchanged_socket(self):
        podop = self.start(listen=[{"socket": self.socket, "max_clients": 1}])
        first, second = self.client(), self.client()
        self.ask(first, "k", "OK k")
        second.send(netstring("t waits"))
        self.configure(listen=[{"socket": self.socket, "max_clients": 2, "tables": ["t"]}])
        self.reload(podop)
        self.check_payload(second.read(), "OK waits")

    def test_new_socket(self):
        podop = self.start()
        self.configure(listen=[{"socket": self.socket}, {"socket": self.path("more"), "permissions": "0600"}])
        self.reload(podop)
        self.ask(self.client(self.path("more")), "k", "OK k")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("more")).st_mode), 0o600)

    def test_removed_socket(self):
        """It is closed and its file removed; its clients stay connected and get the new tables."""
        podop = self.start(listen=[{"socket": self.socket}, {"socket": self.path("more")}])
        client = self.client(self.path("more"))
        self.ask(client, "k", "OK k")
        self.configure(url_table(self.http), url_table(self.http, "new"))
        self.reload(podop)
        self.assertFalse(os.path.exists(self.path("more")))
        self.ask(client, "k", "OK k")
        self.ask(client, "k", "OK k", "new")
        self.reload(podop)
        self.ask(client, "k", "OK k", "new")
        before = podop.unix_sockets()
        client.close()
        harness.wait_until(lambda: podop.unix_sockets() == before - 1, "the client is let go")
        podop.stop()

    def test_client_in_the_backlog_of_a_removed_socket(self):
        podop = self.start(listen=[{"socket": self.socket}, {"socket": self.path("more")}])
        podop.freeze()
        client = self.client(self.path("more"))
        client.send(netstring("t k"))
        self.configure()
        podop.signal(signal.SIGHUP)
        podop.signal(signal.SIGCONT)
        self.check_payload(client.read(), "OK k")

    def test_changed_rights(self):
        """The file is replaced at once: clients of the old one stay connected, and there is always a socket."""
        podop = self.start(listen=[{"socket": self.socket, "permissions": "0600"}])
        client, inode = self.client(), self.inode()
        self.configure(listen=[{"socket": self.socket, "permissions": "0666"}])
        self.reload(podop)
        self.assertNotEqual(self.inode(), inode)
        self.assertEqual(stat.S_IMODE(os.stat(self.socket).st_mode), 0o666)
        self.ask(client, "k", "OK k")
        self.ask(self.client(), "k", "OK k")
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith(".podop")], [])
        podop.stop()
        self.assertFalse(os.path.exists(self.socket))

    def test_file_that_was_removed_by_somebody(self):
        podop = self.start()
        os.unlink(self.socket)
        self.reload(podop)
        self.ask(self.client(), "k", "OK k")

    def test_mode_of_an_open_socket(self):
        podop = self.start(listen=[{"socket": self.socket, "mode": "dovecot"}])
        self.configure(listen=[{"socket": self.socket, "mode": "postfix"}])
        self.reload(podop)
        self.ask(self.client(), "k", "OK k")


class Faults(Reload):
    """Each fault leaves everything as it was."""

    def check_unchanged(self, podop, client, inode):
        self.ask(client, "k", "OK k")
        another = self.client()
        self.ask(another, "k", "OK k")
        another.close()
        self.assertEqual(os.stat(self.socket).st_ino, inode)
        self.assertEqual(sorted(name for name in os.listdir(self.dir) if ".podop" in name), [])
        self.assertFalse(podop.lines("event=reload "))

    def test_faults(self):
        json_path = self.write("t.json", '{"k": 1}')
        table = url_table(self.http)
        podop = self.start(table, {"name": "j", "type": "json", "param": json_path})
        client, inode = self.client(), os.stat(self.socket).st_ino
        descriptors = podop.descriptors()
        good = {"socket": self.path("good")}
        broken_json = self.write("broken.json", '{"k": }')
        with open(self.path("file"), "w", encoding="ascii"):
            pass
        other = harness.listen(self.path("other"))
        self.addCleanup(other.close)
        cases = [
            ("syntax", "tables = (", r"podop\.conf:\d+: "),
            ("unknown setting", conf_file(listen=[good], tables=[table], colour="red"), r"podop\.conf:\d+: .*colour"),
            ("bad template", conf_file(listen=[good], tables=[{**table, "param": "http://h§/"}]), r"podop\.conf:\d+: "),
            ("broken json", conf_file(listen=[good], tables=[{"name": "j", "type": "json", "param": broken_json}]),
             r"podop\.conf:\d+: .*broken\.json"),
            ("missing json", conf_file(listen=[good], tables=[{"name": "j", "type": "json", "param": "/no/such"}]),
             r"podop\.conf:\d+: .*/no/such"),
            ("missing directory", conf_file(listen=[good, {"socket": "/no/such/dir/s"}], tables=[table]),
             r"podop\.conf:\d+: .*/no/such/dir/s"),
            ("not a socket", conf_file(listen=[good, {"socket": self.path("file")}], tables=[table]),
             r"podop\.conf:\d+: .*/file"),
            ("another's socket", conf_file(listen=[good, {"socket": self.path("other")}], tables=[table]),
             r"podop\.conf:\d+: .*/other"),
            ("port in use", conf_file(listen=[good, {"socket": f"127.0.0.1:{self.http.port}"}], tables=[table]),
             rf"podop\.conf:\d+: .*{self.http.port}"),
            ("unknown owner", conf_file(listen=[{"socket": self.socket, "owner": "no-such-user"}], tables=[table]),
             r"no-such-user"),
            ("another user", conf_file(user="nobody", listen=[good], tables=[table]), r"podop\.conf.*'user'"),
        ]
        for name, text, pattern in cases:
            with self.subTest(name):
                self.write("podop.conf", text)
                faults = self.fail_to_reload(podop)
                self.assertTrue(any(line for line in faults if "level=error" in line))
                self.assertRegex("\n".join(faults), pattern)
                self.check_unchanged(podop, client, inode)
                self.assertFalse(os.path.exists(self.path("good")))
                self.check_payload(client.ask("j", "k"), "OK 1")
        self.configure(table)
        self.reload(podop)
        self.ask(client, "k", "OK k")
        harness.wait_until(lambda: podop.descriptors() <= descriptors + 2, "no descriptor is left of the failed ones")

    def test_missing_file(self):
        podop = self.start()
        client, inode = self.client(), os.stat(self.socket).st_ino
        os.unlink(self.path("podop.conf"))
        self.fail_to_reload(podop)
        self.check_unchanged(podop, client, inode)

    def test_pipes_and_directories_instead_of_files(self):
        """podop does not wait for a process that may write into them."""
        json_path = self.write("t.json", '{"k": "v"}')
        table = {"name": "j", "type": "json", "param": json_path}
        podop = self.start(table)
        client = self.client()
        for path in (self.path("podop.conf"), self.path("part.conf"), json_path):
            for make in (os.mkfifo, os.mkdir):
                with self.subTest(path=os.path.basename(path), make=make.__name__):
                    self.write("podop.conf", '@include "part.conf"\n' + conf_file(listen=[{"socket": self.socket}],
                                                                                 tables=[table]))
                    self.write("part.conf", "")
                    os.unlink(path)
                    make(path)
                    self.assertIn(os.path.basename(path), self.fail_to_reload(podop)[0])
                    self.ask(client, "k", "OK v", "j")
                    os.rmdir(path) if make is os.mkdir else os.unlink(path)
                    self.write("t.json", '{"k": "v"}')

    def test_every_fault_is_reported(self):
        podop = self.start()
        self.write("podop.conf", conf_file(listen=[{"socket": self.socket, "modus": "x"}],
                                           tables=[url_table(self.http, timeuot=1)]))
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload_failed .*modus")
        podop.wait_log("event=reload_failed .*timeuot")

    def test_reload_while_stopping(self):
        podop = self.start(shutdown_timeout="1h")
        gate = self.http.gate()
        self.http.default = lambda request: (gate, echo(request))
        client = self.client()
        client.send(netstring("t k"))
        self.http.wait_requests(1)
        podop.signal(signal.SIGTERM)
        podop.wait_log("event=stopping")
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload_failed")
        gate.set()
        self.check_payload(client.read(), "OK k")
        self.assertEqual(podop.wait(), 0)


if __name__ == "__main__":
    harness.main()
