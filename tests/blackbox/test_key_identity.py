"""A key is the URL that it leads to: the cache, shared requests, order and pending writes go by it."""

import harness
from dict import DictCase
from harness import http, url_table
from store import Store

USER = "bob@example.com"


class Identity(DictCase):
    def setUp(self):
        super().setUp()
        self.store = Store()
        self.http = self.backend(default=self.store)

    def start(self, *tables, **settings):
        return self.serve(*(tables or [url_table(self.http, **settings)]))

    def gets(self):
        return [request.target.decode() for request in list(self.http.requests) if request.method == "GET"]


class OneUrl(Identity):
    """If the template has no {user}, KEY of USER and KEY/USER are one key, in whatever way they are written."""

    def ask_all(self, expected):
        """Asks for the key by its three names: as Dovecot's private key, as a shared one, and over socketmap."""
        client = self.dict()
        got = [client.get("priv/quota"), client.get(f"shared/quota/{USER}"), self.client().ask("t", f"quota/{USER}")]
        word = b"OK " + expected if expected else b"NOTFOUND "
        self.assertEqual(got, [b"O" + expected if expected else b"N"] * 2 + [word])

    def test_cache(self):
        for settings in ({}, {"encode": "component"}, {"commit_url": self.http.url + "/all"}):
            with self.subTest(**settings):
                target = "/quota/bob%40example.com".replace("/bob", "%2Fbob" if "encode" in settings else "/bob")
                self.store.values[target.encode()] = b'"1"'
                self.http.forget()
                podop = self.start(cache={"ttl": "1h"}, **settings)
                self.ask_all(b"1")
                self.assertEqual(self.gets(), [target])
                podop.stop()

    def test_write_is_seen_under_every_name(self):
        for settings in ({}, {"write_behind": "1h"}, {"encode": "component"}):
            for name in ("priv/quota", f"shared/quota/{USER}"):
                with self.subTest(name=name, **settings):
                    self.store.values.clear()
                    podop = self.start(cache={"ttl": "1h", "negative_ttl": "1h"}, **settings)
                    self.ask_all(b"")
                    self.check_payload(self.dict().change(("set", name, '"new"')), "O")
                    self.ask_all(b"new")
                    self.check_payload(self.dict().change(("unset", name)), "O")
                    self.ask_all(b"")
                    podop.stop()

    def test_pending_writes_are_one(self):
        podop = self.start(write_behind="1h")
        client = self.dict()
        self.check_payload(client.change(("set", "priv/quota", "1")), "O")
        self.check_payload(client.change(("set", f"shared/quota/{USER}", "2")), "O")
        self.check_payload(client.change(("set", "priv/quota", "3"), ("set", f"shared/quota/{USER}", "4")), "O")
        podop.stop()
        self.assertEqual([(request.method, request.body) for request in self.http.requests], [("POST", b"4")])

    def test_increment_follows_what_is_pending(self):
        self.start(write_behind="1h")
        client = self.dict()
        self.check_payload(client.change(("set", "priv/quota", "1")), "O")
        self.check_payload(client.change(("increment", f"shared/quota/{USER}", 5)), "O")
        self.assertEqual([(request.method, request.body) for request in self.http.requests],
                         [("POST", b"1"), ("PATCH", b'{"inc": 5}')])

    def test_flush(self):
        self.store.values[b"/quota/bob%40example.com"] = b'"1"'
        control = self.path("c")
        self.serve(url_table(self.http, cache={"ttl": "1h"}), control={"socket": control})
        self.ask_all(b"1")
        self.store.values[b"/quota/bob%40example.com"] = b'"2"'
        done = harness.run("PODOPCTL", "flush", "t", "quota", "--user", USER, "--control", control)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.ask_all(b"2")

    def test_lookups_share_one_request(self):
        self.start(share=True)
        gate = self.http.gate()
        self.http.on("/quota/bob%40example.com", (gate, http('"1"')))
        first, second = self.dict(), self.dict()
        lookups = [first.lookup("priv/quota"), second.lookup(f"shared/quota/{USER}")]
        third = self.client()
        third.request("t", f"quota/{USER}")
        self.http.wait_requests(1)
        self.assertEqual(self.client().ask("t", "witness"), b"NOTFOUND ")
        gate.set()
        self.assertEqual([first.wait(lookups[0]), second.wait(lookups[1]), third.read()], [b"O1", b"O1", b"OK 1"])
        self.assertEqual(self.gets().count("/quota/bob%40example.com"), 1)

    def test_requests_of_one_connection_keep_their_order(self):
        """A lookup of another name of a written key waits for the write."""
        self.start()
        gate = self.http.gate()
        self.store.hold("POST", "/quota/bob%40example.com", gate)
        client = self.dict()
        with client.packet():
            commit = client.write(("set", "priv/quota", "1"))
            lookup = client.lookup(f"shared/quota/{USER}")
            rows = client.iterate("shared/quota/")
        self.http.wait_requests(1)
        self.assertEqual(self.client().ask("t", "witness"), b"NOTFOUND ")
        self.assertEqual(self.gets(), ["/witness"])
        gate.set()
        self.check_payload(client.wait(commit), "O")
        self.check_payload(client.wait(lookup), "O1")
        self.check_payload(client.wait(rows), "")
        self.assertIn("/quota/", self.gets())


