"""https to the backend (podop.conf(5), "TLS"): which certificates podop trusts, and which it sends."""

import contextlib
import fcntl
import os
import pty
import re
import socket
import ssl
import subprocess
import termios
import threading
import unittest.mock

import harness
from basics import shut_down
from certificates import Authority
from dict import DictCase
from harness import CLOSE, conf_file, echo, http, url_table


class TlsCase(DictCase):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.dir)

    def tls_backend(self, name="server", **options):
        return self.backend(default=echo, tls=self.authority.server(name, **options))

    def client_tls(self, name):
        cert, key = self.authority.issue(name)
        return {"ca_file": self.authority.cert(), "cert_file": cert, "key_file": key}

    def ask(self, table="t", key="k"):
        return self.client().ask(table, key)


class Server(TlsCase):
    """podop always verifies the backend's certificate and the name in it."""

    def test_good(self):
        backend = self.tls_backend()
        self.serve(url_table(backend, tls={"ca_file": self.authority.cert()}))
        for key in ("a", "b"):
            with self.subTest(key=key):
                self.check_payload(self.ask("t", key), "OK " + key)
        self.assertEqual(backend.connections, 1)
        self.assertEqual(backend.peers, {1: None})

    def test_write_and_iterate(self):
        backend = self.tls_backend()
        backend.default = lambda request: harness.http("{}")
        self.serve(url_table(backend, tls={"ca_file": self.authority.cert()}, commit_url=backend.url + "/commit"))
        dovecot = self.dict()
        self.check_payload(dovecot.change(("set", "shared/k", "1")), "O")
        self.assertEqual(dovecot.rows("shared/p/"), [])
        self.assertEqual([request.target for request in backend.requests], [b"/commit", b"/p/"])

    def check_refused(self, backend, reason, tls, **settings):
        podop = self.serve(url_table(backend, tls=tls, **settings) if tls else url_table(backend, **settings))
        answer = self.ask()
        self.check_reason(answer, "TEMP")
        self.assertRegex(answer, reason)
        self.check_failure(self.dict().get("shared/k"))
        self.assertEqual(backend.requests, [])
        podop.stop()
        self.assertRegex(podop.stderr, r"event=backend_failed table=t backend=https:\S+ reason=")

    def test_unknown_authority(self):
        other = Authority(self.dir, "other")
        self.check_refused(self.tls_backend(), rb"SSL certificate problem: unable to get local issuer certificate "
                           rb"\(an unknown authority: set ca_file in 'tls' to its certificate, or let the server ",
                           {"ca_file": other.cert()})

    def test_system_authorities(self):
        """Without ca_file the authorities of the system count, which do not include the test's."""
        self.check_refused(self.tls_backend(), rb"problem: unable to get local issuer certificate", None)

    def test_wrong_name(self):
        backend = self.tls_backend(address="DNS:elsewhere.example,IP:127.0.0.2")
        self.check_refused(backend, rb"no alternative certificate subject name matches target [a-z0-9 ]+ '127.0.0.1' "
                           rb"\(the certificate is for another name than the host of the URL\)",
                           {"ca_file": self.authority.cert()})

    def test_expired(self):
        self.check_refused(self.tls_backend(has_expired=True), rb"has expired \(renew the server's certificate, ",
                           {"ca_file": self.authority.cert()})

    def test_no_tls_there(self):
        backend = self.backend(default=echo)
        backend.url = backend.url.replace("http:", "https:")
        self.check_refused(backend, rb"the server does not speak TLS on this port: is http:// meant\?|timed out",
                           {"ca_file": self.authority.cert()}, connect_timeout="500ms")

    def test_environment_changes_nothing(self):
        """OpenSSL and curl would take authorities from the environment."""
        env = {"SSL_CERT_FILE": self.authority.cert(), "CURL_CA_BUNDLE": self.authority.cert()}
        backend, other = self.tls_backend(), Authority(self.dir, "other")
        self.serve(url_table(backend, tls={"ca_file": other.cert()}), env=env)
        self.check_reason(self.ask(), "TEMP")
        self.assertEqual(backend.requests, [])

    def test_files_may_be_removed(self):
        """Certificates read at the start stay in use after their files are removed."""
        backend = self.tls_backend(clients=ssl.CERT_REQUIRED)
        tls = self.client_tls("alice")
        self.serve(url_table(backend, tls=tls))
        for path in tls.values():
            os.unlink(path)
        self.check_payload(self.ask(), "OK k")
        self.assertEqual(backend.peers, {1: {"commonName": "alice"}})

    def test_system_authorities_do_not_count_besides(self):
        """ca_file replaces them, also the directory of certificates that libcurl would use."""
        harness.need(os.geteuid() == 0 and os.path.isdir("/etc/ssl/certs"), "root and /etc/ssl/certs")
        other = Authority(self.dir, "other")
        os.mkdir(self.path("certs"))
        os.link(other.cert(), self.path("certs/ca-certificates.crt"))
        hashed = subprocess.run(["openssl", "x509", "-noout", "-hash", "-in", self.authority.cert()],
                                        capture_output=True, text=True, check=True, timeout=harness.GUARD)
        os.link(self.authority.cert(), self.path(f"certs/{hashed.stdout.strip()}.0"))
        unshared = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/ssl/certs && exec "$@"',
                    self.path("certs")]
        if subprocess.run([*unshared, "true"], capture_output=True, check=False, timeout=harness.GUARD).returncode != 0:
            self.skipTest("no mount namespace, as in a chroot that is no mount point")
        backend = self.tls_backend()
        tables = [url_table(backend, "system"), url_table(backend, "ours", tls={"ca_file": other.cert()})]
        path = self.write("podop.conf", conf_file(listen=[{"socket": self.socket}], tables=tables))
        wrapper = self.write("podop", "#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in
                             [*unshared, harness.binary("PODOP")]) + ' "$@"\n')
        os.chmod(wrapper, 0o755)
        with unittest.mock.patch.dict(os.environ, {"PODOP": wrapper}):
            self.podop("-c", path)
        self.check_payload(self.ask("system"), "OK k")  # the directory does count there
        self.check_reason(self.ask("ours"), "TEMP", "ours")


