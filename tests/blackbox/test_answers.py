"""What each answer of a backend becomes for Postfix: the table of podop.conf(5), row by row."""

import json

import harness
from harness import CLOSE, RESET, Case, chunked, echo, http, url_table

MAX_REPLY = 100_000  # payload bytes, "OK " included
MAX_RESPONSE = 1 << 20


# 4XX that speak of the request's form, the connection or the moment, and never of the key
OF_THE_REQUEST = (405, 406, 407, 408, 411, 412, 413, 415, 417, 421, 425, 426, 428, 429, 431)


class Answers(Case):
    """Scripted answers, asked for over one socketmap connection."""

    def setUp(self):
        super().setUp()
        self.http = self.backend()

    def start(self, **settings):
        self.serve(url_table(self.http, **settings))
        self.postfix = self.client()

    def keep_trust(self):
        """A good answer, so that the failures to come are not five in a row: the backend would be left alone."""
        self.http.on("/trust", http('"x"', 200, "Connection: close"))
        self.check_payload(self.postfix.ask("t", "trust"), "OK x")

    def ask_all(self, cases):
        """Asks once for each (answer of the backend, expected answer), and wants one request each."""
        for number, (answer, expected) in enumerate(cases):
            with self.subTest(answer=harness.shown(answer) if isinstance(answer, bytes) else answer):
                if expected == "TEMP":
                    self.keep_trust()
                self.http.forget()
                self.http.on(f"/k{number}", answer)
                self.check_answer(self.postfix.ask("t", f"k{number}"), expected)
                self.assertEqual(len(self.http.requests), 1, "requests to the backend")


