"""dns tables: domains that are known by their MX records, with a real NSD and with name servers that misbehave."""

import signal
import socket
import threading

import harness
import nameserver
from dict import DictCase
from harness import Case, conf_file
from nameserver import FakeServer, Nsd, mx, record, soa
from postfix_case import WithPostfix

CONFIG = 78
HOSTS = "mx1.mail.example, MX2.Mail.Example."

ZONE = """
one     MX 10 mx1.mail.example.
two     MX 10 mx.other.example.
        MX 20 mx2.mail.example.
upper   MX 10 MX1.MAIL.Example.
other   MX 10 mx.other.example.
        MX 20 mx1.mail.example.org.
null    MX 0 .
none    TXT "no MX"
alias   CNAME one
hidden  CNAME other
dangling CNAME nowhere
aliasnone CNAME none
xn--mnchen-3ya MX 10 mx2.mail.example.
_under  MX 10 mx1.mail.example.
equal   MX 10 mx.other.example.
        MX 10 mx1.mail.example.
sub\\.mx MX 10 mx1.mail.example.
trick   MX 10 mx1\\.mail.example.
host4   A 192.0.2.1
host6   AAAA 2001:db8::2
host46  A 192.0.2.77
        AAAA 2001:db8::1
far     A 192.0.2.77
        AAAA 2001:db8::77
both    A 192.0.2.1
        MX 10 mx.other.example.
nullhost A 192.0.2.1
        MX 0 .
"""
MAIL_ZONE = """
mx1 A 192.0.2.1
    AAAA 2001:db8::1
mx2 AAAA 2001:db8::2
"""
MANY = "\n".join(f"many MX {n} mx{n:03}.a-rather-long-name-of-a-mail-host.other.example." for n in range(1, 200))


def zones():
    """Returns the zones of NSD for most tests; broken.example fails to load, lame.example does not exist."""
    return {"z.example": ZONE + MANY + "\nmany MX 500 mx1.mail.example.\n", "mail.example": MAIL_ZONE,
            "broken.example": None}


class DnsTable(DictCase):
    def start_dns(self, *servers, name="t", **settings):
        """Starts podop with one dns table."""
        addresses = [server if isinstance(server, str) else server.address for server in servers]
        table = {"name": name, "type": "dns", "param": HOSTS, "servers": addresses, **settings}
        podop = self.serve(table, log={"level": "debug"})
        self.postfix = self.client()
        return podop

    def check(self, key, expected):
        """Checks one lookup; OK stands for OK and the whole key."""
        with self.subTest(key=key):
            self.check_answer(self.postfix.ask("t", key), f"OK {key}" if expected == "OK" else expected)