class Impatient(harness.Backend):
    """A backend that reads no body: it answers after the head of a request and closes the connection."""

    def _read_request(self, sock, data, number):
        head = self._read_head(sock, data)
        return None if head is None else harness.Request(head, b"", number)


class Refusal(TlsCase):
    """The answer of a server that closes the connection before it has read a whole write is used."""

    def test_early(self):
        backend = Impatient(tls=self.authority.server(), default=lambda request: (harness.http(status=413), CLOSE))
        self.addCleanup(backend.stop)
        self.serve(url_table(backend, tls={"ca_file": self.authority.cert()}))
        dovecot = self.dict()
        for _ in range(20):
            self.check_payload(dovecot.change(("set", "shared/k", "x" * 900000)),
                               "Ftable t: the backend answered a write with status 413")


class Client(TlsCase):
    """A certificate of podop's own."""

    def test_accepted(self):
        for number, clients in enumerate((ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED)):
            with self.subTest(number=number, clients=clients):
                self.socket = self.path(f"s{number}")
                backend = self.tls_backend(clients=clients)
                self.serve(url_table(backend, tls=self.client_tls("alice")))
                self.check_payload(self.ask(), "OK k")
                self.assertEqual(backend.peers, {1: {"commonName": "alice"}})

    def test_required_and_not_there(self):
        backend = self.tls_backend(clients=ssl.CERT_REQUIRED)
        self.serve(url_table(backend, tls={"ca_file": self.authority.cert()}))
        self.check_reason(self.ask(), "TEMP")
        self.assertEqual(backend.requests, [])

    def test_of_an_unknown_authority(self):
        backend = self.tls_backend(clients=ssl.CERT_REQUIRED)
        cert, key = Authority(self.dir, "other").issue("mallory")
        self.serve(url_table(backend, tls={"ca_file": self.authority.cert(), "cert_file": cert, "key_file": key}))
        self.check_reason(self.ask(), "TEMP")
        self.assertEqual(backend.requests, [])

    def test_denials_speak_of_the_certificate(self):
        """nginx answers 400 to a certificate that it does not trust."""
        backend = self.tls_backend(clients=ssl.CERT_OPTIONAL)
        self.serve(url_table(backend, "alice", tls=self.client_tls("alice")),
                   url_table(backend, "wanted", tls=self.client_tls("alice"), miss=[400]),
                   url_table(backend, "none", tls={"ca_file": self.authority.cert()}))
        for status in (400, 401, 403, 404, 407, 422):
            with self.subTest(status=status):
                backend.on("/k", http(b"", status))
                expected = "TEMP" if status in (400, 401, 403, 407) else "NOTFOUND "
                self.check_answer(self.ask("alice"), expected, "alice")
                self.check_answer(self.ask("wanted"), "NOTFOUND " if status == 400 else expected, "wanted")
                self.check_answer(self.ask("none"), "TEMP" if status == 407 else "NOTFOUND ", "none")

    def test_no_connection_is_shared(self):
        """Tables with different certificates never share connections to one host."""
        backend = self.tls_backend(clients=ssl.CERT_OPTIONAL)
        trusted, alice = {"ca_file": self.authority.cert()}, self.client_tls("alice")
        self.serve(url_table(backend, "alice", tls=alice), url_table(backend, "bob", tls=self.client_tls("bob")),
                   url_table(backend, "none", tls=trusted), url_table(backend, "again", tls=alice))
        for turn in range(3):
            for table in ("alice", "bob", "none", "again"):
                with self.subTest(table=table):
                    self.check_payload(self.ask(table, f"{turn}-{table}"), f"OK {turn}-{table}")
        for request in backend.requests:
            table, peer = request.header("Podop-Table")[0], backend.peers[request.connection]
            expected = None if table == "none" else {"commonName": table.replace("again", "alice")}
            self.assertEqual(peer, expected, table)
        self.assertEqual(backend.connections, 3)  # while those that do not differ share theirs

    def test_other_trust_shares_no_connection(self):
        """A table does not use a connection that another has verified with its own authorities."""
        backend, other = self.tls_backend(), Authority(self.dir, "other")
        self.serve(url_table(backend, "good", tls={"ca_file": self.authority.cert()}),
                   url_table(backend, "bad", tls={"ca_file": other.cert()}), url_table(backend, "system"))
        for _ in range(2):
            self.check_payload(self.ask("good"), "OK k")
            self.check_reason(self.ask("bad"), "TEMP", "bad")
            self.check_reason(self.ask("system"), "TEMP", "system")
        self.assertEqual({request.header("Podop-Table")[0] for request in backend.requests}, {"good"})


