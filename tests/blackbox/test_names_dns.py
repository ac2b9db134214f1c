"""Backends by names in DNS: records that change, and name servers that do not answer."""

import signal

import harness
import nameserver
from harness import echo, url_table
from names_case import ADDRESSES, FORMERR, NOTIMP, PATIENT, NamesCase, addresses
from nameserver import FakeServer, record


class Dns(NamesCase):
    """Names in DNS. `zone` holds the answers of the name server, `asked` counts its questions."""

    def setUp(self):
        super().setUp()
        self.zone = {}
        self.server = FakeServer(self, self.answer)
        self.use(self.server)

    def use(self, *servers, options=""):
        """Sets the name servers that podop finds."""
        self.write("resolv.conf", "".join(f"nameserver {server.address}\n" for server in servers) + options)

    def answer(self, question):
        """Answers from the zone: a list of addresses, a code, or a function."""
        found = self.zone.get((question.name, question.kind), self.zone.get(question.name, nameserver.NXDOMAIN))
        if callable(found):
            return found(question)
        if isinstance(found, int):
            return question.answer(rcode=found)
        family = "AAAA" if question.kind == "AAAA" else "A"
        fitting = [text for text in found if (":" in text) == (family == "AAAA")]
        return question.answer(*addresses(question.name, family, *fitting))

    def asked(self, name, kind="A"):
        """Returns the number of questions to the name server."""
        return self.server.count(name, kind)

    def test_dead_first_server(self):
        """It is silent; the next one answers within connect_timeout."""
        self.zone["service.test"] = [ADDRESSES[0]]
        silent = FakeServer(self, lambda question: None)
        self.use(silent, self.server)
        client = self.start(table=PATIENT)
        self.check_payload(client.ask("t", "k"), "OK k")
        self.assertNotEqual(silent.questions, [])

    def test_useless_first_server(self):
        """The first server answers, but with nothing that helps."""
        self.zone["service.test"] = [ADDRESSES[0]]
        useless = {
            "formerr": lambda q: q.answer(rcode=FORMERR),
            "servfail": lambda q: q.answer(rcode=nameserver.SERVFAIL),
            "notimp": lambda q: q.answer(rcode=NOTIMP),
            "refused": lambda q: q.answer(rcode=nameserver.REFUSED),
            "referral": lambda q: q.answer(authority=[record("test", "A", b"\1\2\3\4")], flags=0),
            "nothing": lambda q: q.answer(flags=0),
            "garbage": lambda q: b"\xff" * 40,
            "head": lambda q: q.answer()[:12],
            "cut": lambda q: q.answer(*addresses(q.name, "A", "127.0.0.99"))[:-3],
            "other": lambda q: q.answer().replace(b"service", b"nothing"),
        }
        for name, answer in useless.items():
            with self.subTest(name):
                first = FakeServer(self, answer)
                self.use(first, self.server)
                client = self.start(table=PATIENT)
                self.check_payload(client.ask("t", "k"), "OK k")
                self.assertNotEqual(first.questions, [])
                self.daemon.stop()

    def test_outage(self):
        """Connections go on and new ones are made; the log says once that it began and once that it is over."""
        self.zone["service.test"] = [ADDRESSES[0]]
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.zone["service.test"] = nameserver.SERVFAIL
        line = self.daemon.wait_log("event=name_failed name=service.test")
        self.assertRegex(line, "level=warning .*SERVFAIL")
        self.check_payload(client.ask("t", "l"), "OK l")
        self.assertEqual(self.backends[0].connections, 1)
        self.backends[0].drop()
        self.check_payload(client.ask("t", "m"), "OK m")
        failed = self.asked("service.test")
        harness.wait_until(lambda: self.asked("service.test") > failed, "asked again")
        self.zone["service.test"] = [ADDRESSES[0]]
        self.daemon.wait_log("level=warning event=name_recovered name=service.test seconds=")
        self.check_payload(client.ask("t", "n"), "OK n")
        self.assertEqual((self.backends[0].connections, self.count_log("name_failed")), (2, 1))
        self.assertEqual(self.count_log("backend_failed"), 0)

    def test_server_that_goes_away(self):
        """No server listens at its port any more."""
        self.zone["service.test"] = [ADDRESSES[0]]
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.server.stop()
        self.daemon.wait_log("event=name_failed name=service.test .*cannot be reached")
        for number in range(3):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
            self.backends[0].drop()

    def test_name_that_is_no_more(self):
        """This may be a mistake, so podop does not follow it within seconds."""
        self.zone["service.test"] = [ADDRESSES[0]]
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        del self.zone["service.test"]
        self.daemon.wait_log("event=name_failed name=service.test .*no such name")
        self.backends[0].drop()
        self.check_payload(client.ask("t", "l"), "OK l")

    def test_name_that_moves(self):
        """The old address still works, yet its connections end, between two requests."""
        self.zone["service.test"] = [ADDRESSES[0]]
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.zone["service.test"] = [ADDRESSES[1]]
        self.ask_until_it_is_followed(client)
        self.assertEqual(self.backends[0].connections, 1)
        harness.wait_until(lambda: self.backends[0].open_connections() == 0, "the old connection is closed")

    def test_name_that_gains_an_address(self):
        """This does not end a connection."""
        self.zone["service.test"] = [ADDRESSES[0]]
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.zone["service.test"] = list(ADDRESSES)
        known = self.asked("service.test")
        harness.wait_until(lambda: self.asked("service.test") > known + 1, "asked twice again")
        for number in range(5):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
        self.assertEqual((self.backends[0].connections, self.backends[1].connections), (1, 0))

    def test_old_address_that_refuses(self):
        """Then no lookup waits for the end of the time to live."""
        self.zone["service.test"] = lambda q: q.answer(*(addresses(q.name, "A", ADDRESSES[0], ttl=3600)
                                                         if q.kind == "A" else ()))
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.backends[0].stop()
        self.zone["service.test"] = [ADDRESSES[1]]
        self.ask_until_refollowed(client)

    def ask_until_refollowed(self, client):
        """Asks until the new address answers; lookups may fail until then."""
        harness.wait_until(lambda: client.ask("t", "k") == b"OK k", "the new address is asked")
        self.assertNotEqual(self.backends[1].requests, [])

    def test_time_to_live(self):
        """No question is sent before it is over, however many connections are made."""
        self.zone["service.test"] = lambda q: q.answer(*(addresses(q.name, "A", ADDRESSES[0], ttl=3600)
                                                         if q.kind == "A" else ()))
        client = self.start()
        for number in range(30):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
            self.backends[0].drop()
        self.assertEqual((self.asked("service.test"), self.asked("service.test", "AAAA")), (1, 1))

    def test_one_question_for_all_waiting_lookups(self):
        """The name server is slow and many lookups need it; lookups that do not need it do not wait."""
        gate = self.backends[0].gate()

        def late(question):
            gate.wait(harness.GUARD)
            return question.answer(*(addresses(question.name, "A", ADDRESSES[0]) if question.kind == "A" else ()))

        self.zone["service.test"] = late
        client = self.start(url_table(self.backends[1], "u"), table={"connect_timeout": "1h"})
        waiting = [self.client() for _ in range(20)]
        for number, one in enumerate(waiting):
            one.request("t", f"k{number}")
        self.check_payload(client.ask("u", "k"), "OK k")
        gate.set()
        for number, one in enumerate(waiting):
            self.check_payload(one.read(), f"OK k{number}")
        self.assertEqual(self.asked("service.test"), 1)

    def test_families(self):
        """One family gets no answer, an error, or an address at which no server listens."""
        self.zone[("service.test", "A")] = [ADDRESSES[0]]
        for answer in (lambda q: None, nameserver.SERVFAIL, nameserver.REFUSED, [], ["::1"], ["2001:db8::1", "::1"]):
            with self.subTest(answer=answer):
                self.zone[("service.test", "AAAA")] = answer
                client = self.start(table=PATIENT)
                self.check_payload(client.ask("t", "k"), "OK k")
                self.daemon.stop()

    def test_only_ipv6(self):
        six = self.backend(host="::1", default=echo)
        self.port = six.port
        self.zone["service.test"] = ["::1"]
        client = self.start(table=PATIENT)
        self.check_payload(client.ask("t", "k"), "OK k")

    def test_search_domains(self):
        self.zone["service.b.test"] = [ADDRESSES[0]]
        self.use(self.server, options="search a.test b.test\n")
        client = self.start(host="service")
        self.check_payload(client.ask("t", "k"), "OK k")
        self.assertEqual([self.asked(name) for name in ("service.a.test", "service.b.test", "service")], [1, 1, 0])

    def test_search_domains_and_dots(self):
        """A name with a dot is first tried as it is; with a dot at its end, only so."""
        self.zone["service.x.a.test"] = [ADDRESSES[0]]
        self.use(self.server, options="search a.test\n")
        client = self.start({"name": "whole", "type": "url", "param": f"http://service.x.:{self.port}/§"},
                            host="service.x")
        self.check_payload(client.ask("t", "k"), "OK k")
        self.check_reason(client.ask("whole", "k"), "TEMP", "whole")
        self.assertEqual(self.asked("service.x.a.test"), 1)

    def test_search_domain_that_fails(self):
        """A name in a later search domain is used if there is none before it, but does not replace a known one."""
        self.use(self.server, options="search a.test b.test\n")
        self.zone["service.a.test"] = nameserver.SERVFAIL
        self.zone["service.b.test"] = [ADDRESSES[1]]
        client = self.start(host="service")
        self.check_payload(client.ask("t", "k"), "OK k")
        self.assertEqual(len(self.backends[1].requests), 1)
        self.zone["service.a.test"] = [ADDRESSES[0]]
        harness.wait_until(lambda: client.ask("t", "k") and self.backends[0].requests, "the nearer one is asked")
        self.zone["service.a.test"] = nameserver.SERVFAIL
        self.daemon.wait_log("event=name_failed name=service ")
        self.backends[1].forget()
        self.backends[0].drop()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.assertEqual(self.backends[1].requests, [])

    def test_other_name_server(self):
        """The file names another one: no reload is needed."""
        self.zone["service.test"] = nameserver.SERVFAIL
        client = self.start()
        self.check_reason(client.ask("t", "k"), "TEMP")
        self.use(FakeServer(self, lambda q: q.answer(*(addresses(q.name, "A", ADDRESSES[0]) if q.kind == "A" else ()))))
        self.ask_until_there(client)

    def ask_until_there(self, client):
        """Asks until the backend answers, as the table may be suspended for a moment."""
        harness.wait_until(lambda: client.ask("t", "k") == b"OK k", "an answer")

    def test_reload(self):
        """A reload asks for the name again."""
        self.zone["service.test"] = lambda q: q.answer(*(addresses(q.name, "A", ADDRESSES[0], ttl=3600)
                                                         if q.kind == "A" else ()))
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.zone["service.test"] = [ADDRESSES[1]]
        self.daemon.signal(signal.SIGHUP)
        self.ask_until_it_is_followed(client)


if __name__ == "__main__":
    harness.main()
