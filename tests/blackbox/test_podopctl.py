"""podopctl get: what it prints and its exit status, against podop and against servers that misbehave."""

import os
import socket
import subprocess
import threading

import harness
from harness import Case, echo, http, netstring, url_table

FOUND, MISS, USAGE, FAILED = 0, 1, 64, 75


class Get(Case):
    def check_get(self, table, key, value=None, status=FOUND, address=None):
        """Checks for the value on stdout, nothing for a miss, or a reason on stderr, and for the exit status."""
        done = harness.run("PODOPCTL", "get", table, key, "--socket", address or self.socket)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, "" if value is None else value + "\n")
        if status == FAILED:
            self.assertRegex(done.stderr, r"\S")
        else:
            self.assertEqual(done.stderr, "")
        return done


class AgainstPodop(Get):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)
        self.port = self.reserve_port()
        self.serve(url_table(self.http), url_table(self.http, "slow", timeout="200ms"),
                   listen=[{"socket": self.socket}, {"socket": f"127.0.0.1:{self.port}"}])

    def test_found(self):
        for body, value in (('"bob@example.com"', "bob@example.com"), ("1.10", "1.10"), ("true", "true"),
                            ('["a","b"]', "a,b"),
                            ('{"a": 1}', '{"a":1}'), ('"jörg"', "jörg"), ('" x "', " x "), (r'"a\nb"', "a\nb"),
                            ('"%s"' % ("x" * 99_997), "x" * 99_997)):
            with self.subTest(value=value[:40]):
                self.http.on("/k", http(body))
                self.check_get("t", "k", value)

    def test_keys(self):
        for key in ("bob@example.com", "a b", "jörg@example.com", "*", '"bo b"@example.com', "x" * 10_000, " k",
                    "%s%n"):
            with self.subTest(key=key[:40]):
                self.check_get("t", key, harness.percent(key))

    def test_empty_key(self):
        self.http.on("/", http('"empty"'))
        self.check_get("t", "", "empty")

    def test_miss(self):
        for answer in (http("null"), http('""'), http(status=204), http(status=404)):
            with self.subTest(answer=answer[:20]):
                self.http.on("/k", answer)
                self.check_get("t", "k", status=MISS)

    def test_failures(self):
        self.http.on("/late", (self.http.gate(),))
        self.http.on("/fail", http(status=503))
        self.http.on("/nul", http(r'"\u0000"'))
        for table, key in (("t", "fail"), ("t", "nul"), ("slow", "late"), ("nosuch", "k")):
            with self.subTest(table=table, key=key):
                self.assertIn(table, self.check_get(table, key, status=FAILED).stderr)

    def test_addresses(self):
        for address in (self.socket, "unix:" + self.socket, f"127.0.0.1:{self.port}", f"inet:127.0.0.1:{self.port}"):
            with self.subTest(address=address):
                self.check_get("t", "k", "k", address=address)

    def test_options_anywhere(self):
        for args in (["get", "t", "k", "--socket", self.socket], ["get", "--socket", self.socket, "t", "k"],
                     ["get", "t", "--socket=" + self.socket, "k"],
                     ["get", "--socket", self.socket, "--", "t", "k"]):
            with self.subTest(args=args):
                done = harness.run("PODOPCTL", *args)
                self.assertEqual((done.returncode, done.stdout), (FOUND, "k\n"), done.stderr)

    def test_key_like_an_option(self):
        done = harness.run("PODOPCTL", "get", "--socket", self.socket, "--", "t", "--help")
        self.assertEqual((done.returncode, done.stdout), (FOUND, "--help\n"), done.stderr)

    def test_usage(self):
        socket = ["--socket", self.socket]
        for args in ([], socket, ["nosuch", *socket], ["get", *socket], ["get", "t", *socket],
                     ["get", "t", "k", "--nosuch", *socket], ["get", "t", "k", "--socket"],
                     ["get", "t", "k", "--socket", "relative"],
                     ["get", "t", "k", "--as", "sendmail", *socket], ["get", "a b", "k", *socket]):
            with self.subTest(args=args):
                done = harness.run("PODOPCTL", *args)
                self.assertEqual((done.returncode, done.stdout), (USAGE, ""), done.stderr)
                self.assertRegex(done.stderr, r"\S")
        self.assertEqual(self.http.requests, [])

    def test_what_was_meant(self):
        for args, words in (([], "no command given; commands are: get, set, .*, stats"),
                            (["gett", "t", "k"], r"'gett' \(did you mean 'get'\?\)"),
                            (["status"], r"did you mean 'stats'\?"), (["lookup", "t", "k"], r"did you mean 'get'\?"),
                            (["help"], r"did you mean --help\?"), (["frobnicate"], "commands are: get, "),
                            (["alias", "get", "k"], "the command comes first, as in podopctl get alias"),
                            (["get", "t", "k", "--sokcet", "/x"], r"did you mean '--socket'\?"),
                            (["get", "t", "k", "--timout=5"], r"unknown option '--timout' \(did you mean '--timeout'"),
                            (["get", "t", "k", "--json=5"], "'--json' takes no argument")):
            with self.subTest(args=args):
                done = harness.run("PODOPCTL", *args)
                self.assertEqual(done.returncode, USAGE)
                self.assertRegex(done.stderr, words)

    def test_help_and_version(self):
        for args, word in ((["--help"], "get"), (["-h"], "get"), (["--version"], "podop"), (["-V"], "podop")):
            with self.subTest(args=args):
                done = harness.run("PODOPCTL", *args)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn(word, done.stdout)


