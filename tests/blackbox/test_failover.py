"""Several URLs of a table (podop.conf(5), "Several URLs"), and what happens to one that keeps failing."""

import re
import signal

import harness
from dict import DictCase
from harness import CLOSE, RESET, Backend, conf_file, echo, http, netstring, url_table

FAILURES = 5  # in a row, until a URL is suspended
DOWN = http(status=503)


def tables(*backends, name="t", **settings):
    """Returns a table with a URL at each of the backends."""
    return {"name": name, "type": "url", "param": [backend.url + "/§" for backend in backends], **settings}


class Case(DictCase):
    def setUp(self):
        super().setUp()
        self.first, self.second = self.backend(default=echo), self.backend(default=echo)

    def start(self, *backends, **settings):
        """Starts podop, for which time passes only when the test says so."""
        self.hold_clock()
        podop = self.serve(tables(*(backends or (self.first, self.second)), **settings))
        self.postfix = self.client()
        return podop

    def fail_until_suspended(self, backend, failure=(RESET,), requests=2 * FAILURES):
        """Sends failing lookups until the only backend of the table is suspended, which the last lookup shows."""
        backend.default = lambda request: failure
        backend.forget()
        for number in range(FAILURES):
            self.check_reason(self.postfix.ask("t", f"f{number}"), "TEMP")
        self.check_suspended(backend, requests)

    def check_suspended(self, backend, requests):
        """Checks that no more than so many requests were sent to the only backend."""
        self.check_reason(self.postfix.ask("t", "more"), "TEMP")
        self.assertEqual(len(backend.requests), requests)

    def stall(self, key, *backends, seconds):
        """Asks for a key of which these backends, one after the other, say nothing for so long."""
        self.postfix.request("t", key)
        for backend in backends:
            backend.wait_target(f"/{key}")
            self.clock.advance(seconds)

    def ask_until(self, key, expected):
        """Asks until the answer is the expected one."""
        def is_there():
            self.clock.advance(0.1)
            return self.postfix.ask("t", key) == expected
        harness.wait_until(is_there, expected)


