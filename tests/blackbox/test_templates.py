"""The requests of a url table (podop.conf(5), "URL TABLES"): templates, encoding, dot segments, headers,
select, skip."""

import re

import harness
from dict import DictCase
from harness import Case, chunked, http, percent, url_table


class Templates(Case):
    """A backend that finds every key and records its requests."""

    def setUp(self):
        super().setUp()
        self.http = self.backend(default=lambda request: http('"found"'))

    def check_target(self, client, key, target, table="t"):
        """Checks that the key causes exactly one request, for this target."""
        self.http.forget()
        self.check_payload(client.ask(table, key), "OK found")
        self.assertEqual([request.target for request in self.http.requests], [harness.to_bytes(target)])
        self.assertEqual(self.http.requests[0].method, "GET")

    def check_not_asked(self, client, key, table="t"):
        """Checks that the key is a miss and causes no request."""
        self.http.forget()
        self.check_payload(client.ask(table, key), "NOTFOUND ")
        self.assertEqual(self.http.requests, [])

    def check_config_error(self, table, word):
        """Checks that -t refuses the table with a message that contains the word."""
        path = self.write("bad.conf", harness.conf_file(listen=[{"socket": self.socket}], tables=[table]))
        done = harness.run("PODOP", "-c", path, "-t")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertRegex(done.stderr, re.escape(path) + r":\d+: .*" + word)


class Placeholders(Templates):
    def test_every_spelling_and_place(self):
        cases = {
            "/x/§": "/x/KEY",
            "/x/{}": "/x/KEY",
            "/x/{key}": "/x/KEY",
            "/x/§/y": "/x/KEY/y",
            "/x/pre-{}-post.json": "/x/pre-KEY-post.json",
            "/§/§": "/KEY/KEY",
            "/§/{}/{key}": "/KEY/KEY/KEY",
            "/x?key=§": "/x?key=KEY",
            "/x?a={}&b={key}": "/x?a=KEY&b=KEY",
            "/{}?key={}": "/KEY?key=KEY",
            "/x?key=§&fixed=1": "/x?key=KEY&fixed=1",
            "/a%20b/§?x=%2F%3f&y=+": "/a%20b/KEY?x=%2F%3f&y=+",
            "/a//b/§": "/a//b/KEY",
        }
        keys = {"bob": "bob", "bob@example.com": "bob%40example.com", "a b": "a%20b", "{}": "%7B%7D", "§": "%C2%A7",
                "{key}": "%7Bkey%7D", "{user}": "%7Buser%7D", "%s%n": "%25s%25n"}
        self.serve(*(url_table(self.http, f"t{n}", template) for n, template in enumerate(cases)))
        client = self.client()
        for number, (template, target) in enumerate(cases.items()):
            for key, encoded in keys.items():
                with self.subTest(template=template, key=key):
                    self.check_target(client, key, target.replace("KEY", encoded), f"t{number}")

    def test_not_in_scheme_or_authority(self):
        for param in ("§://localhost/x", "http://§/x", "http://{}/§", "http://{key}.example/x", "http://localhost:{}/x",
                      "http://§@localhost/x", "http{}://localhost/§"):
            with self.subTest(param=param):
                self.check_config_error({"name": "t", "type": "url", "param": param}, "")

    def test_only_http_and_https(self):
        for param in ("ftp://localhost/§", "file:///etc/§", "gopher://localhost/§", "dict://localhost/§", "localhost/§",
                      "/x/§", "", "http://", "http:///§", "mailto:§"):
            with self.subTest(param=param):
                self.check_config_error({"name": "t", "type": "url", "param": param}, "")

    def test_host_by_name_and_ipv6(self):
        self.serve({"name": "t", "type": "url", "param": f"http://localhost:{self.http.port}/§"})
        self.check_target(self.client(), "k", "/k")

        try:
            six = self.backend(host="::1", default=lambda request: http('"six"'))
        except OSError:
            self.skipTest("no IPv6 loopback here")
        self.socket = self.path("s6")
        self.serve(url_table(six))
        self.check_payload(self.client().ask("t", "k"), "OK six")