class WithoutPodop(Get):
    """No server, or one that does not speak socketmap."""

    def serve_bytes(self, *pieces):
        """Starts a server that answers the first bytes of each client with these pieces and closes."""
        listener = harness.listen(self.socket)

        def answer():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                client.recv(65536)
                for piece in pieces:
                    client.sendall(piece)
                client.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()

        def stop():
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(harness.GUARD)
            listener.close()
            os.unlink(self.socket)

        return stop

    def test_no_server(self):
        with harness.refusing_port() as deaf:
            for address in (self.path("none"), f"127.0.0.1:{deaf}"):
                with self.subTest(address=address):
                    self.assertIn(address, self.check_get("t", "k", status=FAILED, address=address).stderr)

    def test_why_there_is_no_connection(self):
        for args, words in ((["stats", "--control", self.path("none")], "'control' in podop.conf .* --control"),
                            (["get", "t", "k", "--socket", self.path("none")], "'listen' in podop.conf .* --socket"),
                            (["get", "t", "k", "--socket", self.write("file", "")], "is not a socket")):
            with self.subTest(args=args):
                done = harness.run("PODOPCTL", *args)
                self.assertEqual(done.returncode, FAILED)
                self.assertRegex(done.stderr, words)
        with harness.refusing_port() as deaf:
            done = harness.run("PODOPCTL", "get", "t", "k", "--socket", f"127.0.0.1:{deaf}")
            self.assertIn("Connection refused (nothing listens there: is podop running?)", done.stderr)

    def test_permissions_of_the_socket(self):
        harness.need(os.geteuid() == 0, "root, to become another user")
        os.chmod(self.dir, 0o755)
        listener = harness.listen(self.socket)
        self.addCleanup(listener.close)
        os.chmod(self.socket, 0o600)
        done = subprocess.run(["setpriv", "--reuid", "nobody", "--clear-groups", harness.binary("PODOPCTL"), "get", "t",
                               "k", "--socket", self.socket], capture_output=True, text=True, timeout=harness.GUARD,
                              env=harness.clean_environment(), check=False)
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("Permission denied (the socket is for user root and group root, with mode 0600", done.stderr)
        self.assertIn("in 'listen' of podop.conf", done.stderr)

    def test_default_address(self):
        default = "/run/podop/podop.sock"
        if os.path.exists(default):
            self.skipTest("this machine has a podop of its own")
        done = harness.run("PODOPCTL", "get", "t", "k")
        self.assertEqual((done.returncode, done.stdout), (FAILED, ""))
        self.assertIn(default, done.stderr)

    def test_answers(self):
        for pieces, value, status in (
            ([b"4:OK x,"], "x", FOUND),
            ([b"4", b":", b"OK", b" x", b","], "x", FOUND),
            ([b"5:OK  x,"], " x", FOUND),
            ([b"9:NOTFOUND ,"], None, MISS),
            ([b"8:NOTFOUND,"], None, MISS),
            ([netstring("TEMP t: no")], None, FAILED),
            ([netstring("TIMEOUT t: no")], None, FAILED),
            ([netstring("PERM t: no")], None, FAILED),
            ([netstring("WHAT ever")], None, FAILED),
            ([b"0:,"], None, FAILED),
            ([], None, FAILED),
            ([b"4:OK"], None, FAILED),
            ([b"4:OK x;"], None, FAILED),
            ([b"rubbish\n"], None, FAILED),
            ([b"99999999999999999999:"], None, FAILED),
        ):
            with self.subTest(pieces=pieces):
                stop = self.serve_bytes(*pieces)
                try:
                    self.check_get("t", "k", value, status)
                finally:
                    stop()


if __name__ == "__main__":
    harness.main()