class UserInTheTemplate(Identity):
    def test_where_users_are_apart(self):
        """Neither the key of another user nor a shared one is the same."""
        self.start(url_table(self.http, template="/u/{user}/k/{key}", cache={"ttl": "1h", "negative_ttl": "1h"}))
        client = self.dict()
        self.check_payload(client.get("priv/quota"), "N")
        self.check_payload(client.get(f"shared/quota/{USER}"), "N")
        self.check_payload(client.change(("set", "priv/quota", "1")), "O")
        self.check_payload(client.get("priv/quota"), "O1")
        self.check_payload(client.get(f"shared/quota/{USER}"), "N")
        self.assertEqual(self.gets(), ["/u/bob%40example.com/k/quota", "/u//k/quota/bob%40example.com",
                                       "/u/bob%40example.com/k/quota"])

    def test_where_a_slash_makes_two_keys_one(self):
        """Key b/c of user a and key c of user a/b are both /a/b/c; percent-encoded they are two keys."""
        for encode, is_one in (("path", True), ("component", False)):
            with self.subTest(encode=encode):
                self.store.values.clear()
                podop = self.start(url_table(self.http, template="/{user}/{key}", encode=encode, write_behind="1h",
                                             cache={"ttl": "1h", "negative_ttl": "1h"}))
                client = self.dict()
                self.check_payload(client.get("priv/c", user="a/b"), "N")
                self.check_payload(client.change(("set", "priv/b/c", "1"), user="a"), "O")
                self.check_payload(client.get("priv/c", user="a/b"), "O1" if is_one else "N")
                podop.stop()

    def test_key_twice_or_in_the_query(self):
        for template in ("/{key}/{key}?u={user}", "/?u={user}&k={key}", "/{key}?{user}"):
            with self.subTest(template=template):
                self.http.forget()
                podop = self.start(url_table(self.http, template=template, cache={"ttl": "1h", "negative_ttl": "1h"}))
                client = self.dict()
                for _ in range(2):
                    for user in ("al", "bo"):
                        for key in ("k", "k/al"):
                            client.get("priv/" + key, user=user)
                self.assertEqual(len(self.gets()), 4)
                self.assertEqual(len(set(self.gets())), 4)
                podop.stop()

    def test_no_key_in_the_template(self):
        """All keys are one URL."""
        self.start(url_table(self.http, template="/state/{user}", cache={"ttl": "1h", "negative_ttl": "1h"}))
        client = self.dict()
        for key in ("priv/a", "priv/b"):
            with self.subTest(key=key):
                self.check_payload(client.get(key), "N")
        self.assertEqual(len(self.gets()), 1)
        self.check_payload(client.change(("set", "priv/b", "1")), "O")
        self.check_payload(client.get("priv/a"), "O1")

    def test_urls_that_differ(self):
        """Keys that are one at the first URL need not be at the second, and the cache never mixes them."""
        other = self.backend(default=Store({"/x?k=quota&u=bob%40example.com": b'"second"'}))
        table = url_table(self.http, cache={"ttl": "1h", "negative_ttl": "1h"})
        table["param"] = [self.http.url + "/{key}", other.url + "/x?k={key}&u={user}"]
        self.http.default = lambda request: http(status=500)
        self.start(table)
        client = self.dict()
        self.check_payload(client.get("priv/quota"), "Osecond")
        self.check_payload(client.get(f"shared/quota/{USER}"), "N")
        self.http.default = self.store
        self.check_payload(client.change(("set", "priv/quota", "1")), "O")
        self.check_payload(client.get(f"shared/quota/{USER}"), "O1")
        self.check_payload(client.get("priv/quota"), "O1")


if __name__ == "__main__":
    harness.main()
