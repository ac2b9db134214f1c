"""Backends by name: changes of their addresses, name servers that do not answer, addresses that do not. As root only:
in a mount namespace podop has an /etc/hosts and an /etc/resolv.conf of the test's."""

import ctypes
import os
import shutil
import signal
import socket
import struct
import subprocess

import harness
import nameserver
from certificates import Authority
from harness import Case, conf_file, echo, url_table
from nameserver import FakeServer, record

ADDRESSES = "127.0.0.2", "127.0.0.3"
DEAF = "127.0.0.77"  # a name server that never answers
FORMERR, NOTIMP = 1, 4
SO_ATTACH_FILTER = 26
PATIENT = {"retries": 0, "connect_timeout": "10s", "timeout": "15s"}
REPLACED = 'mount --bind "$0/hosts" /etc/hosts && mount --bind "$0/resolv.conf" /etc/resolv.conf && exec "$@"'


def go_silent(sock):
    """A TCP socket drops whatever comes in: a listening one swallows SYNs, the other end of a connected one gets no
    acknowledgement any more, and both without a word."""
    drop = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # BPF_RET: 0 bytes are kept
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(drop)))


def addresses(name, kind, *texts, ttl=1):
    """A or AAAA records."""
    family = socket.AF_INET6 if kind == "AAAA" else socket.AF_INET
    return [record(name, kind, socket.inet_pton(family, text), ttl) for text in texts]


class NamesCase(Case):
    def setUp(self):
        super().setUp()
        harness.need(os.geteuid() == 0, "root, for a mount namespace")
        harness.need(shutil.which("unshare") and
                     subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0,
                     "mount namespaces")
        self.port = self.reserve_port()
        self.backends = [self.backend(host=address, port=self.port, default=echo) for address in ADDRESSES]
        self.write("hosts", "")
        self.write("resolv.conf", f"nameserver {DEAF}\noptions timeout:30 attempts:5\n")

    def name(self, *addresses):
        """The backend's name stands for these addresses from now on."""
        self.write("hosts", "127.0.0.1 localhost\n" + "".join(f"{address} service.test\n" for address in addresses))

    def start(self, *tables, host="service.test", table=(), **settings):
        """A table `t` that asks the backend by its name, and others; returns a client."""
        first = {"name": "t", "type": "url", "param": f"http://{host}:{self.port}/§", **dict(table)}
        text = conf_file(listen=[{"socket": self.socket}], tables=[first, *tables], **settings)
        self.daemon = podop = harness.Podop("-c", self.write("podop.conf", text), "-v",
                              through=["unshare", "-m", "sh", "-c", REPLACED, self.dir])
        self.addCleanup(podop.stop)
        podop.wait_ready()
        return self.client()

    def count_log(self, event):
        """How many lines of that event podop has written."""
        return sum(f"event={event} " in line for line in self.daemon.log)

    def listen_silently(self, address):
        """An address that swallows SYNs, at the port of the backends."""
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, self.port))
        listener.listen()
        go_silent(listener)

    def ask_until_it_is_followed(self, client, guard=harness.GUARD):
        """Each answer is the right one, whoever gives it."""
        self.backends[1].forget()

        def is_asked():
            self.check_payload(client.ask("t", "k"), "OK k")
            return self.backends[1].requests

        harness.wait_until(is_asked, "the new address is asked", guard)


