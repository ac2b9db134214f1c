"""The lines of Dovecot's protocol: the hello of every version, lines in any pieces, and broken clients."""

import harness
from dict import VERSIONS, DictCase, hello
from harness import http, netstring, url_table
from lookup_case import MAX_LINE, mirror


class Hello(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=mirror)

    def start(self, **listener):
        return self.serve(url_table(self.http), listen=[{"socket": self.socket, **listener}])

    def test_every_version(self):
        for mode in ("auto", "dovecot"):
            self.socket = self.path(mode)
            self.start(mode=mode)
            for version in (*VERSIONS, (2, 9), (3, 0), (3, 7), (4, 1), (4, 7)):
                with self.subTest(mode=mode, version=version):
                    client = self.dict(version)
                    self.check_payload(client.get("shared/k"), "O/k")
                    self.check_payload(client.get("priv/k"), "O/k/bob%40example.com")

    def test_hello_alone_is_not_answered(self):
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                self.check_payload(self.dict(version).get("shared/k"), "O/k")  # podop has read the hello by now
                self.assertFalse(client.has_news(), "an answer to a hello")
                self.check_payload(client.get("shared/k"), "O/k")

    def test_hello_and_leave(self):
        self.start()
        for version in VERSIONS:
            client = self.dict(version)
            client.half_close()
            client.read_end()
        self.assertEqual(self.http.requests, [])

    def test_user_of_the_hello_counts_in_major_2_only(self):
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version, greet=False)
                client.send(hello(version, "t", "hello@example.com"))
                if version[0] == 2:
                    client.send(b"Lpriv/k\tline@example.com\n")
                    self.check_payload(client.wait(client.expect("L", "")), "O/k/hello%40example.com")
                    client.send(b"Lpriv/k\n")
                    self.check_payload(client.wait(client.expect("L", "")), "O/k/hello%40example.com")
                else:
                    self.check_payload(client.get("priv/k", "line@example.com"), "O/k/line%40example.com")
                    self.check_payload(client.get("priv/k", "other@example.com"), "O/k/other%40example.com")
                    client.send(b"Lpriv/k\n")
                    self.check_failure(client.wait(client.expect("L", "")), None)

    def test_value_type(self):
        self.start()
        for value_type in (b"0", b"1"):
            with self.subTest(value_type=value_type):
                client = self.dict((2, 2), greet=False)
                client.send(b"H2\t2\t%s\tbob\tt\n" % value_type)
                self.check_payload(client.get("priv/k"), "O/k/bob")

    def test_escaped_dict_name_and_user(self):
        file = self.write("t.json", '{"k": "x", "k/\\ttab": "y"}')
        self.serve({"name": "jörg", "type": "json", "param": file}, {"name": "b:c", "type": "json", "param": file})
        for version in VERSIONS:
            with self.subTest(version=version):
                self.check_payload(self.dict(version, name="jörg").get("shared/k"), "Ox")
                self.check_payload(self.dict(version, name="b:c", user="\ttab").get("priv/k"), "Oy")

    def test_unknown_table(self):
        self.start()
        for version in VERSIONS:
            for name in ("x", "T", "tt", "", "no such:table", "jörg", "a\tb\n"):
                with self.subTest(version=version, name=name):
                    client = self.dict(version, name=name)
                    expected = "Fno such table: " + name
                    with client.packet():
                        requests = [client.lookup("shared/k"), client.iterate("shared/p/"),
                                    client.write(("set", "priv/k", "v")), client.lookup("other/k")]
                    for request in requests[:3]:
                        answer = client.wait(request)
                        if "\t" in name:
                            self.assertTrue(answer.startswith(b"Fno such table: "), answer)
                        else:
                            self.check_payload(answer, expected)
                    self.assertEqual(requests[1].rows, [])
                    self.check_failure(client.wait(requests[3]), None)
        self.assertEqual(self.http.requests, [])

    def test_table_of_another_listener(self):
        self.serve(url_table(self.http, "a"), url_table(self.http, "b"),
                   listen=[{"socket": self.socket, "tables": ["a"]}])
        self.check_payload(self.dict(name="a").get("shared/k"), "O/k")
        self.check_payload(self.dict(name="b").get("shared/k"), "Fno such table: b")