class WithNsd(DnsTable):
    def test_mx(self):
        self.start_dns(Nsd(self, zones()))
        for name in ("one", "two", "upper", "alias", "equal", "_under", "many"):
            with self.subTest(name=name):
                self.check(f"{name}.z.example", "OK")
        for name in ("other", "null", "none", "hidden", "nowhere", "dangling", "aliasnone", "trick", "host4", "both"):
            with self.subTest(name=name):
                self.check(f"{name}.z.example", "NOTFOUND ")
        self.check("broken.example", "TEMP")
        self.check("x.broken.example", "TEMP")
        self.check("lame.example", "TEMP")

    def test_best(self):
        self.start_dns(Nsd(self, zones()), best=True)
        for name in ("one", "equal"):
            with self.subTest(name=name):
                self.check(f"{name}.z.example", "OK")
        for name in ("two", "many", "other"):
            with self.subTest(name=name):
                self.check(f"{name}.z.example", "NOTFOUND ")

    def test_implicit(self):
        self.start_dns(Nsd(self, zones()), implicit=True)
        for name in ("host4", "host6", "host46", "one"):
            with self.subTest(name=name):
                self.check(f"{name}.z.example", "OK")
        for name in ("far", "both", "nullhost", "null", "none", "nowhere", "dangling", "aliasnone"):
            with self.subTest(name=name):
                self.check(f"{name}.z.example", "NOTFOUND ")
        self.check("broken.example", "TEMP")

    def test_keys(self):
        self.start_dns(Nsd(self, zones()))
        found = {"user@one.z.example": "one.z.example", "One.Z.Example": "one.z.example",
                 "one.z.example.": "one.z.example", '"a@b c"@one.z.example': "one.z.example",
                 "user@ONE.z.example.": "one.z.example", "@one.z.example": "one.z.example",
                 "münchen.z.example": "xn--mnchen-3ya.z.example", "MÜNCHEN.Z.EXAMPLE": "xn--mnchen-3ya.z.example",
                 "jörg@mu\u0308nchen.z.example": "xn--mnchen-3ya.z.example",
                 "xn--mnchen-3ya.z.example": "xn--mnchen-3ya.z.example",
                 "one\u3002z\uff0eexample": "one.z.example"}
        for key, domain in found.items():
            with self.subTest(key=key, domain=domain):
                self.check(key, f"OK {domain}")

    def test_dovecot(self):
        self.start_dns(Nsd(self, zones()))
        client = self.dict()
        for key in ("shared/one.z.example", "priv/one.z.example", "shared/al@one.z.example"):
            with self.subTest(key=key):
                self.check_payload(client.get(key), "Oone.z.example")
        self.check_payload(client.get("shared/other.z.example"), "N")
        self.check_failure(client.get("shared/broken.example"))
        self.check_failure(client.change(("set", "shared/one.z.example", "v")))

    def test_truncated_answers_come_over_tcp(self):
        nsd = Nsd(self, zones())

        def relay(question):
            """Answers as NSD does, over the same protocol."""
            kind = socket.SOCK_STREAM if question.over_tcp else socket.SOCK_DGRAM
            with socket.socket(socket.AF_INET, kind) as sock:
                sock.settimeout(harness.GUARD)
                sock.connect(("127.0.0.1", nsd.port))
                if not question.over_tcp:
                    sock.send(question.data)
                    return sock.recv(65536)
                sock.sendall(len(question.data).to_bytes(2, "big") + question.data)
                stream = sock.makefile("rb")
                return stream.read(int.from_bytes(stream.read(2), "big"))

        server = FakeServer(self, relay)
        self.start_dns(server)
        self.check("many.z.example", "OK")
        self.assertEqual([question.over_tcp for question in server.questions], [False, True])

    def test_server_goes_and_comes_back(self):
        nsd = Nsd(self, zones())
        podop = self.start_dns(nsd)
        self.check("one.z.example", "OK")
        nsd.stop()
        self.check("one.z.example", "TEMP")
        podop.wait_log(f'event=backend_failed table=t backend="?{nsd.address}"? reason=')
        self.check("other.z.example", "TEMP")
        nsd.start()
        self.check("one.z.example", "OK")
        self.check("other.z.example", "NOTFOUND ")

    def test_second_server_is_asked(self):
        with harness.refusing_port() as port:
            self.start_dns(f"127.0.0.1:{port}", Nsd(self, zones()))
            self.check("one.z.example", "OK")
            self.check("other.z.example", "NOTFOUND ")


class SeveralServers(DnsTable):
    def test_one_that_fails_is_passed_over(self):
        """When one server refuses or fails, the next is asked."""
        for rcode in (nameserver.SERVFAIL, nameserver.REFUSED):
            with self.subTest(rcode=rcode):
                first = FakeServer(self, lambda q, rcode=rcode: q.answer(rcode=rcode))
                second = FakeServer(self, lambda q: q.answer(mx(q.name, 10, "mx1.mail.example")))
                podop = self.start_dns(first, second)
                self.check("a.example", "OK")
                self.assertNotEqual(first.questions, [])
                second.answer = first.answer
                self.check("b.example", "TEMP")
                podop.stop()

    def test_silent_one_is_passed_over(self):
        first = FakeServer(self, lambda q: None)
        self.start_dns(first, FakeServer(self, lambda q: q.answer(mx(q.name, 10, "mx1.mail.example"))))
        self.check("a.example", "OK")
        self.assertNotEqual(first.questions, [])