class Names(NamesCase):
    """In the hosts file."""

    def test_backend_that_moves(self):
        """The old one is gone: nobody notices."""
        self.name(ADDRESSES[0])
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.name(ADDRESSES[1])
        self.backends[0].stop()
        self.ask_until_it_is_followed(client)
        self.assertEqual(len(self.backends[0].requests), 1)

    def test_backend_that_moves_and_leaves_the_old_one_running(self):
        """Even where a kept connection is in use all the time."""
        self.name(ADDRESSES[0])
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.name(ADDRESSES[1])
        self.ask_until_it_is_followed(client)
        self.backends[0].forget()
        for number in range(100):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
        self.assertEqual(self.backends[0].requests, [])

    def test_several_addresses(self):
        """One that refuses connections is no failure while another works."""
        self.name(*ADDRESSES)
        client = self.start()
        for turn in range(2):
            for number in range(10):
                self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
            if turn == 0:
                self.backends[0].stop()

    def test_name_that_appears(self):
        """podop starts before it; what was not found is not remembered."""
        self.write("resolv.conf", "nameserver 127.0.0.78\noptions timeout:1 attempts:1\n")  # nobody listens there
        client = self.start()
        for _ in range(2):
            self.check_reason(client.ask("t", "k"), "TEMP")
        self.name(ADDRESSES[1])
        self.check_payload(client.ask("t", "k"), "OK k")

    def test_name_server_that_hangs(self):
        """Whoever needs it waits; nobody else does, and podop ends when it is told to."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            try:
                deaf.bind((DEAF, 53))
            except OSError as fault:
                harness.need(False, f"port 53 of {DEAF}: {fault}")
            self.name(ADDRESSES[0])
            hanging = {"type": "url", "param": "http://hanging.test/§"}
            client = self.start({"name": "hasty", "timeout": "300ms", **hanging},
                                {"name": "patient", "timeout": "1h", "connect_timeout": "1h", **hanging},
                                url_table(self.backends[1], "u"))
            patient = [self.client() for _ in range(20)]
            for waiting in patient:
                waiting.request("patient", "k")
            deaf.settimeout(harness.GUARD)
            deaf.recv(512)  # it is asked
            for number in range(100):
                self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
                self.check_payload(client.ask("u", f"k{number}"), f"OK k{number}")
            for _ in range(3):
                self.check_reason(client.ask("hasty", "k"), "TIMEOUT", "hasty")
            self.assertFalse(any(waiting.has_news() for waiting in patient))
            for waiting in patient:
                waiting.close()
            self.check_payload(client.ask("t", "k"), "OK k")


class Reached(NamesCase):
    """Names in the hosts file: whom a connection is made to."""

    def test_addresses_that_swallow_connections(self):
        """However many come first, the last one is reached within connect_timeout, and then comes first."""
        silent = [f"127.0.0.{number}" for number in range(10, 18)]
        for address in silent:
            self.listen_silently(address)
        self.name(*silent, ADDRESSES[0])
        client = self.start(table={"retries": 0, "connect_timeout": "5s"})
        self.check_payload(client.ask("t", "a"), "OK a")
        for number in range(20):
            self.backends[0].drop()
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")

    def test_restart_beside_an_address_that_is_silent(self):
        """The address that refused is tried again while the other one says nothing."""
        silent = "127.0.0.10"
        self.listen_silently(silent)
        self.name(ADDRESSES[0], silent)
        self.backends[0].stop()
        client = self.start(table={"timeout": "1h", "connect_timeout": "1h"})
        client.request("t", "k")

        def is_waiting():  # in state SYN_SENT: the first address has refused
            with open("/proc/net/tcp", encoding="ascii") as table:
                return f" 0A00007F:{self.port:04X} 02 " in table.read()
        harness.wait_until(is_waiting, "the second address is tried")
        self.backend(host=ADDRESSES[0], port=self.port, default=echo)
        self.check_payload(client.read(), "OK k")

    def test_other_family(self):
        """IPv6 is tried first, and has nothing there; or the other way round."""
        six = self.backend(host="::1", default=echo)
        self.port = six.port
        self.write("hosts", "127.0.0.9 service.test\n::1 service.test\n")
        client = self.start(table={"retries": 0})
        self.check_payload(client.ask("t", "a"), "OK a")
        six.stop()
        self.backend(host="127.0.0.9", port=self.port, default=echo)
        for number in range(3):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")

    def test_addresses_in_urls(self):
        """Of both families, with a scope, and as only the C library knows them."""
        six = self.backend(host="::1", default=echo)
        urls = {"four": f"http://{ADDRESSES[0]}:{self.port}", "short": f"http://127.2:{self.port}",
                "six": f"http://[::1]:{six.port}", "scope": f"http://[::1%25lo]:{six.port}"}
        client = self.start(*({"name": name, "type": "url", "param": url + "/§"} for name, url in urls.items()))
        for name in urls:
            with self.subTest(name=name):
                self.check_payload(client.ask(name, "k"), "OK k")

    def test_reasons(self):
        """The address and the error, in words."""
        with harness.refusing_port() as port:
            tables = [{"name": "closed", "type": "url", "param": f"http://127.0.0.1:{port}/§"},
                      {"name": "closed6", "type": "url", "param": f"http://[::1]:{port}/§"},
                      {"name": "secure", "type": "url", "param": f"https://127.0.0.1:{port}/§"},
                      {"name": "missing", "type": "url", "param": "http://h/§", "unix_socket": self.path("none")},
                      {"name": "both", "type": "url", "param": f"http://both.test:{port}/§"},
                      {"name": "unknown", "type": "url", "param": "http://unknown.test/§"}]
            self.write("hosts", "127.0.0.1 both.test\n::1 both.test\n")
            self.write("resolv.conf", "nameserver 127.0.0.78\n")
            client = self.start(*tables)
            reasons = {"closed": f"connect to 127.0.0.1:{port}: Connection refused",
                       "closed6": f"connect to \\[::1\\]:{port}: Connection refused",
                       "secure": f"connect to 127.0.0.1:{port}: Connection refused",
                       "missing": f"connect to {self.path('none')}: No such file or directory",
                       "both": f"connect to \\[::1\\]:{port}: Connection refused, "
                               f"to 127.0.0.1:{port}: Connection refused",
                       "unknown": "name does not resolve: the name server cannot be reached"}
            for table, reason in reasons.items():
                with self.subTest(table=table):
                    self.check_reason(client.ask(table, "k"), "TEMP", table)
                    self.daemon.wait_log(f'event=backend_failed table={table} .*reason="?{reason}')

    def check_vanished(self, backend, **table):
        """A kept connection whose peer acknowledges nothing ends with connect_timeout, however long the timeout."""
        client = self.start(table={"timeout": "10m", "connect_timeout": "1s", "param": backend.url + "/§", **table})
        self.check_payload(client.ask("t", "a"), "OK a")
        for sock in backend.sockets():
            go_silent(sock)
        self.check_payload(client.ask("t", "b"), "OK b")
        self.assertEqual(backend.connections, 2)

    def check_vanished_with_all(self, backend, **table):
        """One of the connections is waited for, the others end with it."""
        gate = backend.gate()
        backend.default = lambda request: (gate, echo(request))
        client = self.start(table={"timeout": "10m", "connect_timeout": "1s", "param": backend.url + "/§", **table})
        others = [self.client() for _ in range(5)]
        for number, other in enumerate(others):
            other.request("t", f"k{number}")
        backend.wait_requests(5)
        gate.set()
        for number, other in enumerate(others):
            self.check_payload(other.read(), f"OK k{number}")
        for sock in backend.sockets():
            go_silent(sock)
        before = self.daemon.descriptors()
        self.check_payload(client.ask("t", "b"), "OK b")
        harness.wait_until(lambda: self.daemon.descriptors() == before - 4, "the connections are closed")

    def test_host_that_vanishes_with_all_connections(self):
        self.check_vanished_with_all(self.backend(default=echo))

    def test_host_that_vanishes_with_all_connections_of_tls(self):
        authority = Authority(self.dir)
        self.check_vanished_with_all(self.backend(tls=authority.server()), tls={"ca_file": authority.cert()})

    def test_host_that_vanishes(self):
        self.check_vanished(self.backend(default=echo))

    def test_host_that_vanishes_with_tls(self):
        authority = Authority(self.dir)
        self.check_vanished(self.backend(default=echo, tls=authority.server()), tls={"ca_file": authority.cert()})

    def test_tls_knows_the_name(self):
        """It is sent, and the certificate has to have it, wherever the name leads."""
        authority = Authority(self.dir)
        names = []
        context = authority.server(address="DNS:secure.test")
        context.sni_callback = lambda sock, name, context: names.append(name)
        self.listen_silently("127.0.0.10")
        backend = self.backend(host="127.0.0.11", port=self.port, default=echo, tls=context)
        self.write("hosts", "".join(f"{address} secure.test other.test\n" for address in ("127.0.0.10", "127.0.0.11")))
        tables = [{"name": name, "type": "url", "param": f"https://{name}.test:{backend.port}/§", "retries": 0,
                   "tls": {"ca_file": authority.cert()}} for name in ("secure", "other")]
        client = self.start(*tables)
        self.check_payload(client.ask("secure", "a"), "OK a")
        self.check_payload(client.ask("secure", "b"), "OK b")
        answer = client.ask("other", "a")
        self.check_reason(answer, "TEMP", "other")
        self.assertRegex(answer, b"no alternative certificate subject name matches target .*'other.test'")
        self.assertEqual(names, ["secure.test", "other.test"])


class Dns(NamesCase):
    """Names that DNS knows. `zone` has what the name server says, `asked` what it was asked."""

    def setUp(self):
        super().setUp()
        self.zone = {}
        self.server = FakeServer(self, self.answer)
        self.use(self.server)

    def use(self, *servers, options=""):
        """The name servers that podop finds."""
        self.write("resolv.conf", "".join(f"nameserver {server.address}\n" for server in servers) + options)

    def answer(self, question):
        """What the zone says: a list of addresses, a code, or a function."""
        found = self.zone.get((question.name, question.kind), self.zone.get(question.name, nameserver.NXDOMAIN))
        if callable(found):
            return found(question)
        if isinstance(found, int):
            return question.answer(rcode=found)
        family = "AAAA" if question.kind == "AAAA" else "A"
        fitting = [text for text in found if (":" in text) == (family == "AAAA")]
        return question.answer(*addresses(question.name, family, *fitting))

    def asked(self, name, kind="A"):
        """How often the name server was asked."""
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
        """Whatever it says that is no answer."""
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
        """The connection that is there goes on, so do new ones; the log tells once, and once that it is over."""
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
        """Nobody listens at its port any more."""
        self.zone["service.test"] = [ADDRESSES[0]]
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.server.stop()
        self.daemon.wait_log("event=name_failed name=service.test .*cannot be reached")
        for number in range(3):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
            self.backends[0].drop()

    def test_name_that_is_no_more(self):
        """It may be a mistake: not within seconds."""
        self.zone["service.test"] = [ADDRESSES[0]]
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        del self.zone["service.test"]
        self.daemon.wait_log("event=name_failed name=service.test .*no such name")
        self.backends[0].drop()
        self.check_payload(client.ask("t", "l"), "OK l")

    def test_name_that_moves(self):
        """The old address works as well as before: its connections end all the same, between two requests."""
        self.zone["service.test"] = [ADDRESSES[0]]
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.zone["service.test"] = [ADDRESSES[1]]
        self.ask_until_it_is_followed(client)
        self.assertEqual(self.backends[0].connections, 1)
        harness.wait_until(lambda: self.backends[0].open_connections() == 0, "the old connection is closed")

    def test_name_that_gains_an_address(self):
        """No reason to end a connection."""
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
        """Then nobody waits for the end of a time to live."""
        self.zone["service.test"] = lambda q: q.answer(*(addresses(q.name, "A", ADDRESSES[0], ttl=3600)
                                                         if q.kind == "A" else ()))
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.backends[0].stop()
        self.zone["service.test"] = [ADDRESSES[1]]
        self.ask_until_refollowed(client)

    def ask_until_refollowed(self, client):
        """Failures are allowed."""
        harness.wait_until(lambda: client.ask("t", "k") == b"OK k", "the new address is asked")
        self.assertNotEqual(self.backends[1].requests, [])

    def test_time_to_live(self):
        """It is not asked for before that is over, however many connections are made."""
        self.zone["service.test"] = lambda q: q.answer(*(addresses(q.name, "A", ADDRESSES[0], ttl=3600)
                                                         if q.kind == "A" else ()))
        client = self.start()
        for number in range(30):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")
            self.backends[0].drop()
        self.assertEqual((self.asked("service.test"), self.asked("service.test", "AAAA")), (1, 1))

    def test_one_question_for_all_who_wait(self):
        """It is slow, and many ask; nobody else waits."""
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
        """One of them gets no answer, an error, or an address where nobody listens."""
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
        """A name with a dot comes first as it is, and with a dot at its end alone."""
        self.zone["service.x.a.test"] = [ADDRESSES[0]]
        self.use(self.server, options="search a.test\n")
        client = self.start({"name": "whole", "type": "url", "param": f"http://service.x.:{self.port}/§"},
                            host="service.x")
        self.check_payload(client.ask("t", "k"), "OK k")
        self.check_reason(client.ask("whole", "k"), "TEMP", "whole")
        self.assertEqual(self.asked("service.x.a.test"), 1)

    def test_search_domain_that_fails(self):
        """Another host of that name is better than none, but not than the one that was asked so far."""
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
        """The file has another one: no reload is needed."""
        self.zone["service.test"] = nameserver.SERVFAIL
        client = self.start()
        self.check_reason(client.ask("t", "k"), "TEMP")
        self.use(FakeServer(self, lambda q: q.answer(*(addresses(q.name, "A", ADDRESSES[0]) if q.kind == "A" else ()))))
        self.ask_until_there(client)

    def ask_until_there(self, client):
        """The table may be suspended for a moment."""
        harness.wait_until(lambda: client.ask("t", "k") == b"OK k", "an answer")

    def test_reload(self):
        """Asks for the name anew."""
        self.zone["service.test"] = lambda q: q.answer(*(addresses(q.name, "A", ADDRESSES[0], ttl=3600)
                                                         if q.kind == "A" else ()))
        client = self.start()
        self.check_payload(client.ask("t", "k"), "OK k")
        self.zone["service.test"] = [ADDRESSES[1]]
        self.daemon.signal(signal.SIGHUP)
        self.ask_until_it_is_followed(client)


if __name__ == "__main__":
    harness.main()