class Files(TlsCase):
    """A file that cannot be used is an error in the configuration, with file and line."""

    def check(self, tls, param="https://127.0.0.1/§", **settings):
        table = {"name": "t", "type": "url", "param": param, "tls": tls, **settings}
        text = conf_file(listen=[{"socket": self.socket}], tables=[table])
        done = harness.run("PODOP", "-t", "-c", self.write("podop.conf", text))
        self.assertNotRegex(done.stdout + done.stderr, self.key_lines())
        return done.returncode, done.stdout + done.stderr

    def key_lines(self):
        """Returns what stands in a private key, line by line."""
        lines = []
        for name in os.listdir(self.dir):
            if name.endswith(".key"):
                with open(self.path(name), encoding="ascii", errors="replace") as file:
                    lines += [line.strip()[:20] for line in file if not line.startswith("-")]
        return "|".join(re.escape(line) for line in lines if line)

    def check_fault(self, tls, expected, **options):
        status, output = self.check(tls, **options)
        self.assertEqual(status, 78, output)
        self.assertRegex(output, rf"^{self.path('podop.conf')}:2: (table 't': )?{expected}")

    def damaged(self, path):
        """Returns the same PEM frame with other content."""
        with open(path, encoding="ascii") as file:
            lines = file.read().splitlines()
        lines[1] = "!" + lines[1][1:]
        path = self.write("damaged.key", "\n".join(lines) + "\n")
        os.chmod(path, 0o600)
        return path

    def test_good(self):
        tls = self.client_tls("alice")
        self.assertEqual(self.check(tls), (0, "configuration OK\n"))
        self.assertEqual(self.check({"ca_file": self.authority.cert()}), (0, "configuration OK\n"))
        self.assertEqual(self.check({"ca_file": ""}, param="http://127.0.0.1/§"), (0, "configuration OK\n"))
        self.assertEqual(self.check({"ca_file": self.authority.cert()}, param="http://127.0.0.1/§",
                                    commit_url="https://127.0.0.1/"), (0, "configuration OK\n"))

    def test_faults(self):
        tls = self.client_tls("alice")
        junk, none, empty = self.write("junk", "junk"), self.path("none"), self.write("empty", "")
        ca, cert, key = tls["ca_file"], tls["cert_file"], tls["key_file"]
        pair = r"cert_file \S+ and key_file \S+ do not match, are broken or need a passphrase: "
        cases = [
            ({"ca_file": none}, f"ca_file: {none}: No such file or directory"),
            ({"ca_file": self.dir}, f"ca_file: {self.dir}: not a regular file"),
            ({"ca_file": empty}, f"ca_file: {empty}: the file is empty"),
            ({"ca_file": junk}, f"ca_file: {junk}: has no certificate in PEM"),
            ({"ca_file": key}, f"ca_file: {key}: has no certificate in PEM"),
            ({"ca_file": self.damaged(ca)}, f"ca_file: {self.path('damaged.key')}: error importing CA certificate"),
            ({**tls, "cert_file": none}, f"cert_file: {none}: No such file or directory"),
            ({**tls, "cert_file": key}, f"cert_file: {key}: has no certificate in PEM"),
            ({**tls, "key_file": none}, f"key_file: {none}: No such file or directory"),
            ({**tls, "key_file": cert}, f"key_file: {cert}: has no private key in PEM"),
            ({**tls, "key_file": self.authority.key("authority")}, pair),
            ({"cert_file": cert}, "'key_file' is missing in 'tls' of table 't'"),
            ({"key_file": key}, "'cert_file' is missing in 'tls' of table 't'"),
        ]
        for settings, expected in cases:
            with self.subTest(expected):
                self.check_fault(settings, expected)
        for setting in ("cert_file", "key_file"):
            with self.subTest(setting=setting):
                self.check_fault({**tls, setting: self.damaged(tls[setting])}, pair)
        self.check_fault(tls, "'tls' needs an https URL", param="http://127.0.0.1/")

    def test_passphrase(self):
        """podop never asks for a passphrase, not even at a terminal."""
        cert, key = self.authority.issue("locked", passphrase="geheim")
        self.check_fault({"cert_file": cert, "key_file": key}, "cert_file .* need a passphrase: ")
        try:
            terminal, ours = pty.openpty()
        except OSError as why:  # a chroot without /dev/pts
            self.skipTest(str(why))
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.close, ours)
        done = subprocess.run([harness.binary("PODOP"), "-t", "-c", self.path("podop.conf")], capture_output=True,
                              stdin=ours, check=False, timeout=harness.GUARD, start_new_session=True,
                              preexec_fn=lambda: fcntl.ioctl(ours, termios.TIOCSCTTY, 0))
        self.assertEqual(done.returncode, 78)

    def test_key_readable_by_all(self):
        tls = self.client_tls("alice")
        os.chmod(tls["key_file"], 0o644)
        os.chmod(tls["cert_file"], 0o644)
        status, output = self.check(tls)
        self.assertEqual(status, 0)
        self.assertEqual(output.count("event=secret_exposed"), 1)
        self.assertIn(f"file={tls['key_file']}", output)