class Misbehaviour(DnsTable):
    """Answers that no real server sends on demand."""

    def start_fake(self, answer, **settings):
        self.server = FakeServer(self, answer)
        return self.start_dns(self.server, **settings)

    def test_no_host_name_is_not_asked_for(self):
        self.start_fake(lambda question: None, timeout="100ms")
        long_name = ".".join(["a" * 63] * 4)
        for key in ("", " ", ".", "a b.example", "user@", "[1.2.3.4]", "user@[192.0.2.1]", "[IPv6:::1]", "192.0.2.1",
                    "a..example", ".example", "a.example..", "a" * 64 + ".example", "ä" * 64 + ".example", long_name,
                    "-a.example", "a-.example", "a/b.example", "a\\.example", "a*.example", "a,b.example",
                    b"a\0.example",
                    b"\xff.example", "a\u200b b.example", "\u2028.example", "user@a＠b.example", "x" * 60_000,
                    "ö" * 20_000):
            with self.subTest(key=key[:40]):
                self.check(key, "NOTFOUND ")
        self.assertEqual(self.server.questions, [])
        self.check("a.example", "TIMEOUT")
        self.assertNotEqual(self.server.questions, [])

    def test_longest_names_are_asked_for(self):
        self.start_fake(lambda q: q.answer(mx(q.name, 10, "mx1.mail.example")))
        for key in ("a" * 63 + ".example", ".".join(["a" * 63] * 3 + ["b" * 61]), "a"):
            with self.subTest(key=key):
                self.check(key, "OK")

    def test_error_codes(self):
        codes = {"formerr": 1, "servfail": 2, "notimp": 4, "refused": 5, "yxdomain": 6, "notauth": 9}
        self.start_fake(lambda q: q.answer(rcode=codes[q.name.split(".")[0]]))
        for name in codes:
            with self.subTest(name=name):
                self.check(f"{name}.example", "TEMP")

    def test_servfail_and_refused_are_named(self):
        codes = {"servfail": 2, "refused": 5}
        self.start_fake(lambda q: q.answer(rcode=codes[q.name.split(".")[0]]))
        for name in codes:
            with self.subTest(name=name):
                self.assertIn(name.upper().encode(), self.postfix.ask("t", f"{name}.example"))

    def test_broken_domains_are_no_outage(self):
        """A server is suspended only if nothing but failures comes for a while."""
        podop = self.start_fake(lambda q: q.answer(rcode=nameserver.SERVFAIL if q.name.startswith("bad") else
                                                   nameserver.NXDOMAIN))
        for _ in range(20):
            self.check("bad.example", "TEMP")
            self.check("good.example", "NOTFOUND ")
        self.assertNotIn("backend_failed", "\n".join(podop.log))
        for _ in range(10):
            self.check("bad.example", "TEMP")
        podop.wait_log("event=backend_failed table=t .*SERVFAIL")

    def test_empty_answers(self):
        answers = {
            "recursed": (lambda q: q.answer(), "NOTFOUND "),
            "soa": (lambda q: q.answer(authority=[soa("example")], flags=0), "NOTFOUND "),
            "authority": (lambda q: q.answer(flags=nameserver.AUTHORITATIVE), "NOTFOUND "),
            "referral": (lambda q: q.answer(authority=[record("example", "A", b"\1\2\3\4")], flags=0), "TEMP"),
            "nothing": (lambda q: q.answer(flags=0), "TEMP"),
            "halfway": (lambda q: q.answer(record(q.name, "CNAME", nameserver.wire_name("far.example")),
                                           flags=nameserver.AUTHORITATIVE), "TEMP"),
            "cut": (lambda q: q.answer(mx(q.name, 10, "mx1.mail.example"))[:-3], "TEMP"),
            "long": (lambda q: q.answer(record(q.name, "MX", b"\0\1" + b"\3mx1\xff\xff")), "TEMP"),
            "circle": (lambda q: q.answer(record(q.name, "CNAME", nameserver.wire_name("Circle.Example")),
                                          record(q.name, "CNAME", nameserver.wire_name("x.example"))), "TEMP"),
            "pair": (lambda q: q.answer(record("b.example", "CNAME", nameserver.wire_name(q.name)),
                                        record(q.name, "CNAME", nameserver.wire_name("b.example"))), "TEMP"),
            "lies": (lambda q: q.answer(record(q.name, "A", b"\1\2\3\4")), "NOTFOUND "),
        }
        self.start_fake(lambda q: answers[q.name.split(".")[0]][0](q))
        for name, (_, expected) in answers.items():
            with self.subTest(name=name, expected=expected):
                self.check(f"{name}.example", expected)

    def test_silence(self):
        podop = self.start_fake(lambda question: None, timeout="300ms")
        for _ in range(3):
            self.check("a.example", "TIMEOUT")
        self.server.answer = lambda q: q.answer(mx(q.name, 10, "mx1.mail.example"))
        self.check("b.example", "OK")
        podop.stop()

    def test_more_questions_than_may_be_under_way(self):
        names = [f"n{number}.example" for number in range(1_500)]
        self.start_fake(lambda q: q.answer(mx(q.name, 10, "mx1.mail.example")))
        clients = [self.client() for _ in range(30)]
        for number, client in enumerate(clients):
            client.send(b"".join(harness.netstring(f"t {name}") for name in names[number::30]))
        for number, client in enumerate(clients):
            for name in names[number::30]:
                self.check_payload(client.read(), f"OK {name}")

    def test_stop_with_questions_under_way(self):
        podop = self.start_fake(lambda question: None, timeout="200ms", implicit=True)
        client = self.client()
        client.request("t", "a.example")
        self.server.wait_questions(1)
        client.close()
        podop.stop()

    def test_reload_with_a_question_under_way(self):
        gate = threading.Event()
        self.addCleanup(gate.set)

        def late(question):
            gate.wait(harness.GUARD)
            return question.answer(mx(question.name, 10, "mx1.mail.example"))

        podop = self.start_fake(late)
        self.postfix.request("t", "a.example")
        self.server.wait_questions(1)
        other = FakeServer(self, lambda q: q.answer(rcode=nameserver.NXDOMAIN))
        self.write("podop.conf", conf_file(listen=[{"socket": self.socket}], log={"level": "debug"}, tables=[
            {"name": "t", "type": "dns", "param": HOSTS, "servers": [other.address]}]))
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload ")
        self.check_payload(self.client().ask("t", "a.example"), "NOTFOUND ")
        gate.set()
        self.check_payload(self.postfix.read(), "OK a.example")

    def test_clients_that_leave(self):
        self.start_fake(lambda question: None)
        for _ in range(5):
            client = self.client()
            client.request("t", "a.example")
            client.close()
        self.server.answer = lambda q: q.answer(mx(q.name, 10, "mx1.mail.example"))
        self.check("b.example", "OK")

    def test_implicit_with_failures(self):
        """A failure matters only if the other answers do not decide."""
        def answer(question):
            host, kind = question.name.split(".")[0], question.kind
            addresses = {"A": b"\xc0\0\2\1", "AAAA": b"\x20\1" + b"\0" * 14}
            if kind == "MX":
                return question.answer()
            if kind not in addresses or host == f"no{kind.lower()}" or host == "fail":
                return question.answer(rcode=nameserver.SERVFAIL)
            if host == "empty" or (host == "onlya" and kind == "AAAA") or (host == "mx1" and kind == "AAAA"):
                return question.answer()
            if host == "mx2":
                return question.answer(rcode=nameserver.SERVFAIL)
            data = b"\xc0\0\2\7" if host == "far" and kind == "A" else addresses[kind]
            return question.answer(record(question.name, kind, data))

        self.start_fake(answer, implicit=True)
        self.check("onlya.example", "OK")
        self.check("noaaaa.example", "OK")
        self.check("empty.example", "NOTFOUND ")
        self.check("fail.example", "TEMP")
        self.check("noa.example", "TEMP")
        self.check("far.example", "TEMP")