class Values(Answers):
    """Answers with status 200 and a JSON body."""

    def test_value_becomes_text(self):
        cases = [
            ('"bob@example.com"', "OK bob@example.com"),
            ('"a@example.com,b@example.com"', "OK a@example.com,b@example.com"),
            ('" x "', "OK  x "),
            (' \t\r\n"x"\r\n\t ', "OK x"),
            (r'"\"\\\/\b\f\n\r\t"', 'OK "\\/\b\f\n\r\t'),
            (r'"j\u00f6rg"', "OK jörg"),
            ('"jörg"', "OK jörg"),
            (r'"\ud83d\ude00"', "OK 😀"),
            ('"😀"', "OK 😀"),
            (r'"\uFFFF"', "OK \uffff"),
            ('"\x7f"', "OK \x7f"),
            (r'"\u0001"', "OK \x01"),
            ('"null"', "OK null"),
            ('"NOTFOUND "', "OK NOTFOUND "),
            ("true", "OK true"),
            ("false", "OK false"),
            (" true\n", "OK true"),
        ]
        self.start()
        self.ask_all([(http(body), expected) for body, expected in cases])

    def test_number_keeps_its_text(self):
        numbers = [
            "0", "-0", "42", "-1", "1.10", "-0.0", "1e3", "1E+2", "1e-7", "2.50e+10", "1e400",
            "9223372036854775808", "18446744073709551616", "12345678901234567890", "-12345678901234567890123",
            "12345678901234567890123", "0.1234567890123456789012345",
        ]
        self.start()
        self.ask_all([(http(number), "OK " + number) for number in numbers])
        self.ask_all([(http(f"\n {number} \n"), "OK " + number) for number in numbers])

    def test_array_of_scalars_is_joined(self):
        cases = [
            ('["a"]', "OK a"),
            ('["a","b"]', "OK a,b"),
            ('[ "a" , "b" ]', "OK a,b"),
            ('["a@example.com", "b@example.com", "c@example.com"]', "OK a@example.com,b@example.com,c@example.com"),
            ('[1, 2.50, true, false, "x", 12345678901234567890123]', "OK 1,2.50,true,false,x,12345678901234567890123"),
            ('[null,"a"]', "OK a"),
            ('["a",null]', "OK a"),
            ('["a",null,"b"]', "OK a,b"),
            (r'["\u00f6"]', "OK ö"),
        ]
        self.start()
        self.ask_all([(http(body), expected) for body, expected in cases])

    def test_object_and_nested_array_become_compact_json(self):
        cases = [
            ("{}", "OK {}"),
            ('{"a":1}', 'OK {"a":1}'),
            ('{ "a" : 1 ,\n "b" : [ 1 , 2 ] }', 'OK {"a":1,"b":[1,2]}'),
            ('{"n": 1.10, "m": 12345678901234567890123}', 'OK {"n":1.10,"m":12345678901234567890123}'),
            ('{"a b": " c  d "}', 'OK {"a b":" c  d "}'),
            ('{"a": null, "b": true, "c": {}, "d": []}', 'OK {"a":null,"b":true,"c":{},"d":[]}'),
            ('[ ["a"], "b" ]', 'OK [["a"],"b"]'),
            ('[ {"a": 1} ]', 'OK [{"a":1}]'),
            ("[ [ ] ]", "OK [[]]"),
            ("[ [ null ] ]", "OK [[null]]"),
        ]
        self.start()
        self.ask_all([(http(body), expected) for body, expected in cases])

    def test_compact_json_holds_the_same_strings(self):
        bodies = [r'{"a": "\u00f6 \ud83d\ude00 \" \\ \/ \n \u0000"}', '{"ö": ["😀", "/"]}', r'[["\u0000\u001f"]]']
        self.start()
        for body in bodies:
            with self.subTest(body=body):
                self.http.on("/k", http(body))
                answer = self.postfix.ask("t", "k")
                self.assertEqual(answer[:3], b"OK ")
                self.assertEqual(json.loads(answer[3:]), json.loads(body))
                self.assertNotIn(b"\0", answer)

    def test_nothing_to_say_is_a_miss(self):
        bodies = ['""', "[]", "null", '[""]', "[null]", "[null,null]", ' "" ', "\n[ ]\n", " null\r\n"]
        self.start()
        self.ask_all([(http(body), "NOTFOUND ") for body in bodies])

    def test_content_type_does_not_matter(self):
        self.start()
        self.ask_all([
            (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\"x\"", "OK x"),
            (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n\"x\"", "OK x"),
        ])

    def test_deep_nesting_does_no_harm(self):
        self.start()
        for depth in (100, 10_000, 200_000):
            for body in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth, "[" * depth):
                with self.subTest(depth=depth, body=body[:5]):
                    self.http.on("/k", http(body))
                    self.assertIn(self.postfix.ask("t", "k").split(b" ")[0], (b"OK", b"TEMP"))