class Failover(Case):
    """When a URL fails, the next one is tried, in their order."""

    def test_first_is_asked_while_it_works(self):
        self.start()
        for number in range(20):
            self.check_payload(self.postfix.ask("t", f"k{number}"), f"OK k{number}")
        self.assertEqual((len(self.first.requests), len(self.second.requests)), (20, 0))

    def test_failures_lead_to_the_next(self):
        cases = {"status 500": (DOWN, 1), "closed": ((CLOSE,), 2), "reset": ((RESET,), 2),
                 "half an answer": ((http('"x', length=3), CLOSE), 2)}
        for number, (name, (answer, requests)) in enumerate(cases.items()):
            with self.subTest(name):
                self.socket = self.path(f"s{number}")
                self.start()
                self.first.on(f"/k{number}", answer)
                self.check_payload(self.postfix.ask("t", f"k{number}"), f"OK k{number}")
                self.assertEqual(self.first.count(f"/k{number}"), requests, "the one retry is the first's")
                self.assertEqual(self.second.count(f"/k{number}"), 1)

    def test_key_that_only_the_next_cannot_ask(self):
        """The first URL failed and may know the key, so the answer is not a miss."""
        first, second = (backend.url for backend in (self.first, self.second))
        self.serve({"name": "t", "type": "url", "param": [f"{first}/§x", f"{second}/§."]})
        self.postfix = self.client()
        self.check_payload(self.postfix.ask("t", "a/"), "OK x")
        self.first.default = lambda request: DOWN
        for _ in range(FAILURES + 2):  # suspended in the end
            self.check_reason(self.postfix.ask("t", "a/"), "TEMP")
            client = self.dict()
            self.check_failure(client.wait(client.iterate("shared/a/")), None)
        self.check_payload(self.postfix.ask("t", "a"), "OK a.")
        self.assertEqual([request.target for request in self.second.requests], [b"/a."])

    def test_key_that_no_url_can_ask(self):
        """It is a miss, even while URLs fail."""
        self.start()
        self.check_payload(self.postfix.ask("t", ".."), "NOTFOUND ")
        self.first.default = lambda request: DOWN
        for number in range(FAILURES):
            self.check_payload(self.postfix.ask("t", f"f{number}"), f"OK f{number}")
        self.check_payload(self.postfix.ask("t", ".."), "NOTFOUND ")

    def test_refused(self):
        deaf = self.enterContext(harness.refusing_port())
        self.serve({"name": "t", "type": "url", "param": [f"http://127.0.0.1:{deaf}/§", f"http://{'x' * 64}.invalid/§",
                                                          self.second.url + "/§"]})
        client = self.client()
        for number in range(2 * FAILURES):
            self.check_payload(client.ask("t", f"k{number}"), f"OK k{number}")

    def test_answers_that_are_final(self):
        """A miss is not a failure, nor is an answer that concerns only this key."""
        self.start(miss=[503])
        answers = ((http(status=404), "NOTFOUND "), (http("null"), "NOTFOUND "), (http(status=503), "NOTFOUND "),
                   (http("no json"), "TEMP"), (http(status=429), "TEMP"), (http(status=302), "TEMP"),
                   (http('"' + "x" * 2_000_000 + '"'), "TEMP"))
        for answer, expected in answers:
            with self.subTest(answer=answer, expected=expected):
                self.first.on("/k", answer)
                for _ in range(2 * FAILURES):
                    self.check_answer(self.postfix.ask("t", "k"), expected)
        self.assertEqual(len(self.first.requests), 2 * FAILURES * len(answers))
        self.assertEqual(self.second.requests, [])

    def test_last_failure_is_the_reason(self):
        self.start()
        self.first.default = lambda request: (CLOSE,)
        self.second.default = lambda request: http(status=599)
        self.assertIn(b"599", self.postfix.ask("t", "k"))

    def test_stalled(self):
        """Each URL gets a share of the timeout, so that one that stalls leaves time for the others."""
        third = self.backend(default=echo)
        self.start(self.first, self.second, third, timeout="900ms")
        self.first.default = lambda request: (self.first.gate(),)
        self.second.default = lambda request: (self.second.gate(),)
        for number in range(FAILURES):
            self.stall(f"k{number}", self.first, self.second, seconds=0.3)
            self.check_payload(self.postfix.read(), f"OK k{number}")
        self.check_payload(self.postfix.ask("t", "k"), "OK k")
        self.assertEqual((len(self.first.requests), len(self.second.requests)), (FAILURES, FAILURES))

    def test_all_stalled(self):
        """The last URL gets all the time that is left."""
        self.start(timeout="400ms")
        for backend in (self.first, self.second):
            backend.default = lambda request, backend=backend: (backend.gate(),)
        self.stall("k", self.first, self.second, seconds=0.2)
        answer = self.postfix.read()
        self.check_reason(answer, "TIMEOUT")
        self.assertIn(b"within the table's timeout", answer)
        self.assertEqual((len(self.first.requests), len(self.second.requests)), (1, 1))

    def test_iteration_stalled(self):
        self.start(timeout="400ms")
        self.first.on("/d/", self.first.gate())
        self.second.on("/d/", http('{"a": "1"}'))
        client = self.dict()
        request = client.iterate("shared/d/")
        self.first.wait_target("/d/")
        self.clock.advance(0.2)
        self.check_payload(client.wait(request), b"")
        self.assertEqual(request.rows, [(b"shared/d/a", b"1")])
        self.first.on("/e/", (http('{"a": "1", ', length=99), self.first.gate()))
        self.second.on("/e/", http('{"a": "1"}'))
        request = client.iterate("shared/e/")
        harness.wait_until(client.has_news, "the first row")
        self.clock.advance(0.4)
        self.check_failure(client.wait(request))
        self.assertEqual(request.rows, [(b"shared/e/a", b"1")])
        self.assertEqual(self.second.count("/e/"), 0, "a part of it has been told")

    def test_iteration(self):
        self.first.on("/d/", DOWN)
        self.second.on("/d/", http('{"a": "1", "b": "2"}'))
        self.start()
        rows = self.dict().rows("shared/d/")
        self.assertEqual(sorted(rows), [(b"shared/d/a", b"1"), (b"shared/d/b", b"2")])
        self.assertEqual((self.first.count("/d/"), self.second.count("/d/")), (1, 1))


