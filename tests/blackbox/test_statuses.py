"""Every status of a backend, for Postfix, for Dovecot and for explain: podop-url(7), "Statuses" and "WRITES"."""

import json

import harness
from answers_case import OF_THE_REQUEST
from control_case import ControlCase
from harness import http, url_table
from write_case import BY_A_PROXY

STATUSES = range(201, 600)
HEADER = {"headers": ["X-Token: secret"]}


def by_status(request):
    """Answers with the status that the last part of the path names."""
    return http("{}", int(request.target.rpartition(b"/")[2]))


def is_miss(code, settings):
    """Returns whether the status is a miss; the rules of the manual, in its words."""
    if code in settings.get("temporary", ()):
        return False
    if code in settings.get("miss", ()):
        return True
    if settings.get("strict"):
        return code in (204, 404, 410)  # these have JSON here
    if code in (401, 403) and settings.get("headers"):
        return False
    return code == 204 or (400 <= code < 500 and code not in OF_THE_REQUEST)


class Statuses(ControlCase):
    def setUp(self):
        super().setUp()
        self.http.default = by_status

    def tables(self, **kinds):
        """Starts podop with a table for each kind of settings."""
        self.start(*(url_table(self.http, name, f"/{name}/§", **settings) for name, settings in kinds.items()))

    def check_lookup(self, table, code, expected):
        postfix = self.postfix.ask(table, str(code))
        dovecot = self.dovecot[table].get(f"shared/{code}")
        answer = self.explain(str(code), table=table)
        meaning, = self.notes(answer, "means")
        self.assertEqual(self.notes(answer, "status"), [str(code)])
        if expected == "miss":
            self.check_payload(postfix, "NOTFOUND ")
            self.check_payload(dovecot, "N")
        else:
            self.check_reason(postfix, "TEMP", table)
            self.check_failure(dovecot, table)
            self.assertIn(f"the backend answered with status {code}", answer["reason"])
        self.assertEqual(answer["status"], expected)
        self.assertEqual(meaning.partition(":")[0], "a miss" if expected == "miss" else "a temporary failure")

    def test_lookups(self):
        kinds = {"plain": {}, "header": HEADER, "strict": {"strict": True},
                 "both": {"strict": True, **HEADER},
                 "listed": {"miss": [301, 500], "temporary": [404], "strict": True}}
        self.tables(**kinds)
        self.postfix = self.client()
        self.dovecot = {table: self.dict(name=table) for table in kinds}
        for table, settings in kinds.items():
            for code in STATUSES:
                with self.subTest(table=table, code=code):
                    self.check_lookup(table, code, "miss" if is_miss(code, settings) else "temporary")

    def test_iterations(self):
        kinds = {"plain": {}, "header": HEADER, "strict": {"strict": True}}
        self.http.default = lambda request: http("{}", int(request.target.split(b"/")[2]))
        self.tables(**kinds)
        for table, settings in kinds.items():
            dovecot = self.dict(name=table)
            for code in STATUSES:
                with self.subTest(table=table, code=code):
                    answer = dovecot.wait(dovecot.iterate(f"shared/{code}/"))
                    if is_miss(code, settings):
                        self.check_payload(answer, "")
                    else:
                        self.check_failure(answer, table)
                        self.assertIn(f"status {code}".encode(), answer)

    def test_writes(self):
        kinds = {"plain": {}, "header": HEADER, "strict": {"strict": True}}
        self.tables(**kinds)
        for table in kinds:
            dovecot = self.dict(name=table)
            for code in STATUSES:
                for change, value in (("set", ("1",)), ("unset", ()), ("increment", (1,))):
                    with self.subTest(table=table, code=code, change=change):
                        answer = dovecot.change((change, f"shared/{code}", *value))
                        if code < 300 or (code == 404 and change == "unset"):
                            self.check_payload(answer, "O")
                        elif code == 404 and change == "increment":
                            self.check_payload(answer, "N")
                        else:
                            self.check_failure(answer, table, "W" if code in BY_A_PROXY else "F")
                            self.assertIn(f"status {code}".encode(), answer)

    def test_reasons_for_a_miss_or_not(self):
        """What explain says of a status."""
        self.tables(t={"miss": [422], "temporary": ["5xx"], "headers": ["A: b"]})
        for code, words in ((204, "204"), (404, "there is no such key"), (422, "'miss' lists"),
                            (418, "may be about the key"), (403, "authenticate"), (429, "about the request"),
                            (500, "'temporary' lists"), (302, "not an answer to a lookup")):
            with self.subTest(code=code):
                answer = self.explain(str(code))
                self.assertIn(words, self.notes(answer, "means")[0])
                text = self.ctl("explain", "t", str(code), status=1 if answer["status"] == "miss" else 75).stdout
                self.assertIn("means:    a ", text)
                if code != 204:
                    self.assertIn("type:     application/json\n", text)

    def test_type_of_a_page(self):
        """A page with status 200 is shown with its type; a value has no meaning of its status to explain."""
        self.tables(t={})
        self.http.on("/t/page", b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
                                b"Content-Length: 3\r\n\r\n<p>")
        self.http.on("/t/k", http(json.dumps("x")))
        answer = self.explain("page")
        self.assertEqual((answer["status"], self.notes(answer, "type")), ("temporary", ["text/html; charset=utf-8"]))
        answer = self.explain("k")
        self.assertEqual((answer["status"], self.notes(answer, "means")), ("found", []))


if __name__ == "__main__":
    harness.main()
