"""Lookups of Dovecot: users and keys, escaping, and podop.conf(5), "What the answer becomes", row by row."""

import json
import socket

import harness
from dict import VERSIONS, DictCase
from harness import CLOSE, RESET, chunked, echo, http, percent, url_table
from lookup_case import MAX_RESPONSE, mirror


class Keys(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=mirror)

    def start(self, template="/§", **settings):
        self.serve(url_table(self.http, template=template, **settings))

    def test_shared_and_priv(self):
        self.start()
        cases = [("shared/k", "/k"), ("shared/a/b/c", "/a/b/c"), ("shared/shared/k", "/shared/k"),
                 ("shared/priv/k", "/priv/k"), ("shared/", "/"), ("shared//k", "//k"), ("shared/k/", "/k/"),
                 ("priv/k", "/k/bob%40example.com"), ("priv/quota/storage", "/quota/storage/bob%40example.com"),
                 ("priv/priv/k", "/priv/k/bob%40example.com"), ("priv/shared/k", "/shared/k/bob%40example.com")]
        for version in VERSIONS:
            for key, target in cases:
                with self.subTest(version=version, key=key):
                    self.check_payload(self.dict(version).get(key), "O" + target)

    def test_other_prefixes_fail(self):
        self.start()
        for version in VERSIONS:
            client = self.dict(version)
            for key in ("", "k", "/", "/shared/k", "shared", "priv", "sharedx/k", "Shared/k", "PRIV/k", "other/k",
                        " shared/k", "share/k", "private/k", "shared\tk", b"\xff/k", b"shared\0/k"):
                with self.subTest(version=version, key=key):
                    self.check_failure(client.get(key), None)
        self.assertEqual(self.http.requests, [])

    def test_priv_without_a_user_fails(self):
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version, user="")
                self.check_failure(client.get("priv/k"), None)
                self.assertEqual(self.http.requests, [])
                self.check_payload(client.get("shared/k"), "O/k")
                self.http.forget()

    def test_shared_keys_do_not_need_the_user(self):
        self.start()
        for user in ("", "bob@example.com", "*", "b*"):
            with self.subTest(user=user):
                self.check_payload(self.dict((3, 2), user=user).get("shared/userdb/bob@example.com"),
                                   "O/userdb/bob%40example.com")

    def test_user_in_the_template(self):
        self.start("/{user}/meta/§?u={user}&k={key}")
        for version in VERSIONS:
            with self.subTest(version=version):
                self.check_payload(self.dict(version).get("priv/a/b"),
                                   "O/bob%40example.com/meta/a/b?u=bob%40example.com&k=a/b")

    def test_encoding_of_component(self):
        self.start(encode="component")
        self.check_payload(self.dict().get("shared/a/b c"), "O/a%2Fb%20c")

    def test_dot_segments_are_a_miss(self):
        self.start()
        client = self.dict()
        for key in ("shared/..", "shared/.", "shared/../k", "shared/a/../k", "shared/a/./k", "shared/a/..",
                    "priv/../k", "priv/.."):
            with self.subTest(key=key):
                self.check_payload(client.get(key), "N")
        for user in ("..", ".", "../bob", "a/../bob", "bob/.."):
            with self.subTest(user=user):
                self.check_payload(client.get("priv/k", user), "N")
        self.assertEqual(self.http.requests, [])
        self.check_payload(client.get("shared/..a/b..c"), "O/..a/b..c")

    def test_user_header(self):
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                self.http.forget()
                client = self.dict(version)
                client.get("priv/k")
                client.get("shared/k")
                self.assertEqual([request.header("Podop-User") for request in self.http.requests],
                                 [["bob@example.com"], []])
                self.assertEqual([request.header("Podop-Table") for request in self.http.requests], [["t"]] * 2)

    def test_user_cannot_add_headers(self):
        self.start()
        client = self.dict()
        for user in ("a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\r\n\r\nGET /evil HTTP/1.1\r\n\r\n", "a\0b",
                     "\r\n", "\tx", " x "):
            with self.subTest(user=user):
                self.http.forget()
                answer = client.get("priv/k", user)
                self.assertIn(answer[:1], b"OF", answer)
                self.assertLessEqual(len(self.http.requests), 1)
                for request in self.http.requests:
                    self.assertEqual(request.header("X-Evil"), [])
                    self.assertNotIn(b"\r", request.head.replace(b"\r\n", b""))
                    self.assertNotIn(b"\n", request.head.replace(b"\r\n", b""))
                    self.assertEqual(request.target, b"/k/" + percent(user, b"/").encode())
        self.check_payload(client.get("shared/k"), "O/k")

    def test_skip(self):
        self.start(skip=["\\*", "*@\\[*", "secret/*"])
        client = self.dict()
        for key in ("shared/*", "shared/bob@[127.0.0.1]", "shared/secret/x"):
            with self.subTest(key=key):
                self.check_payload(client.get(key), "N")
        self.assertEqual(self.http.requests, [])
        self.check_payload(client.get("shared/x*"), "O/x%2A")


