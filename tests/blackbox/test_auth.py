"""The credentials that podop sends to a backend (podop.conf(5), "Authentication"), and that no one else sees them."""

import base64
import os
import signal
from typing import Any

import harness
from dict import DictCase
from harness import CLOSE, chunked, conf_file, http, url_table

TOKEN = "t0k3n-With.Every_kind~of+byte/="
PASSWORD = "p\u00e4ss:w\u00f6rd with blanks"
USER = "m\u00fcller"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class AuthCase(DictCase):
    def secret(self, name, text, mode=0o600):
        path = self.write(name, text)
        os.chmod(path, mode)
        return path

    def bearer(self, text=TOKEN + "\n", name="token"):
        return {"type": "bearer", "token_file": self.secret(name, text)}

    def basic(self):
        return {"type": "basic", "user": USER, "password_file": self.secret("password", PASSWORD + "\r\nnot this\n")}


class Requests(AuthCase):
    """Every request carries the credentials, even the first."""

    def check_sent(self, auth, expected):
        backend = self.backend(default=lambda request: http("[]" if request.target.endswith(b"/") else '"v"'))
        self.serve(url_table(backend, "t", auth=auth), url_table(backend, "other"),
                   url_table(backend, "whole", auth=auth, commit_url=backend.url + "/commit"))
        self.check_payload(self.client().ask("t", "k"), "OK v")
        dovecot = self.dict()
        self.check_payload(dovecot.get("shared/k"), "Ov")
        changes = ("set", "shared/k", "1"), ("unset", "shared/k"), ("increment", "shared/k", 2)
        self.check_payload(dovecot.change(*changes), "O")
        self.assertEqual(dovecot.rows("shared/p/"), [])
        self.check_payload(self.dict(name="whole").change(("set", "shared/k", "1")), "O")
        self.assertEqual([(request.method, request.target) for request in backend.requests],
                         [("GET", b"/k"), ("GET", b"/k"), ("POST", b"/k"), ("DELETE", b"/k"), ("PATCH", b"/k"),
                          ("GET", b"/p/"), ("POST", b"/commit")])
        for request in backend.requests:
            self.assertEqual(request.header("Authorization"), [expected])
        backend.forget()
        self.client().ask("other", "k")
        self.assertEqual(backend.requests[0].header("Authorization"), [])

    def test_bearer(self):
        self.check_sent(self.bearer(), "Bearer " + TOKEN)

    def test_basic(self):
        self.check_sent(self.basic(), "Basic " + BASIC)

    def test_defaults(self):
        backend = self.backend(default=harness.echo)
        self.serve(url_table(backend, "a"), url_table(backend, "b", auth=self.basic()),
                   url_table(backend, "c", auth={"type": "none"}), defaults={"auth": self.bearer()})
        for table, expected in (("a", ["Bearer " + TOKEN]), ("b", ["Basic " + BASIC]), ("c", [])):
            with self.subTest(table=table, expected=expected):
                backend.forget()
                self.check_payload(self.client().ask(table, "k"), "OK k")
                self.assertEqual(backend.requests[0].header("Authorization"), expected)

    def test_no_other_credentials(self):
        """podop uses neither netrc nor the credentials of a proxy in the environment."""
        backend = self.backend(default=harness.echo)
        self.write(".netrc", "machine 127.0.0.1 login nobody password nothing\n")
        with harness.refusing_port() as proxy:
            address = f"http://127.0.0.1:{proxy}"
            self.serve(url_table(backend, auth=self.bearer()),
                       env={"HOME": self.dir, "http_proxy": address, "https_proxy": address, "ALL_PROXY": address})
            self.check_payload(self.client().ask("t", "k"), "OK k")
        self.assertEqual(backend.requests[0].header("Authorization"), ["Bearer " + TOKEN])