class BadClients(DictCase):
    """A client that breaks the protocol is disconnected, after the answers that were due to it."""

    def setUp(self):
        super().setUp()
        self.http = self.backend(default=mirror)

    def start(self, **listener):
        return self.serve(url_table(self.http), listen=[{"socket": self.socket, "request_timeout": "1h", **listener}])

    def test_bad_hello(self):
        self.start(mode="dovecot")
        for wire in (b"H1\t0\t0\t\tt\n", b"H5\t0\t0\t\tt\n", b"H0\t0\t0\t\tt\n", b"H\t0\t0\t\tt\n",
                     b"Hx\t0\t0\t\tt\n", b"H-2\t0\t0\t\tt\n", b"H22\t0\t0\t\tt\n", b"H4294967298\t0\t0\t\tt\n",
                     b"H18446744073709551618\t0\t0\t\tt\n", b"H2x\t0\t0\t\tt\n", b"H\n"):
            with self.subTest(wire=wire):
                client = self.dict(greet=False)
                client.send(wire)
                client.read_end()

    def test_bad_major_in_mode_auto(self):
        self.start()
        for wire in (b"H1\t0\t0\t\tt\n", b"H5\t0\t0\t\tt\n"):
            client = self.dict(greet=False)
            client.send(wire + b"Lshared/k\t\n")
            client.read_end()
        self.assertEqual(self.http.requests, [])

    def test_anything_before_the_hello(self):
        self.start(mode="dovecot")
        for wire in (b"Lshared/k\t\n", b"I0\t0\tshared/p/\t\n", b"B1\t\n", b"C1\n", b"\n", b"X\n", b"h\n", b"\0\n",
                     netstring("t k"), b"GET / HTTP/1.1\r\n\r\n"):
            with self.subTest(wire=wire):
                client = self.dict(greet=False)
                client.send(wire)
                client.send(b"\n")
                client.read_end()
        self.assertEqual(self.http.requests, [])

    def test_mode_of_the_listener(self):
        self.start(mode="postfix")
        client = self.dict()
        client.read_end()
        self.serve(url_table(self.http), listen=[{"socket": self.path("auto")}])
        self.check_payload(self.client(self.path("auto")).ask("t", "k"), "OK /k")
        self.check_payload(self.dict(address=self.path("auto")).get("shared/k"), "O/k")

    def test_unknown_commands(self):
        """A second hello, an unknown command, an empty line."""
        self.start()
        wires = [hello((4, 0)), hello((2, 2)), b"\n", b"\t\n"]
        wires += [bytes([byte]) + b"1\tx\n" for byte in range(256) if bytes([byte]) not in b"HLIBSUATVRCD\n"]
        for number, wire in enumerate(wires):
            with self.subTest(wire=wire):
                client = self.dict(VERSIONS[number % len(VERSIONS)])
                with client.packet():
                    first, second = client.lookup("shared/first"), client.lookup("shared/second")
                    client.send(wire + b"Lshared/never\t\n")
                self.check_payload(client.wait(first), "O/first")
                self.check_payload(client.wait(second), "O/second")
                client.read_end()
        self.assertEqual(self.http.count("/never"), 0)

    def test_due_answers_come_before_the_end(self):
        """Slow answers, rows and commits are not lost to the rubbish after them."""
        self.start()
        for number, version in enumerate(VERSIONS):
            with self.subTest(version=version):
                gate = self.http.gate()
                self.http.on(f"/slow{number}", (gate, http('"slow"')))
                self.http.on(f"/p{number}/", (gate, http('{"a": "1"}')))
                self.http.on(f"/w{number}", (gate, http(status=204)))
                client = self.dict(version)
                with client.packet():
                    slow, fast = client.lookup(f"shared/slow{number}"), client.lookup("shared/fast")
                    rows = client.iterate(f"shared/p{number}/")
                    commit = client.write(("set", f"shared/w{number}", "1"))
                    client.send(b"Xrubbish\n")
                self.http.wait_target(f"/slow{number}")
                gate.set()
                client.read_end()
                self.check_payload(slow.answer, "Oslow")
                self.check_payload(fast.answer, "O/fast")
                self.assertEqual((rows.rows, rows.answer), ([(b"shared/p%d/a" % number, b"1")], b""))
                self.check_payload(commit.answer, "O")

    def test_others_are_not_disturbed(self):
        self.start()
        good = self.dict()
        self.check_payload(good.get("shared/k"), "O/k")
        for wire in (b"Xrubbish\n", hello((2, 2)), b"L" + b"x" * (MAX_LINE + 2)):
            with self.subTest(wire=wire):
                client = self.dict()
                try:
                    client.send(wire)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                client.read_end()
                self.check_payload(good.get("shared/k"), "O/k")

    def test_half_a_line_is_not_waited_for(self):
        self.start(request_timeout="100ms")
        for wire in (b"H", hello((4, 0))[:-1], hello((4, 0)) + b"L", hello((4, 0)) + b"Lshared/k\tu"):
            with self.subTest(wire=wire):
                client = self.dict(greet=False)
                client.send(wire)
                client.read_end()
        self.assertEqual(self.http.requests, [])

    def test_half_close_gets_all_answers(self):
        self.start()
        for number, version in enumerate(VERSIONS):
            with self.subTest(version=version):
                gate = self.http.gate()
                self.http.on(f"/slow{number}", (gate, http('"slow"')))
                client = self.dict(version)
                requests = [client.lookup(f"shared/slow{number}"), client.lookup("shared/fast")]
                client.half_close()
                self.http.wait_target(f"/slow{number}")
                gate.set()
                client.read_end()
                self.check_payload(requests[0].answer, "Oslow")
                self.check_payload(requests[1].answer, "O/fast")

    def test_clients_that_vanish(self):
        podop = self.start()
        witness = self.dict()
        self.check_payload(witness.get("shared/k"), "O/k")
        before = podop.unix_sockets()
        gate = self.http.gate()
        for number in range(50):
            self.http.on(f"/slow{number}", (gate, http('"slow"')))
            client = self.dict(VERSIONS[number % len(VERSIONS)])
            client.lookup(f"shared/slow{number}")
            client.iterate(f"shared/slow{number}")
            client.send(b"B1\tu\nS1\tshared/x\t1\nLsha")
            if number % 2:
                self.http.wait_target(f"/slow{number}")
            client.close()
        harness.wait_until(lambda: podop.unix_sockets() == before, "the descriptors of the clients are closed")
        gate.set()
        self.check_payload(witness.get("shared/k"), "O/k")
        self.assertNotIn("POST", [request.method for request in self.http.requests])