class Escaping(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=mirror)
        self.serve(url_table(self.http, value="string"))

    def test_every_byte_of_a_key_and_a_user(self):
        for version in VERSIONS:
            client = self.dict(version)
            for byte in range(256):
                with self.subTest(version=version, byte=byte):
                    key = b"a" + bytes([byte]) + b"b"
                    self.check_payload(client.get(b"shared/" + key), "O/" + percent(key, b"/"))
        client = self.dict()
        for byte in range(0x20, 256):
            with self.subTest(user=byte):
                user = b"a" + bytes([byte]) + b"b"
                self.check_payload(client.get(b"priv/k", user)[:200], "O/k/" + percent(user, b"/"))

    def test_one_pass(self):
        client = self.dict()
        for wire, key in ((b"\x011t", b"\x01t"), (b"\x0111", b"\x011"), (b"\x01n\x01n", b"\n\n"),
                          (b"\x011\x01t", b"\x01\t"), (b"\x01x", b"x"), (b"x\x01", b"x"), (b"\x01\x01", b"\x01"),
                          (b"\x01\xff", b"\xff"), (b"a\x010", b"a\0")):
            with self.subTest(wire=wire):
                client.send(b"Lshared/" + wire + b"\tu\n")
                self.check_payload(client.wait(client.expect("L", wire)), "O/" + percent(key, b"/"))

    def test_raw_bytes_that_need_no_escape(self):
        """Clients of 2.0 do not escape CR."""
        client = self.dict((2, 0))
        client.send(b"Lshared/a\rb\n")
        self.check_payload(client.wait(client.expect("L", "")), "O/a%0Db")

    def test_every_character_of_a_value(self):
        text = "".join(chr(code) for code in range(1, 0x300)) + "€😀\uffff"
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                for value in (text, "\r", "\n", "\t", "\x01", "a\r", "\r\n", "\x01t", "\x011", "\x01\x01", "a\tb", " ",
                              "", "\\n", "O", "N", "F", "*1", "+1\tOx"):
                    self.http.on("/k", http(json.dumps(value)))
                    self.check_payload(client.get("shared/k"), "O" + value)

    def test_nothing_of_an_answer_leaves_its_field(self):
        client = self.dict((2, 2))
        evil = "x\n\nF\tno\nO\n*1\n+1\tOevil\n"
        self.http.on("/k", http(json.dumps(evil)))
        self.http.on("/p/", http(json.dumps({"a\tb\nc": evil})))
        with client.packet():
            requests = [client.lookup("shared/k"), client.iterate("shared/p/"), client.lookup("shared/z")]
        self.check_payload(client.wait(requests[0]), "O" + evil)
        self.check_payload(client.wait(requests[2]), "O/z")
        if requests[1].answer is None:
            client.wait(requests[1])
        self.assertEqual(requests[1].rows, [(b"shared/p/a\tb\nc", evil.encode())])