class Statuses(Answers):
    """Answers that are told by their status alone."""

    def test_no_content_is_a_miss(self):
        self.start()
        self.ask_all([(http(status=204), "NOTFOUND ")])

    def test_4xx_is_a_miss(self):
        codes = [code for code in range(400, 500) if code not in OF_THE_REQUEST]
        self.start()
        self.ask_all([(http('"body"', code), "NOTFOUND ") for code in codes])

    def test_other_statuses_are_temporary(self):
        codes = [*OF_THE_REQUEST, *range(500, 600), 201, 202, 203, 205, 206, 207, 226, 299,
                 300, 301, 302, 303, 304, 305, 307, 308, 600, 999]
        self.start()
        self.ask_all([(http('"body"' if code not in (205, 304) else b"", code), "TEMP") for code in codes])

    def test_switching_protocols_is_temporary(self):
        self.start()
        self.http.on("/k", (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", CLOSE))
        self.check_reason(self.postfix.ask("t", "k"), "TEMP")

    def test_interim_answers_are_skipped(self):
        self.start()
        self.ask_all([
            (b"HTTP/1.1 100 Continue\r\n\r\n" + http('"x"'), "OK x"),
            (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + http('"x"'), "OK x"),
            (b"HTTP/1.1 103 Early Hints\r\n\r\n" + http(status=404), "NOTFOUND "),
        ])

    def test_redirect_is_not_followed(self):
        self.start()
        self.http.on("/elsewhere", http('"wrong"'))
        self.ask_all([(http(b"", code, f"Location: {self.http.url}/elsewhere"), "TEMP")
                      for code in (301, 302, 303, 307, 308)])
        self.assertEqual(self.http.count("/elsewhere"), 0)

    def test_doubtful_misses_and_denials_are_warned_of(self):
        podop = self.serve(url_table(self.http))
        client = self.client()
        for code, event, expected in ((401, "backend_denied", "NOTFOUND "), (403, "backend_denied", "NOTFOUND "),
                                      (407, "backend_denied", "TEMP"), (400, "backend_doubtful_miss", "NOTFOUND "),
                                      (422, "backend_doubtful_miss", "NOTFOUND ")):
            with self.subTest(code=code):
                self.http.on("/k", http(b"", code))
                for _ in range(3):
                    self.check_answer(client.ask("t", "k"), expected)
                podop.wait_log(rf"level=warning event={event} table=t http_status={code} ")
        for code in (404, 410, 204):
            with self.subTest(code=code):
                self.http.on("/k", http(b"", code))
                self.check_payload(client.ask("t", "k"), "NOTFOUND ")
        podop.stop()
        self.assertEqual(sum("event=backend_d" in line for line in podop.log), 5, "each status once a minute")

    def test_misses_that_the_table_wants(self):
        podop = self.serve(url_table(self.http, miss=[422]))
        self.http.on("/k", http(b"", 422))
        self.check_payload(self.client().ask("t", "k"), "NOTFOUND ")
        podop.stop()
        self.assertNotIn("event=backend_doubtful_miss", podop.stderr)


class Rubbish(Answers):
    """Bodies that are no JSON, and bodies and values that are too long."""

    def test_not_json(self):
        bodies = [
            "", " ", "\n", "x", "'x'", "NaN", "-NaN", "nan", "Infinity", "-Infinity", "inf", "01", "-01", "00", "-",
            "+1",
            "1.", ".5", "1.e3", "1e", "1e+", "0x10", "1_000", "TRUE", "True", "None", "nul", "nullx", "undefined",
            '"x', 'x"', '"x" y', '"x""y"', '"x",', '"x";', "1 2", "null null", "[] []", "{}{}", '"x"\0', '"x"]',
            "[1,]", "[,1]", "[1 2]", "[1", "[", "]", "[1}", '{"a":1,}', '{"a"}', '{"a":}', '{"a" 1}', '{"a":1', "{a:1}",
            "{'a':1}", "{1:2}", '// c\n"x"', '/* c */ "x"', '"x" // c', '# c\n"x"', '[1, /* c */ 2]',
            '"a\nb"', '"a\tb"', '"a\rb"', '"a\0b"', '"a\x1fb"', r'"\x41"', r'"\a"', r'"\'"', r'"\u12"', r'"\u12G4"',
            r'"\U00000041"', '"\\', '"\\"', '\ufeff"x"', "\ufeff", "<html></html>", "<?xml?>",
        ]
        self.start()
        self.ask_all([(http(body), "TEMP") for body in bodies])

    def test_invalid_utf8(self):
        strings = [b"\xff", b"a\x80b", b"\xc3", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80",
                   b"\xed\xa0\xbd\xed\xb8\x80",
                   b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"j\xf6rg"]
        self.start()
        for form in (b'"%s"', b'["a","%s"]', b'{"a":"%s"}', b'{"%s":1}', b'[["%s"]]'):
            self.ask_all([(http(form % string), "TEMP") for string in strings])

    def test_lone_surrogates(self):
        strings = [r"\ud800", r"\udc00", r"\ud800x", r"a\udfffb", r"\ud800\ud800", r"\udc00\ud800", r"\ud83d\u0041",
                   r"\uDBFF", r"\ud83d\ude00\ud83d"]
        self.start()
        for form in ('"%s"', '["a","%s"]', '{"a":"%s"}', '{"%s":1}', '[["%s"]]'):
            self.ask_all([(http(form % string), "TEMP") for string in strings])

    def test_nul_cannot_travel(self):
        self.start()
        self.ask_all([(http(body), "PERM") for body in
                      (r'"\u0000"', r'"a\u0000b"', r'"a\u0000"', r'["a","b\u0000"]')])

    def test_reply_at_its_limit(self):
        room = MAX_REPLY - len("OK ")
        self.start()
        self.ask_all([
            (http('"%s"' % ("x" * (room - 1))), "OK " + "x" * (room - 1)),
            (http('"%s"' % ("x" * room)), "OK " + "x" * room),
            (http('"%s"' % ("x" * (room + 1))), "PERM"),
            (http('"%s"' % ("ö" * (room // 2) + "x")), "OK " + "ö" * (room // 2) + "x"),
            (http('"%s"' % ("ö" * (room // 2 + 1))), "PERM"),
            (http(r'"%s"' % (r"\n" * room)), "OK " + "\n" * room),
            (http("[%s]" % ",".join(['"x"'] * (room // 2 + 1))), "OK " + ",".join("x" * (room // 2 + 1))),
            (http("[%s]" % ",".join(['"x"'] * (room // 2 + 2))), "PERM"),
            (http('{"a":"%s"}' % ("x" * room)), "PERM"),
            (http("1" * room), "OK " + "1" * room),
            (http("1" * (room + 1)), "PERM"),
        ])

    def test_reply_limit_of_the_listener(self):
        self.serve(url_table(self.http), listen=[{"socket": self.socket, "max_reply": 1000},
                                                 {"socket": self.path("k"), "max_reply": "1K"}])
        for address, limit in ((self.socket, 1000), (self.path("k"), 1024)):
            client = self.client(address)
            for size, expected in ((limit - 3, "OK " + "x" * (limit - 3)), (limit - 2, "PERM")):
                with self.subTest(limit=limit, size=size):
                    self.http.on("/k", http('"%s"' % ("x" * size)))
                    self.check_answer(client.ask("t", "k"), expected)

    def test_response_at_its_limit(self):
        self.start()
        for make in (http, chunked):
            self.ask_all([
                (make('"x"'.ljust(MAX_RESPONSE - 1)), "OK x"),
                (make('"x"'.ljust(MAX_RESPONSE)), "OK x"),
                (make('"x"'.ljust(MAX_RESPONSE + 1)), "TEMP"),
                (make('"x"'.ljust(2 * MAX_RESPONSE)), "TEMP"),
            ])

    def test_response_limit_of_the_table(self):
        for setting, limit in ((1000, 1000), ("1K", 1024), ("2M", 2 << 20)):
            with self.subTest(max_response=setting):
                self.socket = self.path(f"s{limit}")
                self.start(max_response=setting)
                self.http.on("/at", http('"x"'.ljust(limit)))
                self.http.on("/over", http('"x"'.ljust(limit + 1)))
                self.check_payload(self.postfix.ask("t", "at"), "OK x")
                self.check_reason(self.postfix.ask("t", "over"), "TEMP")

    def test_endless_body_is_not_waited_for(self):
        self.start(timeout="1h")
        flood = b'"' + b"x" * (2 * MAX_RESPONSE)
        self.http.on("/length", (http(flood, length=1 << 40), self.http.gate()))
        self.http.on("/chunks", (chunked(flood, end=b""), self.http.gate()))
        self.http.on("/close", (b"HTTP/1.1 200 OK\r\n\r\n" + flood, self.http.gate()))
        for key in ("length", "chunks", "close"):
            with self.subTest(body=key):
                self.check_reason(self.postfix.ask("t", key), "TEMP")
                self.assertEqual(self.http.count("/" + key), 1)

    def test_endless_head_is_not_waited_for(self):
        self.start(timeout="1h")
        self.http.on("/k", (b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 500_000, self.http.gate()))
        self.check_reason(self.postfix.ask("t", "k"), "TEMP")

    def test_reason_keeps_the_query_to_itself(self):
        """Neither a reason nor the log shows what may be a secret."""
        deaf = self.enterContext(harness.refusing_port())
        podop = self.serve(url_table(self.http, template="/§?token=s3cret"),
                           url_table(self.http, name="slow", template="/§?token=s3cret", timeout="100ms"),
                           {"name": "deaf", "type": "url", "param": f"http://127.0.0.1:{deaf}/§?token=s3cret"})
        client = self.client()
        for key, answer in (("status", http(b"", 503)), ("text", http("s3cret")),
                            ("cut", (http("x", length=9), CLOSE))):
            with self.subTest(key=key, answer=answer):
                self.http.on(f"/{key}?token=s3cret", answer)
                answer = client.ask("t", key)
                self.check_reason(answer, "TEMP")
                self.assertNotIn(b"s3cret", answer)
        self.http.on("/late?token=s3cret", (self.http.gate(),))
        for table, word in (("slow", "TIMEOUT"), ("deaf", "TEMP")):
            with self.subTest(table=table, word=word):
                answer = client.ask(table, "late")
                self.check_reason(answer, word, table)
                self.assertNotIn(b"s3cret", answer)
        podop.stop()
        self.assertNotIn("s3cret", podop.stderr)


class Transport(Answers):
    """Shapes of HTTP answers, and connections that break."""

    def test_framing_of_the_body(self):
        self.start()
        self.ask_all([
            (chunked('"abc"'), "OK abc"),
            (chunked('"a', "b", 'c"'), "OK abc"),
            (chunked(*'"abc"'), "OK abc"),
            (chunked('"abc"', end=b"0\r\nX-Trailer: y\r\n\r\n"), "OK abc"),
            (chunked('"abc"').replace(b"\r\n5\r\n", b"\r\n5;ext=1\r\n"), "OK abc"),
            (chunked("null"), "NOTFOUND "),
            (http('"x"', 200, "Connection: close"), "OK x"),
            ((b'HTTP/1.1 200 OK\r\n\r\n"x"', CLOSE), "OK x"),
            ((b'HTTP/1.0 200 OK\r\n\r\n"x"', CLOSE), "OK x"),
            ((b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"x', CLOSE), "TEMP"),
            (b'HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\n"x"', "OK x"),
            (b'HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n"x"', "OK x"),
            (tuple(bytes([byte]) for byte in http('"x"')), "OK x"),
            (tuple(bytes([byte]) for byte in chunked('"x', '"')), "OK x"),
            (http('"x"', 200, "X-Long: " + "y" * 8_000), "OK x"),
        ])

    def test_not_http(self):
        self.start(retries=0)
        answers = [b"garbage\r\n\r\n", b"\r\n\r\n\r\n", b"\0\0\0\0", b'"x"', b"SSH-2.0-OpenSSH_9.2\r\n",
                   b"+OK ready\r\n",
                   b"HTTP/1.1 abc OK\r\nContent-Length: 3\r\n\r\n\"x\"", b"HTTP/1.1\r\n\r\n\"x\""]
        for number, answer in enumerate(answers):
            with self.subTest(answer=answer):
                self.keep_trust()
                self.http.on(f"/k{number}", (answer, CLOSE))
                self.check_reason(self.postfix.ask("t", f"k{number}"), "TEMP")

    def test_surplus_bytes_never_become_an_answer(self):
        """What a backend sends beyond an answer must not be taken for the answer to the next lookup."""
        self.start()
        for surplus in (http('"evil"'), http('"evil"') * 3, b'"evil"', b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"):
            for answer in (http('"first"') + surplus, http(status=404) + surplus, chunked('"first"') + surplus):
                with self.subTest(surplus=surplus, answer=answer[:40]):
                    self.http.on("/first", answer)
                    self.http.on("/second", http('"second"'))
                    expected = "NOTFOUND " if b"404" in answer else "OK first"
                    self.check_payload(self.postfix.ask("t", "first"), expected)
                    self.check_payload(self.postfix.ask("t", "second"), "OK second")

    BROKEN = {
        "closed at once": (CLOSE,),
        "reset at once": (RESET,),
        "closed within the status line": (b"HTTP/1.", CLOSE),
        "closed within the head": (b"HTTP/1.1 200 OK\r\nContent-Len", CLOSE),
        "miss, closed within the status line": (b"HTTP/1.1 404", CLOSE),
        "miss, closed after the status line": (b"HTTP/1.1 404 Not Found\r\n", CLOSE),
        "miss, closed within the head": (b"HTTP/1.1 404 Not Found\r\nContent-Len", CLOSE),
        "miss, closed before the end of the head": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n", CLOSE),
        "no content, closed within the head": (b"HTTP/1.1 204 No Content\r\nServ", CLOSE),
        "miss, closed within the body": (http("{}", 404, length=9), CLOSE),
        "closed before the body": (http(length=3), CLOSE),
        "closed within the body": (http('"x', length=3), CLOSE),
        "closed within a body that looks whole": (http("12", length=3), CLOSE),
        "reset within the body": (http('"x', length=3), RESET),
        "closed within a chunk": (chunked('"x"', end=b"5\r\n  "), CLOSE),
        "closed before the last chunk": (chunked('"x"', end=b""), CLOSE),
        "closed within the last chunk": (chunked('"x"', end=b"0\r\n"), CLOSE),
    }

    def test_broken_connection_is_retried_once(self):
        self.start()
        for number, (name, steps) in enumerate(self.BROKEN.items()):
            with self.subTest(name):
                self.keep_trust()
                self.http.on(f"/k{number}", steps)
                self.check_reason(self.postfix.ask("t", f"k{number}"), "TEMP")
                self.assertEqual(self.http.count(f"/k{number}"), 2, "requests to the backend")

    def test_number_of_retries(self):
        for retries in (0, 1, 3):
            with self.subTest(retries=retries):
                self.socket = self.path(f"s{retries}")
                self.start(retries=retries)
                self.http.on(f"/k{retries}", (CLOSE,))
                self.check_reason(self.postfix.ask("t", f"k{retries}"), "TEMP")
                self.assertEqual(self.http.count(f"/k{retries}"), retries + 1, "requests to the backend")

    def test_retry_can_succeed(self):
        self.start()
        for number, (name, steps) in enumerate(self.BROKEN.items()):
            with self.subTest(name):
                self.http.on(f"/k{number}", steps, http('"x"', 200, "Connection: close"))
                self.check_payload(self.postfix.ask("t", f"k{number}"), "OK x")
                self.assertEqual(self.http.count(f"/k{number}"), 2, "requests to the backend")

    def test_kept_connection_that_the_backend_closed(self):
        """The usual race of keep-alive: nobody outside sees it."""
        self.start()
        for number in range(20):
            self.http.on(f"/k{number}", (http('"x"'), CLOSE))
            self.check_payload(self.postfix.ask("t", f"k{number}"), "OK x")

    def test_connection_refused_or_name_unknown(self):
        deaf = self.enterContext(harness.refusing_port())
        self.serve({"name": "refused", "type": "url", "param": f"http://127.0.0.1:{deaf}/§"},
                   {"name": "socket", "type": "url", "param": "http://localhost/§", "unix_socket": self.path("none")},
                   {"name": "unknown", "type": "url", "param": f"http://{'x' * 64}.invalid/§"})
        client = self.client()
        for table in ("refused", "socket", "unknown"):
            with self.subTest(table):
                self.check_reason(client.ask(table, "k"), "TEMP", table)

    def test_tls_to_a_plain_server_fails(self):
        self.serve({"name": "t", "type": "url", "param": f"https://127.0.0.1:{self.http.port}/§", "timeout": "15s"})
        self.http.default = lambda request: http('"x"')
        answer = self.client().ask("t", "k")
        self.assertIn(answer.split(b" ")[0], (b"TEMP", b"TIMEOUT"))


class Times(Answers):
    """Backends that are late."""

    def test_late_answer_is_a_timeout(self):
        self.start(timeout="200ms")
        late = {
            "nothing": (),
            "head": (http('"x"', length=3)[:20],),
            "no body": (http(length=3),),
            "half a body": (http('"x', length=3),),
            "no last chunk": (chunked('"x"', end=b""),),
        }
        for number, (name, steps) in enumerate(late.items()):
            with self.subTest(name):
                self.keep_trust()
                self.http.on(f"/k{number}", (*steps, self.http.gate()))
                self.check_reason(self.postfix.ask("t", f"k{number}"), "TIMEOUT")
        self.http.on("/ok", http('"x"'))
        self.check_payload(self.postfix.ask("t", "ok"), "OK x")

    def test_late_answer_is_never_mixed_up(self):
        self.start(timeout="200ms")
        gate = self.http.gate()
        self.http.on("/late", (gate, http('"late"')))
        self.http.on("/next", http('"next"'))
        self.check_reason(self.postfix.ask("t", "late"), "TIMEOUT")
        gate.set()
        for _ in range(10):
            self.check_payload(self.postfix.ask("t", "next"), "OK next")

    def test_timeout_covers_retries(self):
        self.start(timeout="200ms", retries=3)
        self.http.on("/k", (CLOSE,), (self.http.gate(),))
        self.check_reason(self.postfix.ask("t", "k"), "TIMEOUT")
        self.assertEqual(self.http.count("/k"), 2)

    def test_timeout_covers_the_queue(self):
        self.serve(url_table(self.http, name="first", timeout="1h"), url_table(self.http, timeout="200ms"),
                   pool={"max_connections": 1})
        first, second = self.client(), self.client()
        gate = self.http.gate()
        self.http.on("/first", (gate, http('"first"')))
        self.http.on("/second", http('"second"'))
        first.request("first", "first")
        self.http.wait_target("/first")
        self.check_reason(second.ask("t", "second"), "TIMEOUT")
        gate.set()
        self.check_payload(first.read(), "OK first")
        self.check_payload(second.ask("t", "second"), "OK second")

    def test_connect_timeout(self):
        """A backend whose backlog is full leaves the handshake hanging."""
        full = self.enterContext(harness.full_port())
        self.serve({"name": "t", "type": "url", "param": f"http://127.0.0.1:{full}/§", "timeout": "1h",
                    "connect_timeout": "200ms", "retries": 0})
        answer = self.client().ask("t", "k")
        self.assertIn(answer.split(b" ")[0], (b"TEMP", b"TIMEOUT"), harness.shown(answer))

    def test_backend_comes_up_later(self):
        """podop starts while its backend is down, and needs no help once it is up."""
        port = self.reserve_port()
        self.serve({"name": "t", "type": "url", "param": f"http://127.0.0.1:{port}/§"})
        client = self.client()
        self.check_reason(client.ask("t", "k"), "TEMP")
        self.backend(port=port).on("/k", http('"x"'))
        self.check_payload(client.ask("t", "k"), "OK x")


class Requests(Answers):
    """Requests that no backend is asked for."""

    def test_unknown_table(self):
        self.start()
        for name in ("x", "T", "tt", "no.such-table_2", "jörg"):
            with self.subTest(name):
                self.check_payload(self.postfix.ask(name, "k"), "TEMP no such table: " + name)
        self.assertEqual(self.http.requests, [])

    def test_odd_names_of_unknown_tables(self):
        self.start()
        for name in ("", "x" * 255, "x" * 256, "x" * 20_000, b"\xff\xfe", b"a\nb", b"a\0b", b"%s%n", b"t\0"):
            with self.subTest(harness.shown(harness.to_bytes(name))):
                answer = self.postfix.ask(name, "k")
                self.assertTrue(answer.startswith(b"TEMP no such table: "), harness.shown(answer))
        self.assertEqual(self.http.requests, [])

    def test_request_without_a_blank(self):
        self.http.default = harness.echo
        self.start()
        for payload in ("", "t", "x", "t\tk", "t\0k", "\xff", "x" * 10_000):
            with self.subTest(harness.shown(harness.to_bytes(payload))):
                self.postfix.send(harness.netstring(payload))
                self.check_payload(self.postfix.read(), "PERM bad request")
                self.check_payload(self.postfix.ask("t", "k"), "OK k")



class UnaskedAnswers(Case):
    """A kept connection on which a server said something that nobody asked for is not used any more."""

    LATE = (http(status=404), http('"wrong"'), http(status=408))

    def test_late_answer_is_nobody_elses(self):
        self.http = self.backend(default=echo)
        self.serve(url_table(self.http))
        postfix = self.client()
        for number, late in enumerate(self.LATE):
            with self.subTest(late=late):
                gate, sent = self.http.gate(), self.http.gate()
                self.http.on(f"/a{number}", (http('"a"'), gate, late, lambda sent=sent: sent.set()))
                self.check_payload(postfix.ask("t", f"a{number}"), "OK a")
                gate.set()
                self.assertTrue(sent.wait(harness.GUARD))
                for key in ("b", "c"):
                    self.check_payload(postfix.ask("t", f"{key}{number}"), f"OK {key}{number}")

    def test_late_answer_on_one_of_several_connections(self):
        """Over TCP and over unix sockets, on which connections have no ports to be told apart by."""
        paths = self.path("http"), self.path("https")
        local = [self.backend(unix_path=path, default=echo) for path in paths]
        remote = self.backend(default=echo)
        self.serve(url_table(remote, "remote"), url_table(local[0], "local", unix_socket=paths[0]),
                   url_table(local[1], "other", unix_socket=paths[1]))
        for table, backend in (("local", local[0]), ("remote", remote)):
            for victim in range(3):
                for number, late in enumerate(self.LATE):
                    with self.subTest(table=table, victim=victim, late=late):
                        self.check_one_of_three(table, backend, victim, f"{victim}{number}", late)

    def check_one_of_three(self, table, backend, victim, suffix, late):
        """Three lookups at the same time; then, late, the connection of one of them has an answer too many."""
        client = self.client()
        ready, too_late, sent = [backend.gate() for _ in range(3)], backend.gate(), backend.gate()
        seen = len(backend.requests)
        for number in range(3):
            more = (too_late, late, sent.set) if number == victim else ()
            backend.on(f"/a{number}{suffix}", (ready[number], http('"a"'), *more))
            client.request(table, f"a{number}{suffix}")
        backend.wait_requests(seen + 3)
        for gate in ready:
            gate.set()
            self.check_payload(client.read(), "OK a")
        self.check_payload(client.ask("other", "x"), "OK x")  # another kept connection
        too_late.set()
        self.assertTrue(sent.wait(harness.GUARD))
        hold = backend.gate()
        for number in range(3):
            backend.on(f"/b{number}{suffix}", (hold, http(f'"b{number}"')))
            client.request(table, f"b{number}{suffix}")
        backend.wait_requests(seen + 6)
        hold.set()
        for number in range(3):
            self.check_payload(client.read(), f"OK b{number}")


if __name__ == "__main__":
    harness.main()