class Cache(DnsTable):
    """The records' time to live limits the cache's; the server's count of questions shows what was cached."""

    def start_cached(self, answer, **cache):
        self.server = FakeServer(self, answer)
        self.start_dns(self.server, cache={"ttl": "1h", "negative_ttl": "1h", **cache}, implicit=True)

    def check_asked(self, key, expected, *counts, kind="MX"):
        """After each of several lookups, checks the number of questions to the server."""
        for count in counts:
            with self.subTest(count=count):
                self.check(key, expected)
                self.assertEqual(self.server.count(key, kind), count, key)

    def test_long_times_are_kept(self):
        self.start_cached(lambda q: q.answer(mx(q.name, 10, "mx1.mail.example", ttl=3600)))
        self.check_asked("a.example", "OK", 1, 1, 1)

    def test_times_of_zero_are_not(self):
        self.start_cached(lambda q: q.answer(mx(q.name, 10, "mx1.mail.example", ttl=0)))
        self.check_asked("a.example", "OK", 1, 2, 3)

    def test_the_shortest_time_counts(self):
        self.start_cached(lambda q: q.answer(mx(q.name, 10, "mx1.mail.example", ttl=3600),
                                             mx(q.name, 20, "mx3.mail.example", ttl=0)))
        self.check_asked("a.example", "OK", 1, 2)

    def test_a_second_passes(self):
        self.start_cached(lambda q: q.answer(mx(q.name, 10, "mx1.mail.example", ttl=1)))
        self.check("a.example", "OK")
        harness.wait_until(lambda: self.postfix.ask("t", "a.example") and self.server.count("a.example") > 1,
                           "asked again")

    def test_misses(self):
        answers = {
            "kept": lambda q: q.answer(rcode=3, authority=[soa("example", ttl=600, minimum=900)]),
            "ttl": lambda q: q.answer(rcode=3, authority=[soa("example", ttl=0, minimum=900)]),
            "minimum": lambda q: q.answer(rcode=3, authority=[soa("example", ttl=600, minimum=0)]),
            "plain": lambda q: q.answer(rcode=3),
            "others": lambda q: q.answer(mx(q.name, 10, "mx.other.example", ttl=0)),
        }
        self.start_cached(lambda q: answers[q.name.split(".")[0]](q))
        self.check_asked("kept.example", "NOTFOUND ", 1, 1)
        self.check_asked("plain.example", "NOTFOUND ", 1, 1)
        for name in ("ttl", "minimum", "others"):
            with self.subTest(name=name):
                self.check_asked(f"{name}.example", "NOTFOUND ", 1, 2)

    def test_addresses_count_as_well(self):
        def answer(question):
            if question.kind != "A":
                return question.answer(authority=[soa("example")])
            ttl = 0 if question.name in ("short.example", "mx2.mail.example") else 3600
            return question.answer(record(question.name, "A", b"\xc0\0\2\1", ttl))

        self.start_cached(answer)
        self.check_asked("short.example", "OK", 1, 2)

    def test_failures_are_not_kept(self):
        self.start_cached(lambda q: q.answer(rcode=nameserver.REFUSED))
        self.check("a.example", "TEMP")
        self.server.answer = lambda q: q.answer(mx(q.name, 10, "mx1.mail.example"))
        self.check("a.example", "OK")

    def test_stale_while_the_server_fails(self):
        self.start_cached(lambda q: q.answer(mx(q.name, 10, "mx1.mail.example", ttl=1)), stale="1h")
        self.check("a.example", "OK")
        asked = self.server.count("a.example")
        self.server.answer = lambda q: q.answer(rcode=nameserver.REFUSED)
        harness.wait_until(lambda: self.postfix.ask("t", "a.example") and self.server.count("a.example") > asked,
                           "asked again")
        self.check("a.example", "OK")


