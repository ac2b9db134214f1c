"""What the setting 'key' makes of the keys that Postfix and Dovecot send: forms, extensions, normal forms and values.

Each case is asked for in both protocols, and both must lead to the same requests.
"""

import harness
from harness import http, to_bytes
from keys_case import Keys, target

FORMS = ["key", "user@domain", "user+ext", "user", "@domain", "domain", ".domain", "parents", "user+ext@", "user@", "*"]
VIRTUAL = {"fold": True, "search": "virtual", "extension": "+", "propagate": True}


class Meaning(Keys):
    """Checks which keys a backend without a value is asked for."""

    def check_forms(self, cases):
        """Checks pairs of a key and the forms that it gives, which are a list or have blanks between them."""
        client = self.dict()
        for key, text in cases:
            forms = text.split() if isinstance(text, str) else text
            with self.subTest(key=key):
                self.check(key, "NOTFOUND ", *forms)
                self.check_payload(client.get("shared/" + key), "N")
                self.assertEqual(self.asked(), forms)

    def check_normal(self, settings, cases):
        """Checks pairs of a key and its normal form, which is its own normal form."""
        self.run_table(settings)
        self.check_forms((key, [case[1]]) for case in cases for key in case)


class Extensions(Meaning):
    def test_where_it_begins(self):
        self.run_table({"search": ["key", "user@domain"], "extension": "+-"})
        self.check_forms((key, f"{key} {bare}") for key, bare in (
            ("a-b+c@d.ex", "a@d.ex"),
            ("a+b-c@d.ex", "a@d.ex"),
            ("a+@d.ex", "a@d.ex"),
            ("+a+b@d.ex", ""),
            ("-@d.ex", ""),
            ("a=b@d.ex", ""),
            ("a+b@c@d.ex", "a@d.ex"),
            ("a+b@", "a@"),
            ("@d+e.ex", ""),
            ("d+e.ex", ""),
        ))

    def test_names_without_one(self):
        self.run_table({"search": ["key", "user@domain"], "extension": "-+"})
        self.check_forms((key, f"{key} {bare}") for key, bare in (
            ("Owner-list@d.ex", ""),
            ("owner-list+x@d.ex", ""),
            ("owner-@d.ex", ""),
            ("ownerx-list@d.ex", "ownerx@d.ex"),
            ("list-REQUEST@d.ex", ""),
            ("list-request-x@d.ex", "list@d.ex"),
            ("list-requests@d.ex", "list@d.ex"),
            ("Mailer-Daemon@d.ex", ""),
            ("mailer-daemon+x@d.ex", "mailer@d.ex"),
            ("double-bounce@d.ex", ""),
            ("double-bounced@d.ex", "double@d.ex"),
            ("postmaster+x@d.ex", "postmaster@d.ex"),
        ))

    def test_lists_have_one_where_the_delimiter_is_another(self):
        self.run_table({"search": ["key", "user@domain"], "extension": "+"})
        self.check_forms([("owner-list+x@d.ex", "owner-list+x@d.ex owner-list@d.ex"),
                          ("list+x-request@d.ex", "list+x-request@d.ex list@d.ex"),
                          ("mailer-daemon+x@d.ex", "mailer-daemon+x@d.ex mailer-daemon@d.ex")])

    def test_quoted_local_parts(self):
        self.run_table({"search": ["user@domain"], "extension": "+"})
        for key, form in (('"a b+c d"@d.ex', '"a b"@d.ex'), ('"a@b+c"@d.ex', '"a@b"@d.ex'), ('"a+b@c"@d.ex', "a@d.ex"),
                          ('"a..b+x"@d.ex', '"a..b"@d.ex'), ('"+x"@d.ex', '"+x"@d.ex'), ('"a b"@d.ex', '"a b"@d.ex')):
            with self.subTest(key=key):
                self.check(key, "NOTFOUND ", form)


