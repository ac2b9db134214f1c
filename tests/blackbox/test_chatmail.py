"""docs/chatmail.md and examples/chatmail: podop in the place of chatmail's dict proxies, around a stand-in of them."""

import json
import os
import re
import sys

import documents
import dovecot
import harness
from dict import DictCase
from harness import Case

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(SOURCE, "examples", "chatmail")
PAGE = ("docs", "chatmail.md")
STAND_IN = os.path.join(SOURCE, "tests", "blackbox", "chatmail")
PYTHON = "/usr/local/lib/chatmaild/venv/bin/python3"
SOCKETS = {"auth": "/run/doveauth/doveauth.socket", "metadata": "/run/chatmail-metadata/metadata.socket",
           "lastlogin": "/run/chatmail-lastlogin/lastlogin.socket"}
SERVER = "vendor/vendor.dovecot/pvt/server/vendor/deltachat/"
PASSWORDS = ["plainpassword", "with/slash/in/it", "/../../userdb/x", "a/./b/../c", 'quote"quote"', "it's 'quoted'",
             "back\\slash\\", "tab\tand\nline\r", " blanks around ", "Grüße, 你好, 🎉", "%2e%2e%2f%00", "{}{user}§{key}",
             "x" * 200, "\x01\x01t\x01n control", '"""""""""', "passdb/x\"y@z"]
TYPED = [PASSWORDS[number] for number in (1, 2, 4, 5, 6, 9, 10, 11)]  # what IMAP can send
SHORT = "8letters"


def read(name):
    """Returns a file of the example."""
    with open(os.path.join(EXAMPLE, name), encoding="utf-8") as file:
        return file.read()


def escaped(text):
    """Returns a text as Dovecot's %E gives it."""
    return re.sub(r"""(["'\\])""", r"\\\1", text)


def passdb(password, user):
    """Returns the key of a login."""
    return f'shared/passdb/{escaped(password)}"{escaped(user)}'


class Page(Case):
    """The page names what there is."""

    def test_files(self):
        named = re.findall(r"\b((?:examples|python)/[\w./-]+\.\w+)", documents.block(*PAGE, begin="install -d"))
        files = {f"chatmail/{name}" for name in os.listdir(EXAMPLE) if name != "README.md"}
        self.assertEqual({name.partition("/")[2] for name in named}, files | {"podop_table.py"})
        for name in named:
            with self.subTest(name):
                self.assertTrue(os.path.exists(os.path.join(SOURCE, name)))

    def test_sockets(self):
        """The configuration and the unit have the sockets, the tables and the directories of the page."""
        with open(os.path.join(SOURCE, *PAGE), encoding="utf-8") as file:
            text = file.read()
        directories = re.search("(?m)^RuntimeDirectory=(.*)$", read("podop-chatmail.service"))[1].split()
        self.assertEqual([f"/run/{name}" for name in directories], [*map(os.path.dirname, SOCKETS.values())])
        for name, path in SOCKETS.items():
            with self.subTest(name):
                self.assertRegex(text, rf"(?m)^\| \S+ \| `{path}` \| `{name}` \|")
                self.assertRegex(read("podop.conf"), rf'socket = "{path}";[^}}]*\btables = \[ "{name}" \]')

    def test_http_service(self):
        table = documents.block(*PAGE, begin='{ name = "auth"')
        path = self.write("podop.conf", f'listen = ({{ socket = "{self.socket}"; }});\ntables = ({table});\n')
        done = harness.run("PODOP", "-t", "-c", path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class WithChatmail(DictCase):
    """podop with the configuration of the example, but for its paths; what there is of mail is in a directory."""

    def serve_chatmail(self, folder, homes, *more):
        """Starts podop with sockets and users in a folder; `homes` is the directory of users as Dovecot sees it."""
        self.folder = os.path.join(folder, "mailboxes")
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o777)
        values = {"mail_domain": "chat.example", "uid": "mail", "folder": self.folder, "homes": homes}
        self.config = self.write("chatmail.ini", json.dumps(values))
        text = read("podop.conf")
        path = ":".join((STAND_IN, os.path.join(SOURCE, "python")))
        for old, new in {PYTHON: f"/usr/bin/env PYTHONPATH={path} {sys.executable}",
                         "/usr/local/lib/podop": EXAMPLE, "/usr/local/lib/chatmaild/chatmail.ini": self.config,
                         **{path: f"{folder}/{name}" for name, path in SOCKETS.items()}}.items():
            self.assertIn(old, text)
            text = text.replace(old, new)
        return self.podop("-c", self.write("podop.conf", text), *more)


