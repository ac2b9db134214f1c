"""The setting 'key': keys in their normal form, and lookups that try several forms of a key."""

import json

import harness
from control_case import FAILED, FOUND, MISS, USAGE, ControlCase
from dict import EXACT
from harness import Backend, http, url_table
from keys_case import Keys, target
from nameserver import FakeServer, mx
from program_case import PREAMBLE, Program

VIRTUAL = {"fold": True, "search": "virtual", "extension": "+", "propagate": True}


class Search(Keys):
    def test_virtual(self):
        self.keep(**{"bob@v.example": "alice@w.example, carol@w.example", "bob+own@v.example": "own@w.example",
                     "list@v.example": ["a@w.example", "b@w.example"], "@v.example": "catch@w.example",
                     "map@v.example": {"a": 1}, "whole@v.example": "@w.example"})
        self.run_table(VIRTUAL)
        self.check("Bob@V.Example", "OK alice@w.example, carol@w.example", "bob@v.example")
        self.check("Bob+News@V.Example", "OK alice+News@w.example, carol+News@w.example",
                   "bob+news@v.example", "bob@v.example")
        self.check("bob+own@v.example", "OK own@w.example", "bob+own@v.example")
        self.check("list+x@v.example", "OK a+x@w.example,b+x@w.example", "list+x@v.example", "list@v.example")
        self.check("map+x@v.example", 'OK {"a":1}', "map+x@v.example", "map@v.example")
        self.check("whole+x@v.example", "OK @w.example", "whole+x@v.example", "whole@v.example")
        self.check("nobody+x@v.example", "OK catch@w.example", "nobody+x@v.example", "nobody@v.example", "@v.example")
        self.check("nobody@x.example", "NOTFOUND ", "nobody@x.example", "@x.example")
        self.check("v.example", "NOTFOUND ", "v.example")

    def test_dovecot_gets_a_list_with_the_extension(self):
        self.keep(**{"list@v.example": ["a@w.example", "b@w.example"]})
        self.run_table(VIRTUAL)
        self.check_payload(self.dict().get("shared/list+x@v.example"), 'O["a+x@w.example","b+x@w.example"]')

    def test_domains(self):
        self.keep(**{"relay.example": "yes", "xn--bcher-kva.example": "books"})
        self.run_table({"fold": True, "idna": "ascii", "search": "domain"})
        self.check("A.Sub.Relay.Example", "OK yes", "a.sub.relay.example", "sub.relay.example", "relay.example")
        self.check("BÜCHER.example", "OK books", "xn--bcher-kva.example")

    def test_transport(self):
        self.keep(**{".relay.example": "smtp:[inner]"})
        self.run_table({"fold": True, "search": "transport", "extension": "+"})
        self.check("bob+x@sub.relay.example", "OK smtp:[inner]", "bob+x@sub.relay.example", "bob@sub.relay.example",
                   "sub.relay.example", ".relay.example")

    def test_access(self):
        self.keep(**{"bob@": "REJECT", "192.0.2": "OK"})
        self.run_table({"fold": True, "search": "access", "extension": "+"})
        self.check("bob+x@a.example", "OK REJECT", "bob+x@a.example", "bob@a.example", "a.example", "example",
                   "bob+x@", "bob@")
        self.check("192.0.2.7", "OK OK", "192.0.2.7", "192.0.2")

    def test_a_list_of_forms(self):
        self.run_table({"search": ["@domain", "user", "key", "*"], "extension": "-"})
        self.check("bob-x@v.example", "NOTFOUND ", "@v.example", "bob", "bob-x@v.example", "*")

    def test_a_failure_ends_it(self):
        self.keep(**{"@v.example": "catch@w.example"})
        self.run_table(VIRTUAL, retries=0)
        self.http.on(target("bob@v.example"), http(status=503))
        self.check("bob+x@v.example", "TEMP", "bob+x@v.example", "bob@v.example")
        self.check_failure(self.dict().get("shared/bob+x@v.example"))

    def test_false_is_not_found(self):
        self.keep(**{"bob@v.example": "", "@v.example": "catch@w.example"})
        self.run_table(VIRTUAL)
        self.check("bob@v.example", "OK catch@w.example", "bob@v.example", "@v.example")

    def test_one_timeout_for_all_forms(self):
        self.run_table(VIRTUAL, timeout="1s", retries=0)
        first, never = self.http.gate(), self.http.gate()
        self.http.on(target("bob+x@v.example"), (first, http(status=404)))
        self.http.on(target("bob@v.example"), (never, http(status=404)))
        self.postfix.request("t", "bob+x@v.example")
        self.http.wait_requests(1)
        first.set()
        self.check_reason(self.postfix.read(), "TIMEOUT")
        self.assertLess(self.http.count(target("@v.example")), 1)

    def test_each_form_is_cached(self):
        self.keep(**{"bob@v.example": "alice@w.example"})
        self.run_table(VIRTUAL, cache={"ttl": "1h", "negative_ttl": "1h"})
        self.check("bob+x@v.example", "OK alice+x@w.example", "bob+x@v.example", "bob@v.example")
        self.check("bob+X@V.EXAMPLE", "OK alice+X@w.example")
        self.check("BOB@v.example", "OK alice@w.example")
        self.check("bob+y@v.example", "OK alice+y@w.example", "bob+y@v.example")
        counts = self.stats()[1]["t"]
        self.assertEqual((counts["lookups"], counts["answers"]["found"], counts["answers"]["miss"], counts["fetches"]),
                         (4, 4, 0, 3))

    def test_flush_drops_the_forms(self):
        self.keep(**{"bob@v.example": "alice@w.example"})
        self.run_table(VIRTUAL, cache={"ttl": "1h", "negative_ttl": "1h"})
        self.check("bob+x@v.example", "OK alice+x@w.example", "bob+x@v.example", "bob@v.example")
        self.ctl("flush", "t", "Bob+X@v.example")
        self.check("bob+x@v.example", "OK alice+x@w.example", "bob+x@v.example", "bob@v.example")

    def test_stale(self):
        self.keep(**{"bob@v.example": "alice@w.example"})
        self.run_table({"fold": True, "search": ["user@domain"], "extension": "+", "propagate": True},
                       cache={"ttl": "1ms", "stale": "1h"}, retries=0)
        self.check("bob+x@v.example", "OK alice+x@w.example", "bob@v.example")
        self.http.on(target("bob@v.example"), http(status=503))
        self.expire()
        self.check("bob+y@v.example", "OK alice+y@w.example", "bob@v.example")

    def test_stale_after_forms_that_were_misses(self):
        self.keep(**{"@v.example": "catch@w.example"})
        self.run_table(VIRTUAL, cache={"ttl": "1ms", "negative_ttl": "1ms", "stale": "1h"}, retries=0)
        self.check("bob@v.example", "OK catch@w.example", "bob@v.example", "@v.example")
        self.check("bob@x.example", "NOTFOUND ", "bob@x.example", "@x.example")
        self.http.default = lambda request: http(status=503)
        self.expire()
        self.check("bob@v.example", "OK catch@w.example", "bob@v.example", "@v.example")
        self.check("bob@x.example", "TEMP", "bob@x.example", "@x.example")
        self.check("new@v.example", "TEMP", "new@v.example")

    def test_an_expired_miss_waits_for_a_restart(self):
        """Only a stale value answers at once while the backend refuses connections; a miss is none."""
        self.keep(**{"@v.example": "catch@w.example"})
        self.run_table(VIRTUAL, cache={"ttl": "1ms", "negative_ttl": "1ms", "stale": "1h"})
        self.check("bob@v.example", "OK catch@w.example", "bob@v.example", "@v.example")
        self.check("bob@x.example", "NOTFOUND ", "bob@x.example", "@x.example")
        self.expire()
        self.http.stop()
        client = self.client()
        client.request("t", "bob@x.example")
        self.assertEqual(self.client().ask("t", "bob@v.example"), b"OK catch@w.example")
        self.assertFalse(client.has_news())
        again = Backend(port=self.http.port, default=lambda request: http(status=404))
        self.addCleanup(again.stop)
        self.check_payload(client.read(), "NOTFOUND ")

    def test_an_iteration_looks_up_no_other_form(self):
        """A name without a value is left out, and does not get that of a catch-all."""
        self.keep(**{"@v.example": "catch@w.example", "users/bob@v.example": "bob"})
        self.http.on(target("users/"), http('["bob@v.example", "gone@v.example"]'))
        self.run_table(VIRTUAL)
        self.assertEqual(self.dict().rows("shared/users/"), [(b"shared/users/bob@v.example", b"bob")])
        self.assertEqual(sorted(self.asked()), ["users/", "users/bob@v.example", "users/gone@v.example"])

    def test_each_form_passes_skip(self):
        self.keep(**{"bob@v.example": "alice@w.example"})
        self.run_table(VIRTUAL, skip=["*+*", "@*"])
        self.check("bob+x@v.example", "OK alice+x@w.example", "bob@v.example")
        self.check("carol@v.example", "NOTFOUND ", "carol@v.example")

    def test_lookups_share_forms(self):
        self.run_table(VIRTUAL, share=True)
        gate = self.http.gate()
        self.http.on(target("@v.example"), (gate, http('"catch@w.example"')))
        clients = [self.client() for _ in range(3)]
        for number, client in enumerate(clients):
            client.request("t", f"nobody{number}@v.example")
        harness.wait_until(lambda: self.stats()[1]["t"]["joined"] == 2, "the lookups share the last form")
        gate.set()
        for client in clients:
            self.check_payload(client.read(), "OK catch@w.example")
        self.assertEqual(self.http.count(target("@v.example")), 1)

    def test_a_client_that_goes_away(self):
        self.run_table(VIRTUAL)
        gate = self.http.gate()
        self.http.on(target("bob@v.example"), (gate, http(status=404)))
        self.postfix.request("t", "bob+x@v.example")
        self.http.wait_requests(2)
        self.postfix.close()
        self.postfix = self.client()
        self.check_answer(self.postfix.ask("t", "x"), "NOTFOUND ")
        gate.set()
        self.assertEqual(self.http.count(target("@v.example")), 0)

    def test_reload_in_the_middle(self):
        self.keep(**{"@v.example": "catch@w.example"})
        self.run_table(VIRTUAL)
        gate = self.http.gate()
        self.http.on(target("bob@v.example"), (gate, http(status=404)))
        self.postfix.request("t", "bob@v.example")
        self.http.wait_requests(1)
        self.configure(url_table(self.http, key={"fold": False}))
        self.ctl("reload")
        self.check_answer(self.client().ask("t", "Bob@V.Example"), "NOTFOUND ")
        gate.set()
        self.check_payload(self.postfix.read(), "OK catch@w.example")

    def test_reload_keeps_the_cache_of_equal_settings(self):
        self.keep(**{"bob@v.example": "alice@w.example"})
        self.run_table(VIRTUAL, cache={"ttl": "1h"})
        self.check("bob@v.example", "OK alice@w.example", "bob@v.example")
        self.configure(url_table(self.http, key=VIRTUAL, cache={"ttl": "1h"}), log={"level": "info"})
        self.ctl("reload")
        self.check("bob@v.example", "OK alice@w.example")
        self.configure(url_table(self.http, key={**VIRTUAL, "fold": "domain"}, cache={"ttl": "1h"}))
        self.ctl("reload")
        self.check("bob@v.example", "OK alice@w.example", "bob@v.example")