class Parts(Templates, DictCase):
    """{local}, {extension}, {domain} and {table}: of the key, or of the user of a priv/ key."""

    TEMPLATE = "/{table}/{domain}/{local}?e={extension}"

    def check_dict_target(self, client, key, target, user):
        self.http.forget()
        self.check_payload(client.get(key, user=user), "Ofound")
        self.assertEqual([request.target for request in self.http.requests], [harness.to_bytes(target)])

    def test_of_a_key(self):
        self.serve(url_table(self.http, template=self.TEMPLATE, key={"extension": "+-"}))
        client, dovecot = self.client(), self.dict()
        for key, target in {
                "bob@d.example": "/t/d.example/bob?e=", "bob+a-b@d.example": "/t/d.example/bob?e=a-b",
                "bob-a@D.example": "/t/D.example/bob?e=a", "+a@d": "/t/d/%2Ba?e=", "owner-x@d": "/t/d/owner-x?e=",
                "a@b@d": "/t/d/a%40b?e=", '"a b+c"@d': "/t/d/%22a%20b%22?e=c", '"a@b"@d': "/t/d/%22a%40b%22?e=",
                "d.example": "/t/d.example/?e=", "@d.example": "/t/d.example/?e=", "bob@": "/t//bob?e=",
                "": "/t//?e=", "bob@[::1]": "/t/%5B%3A%3A1%5D/bob?e=", "ö+ü@ä": "/t/%C3%A4/%C3%B6?e=%C3%BC"}.items():
            with self.subTest(key=key):
                self.check_target(client, key, target)
                if key:
                    self.check_dict_target(dovecot, "shared/" + key, target, "alice+x@other.example")

    def test_without_extension(self):
        self.serve(url_table(self.http, template=self.TEMPLATE))
        self.check_target(self.client(), "bob+a@d", "/t/d/bob%2Ba?e=")

    def test_of_the_user(self):
        self.serve(url_table(self.http, template=self.TEMPLATE, key={"extension": "+"}),
                   url_table(self.http, "appended", "/{domain}/{key}"),
                   url_table(self.http, "apart", "/{domain}/{user}/{key}"))
        self.check_dict_target(self.dict(), "priv/k@x", "/t/d.example/alice?e=y", "alice+y@d.example")
        self.check_dict_target(self.dict(), "priv/k@x", "/t/alice/?e=", "alice")
        self.check_dict_target(self.dict(name="appended"), "priv/k", "/d/k/alice%40d", "alice@d")
        self.check_dict_target(self.dict(name="apart"), "priv/k", "/d/alice%40d/k", "alice@d")
        self.check_dict_target(self.dict(name="appended"), "shared/k@x", "/x/k%40x", "alice@d")

    def test_iteration_and_writes(self):
        self.http.default = lambda request: http("[]")
        self.serve(url_table(self.http, template="/{domain}/{local}/{key}"))
        client = self.dict()
        self.assertEqual(client.rows("priv/p/", user="alice@d"), [])
        self.check_payload(client.change(("set", "priv/k", "1"), user="alice@d"), "O")
        self.check_payload(client.change(("set", "shared/k@x", "1"), user="alice@d"), "O")
        self.assertEqual([(request.method, request.target) for request in self.http.requests],
                         [("GET", b"/d/alice/p/"), ("POST", b"/d/alice/k/alice%40d"), ("POST", b"/x/k/k%40x")])

    def test_commit_url(self):
        """The parts are those of the user of the transaction."""
        self.serve(url_table(self.http, commit_url=self.http.url + "/{table}/{domain}/{local}/{user}?{key}"))
        self.check_payload(self.dict().change(("set", "shared/k@x", "1"), user="alice@d"), "O")
        self.assertEqual([request.target for request in self.http.requests], [b"/t/d/alice/alice%40d?"])

    def test_which_keys_are_the_same(self):
        """Keys are one if their URLs are: with parts, KEY of USER and KEY/USER differ."""
        self.serve(url_table(self.http, template="/{domain}/{key}", cache={"ttl": "1h"}),
                   url_table(self.http, "domains", "/{domain}", cache={"ttl": "1h"}))
        client = self.dict()
        self.check_dict_target(client, "priv/a", "/d/a/b/c%40d", "b/c@d")
        self.check_dict_target(client, "priv/a/b", "/e/a/b/c%40e", "c@e")
        self.http.forget()
        self.check_payload(client.get("shared/a/b/c@d"), "Ofound")
        self.assertEqual(self.http.requests, [])  # the URL is that of the first key
        postfix = self.client()
        self.check_target(postfix, "a@d", "/d", "domains")
        self.http.forget()
        self.check_payload(postfix.ask("domains", "b@d"), "OK found")
        self.assertEqual(self.http.requests, [])

    def test_dots(self):
        self.serve(url_table(self.http, template="/{domain}/x{extension}", key={"extension": "+"}),
                   url_table(self.http, "query", "/x?{domain}"))
        client = self.client()
        for key in ("a@.", "a@..", "..", "."):
            with self.subTest(key=key):
                self.check_not_asked(client, key)
                self.check_target(client, key, "/x?" + key.split("@")[-1], "query")
        self.check_target(client, "..+..@d", "/d/x..")
        self.check_config_error({"name": "..", "type": "url", "param": "http://h/{table}/§"}, "path segment")

    def test_not_in_the_host(self):
        for place in ("local", "extension", "domain", "table", "user"):
            with self.subTest(place=place):
                self.check_config_error({"name": "t", "type": "url", "param": f"http://{{{place}}}.example/§"}, "place")
                self.check_config_error({"name": "t", "type": "url", "param": f"http://h/{{{place}s}}/§"}, "place")


