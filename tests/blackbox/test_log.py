"""The log: one line an event whatever strangers send, both formats, stderr and syslog, silence of a healthy podop."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading

import harness
from dict import EXACT, VERSIONS, DictCase, hello, line
from harness import CLOSE, conf_file, echo, http, netstring, percent, url_table
from store import Store

VALUE_MAX, LINE_MAX = 600, 4096
ESCAPE = re.compile(rb'\\(?:(["\\])|x([0-9a-f]{2}))')
FIELD = re.compile(rb'([a-z_]+)=(?:"((?:[^"\\]|\\["\\]|\\x[0-9a-f]{2})*)"|([!#-<>-\[\]-~]+))')
FORBIDDEN = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
HEAD = re.compile(rb"<(\d+)>[A-Z][a-z]{2} [ 1-3]\d \d\d:\d\d:\d\d podop\[(\d+)\]: ")

FORGED = (
    b"plain@example.com", b"", b" ", b"a b", b"=", b"a=b", b'"', b"\\", b'\\"', b"\\x0a", b"\\u000a", b"\\n", b"'",
    b"a\nlevel=error event=forged", b"a\r\nlevel=error event=forged", b'a" level=error event=forged x="',
    b'a","level":"error","event":"forged', b'a"}\n{"level":"error","event":"forged"}', b"\n", b"\t", b"\r", b"\x01",
    b"a\0b", b"\x7f", b"\x1b[2J\x1b]0;title\x07", "\x85\x9b".encode(), "\u2028level=error\u2029".encode(),
    "\u202eevil\u202c \u2066x\u2069".encode(), "jörg 😀 €".encode(), b"\xff\xfe", b"\xc3", b"\xc3\n", b"\xe2\x80",
    b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"...", b"x" * 597 + b"...", b"x" * 600, b"x" * 601,
    b"x" * 5000, "ö".encode() * 300, b"a" + "ö".encode() * 300, b"\n" * 600, b'"' * 601, b"\xff" * 700,
    bytes(range(256)), bytes(reversed(range(256))),
)


def parse_text(text):
    """The fields of a line, each value as its bytes; any byte out of place is a failure."""
    fields, at = {}, 0
    while True:
        match = FIELD.match(text, at)
        if match is None or match[1] in fields:
            raise AssertionError(f"no line of fields: {text!r}")
        fields[match[1].decode()] = match[3] if match[2] is None else ESCAPE.sub(
            lambda escape: escape[1] or bytes([int(escape[2], 16)]), match[2])
        at = match.end()
        if at == len(text):
            return fields
        if text[at:at + 1] != b" ":
            raise AssertionError(f"no blank between fields: {text!r}")
        at += 1


def parse_json(text):
    """The same of a line of JSON; numbers become what they are written as."""
    def unique(pairs):
        if len({name for name, _ in pairs}) != len(pairs):
            raise AssertionError(f"a name twice: {text!r}")
        return dict(pairs)
    return {name: value.encode() for name, value in
            json.loads(text.decode(), object_pairs_hook=unique, parse_int=str, parse_float=str).items()}


PARSERS = {"text": parse_text, "json": parse_json}


def as_logged(value, form):
    """What a parser gets back of the bytes that went in."""
    value = value if len(value) <= VALUE_MAX else value[:VALUE_MAX] + b"..."
    if form == "text":
        return value
    return re.sub("[\udc80-\udcff]", "\ufffd", value.decode("utf-8", "surrogateescape")).encode()


class Logger:
    """A syslog daemon: the datagrams that came to a path so far."""

    def __init__(self, path):
        self.path = path
        self.messages = []
        self._news = threading.Condition()
        self._start()

    def _start(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(self.path)
        self._thread = threading.Thread(target=self._read, args=(self._sock,), daemon=True)
        self._thread.start()

    def _read(self, sock):
        while True:
            message = sock.recv(65536)
            if message == b"end":
                return
            with self._news:
                self.messages.append(message)
                self._news.notify_all()

    def stop(self):
        """Reads what was sent before, and goes with its socket."""
        if self._sock is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.connect(self.path)
            end.send(b"end")
        self._thread.join(harness.GUARD)
        self._sock.close()
        self._sock = None
        os.unlink(self.path)

    def restart(self):
        self.stop()
        self._start()

    def wait_messages(self, number):
        """Waits until so many have come in all."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.messages) >= number, harness.GUARD):
                raise AssertionError(f"syslog got {len(self.messages)} messages, never {number}")

    def wait(self, pattern):
        """The first message that matches."""
        with self._news:
            def found():
                return next((message for message in self.messages if re.search(pattern, message)), None)
            if not self._news.wait_for(lambda: found() is not None, harness.GUARD):
                raise AssertionError(f"syslog never got {pattern!r}: {self.messages[-3:]}")
            return found()


