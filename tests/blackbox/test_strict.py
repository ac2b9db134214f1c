"""With strict, a miss comes from the service itself: podop-url(7), "Misses of the service only"."""

import harness
from control_case import ControlCase
from harness import CLOSE, chunked, http, url_table

TYPES_OF_JSON = ("application/json", "Application/JSON; charset=utf-8", "application/problem+json",
                 "application/vnd.api+JSON ;v=1", " application/json")
TYPES_OF_OTHERS = (None, "", "text/html", "text/plain; charset=application/json", "application/jsonp", "text/json",
                   "application/", "application/+json", "json", "application/json, text/html",
                   "text/html;application/json", "x/" + "y" * 500 + "+json")


def typed(status, content_type, body="{}"):
    """Returns an answer with a Content-Type, or without one."""
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join([*lines, "", body]).encode()


PAGE = typed(404, "text/html", "<h1>404 page not found</h1>")
OWN = typed(404, "application/json")


class Strict(ControlCase):
    def start(self, *tables, **settings):
        super().start(*(tables or [url_table(self.http, strict=True, **settings)]))
        self.postfix, self.dovecot = self.client(), self.dict()

    def check_miss(self, key="k"):
        self.check_payload(self.postfix.ask("t", key), "NOTFOUND ")
        self.check_payload(self.dovecot.get(f"shared/{key}"), "N")
        self.assertEqual(self.explain(key)["status"], "miss")

    def check_failure_of(self, reason, key="k"):
        """Checks that a lookup fails with this reason, for Postfix, for Dovecot and for explain."""
        postfix, dovecot = self.postfix.ask("t", key), self.dovecot.get(f"shared/{key}")
        self.check_reason(postfix, "TEMP")
        self.check_failure(dovecot)
        for answer in (postfix.decode(), dovecot.decode(), self.explain(key)["reason"]):
            self.assertIn(reason, answer)


class Lookups(Strict):
    def test_which_404_is_a_miss(self):
        self.start()
        for code in (404, 410):
            for content_type in TYPES_OF_JSON:
                with self.subTest(code=code, type=content_type):
                    self.http.on("/k", typed(code, content_type))
                    self.check_miss()
            for content_type in TYPES_OF_OTHERS:
                with self.subTest(code=code, type=content_type):
                    self.http.on("/k", typed(code, content_type))
                    self.check_failure_of(f"status {code} with")

    def test_reason(self):
        self.start()
        for answer, reason in (
                (PAGE, '404 with Content-Type text/html, which is not the service\'s own "not found" (strict)'),
                (typed(410, None), '410 without Content-Type, which is not the service\'s own "not found" (strict)'),
                (typed(422, "application/json"), '422, which is not the service\'s own "not found" (strict)')):
            with self.subTest(reason=reason):
                self.http.on("/k", answer)
                self.check_failure_of(reason)

    def test_two_types_are_no_json(self):
        self.start()
        self.http.on("/k", http("{}", 404, "Content-Type: text/html"))  # and a second line with JSON
        self.check_failure_of("404 with Content-Type text/html, application/json")

    def test_what_stays_a_miss(self):
        self.start(miss=[422], temporary=[410])
        for answer in (http("null"), typed(200, "text/html", " null "), http(status=204), OWN,
                       typed(422, "text/html")):
            with self.subTest(answer=answer):
                self.http.on("/k", answer)
                self.check_miss()
        self.http.on("/k", typed(410, "application/json"))
        self.check_failure_of("status 410")
        self.check_payload(self.postfix.ask("t", "../k"), "NOTFOUND ")  # a key that is never sent

    def test_bodies_and_framing_do_not_matter(self):
        self.start()
        head = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"
        for answer in (typed(404, "application/json", ""), typed(404, "application/json", "<p>"),
                       head + chunked("{", "}").partition(b"\r\n")[2], (head + b"\r\n{}", CLOSE)):
            with self.subTest(answer=answer):
                self.http.on("/k", answer)
                self.check_miss()

    def test_select_that_leads_nowhere(self):
        self.start(select="/data/v")
        self.http.on("/k", http('{"data": {}}'))
        self.check_failure_of("nothing where 'select' points, which is not a miss (strict)")
        self.http.on("/k", http('{"data": {"v": null}}'))
        self.check_miss()

    def test_without_strict(self):
        self.start(url_table(self.http, select="/v"))
        for answer in (PAGE, typed(410, None), http("{}")):
            with self.subTest(answer=answer):
                self.http.on("/k", answer)
                self.check_miss()
        self.assertEqual(self.notes(self.explain("k"), "means"),
                         ["a miss: the answer has nothing where 'select' points"])

    def test_defaults(self):
        """The setting is inherited, and a table may differ."""
        ControlCase.start(self, url_table(self.http, "t"), url_table(self.http, "u", strict=False),
                          defaults={"strict": True})
        self.postfix, self.dovecot = self.client(), self.dict()
        self.http.on("/k", PAGE)
        self.check_failure_of("(strict)")
        self.check_payload(self.postfix.ask("u", "k"), "NOTFOUND ")