class NormalForm(Keys):
    def test_users_of_dovecot(self):
        self.keep(**{"quota/bob@v.example": "1", "Quota/Bob@v.example": "2"})
        self.run_table({"fold": True, "search": "virtual"})
        self.check_payload(self.dict(user="Bob@V.Example").get("priv/Quota"), "O1")
        self.server.stop()
        self.run_table({"fold": "domain", "search": "virtual"})
        self.check_payload(self.dict(user="Bob@V.Example").get("priv/Quota"), "O2")
        self.assertEqual(self.asked(), ["quota/bob@v.example", "Quota/Bob@v.example"])

    def test_a_write_is_seen_by_lookups(self):
        for settings in ({}, {"write_behind": "1h"}):
            with self.subTest(**settings):
                self.store.values.clear()
                self.run_table({"fold": True}, cache={"ttl": "1h", "negative_ttl": "1h"}, **settings)
                self.check_payload(self.postfix.ask("t", "bob@v.example"), "NOTFOUND ")
                self.check_payload(self.dict().change(("set", "shared/Bob@V.Example", "New")), "O")
                self.check_payload(self.postfix.ask("t", "bob@V.example"), "OK New")
                self.check_payload(self.dict().change(("unset", "shared/BOB@v.example")), "O")
                self.check_payload(self.postfix.ask("t", "Bob@v.example"), "NOTFOUND ")
                self.server.stop()

    def test_the_backend_gets_the_normal_form_of_writes(self):
        self.run_table({"fold": True})
        self.check_payload(self.dict(user="Bob@V.Example").change(("set", "priv/Quota", "1")), "O")
        request = self.http.requests[0]
        self.assertEqual((request.target, request.header("Podop-User")), (b"/quota/bob%40v.example", ["bob@v.example"]))

    def test_a_write_is_ordered_with_a_lookup_of_one_of_its_forms(self):
        self.run_table(VIRTUAL)
        gate = self.http.gate()
        self.store.hold("POST", target("bob@v.example"), gate)
        client = self.dict()
        with client.packet():
            write = client.write(("set", "shared/Bob@V.Example", "alice@w.example"))
            lookup = client.lookup("shared/bob+x@v.example")
            exact = client.iterate("shared/bob+x@v.example", EXACT)
        self.http.wait_requests(1)
        gate.set()
        client.wait(write)
        self.check_payload(client.wait(lookup), "Oalice+x@w.example")
        client.wait(exact)
        self.assertEqual(exact.rows, [(b"shared/bob+x@v.example", b"alice+x@w.example")])
        self.assertEqual(self.http.requests[0].method, "POST")

    def test_local_parts_are_not_domains(self):
        """With 'idna', a key without '@' of a table with local parts, and a user without a domain."""
        key = {"fold": True, "idna": "ascii", "search": ["key", "user"], "extension": "+"}
        path = self.write("t.json", json.dumps({"Müller": "mail", "quota/müller": "1"}))
        self.server = self.start(url_table(self.http, key=key, cache={"ttl": "1h"}),
                                 {"name": "j", "type": "json", "param": path, "key": key})
        postfix = self.client()
        for table, answer in (("j", "OK mail"), ("t", "NOTFOUND ")):
            self.check_payload(postfix.ask(table, "Müller+x@bücher.example"), answer)
        self.check_payload(self.dict().change(("set", "shared/Müller", "mail")), "O")
        self.check_payload(postfix.ask("t", "müller@bücher.example"), "OK mail")
        self.check_payload(self.dict(user="Müller", name="j").get("priv/quota"), "O1")

    def test_iterations(self):
        self.keep(**{"book/": ["Entry"], "book/Entry": "x"})
        self.store.values[b"/book/"] = b'"unused"'
        self.run_table({"fold": True})
        self.dict().rows("shared/BOOK/", 8)
        self.assertEqual(self.asked()[0], "book/")

    def test_defaults_and_options(self):
        self.podop("-c", self.write("podop.conf", harness.conf_file(
            listen=[{"socket": self.socket}], defaults={"key": {"fold": True, "extension": "+"}},
            tables=[url_table(self.http, key={"search": "virtual"})])), "--set", "tables.t.key.fold=domain")
        self.postfix = self.client()
        self.check("Bob+X@V.Example", "NOTFOUND ", "Bob+X@v.example", "Bob@v.example", "@v.example")

    def test_keys_that_are_not_text(self):
        self.run_table({"fold": True, "idna": "ascii", "search": "access", "extension": "+"})
        for key in (b"", b"@", b"\xff@\xff.EXAMPLE", b"+@+", b"@@@", b"a" * 60_000 + b"@x", b"." * 60_000, b"<>",
                    b'"A B"@x'):
            with self.subTest(key=key[:20]):
                self.assertIn(self.postfix.ask("t", key)[:4], (b"NOTF", b"PERM"))
                self.assertLess(len(self.asked()), 10)


