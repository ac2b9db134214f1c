"""lookup = "post": the key is in the body (podop-url(7), "LOOKUPS BY POST")."""

import json

import harness
from control_case import ControlCase
from dict import DictCase
from harness import CLOSE, RESET, http, netstring, url_table

USER = "bob@example.com"


def answer(request):
    """Finds each key; the value is the key and the user."""
    question = json.loads(request.body)
    if question["key"].endswith("/"):
        return http('["one", "two"]')
    return http(json.dumps(question["key"] + " of " + question.get("user", "nobody")))


class Post(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=answer)

    def start(self, template="/lookup", **settings):
        return self.serve(url_table(self.http, template=template, lookup="post", **settings))

    def bodies(self):
        return [request.body.decode() for request in list(self.http.requests)]


class Requests(Post):
    def test_request(self):
        self.start()
        self.check_payload(self.client().ask("t", 'te"am@example.com'), 'OK te"am@example.com of nobody')
        (request,) = self.http.requests
        self.assertEqual((request.method, request.target), ("POST", b"/lookup"))
        self.assertEqual(request.body, rb'{"table": "t", "key": "te\"am@example.com"}')
        self.assertEqual(request.header("Content-Type"), ["application/json"])
        self.assertEqual(request.header("Content-Length"), [str(len(request.body))])
        self.assertEqual(request.header("Accept"), ["application/json"])
        self.assertEqual(request.header("Podop-Table"), ["t"])
        self.assertEqual(request.header("Podop-User"), [])

    def test_user(self):
        """Only a priv/ key has a user, and it is not appended to the key."""
        self.start()
        client = self.dict()
        self.check_payload(client.get("priv/quota"), "Oquota of " + USER)
        self.check_payload(client.get("shared/quota"), "Oquota of nobody")
        self.assertEqual([json.loads(body) for body in self.bodies()],
                         [{"table": "t", "key": "quota", "user": USER}, {"table": "t", "key": "quota"}])
        self.assertEqual([request.header("Podop-User") for request in self.http.requests], [[USER], []])

    def test_places_of_the_url(self):
        self.start(template="/x/{user}?k=§")
        self.check_payload(self.dict().get("priv/a b"), "Oa b of " + USER)
        self.check_payload(self.client().ask("t", ".."), "OK .. of nobody")
        self.assertEqual([request.target for request in self.http.requests], [b"/x/bob%40example.com?k=a%20b",
                                                                              b"/x/?k=.."])

    def test_odd_keys(self):
        self.start()
        client = self.client()
        for key in ("", " ", ".", "..", "a/../b", "\0", "a\nb", "ö\u0301", "\U0001f600", '{"key": "x"}', "\\",
                    "x" * 60_000):
            with self.subTest(key=key):
                self.http.forget()
                got = client.ask("t", key)
                self.assertEqual(json.loads(self.http.requests[0].body)["key"], key)
                self.assertIn(got[:3], (b"OK ", b"PER"))  # a NUL in the value

    def test_no_key_of_another_encoding(self):
        self.start()
        client = self.client()
        for key in (b"\xff", b"j\xf6rg@example.com", b"\xc3", b"\xed\xa0\x80"):
            with self.subTest(key=key):
                self.check_payload(client.ask("t", key), "NOTFOUND ")
        self.check_payload(self.dict().get("priv/k", user=b"j\xf6rg"), "N")
        self.assertEqual(self.http.requests, [])

    def test_select_and_statuses(self):
        self.http.default = None
        self.start(select="/data")
        client = self.client()
        for response, expected in ((http('{"data": "x"}'), "OK x"), (http("{}"), "NOTFOUND "),
                                   (http("null"), "NOTFOUND "), (http(status=404), "NOTFOUND "),
                                   (http(status=204), "NOTFOUND "), (http(status=500), "TEMP"),
                                   (http(status=405), "TEMP"), (http("no JSON"), "TEMP")):
            with self.subTest(response=response):
                self.http.on("/lookup", response)
                self.check_answer(client.ask("t", "k"), expected)