class Denied(AuthCase):
    """401, 403 and 407 are about the token if the table has one: a wrong token must not bounce mail."""

    def serve_denied(self, **settings):
        backend = self.backend()
        podop = self.serve(url_table(backend, **settings))
        for status in (401, 403, 407, 404):
            backend.on(f"/{status}", http(status=status))
            backend.on(f"/{status}/", http(status=status))
        return podop

    def test_lookups(self):
        all_denied = {401: "TEMP", 403: "TEMP", 407: "TEMP"}
        cases: list[tuple[dict[str, Any], dict[int, str]]] = [
            ({}, {407: "TEMP"}),
            ({"auth": self.bearer()}, all_denied),
            ({"auth": self.basic()}, all_denied),
            ({"headers": ["X-Api-Key: secret"]}, all_denied),
            ({"auth": self.bearer(), "miss": [401]}, {403: "TEMP", 407: "TEMP"}),
            ({"auth": self.bearer(), "miss": ["4xx"]}, {}),
            ({"headers": ["X-Api-Key: secret"], "miss": [403]}, {401: "TEMP", 407: "TEMP"}),
            ({"auth": self.bearer(), "temporary": [404]}, {**all_denied, 404: "TEMP"}),
        ]
        for number, (settings, failures) in enumerate(cases):
            with self.subTest(**settings):
                self.socket = self.path(f"s{number}")
                self.serve_denied(**settings)
                client = self.client()
                for status in (401, 403, 407, 404):
                    answer = client.ask("t", str(status))
                    self.check_answer(answer, failures.get(status, "NOTFOUND "))
                    if status in failures:
                        self.assertIn(b"status %d" % status, answer)

    def test_logged_once_in_a_while(self):
        podop = self.serve_denied(auth=self.bearer())
        client = self.client()
        for _ in range(5):
            for status in (401, 403, 404):
                client.ask("t", str(status))
        podop.stop()
        told = [line for line in podop.log if "event=backend_denied" in line]
        self.assertEqual(len(told), 2)
        self.assertRegex(told[0], r"level=warning event=backend_denied table=t http_status=401 count=1")
        self.assertRegex(told[1], r"level=warning event=backend_denied table=t http_status=403 count=2")

    def test_dovecot(self):
        podop = self.serve_denied(auth=self.bearer())
        dovecot = self.dict()
        self.check_failure(dovecot.get("shared/401"))
        self.check_failure(dovecot.change(("set", "shared/403", "1")))
        podop.wait_log(r"event=backend_denied table=t http_status=403")
        self.check_failure(dovecot.wait(dovecot.iterate("shared/407/")))
        podop.wait_log(r"event=backend_denied table=t http_status=407")


class Files(AuthCase):
    """A secret that cannot be used is a fault of the configuration, with file and line."""

    def check(self, auth, **settings):
        table = {"name": "t", "type": "url", "param": "http://127.0.0.1/§", "auth": auth, **settings}
        text = conf_file(listen=[{"socket": self.socket}], tables=[table])
        done = harness.run("PODOP", "-t", "-c", self.write("podop.conf", text))
        return done.returncode, done.stdout + done.stderr

    def check_fault(self, auth, expected):
        status, output = self.check(auth)
        self.assertEqual(status, 78)
        self.assertEqual(output, f"{self.path('podop.conf')}:2: table 't': {expected}\n")
        done = harness.run("PODOP", "-c", self.path("podop.conf"))  # podop does not start either
        self.assertEqual((done.returncode, done.stdout + done.stderr), (status, output))

    def test_faults(self):
        path = self.path("token")
        for text, why in (("", "the first line is empty"), ("\n" + TOKEN, "the first line is empty"),
                          ("x" * 8193, "the first line has more than 8192 bytes"),
                          (TOKEN + "\0", "the first line has a control byte"),
                          (TOKEN + "\t", "the first line has a control byte"),
                          ("Bearer " + TOKEN, "not a token: it contains blanks or is not ASCII"),
                          (TOKEN + "\u00e9", "not a token: it contains blanks or is not ASCII")):
            with self.subTest(text=text[:40]):
                self.check_fault(self.bearer(text), f"token_file: {path}: {why}")
        self.check_fault({"type": "bearer", "token_file": self.dir}, f"token_file: {self.dir}: not a regular file")
        self.check_fault({"type": "basic", "user": "u", "password_file": self.path("none")},
                         f"password_file: {self.path('none')}: No such file or directory")

    def test_good(self):
        for text in (TOKEN, TOKEN + "\n", TOKEN + "\r\n", "x" * 8192):
            with self.subTest(text=text[:40]):
                self.assertEqual(self.check(self.bearer(text)), (0, "configuration OK\n"))
        self.assertEqual(self.check(self.basic()), (0, "configuration OK\n"))

    def test_readable_by_all(self):
        auth = self.bearer()
        os.chmod(auth["token_file"], 0o644)
        status, output = self.check(auth)
        self.assertEqual(status, 0)
        self.assertRegex(output, rf"level=warning event=secret_exposed table=t file={auth['token_file']}\n")

    def test_read_before_privileges_are_dropped(self):
        harness.need(os.geteuid() == 0, "root")
        backend = self.backend(default=harness.echo)
        os.chmod(self.dir, 0o755)
        listen = [{"socket": self.socket, "permissions": "0666"}]
        podop = self.serve(url_table(backend, auth=self.bearer()), listen=listen, user="nobody")
        self.assertNotEqual(podop.status_field("Uid")[1], "0")
        self.check_payload(self.client().ask("t", "k"), "OK k")
        self.assertEqual(backend.requests[0].header("Authorization"), ["Bearer " + TOKEN])

    def test_reload(self):
        """The next request carries the new token; a bad token changes nothing."""
        backend = self.backend(default=harness.echo)
        podop = self.serve(url_table(backend, auth=self.bearer("first")))
        client, sent = self.client(), []
        for text, event in (("second\n", "event=reload "), ("\n", "event=reload_failed "), ("third", "event=reload ")):
            told = podop.stderr.count(event)
            self.bearer(text)
            podop.signal(signal.SIGHUP)
            harness.wait_until(lambda: podop.stderr.count(event) > told, event)
            client.ask("t", "k")
            sent += backend.requests[-1].header("Authorization")
        self.assertEqual(sent, ["Bearer second", "Bearer second", "Bearer third"])
        self.assertRegex(podop.stderr, r"event=reload_failed .*token_file: \S+: the first line is empty")