class Forms(Meaning):
    def test_all_forms(self):
        self.run_table({"search": FORMS, "extension": "+"})
        self.check_forms((
            ("B+x@m.n.ex", "B+x@m.n.ex B@m.n.ex B+x B @m.n.ex m.n.ex .n.ex .ex n.ex ex B+x@ B@ *"),
            ("b@ex", "b@ex b @ex ex b@ *"),
            ("m.n.ex", "m.n.ex .n.ex .ex n.ex ex *"),
            ("ex", "ex *"),
            ("*", "*"),
            ("@m.ex", "@m.ex m.ex .ex ex *"),
            ("198.51.100.77", "198.51.100.77 198.51.100 198.51 198 *"),
            ("2001:db8:5::9", "2001:db8:5::9 2001:db8:5: 2001:db8:5 2001:db8 2001 *"),
        ))

    def test_order_of_the_setting(self):
        self.run_table({"search": ["*", "parents", "@domain", "key", "parents", "key", "user"], "extension": "+"})
        self.check_forms([("b+x@m.n.ex", "* n.ex ex @m.n.ex b+x@m.n.ex b")])

    def test_key_without_any_form(self):
        """A key that gives no form is a miss without a request."""
        self.run_table({"search": ["user@domain", "user"]})
        self.check("m.ex", "NOTFOUND ")
        self.check_payload(self.dict().get("shared/m.ex"), "N")
        self.assertEqual(self.asked(), [])

    def test_presets(self):
        for preset, forms in (
                ("virtual", "b+x@m.n.ex b@m.n.ex @m.n.ex"),
                ("canonical", "b+x@m.n.ex b@m.n.ex @m.n.ex"),
                ("transport", "b+x@m.n.ex b@m.n.ex m.n.ex .n.ex .ex"),
                ("access", "b+x@m.n.ex b@m.n.ex m.n.ex n.ex ex b+x@ b@"),
                ("domain", "m.n.ex n.ex ex")):
            with self.subTest(preset=preset):
                self.run_table({"search": preset, "extension": "+"})
                self.check_forms([("b+x@m.n.ex", forms)])
                self.server.stop()

    def test_each_form_is_cached_and_written_by_itself(self):
        self.keep(**{"b@d.ex": "a@w.ex", "@d.ex": "catch@w.ex"})
        self.run_table(VIRTUAL, cache={"ttl": "1h", "negative_ttl": "1h"})
        self.check("B+1@d.ex", "OK a+1@w.ex", "b+1@d.ex", "b@d.ex")
        self.check("b+2@D.ex", "OK a+2@w.ex", "b+2@d.ex")
        self.check("B@d.ex", "OK a@w.ex")
        self.check("c@d.ex", "OK catch@w.ex", "c@d.ex", "@d.ex")
        self.check("e@d.ex", "OK catch@w.ex", "e@d.ex")
        self.check_payload(self.dict().change(("unset", "shared/B@D.ex")), "O")
        self.http.forget()
        self.check("b+1@d.ex", "OK catch@w.ex", "b@d.ex")
        self.check_payload(self.dict().change(("set", "shared/B+1@D.ex", "own@w.ex")), "O")
        self.http.forget()
        self.check("b+1@d.ex", "OK own@w.ex", "b+1@d.ex")
        self.check("b+2@d.ex", "OK catch@w.ex")

    def test_skip_is_about_each_form(self):
        self.keep(**{"b@d.ex": "a@w.ex", "@d.ex": "catch@w.ex"})
        self.run_table({"fold": True, "search": "virtual", "extension": "+"}, skip=["*+*", "b@*"])
        self.check("B+x@d.ex", "OK catch@w.ex", "@d.ex")
        self.check("C+x@d.ex", "OK catch@w.ex", "c@d.ex", "@d.ex")


