"""The control socket: who may use it, requests and answers, flush and reload, also through podopctl."""

import json
import os
import re
import stat

import harness
from control_case import CONFIG, FAILED, USAGE, ControlCase
from harness import http, url_table


class Socket(ControlCase):
    def test_permissions_and_life(self):
        podop = self.start()
        self.assertEqual(stat.S_IMODE(os.stat(self.control).st_mode), 0o600)
        podop.stop()
        self.assertFalse(os.path.exists(self.control))

    def test_no_socket_by_default_or_when_empty(self):
        podop = self.start(control=False)
        self.assertEqual(len(re.findall("event=listening", podop.stderr)), 1)
        podop.stop()
        podop = self.podop("-c", self.configure(), "--set", "control.socket=\"\"")
        self.assertEqual(len(re.findall("event=listening", podop.stderr)), 1)

    def test_a_path_and_nothing_else(self):
        for value, fault in (("127.0.0.1:9100", "must be an absolute path"), (self.socket, "is already the socket of 'control'")):
            with self.subTest(value=value):
                done = harness.run("PODOP", "-t", "-c", self.configure(control={"socket": value}))
                self.assertEqual(done.returncode, CONFIG)
                self.assertIn(fault, done.stderr)

    def test_nothing_but_orders_is_spoken_there(self):
        self.start()
        client = harness.Socketmap(self.control)
        self.addCleanup(client.close)
        client.request("t", "k")
        self.assertIsNone(client.read())
        self.check_answer(self.client().ask("t", "k"), "OK k")

    def test_malformed_lines_are_answered_and_the_next_is_heard(self):
        self.start()
        client = self.connect()
        for line in (b"{", b"{}", b'{"command":1}', b'{"command":"dance"}', b'{"command":"explain"}',
                     b'{"command":"explain","table":"t"}', b'{"command":"explain","table":"no","key":"k"}',
                     b'{"command":"flush","table":"t\\u0000"}', b'{"command":"\xff"}', b'{"command":"stats"} x',
                     b'{"command":"explain","table":"t","key":"k","user":""}',
                     b'{"command":"explain","table":"t","key":"k","user":"a\\u0000b"}', b"[]", b"", b"null"):
            with self.subTest(line=line):
                client.sock.sendall(line + b"\n")
                answer = client.read()
                self.assertIs(answer["ok"], False)
                self.assertTrue(answer["error"])
        self.assertTrue(client.ask(command="stats")["ok"])
        self.assertEqual(len(self.http.requests), 0)

    def test_a_line_without_end_is_hung_up_on(self):
        self.start()
        client = self.connect()
        try:
            client.sock.sendall(b"{" + b"x" * 1_000_000)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            self.assertIsNone(client.read())
        except ConnectionResetError:
            pass
        self.assertEqual(self.explain("k")["status"], "found")

    def test_several_clients_and_answers_in_order(self):
        self.start()
        gate = self.http.gate()
        self.http.on("/slow", (gate, http('"late"')))
        clients = [self.connect() for _ in range(5)]
        for number, client in enumerate(clients):
            client.send(command="explain", table="t", key="slow")
            client.send(command="explain", table="t", key=f"k{number}")
            client.send(command="flush", table="t")
        self.http.wait_requests(10)
        gate.set()
        for number, client in enumerate(clients):
            self.assertEqual(client.read()["dovecot"], "late")
            self.assertEqual(client.read()["dovecot"], f"k{number}")
            self.assertEqual(client.read(), {"ok": True})

    def test_client_that_leaves_during_a_request(self):
        """Its request is cancelled, unless others have joined it."""
        self.start(url_table(self.http), url_table(self.http, "shared", "/s/§", share=True))
        gate = self.http.gate()
        self.http.on("/s/k", (gate, http('"late"')))
        self.http.on("/k", (gate, http('"late"')))
        going, postfix = self.connect(), self.client()
        going.send(command="explain", table="shared", key="k")
        going.send(command="explain", table="t", key="k")
        self.http.wait_requests(2)
        postfix.send(harness.netstring("shared k"))
        harness.wait_until(lambda: self.stats()[1]["shared"]["joined"] == 1, "the lookup joined")
        going.close()
        harness.wait_until(lambda: self.stats()[0]["clients"] == 2, "the client is gone")
        gate.set()
        self.check_answer(postfix.read(), "OK late")
        self.assertEqual(self.explain("other")["dovecot"], "other")