class Leaks(AuthCase):
    """No message, log line or file in /proc shows a secret."""

    def forms(self):
        for secret in (TOKEN, PASSWORD, f"{USER}:{PASSWORD}", PASSWORD + "\r"):
            raw = secret.encode()
            yield raw
            yield base64.b64encode(raw).rstrip(b"=")
            yield base64.urlsafe_b64encode(raw).rstrip(b"=")
            yield secret.encode("unicode_escape")
            yield harness.percent(secret).encode()

    def check_clean(self, what, data):
        for form in self.forms():
            self.assertNotIn(form, data, f"a secret shows in {what}")
            self.assertNotIn(form[:12], data, f"a part of a secret shows in {what}")

    def provoke(self, backend):
        """Returns the answers to lookups that fail in every way."""
        answers = {
            "401": http(status=401), "403": http('{"error": "denied"}', 403), "407": http(status=407),
            "500": http(status=500), "302": http(b"", 302, "Location: http://elsewhere.invalid/"),
            "challenge": http(b"", 401, 'WWW-Authenticate: Basic realm="x"', 'WWW-Authenticate: Negotiate'),
            "no-json": http("nonsense"), "cut": (http('"v"', length=99), CLOSE), "close": (CLOSE,),
            "garbage": b"garbage\r\n\r\n", "head": (b"HTTP/1.1 200 OK\r\nX: ", CLOSE),
            "chunk": chunked('"v"', end=b"zz"), "late": (backend.gate(),),
            "large": http('"' + 2000 * "x" + '"'), "found": http('"v"'),
        }
        for key, answer in answers.items():
            backend.on("/" + key, answer)
        seen, dovecot = [], self.dict(name="t")
        for table in ("t", "b"):
            seen += [self.client().ask(table, key) for key in [*answers, "../x", "k" * 1000]]
        seen += [dovecot.get("shared/" + key) or b"" for key in answers]
        for key in ("401", "500", "close", "garbage", "late"):
            seen.append(dovecot.change(("set", "shared/" + key, "1")) or b"")
        seen.append(self.client().ask("gone", "k"))
        return seen

    def check_format(self, log_format):
        backend = self.backend()
        options = {"timeout": "200ms", "max_response": 1000}
        with harness.refusing_port() as deaf:
            tables = [url_table(backend, "t", auth=self.bearer(), **options),
                      url_table(backend, "b", auth=self.basic(), **options),
                      {"name": "gone", "type": "url", "param": f"http://127.0.0.1:{deaf}/§", "auth": self.basic(),
                       "timeout": "1s"}]
            podop = self.serve(*tables, args=("-vv",), log={"format": log_format})
            answers = self.provoke(backend)
            checked = harness.run("PODOP", "-t", "-vv", "-c", self.path("podop.conf"))
            for name in ("cmdline", "environ", "comm", "status", "maps"):
                with self.subTest(name=name):
                    with open(f"/proc/{podop.pid}/{name}", "rb") as file:
                        self.check_clean(f"/proc/PID/{name}", file.read())
            podop.stop()
        self.assertGreater(len(podop.log), 40)  # it did log
        self.check_clean("the log", podop.stderr.encode("utf-8", "surrogateescape"))
        self.check_clean("an answer", b"\n".join(answers))
        self.check_clean("podop -t", (checked.stdout + checked.stderr).encode())
        sent = b"\n".join(request.head for request in backend.requests)
        self.assertIn(TOKEN.encode(), sent)  # and the secret was in its memory
        self.assertIn(BASIC.encode(), sent)

    def test_text(self):
        self.check_format("text")

    def test_json(self):
        self.check_format("json")

    def test_faults(self):
        """A message about a secret does not contain it, even if it was given in the wrong place."""
        cases = [self.bearer(TOKEN + "\0"), self.bearer("Bearer " + TOKEN), self.bearer(TOKEN + "\u00e9"),
                 {"type": "bearer", "token_file": TOKEN}, {"type": "bearer", "token": TOKEN},
                 {"type": "basic", "user": USER, "password_file": PASSWORD},
                 {"type": "basic", "user": USER, "password": PASSWORD}]
        for auth in cases:
            with self.subTest(**auth):
                table = {"name": "t", "type": "url", "param": "http://127.0.0.1/", "auth": auth}
                path = self.write("podop.conf", conf_file(listen=[{"socket": self.socket}], tables=[table]))
                for args in (("-t",), ()):
                    done = harness.run("PODOP", *args, "-vv", "-c", path)
                    self.assertEqual(done.returncode, 78)
                    self.check_clean("a fault", (done.stdout + done.stderr).encode("utf-8", "surrogateescape"))


if __name__ == "__main__":
    harness.main()
