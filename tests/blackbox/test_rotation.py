"""Credentials whose files are replaced while podop runs (podop-url(7), "WATCHED FILES")."""

import os
import signal
import ssl
import threading

import harness
from certificates import Authority
from dict import DictCase
from harness import echo, http, url_table


class RotationCase(DictCase):
    """Files that are replaced in one step, as programs that rotate secrets do it."""

    def put(self, name, text):
        """Writes a file, or replaces it in one step; returns its path."""
        path = self.path(name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path + ".new", 0o600)
        os.rename(path + ".new", path)
        return path

    def renewed(self, podop, number=1):
        """Waits until new credentials are in use so many times."""
        podop.wait_lines(number, "event=credentials_renewed table=t")

    def check_kept(self, podop, number, pattern):
        """Waits for so many warnings, of which the last has a reason."""
        self.assertRegex(podop.wait_lines(number, "event=credentials_kept table=t")[number - 1], pattern)


class TokenBackend:
    """A backend that accepts some tokens, and answers with another status to all others."""

    def __init__(self, case, *tokens, status=401, value=None):
        self.tokens, self.status, self.value = set(tokens), status, value
        self.backend = case.backend(default=self.answer)
        self.denied = 0

    def answer(self, request):
        if request.header("Authorization")[0].removeprefix("Bearer ") in self.tokens:
            return echo(request) if self.value is None else http(self.value)
        self.denied += 1
        return http(status=self.status)


