"""podopctl with many keys: from the command line and standard input, over both protocols, as lines and as JSON."""

import json
import os
import signal
import socket
import subprocess
import threading

import harness
from harness import Case, echo, http, url_table

FOUND, MISS, USAGE, FAILED = 0, 1, 64, 75
CLIENTS = ("postfix", "dovecot")


class Keys(Case):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def start(self, **settings):
        return self.serve(url_table(self.http, **settings))

    def get(self, *words, client="postfix", stdin=None, table="t"):
        return harness.run("PODOPCTL", "get", table, *words, "--as", client, "--socket", self.socket, stdin=stdin)

    def popen(self, *words, client="postfix", **options):
        """Starts a podopctl get whose stderr is a pipe, and does not wait."""
        process = subprocess.Popen(
            [harness.binary("PODOPCTL"), "get", "t", *words, "--as", client, "--socket", self.socket],
            stderr=subprocess.PIPE, env=harness.clean_environment(), **options)

        def end():
            process.kill()
            process.wait()
            for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
                pipe.close()

        self.addCleanup(end)
        return process

    def check(self, done, lines, status=FOUND, words=()):
        """Checks for these lines on stdout, this status, and one line on stderr with each of the words."""
        self.assertEqual((done.returncode, done.stdout), (status, "".join(line + "\n" for line in lines)), done.stderr)
        told = done.stderr.splitlines()
        self.assertEqual(len(told), len(words), done.stderr)
        for line, word in zip(told, words):
            self.assertIn(word, line)


class Words(Keys):
    def test_pairs(self):
        self.start()
        for client in CLIENTS:
            with self.subTest(client=client):
                self.check(self.get("b", "a", "b", client=client), ["b\tb", "a\ta", "b\tb"])

    def test_worst_status(self):
        self.start()
        self.http.on("/miss", http(status=404))
        self.http.on("/fail", http(status=503))
        for client in CLIENTS:
            with self.subTest(client):
                self.check(self.get("a", "miss", client=client), ["a\ta"], MISS)
                self.check(self.get("miss", "fail", "a", client=client), ["a\ta"], FAILED, ["podopctl: fail: table t"])
                self.check(self.get("miss", client=client), [], MISS)

    def test_escapes(self):
        self.start()
        self.http.on("/k", http(json.dumps("a\tb\nc\rd\\e jörg")))
        for client in CLIENTS:
            with self.subTest(client=client):
                process = self.popen("k", client=client, stdout=subprocess.PIPE)
                self.assertEqual(process.communicate(timeout=harness.GUARD), ("a\tb\nc\rd\\e jörg\n".encode(), b""))
                self.check(self.get("k", "a\tb\\", client=client),
                           [r"k" + "\t" + r"a\tb\nc\rd\\e jörg", r"a\tb\\" + "\t" + "a%09b%5C"])

    def test_dash_among_others(self):
        self.start()
        self.check(self.get("-", "a"), ["-\t-", "a\ta"])

    def test_json(self):
        self.hold_clock()
        self.serve(url_table(self.http, timeout="300ms"), pool={"max_connections": 1})  # the late one comes last
        self.http.on("/ok", http(json.dumps('v"\t\n\\ü\u0001')))
        self.http.on("/miss", http(status=404))
        self.http.on("/fail", http(status=503))
        self.http.on("/nul", http(r'"\u0000"'))
        self.http.on("/late", self.hang(self.http, 0.3))
        expected = {"postfix": ["ok", "miss", "temporary", "permanent", "timeout"],
                    "dovecot": ["ok", "miss", "temporary", "temporary", "temporary"]}
        for client in CLIENTS:
            with self.subTest(client=client):
                done = self.get("ok", "miss", "fail", "nul", "late", "--json", client=client)
                self.assertEqual((done.returncode, done.stderr), (FAILED, ""))
                lines = [json.loads(line) for line in done.stdout.splitlines()]
                self.assertEqual([line["key"] for line in lines], ["ok", "miss", "fail", "nul", "late"])
                self.assertEqual([line["status"] for line in lines], expected[client])
                self.assertEqual(lines[0], {"table": "t", "key": "ok", "status": "ok", "value": 'v"\t\n\\ü\u0001'})
                self.assertEqual(lines[1], {"table": "t", "key": "miss", "status": "miss"})
                for line in lines[2:]:
                    self.assertIn("table t", line["reason"])

    def test_json_of_odd_bytes(self):
        self.start()
        done = self.get(os.fsdecode(b"a\xffb\xc3"), "--json")
        self.assertEqual(done.returncode, FOUND, done.stderr)
        self.assertEqual(json.loads(done.stdout)["key"], "a\ufffdb\ufffd")