class Flush(ControlCase):
    def setUp(self):
        super().setUp()
        self.start(url_table(self.http, cache={"ttl": "1h"}))
        self.postfix = self.client()

    def fill(self):
        for key in ("a", "b"):
            self.postfix.ask("t", key)
        self.http.forget()

    def asked_again(self):
        for key in ("a", "b"):
            with self.subTest(key=key):
                self.check_answer(self.postfix.ask("t", key), f"OK {key}")
        return sorted(request.target for request in self.http.requests)

    def test_key(self):
        self.fill()
        self.ctl("flush", "t", "a")
        self.assertEqual(self.asked_again(), [b"/a"])

    def test_all(self):
        self.fill()
        done = self.ctl("flush", "t")
        self.assertEqual((done.stdout, done.stderr), ("", ""))
        self.assertEqual(self.asked_again(), [b"/a", b"/b"])

    def test_user(self):
        dovecot = self.dict(user="al")
        for key in ("shared/k", "priv/k"):
            dovecot.get(key)
        self.http.forget()
        self.ctl("flush", "t", "k", "--user", "al")
        for key in ("shared/k", "priv/k"):
            dovecot.get(key)
        self.assertEqual([request.target for request in self.http.requests], [b"/k/al"])
        self.ctl("flush", "t", "--user", "al", status=USAGE)

    def test_requests_under_way_leave_no_entry(self):
        gate = self.http.gate()
        self.http.on("/k", (gate, http('"old"')), http('"new"'))
        self.postfix.send(harness.netstring("t k"))
        self.http.wait_target("/k")
        self.ctl("flush", "t")
        second = self.client()
        self.check_answer(second.ask("t", "k"), "OK new")
        gate.set()
        self.check_answer(self.postfix.read(), "OK old")
        self.check_answer(second.ask("t", "k"), "OK new")

    def test_faults(self):
        done = self.ctl("flush", "no", status=FAILED)
        self.assertEqual(done.stderr, "podopctl: no such table: no\n")
        self.assertEqual(json.loads(self.ctl("flush", "no", "--json", status=FAILED).stdout),
                         {"ok": False, "error": "no such table: no"})


class Reload(ControlCase):
    def test_takes_the_new_tables(self):
        self.start()
        self.configure(url_table(self.http, "new"))
        self.ctl("reload")
        self.check_answer(self.client().ask("new", "k"), "OK k")

    def test_faults(self):
        podop = self.start()
        self.write("podop.conf", 'listen = ({ socket = "/x"; nonsense = 1; });\ntables = ({ name = "t"; });\n')
        done = self.ctl("reload", status=CONFIG)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"(?m)^podopctl: .*podop\.conf:1: .*nonsense")
        self.assertRegex(done.stderr, r"(?m)^podopctl: .*podop\.conf:2: ")
        self.assertRegex(done.stderr, r"(?m)^podopctl: nothing has changed$")
        answer = json.loads(self.ctl("reload", "--json", status=CONFIG).stdout)
        self.assertGreaterEqual(len(answer["faults"]), 2)
        self.check_answer(self.client().ask("t", "k"), "OK k")
        reloads = self.stats()[0]["reloads"]
        self.assertEqual((reloads["done"], reloads["failed"], reloads["last_failed"]), (0, 2, True))
        self.assertGreater(reloads["last"], 0)
        self.assertTrue(podop.is_running)

    def test_that_takes_the_control_socket_away(self):
        self.start()
        client = self.connect()
        self.configure(control=False)
        self.assertEqual(client.ask(command="reload"), {"ok": True})
        self.assertFalse(os.path.exists(self.control))
        self.assertTrue(client.ask(command="stats")["ok"])  # connected clients stay
        self.configure()
        self.assertEqual(client.ask(command="reload"), {"ok": True})
        self.assertEqual(self.connect().ask(command="reload"), {"ok": True})

    def test_that_changes_its_rights(self):
        self.start()
        client = self.connect()
        self.configure(control={"permissions": "0666"})
        self.assertEqual(client.ask(command="reload"), {"ok": True})
        self.assertEqual(stat.S_IMODE(os.stat(self.control).st_mode), 0o666)
        self.assertEqual(self.connect().ask(command="reload"), {"ok": True})

    def test_lookups_under_way_are_explained_to_the_end(self):
        self.start()
        gate = self.http.gate()
        self.http.on("/k", (gate, http('"old"')))
        client = self.connect()
        client.send(command="explain", table="t", key="k")
        self.http.wait_requests(1)
        self.configure(url_table(self.http, "new"))
        self.ctl("reload")
        gate.set()
        self.assertEqual(client.read()["dovecot"], "old")


if __name__ == "__main__":
    harness.main()