class Peers(TlsCase):
    """Servers that break HTTP in some way inside TLS."""

    def peer(self, serve):
        """Runs serve(connection) for each connection; returns the settings of a table that asks it."""
        context = self.authority.server()
        listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        sockets = [listener]
        threads = []

        def run(sock):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or a reset may overtake the answer
            with contextlib.suppress(OSError), context.wrap_socket(sock, server_side=True) as connection:
                sockets.append(connection)
                serve(connection)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threads.append(threading.Thread(target=run, args=listener.accept()[:1]))
                    threads[-1].start()

        def stop():
            for sock in sockets:
                shut_down(sock)
            for thread in [acceptor, *threads]:
                thread.join(harness.GUARD)
            listener.close()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        self.addCleanup(stop)
        return {"param": f"https://127.0.0.1:{listener.getsockname()[1]}/", "tls": {"ca_file": self.authority.cert()}}

    @staticmethod
    def read_head(connection):
        data = b""
        while b"\r\n\r\n" not in data and (more := connection.recv(4096)):
            data += more

    def test_write_refused_early(self):
        """The refusal is used, although the rest of the write is lost with the connection."""

        def serve(connection):
            self.read_head(connection)
            connection.sendall(harness.http(status=413))

        listen = [{"socket": self.socket, "max_request": "16M"}]
        self.serve({"name": "t", "type": "url", **self.peer(serve)}, listen=listen)
        for _ in range(10):
            answer = self.dict().change(("set", "shared/k", "x" * (8 << 20)))
            self.check_failure(answer)
            self.assertIn(b"413", answer)

    def test_endless_answer(self):
        """A peer that never stops sending does not keep podop from serving others."""
        chunks = b"1\r\n \r\n" * 10000

        def serve(connection):
            self.read_head(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n")
            started.set()
            while True:
                connection.sendall(chunks)

        started = threading.Event()
        backend = self.backend(default=echo)
        self.serve({"name": "endless", "type": "url", **self.peer(serve)}, url_table(backend, name="t"),
                   shutdown_timeout="1s")
        dovecot = self.dict(name="endless")
        dovecot.iterate("shared/p/")
        self.assertTrue(started.wait(harness.GUARD))
        for key in ("a", "b"):
            with self.subTest(key=key):
                self.check_payload(self.ask("t", key), "OK " + key)
        dovecot.close()


if __name__ == "__main__":
    harness.main()
