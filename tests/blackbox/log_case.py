"""The base of tests of the log: parsers of both formats that accept nothing but what podop.conf(5), "LOG", says."""

import contextlib
import json
import os
import re
import socket
import subprocess
import threading

import harness
from dict import DictCase
from harness import conf_file, echo, url_table

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
    """Parses the fields of a line, with each value as bytes; fails at any byte that the format does not allow."""
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
    """Parses a line of JSON in the same way; numbers become their text."""
    def unique(pairs):
        if len({name for name, _ in pairs}) != len(pairs):
            raise AssertionError(f"a name twice: {text!r}")
        return dict(pairs)
    return {name: value.encode() for name, value in
            json.loads(text.decode(), object_pairs_hook=unique, parse_int=str, parse_float=str).items()}


PARSERS = {"text": parse_text, "json": parse_json}


def as_logged(value, form):
    """Returns what a parser makes of bytes after they were logged."""
    value = value if len(value) <= VALUE_MAX else value[:VALUE_MAX] + b"..."
    if form == "text":
        return value
    return re.sub("[\udc80-\udcff]", "\ufffd", value.decode("utf-8", "surrogateescape")).encode()


class Logger:
    """A syslog daemon that collects the datagrams sent to its path."""

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
        """Reads what was sent before and removes the socket."""
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
        """Waits for so many messages in all."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.messages) >= number, harness.GUARD):
                raise AssertionError(f"syslog got {len(self.messages)} messages, never {number}")

    def wait(self, pattern):
        """Waits for a message that matches and returns it."""
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
        """Returns the fields of each line on stderr so far, without the time."""
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
        """Returns the fields of each syslog message so far; checks that the priority is that of the level."""
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
        """Starts podop with a /dev/log of the test's own; the second result is the logger."""
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