class Writes(Case):
    """A write is sent to another URL only if nothing of it was sent before."""

    def test_refused_write_goes_to_the_next(self):
        deaf = self.enterContext(harness.refusing_port())
        self.serve({"name": "t", "type": "url", "param": [f"http://127.0.0.1:{deaf}/§", self.second.url + "/§"]})
        self.second.default = lambda request: http(status=204)
        self.check_payload(self.dict().change(("set", "shared/a", "1"), ("unset", "shared/b"),
                                              ("increment", "shared/c", 1)), "O")
        self.assertEqual([(r.method, r.target) for r in self.second.requests],
                         [("POST", b"/a"), ("DELETE", b"/b"), ("PATCH", b"/c")])

    def test_never_twice(self):
        for number, (steps, letter) in enumerate((((http(status=500),), "F"), ((http(status=404),), "F"),
                                                  ((DOWN,), "W"), ((CLOSE,), "W"),
                                                  ((RESET,), "W"), ((self.first.gate(),), "W"))):
            with self.subTest(steps=steps):
                self.socket = self.path(f"s{number}")
                self.first.forget()
                self.first.default = lambda request, steps=steps: steps
                self.start(timeout="300ms")
                client = self.dict()
                write = client.write(("set", "shared/k", "1"))
                self.first.wait_requests(1)
                self.clock.advance(0.3)
                self.check_failure(client.wait(write), "t", letter)
                self.assertEqual((len(self.first.requests), len(self.second.requests)), (1, 0))

    def test_suspended(self):
        """Failed writes count, and a suspended URL gets no writes."""
        self.start()
        self.first.default, self.second.default = lambda request: (RESET,), lambda request: http(status=204)
        client = self.dict()
        for number in range(FAILURES):
            self.check_failure(client.change(("set", f"shared/k{number}", "1")), "t", "W")
        self.check_payload(client.change(("set", "shared/a", "1"), ("set", "shared/b", "1")), "O")
        self.assertEqual((len(self.first.requests), len(self.second.requests)), (FAILURES, 2))

    def test_statuses_suspend_nothing(self):
        """These statuses suspend no URL, and the next URL is not asked."""
        for number, status in enumerate((500, 502, 503, 504, 507)):
            with self.subTest(status=status):
                self.socket = self.path(f"s{number}")
                self.start()
                self.first.forget()
                self.first.default = lambda request, status=status: http(status=status)
                client = self.dict()
                for count in range(2 * FAILURES):
                    self.check_failure(client.change(("set", f"shared/k{count}", "1")), "t",
                                       "W" if 502 <= status <= 504 else "F")
                self.assertEqual((len(self.first.requests), len(self.second.requests)), (2 * FAILURES, 0))

    def test_table_that_is_only_written_to_comes_back(self):
        for number, settings in enumerate(({}, {"commit_url": self.first.url + "/commit"})):
            with self.subTest(**settings):
                self.socket = self.path(f"s{number}")
                self.first.default = lambda request: (RESET,)
                self.first.forget()
                self.start(self.first, **settings)
                client = self.dict()
                for count in range(FAILURES):
                    self.check_failure(client.change(("set", f"shared/k{count}", "1")), "t", "W")
                self.check_failure(client.change(("set", "shared/k", "1")))
                self.assertEqual(len(self.first.requests), FAILURES, "it is suspended: it fails at once")
                self.first.default = lambda request: http(status=204)
                self.clock.advance(1)
                self.check_payload(client.change(("set", "shared/k", "1")), "O")