class Proxies(WithChatmail):
    """What Dovecot gets."""

    def setUp(self):
        super().setUp()
        self.server = self.serve_chatmail(self.dir, "/home")

    def proxy(self, table, user=""):
        return self.dict((3, 2), self.path(table), name=table, user=user)

    def found(self, answer):
        """Returns the value of an answer to a lookup, which must be JSON."""
        self.assertEqual(answer[:1], b"O", answer)
        return json.loads(answer[1:])

    def test_sockets(self):
        """Each socket serves its own table, and lets in its owner only."""
        for name in SOCKETS:
            self.assertEqual(os.stat(self.path(name)).st_mode & 0o777, 0o600)
            for table in SOCKETS.keys() - {name}:
                with self.subTest(socket=name, table=table):
                    client = self.dict((3, 2), self.path(name), name=table)
                    self.check_failure(client.get("shared/userdb/nobody@chat.example"), table)

    def test_passwords(self):
        """A login with any password makes the account; any further one gets the same hash, whatever its password."""
        auth = self.proxy("auth")
        for number, password in enumerate(PASSWORDS):
            user = f"user{number:05}@chat.example"
            with self.subTest(password):
                self.check_dict(auth.get(f"shared/userdb/{user}"), "N")
                self.check_dict(auth.get(passdb(SHORT, user)), "N")
                fields = self.found(auth.get(passdb(password, user)))
                self.assertEqual((fields["addr"], fields["home"]), (user, "/home/" + user))
                self.assertEqual(self.found(auth.get(passdb(password, user))), fields)
                self.assertEqual(self.found(auth.get(passdb("another password", user))), fields)
                self.assertEqual(self.found(auth.get("shared/userdb/" + user)), fields)
                self.server.wait_log(f"(?i)program_says .*created .*{user}")
        rows = [(f"shared/userdb/user{number:05}@chat.example".encode(), b"") for number in range(len(PASSWORDS))]
        self.assertEqual(auth.rows("shared/userdb/"), rows)
        self.assertNotIn("slash", self.server.stderr)  # no password is logged

    def test_no_account(self):
        auth = self.proxy("auth")
        for user in ("elsewhere@example.com", "UPPERCASE@chat.example", "short@chat.example", "wi th/sl@chat.example"):
            with self.subTest(user):
                self.assertIn(auth.get(passdb("a good password", user))[:1], (b"N", b"F"))
        self.assertEqual(auth.rows("shared/userdb/"), [])
        self.assertEqual(auth.rows("shared/passdb/"), [])

    def test_exceptions(self):
        """An exception is a failure with its reason, and the connection stays."""
        auth = self.proxy("auth")
        self.assertRegex(auth.get("shared/passdb/ends in a backslash\\"), b"^F.*IndexError: ")
        self.assertRegex(auth.get(passdb("a good password", "a/b@chat.example")), b"^F.*ValueError: invalid address")
        self.check_dict(auth.get("shared/userdb/nobody@chat.example"), "N")
        self.assertRegex(self.proxy("lastlogin").change(("set", "shared/else/x", "1")), b"^[FO]")

    def test_metadata(self):
        user = "somebody1@chat.example"
        self.found(self.proxy("auth").get(passdb("a good password", user)))
        meta = self.proxy("metadata", user)
        self.check_dict(meta.get("priv/guid/devicetoken"), "O")
        for token in ("token-1", "token/2", "fcm:a:b"):
            self.check_dict(meta.change(("set", "priv/guid/devicetoken", token)), "O")
        self.check_dict(meta.get("priv/guid/devicetoken"), "Otoken-1 token/2 fcm:a:b")
        self.check_dict(meta.change(("set", "priv/guid/messagenew", "")), "O")
        harness.wait_until(lambda: self.notices() == [[user, "token-1", "token/2", "fcm:a:b"]], "the notice is sent")
        for name, value in {"irohrelay": "https://relay.example", "maxsmtprecipients": "1000",
                            "appversions": '{"a":1}'}.items():
            self.check_dict(meta.get(f"shared/guid/{SERVER}{name}"), "O" + value)
        self.check_dict(meta.get(f"shared/guid/{SERVER}other"), "N")
        self.check_dict(meta.get("priv/guid/comment"), "N")
        self.check_failure(meta.change(("set", "priv/guid/comment", "x")), "metadata")
        self.check_failure(meta.change(("unset", "priv/guid/devicetoken")), "metadata")
        self.assertEqual(meta.rows("priv/guid/"), [])

    def notices(self):
        try:
            with open(os.path.join(self.folder, "notices"), encoding="utf-8") as file:
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []

    def test_last_login(self):
        user = "somebody1@chat.example"
        self.found(self.proxy("auth").get(passdb("a good password", user)))
        client = self.proxy("lastlogin")
        self.check_dict(client.get(f"shared/last-login/{user}"), "N")
        for time in ("1700000000", "1700000001"):
            self.check_dict(client.change(("set", f"shared/last-login/{user}", time)), "O")
        self.check_dict(client.get(f"shared/last-login/{user}"), "O1700000001")  # the pending value
        self.server.stop()
        with open(os.path.join(self.folder, user, "last-login"), encoding="ascii") as file:
            self.assertEqual(file.read(), "1700000001")

    def test_program_dies(self):
        """podop starts it again, and Dovecot's connection stays."""
        auth = self.proxy("auth")
        self.check_dict(auth.get("shared/userdb/nobody@chat.example"), "N")
        pid = int(re.search(r"table=auth pid=(\d+)", self.server.wait_log("program_started table=auth"))[1])
        os.kill(pid, 9)
        self.server.wait_lines(2, "event=program_started table=auth")
        harness.wait_until(lambda: auth.get("shared/userdb/nobody@chat.example") == b"N", "it answers again")


