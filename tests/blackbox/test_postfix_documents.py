"""What the documents say of a real Postfix: the example service with capitals, extensions, catch-alls and domains in
UTF-8, and what a mail costs in lookups and requests."""

import json
import os
import re
import subprocess
import sys

import documents
import harness
from harness import http
from postfix_case import WithPostfix

PAGE = ("docs", "postfix-keys.md")
SERVICE = os.path.join(documents.SOURCE, "examples", "microservice")
MAIL = "Subject: test\r\n\r\nHello\r\n"


def read(*path):
    """Returns a file of the source tree."""
    with open(os.path.join(documents.SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def rows(text, heading):
    """Returns the cells of each row of the Markdown table that begins with this heading."""
    lines = text[text.index(heading):].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[2:]]


def code(cell):
    """Returns the texts in a cell's backticks."""
    return re.findall(r"`([^`]*)`", cell)


class Service(WithPostfix):
    """The example service and podop in front of it, as a document configures it."""

    def start_service(self):
        """Starts the service and returns its address."""
        with open(self.path("requests"), "wb") as log:
            service = subprocess.Popen([sys.executable, os.path.join(SERVICE, "microservice.py"), "--listen", "0"],
                                       stdout=subprocess.PIPE, stderr=log, text=True)
        self.addCleanup(service.stdout.close)
        self.addCleanup(service.wait)
        self.addCleanup(service.terminate)
        return re.search(r"127\.0\.0\.1:\d+", service.stdout.readline())[0]

    def start(self, text, service=None):
        """Starts both; `text` is podop's configuration, whose socket and ports are replaced by the test's own."""
        text = text.replace("127.0.0.1:9101", service or self.start_service())
        text = text.replace("127.0.0.1:9100", f"127.0.0.1:{self.reserve_port()}")
        text = text.replace("/run/podop/podop.sock", self.socket).replace('user = "podop";', "")
        text = text.replace("/run/podop/control.sock", self.path("control")).replace('group = "vmail";', "")
        return self.podop("-c", self.write("podop.conf", text), "--socket", self.path("s2"), verbose=("-vv",))

    def postmap(self, table, key, socket):
        return self.postfix.run("postmap", "-q", key, f"socketmap:unix:{socket}:{table}")

    def requests(self):
        """Returns the keys that the service was asked for in the table of aliases."""
        with open(self.path("requests"), encoding="utf-8") as file:
            return re.findall(r'"GET /alias/(\S+) ', file.read())


class Microservice(Service):
    """examples/microservice: each row of the table in its README is what happens."""

    def test_keys(self):
        self.start(read("examples", "microservice", "podop.conf"))
        table = rows(read("examples", "microservice", "README.md"), "| Postfix asks `alias` for |")
        self.assertGreater(len(table), 4)
        for asked, forms, answer in table:
            with self.subTest(asked):
                before = len(self.requests())
                done = self.postmap("alias", code(asked)[0], self.path("s2"))
                self.assertEqual(done.stdout.splitlines(), code(answer), done.stderr)
                self.assertEqual(done.stderr, "")
                keys = [harness.percent(form, b"/") for form in code(forms)]
                self.assertEqual(self.requests()[before:], keys)


class Readme(Service):
    """The configuration of README.md serves what it says."""

    def test_aliases(self):
        self.start(documents.block("README.md", begin="listen = "))
        for key, value in ((r"Team@Example.COM", "alice@example.com,bob@example.com"),
                           ("any@example.org", "alice@example.com"), ("info@bücher.example", "bob@example.com"),
                           ("nobody@example.com", ""),
                           *re.findall(r"\$ postmap -q (\S+) socketmap:\S+:alias\n +(\S+)", read("README.md"))):
            with self.subTest(key):
                self.assertEqual(self.postmap("alias", key, self.socket).stdout.strip(), value)

    def test_proxy(self):
        """A 404 that is not in JSON is a failure."""
        page = "404 page not found"
        self.http.default = lambda request: (f"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n"
                                             f"Content-Length: {len(page)}\r\n\r\n{page}".encode())
        self.start(documents.block("README.md", begin="listen = "), self.http.url.removeprefix("http://"))
        done = self.postmap("alias", "team@example.com", self.socket)
        self.assertEqual(done.stdout, "")
        self.assertIn("socketmap server temporary error: table alias: ", done.stderr)


class MailSystem(Service):
    """The configuration of docs/mail-system.md, from SMTP to the recipients of a mail."""

    def setUp(self):
        super().setUp()
        self.start(read("examples", "mail-system", "podop.conf"))
        self.addCleanup(self.postfix.stop)
        self.postfix.start()

    def recipients(self, address):
        """Sends a mail and returns who gets it."""
        session = self.session()
        session.docmd("MAIL", "FROM:<sender@elsewhere.example>" + ("" if address.isascii() else " SMTPUTF8"))
        session.command_encoding = "utf-8"
        code_, text = session.docmd("RCPT", f"TO:<{address}>")
        if code_ != 250:
            return code_
        queued = re.search(rb"queued as (\w+)", session.data(MAIL)[1])[1].decode()
        harness.wait_until(lambda: f"{queued}: removed" in self.postfix.log(), "the mail is delivered")
        self.assertNotRegex(self.postfix.log(), rf"{queued}: .*status=(?!sent)")
        return sorted(re.findall(rf"{queued}: to=<([^>]*)>", self.postfix.log()))

    def test_recipients(self):
        both = ["alice@example.com", "bob@example.com"]
        for address, wanted in (("team@example.com", both), ("Team@Example.COM", both),
                                ("Team+Box@example.com", ["alice+Box@example.com", "bob+Box@example.com"]),
                                ("bob+x@example.com", ["bob+x@example.com"]),
                                ("Alice+x@Example.com", ["Alice+x@Example.com"]),
                                ("any@example.org", ["alice@example.com"]),
                                ("Any+x@EXAMPLE.org", ["alice@example.com"]),
                                ("info@bücher.example", ["bob@example.com"]),
                                ("INFO@BÜCHER.example", ["bob@example.com"]),
                                ("info@xn--bcher-kva.example", ["bob@example.com"]),
                                ("nobody@example.com", 550), ("nobody@bücher.example", 550),
                                ("bob@elsewhere.example", 554)):
            with self.subTest(address):
                self.assertEqual(self.recipients(address), wanted)


class Forms(harness.Case):
    """docs/postfix-keys.md, "The key": the forms of each preset."""

    def test_presets(self):
        backend = self.backend()
        table = rows(read(*PAGE), "| `search` | the forms, in their order |")
        presets = {json.loads(name): code(forms) for names, forms in table for name in code(names)}
        self.serve(*(harness.url_table(backend, name, f"/{name}?§", key={"search": name, "extension": "+"})
                     for name in presets))
        for name, forms in presets.items():
            with self.subTest(name):
                backend.forget()
                self.check_payload(self.client().ask(name, "bob+x@a.example.com"), "NOTFOUND ")
                self.assertEqual([request.target.decode().partition("?")[2] for request in backend.requests],
                                 [harness.percent(form) for form in forms])


class Settings(WithPostfix):
    """docs/postfix-keys.md: each section is about settings that Postfix has."""

    def test_names(self):
        headings = "".join(re.findall(r"(?m)^### .*\n", read(*PAGE)))
        names = set(re.findall(r"\b(\w+_(?:maps|domains)|mydestination)\b", headings))
        self.assertGreater(len(names), 20)
        known = self.postfix.run("postconf", "-d").stdout
        self.assertEqual({name for name in names if f"\n{name} =" not in known}, set())


class Cost(WithPostfix):
    """docs/postfix-keys.md, "What a mail costs": counted with a Postfix whose processes are freshly started."""

    ENTRIES = {"/domain/example.com": '"example.com"', "/mailbox/bob%40example.com": '"bob/"',
               "/mailbox/bob%40local.example": "true",
               "/alias/team%40example.com": '["bob@example.com", "al@example.com"]',
               "/relay/example.net": "true", "/recipient/bob%40example.net": "true"}
    SEARCH = {"alias": "virtual", "mailbox": ["key", "user@domain"], "relay": "domain", "transport": "transport",
              "recipient": ["key", "user@domain"]}
    LOCAL = {"virtual_mailbox_domains": "", "virtual_mailbox_maps": "", "mydestination": "local.example",
             "local_recipient_maps": "${podop}mailbox", "local_transport": "discard:"}
    RELAY = {"virtual_alias_maps": "", "mydestination": "", "local_recipient_maps": "",
             "relay_domains": "${podop}relay", "relay_recipient_maps": "${podop}recipient"}
    MAILS = {  # the row's name, the recipient, and changes of main.cf, which stay
        "to a mailbox without an alias": ("bob@example.com", {}),
        "to an alias of two mailboxes": ("team@example.com", {}),
        "to an unknown recipient": ("nobody@example.com", {}),
        "to a domain that is not ours": ("bob@elsewhere.example", {}),
        "to a domain in mydestination": ("bob@local.example", LOCAL),
        "to a relayed recipient": ("bob@example.net", RELAY),
        "the same with a table of routes": ("bob@example.net", {"transport_maps": "${podop}transport"}),
    }
    COLUMNS = (("domain", "alias", "mailbox"), ("relay", "recipient", "transport"))

    def setUp(self):
        super().setUp()
        self.http.default = lambda request: http(self.ENTRIES.get(request.target.decode(), ""),
                                                 200 if request.target.decode() in self.ENTRIES else 404)

    def start(self, has_search=False, has_cache=False):
        """Starts podop without a memory of what was asked before."""
        tables = [harness.url_table(self.http, name, f"/{name}/§", strict=True,
                                    **({"key": {"fold": True, **({"search": self.SEARCH[name]} if name in self.SEARCH
                                                                 else {})}} if has_search else {}),
                                    **({"cache": {"ttl": "1h", "negative_ttl": "1h"}} if has_cache else {}))
                  for names in self.COLUMNS for name in names]
        return self.serve_postfix(*tables, args=("-v",))

    def lookups(self, recipient, settings):
        """Sends a mail through a new Postfix, and returns what it looked up."""
        podop = self.start()
        before = self.postfix.log().count(": removed")
        self.postfix.run("postconf", "-e", *(f"{name}={value}" for name, value in settings.items()))
        self.postfix.start()
        session = self.session()
        session.docmd("MAIL", "FROM:<sender@sender.example>")
        if session.docmd("RCPT", f"TO:<{recipient}>")[0] == 250:
            session.data(MAIL)
            harness.wait_until(lambda: self.postfix.log().count(": removed") > before, "the mail is delivered")
        self.postfix.stop()
        podop.stop()
        return re.findall(r" event=lookup .*? table=(\S+) key=(\S+)", podop.stderr)

    def requests(self, lookups, **settings):
        """Makes the lookups, and returns how many requests the service got."""
        podop = self.start(**settings)
        self.http.forget()
        client = self.client()
        for table, key in lookups:
            client.ask(table, key)
        client.close()
        podop.stop()
        return len(self.http.requests)

    def test_table(self):
        tables = [rows(read(*PAGE), f"| mail | lookups | domain | {name} |") for name in ("alias", "recipient")]
        self.assertEqual([row[0] for table in tables for row in table], list(self.MAILS))
        for columns, table in zip(self.COLUMNS, tables):
            for name, *numbers in table:
                with self.subTest(name):
                    recipient, settings = self.MAILS[name]
                    found = self.lookups(recipient, settings)
                    asked = [table for table, _ in found]
                    counted = [len(found), *(asked.count(column) for column in columns),
                               self.requests(found, has_search=True), self.requests(found, has_cache=True),
                               self.requests(found, has_search=True, has_cache=True)]
                    self.assertEqual(numbers, [str(number) for number in counted])


if __name__ == "__main__":
    harness.main()