class Configuration(Case):
    """Faults are reported with their line, and -t finds them."""

    def check_fault(self, words, **settings):
        table = {"name": "t", "type": "dns", "param": HOSTS, **settings}
        text = conf_file(listen=[{"socket": self.socket}], tables=[table])
        done = harness.run("PODOP", "-t", "-c", self.write("podop.conf", text))
        self.assertEqual(done.returncode, CONFIG, done.stderr)
        self.assertRegex(done.stderr, r"podop\.conf:2: .*" + words)

    def test_param(self):
        for param in (",", "a.example,", "a.example,,b.example", "a b.example", "[192.0.2.1]", "192.0.2.1",
                      "ü..example"):
            with self.subTest(param):
                self.check_fault("invalid host name", param=param)
        self.check_fault("more than 100", param=",".join(["a.example"] * 101))

    def test_servers(self):
        for server in ("ns.example", "127.0.0.1:0", "127.0.0.1:x", "127.0.0.1:65536", "[::1]", "[::1]:",
                       "[127.0.0.1]:53",
                       "1.2.3", "::1%", "127.0.0.1%lo", "127.0.0.1 "):
            with self.subTest(server):
                self.check_fault("'servers'.*must be ADDRESS", servers=["127.0.0.1", server])

    def test_good(self):
        for settings in ({"servers": ["127.0.0.1", "::1", "[::1]:5353", "127.0.0.1:5353"]}, {"servers": []}, {},
                         {"param": "münchen.example"}, {"best": True, "implicit": False}):
            with self.subTest(settings=settings):
                table = {"name": "t", "type": "dns", "param": HOSTS, **settings}
                text = conf_file(listen=[{"socket": self.socket}], tables=[table])
                done = harness.run("PODOP", "-t", "-c", self.write("podop.conf", text))
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_other_types_have_no_such_settings(self):
        self.check_fault('for type "dns" only', type="json", param=self.write("t.json", "{}"), best=True)
        self.check_fault('for type "url" only', retries=1)

    def test_version(self):
        self.assertRegex(harness.run("PODOP", "-V").stdout, r"; c-ares/1\.\d")