class Shown(Keys):
    def test_explain(self):
        self.keep(**{"bob@v.example": "alice@w.example"})
        self.run_table(VIRTUAL)
        answer = self.explain("Bob+X@V.Example")
        self.assertEqual((answer["status"], answer["postfix"]), ("found", "alice+X@w.example"))
        self.assertEqual(self.notes(answer, "key"), ["bob+x@v.example"])
        self.assertEqual(self.notes(answer, "form"), ["bob+x@v.example", "bob@v.example"])
        self.assertEqual(self.notes(answer, "result"), ["miss", "found"])
        self.assertEqual(self.notes(answer, "found") + self.notes(answer, "extended"), ["bob@v.example", "+X"])
        self.assertEqual(self.notes(answer, "status"), ["404", "200"])
        answer = self.explain("Quota", user="Bob@V.Example")
        self.assertEqual((self.notes(answer, "key"), self.notes(answer, "user"), self.notes(answer, "form")),
                         (["quota"], ["bob@v.example"], []))

    def test_explain_of_a_key_without_forms(self):
        self.run_table({"search": ["user@domain", "@domain"]})
        self.assertRegex(self.notes(self.explain("v.example"), "form")[0], "^none")

    def get(self, *args, status=FOUND):
        done = self.ctl("get", "t", *args, "--forms", "--socket", self.socket, status=status)
        return done.stdout, done.stderr

    def test_get(self):
        self.keep(**{"bob@v.example": "alice@w.example"})
        self.run_table(VIRTUAL)
        self.assertEqual(self.get("Bob+X@v.example"), (
            "alice+X@w.example\n", "form: bob+x@v.example: miss\nform: bob@v.example: found\nextended: +X\n"))
        self.assertEqual(self.get("x@x", status=MISS)[1], "form: x@x: miss\nform: @x: miss\n")
        self.assertEqual(self.get("-", status=USAGE)[0], "")
        long_key = "x" * 5000 + "@v.example"
        self.assertEqual(self.get(long_key, status=MISS)[1],
                         f"form: {long_key[:300]}... (5010 bytes): miss\nform: @v.example: miss\n")
        self.server.stop()
        self.run_table({"fold": False})
        self.assertEqual(self.get("Bob@v.example", status=MISS), ("", "form: Bob@v.example: miss\n"))
        self.server.stop()
        self.assertEqual(self.get("Bob@v.example", status=FAILED)[0], "")