class Input(Keys):
    def setUp(self):
        super().setUp()
        self.start()
        self.http.on("/", http('"empty"'))

    def test_lines(self):
        for stdin, lines in (("", []), ("a", ["a\ta"]), ("a\n", ["a\ta"]), ("a\nb", ["a\ta", "b\tb"]),
                             ("a\r\nb\r\n", ["a\ta", "b\tb"]), ("\n", ["\tempty"]),
                             ("a\n\nb\n", ["a\ta", "\tempty", "b\tb"]),
                             (" a \n", [" a \t%20a%20"]), ("-\n", ["-\t-"]), ("--json\n", ["--json\t--json"])):
            for client in CLIENTS:
                with self.subTest(stdin=stdin, client=client):
                    self.check(self.get("-", stdin=stdin, client=client), lines)

    def test_bad_lines(self):
        """Keys before it are answered, and none after it are asked for."""
        longest = "x" * 1024 * 1024
        for bad, word in (("a\0b", "line 2"), (longest + "x", "line 2"), (longest * 3, "longer than 1048576 bytes")):
            for client in CLIENTS:
                with self.subTest(word=word, client=client):
                    self.check(self.get("-", stdin=f"a\n{bad}\nafter\n", client=client), ["a\ta"], USAGE, [word])
        self.assertEqual(self.http.count("/after"), 0)

    def test_long_key(self):
        key = "x" * 60_000
        for client in CLIENTS:
            with self.subTest(client=client):
                self.check(self.get("-", stdin=key, client=client), [f"{key}\t{key}"])

    def test_ten_thousand(self):
        keys = [f"key{number}@example.com" for number in range(10_000)]
        self.http.default = lambda request: http(json.dumps(request.target[1:].decode().replace("%40", "@")))
        for client in CLIENTS:
            with self.subTest(client):
                self.check(self.get("-", stdin="\n".join(keys), client=client), [f"{key}\t{key}" for key in keys])

    def test_large_answers(self):
        """More than all buffers between podop and the reader can hold."""
        keys, value = [f"k{number}" for number in range(200)], "x" * 99_000
        self.http.default = lambda request: http(f'"{value}"')
        for client in CLIENTS:
            with self.subTest(client=client):
                self.check(self.get("-", stdin="\n".join(keys), client=client), [f"{key}\t{value}" for key in keys])

    def test_order(self):
        """The answer to the first key comes last and is printed first."""
        for client in CLIENTS:
            with self.subTest(client):
                gate = self.http.gate()
                self.http.on("/first", (gate, http('"1"')))
                before = len(self.http.requests)
                process = self.popen("-", client=client, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                process.stdin.write(b"first\nb\nc\n")
                process.stdin.flush()
                self.http.wait_requests(before + 3)
                gate.set()
                out, err = process.communicate(timeout=harness.GUARD)
                self.assertEqual((out, err), (b"first\t1\nb\tb\nc\tc\n", b""))

    def test_answers_come_before_the_input_ends(self):
        for client in CLIENTS:
            with self.subTest(client=client):
                process = self.popen("-", client=client, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                for key in (b"a", b"b"):
                    process.stdin.write(key + b"\n")
                    process.stdin.flush()
                    self.assertEqual(process.stdout.readline(), key + b"\t" + key + b"\n")
                process.stdin.close()
                self.assertEqual((process.wait(harness.GUARD), process.stderr.read()), (FOUND, b""))

    def test_closed_files(self):
        """podopctl's socket must not get the descriptor number of a closed standard file."""
        for word, closed, told in (("-", "<&-", "standard input"), ("a", ">&-", "cannot write"),
                                   ("a", "<&- >&-", "cannot write")):
            with self.subTest(word=word, closed=closed, told=told):
                done = subprocess.run(f'"$PODOPCTL" get t {word} --socket {self.socket} {closed}', shell=True,
                                      capture_output=True, text=True, timeout=harness.GUARD, check=False)
                self.check(done, [], FAILED, [told])


class Output(Keys):
    """A reader of the output that closes it early."""

    def setUp(self):
        super().setUp()
        self.start()
        self.stdin = self.write("keys", "".join(f"k{number}\n" for number in range(10_000)))

    def run_until_first_line(self, **options):
        with open(self.stdin, "rb") as keys:
            process = self.popen("-", stdin=keys, stdout=subprocess.PIPE, **options)
        self.assertEqual(process.stdout.readline(), b"k0\tk0\n")
        process.stdout.close()
        return process.wait(harness.GUARD), process.stderr.read().decode()

    def test_pipe(self):
        self.assertEqual(self.run_until_first_line(), (-signal.SIGPIPE, ""))

    def test_pipe_without_the_signal(self):
        status, told = self.run_until_first_line(restore_signals=False)
        self.assertEqual((status, len(told.splitlines())), (FAILED, 1), told)

    def test_full_disk(self):
        with open("/dev/full", "wb") as full, open(self.stdin, "rb") as keys:
            for words in (["-"], ["a"], ["a", "b"], ["a", "--json"]):
                with self.subTest(words=words):
                    keys.seek(0)
                    process = self.popen(*words, stdin=keys, stdout=full)
                    _, told = process.communicate(timeout=harness.GUARD)
                    self.assertEqual((process.returncode, len(told.splitlines())), (FAILED, 1), told)


class Faults(Keys):
    """podop ends or stays silent, or another server answers."""

    def test_stopped_in_the_middle(self):
        for client in CLIENTS:
            with self.subTest(client):
                podop = self.start()
                self.http.on("/wait", (self.http.gate(),))
                before = self.http.count("/wait")
                process = self.popen("-", client=client, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                process.stdin.write(b"a\nwait\n" + b"b\n" * 1000)
                process.stdin.flush()
                self.http.wait_target("/wait", before + 1)
                self.assertEqual(process.stdout.readline(), b"a\ta\n")
                podop.signal(signal.SIGKILL)
                podop.wait()
                out, told = process.communicate(timeout=harness.GUARD)
                self.assertEqual((process.returncode, out, len(told.splitlines())), (FAILED, b"", 1), told)
                self.assertIn(self.socket.encode(), told)

    def test_timeout(self):
        """A server takes the connection and never answers."""
        with harness.listen(self.socket):
            for client in CLIENTS:
                with self.subTest(client=client):
                    self.check(self.get("a", "b", "--timeout", "1", client=client), [], FAILED, ["within 1 s"])

    def test_timeout_of_connecting(self):
        with harness.full_port() as port:
            done = harness.run("PODOPCTL", "get", "t", "k", "--socket", f"127.0.0.1:{port}", "--timeout", "1")
        self.check(done, [], FAILED, ["cannot connect"])

    def test_socket_of_the_other_client(self):
        self.serve(url_table(self.http), listen=[{"socket": self.path("postfix"), "mode": "postfix"},
                                                 {"socket": self.path("dovecot"), "mode": "dovecot"}])
        for client, other in (CLIENTS, CLIENTS[::-1]):
            with self.subTest(client=client, other=other):
                self.socket = self.path(other)
                self.check(self.get("a", "b", client=client), [], FAILED, [self.socket])
                self.check(self.get("a", "b", client=other), ["a\ta", "b\tb"])

    def answer(self, data):
        """Starts a server that answers the first bytes of one client with these and closes."""
        listener = harness.listen(self.socket)

        def serve():
            client, _ = listener.accept()
            with client:
                client.recv(65536)
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()

        def stop():
            thread.join(harness.GUARD)
            listener.close()
            os.unlink(self.socket)

        return stop

    def test_answers_of_dovecots_kind(self):
        for data, lines, status in (
            (b"O1\nO2\n", ["a\t1", "b\t2"], FOUND),
            (b"*1\n*2\n+2\tO2\n+1\tO1\n", ["a\t1", "b\t2"], FOUND),
            (b"*1\n+1\tO1\nO2\n", ["a\t1", "b\t2"], FOUND),
            (b"*7\nO1\nN\n", ["a\t1"], MISS),
            (b"O1\t1\t2\t3\t4\nO\n", ["a\t1", "b\t"], FOUND),
            (b"O\x01t\x011\x01n\r\nO\\\n", ["a\t\\t\x01\\n", "b\t\\\\"], FOUND),
            (b"Fno\nO2\n", ["b\t2"], FAILED),
            (b"F\nO2\n", ["b\t2"], FAILED),
            (b"O1\n", ["a\t1"], FAILED),
            (b"O1\nO2", ["a\t1"], FAILED),
            (b"O1\n\n", ["a\t1"], FAILED),
            (b"O1\nW1\tx\n", ["a\t1"], FAILED),
            (b"O1\n+1\tO2\n", ["a\t1"], FAILED),
            (b"*0\nO1\nO2\n", [], FAILED),
            (b"*x\nO1\nO2\n", [], FAILED),
            (b"*1\n*2\n*3\n", [], FAILED),
            (b"2:OK,", [], FAILED),
        ):
            with self.subTest(data=data):
                stop = self.answer(data)
                try:
                    done = self.get("a", "b", client="dovecot")
                finally:
                    stop()
                self.check(done, lines, status, [""] if status == FAILED else [])


if __name__ == "__main__":
    harness.main()