class Smtpd(WithPostfix):
    """A mail server that takes the domains whose MX records lead to it."""

    def test_recipients(self):
        self.addCleanup(self.postfix.stop)
        self.postfix.start()
        nsd = Nsd(self, zones())
        mailboxes = self.write("mailbox.json", '{"bob@one.z.example": "bob/", "bob@host4.z.example": "bob/"}')
        none = self.write("alias.json", "{}")
        self.serve_postfix({"name": "alias", "type": "json", "param": none},
                           {"name": "mailbox", "type": "json", "param": mailboxes},
                           {"name": "domain", "type": "dns", "param": HOSTS, "servers": [nsd.address]})
        session = self.session()
        for address, code, text in (("bob@one.z.example", 250, ""), ("Bob@One.Z.Example", 250, ""),
                                    ("al@one.z.example", 550, "5.1.1"), ("bob@other.z.example", 554, "5.7.1"),
                                    ("bob@null.z.example", 554, "5.7.1"), ("bob@nowhere.z.example", 554, "5.7.1"),
                                    ("bob@host4.z.example", 554, "5.7.1"), ("bob@broken.example", 451, "4.3.0")):
            with self.subTest(address):
                self.check_recipient(session, address, code, text)
        nsd.stop()
        session = self.session()
        self.check_recipient(session, "bob@two.z.example", 451, "4.3.0")


if __name__ == "__main__":
    harness.main()