class Lines(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=mirror)

    def start(self, **listener):
        self.serve(url_table(self.http), listen=[{"socket": self.socket, **listener}])

    def test_cut_anywhere(self):
        self.start()
        for version in VERSIONS:
            user = b"" if version[0] == 2 else b"\tb\x01tb"
            wire = hello(version, "t", "b\tb" if version[0] == 2 else "") + b"Lshared/fir\x01nst%s\nLpriv/k%s\n" % (
                user, user)
            for cut in range(1, len(wire)):
                with self.subTest(version=version, cut=cut):
                    client = self.dict(version, greet=False)
                    client.send(wire[:cut])
                    if cut % 3 == 0:  # podop has read the first part before the second comes
                        self.check_payload(self.dict(version).get("shared/k"), "O/k")
                    client.send(wire[cut:])
                    first, second = client.expect("L", "first"), client.expect("L", "second")
                    self.check_payload(client.wait(second), "O/k/b%09b")
                    self.check_payload(first.answer or client.wait(first), "O/fir%0Ast")
                    client.close()

    def test_byte_by_byte(self):
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version, greet=False)
                user = b"" if version[0] == 2 else b"\tbob"
                for byte in hello(version, "t", "bob" if version[0] == 2 else "") + b"Lpriv/k%s\n" % user * 3:
                    client.send(bytes([byte]))
                requests = [client.expect("L", "k") for _ in range(3)]
                for request in requests:
                    self.check_payload(client.wait(request), "O/k/bob")

    def test_many_in_one_packet(self):
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version, greet=False)
                with client.packet():
                    client.send(hello(version, "t", client.user if version[0] == 2 else ""))
                    requests = [client.lookup(f"shared/k{number}") for number in range(50)]
                for number, request in enumerate(requests):
                    self.check_payload(client.wait(request), f"O/k{number}")

    def test_missing_trailing_fields_are_empty(self):
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version, user="")
                client.send(b"Lshared/k\n")
                self.check_payload(client.wait(client.expect("L", "")), "O/k")
                for wire in (b"Lpriv/k\n", b"L\n", b"I0\n" if version == (2, 0) else b"I0\t0\n"):
                    client.send(wire)
                    self.check_failure(client.wait(client.expect(wire[:1].decode(), "")), None)
                self.http.on("/p/", http('{"a": "1"}'))
                client.send(b"I0\tshared/p/\n" if version == (2, 0) else b"I0\t0\tshared/p/\n")
                request = client.expect("I", ["shared/p/"])
                self.check_payload(client.wait(request), "")
                self.assertEqual(request.rows, [(b"shared/p/a", b"1")])
                self.http.on("/w", http(status=204))
                self.http.forget()
                client.send(b"B1\nS1\tshared/w\nC1\n")
                self.check_payload(client.wait(client.expect("C", 1)), "O")
                self.assertEqual([(request.method, request.body) for request in self.http.requests],
                                 [("POST", b'""')])

    def test_short_hello(self):
        """However podop answers, no other client suffers, and no table is guessed."""
        self.start()
        for wire in (b"H4\n", b"H4\t0\n", b"H4\t0\t0\n", b"H4\t0\t0\t\n", b"H4\t0\t0\t\t\n"):
            with self.subTest(wire=wire):
                client = self.dict(greet=False)
                client.send(wire + b"Lshared/k\tu\n")
                got = client.read_line()
                if got is not None:
                    self.check_failure(got, None)
                client.close()
        self.assertEqual(self.http.requests, [])

    def test_unknown_extra_fields_are_ignored(self):
        self.start()
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version, greet=False)
                client.send(hello(version, "t", "bob" if version[0] == 2 else "")[:-1] + b"\textra\tx\n")
                user = b"" if version[0] == 2 else b"\tbob"
                client.send(b"Lpriv/k%s\textra\t\t9\n" % user)
                self.check_payload(client.wait(client.expect("L", "")), "O/k/bob")
                for key in "wua":
                    self.http.on("/" + key, http(status=204))
                self.http.forget()
                client.send(b"B1%s\t0\textra\nT1\t1\t2\textra\nV1\tyes\textra\nS1\tshared/w\tv\textra\n"
                            b"U1\tshared/u\textra\nA1\tshared/a\t1\textra\nC1\textra\n" % (user or b"\tx"))
                self.check_payload(client.wait(client.expect("C", 1)), "O")
                self.assertEqual([(request.method, request.target) for request in self.http.requests],
                                 [("POST", b"/w"), ("DELETE", b"/u"), ("PATCH", b"/a")])

    def test_longest_line(self):
        """1 MiB with its end; the bytes are counted as received."""
        self.start()
        for version in VERSIONS[-3:]:
            client = self.dict(version)
            for size in (65_536, 100_047, MAX_LINE):
                with self.subTest(version=version, size=size):
                    self.http.on("/w", http(status=204))
                    self.http.forget()
                    client.send(b"B1\tbob@example.com\n")
                    head = b"S1\tshared/w\t"
                    value = b"x" * (size - len(head) - 1)
                    client.send(head + value + b"\nC1\n")
                    self.check_payload(client.wait(client.expect("C", 1)), "O")
                    self.assertEqual([request.body for request in self.http.requests], [b'"%s"' % value])

    def check_closed_by(self, wire, **client_options):
        client = self.dict(**client_options)
        self.check_payload(client.get("shared/first"), "O/first")
        try:
            client.send(wire)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all of it was sent
        client.read_end()

    def test_line_over_the_limit(self):
        self.start(request_timeout="1h")
        for wire in (b"L" + b"x" * (MAX_LINE + 1) + b"\n", b"L" + b"x" * (MAX_LINE + 1), b"x" * (4 << 20),
                     b"S1\tshared/k\t" + b"\x01n" * (MAX_LINE // 2) + b"\n"):
            with self.subTest(wire=wire[:20], size=len(wire)):
                self.check_closed_by(wire)
        client = self.dict(greet=False)
        try:
            client.send(b"H" + b"x" * (MAX_LINE + 1))
        except (BrokenPipeError, ConnectionResetError):
            pass
        client.read_end()

    def test_limit_of_the_listener(self):
        for setting, limit in ((1000, 1000), ("1K", 1024), ("3M", 3 << 20)):
            with self.subTest(max_request=setting):
                self.socket = self.path(f"s{limit}")
                self.start(max_request=setting, request_timeout="1h")
                client = self.dict()
                key = "x" * (min(limit, 60_000) - len("Lshared/\t" + client.user + "\n"))
                if limit < 60_000:
                    self.check_payload(client.get("shared/" + key), "O/" + key)
                else:
                    self.http.on("/w", http(status=204))
                    self.check_payload(client.change(("set", "shared/w", "x" * (limit - 100))), "O")
                self.check_closed_by(b"Lshared/" + b"x" * (limit - len("Lshared/") + 1))


if __name__ == "__main__":
    harness.main()