class NormalForms(Meaning):
    def test_fold(self):
        self.check_normal({"fold": True}, (
            ("A+B@C.Ex", "a+b@c.ex"), ("ẞ@STRASSE.ex", "ss@strasse.ex"), ("ΑΣ@Ç.ex", "ασ@ç.ex"), ("ﬁX@x", "fix@x"),
            ("İ", "i̇"), ('"A B"@C', '"a b"@c')))

    def test_fold_of_the_domain(self):
        self.check_normal({"fold": "domain"}, (
            ("SRS0=aB=cD=E.Ex=Bob@Fwd.EX", "SRS0=aB=cD=E.Ex=Bob@fwd.ex"), ("A@B@C", "A@B@c"), ("B.EX", "B.EX"),
            ("@B.EX", "@b.ex"), ("Ö@Ö", "Ö@ö"), ("A@", "A@")))

    def test_bytes_that_are_not_text(self):
        self.run_table({"fold": True})
        self.check_payload(self.postfix.ask("t", b"A\xff\xc3\x96B@C"), "NOTFOUND ")
        self.assertEqual(self.http.requests[-1].target, b"/a%FF%C3%96b%40c")
        self.server.stop()
        self.run_table({"fold": "domain"})
        self.check_payload(self.postfix.ask("t", b"A\xff@C" + to_bytes("Ö")), "NOTFOUND ")
        self.assertEqual(self.http.requests[-1].target, b"/A%FF%40c%C3%B6")

    def test_a_labels(self):
        self.check_normal({"idna": "ascii"}, (
            ("Ö@Zürich.ex", "Ö@xn--zrich-kva.ex"), ("zürich.ex", "xn--zrich-kva.ex"), ("@ö.ex", "@xn--nda.ex"),
            (".ö.ex", ".xn--nda.ex"), ("A@faß.ex", "A@xn--fa-hia.ex"), ("a@ZU\u0308RICH", "a@xn--zrich-kva"),
            ("a@XN--ZRICH-KVA", "a@xn--zrich-kva"), ("A@B.EX", "A@B.EX")))

    def test_u_labels(self):
        self.check_normal({"idna": "unicode"}, (
            ("xn--nda@xn--zrich-kva.ex", "xn--nda@zürich.ex"), ("XN--ZRICH-KVA.ex", "zürich.ex"),
            ("a@ZÜRICH.ex", "a@zürich.ex"), ("a@xn--fa-hia.ex", "a@faß.ex"), ("A@B.EX", "A@B.EX")))

    def test_domains_that_cannot_be_converted(self):
        keys = ["a@-ö.ex", "a@ö..ex", "a@ab--cd.ö", "a@" + "ö" * 64 + ".ex", "a@xn--999999999.ex", "a@ö/b", "a@*.ö"]
        for idna in ("ascii", "unicode"):
            with self.subTest(idna=idna):
                self.check_normal({"idna": idna}, [(key, key) for key in keys])
                self.server.stop()

    def test_both(self):
        self.check_normal({"fold": True, "idna": "ascii"}, (
            ("Ö@ZÜRICH.Ex", "ö@xn--zrich-kva.ex"), ("A@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"),
            ("A@XN--ZRICH-KVA.EX", "a@xn--zrich-kva.ex")))
        self.server.stop()
        self.check_normal({"fold": True, "idna": "unicode"}, (
            ("A@xn--fa-hia.ex", "a@fass.ex"), ("A@XN--ZRICH-KVA.EX", "a@zürich.ex")))


class Failures(Meaning):
    """A form that fails is never taken for one that does not exist."""

    FORMS = ("b+x@d", "b@d", "@d")
    KINDS = (
        ("status", http(status=500)),
        ("no JSON", http("<html>")),
        ("empty", http("")),
        ("redirect", http(status=302)),
        ("encoded", http('"x"', 200, "Content-Encoding: br")),
        ("told", http('{"fault": "no database"}')),
        ("page", b"HTTP/1.1 404 X\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"),
        ("cut short", (http('"x"', length=9), harness.CLOSE)),
    )

    def test_each_kind_at_each_form(self):
        self.keep(**{"@d": "catch@w"})
        self.run_table(VIRTUAL, retries=0, strict=True, error="/fault")
        client = self.dict()
        for number, form in enumerate(self.FORMS):
            for kind, answer in self.KINDS:
                with self.subTest(form=form, kind=kind):
                    self.break_form(form, answer)
                    self.check("b+x@d", "TEMP", *self.FORMS[:number + 1])
                    self.check_failure(client.get("shared/b+x@d"))
                    self.http.forget()
                    self.check("b@e", "NOTFOUND ", "b@e", "@e")  # so the URL is never suspended

    def break_form(self, form, answer):
        """Makes the backend give this answer to one key."""
        broken = target(form).encode()
        self.http.default = lambda request: answer if request.target == broken else self.store(request)

    def check_outage(self, values, key, answer, *forms, **settings):
        """Checks the answer to a key that was asked for when the backend still worked."""
        self.http.default = self.store
        self.store.values.clear()
        self.keep(**values)
        self.run_table(VIRTUAL, retries=0, cache={"ttl": "1ms", "negative_ttl": "1ms", "stale": "1h"}, **settings)
        self.postfix.ask("t", key)
        self.http.forget()
        self.http.default = lambda request: http(status=503)
        self.expire()
        self.check(key, answer, *forms)
        self.server.stop()

    def test_misses_of_before_an_outage(self):
        for name, values, answer, forms, settings in (
                ("all misses", {}, "TEMP", self.FORMS, {}),
                ("last form", {"@d": "z@w"}, "OK z@w", self.FORMS, {}),
                ("middle form", {"b@d": "m@w", "@d": "z@w"}, "OK m+X@w", self.FORMS[:2], {}),
                ("false in the middle", {"b@d": False, "@d": "z@w"}, "OK z@w", self.FORMS, {}),
                ("false at the end", {"@d": False}, "TEMP", self.FORMS, {}),
                ("skipped at the end", {"@d": "z@w"}, "TEMP", self.FORMS[:2], {"skip": ["@*"]}),
                ("skipped at the beginning", {"@d": "z@w"}, "OK z@w", self.FORMS[2:], {"skip": ["b*"]})):
            with self.subTest(name):
                self.check_outage(values, "B+X@D", answer, *forms, **settings)