class Token(RotationCase):
    def serve_token(self, backend, *more, **settings):
        auth = {"type": "bearer", "token_file": self.put("token", "one\n")}
        return self.serve(url_table(backend, "t", auth=auth, **settings), *more)

    def sent(self, backend):
        return [request.header("Authorization") for request in backend.requests]

    def test_replaced(self):
        backend = self.backend(default=echo)
        podop = self.serve_token(backend)
        client = self.client()
        for number, token in enumerate(("two", "three"), 1):
            with self.subTest(token=token):
                self.put("token", token + "\n")
                self.renewed(podop, number)
                backend.forget()
                self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
                self.assertEqual(self.sent(backend), [["Bearer " + token]])
        podop.stop()
        self.assertEqual(podop.lines("event=credentials_kept"), [])
        for secret in ("one", "two", "three"):
            self.assertNotIn(secret, podop.stderr)

    def test_ways_of_replacing(self):
        """In place, through a link on the way, and with its directory."""
        backend = self.backend(default=echo)
        for name in ("v1", "v2", "d", "e"):
            os.mkdir(self.path(name))
        self.put("v1/token", "one")
        self.put("v2/token", "two")
        self.put("e/token", "four")
        os.symlink("v1", self.path("..data"))
        os.symlink("../..data/token", self.path("d/token"))
        podop = self.serve(url_table(backend, auth={"type": "bearer", "token_file": self.path("d/token")}))

        def swap():
            os.symlink("v2", self.path("..new"))
            os.rename(self.path("..new"), self.path("..data"))

        def replace_directory():
            os.rename(self.path("d"), self.path("old"))
            os.rename(self.path("e"), self.path("d"))

        for number, (token, change) in enumerate([("two", swap), ("2", lambda: self.write("v2/token", "2\n")),
                                                  ("four", replace_directory)], 1):
            with self.subTest(token=token):
                change()
                self.renewed(podop, number)
                backend.forget()
                self.client().ask("t", f"k{number}")
                self.assertEqual(self.sent(backend), [["Bearer " + token]])

    def test_same_content(self):
        """A file that is replaced by an equal one changes nothing, nor does one that comes back."""
        backend = self.backend(default=echo)
        podop = self.serve_token(backend)
        self.put("token", "one\nanother second line\n")
        os.unlink(self.path("token"))
        self.check_kept(podop, 1, "No such file")
        self.put("token", "one\n")
        self.put("token", "two\n")
        self.renewed(podop)
        self.assertEqual(len(podop.lines("event=credentials_renewed")), 1)

    def test_broken(self):
        """A broken file leaves the old token in use; each reason is logged once."""
        backend = self.backend(default=echo)
        podop = self.serve_token(backend)
        cases = ("\n", "the first line is empty"), ("two words\n", "not a token"), ("x" * 9000, "more than 8192 bytes")
        for number, (text, reason) in enumerate(cases, 1):
            with self.subTest(reason=reason):
                self.put("token", text)
                self.check_kept(podop, number, f"token_file: {self.path('token')}: .*{reason}")
                backend.forget()
                self.client().ask("t", f"k{number}")
                self.assertEqual(self.sent(backend), [["Bearer one"]])
        os.unlink(self.path("token"))
        self.check_kept(podop, 4, "No such file")
        os.mkdir(self.path("token"))
        self.check_kept(podop, 5, "not a regular file")
        os.rmdir(self.path("token"))
        self.put("token", "two\n")
        self.renewed(podop)
        podop.stop()
        self.assertNotIn("two words", podop.stderr)

    def test_under_load(self):
        """While both tokens are valid, no lookup fails and none is denied."""
        service = TokenBackend(self, "one", "two", "three")
        podop = self.serve_token(service.backend)
        stop = threading.Event()

        def look_up(number):
            client = self.client()
            asked = 0
            while not stop.is_set():
                key = f"k{number}-{asked}"
                self.check_payload(client.ask("t", key), "OK " + key)
                asked += 1

        threads = [threading.Thread(target=look_up, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for number, token in enumerate(("two", "three"), 1):
            self.put("token", token + "\n")
            self.renewed(podop, number)
        stop.set()
        for thread in threads:
            thread.join(harness.GUARD)
        self.assertEqual(service.denied, 0)
        self.assertEqual(podop.lines("event=backend_"), [])

    def check_switch(self, status):
        """The backend switches at once, and podop learns it from the answer: no lookup fails."""
        service = TokenBackend(self, "one", status=status)
        podop = self.serve_token(service.backend)
        client = self.client()
        for number in range(5):
            token = f"token{number}"
            self.put("token", token + "\n")
            service.tokens = {token}
            for key in (f"a{number}", f"b{number}"):
                self.check_payload(client.ask("t", key), "OK " + key)
        self.assertLessEqual(service.denied, 5)
        self.renewed(podop, 5)
        podop.stop()
        self.assertEqual(podop.lines("event=backend_"), [])
        return podop

    def test_switch(self):
        for status in (401, 403):
            with self.subTest(status=status):
                self.socket = self.path(f"s{status}")
                self.check_switch(status)

    def test_denied_for_good(self):
        """A token that stays wrong is asked with once, and costs one request."""
        service = TokenBackend(self, "other")
        podop = self.serve_token(service.backend)
        for _ in range(3):
            self.check_reason(self.client().ask("t", "k"), "TEMP")
        self.assertEqual(service.denied, 3)
        podop.stop()
        self.assertEqual(len(podop.lines("event=backend_denied")), 1)

    def test_write_is_not_sent_again(self):
        """A write that is denied fails, but the next one has the new token."""
        service = TokenBackend(self, "one")
        podop = self.serve_token(service.backend)
        self.put("token", "two\n")
        service.tokens = {"two"}
        dovecot = self.dict()
        if service.denied == 0:
            dovecot.change(("set", "shared/k", "1"))
        self.renewed(podop)
        self.check_payload(dovecot.change(("set", "shared/k", "2")), "O")
        self.assertLessEqual(service.denied, 1)

    def test_iteration_is_asked_again(self):
        service = TokenBackend(self, "one", value='{"a": "1"}')
        self.serve_token(service.backend)
        self.put("token", "two\n")
        service.tokens = {"two"}
        self.assertEqual(self.dict().rows("shared/p/"), [(b"shared/p/a", b"1")])
        self.assertLessEqual(service.denied, 1)

    def test_requests_under_way(self):
        """A request that waits for its answer gets it, although its site was replaced."""
        backend = self.backend(default=echo)
        gate = backend.gate()
        backend.on("/slow", (gate, http('"late"')))
        podop = self.serve_token(backend)
        slow = self.client()
        slow.request("t", "slow")
        backend.wait_requests(1)
        self.put("token", "two\n")
        self.renewed(podop)
        self.check_payload(self.client().ask("t", "k"), "OK k")
        gate.set()
        self.check_payload(slow.read(), "OK late")

    def test_reload_at_the_same_time(self):
        backend = self.backend(default=echo)
        podop = self.serve_token(backend)
        for number in range(1, 6):
            token = f"token{number}"
            podop.signal(signal.SIGHUP)
            self.put("token", token + "\n")
            podop.wait_lines(number, "event=reload ")

            def is_sent():
                backend.forget()
                self.client().ask("t", f"k{number}")
                return self.sent(backend) == [["Bearer " + token]]

            harness.wait_until(is_sent, f"{token} is sent")
        podop.stop()

    def test_stop(self):
        """podop ends while files change."""
        backend = self.backend(default=echo)
        podop = self.serve_token(backend)
        for number in range(50):
            self.put("token", f"token{number}\n")
        podop.stop()


class Password(RotationCase):
    def test_replaced(self):
        backend = self.backend(default=echo)
        auth = {"type": "basic", "user": "u", "password_file": self.put("password", "one\n")}
        podop = self.serve(url_table(backend, auth=auth))
        self.put("password", "two\n")
        self.renewed(podop)
        self.client().ask("t", "k")
        self.assertEqual(backend.requests[0].header("Authorization"), ["Basic dTp0d28="])
        self.put("password", "\x01\n")
        self.check_kept(podop, 1, "password_file: .*control byte")

    def test_tables_with_one_file(self):
        """Each table that uses the file gets the new password; others do not change."""
        backend = self.backend(default=echo)
        auth = {"type": "basic", "user": "u", "password_file": self.put("password", "one\n")}
        podop = self.serve(url_table(backend, auth=auth), url_table(backend, "other", auth=auth),
                           url_table(backend, "plain"))
        self.put("password", "two\n")
        for table in ("t", "other"):
            podop.wait_lines(1, f"event=credentials_renewed table={table}")
            self.client().ask(table, "k")
        self.assertEqual([request.header("Authorization") for request in backend.requests], [["Basic dTp0d28="]] * 2)
        self.assertEqual(podop.lines("table=plain"), [])


class Tls(RotationCase):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.dir)

    def copy(self, source, name):
        with open(source, encoding="utf-8") as file:
            return self.put(name, file.read())

    def client_files(self, name):
        cert, key = self.authority.issue(name)
        return {"ca_file": self.authority.cert(), "cert_file": self.copy(cert, "c.pem"),
                "key_file": self.copy(key, "c.key")}

    def peers(self, backend):
        return {peer["commonName"] for peer in backend.peers.values()}

    def test_client_certificate(self):
        """A certificate and its key are used when they match, whichever is replaced first."""
        backend = self.backend(default=echo, tls=self.authority.server(clients=ssl.CERT_REQUIRED))
        podop = self.serve(url_table(backend, tls=self.client_files("alice")))
        client = self.client()
        self.check_payload(client.ask("t", "a"), "OK a")
        cert, key = self.authority.issue("bob")
        self.copy(cert, "c.pem")
        self.check_kept(podop, 1, r"cert_file \S+ and key_file \S+ do not match")
        self.check_payload(client.ask("t", "b"), "OK b")
        self.assertEqual(self.peers(backend), {"alice"})
        self.copy(key, "c.key")
        self.renewed(podop)
        self.check_payload(client.ask("t", "c"), "OK c")
        self.assertEqual(self.peers(backend), {"alice", "bob"})
        self.put("c.key", "no key at all\n")
        self.check_kept(podop, 2, "has no private key in PEM")
        self.check_payload(client.ask("t", "d"), "OK d")
        self.assertEqual(len(podop.lines("event=credentials_kept")), 2)

    def test_authorities(self):
        """A lookup after the change does not fail, although the connection with the old authorities does."""
        other = Authority(self.dir, "other")
        backend = self.backend(default=echo, tls=other.server("other-server"))
        self.serve(url_table(backend, tls={"ca_file": self.copy(self.authority.cert(), "ca.pem")}))
        client = self.client()
        self.check_reason(client.ask("t", "a"), "TEMP")
        self.copy(other.cert(), "ca.pem")
        self.check_payload(client.ask("t", "b"), "OK b")

    def test_connections_stay_when_a_token_changes(self):
        backend = self.backend(default=echo, tls=self.authority.server())
        auth = {"type": "bearer", "token_file": self.put("token", "one\n")}
        podop = self.serve(url_table(backend, auth=auth, tls={"ca_file": self.authority.cert()}))
        client = self.client()
        for number in range(1, 4):
            self.check_payload(client.ask("t", f"a{number}"), f"OK a{number}")
            self.put("token", f"token{number}\n")
            self.renewed(podop, number)
        self.check_payload(client.ask("t", "b"), "OK b")
        self.assertEqual(backend.connections, 1)
        self.assertEqual(backend.requests[-1].header("Authorization"), ["Bearer token3"])


class Privileges(RotationCase):
    def test_file_that_only_root_can_read(self):
        """podop says what to do, and goes on with what it has read as root."""
        harness.need(os.geteuid() == 0, "root")
        backend = self.backend(default=echo)
        os.chmod(self.dir, 0o755)
        auth = {"type": "bearer", "token_file": self.put("token", "one\n")}
        other = {"type": "bearer", "token_file": self.write("other", "one\n")}
        podop = self.serve(url_table(backend, auth=auth), url_table(backend, "other", auth=other), user="nobody",
                           listen=[{"socket": f"127.0.0.1:{self.reserve_port()}"}])
        podop.wait_log("event=config_warning")
        self.write("other", "two\n")
        podop.wait_log("event=credentials_renewed table=other")  # so podop has looked at both
        self.assertEqual(podop.lines("event=credentials_kept"), [])
        self.put("token", "two\n")
        self.check_kept(podop, 1, "token_file: .*Permission denied; the user that podop runs as must")
        os.chmod(self.path("token"), 0o644)
        self.renewed(podop)
        self.assertEqual(len(podop.lines("event=credentials_kept")), 1)


if __name__ == "__main__":
    harness.main()