class AsAGet(Post):
    """A lookup by POST may be repeated, and shares connections and answers."""

    def test_connection_is_kept(self):
        self.start()
        client = self.client()
        for number in range(5):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number} of nobody")
        self.assertEqual(self.http.connections, 1)

    def test_sent_again_after_an_idle_connection_broke(self):
        self.start(retries=0)
        client = self.client()
        self.check_payload(client.ask("t", "first"), "OK first of nobody")
        self.http.on("/lookup", CLOSE, http('"again"'))
        self.check_payload(client.ask("t", "second"), "OK again")
        self.assertEqual(self.bodies()[1:], ['{"table": "t", "key": "second"}'] * 2)

    def test_retry(self):
        self.start(retries=1)
        self.http.on("/lookup", RESET, http('"again"'))
        self.check_payload(self.client().ask("t", "k"), "OK again")
        self.assertEqual(self.http.count("/lookup"), 2)

    def test_failover(self):
        second = self.backend(default=answer)
        self.http.default = lambda request: http(status=503)
        self.serve({"name": "t", "type": "url", "param": [self.http.url + "/a", second.url + "/b"], "lookup": "post"})
        self.check_payload(self.client().ask("t", "k"), "OK k of nobody")
        self.assertEqual([request.body for request in self.http.requests + second.requests],
                         [b'{"table": "t", "key": "k"}'] * 2)

    def test_shared_by_key_and_not_by_url(self):
        self.start(share=True)
        gate = self.http.gate()
        self.http.on("/lookup", (gate, http('"one"')), (gate, http('"two"')), http('"witness"'))
        first, second = self.client(), self.client()
        first.send(netstring("t a") + netstring("t b"))
        self.http.wait_requests(2)
        second.send(netstring("t a"))
        self.check_payload(self.client().ask("t", "witness"), "OK witness")
        gate.set()
        got = [first.read(), first.read()]
        self.assertEqual(sorted(got), [b"OK one", b"OK two"])
        self.assertEqual(second.read(), got[0])
        self.assertEqual(len(self.http.requests), 3)

    def test_cache_is_by_key_and_user(self):
        self.start(cache={"ttl": "1h", "negative_ttl": "1h"})
        client, postfix = self.dict(), self.client()
        for _ in range(2):
            self.check_payload(client.get("priv/a"), f"Oa of {USER}")
            self.check_payload(client.get("priv/a", user="eve"), "Oa of eve")
            self.check_payload(client.get("shared/a"), "Oa of nobody")
            self.check_payload(client.get(f"shared/a/{USER}"), f"Oa/{USER} of nobody")
            self.check_payload(postfix.ask("t", "a"), "OK a of nobody")
        self.assertEqual(len(self.http.requests), 4)

    def test_iteration(self):
        self.start()
        client = self.dict()
        self.assertEqual(sorted(client.rows("priv/p/")),
                         [(b"priv/p/one", f"p/one of {USER}".encode()), (b"priv/p/two", f"p/two of {USER}".encode())])
        self.assertEqual(json.loads(self.bodies()[0]), {"table": "t", "key": "p/", "user": USER})
        self.assertEqual([request.method for request in self.http.requests], ["POST"] * 3)


class Writes(Post):
    def test_refused_without_commit_url(self):
        self.start()
        client = self.dict()
        for change in (("set", "priv/k", "v"), ("unset", "shared/k"), ("increment", "priv/k", 1)):
            with self.subTest(change=change):
                got = client.change(change)
                self.check_failure(got)
                self.assertIn(b"commit_url", got)
        self.assertEqual(self.http.requests, [])

    def test_commit_url(self):
        self.http.on("/commit", http(), http())
        self.start(commit_url=self.http.url + "/commit", cache={"ttl": "1h"})
        client = self.dict()
        self.check_payload(client.get("priv/k"), f"Ok of {USER}")
        self.check_payload(client.change(("set", "priv/k", "1")), "O")
        self.check_payload(client.get("priv/k"), f"Ok of {USER}")
        self.assertEqual([json.loads(body) for body in self.bodies()],
                         [{"table": "t", "key": "k", "user": USER},
                          {"user": USER, "ops": [{"op": "set", "key": f"k/{USER}", "value": 1}]},
                          {"table": "t", "key": "k", "user": USER}])

    def test_write_is_sent_once(self):
        self.http.on("/commit", RESET)
        self.start(commit_url=self.http.url + "/commit", retries=3)
        self.check_failure(self.dict().change(("set", "priv/k", "1")), letter="W")
        self.assertEqual(self.http.count("/commit"), 1)

    def check_test(self, status, word, **settings):
        table = url_table(self.http, template="/x", lookup="post", **settings)
        path = self.write("test.conf", harness.conf_file(listen=[{"socket": self.socket}], tables=[table]))
        done = harness.run("PODOP", "-c", path, "-t")
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(word, done.stderr)

    def test_write_behind_needs_commit_url(self):
        self.check_test(78, "'write_behind' in table 't' needs 'commit_url'", write_behind="1s")
        self.check_test(0, "", write_behind="1s", commit_url=self.http.url + "/commit")
        self.check_test(0, "", write_behind=0)


class Explained(ControlCase):
    def test_body_is_shown(self):
        self.start(url_table(self.http, template="/x", lookup="post"))
        self.http.on("/x", http('"v"'), http('"v"'))
        shown = self.explain("k", user="u")
        self.assertEqual(self.notes(shown, "url"), [self.http.url + "/x"])
        self.assertEqual(self.notes(shown, "post"), ['{"table": "t", "key": "k", "user": "u"}'])
        self.assertEqual(self.notes(shown, "body"), ['"v"'])
        text = self.ctl("explain", "t", "k").stdout.splitlines()
        self.assertIn('post:     {"table": "t", "key": "k"}', text)


if __name__ == "__main__":
    harness.main()
