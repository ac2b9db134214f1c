"""The base of tests of answers: scripted answers of a backend, asked for over one socketmap connection."""

import harness
from harness import Case, http, url_table

MAX_REPLY = 100_000  # payload bytes, "OK " included
MAX_RESPONSE = 1 << 20

# 4XX that speak of the request's form, the connection or the moment, and never of the key
OF_THE_REQUEST = (405, 406, 407, 408, 411, 412, 413, 415, 417, 421, 425, 426, 428, 429, 431)


class Answers(Case):
    """A url table with a scripted backend, asked over one socketmap connection."""

    def setUp(self):
        super().setUp()
        self.http = self.backend()

    def start(self, **settings):
        self.serve(url_table(self.http, **settings))
        self.postfix = self.client()

    def keep_trust(self):
        """Sends one lookup that succeeds, so that the failures of the test are never five in a row, which
        would suspend the URL."""
        self.http.on("/trust", http('"x"', 200, "Connection: close"))
        self.check_payload(self.postfix.ask("t", "trust"), "OK x")

    def ask_all(self, cases):
        """Checks each pair of a backend's answer and the expected answer to the client; each must cost one
        request."""
        for number, (answer, expected) in enumerate(cases):
            with self.subTest(answer=harness.shown(answer) if isinstance(answer, bytes) else answer):
                if expected == "TEMP":
                    self.keep_trust()
                self.http.forget()
                self.http.on(f"/k{number}", answer)
                self.check_answer(self.postfix.ask("t", f"k{number}"), expected)
                self.assertEqual(len(self.http.requests), 1, "requests to the backend")
