"""The base of tests with a real Dovecot: it is started and asked, with podop in front of the microservice."""

import json
import re

import dovecot
from dovecot import ALICE, BOB, TABLES
from harness import Case

TEXT_TABLES = ("meta", "sieve")
NOT_FOUND, FAILED, USAGE, NO_PERMISSION = 68, 75, 64, 77


class WithDovecot(Case):
    """A Dovecot that is not started yet, and podop in front of the microservice."""

    version = "2.3"
    quota_field = {"quota_rule": "*:bytes=2048000"}  # what limits a user to 2000 KiB
    auth_test_temporary = NO_PERMISSION  # the exit status of `doveadm auth test` after a temporary failure
    through_dict_server = False  # True: through Dovecot's own dict server, which has one connection for all clients

    def setUp(self):
        super().setUp()
        self.dovecot = dovecot.Dovecot(self.version, dovecot.root_of(self.version), self.through_dict_server)
        self.addCleanup(self.dovecot.stop)
        self.socket = self.dovecot.socket
        self.service = dovecot.Microservice(self.path("database"))
        self.addCleanup(lambda: self.service.stop())
        self.server = self.serve_dovecot(*map(self.table, TABLES))

    def table(self, name):
        settings = {"value": "string"} if name in TEXT_TABLES else {}
        # shorter than the default, as each of many requests waits for a service that is down
        return {"name": name, "type": "url", "param": f"http://127.0.0.1:{self.service.port}/{name}/§",
                "timeout": "2s", **settings}

    def serve_dovecot(self, *tables):
        """Starts podop with a socket that auth workers, mail processes and the dict server may use."""
        # A chroot may have other user ids than this system.
        rights = {"permissions": "0666"} if self.dovecot.root else {"owner": "mail", "group": "dovecot"}
        return self.serve(*tables, listen=[{"socket": self.socket, "mode": "dovecot", **rights}])

    def imap(self, user=None, password=None):
        """Opens an IMAP connection; with a user it logs in."""
        client = dovecot.Imap(self.dovecot.imap_port)
        self.addCleanup(client.close)
        if user:
            answer, _ = client.command(f"LOGIN {user} {password}")
            self.assertRegex(answer, "^OK ", self.dovecot.log())
        return client

    def bob(self):
        return self.imap(BOB, "secret")

    def alice(self):
        return self.imap(ALICE, "wonderland")

    def ok(self, client, command):
        """Sends a command that must succeed and returns the lines before OK."""
        answer, lines = client.command(command)
        self.assertRegex(answer, "^OK ", self.dovecot.log())
        return lines

    def target(self, table):
        """Returns the name of a table as doveadm takes it."""
        return f"proxy:{self.dovecot.dict_socket}:{table}"

    def dict(self, operation, *words, table="quota", user=None, status=0):
        """Runs `doveadm dict` and returns its output parsed as JSON, or what it printed to stderr."""
        options = ["-u", user] if user else []
        done = self.dovecot.doveadm("-f", "json", "dict", operation, *options, *self.flags(words), self.target(table),
                                    *words[len(self.flags(words)):])
        self.assertEqual(done.returncode, status, (words, done.stdout, done.stderr))
        if status == 0:
            self.assertEqual(done.stderr, "")
        return json.loads(done.stdout) if status == 0 and done.stdout.strip() else done.stderr

    def finds(self, key):
        return self.dovecot.doveadm("dict", "get", self.target("quota"), key).returncode == 0

    @staticmethod
    def flags(words):
        """Returns the options at the beginning."""
        return words[:next((i for i, word in enumerate(words) if word[:1] != "-"), len(words))]

    def check_value(self, key, value, **options):
        self.assertEqual(self.dict("get", key, **options), [{"value": value}])

    def check_miss(self, key, **options):
        self.assertIn("doesn't exist", self.dict("get", key, status=NOT_FOUND, **options))

    def auth_test(self, user, password):
        """Runs `doveadm auth test` and returns its exit status and output."""
        done = self.dovecot.doveadm("auth", "test", "-x", "rip=127.0.0.1", "-x", "real_rip=127.0.0.1", user, password)
        return done.returncode, done.stdout + done.stderr

    def user(self, name):
        """Runs `doveadm user` and returns its exit status and output."""
        done = self.dovecot.doveadm("user", name)
        return done.returncode, done.stdout

    def check_failure(self, user, password, is_temporary=False):
        status, text = self.auth_test(user, password)
        self.assertEqual(status, self.auth_test_temporary if is_temporary else NO_PERMISSION, text)
        self.assertEqual("temp_fail" in text, is_temporary, text)

    def check_metadata(self, client, name, value):
        lines = self.ok(client, f"GETMETADATA INBOX {name}")
        text = re.fullmatch(rf'METADATA "?INBOX"? \({name} (.*)\)', "\n".join(lines), re.DOTALL)
        self.assertIsNotNone(text, lines)
        text = text[1]
        if text == "NIL":
            self.assertIsNone(value)
        else:
            self.assertEqual(re.sub(r'^\{\d+\}\r\n|^"|"$', "", text), value)