class Urls(Strict):
    def setUp(self):
        super().setUp()
        self.other = self.backend(default=lambda request: http('"other"'))

    def start_two(self, **settings):
        self.start({"name": "t", "type": "url", "param": [self.http.url + "/§", self.other.url + "/§"], "strict": True,
                    **settings})

    def test_next_url_is_asked(self):
        self.start_two(select="/0")
        self.other.default = lambda request: http('["other"]')
        for answer in (PAGE, typed(422, "application/json"), http("{}")):
            with self.subTest(answer=answer):
                self.http.on("/k", answer)
                self.check_payload(self.postfix.ask("t", "k"), "OK other")
        self.other.forget()
        self.http.on("/k", OWN)
        self.check_payload(self.postfix.ask("t", "k"), "NOTFOUND ")
        self.assertEqual(self.other.requests, [])

    def test_pages_of_all_urls(self):
        self.start_two()
        self.http.on("/k", PAGE)
        self.other.on("/k", typed(404, "text/plain"))
        self.check_failure_of("404 with Content-Type text/plain")

    def left_alone(self):
        return [url["left_alone"] for url in self.stats()[1]["t"]["backends"]]

    def test_suspended_on_evidence_only(self):
        """A page suspends a URL only if another one answers the same lookups well."""
        self.start_two()
        self.http.default = self.other.default = lambda request: PAGE
        for number in range(10):
            self.check_reason(self.postfix.ask("t", f"a{number}"), "TEMP")
        self.assertEqual(self.left_alone(), [False, False])
        self.other.default = lambda request: OWN
        for number in range(10):
            self.check_payload(self.postfix.ask("t", f"b{number}"), "NOTFOUND ")
        self.assertEqual(self.left_alone(), [True, False])

    def test_stale(self):
        self.start(cache={"ttl": "1ms", "stale": "1h"})
        self.http.on("/k", http('"x"'), PAGE)
        self.check_payload(self.postfix.ask("t", "k"), "OK x")
        harness.wait_until(lambda: "stale" in self.notes(self.explain("k"), "cache")[0], "the entry is old")
        self.check_payload(self.postfix.ask("t", "k"), "OK x")
        self.check_payload(self.dovecot.get("shared/k"), "Ox")


class Iterations(Strict):
    def test_iterations(self):
        self.start()
        for answer, reason in ((PAGE, b"404 with Content-Type text/html"), (typed(404, None), b"(strict)"),
                               (typed(422, "application/json"), b"(strict)"), (OWN, b""), (http("null"), b""),
                               (http(status=204), b"")):
            with self.subTest(answer=answer):
                self.http.on("/p/", answer)
                got = self.dovecot.wait(self.dovecot.iterate("shared/p/"))
                self.assertEqual(got[:1], b"F" if reason else b"")
                self.assertIn(reason, got)

    def test_values(self):
        """A proxy's page for the value of a name fails the iteration; a name that was removed is left out."""
        self.start()
        self.http.on("/p/", http('["a", "b"]'))
        self.http.on("/p/a", http('"1"'))
        self.http.on("/p/b", OWN)
        self.assertEqual(self.dovecot.rows("shared/p/"), [(b"shared/p/a", b"1")])
        self.http.on("/p/b", PAGE)
        self.check_failure(self.dovecot.wait(self.dovecot.iterate("shared/p/")))

    def test_next_url_is_asked(self):
        other = self.backend(default=lambda request: http('{"x": "1"}'))
        self.start({"name": "t", "type": "url", "param": [self.http.url + "/§", other.url + "/§"], "strict": True})
        self.http.on("/p/", PAGE)
        self.assertEqual(self.dovecot.rows("shared/p/"), [(b"shared/p/x", b"1")])


class Writes(Strict):
    CHANGES = (("set", "shared/k", "v"), ("unset", "shared/k"), ("increment", "shared/k", 1))

    def test_404_to_each_change(self):
        self.start()
        for content_type in (*TYPES_OF_JSON, *TYPES_OF_OTHERS):
            self.http.on("/k", typed(404, content_type))
            for change, expected in zip(self.CHANGES, "FON"):
                with self.subTest(type=content_type, change=change[0]):
                    got = self.dovecot.change(change)
                    if content_type in TYPES_OF_OTHERS:
                        self.check_failure(got)
                        self.assertIn(b'which is not the service\'s own "not found" (strict)', got)
                    else:
                        self.check_dict(got, expected)

    def test_404_of_the_list(self):
        self.start(miss=[404])
        self.http.on("/k", PAGE)
        self.check_payload(self.dovecot.change(("unset", "shared/k")), "O")
        self.check_payload(self.dovecot.change(("increment", "shared/k", 1)), "N")

    def test_commit_url(self):
        self.start(commit_url=self.http.url + "/commit")
        self.http.on("/commit", PAGE)
        for change in self.CHANGES:
            self.check_failure(self.dovecot.change(change))
        self.http.on("/commit", OWN)
        self.check_payload(self.dovecot.change(("set", "shared/a", "1"), ("increment", "shared/k", 1)), "N")
        self.check_failure(self.dovecot.change(("unset", "shared/k")))

    def test_success_needs_no_type(self):
        self.start()
        self.http.on("/k", typed(200, "text/html"), typed(201, None), http(status=204))
        for change in self.CHANGES:
            self.check_payload(self.dovecot.change(change), "O")


if __name__ == "__main__":
    harness.main()