class OtherTypes(ControlCase):
    def test_json(self):
        path = self.write("t.json", json.dumps({"Bob@V.Example": "alice@w.example", "Quota/Bob@V.Example": "1"}))
        table = {"name": "t", "type": "json", "param": path}
        self.start({**table, "key": VIRTUAL}, {**table, "name": "plain"}, {**table, "name": "domain",
                                                                           "key": {"fold": "domain"}})
        client = self.client()
        for name, key, answer in (("t", "bob+X@v.example", "OK alice+X@w.example"),
                                  ("plain", "bob@v.example", "NOTFOUND "),
                                  ("plain", "Bob@V.Example", "OK alice@w.example"),
                                  ("domain", "Bob@v.EXAMPLE", "OK alice@w.example"),
                                  ("domain", "bob@v.example", "NOTFOUND ")):
            with self.subTest(table=name, key=key):
                self.check_payload(client.ask(name, key), answer)
        for name in ("t", "domain"):
            self.check_payload(self.dict(user="Bob@v.example", name=name).get("priv/Quota"), "O1")

    def test_json_with_keys_that_become_one(self):
        path = self.write("t.json", '{"Bob@x": 1, "carol@x": 2, "BOB@x": 3}')
        table = {"name": "t", "type": "json", "param": path, "key": {"fold": True}}
        done = harness.run("PODOP", "-t", "-c", self.configure(table))
        self.assertEqual(done.returncode, 78)
        self.assertIn('duplicate key: "Bob@x" of line 1 and "BOB@x" are the same key', done.stderr)

    def test_dns(self):
        server = FakeServer(self, lambda question: question.answer(mx(question.name, 10, "mx1.mail.example"))
                            if question.name == "one.example" else question.answer())
        self.start({"name": "t", "type": "dns", "param": "mx1.mail.example", "servers": [server.address],
                    "key": {"fold": True, "search": ["domain", "parents"]}})
        self.check_answer(self.client().ask("t", "bob@sub.ONE.example"), "OK one.example")


class ProgramTable(Program):
    def test_program(self):
        self.start("""
for request in ask():
    if request["key"] == "@v.example":
        say(request, value="catch@w.example")
    else:
        say(request, "miss")
""", preamble=PREAMBLE, key=VIRTUAL)
        self.check_answer(self.postfix.ask("t", "Bob+X@V.Example"), "OK catch@w.example")


if __name__ == "__main__":
    harness.main()