class Encoding(Templates):
    def test_every_byte(self):
        self.serve(url_table(self.http, "path", "/x/§"), url_table(self.http, "query", "/x?k=§"),
                   url_table(self.http, "component", "/x/§", encode="component"))
        client = self.client()
        for table, prefix, keep in (("path", "/x/", b"/"), ("query", "/x?k=", b"/"), ("component", "/x/", b"")):
            for byte in range(256):
                key = b"a%cz" % byte
                with self.subTest(table=table, key=key):
                    self.check_target(client, key, prefix + percent(key, keep), table)

    def test_odd_keys(self):
        self.serve(url_table(self.http, template="/x/§"))
        client = self.client()
        keys = [b"", b" ", b"  a  b  ", b"/", b"//", b"/a//b/", b"a/", b"%2e%2e/x", b"%2E%2e", b"%", b"%00", b"\0",
                b"\xff",
                b"?a=b", b"#f", b"a?b#c", b";", b"jo\xcc\x88rg", b"\xf0\x9f\x98\x80", b"http://evil.example/", b"@evil",
                b"a\r\nHost: evil\r\n\r\nGET /evil HTTP/1.1", b"\\..\\x", b"+", b"a&b=c", bytes(range(256)),
                b"x" * 10_000,
                b"\xff" * 10_000]
        for key in keys:
            with self.subTest(key=harness.shown(key)):
                self.check_target(client, key, "/x/" + percent(key, b"/"))

    def test_dot_segments_are_not_asked_for(self):
        self.serve(url_table(self.http, template="/x/§"), url_table(self.http, "twice", "/{}/x/{}"),
                   url_table(self.http, "component", "/x/§", encode="component"))
        client = self.client()
        for key in (".", "..", "../", "./", "/.", "/..", "/../", "a/..", "a/.", "../a", "./a", "a/../b", "a/./b",
                    "a//../b",
                    "../../etc/passwd", "a/b/..", "a/../../b"):
            for table in ("t", "twice"):
                with self.subTest(table=table, key=key):
                    self.check_not_asked(client, key, table)
        for key in (".", ".."):
            with self.subTest(table="component", key=key):
                self.check_not_asked(client, key, "component")

    def test_dots_that_cannot_climb(self):
        """Only a path can climb, and only by a segment of nothing but dots."""
        self.serve(url_table(self.http, "query", "/x?k=§"), url_table(self.http, "joined", "/x-§"),
                   url_table(self.http, "ended", "/x/§.json"),
                   url_table(self.http, "component", "/x/§", encode="component"))
        client = self.client()
        for table, keys, prefix, keep, end in (
                ("query", (".", "..", "a/../b", "../", "?/.."), "/x?k=", b"/", ""),
                ("joined", (".", "..", "../a"), "/x-", b"/", ""),
                ("ended", (".", "..", "a/.."), "/x/", b"/", ".json"),
                ("component", ("a/..", "../", "/..", "a/../b", "./a"), "/x/", b"", "")):
            for key in keys:
                with self.subTest(table=table, key=key):
                    self.check_target(client, key, prefix + percent(key, keep) + end, table)
        for table, key in (("joined", "/.."), ("joined", "a/../b"), ("ended", "../a"), ("component", ".."),
                           ("component", ".")):
            with self.subTest(table=table, key=key, climbs=True):
                self.check_not_asked(client, key, table)

    def test_escaped_dots_of_the_template(self):
        self.serve(url_table(self.http, "dot", "/x/%2e§"), url_table(self.http, "upper", "/x/§%2E/y"),
                   url_table(self.http, "slash", "/x%2F§"), url_table(self.http, "query", "/x?%2e/§"))
        client = self.client()
        for table, key in (("dot", "."), ("dot", ""), ("upper", "."), ("upper", ""), ("slash", "..")):
            with self.subTest(table=table, key=key):
                self.check_not_asked(client, key, table)
        for table, key, target in (("dot", "..", "/x/%2e.."), ("upper", "a", "/x/a%2E/y"), ("slash", "a", "/x%2Fa"),
                                   ("query", ".", "/x?%2e/.")):
            with self.subTest(table=table, key=key):
                self.check_target(client, key, target, table)

    def test_too_long_for_a_url(self):
        self.serve(url_table(self.http, template="/§"), listen=[{"socket": self.socket, "max_request": "1M"}])
        client = self.client()
        self.check_target(client, "k" * (256 * 1024 - 1), "/" + "k" * (256 * 1024 - 1))
        self.check_not_asked(client, "k" * (256 * 1024))
        self.check_not_asked(client, b"\xff" * 100_000)

    def test_other_dots_are_plain(self):
        self.serve(url_table(self.http, template="/x/§"))
        client = self.client()
        for key in ("...", ".a", "a.", "a..", "..a", "a..b", ".../b", "a/.b", "a/b.", "a/...", "a.b/c.d", ". ", " ..",
                    ". ./a"):
            with self.subTest(key=key):
                self.check_target(client, key, "/x/" + percent(key, b"/"))