DOVECOT_CONF = """
passdb {{
  driver = dict
  args = {dir}/auth.conf
}}
userdb {{
  driver = dict
  args = {dir}/auth.conf
}}
mail_attribute_dict = proxy:{dir}/metadata:metadata
protocol imap {{
  mail_plugins = $mail_plugins last_login
  imap_metadata = yes
}}
plugin {{
  last_login_dict = proxy:{dir}/lastlogin:lastlogin
  last_login_precision = s
}}
"""
AUTH_CONF = """
uri = proxy:{dir}/auth:auth
iterate_disable = no
iterate_prefix = userdb/
default_pass_scheme = plain
password_key = passdb/%Ew"%Eu
user_key = userdb/%Eu
"""


class Dovecot(WithChatmail):
    """A real Dovecot 2.3 with chatmail's dicts."""

    def setUp(self):
        super().setUp()
        self.dovecot = dovecot.WithDicts(dovecot.root_of("2.3"), DOVECOT_CONF, AUTH_CONF)
        self.addCleanup(self.dovecot.stop)
        self.serve_chatmail(self.dovecot.outside, self.dovecot.dir + "/mailboxes", *(
            word for number in range(3) for word in ("--set", f"listen.[{number}].permissions=0666")))
        self.dovecot.start()

    def login(self, user, password):
        """Opens an IMAP session; returns it and the answer to the login."""
        session = dovecot.Imap(self.dovecot.imap_port)
        self.addCleanup(session.close)
        return session, session.command(f"LOGIN {user} {dovecot.literal(password)}")[0]

    def test_logins_and_metadata(self):
        for number, password in enumerate(TYPED):
            with self.subTest(password):
                self.assertRegex(self.login(self.user(number), password)[1], "^OK ", self.dovecot.log())
        for user, password in ((self.user(0), TYPED[1]), (self.user(99), SHORT), ("x@example.com", TYPED[0])):
            with self.subTest(user):
                self.assertRegex(self.login(user, password)[1], r"^NO \[AUTHENTICATIONFAILED\]", self.dovecot.log())
        self.assertEqual(sorted(self.dovecot.doveadm("user", "*").stdout.split()), [*map(self.user, range(len(TYPED)))])
        self.check_metadata(*self.login(self.user(0), TYPED[0]))

    @staticmethod
    def user(number):
        return f"user{number:05}@chat.example"

    def check_metadata(self, session, answer):
        self.assertRegex(answer, "^OK ")
        for token in ("token1", "token2"):
            self.assertRegex(session.command(f'SETMETADATA INBOX (/private/devicetoken "{token}")')[0], "^OK ")
        lines = session.command("GETMETADATA INBOX /private/devicetoken")[1]
        self.assertIn("token1 token2", "\n".join(lines), self.dovecot.log())
        lines = session.command('GETMETADATA "" /shared/vendor/deltachat/irohrelay')[1]
        self.assertIn("https://relay.example", "\n".join(lines), self.dovecot.log())


if __name__ == "__main__":
    harness.main()