class Log(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def lines(self, podop, form):
        """What stderr has so far: the fields of each line, without its time."""
        parsed = []
        for text in list(podop.log):
            self.assertNotRegex(text, FORBIDDEN)
            raw = text.encode("utf-8", "surrogateescape")
            raw.decode()
            self.assertLess(len(raw), LINE_MAX)
            fields = PARSERS[form](raw)
            self.assertRegex(fields.pop("time"), rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            parsed.append(fields)
        return parsed

    def messages(self, podop, logger, form):
        """The same of what went to syslog; the priority must be that of the level."""
        parsed = []
        for message in list(logger.messages):
            head = HEAD.match(message)
            self.assertTrue(head, message)
            self.assertEqual(int(head[2]), podop.pid)
            text = message[head.end():]
            self.assertNotRegex(text.decode(), FORBIDDEN)
            self.assertLessEqual(len(text), LINE_MAX)
            fields = PARSERS[form](text)
            self.assertEqual(int(head[1]) - 16, {b"error": 3, b"warning": 4, b"info": 6, b"debug": 7}[fields["level"]])
            parsed.append(fields)
        return parsed

    def of(self, lines, event):
        return [fields for fields in lines if fields["event"] == event.encode()]

    def config(self, *tables, form="text", target="stderr", level="debug", **settings):
        return self.write("podop.conf", conf_file(
            listen=[{"socket": self.socket}], tables=list(tables) or [url_table(self.http)],
            log={"level": level, "format": form, "target": target}, **settings))

    def with_syslog(self, *args):
        """podop with a /dev/log of the test's own; the logger is the second result."""
        unshared = ["unshare", "--mount"]
        mounts = ('d=$0; mount -t tmpfs none "$d/dev" && for f in null urandom; do : >"$d/dev/$f" && '
                  'mount --bind "/dev/$f" "$d/dev/$f" || exit 1; done && ln -s "$d/log" "$d/dev/log" && '
                  'mount --rbind "$d/dev" /dev && exec "$@"')
        os.makedirs(self.path("dev"), exist_ok=True)
        through = [*unshared, "sh", "-c", mounts, self.dir]
        harness.need(subprocess.run([*through, "true"], capture_output=True, check=False,
                                    timeout=harness.GUARD).returncode == 0, "mount namespaces")
        logger = Logger(self.path("log"))
        self.addCleanup(logger.stop)
        podop = harness.Podop(*args, through=through)
        self.addCleanup(podop.stop)
        return podop, logger


class Forged(Log):
    """What strangers send, over both protocols, at debug."""

    def ask_all(self):
        """Asks for everything, one after the other, and yields (table, user, key) of each lookup."""
        postfix = self.client()
        for text in FORGED:
            postfix.ask("t", text)
            yield b"t", b"", text
        for text in FORGED:
            if b" " not in text:
                postfix.ask(text, b"k")
                yield text, b"", b"k"
        for version in VERSIONS:
            for text in FORGED:
                client = self.dict(version, user="u")
                client.get(b"priv/" + text)
                yield b"t", b"u", b"priv/" + text
                if version[0] != 2:
                    client.get(b"priv/k", user=text)
                    yield b"t", text, b"priv/k"
                client.close()
        for text in FORGED:
            client = self.dict(name=text, user="u")
            client.get(b"shared/k")
            yield text, b"u", b"shared/k"
            client.close()

    def check(self, lines, form, expected):
        found = self.of(lines, "lookup")
        self.assertEqual(len(found), len(expected))
        for fields, (table, user, key) in zip(found, expected):
            with self.subTest(table=table[:30], user=user[:30], key=key[:30]):
                for name, value in (("table", table), ("user", user), ("key", key)):
                    # A line has room for one value that is escaped through and through, not for two.
                    if name in fields or (name != "table" and value and len(table) < 300):
                        self.assertEqual(fields.get(name), as_logged(value, form))
                self.assertIn("status", fields)
                self.assertRegex(fields["ms"], rb"^\d+\.\d{3}$")
        self.assertNotIn(b"forged", {fields["event"] for fields in lines})
        self.assertNotIn(b"error", {fields["level"] for fields in lines})

    def test_stderr(self):
        for form in PARSERS:
            with self.subTest(form):
                podop = self.podop("-c", self.config(form=form), verbose=())
                podop.wait_ready()
                expected = list(self.ask_all())
                podop.stop()
                self.check(self.lines(podop, form), form, expected)

    def test_syslog(self):
        for form in PARSERS:
            with self.subTest(form):
                podop, logger = self.with_syslog("-c", self.config(form=form, target="syslog"))
                logger.wait(b"ready")
                expected, told = [], len(logger.messages)
                for request in self.ask_all():
                    expected.append(request)
                    logger.wait_messages(told + len(expected))  # it need not be quick
                podop.stop()
                logger.stop()
                self.assertEqual(podop.log, [])
                self.check(self.messages(podop, logger, form), form, expected)

    def test_other_requests(self):
        """Paths of iterations, keys of transactions, and what is no request at all."""
        for form in PARSERS:
            with self.subTest(form):
                podop = self.podop("-c", self.config(form=form), verbose=())
                podop.wait_ready()
                texts = [text for text in FORGED if b"\0" not in text]
                for text in texts:
                    client = self.dict()
                    client.wait(client.iterate(b"shared/" + text, EXACT))
                    client.wait(client.write(("set", b"shared/" + text, "v")))
                    client.close()
                for text in FORGED:
                    for first in (text, netstring(text), hello((4, 0)) + text + b"\n", line("H", text, text, text)):
                        client = self.client()
                        client.send(first)
                        client.half_close()
                        with contextlib.suppress(AssertionError):
                            while client.read() is not None:
                                pass
                        client.close()
                podop.stop()
                lines = self.lines(podop, form)
                self.assertEqual([fields["key"] for fields in self.of(lines, "iterate")],
                                 [as_logged(b"shared/" + text, form) for text in texts])
                self.assertEqual([fields["key"] for fields in self.of(lines, "commit")],
                                 [as_logged(text, form) for text in texts])
                self.assertNotIn(b"forged", {fields["event"] for fields in lines})

    def test_backends(self):
        """Status lines, headers, and answers that are none; names in an iteration."""
        name = "a\0\nlevel=error event=forged \x1b[2J\" \\"
        answers = [(head + b"\r\n\r\n", CLOSE) for head in (
            b"HTTP/1.1 503 \x1b[2J\" level=error event=forged\r\nX: \x1b[2J\r\nContent-Length: 0",
            b"HTTP/1.1 \x1b[2J\nlevel=error event=forged", b"\x1b[2J\nlevel=error event=forged",
            b"HTTP/1.1 200 OK\r\n\x1b[2J\nlevel=error event=forged\r\nContent-Length: 9",
            b"HTTP/1.1 200 OK\r\nContent-Length: \nlevel=error event=forged")]
        answers.append(http('"\nlevel=error event=forged\x1b[2J'))
        for form in PARSERS:
            with self.subTest(form):
                self.http.on("/rows/", http(json.dumps({name: "v", "b": "v", "\0": "v"})))
                podop = self.podop("-c", self.config(form=form), verbose=())
                podop.wait_ready()
                self.assertEqual(self.dict().rows("shared/rows/"), [(b"shared/rows/b", b"v")])
                client = self.client()
                for answer in answers:
                    self.http.on("/k", answer)
                    self.assertRegex(client.ask("t", "k"), rb"^(TEMP|NOTFOUND|TIMEOUT) ")
                podop.stop()
                lines = self.lines(podop, form)
                self.assertEqual(len(self.of(lines, "lookup")), len(answers))
                self.assertEqual([(fields["name"], fields["count"]) for fields in self.of(lines, "row_dropped")],
                                 [(name.encode(), b"1")])  # and the next one in a minute
                self.assertLessEqual({fields["event"] for fields in lines},
                                     {b"listening", b"ready", b"lookup", b"iterate", b"backend_failed", b"row_dropped",
                                      b"stopping", b"stopped"})

    def test_programs(self):
        """What a program gives as its reason, and what it writes to stderr."""
        texts = [text for text in FORGED if text and b"\n" not in text and len(text) < 200][-20:]  # in one second
        program = self.write("program.py", f"""
import json, sys
for text in {texts!r}:
    sys.stderr.buffer.write(text + b"\\n")
    sys.stderr.buffer.flush()
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({{"id": request["id"], "status": "temporary", "reason": request["key"]}}), flush=True)
""")
        for form in PARSERS:
            with self.subTest(form):
                table = {"name": "t", "type": "program", "param": f"python3 {program}", "processes": 1}
                podop = self.podop("-c", self.config(table, form=form), verbose=())
                podop.wait_ready()
                client = self.client()
                for text, reason in (("a\nlevel=error event=forged", "a?level=error event=forged"), ('"\\', '"\\'),
                                     ("\x1b[2J", "?[2J"), ("\u2028", "???")):
                    self.check_payload(client.ask("t", text), f"TEMP table t: {reason}")
                harness.wait_until(lambda: sum("program_says" in text for text in list(podop.log)) == len(texts),
                                   "all that the program wrote is logged")
                podop.stop()
                lines = self.lines(podop, form)
                self.assertEqual([fields["text"] for fields in self.of(lines, "program_says")],
                                 [as_logged(text, form) for text in texts])
                self.assertNotIn(b"forged", {fields["event"] for fields in lines})


class Answers(Log):
    """What the line of a request says of its answer."""

    def start(self, **settings):
        self.server = self.podop("-c", self.config(url_table(self.http, **settings)), verbose=())
        self.server.wait_ready()
        self.postfix = self.client()

    def line(self, event="lookup"):
        """The fields of the only request of that kind so far, which are forgotten then."""
        self.server.wait_log(f"event={event} ")
        found = self.of(self.lines(self.server, "text"), event)
        self.assertEqual(len(found), 1)
        self.server.log.clear()
        return {name: found[0].get(name, b"").decode() for name in ("status", "cache", "http_status")}

    def ask(self, key, answer, status, cache, http_status=""):
        self.check_answer(self.postfix.ask("t", key), answer)
        self.assertEqual(self.line(), {"status": status, "cache": cache, "http_status": http_status})

    def test_cache(self):
        self.start(skip=["skipped*"], cache={"ttl": "1h", "negative_ttl": "1h"})
        self.http.on("/miss", http(status=404))
        self.http.on("/down", http(status=429))
        self.ask("k", "OK k", "found", "absent", "200")
        self.ask("k", "OK k", "found", "fresh")
        self.ask("miss", "NOTFOUND ", "miss", "absent", "404")
        self.ask("miss", "NOTFOUND ", "miss", "fresh")
        self.ask("down", "TEMP", "temporary", "absent", "429")
        self.ask("skipped", "NOTFOUND ", "miss", "skipped")

    def test_stale(self):
        self.start(cache={"ttl": "1ms", "stale": "1h"})
        self.ask("k", "OK k", "found", "absent", "200")
        self.http.on("/k", http(status=429))

        def is_stale():
            self.check_payload(self.postfix.ask("t", "k"), "OK k")
            told = self.line()
            return told == {"status": "found", "cache": "stale", "http_status": "429"}

        harness.wait_until(is_stale, "the answer is past its time")

    def test_no_cache_and_no_answer(self):
        self.start(cache={"ttl": 0, "negative_ttl": 0}, timeout="200ms")
        self.ask("k", "OK k", "found", "off", "200")
        self.http.on("/k", (CLOSE,))
        self.ask("k", "TEMP", "temporary", "off")
        self.http.on("/k", (self.http.gate(),))
        self.ask("k", "TIMEOUT", "timeout", "off")

    def test_refused(self):
        self.start()
        self.check_payload(self.postfix.ask("u", "k"), "TEMP no such table: u")
        self.assertEqual(self.line(), {"status": "temporary", "cache": "", "http_status": ""})

    def test_joined(self):
        """The first asks, the others do not; all are told what came of it."""
        self.start(share=True, cache={"ttl": "1h"})
        gate = self.http.gate()
        self.http.on("/k", (gate, http('"v"')))
        clients = [self.client(), self.dict(), self.dict()]
        clients[0].request("t", "k")
        self.http.wait_requests(1)
        lookups = [client.lookup("shared/k") for client in clients[1:]]
        witness = self.client()
        for _ in range(20):  # whatever podop has read before this has begun
            self.check_payload(witness.ask("t", "witness"), "OK witness")
        gate.set()
        self.check_payload(clients[0].read(), "OK v")
        for client, lookup in zip(clients[1:], lookups):
            self.check_payload(client.wait(lookup), "Ov")
        self.server.stop()
        self.assertEqual(sorted((fields["proto"], fields["cache"], fields["http_status"])
                                for fields in self.of(self.lines(self.server, "text"), "lookup")
                                if fields["key"] != b"witness"),
                         [(b"dict", b"joined", b"200"), (b"dict", b"joined", b"200"), (b"socketmap", b"absent", b"200")])

    def test_held(self):
        self.http.default = Store()
        self.start(write_behind="1h")
        client = self.dict()
        self.check_payload(client.change(("set", "shared/k", "v"), ("set", "shared/l", "v")), "O")
        self.assertEqual(self.line("commit"), {"status": "found", "cache": "held", "http_status": ""})
        self.check_payload(client.get("shared/k"), "Ov")
        self.assertEqual(self.line(), {"status": "found", "cache": "held", "http_status": ""})

    def test_writes_and_iterations(self):
        self.http.default = Store({"/d/a": b'"1"'})
        self.start()
        client = self.dict(user="bob")
        self.check_payload(client.change(("set", "priv/k", "v"), ("set", "priv/l", "v")), "O")
        self.server.wait_log("event=commit table=t user=bob key=k changes=2 |"
                             "event=commit .* table=t user=bob key=k changes=2 status=found http_status=204 ms=")
        self.line("commit")
        self.check_payload(client.change(("increment", "shared/none", 1)), "N")
        self.assertEqual(self.line("commit"), {"status": "miss", "cache": "", "http_status": "404"})
        self.http.on("/bad", http(status=507))
        self.check_failure(client.change(("set", "shared/bad", "v")))
        self.assertEqual(self.line("commit"), {"status": "temporary", "cache": "", "http_status": "507"})
        self.assertEqual(client.rows("shared/d/"), [(b"shared/d/a", b"1")])
        self.assertEqual(self.line("iterate"), {"status": "found", "cache": "", "http_status": "200"})
        self.http.on("/bad/", http(status=500))
        self.check_failure(client.wait(client.iterate("shared/bad/")))
        self.assertEqual(self.line("iterate"), {"status": "temporary", "cache": "", "http_status": "500"})


class Syslog(Log):
    def check_serves(self, key):
        client = self.client()
        self.check_payload(client.ask("t", key), "OK " + key)
        client.close()

    def test_priorities_and_restart(self):
        podop, logger = self.with_syslog("-c", self.config(target="syslog"))
        logger.wait(b"event=ready")
        self.check_serves("first")
        logger.wait(b"key=first")
        logger.restart()
        self.check_serves("second")
        logger.wait(b"key=second")
        logger.stop()
        self.check_serves("third")
        podop.wait_log("time=.* key=third")
        again = Logger(self.path("log"))
        self.addCleanup(again.stop)
        self.check_serves("fourth")
        again.wait(b"key=fourth")
        podop.stop()
        self.assertEqual(len(podop.log), 1)
        levels = {fields["level"] for fields in self.messages(podop, logger, "text")}
        self.assertEqual(levels, {b"info", b"debug"})

    def test_no_logger(self):
        """Lines are on stderr, as they would be without syslog."""
        podop = self.podop("-c", self.config(target="syslog"), verbose=())
        harness.need(not os.path.exists("/dev/log"), "a machine without a logger")
        podop.wait_ready()
        self.check_serves("k")
        podop.wait_log("^time=.* key=k")

    def test_logger_that_does_not_read(self):
        """Nobody waits for it; what it misses is counted."""
        podop, logger = self.with_syslog("-c", self.config(target="syslog"))
        logger.wait(b"event=ready")
        logger.stop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
            deaf.bind(self.path("log"))
            deaf.settimeout(harness.GUARD)
            client = self.client()
            number = 1000
            for key in range(number):
                self.check_payload(client.ask("t", str(key)), f"OK {key}")
            read = [deaf.recv(65536)]
            with contextlib.suppress(BlockingIOError):
                deaf.setblocking(False)
                while True:
                    read.append(deaf.recv(65536))
            deaf.settimeout(harness.GUARD)
            self.check_payload(client.ask("t", "last"), "OK last")
            lost = re.search(rb" level=warning event=log_lines_lost lines=(\d+)$", deaf.recv(65536))
            self.assertEqual(len(read) + int(lost[1]), number)
            self.assertIn(b"key=last", deaf.recv(65536))
        podop.stop()

    def test_privileges_are_dropped(self):
        """It connects while it has the rights to."""
        harness.need(os.geteuid() == 0, "root")
        os.chmod(self.dir, 0o777)
        config = self.config(target="syslog", user="nobody")
        os.chmod(config, 0o644)
        logger = Logger(self.path("log"))
        logger.stop()  # with_syslog() makes it again
        before = os.umask(0o077)
        try:
            podop, logger = self.with_syslog("-c", config)
        finally:
            os.umask(before)
        logger.wait(b"event=ready")
        self.assertNotEqual(podop.status_field("Uid")[0], "0")
        podop.stop()
        self.assertEqual(podop.log, [])

    def test_reload(self):
        """Level, format and target change with the configuration, in both directions."""
        podop, logger = self.with_syslog("-c", self.config(level="info"))
        podop.wait_ready()
        sockets = podop.unix_sockets()
        self.config(form="json", target="syslog")
        podop.signal(signal.SIGHUP)
        self.assertEqual(parse_json(logger.wait(b'"event":"reload"').partition(b"]: ")[2])["tables"], b"1")
        self.check_serves("first")
        logger.wait(b'"key":"first"')
        self.assertFalse(any("reload" in text for text in podop.log))
        self.config(form="text", level="info")
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload ")
        harness.wait_until(lambda: podop.unix_sockets() == sockets, "the logger is let go of")
        logged = len(logger.messages)
        self.check_serves("second")
        podop.stop()
        self.assertFalse(any("second" in text for text in podop.log))
        self.assertEqual(len(logger.messages), logged)


class Silence(Log):
    def test_healthy_podop(self):
        """At the default level nothing that goes well is worth a line."""
        store = Store({"/k": b'"v"', "/d/a": b'"1"', "/d/b": b"2"})
        self.http.default = store
        path = self.path("podop.conf")
        json_table = {"name": "j", "type": "json", "param": self.write("j.json", '{"k": "v"}')}
        program = {"name": "p", "type": "program", "param": "cat", "processes": 1}
        tables = [url_table(self.http), url_table(self.http, "w", write_behind="1h"), json_table, program]

        def configure(*more):
            self.write("podop.conf", conf_file(listen=[{"socket": self.socket}], tables=[*tables, *more],
                                               control={"socket": self.path("control")}))

        configure()
        podop = self.podop("-c", path, verbose=())
        harness.wait_until(lambda: os.path.exists(self.socket) and not harness.refuses(self.socket), "podop listens")
        postfix = self.client()
        for table, key, answer in (("t", "k", "OK v"), ("t", "k", "OK v"), ("t", "none", "NOTFOUND "),
                                   ("j", "k", "OK v"), ("j", "none", "NOTFOUND "), ("t", "a\nb", "NOTFOUND ")):
            with self.subTest(table=table, key=key, answer=answer):
                self.check_payload(postfix.ask(table, key), answer)
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.dict(version)
                self.check_payload(client.get("shared/k"), "Ov")
                self.check_payload(client.get("priv/none"), "N")
                self.check_payload(client.change(("set", "shared/n", "1"), ("unset", "shared/none", )), "O")
                self.check_payload(client.change(("increment", "shared/n", 1)), "O")
                self.assertEqual(len(client.rows("shared/d/")), 2)
                held = self.dict(version, name="w")
                self.check_payload(held.change(("set", "shared/held", "1")), "O")
                client.half_close()
                client.read_end()
                held.close()
        for request in (netstring("t k"), b"", b"3:t", hello((4, 0))):  # those who leave early
            client = self.client()
            client.send(request)
            client.close()
        configure(url_table(self.http, "new"))
        self.assertEqual(harness.run("PODOPCTL", "reload", "--control", self.path("control")).returncode, 0)
        self.check_payload(postfix.ask("new", "k"), "OK v")
        self.check_payload(postfix.ask("t", "k"), "OK v")
        podop.stop()
        self.assertEqual(podop.log, [])
        self.assertEqual(store.values[percent("/held", keep=b"/").encode()], b"1")


class LostWrites(Log):
    def test_told_once_with_a_count_of_the_others(self):
        self.http.default = lambda request: http(status=400)
        podop = self.podop("-c", self.config(url_table(self.http, write_behind="1h"), level="error"), verbose=())
        harness.wait_until(lambda: os.path.exists(self.socket) and not harness.refuses(self.socket), "podop listens")
        client = self.dict()
        for number in range(5):
            self.check_payload(client.change(("set", f"shared/{number}", "v")), "O")
        client.close()
        podop.stop()
        lines = self.lines(podop, "text")
        self.assertEqual([(fields["event"], fields["level"], fields["writes"]) for fields in lines],
                         [(b"write_lost", b"error", b"1"), (b"write_lost", b"error", b"4")])
        self.assertIn(b"status 400", lines[0]["reason"])


if __name__ == "__main__":
    harness.main()