class Headers(Templates):
    def test_headers_of_every_request(self):
        self.serve(url_table(self.http), url_table(self.http, "jörg.x-1"))
        client = self.client()
        version = harness.run("PODOP", "--version").stdout
        for table in ("t", "jörg.x-1"):
            with self.subTest(table):
                self.check_target(client, "k", "/k", table)
                request = self.http.requests[0]
                self.assertEqual(request.header("Accept"), ["application/json"])
                self.assertEqual(request.header("Accept-Encoding"), ["identity"])
                self.assertEqual(request.header("Host"), [f"127.0.0.1:{self.http.port}"])
                self.assertEqual(request.header("Podop-User"), [])
                self.assertEqual(request.body, b"")
                self.assertEqual([name.encode("latin-1").decode() for name in request.header("Podop-Table")], [table])
                (agent,) = request.header("User-Agent")
                self.assertRegex(agent, r"^podop/[0-9][^ ]*$")
                self.assertIn(agent.split("/")[1], version)

    def test_headers_of_the_table(self):
        self.serve(url_table(self.http, headers=["X-One: 1", "X-Two: a b: c", "X-Utf8: jörg"]))
        self.check_target(self.client(), "k", "/k")
        request = self.http.requests[0]
        self.assertEqual(request.header("X-One"), ["1"])
        self.assertEqual(request.header("X-Two"), ["a b: c"])
        self.assertEqual([value.encode("latin-1").decode() for value in request.header("X-Utf8")], ["jörg"])
        self.assertEqual(request.header("Accept"), ["application/json"])

    def test_bad_headers(self):
        for header in ("no colon", "", ": no name", "a b: c", "X: a\r\nY: b", "X: a\nY: b", "X\r\nY: b"):
            with self.subTest(header=header):
                self.check_config_error(url_table(self.http, headers=[header]), "")


class UnixSocket(Templates):
    def test_backend_on_a_unix_socket(self):
        backend = self.backend(unix_path=self.path("http"),
                               default=lambda request: http('"%s"' % request.target.decode()))
        self.serve({"name": "t", "type": "url", "param": "http://backend.example/x/§",
                    "unix_socket": self.path("http")},
                   {"name": "u", "type": "url", "param": "http://localhost:8080/y/§", "unix_socket": self.path("http")},
                   url_table(self.http, "tcp"))
        client = self.client()
        self.check_payload(client.ask("t", "k"), "OK /x/k")
        self.check_payload(client.ask("u", "k"), "OK /y/k")
        self.check_payload(client.ask("tcp", "k"), "OK found")
        self.check_payload(client.ask("t", "l"), "OK /x/l")
        self.assertEqual([request.header("Host") for request in backend.requests],
                         [["backend.example"], ["localhost:8080"], ["backend.example"]])


