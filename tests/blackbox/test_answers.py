"""What each answer of a backend becomes for Postfix: podop.conf(5), "What the answer becomes", row by row."""

import json

import harness
from answers_case import MAX_REPLY, MAX_RESPONSE, OF_THE_REQUEST, Answers
from harness import CLOSE, chunked, http, url_table


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
            ('"false"', "OK false"),
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
            ('[1, 2.50, true, false, "x", 12345678901234567890123]', "OK 1,2.50,true,x,12345678901234567890123"),
            ('[false, "a", false, null, "false"]', "OK a,false"),
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
        bodies = ['""', "[]", "null", '[""]', "[null]", "[null,null]", ' "" ', "\n[ ]\n", " null\r\n", "false",
                  " false\n", "[false]", "[ false , null ]"]
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
    """Answers that depend on their status alone."""

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
        self.http.on("/k", http(b"", 302, f"Location: {self.http.url}/elsewhere?k"))
        told = self.client().ask("t", "k").decode()
        self.assertIn(f"answered with status 302: redirects are not followed (to {self.http.url})", told)

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
    """Bodies that are not JSON, and bodies and values that are too long."""

    def test_not_json(self):
        bodies = [
            "", " ", "\n", "x", "'x'", "NaN", "-NaN", "nan", "Infinity", "-Infinity", "inf", "01", "-01", "00", "-",
            "+1",
            "1.", ".5", "1.e3", "1e", "1e+", "0x10", "1_000", "TRUE", "True", "None", "nul", "nullx", "undefined",
            '"x', 'x"', '"x" y', '"x""y"', '"x",', '"x";', "1 2", "null null", "[] []", "{}{}", '"x"\0', '"x"]',
            "[1,]", "[,1]", "[1 2]", "[1", "[", "]", "[1}", '{"a":1,}', '{"a"}', '{"a":}', '{"a" 1}', '{"a":1', "{a:1}",
            "{'a':1}", "{1:2}", '// c\n"x"', '/* c */ "x"', '"x" // c', '# c\n"x"', '[1, /* c */ 2]',
            '"a\nb"', '"a\tb"', '"a\rb"', '"a\0b"', '"a\x1fb"', r'"\x41"', r'"\a"', r'"\'"', r'"\u12"', r'"\u12G4"',
            r'"\U00000041"', '"\\', '"\\"', '"x"\ufeff', "\ufeff", '\ufeff\ufeff"x"', ' \ufeff"x"',
            "<html></html>", "<?xml?>",
        ]
        self.start()
        self.ask_all([(http(body), "TEMP") for body in bodies])

    def test_byte_order_mark(self):
        """RFC 8259 section 8.1 lets a parser ignore it."""
        self.start()
        self.ask_all([(http('\ufeff"x"'), "OK x"), (http('\ufeff ["x", 1]'), "OK x,1"),
                      (http("\ufeffnull"), "NOTFOUND "), (http("\ufeff" * 40000), "TEMP")])

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
        """Neither a reason nor the log contains the query, which may hold a secret."""
        deaf = self.enterContext(harness.refusing_port())
        podop = self.serve(url_table(self.http, template="/§?token=s3cret"),
                           url_table(self.http, name="slow", template="/§?token=s3cret", timeout="100ms"),
                           {"name": "deaf", "type": "url", "param": f"http://127.0.0.1:{deaf}/§?token=s3cret",
                            "timeout": "1s"})
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


class Requests(Answers):
    """Requests that podop answers without asking a backend."""

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


if __name__ == "__main__":
    harness.main()