class Answers(DictCase):
    """podop.conf(5), "What the answer becomes", for Dovecot."""

    def setUp(self):
        super().setUp()
        self.http = self.backend(default=mirror)

    def start(self, **settings):
        self.serve(url_table(self.http, **settings))
        self.dovecot = self.dict()

    def keep_trust(self):
        """Sends one lookup that succeeds, so that the failures of the test are never five in a row, which
        would suspend the URL."""
        self.http.on("/trust", http('"x"', 200, "Connection: close"))
        self.check_payload(self.dovecot.get("shared/trust"), "Ox")

    def ask_all(self, cases, requests=1):
        for number, (answer, expected) in enumerate(cases):
            with self.subTest(answer=harness.shown(answer) if isinstance(answer, bytes) else answer):
                if expected == "F":
                    self.keep_trust()
                self.http.forget()
                self.http.on(f"/k{number}", answer)
                self.check_dict(self.dovecot.get(f"shared/k{number}"), expected)
                self.assertEqual(len(self.http.requests), requests, "requests to the backend")

    def test_values(self):
        cases = [
            ('"bob@example.com"', "Obob@example.com"),
            ('" x "', "O x "),
            (' \t\r\n"x"\r\n\t ', "Ox"),
            (r'"\"\\\/\b\f\n\r\t\u0001"', 'O"\\/\b\f\n\r\t\x01'),
            (r'"j\u00f6rg \ud83d\ude00"', "Ojörg 😀"),
            ('"null"', "Onull"),
            ("true", "Otrue"),
            ("false", "Ofalse"),
            ('[false, "a"]', 'O[false,"a"]'),
            ('""', "O"),
            ("[]", "O[]"),
            ('[""]', 'O[""]'),
            ("[null]", "O[null]"),
            ("{}", "O{}"),
            ('["a","b"]', 'O["a","b"]'),
            ('[ "a" , 1.10 , null , true ]', 'O["a",1.10,null,true]'),
            ('[ [ "a" ], "b" ]', 'O[["a"],"b"]'),
            ('{ "a" : 1.10 ,\n "b" : [ 1 , 2 ] }', 'O{"a":1.10,"b":[1,2]}'),
            ('{"password": null, "nopassword": "Y", "n": 12345678901234567890123}',
             'O{"password":null,"nopassword":"Y","n":12345678901234567890123}'),
            ("null", "N"),
            (" null\n", "N"),
        ]
        self.start()
        self.ask_all([(http(body), expected) for body, expected in cases])
        self.ask_all([(http(number), "O" + number) for number in
                      ("0", "-0", "42", "1.10", "1e3", "1E+2", "1e400", "12345678901234567890123", "-0.0")])

    def test_same_for_every_version(self):
        self.start()
        for number, (answer, expected) in enumerate((
                (http('"x"'), "Ox"), (http('""'), "O"), (http('["a","b"]'), 'O["a","b"]'), (http("null"), "N"),
                (http(status=404), "N"), (http(status=204), "N"), (http(status=503), "F"), (http("no json"), "F"),
                (http(r'"a\u0000b"'), "F"))):
            self.http.on(f"/k{number}", answer)
            for version in VERSIONS:
                with self.subTest(version=version, answer=answer):
                    self.keep_trust()
                    self.check_dict(self.dict(version).get(f"shared/k{number}"), expected)

    def test_statuses(self):
        form = [405, 406, 407, 408, 411, 412, 413, 415, 417, 421, 425, 426, 428, 429, 431]  # it is not about the key
        misses = [204, *(code for code in range(400, 500) if code not in form)]
        failures = [*form, *range(500, 512), 599, 201, 202, 203, 206, 226, 299, 300, 301, 302, 303, 307, 308, 600, 999]
        self.start()
        self.ask_all([(http('"x"' if code != 204 else b"", code), "N") for code in misses])
        self.ask_all([(http('"x"', code), "F") for code in failures])

    def test_codes_of_the_table(self):
        self.start(miss=[503], temporary=["4xx"])
        self.ask_all([(http(b"", 503), "N"), (http(b"", 404), "F"), (http(b"", 500), "F")])

    def test_not_json(self):
        bodies = [b"", b" ", b"x", b"'x'", b"NaN", b"01", b"1.", b"TRUE", b'"x', b'"x" y', b"1 2", b"[1,]", b'{"a":1,}',
                  b'// c\n"x"', b'"a\nb"', b'"a\tb"', b'"a\0b"', rb'"\x41"', b'\xef\xbb\xbf' * 2 + b'"x"', b'"\xff"',
                  b'"j\xf6rg"',
                  rb'"\ud800"', b"<html></html>"]
        self.start()
        self.ask_all([(http(body), "F") for body in bodies])

    def test_nul_cannot_travel(self):
        self.start()
        self.ask_all([(http(body), "F") for body in (r'"\u0000"', r'"a\u0000b"', r'"a\u0000"')])
        body = r'{"a": "\u0000"}'
        self.http.on("/k", http(body))
        answer = self.dovecot.get("shared/k")
        self.assertEqual(json.loads(answer[1:]), json.loads(body))

    def test_long_values(self):
        """max_reply is a limit for Postfix only; for Dovecot max_response is."""
        self.start()
        self.ask_all([
            (http('"%s"' % ("x" * 100_000)), "O" + "x" * 100_000),
            (http('"%s"' % ("x" * (MAX_RESPONSE - 2))), "O" + "x" * (MAX_RESPONSE - 2)),
            (http('"%s"' % ("x" * (MAX_RESPONSE - 1))), "F"),
            (http('"x"'.ljust(2 * MAX_RESPONSE)), "F"),
            (http('"%s"' % (r"\n" * 300_000)), "O" + "\n" * 300_000),
            (chunked('"', "x" * 70_000, '"'), "O" + "x" * 70_000),
        ])

    def test_response_limit_of_the_table(self):
        self.start(max_response="3M")
        self.ask_all([(http('"%s"' % ("x" * 3_000_000)), "O" + "x" * 3_000_000)])

    def test_broken_connections(self):
        self.start()
        self.ask_all([((CLOSE,), "F"), ((RESET,), "F"), ((b"HTTP/1.1 404", CLOSE), "F"),
                      ((b"HTTP/1.1 404 Not Found\r\n", CLOSE), "F"), ((http('"x', length=3), CLOSE), "F"),
                      ((http("{}", 404, length=9), CLOSE), "F")], requests=2)

    def test_connection_refused(self):
        deaf = self.enterContext(harness.refusing_port())
        self.serve({"name": "t", "type": "url", "param": f"http://127.0.0.1:{deaf}/§", "timeout": "1s"})
        for version in VERSIONS:
            with self.subTest(version=version):
                self.check_failure(self.dict(version).get("shared/k"))

    def test_late_answer(self):
        self.hold_clock()
        self.start(timeout="200ms")
        *hang, gate = self.hang(self.http, 0.2)
        self.http.on("/late", (*hang, gate, http('"late"')))
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                self.check_failure(client.get("shared/late"))
                self.check_payload(client.get("shared/k"), "O/k")
        gate.set()
        self.check_payload(self.dovecot.get("shared/k"), "O/k")

    def test_timeouts_of_queued_lookups(self):
        """Requests that wait in the queue of one connection have the table's timeout, too."""
        self.serve(url_table(self.http, timeout="300ms"), pool={"max_connections": 1})
        self.http.default = lambda request: (self.http.gate(), http('"late"'))
        for version in ((2, 0), (4, 0)):
            with self.subTest(version=version):
                client = self.dict(version)
                with client.packet():
                    requests = [client.lookup(f"shared/k{number}") for number in range(100)]
                for request in requests:
                    self.check_failure(client.wait(request))

    def test_reason_keeps_the_query_to_itself(self):
        podop = self.serve(url_table(self.http, template="/§?token=s3cret"))
        client = self.dict()
        self.http.on("/k?token=s3cret", http(b"", 503))
        answer = client.get("shared/k")
        self.check_failure(answer)
        self.assertNotIn(b"s3cret", answer)
        podop.stop()
        self.assertNotIn("s3cret", podop.stderr)

    def test_cache(self):
        self.http.default = echo
        self.start(cache={"ttl": "1h", "negative_ttl": "1h"})
        self.http.on("/gone", http(status=404))
        postfix = self.client()
        for _ in range(3):
            self.check_payload(self.dovecot.get("shared/k"), "Ok")
            self.check_payload(self.dovecot.get("shared/gone"), "N")
            self.check_payload(postfix.ask("t", "k"), "OK k")
            self.check_payload(self.dovecot.get("priv/k", "bob"), "Obob")
            self.check_payload(self.dovecot.get("priv/k", "al"), "Oal")
        self.assertEqual(len(self.http.requests), 4)

    def test_cache_knows_users_of_a_template(self):
        self.http.default = mirror
        self.serve(url_table(self.http, template="/{user}/§", cache={"ttl": "1h"}))
        client = self.dict()
        for _ in range(2):
            for user in ("bob", "al"):
                with self.subTest(user=user):
                    self.check_payload(client.get("priv/k", user), f"O/{user}/k")
        self.assertEqual(len(self.http.requests), 2)

    def warm_up(self, podop, visit):
        """Repeats visits until podop's memory, with the sanitizer's allocator, stays the same; returns its size."""
        rss = podop.rss_kb()
        for _ in range(20):
            visit()
            before, rss = rss, podop.rss_kb()
            if rss <= before + 64:
                return rss
        raise AssertionError("podop grows with its visitors")

    def test_many_connections(self):
        """As Dovecot does: connect, hello, lookup, close."""
        podop = self.serve(url_table(self.http), env=harness.small_quarantine())

        def visit(times):
            for number in range(times):
                version = VERSIONS[number % len(VERSIONS)]
                client = self.dict(version)
                self.check_payload(client.get(f"shared/k{number}"), f"O/k{number}")
                client.close()

        visit(300)
        descriptors = podop.unix_sockets()
        rss = self.warm_up(podop, lambda: visit(500))
        visit(1_500)
        harness.wait_until(lambda: podop.unix_sockets() <= descriptors, "the descriptors are closed")
        self.assertLess(podop.rss_kb(), rss + 2048, "podop grew with its visitors")

    def test_over_tcp(self):
        """Dovecot has no client over TCP, but podop's listener takes one."""
        port = self.reserve_port()
        self.serve(url_table(self.http), listen=[{"socket": f"127.0.0.1:{port}"}])
        client = self.dict(address=("127.0.0.1", port))
        self.assertEqual(client.sock.family, socket.AF_INET)
        self.check_payload(client.get("shared/k"), "O/k")