class Select(Templates):
    BODY = r'''{ "a": {"b": "value"}, "list": ["x", {"y": 1.10}, ["z"]], "a/b": "slash", "m~n": "tilde", "": "empty",
                 "big": 12345678901234567890123, "null": null, "none": "", "nothing": [], "bool": false,
                 " ": "blank", "ö": "umlaut", "e\u0301\"": "escaped", "0": "zero", "~1": "tilde one" }'''

    def ask_pointer(self, cases, body=BODY):
        """Sends one lookup through each JSON pointer."""
        self.http.default = lambda request: http(body)
        self.serve(*(url_table(self.http, f"t{n}", select=pointer) for n, pointer in enumerate(cases)))
        client = self.client()
        for number, (pointer, expected) in enumerate(cases.items()):
            with self.subTest(pointer=pointer):
                self.check_answer(client.ask(f"t{number}", "k"), expected, f"t{number}")

    def test_part_of_the_answer(self):
        self.ask_pointer({
            "/a/b": "OK value", "/a": 'OK {"b":"value"}', "/list/0": "OK x", "/list/1/y": "OK 1.10",
            "/list/1": 'OK {"y":1.10}',
            "/list/2": "OK z", "/list/2/0": "OK z", "/a~1b": "OK slash", "/m~0n": "OK tilde", "/": "OK empty",
            "/big": "OK 12345678901234567890123", "/bool": "NOTFOUND ", "/ ": "OK blank", "/ö": "OK umlaut",
            '/e\u0301"': "OK escaped", "/0": "OK zero", "/~01": "OK tilde one",
        })

    def test_not_found_is_a_miss(self):
        self.ask_pointer(dict.fromkeys(
            ["/x", "/a/x", "/a/b/c", "/list/3", "/list/-", "/list/01", "/list/-1", "/list/x", "/list/1/z", "/null",
             "/null/x",
             "/none", "/nothing", "/A", "/a/", "/big/0", "/list/99999999999999999999999", "/list/0x0", "/list/ 0"],
            "NOTFOUND "))

    def test_whole_answer(self):
        self.ask_pointer({"": "OK x"}, '"x"')

    def test_roots_of_other_kinds(self):
        self.ask_pointer({"/1": "OK b", "/x": "NOTFOUND ", "/2": "NOTFOUND "}, '["a","b"]')

    def test_scalar_roots_have_no_parts(self):
        self.ask_pointer({"/0": "NOTFOUND ", "/": "NOTFOUND "}, '"x"')

    def test_the_rest_must_be_json_too(self):
        self.ask_pointer({"/a": "TEMP"}, '{"a":"x","b":NaN}')

    def test_chunked_answer(self):
        self.http.default = lambda request: chunked('{"a"', ': "x"}')
        self.serve(url_table(self.http, select="/a"))
        self.check_payload(self.client().ask("t", "k"), "OK x")

    def test_bad_pointer(self):
        for pointer in ("a", "a/b", "#/a", "/a~", "/a~2b"):
            with self.subTest(pointer=pointer):
                self.check_config_error(url_table(self.http, select=pointer), "")


class Skip(Templates):
    def test_patterns(self):
        self.serve(url_table(self.http, skip=["\\*", "*@\\[*", "postmaster@?", "[xy]z", "*.invalid"]))
        client = self.client()
        for key in ("*", "bob@[127.0.0.1]", "@[", "postmaster@a", "xz", "yz", "a.invalid", "bob@example.invalid",
                    ".invalid"):
            with self.subTest(key=key, skipped=True):
                self.check_not_asked(client, key)
        for key in ("**", "a*", "bob@127.0.0.1", "[127.0.0.1]", "postmaster@", "postmaster@ab", "zz", "invalid",
                    "a.invalid.",
                    "Xz", "xz ", "\\*"):
            with self.subTest(key=key, skipped=False):
                self.check_target(client, key, "/" + percent(key, b"/"))

    def test_nul_hides_nothing(self):
        self.serve(url_table(self.http, skip=["x"]))
        client = self.client()
        self.check_not_asked(client, "x")
        self.check_target(client, b"x\0y", "/x%00y")


class Connections(Templates):
    def test_tables_share_the_connections_to_a_host(self):
        self.serve(url_table(self.http, "a", "/a/§"), url_table(self.http, "b", "/b/§"))
        client = self.client()
        for number in range(10):
            self.check_target(client, f"k{number}", f"/a/k{number}", "a")
            self.check_target(client, f"k{number}", f"/b/k{number}", "b")
        self.assertEqual(self.http.connections, 1)


if __name__ == "__main__":
    harness.main()