class Suspended(Case):
    """A URL that failed five times in a row is suspended for a while, then one lookup tries it."""

    def test_resets(self):
        for number, failure in enumerate(((RESET,), (CLOSE,))):
            with self.subTest(failure=failure):
                self.socket = self.path(f"s{number}")
                self.start(self.first)
                self.fail_until_suspended(self.first, failure)

    def test_timeouts(self):
        self.start(self.first, timeout="400ms")
        gate = self.first.gate()
        self.first.default = lambda request: gate
        for number in range(FAILURES):
            self.stall(f"k{number}", self.first, seconds=0.4)
            self.check_reason(self.postfix.read(), "TIMEOUT")
        self.check_suspended(self.first, FAILURES)

    def test_others_go_on(self):
        """Only the URL that failed is suspended; another table with the same URL counts its own failures."""
        self.serve(tables(self.first, self.second), tables(self.first, name="u"))
        self.postfix = self.client()
        self.first.default = lambda request: DOWN
        for number in range(2 * FAILURES):
            self.check_payload(self.postfix.ask("t", f"k{number}"), f"OK k{number}")
        self.assertEqual(len(self.first.requests), FAILURES)
        self.assertEqual(len(self.second.requests), 2 * FAILURES)
        self.check_reason(self.postfix.ask("u", "k"), "TEMP", "u")
        self.assertEqual(len(self.first.requests), FAILURES + 1)

    def test_a_good_answer_in_between(self):
        self.start(self.first)
        for number in range(FAILURES - 1):
            self.first.on(f"/bad{number}", (CLOSE,))
        for good in (http(status=404), http(status=500), echo):
            with self.subTest(good=good):
                for number in range(FAILURES - 1):
                    self.check_reason(self.postfix.ask("t", f"bad{number}"), "TEMP")
                self.first.default = good if callable(good) else lambda request, good=good: good
                self.postfix.ask("t", "k")
        self.check_payload(self.postfix.ask("t", "k"), "OK k")
        self.assertEqual(self.first.count("/bad0"), 3 * 2)

    def start_trial(self, backend):
        """Returns a client whose lookup is the trial of the backend and under way."""
        client, asked = self.client(), len(backend.requests)

        def is_tried():
            self.clock.advance(0.1)
            client.request("t", "trial")
            harness.wait_until(lambda: client.has_news() or len(backend.requests) > asked, "an answer or a request")
            if len(backend.requests) > asked:
                return True
            self.check_reason(client.read(), "TEMP")
            return False

        harness.wait_until(is_tried, "a lookup that tries the backend")
        return client

    def test_one_of_many_tries_it(self):
        self.start(self.first)
        self.fail_until_suspended(self.first)
        gate = self.first.gate()
        self.first.default = lambda request: (gate, http('"x"'))
        self.first.forget()
        trial = self.start_trial(self.first)
        self.postfix.send(b"".join(netstring(f"t k{number}") for number in range(100)))
        for _ in range(100):
            self.check_reason(self.postfix.read(), "TEMP")
        self.assertEqual(len(self.first.requests), 1, "one lookup tries it in a second")
        gate.set()
        self.check_payload(trial.read(), "OK x")
        self.check_payload(self.client().ask("t", "k"), "OK x")

    def test_trial_that_hangs_stops_no_other(self):
        self.start(self.first, timeout="1h")
        for number in range(FAILURES):
            self.first.on(f"/f{number}", (CLOSE,))
            self.check_reason(self.postfix.ask("t", f"f{number}"), "TEMP")
        self.first.on("/trial", self.first.gate())
        self.start_trial(self.first)
        self.ask_until("k", b"OK k")

    def test_trial_that_is_given_up(self):
        """Its client leaves; another lookup may be the trial."""
        self.start(self.first)
        self.fail_until_suspended(self.first)
        gate = self.first.gate()
        self.first.default = lambda request: (gate, http('"late"')) if request.target == b"/trial" else http('"x"')
        self.start_trial(self.first).close()
        self.ask_until("k", b"OK x")

    def test_trial_that_fails(self):
        """The URL stays suspended and is tried again."""
        self.start(self.first, retries=0)
        self.fail_until_suspended(self.first, requests=FAILURES)
        self.first.forget()
        for number in range(2):
            self.check_reason(self.start_trial(self.first).read(), "TEMP")
            for number in range(10):
                self.check_reason(self.postfix.ask("t", f"k{number}"), "TEMP")
        self.assertEqual(len(self.first.requests), 2, "a trial a second")
        self.first.default = echo
        self.ask_until("k", b"OK k")

    def test_outage_longer_than_the_timeout(self):
        port = self.reserve_port()
        backend = Backend(port=port, default=echo)
        podop = self.start(backend, timeout="300ms")
        self.check_payload(self.postfix.ask("t", "k"), "OK k")
        backend.stop()
        for number in range(2 * FAILURES):
            self.postfix.request("t", f"k{number}")
            self.clock.advance(0.3)
            self.check_reason(self.postfix.read(), "TEMP")
        again = self.backend(port=port, default=echo)
        self.ask_until("k", b"OK k")
        self.assertEqual(again.count("/k"), 1)

        def is_told():
            self.clock.advance(0.1)
            self.check_payload(self.postfix.ask("t", "k"), "OK k")
            return podop.lines("event=backend_recovered")

        harness.wait_until(is_told, "the recovery is logged")
        where = f"table=t backend={re.escape(backend.url)} "
        self.assertRegex(podop.wait_log("event=backend_failed "), where + "reason=")
        recovered = podop.wait_log("event=backend_recovered ")
        self.assertRegex(recovered, where + r"seconds=\d+ failed=\d+")
        self.assertGreaterEqual(int(recovered.rpartition("failed=")[2]), 2 * FAILURES)  # and those until it was tried
        self.assertEqual(sum("event=backend_failed" in line for line in podop.log), 1)

    def test_reload(self):
        """A table with the same settings keeps its suspended URLs; one with other settings does not."""
        for settings, requests in (({}, 0), ({"retries": 2}, 1)):
            with self.subTest(**settings):
                self.socket = self.path(f"s{requests}")
                podop = self.start(self.first)
                self.fail_until_suspended(self.first)
                self.first.default = echo
                self.first.forget()
                text = conf_file(listen=[{"socket": self.socket}], tables=[tables(self.first, **settings)])
                self.write("podop.conf", text)
                podop.signal(signal.SIGHUP)
                podop.wait_log("event=reload ")
                self.check_answer(self.postfix.ask("t", "k"), "OK k" if requests else "TEMP")
                self.assertEqual(len(self.first.requests), requests)

    def test_queue_goes_to_the_next_url(self):
        """Requests that wait for a connection when the URL is suspended are sent to the next URL."""
        gate = self.first.gate()
        self.first.default = lambda request: (gate, CLOSE)
        self.serve(tables(self.first, self.second, retries=0), pool={"max_connections": FAILURES})
        self.postfix = self.client()
        clients = [self.client() for _ in range(50)]
        for number, client in enumerate(clients):
            client.request("t", f"k{number}")
        self.first.wait_requests(FAILURES)
        gate.set()
        for number, client in enumerate(clients):
            self.check_payload(client.read(), f"OK k{number}")
        # each of those under way made room for one more before its failure was known
        self.assertLessEqual(len(self.first.requests), 2 * FAILURES)

    def test_all_down_and_stale(self):
        """Where there is a stale answer, no lookup waits for a URL that fails for all keys."""
        for number, failure in enumerate(((RESET,), DOWN)):
            with self.subTest(failure=failure):
                self.socket = self.path(f"s{number}")
                self.first.default = self.second.default = echo
                self.start(cache={"ttl": "1ms", "stale": "1h"}, retries=0)
                self.check_payload(self.postfix.ask("t", "k"), "OK k")
                for backend in (self.first, self.second):
                    backend.default = lambda request, failure=failure: failure
                for count in range(4 * FAILURES):
                    self.check_payload(self.postfix.ask("t", "k"), "OK k")
                    self.check_reason(self.postfix.ask("t", f"new{count}"), "TEMP")