class Propagated(Meaning):
    VALUES = (
        ("al@w", "al+X@w"),
        ("al@w,bo@w", "al+X@w,bo+X@w"),
        (" al@w\n bo@w ,", " al+X@w\n bo+X@w ,"),
        ("al", "al+X"),
        ("@w", "@w"),
        ("Al A. <al@w>", "Al A. <al+X@w>"),
        ('"A, B@c" <al@w>', '"A, B@c" <al+X@w>'),
        ("al@w (b@c, d)", "al+X@w (b@c, d)"),
        ('"a b"@w', '"a b+X"@w'),
        ('"a@b"@w', '"a@b+X"@w'),
        ("al+own@w", "al+own+X@w"),
        ("al@[192.0.2.1]", "al+X@[192.0.2.1]"),
        ("jörg@ö", "jörg+X@ö"),
        ("<>", "<>"),
        (" ", " "),
        (["al@w", "bo"], "al+X@w,bo+X"),
        (["al@w", None, False, "bo@w"], "al+X@w,bo+X@w"),
        ({"al": "al@w"}, '{"al":"al@w"}'),
    )

    def setUp(self):
        super().setUp()
        self.run_table({"search": ["user@domain", "user", "user@", "@domain", "key"], "extension": "+",
                        "propagate": True})

    def ask_postfix(self, key):
        return self.postfix.ask("t", key)

    def test_values(self):
        for number, (value, expected) in enumerate(self.VALUES):
            with self.subTest(value=value):
                self.keep(**{f"k{number}@d": value})
                self.check_payload(self.ask_postfix(f"k{number}+X@d"), "OK " + expected)
                self.check_payload(self.ask_postfix(f"k{number}@d"), "OK " + expected.replace("+X", ""))

    def test_same_for_dovecot(self):
        self.keep(**{"a@d": "al@w, bo@w", "b@d": ["al@w", "bo"], "c@d": {"x": "al@w"}})
        client = self.dict()
        self.check_payload(client.get("shared/a+X@d"), "Oal+X@w, bo+X@w")
        self.check_payload(client.get("shared/b+X@d"), 'O["al+X@w","bo+X"]')
        self.check_payload(client.get("shared/c+X@d"), 'O{"x":"al@w"}')

    def test_only_where_it_was_cut_off(self):
        self.keep(**{"u": "al@w", "v@": "al@w", "@c": "al@w", "w+X@d": "al@w"})
        for key, expected in (("u+X@d", "al+X@w"), ("v+X@d", "al+X@w"), ("y+X@c", "al@w"), ("w+X@d", "al@w")):
            with self.subTest(key=key):
                self.check_payload(self.ask_postfix(key), "OK " + expected)

    def test_extensions_that_need_quotes(self):
        self.keep(**{"a@d": "al@w"})
        for key, expected in (("a+@d", "al+@w"), ("a+b+c@d", "al+b+c@w"), ('"a+b c"@d', '"al+b c"@w'),
                              ('"a+b@c"@d', '"al+b@c"@w'), ("a+b,c@d", '"al+b,c"@w'), ("a+ö@d", "al+ö@w")):
            with self.subTest(key=key):
                self.check_payload(self.ask_postfix(key), "OK " + expected)


if __name__ == "__main__":
    harness.main()
