"""The log on a syslog socket: datagrams, their priorities, and a syslog daemon that goes away."""

import contextlib
import os
import re
import signal
import socket

import harness
from log_case import Log, Logger, parse_json


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
        """Lines go to stderr, as without syslog."""
        podop = self.podop("-c", self.config(target="syslog"), verbose=())
        harness.need(not os.path.exists("/dev/log"), "a machine without a logger")
        podop.wait_ready()
        self.check_serves("k")
        podop.wait_log("^time=.* key=k")

    def test_logger_that_does_not_read(self):
        """podop does not wait for it; the lines it misses are counted."""
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
        """podop connects to syslog before it drops its privileges."""
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
        """Level, format and target follow the configuration in both directions."""
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


if __name__ == "__main__":
    harness.main()