class Configuration(Case):
    def check_faults(self, table, *expected):
        text = f'listen = ( {{ socket = "{self.socket}"; }} );\ntables = ( {table} );\n'
        done = harness.run("PODOP", "-t", "-c", self.write("podop.conf", text))
        lines = done.stderr.splitlines()
        self.assertEqual((done.returncode, len(lines)), (78, len(expected)), done.stderr)
        for line, pattern in zip(lines, expected):
            self.assertRegex(line, pattern)

    def test_each_template_is_checked_with_its_line(self):
        self.check_faults('{ name = "t"; type = "url"; param = [\n"http://a/§",\n"http://b{key}/",\n"ftp://c/§" ]; }',
                          r"podop.conf:4: table 't': .*http://b\{key\}/", r"podop.conf:5: table 't': .*ftp://c/")

    def test_invalid_lists(self):
        self.check_faults('{ name = "t"; type = "url"; param = [ ]; }', ":2: 'param' in table 't' must not be empty")
        self.check_faults('{ name = "t"; type = "url"; param = [ "http://a/§", "" ]; }',
                          ":2: 'param' in table 't' must not be empty")
        self.check_faults('{ name = "t"; type = "url"; param = ( "http://a/§", 5 ); }',
                          ":2: 'param' in table 't' expects a string or a list of strings, got 5")

    def test_other_types_have_no_list(self):
        self.check_faults('{ name = "t"; type = "json"; param = [ "/a", "/b" ]; }',
                          r""":2: 'param' in table 't' can be a list for type "url" only, and this is "json\"""")

    def test_set(self):
        self.first.default = lambda request: DOWN
        text = conf_file(listen=[{"socket": self.socket}], tables=[url_table(self.first)])
        self.podop("-c", self.write("podop.conf", text), "--set",
                   f'tables.t.param=["{self.first.url}/§", "{self.second.url}/§"]')
        self.check_payload(self.client().ask("t", "k"), "OK k")


if __name__ == "__main__":
    harness.main()
