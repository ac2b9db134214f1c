"""docs/backends.md: its services, behind real servers at their defaults, get every key as its tables say."""

import os
import re
import shutil
import tempfile
import unittest

import documents
import harness
import services
import services_case
from daemon import Podop
from dict import DictCase
from settings import conf_file
from test_documents import check_configuration

PLAIN = ("a@b.example", "Bücher@é.example", "\U0001f600", "e\u0301", "a\u2028b", "a b", " a", "a ", "50%", "a%20b",
         "a%2Fb", "%", "a+b", "a/b/c", "a//b", "a/", "a//", "a..b", "...", ".hidden", "a/.b", "~a", "*", "a?b=c", "?",
         "a#b", "a;b", "a&b=c", "a=b", '"a\'b"@example', "<a>", "a\x01b", "a\tb", "a\rb", "a\x7fb", "a:b", "a[b]c",
         "a[]", "$a{b}", "a\\b", "a|b", "a^`b", "a,b", "http://x/y", "a.php", "index.php/x", "data", "key")
INVALID = b"a\xff\xfeb"
SPECIAL = {"`/a`": b"/a", "`//a`": b"//a", "LF inside": b"a\nb", "LF at the end": b"a\n", "empty": b"",
           "invalid UTF-8": INVALID}
FORMS = {"path": "/{}", "query": "?key={}"}

running: list[services.Service] = []
place: dict[str, str] = {}


def setUpModule() -> None:
    """Starts all services at once, and podop in front of them."""
    place["dir"] = tempfile.mkdtemp(prefix="podop-", dir="/tmp")
    unittest.addModuleCleanup(shutil.rmtree, place["dir"])
    for kind in services.chosen():
        harness.need(kind.is_installed(), kind.name)
        holder = harness.reserve()
        unittest.addModuleCleanup(holder.close)
        service = services.Service(kind, os.path.join(place["dir"], str(len(running))), harness.number(holder))
        unittest.addModuleCleanup(service.stop)
        running.append(service)
        service.start()
    tables = []
    for service in running:
        service.wait_ready()
        urls = {form: service.url + rest for form, rest in FORMS.items()}
        urls["wrong"] = service.url.replace("/data", "/wrong") + "?key={}"
        tables += [{"name": f"{service.slug}-{form}", "type": "url", "param": url, "strict": True,
                    "timeout": services_case.TIMEOUT}
                   for form, url in urls.items()]
        tables.append({**tables[-3], "name": f"{service.slug}-hasty", "timeout": "3s"})
    place["socket"] = os.path.join(place["dir"], "s")
    with open(os.path.join(place["dir"], "podop.conf"), "w", encoding="utf-8") as file:
        file.write(conf_file(listen=[{"socket": place["socket"]}], tables=tables))
    podop = Podop("-c", file.name, "-v")
    unittest.addModuleCleanup(podop.stop)
    podop.wait_ready()


class Real(DictCase):
    """Asks all services."""

    def setUp(self):
        super().setUp()
        self.socket = place["socket"]
        self.postfix = self.client()

    def ask(self, service, form, key):
        """Returns podop's answer to a lookup in one of the tables of a service."""
        self.postfix.request(f"{service.slug}-{form}", key)
        return self.postfix.read()