class JsonTables(DictCase):
    def start(self, content):
        self.serve({"name": "t", "type": "json", "param": self.write("t.json", content)})

    def test_values(self):
        values = {
            '"x"': "Ox", '""': "O", "[]": "O[]", "null": "N", "42": "O42", "1.10": "O1.10", "true": "Otrue",
            '["a", "b"]': 'O["a","b"]', '{ "a" : 1.10, "b": {} }': 'O{"a":1.10,"b":{}}', r'"a\u0000b"': "F",
            r'"a\r\n\t\u0001"': "Oa\r\n\t\x01", '"%s"' % ("x" * 200_000): "O" + "x" * 200_000,
        }
        self.start("{%s}" % ",\n".join(f'"k{number}": {value}' for number, value in enumerate(values)))
        for version in VERSIONS:
            client = self.dict(version)
            for number, (value, expected) in enumerate(values.items()):
                with self.subTest(version=version, value=value[:60]):
                    self.check_dict(client.get(f"shared/k{number}"), expected)

    def test_keys(self):
        self.start(json.dumps({"k": "shared", "k/bob": "bob's", "a/b": "c", "": "empty", "..": "dots",
                               "a\tb\n": "tab"}))
        client = self.dict(user="bob")
        for key, expected in (("shared/k", "Oshared"), ("priv/k", "Obob's"), ("shared/k/bob", "Obob's"),
                              ("shared/a/b", "Oc"), ("shared/", "Oempty"), ("shared/a\tb\n", "Otab"),
                              ("shared/K", "N"), ("priv/a/b", "N"), ("shared/k/", "N"), (b"shared/\xff", "N"),
                              (b"shared/k\0", "N")):
            with self.subTest(key=key):
                self.check_payload(client.get(key), expected)
        self.check_payload(client.get("priv/k", "al"), "N")
        self.check_failure(client.get("priv/k", ""), None)
        self.check_failure(client.get("k"), None)


if __name__ == "__main__":
    harness.main()