class Keys(Real):
    def test_plain_keys(self):
        """Whatever is in them, they arrive in the path and in the query."""
        for service in running:
            with self.subTest(service.kind.name):
                for form in FORMS:
                    for key in PLAIN:
                        self.assertEqual(self.ask(service, form, key), b"OK got " + key.encode(), (form, key))

    def check_failure_by(self, service, form, key, cause):
        """Checks that a lookup fails for one of the causes: a status, `closed`, or `no answer`."""
        got = self.ask(service, form, key)
        self.check_reason(got, got.decode().partition(" ")[0], f"{service.slug}-{form}")
        causes = [{"closed": "closed the connection", "no answer": "TIMEOUT"}.get(one, f"status {one}")
                  for one in cause.split(" or ")]
        self.assertTrue(any(text in got.decode() for text in causes), (got, causes))

    def check_cell(self, service, form, key, cell):
        """Checks that this becomes of a key."""
        if re.fullmatch(r"\d{3}", cell):
            self.check_failure_by(service, form, key, cell)
        elif cell == "another text":
            self.assertIn(self.ask(service, form, key), (b"OK got a%FF%FEb", "OK got a\ufffd\ufffdb".encode()))
        elif cell == "same":
            self.check_payload(self.ask(service, form, key), b"OK got " + key)
        else:
            self.check_payload(self.ask(service, form, key), "OK got " + re.fullmatch("`(.*)`", cell)[1])

    def test_table(self):
        """Each cell of the table of keys in a path is true."""
        rows = services.table("key in the path")
        self.assertEqual(set(rows), {kind.name for kind in services.KINDS})
        for service in running:
            cells = rows[service.kind.name]
            self.assertEqual(set(cells), {*SPECIAL, "longest URL"})
            for name, key in SPECIAL.items():
                with self.subTest(service.kind.name, key=name):
                    self.check_cell(service, "path", key, cells[name])

    def test_query(self):
        """In a query, all those keys arrive, too, except those that are not valid UTF-8."""
        for service in running:
            with self.subTest(service.kind.name):
                for key in set(SPECIAL.values()) - {INVALID}:
                    self.check_cell(service, "query", key, "same")
                self.assertNotEqual(self.ask(service, "query", INVALID), b"OK got " + INVALID)

    def test_longest(self):
        """A URL of the length in the table arrives. If that is a limit, one that is a tenth longer fails as it says."""
        for service in running:
            limit, _, failure = services.table("key in the path")[service.kind.name]["longest URL"].partition(" kB: ")
            with self.subTest(service.kind.name):
                size = int(limit.split()[0]) * 1000
                for form in FORMS:
                    key = b"x" * (size - 100)
                    self.check_payload(self.ask(service, form, key), b"OK got " + key)
                if failure:
                    form = "hasty" if "no answer" in failure else "path"
                    self.check_failure_by(service, form, b"x" * (size + size // 10), failure)


class Answers(Real):
    def test_lookups(self):
        for service in running:
            with self.subTest(service.kind.name):
                for form in FORMS:
                    self.check_payload(self.ask(service, form, "no such key"), "NOTFOUND ")
                    self.check_reason(self.ask(service, form, "broken"), "TEMP", f"{service.slug}-{form}")

    def test_wrong_path(self):
        """A wrong URL in podop.conf is a failure, and bounces no mail."""
        for service in running:
            with self.subTest(service.kind.name):
                self.check_reason(self.ask(service, "wrong", "a"), "TEMP", f"{service.slug}-wrong")

    def test_writes(self):
        """Each is made once, and as it was meant."""
        for service in running:
            with self.subTest(service.kind.name):
                table = f"{service.slug}-query"
                dovecot = self.dict(name=table)
                key = "priv/quota/a//b"
                self.check_payload(dovecot.change(("set", key, "12345"), ("increment", key, -7)), "O")
                self.check_payload(dovecot.change(("set", "shared//ü", "text é"), ("unset", "shared/no such key")), "O")
                self.check_payload(dovecot.change(("increment", "shared/no such key", 1)), "N")
                self.assertEqual(service.writes(), [
                    "set quota/a//b/bob@example.com 12345", "increment quota/a//b/bob@example.com -7",
                    "set /ü text é", "unset no such key"])


class Page(harness.Case):
    def test_configurations(self):
        """What the page has for podop.conf is good, and podop warns of nothing."""
        blocks = [text for _, text in documents.fenced("docs", "backends.md") if text.startswith("listen = ")]
        self.assertTrue(blocks)
        for text in blocks:
            check_configuration(self, text)


if __name__ == "__main__":
    harness.main()
