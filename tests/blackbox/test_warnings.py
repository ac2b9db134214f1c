"""Warnings of "podop -t": configurations that are allowed and hardly meant, and what will fail later."""

import os
import pwd
import re
import shutil
import signal
import subprocess

import harness
from harness import Case, conf_file, echo

NOBODY = "nobody"


def as_user(user, *command, stdin=None):
    """Runs a command as another user, without the groups and capabilities of root."""
    return subprocess.run(["setpriv", "--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups",
                           *command], input=stdin, capture_output=True, text=True, timeout=harness.GUARD,
                          env=harness.clean_environment(), check=False)


class WithConfig(Case):
    def config(self, table=None, listener=None, **settings):
        """Writes a configuration with the table's settings and the listener's, one setting a line."""
        table = {"name": "t", "type": "url", "param": "http://127.0.0.1:1/{}", **(table or {})}
        listen = [{"socket": self.socket, **(listener or {})}]
        text = conf_file(**settings, listen=listen, tables=[table]).replace("{ ", "{\n").replace("; ", ";\n")
        return self.write("podop.conf", text)

    def warnings(self, path, *args):
        """Returns the warnings as (line, message); the check itself must find no fault."""
        done = harness.run("PODOP", "-t", "-c", path, *args)
        self.assertEqual((done.returncode, done.stdout), (0, "configuration OK\n"), done.stderr)
        return self.told(done.stderr)

    def told(self, stderr):
        *lines, count = stderr.splitlines() or [""]
        found = [re.fullmatch(r"(.+?): warning: (.+)", line) for line in lines]
        self.assertTrue(all(found), stderr)
        self.assertEqual(count, {0: "", 1: "1 warning"}.get(len(found), f"{len(found)} warnings"))
        return [(match[1], match[2]) for match in found]

    def check_warning(self, path, setting, *words):
        """Checks for one warning, at the line of this setting, with these words."""
        with open(path, encoding="utf-8") as file:
            number = next(n for n, line in enumerate(file, 1) if line.startswith(setting + " = "))
        told = self.warnings(path)
        self.assertEqual([where for where, _ in told], [f"{path}:{number}"], told)
        for word in words:
            with self.subTest(word=word):
                self.assertIn(word, told[0][1])


class HardlyMeant(WithConfig):
    def test_nothing_to_warn_of(self):
        for table in ({}, {"param": "http://h/%2F/§"}, {"param": "http://h/?k={key}"}, {"param": "http://h/{user}/{}"},
                      {"timeout": "100s"}, {"timeout": 30}, {"timeout": 0.5}, {"connect_timeout": 5},
                      {"cache": {"ttl": 86400}}, {"write_behind": "1h"}):
            with self.subTest(table=table):
                self.assertEqual(self.warnings(self.config(table)), [])

    def test_no_place_for_the_key(self):
        for url in ("http://h/", "http://h", "http://h/alias", "http://h/{user}", "http://h/?k=", "https://h/:key",
                    "http://h/{table}"):
            with self.subTest(url):
                self.check_warning(self.config({"param": url}), "param", "'t'", "no placeholder for the key")

    def test_places_and_other_settings(self):
        for table, word in (({"param": "http://h/{key}/{extension}"}, "{extension} in the URL is always empty"),
                            ({"param": "http://h/§", "lookup": "post"}, "has a placeholder for the key"),
                            ({"param": "http://h/{local}", "lookup": "post"}, "has a placeholder for the key")):
            with self.subTest(table=table):
                self.check_warning(self.config(table), "param", "'t'", word)
        for table in ({"param": "http://h/{key}/{extension}", "key": {"extension": "+"}},
                      {"param": "http://h/{domain}"}, {"param": "http://h/x", "lookup": "post"},
                      {"param": "http://h/{domain}", "lookup": "post"}):
            with self.subTest(table=table):
                self.assertEqual(self.warnings(self.config(table)), [])

    def test_other_places_for_the_key(self):
        for url, word in (("http://h/%s", "'%s'"), ("http://h/?k=%s&u=%d", "'%s'"), ("http://h/%u/§", "'%u'"),
                          ("http://h/{}?%", "'%'"), ("http://h/%2/§", "'%2'"), ("http://h/%zz{}", "'%z'")):
            with self.subTest(url):
                self.check_warning(self.config({"param": url}), "param", word)

    def test_each_url_of_a_list(self):
        told = self.warnings(self.config({"param": ["http://a/{}", "http://b/", "http://c/%s"]}))
        self.assertEqual(len(told), 2)

    def test_texts_without_a_comma(self):
        """libconfig joins them, which is hardly ever meant in a list."""
        path = self.write("podop.conf", f"""
            listen = ( {{ socket = "{self.socket}"; }} );
            tables = ( {{ name = "t"; type = "url"; param = "http://h/" "{{}}"; headers = [ "A: b"
              "C: d", "E: f" ]; }} );
        """)
        (where, text), = self.warnings(path)
        self.assertEqual(where, path + ":4")
        self.assertIn("comma", text)

    def test_secrets_without_tls(self):
        auth = {"type": "bearer", "token_file": self.write("token", "x\n")}
        os.chmod(self.path("token"), 0o600)
        for url in ("http://mail.example/{}", "http://192.0.2.1:80/{}", "HTTP://[2001:db8::1]/{}",
                    "http://127.mail.example/{}"):
            with self.subTest(url):
                self.check_warning(self.config({"param": url, "auth": auth}), "param", "without encryption", "https")
        commit = {"param": "https://mail.example/{}", "commit_url": "http://mail.example/"}
        self.check_warning(self.config({**commit, "auth": auth}), "commit_url", "without encryption", "https")
        for table in ({"param": "http://localhost:1/{}"}, {"param": "http://LOCALHOST/{}"},
                      {"param": "http://127.0.0.2/{}"}, {"param": "http://[::1]:1/{}"},
                      {"param": "https://mail.example/{}"}, {"param": "http://mail.example/{}", "unix_socket": "/run/x"}):
            with self.subTest(table=table):
                self.assertEqual(self.warnings(self.config({**table, "auth": auth})), [])

    def test_sockets_that_other_hosts_reach(self):
        for socket in ("0.0.0.0:9100", "inet:192.0.2.1:9100", "[::]:9100", "[2001:db8::1]:9100"):
            with self.subTest(socket):
                self.check_warning(self.config(listener={"socket": socket}), "socket", socket, "other hosts")
        for socket in ("127.0.0.1:9100", "inet:127.1.2.3:9100", "[::1]:9100", "localhost:9100"):
            with self.subTest(socket):
                self.assertEqual(self.warnings(self.config(listener={"socket": socket})), [])

    def test_tables_that_no_socket_serves(self):
        path = self.write("podop.conf", f"""
            listen = ( {{ socket = "{self.socket}"; tables = [ "a" ]; }},
              {{ socket = "{self.path('b')}"; tables = [ "b" ]; }} );
            tables = ( {{ name = "a"; type = "url"; param = "http://h/{{}}"; }},
              {{ name = "b"; type = "url"; param = "http://h/{{}}"; }},
              {{ name = "c"; type = "url"; param = "http://h/{{}}"; }} );
        """)
        (where, text), = self.warnings(path)
        self.assertEqual(where, path + ":6")
        self.assertIn("table 'c' is not in the 'tables' of any socket", text)
        self.assertEqual(self.warnings(self.config(listener={"socket": self.socket, "tables": []})), [])

    def test_timeouts_that_cannot_be_met(self):
        self.check_warning(self.config({"connect_timeout": "9s", "timeout": "5s"}), "connect_timeout", "'timeout'")

    def test_other_types_have_no_url(self):
        self.assertEqual(self.warnings(self.config({"type": "json", "param": self.write("%s.json", "{}")})), [])

    def test_seconds_that_look_like_milliseconds(self):
        for name in ("timeout", "connect_timeout", "write_behind"):
            with self.subTest(name):
                self.check_warning(self.config({name: 2500}), name, f"'{name}' in table 't'", "2500", "ms")
        self.check_warning(self.config({"timeout": "5000"}), "timeout", "5000", "ms")
        self.check_warning(self.config({"timeout": 250}), "timeout", "Postfix 100s", "Dovecot 30s", "ms")
        self.check_warning(self.config(defaults={"timeout": 5000}), "timeout", "in 'defaults'", "ms")
        self.check_warning(self.config(shutdown_timeout=3000), "shutdown_timeout", "ms")
        self.check_warning(self.config(pool={"idle_timeout": 60000}), "idle_timeout", "in 'pool'", "ms")
        self.check_warning(self.config(listener={"request_timeout": 10000}), "request_timeout", self.socket, "ms")

    def test_longer_than_clients_wait(self):
        self.check_warning(self.config({"timeout": "5m"}), "timeout", '"5m"', "Postfix 100s", "Dovecot 30s")

    def test_of_the_command_line(self):
        told = self.warnings(self.config(), "--set", "tables.t.timeout=5000", "--name", "t", "--type", "url",
                             "--param", "http://h/")
        self.assertEqual([where for where, _ in told], ["--set tables.t.timeout=5000", "--param http://h/"])

    def test_users_and_groups_that_do_not_exist(self):
        for setting in ("owner", "group"):
            with self.subTest(setting):
                self.check_warning(self.config(listener={setting: "no-such"}), setting, self.socket, "no-such")
                self.check_warning(self.config(control={"socket": self.path("c"), setting: "no-such"}), setting,
                                   self.path("c"), "no-such")
                self.assertEqual(self.warnings(self.config(listener={setting: "54321"})), [])
        self.check_warning(self.config(user="no-such"), "user", "there is no user 'no-such'")
        self.check_warning(self.config(group="no-such"), "group", "there is no group 'no-such'")

    def test_logged_at_start_and_reload(self):
        backend = self.backend(default=echo)
        path = self.config({"param": backend.url + "/§", "timeout": 5000})
        podop = harness.Podop("-v", "-c", path)
        self.addCleanup(podop.stop)
        self.assertRegex(podop.wait_log("event=config_warning"), r"level=warning .*'timeout' in table 't'")
        podop.wait_ready()
        podop.log.clear()
        self.config({"param": backend.url + "/"})
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload ")
        self.assertRegex(podop.wait_log("event=config_warning"), "no placeholder for the key")
        self.assertEqual(podop.stderr.count("config_warning"), 1)


class FailsLater(WithConfig):
    """As root, -t becomes the configured user and checks what that user may not do."""

    def setUp(self):
        super().setUp()
        harness.need(os.geteuid() == 0, "root, to become another user")
        os.chmod(self.dir, 0o755)
        os.mkdir(self.path("own"))
        shutil.chown(self.path("own"), NOBODY)

    def secure(self, name, text):
        """Writes a file that root alone can read."""
        path = self.write(name, text)
        os.chmod(path, 0o600)
        return path

    def config_as(self, table=None, socket="own/s", **settings):
        path = self.config(table, {"socket": self.path(socket)}, user=NOBODY, **settings)
        os.chmod(path, 0o644)
        return path

    def test_nothing_to_warn_of(self):
        self.assertEqual(self.warnings(self.config_as()), [])

    def test_files(self):
        secret = self.secure("secret", "x\n")
        for setting, table in (("param", {"type": "json", "param": self.secure("t.json", "{}")}),
                               ("token_file", {"auth": {"type": "bearer", "token_file": secret}}),
                               ("password_file", {"auth": {"type": "basic", "user": "u", "password_file": secret}})):
            with self.subTest(setting):
                self.check_warning(self.config_as(table), setting, f"user '{NOBODY}' cannot read ", "Permission denied")

    def test_program(self):
        program = self.secure("program", "")
        os.chmod(program, 0o700)
        self.check_warning(self.config_as({"type": "program", "param": program + " x"}), "param", "cannot run", program)

    def test_the_file_itself(self):
        path = self.config_as()
        os.chmod(path, 0o600)
        self.assertEqual([where for where, _ in self.warnings(path)], [path])

    def test_directory_of_a_socket(self):
        self.check_warning(self.config_as(socket="s"), "socket", "make and remove sockets", self.dir,
                           "Permission denied")
        self.check_warning(self.config_as(socket="none/s"), "socket", "No such file or directory")
        told = self.warnings(self.config_as(control={"socket": self.path("c")}))
        self.assertEqual(len(told), 1, told)

    def test_another_user_gets_no_such_warnings(self):
        path = self.config_as(socket="s")
        done = as_user("daemon", harness.binary("PODOP"), "-t", "-c", path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_logged_at_start(self):
        podop = harness.Podop("-v", "-c", self.config_as({"type": "json", "param": self.secure("t.json", "{}")}))
        self.addCleanup(podop.stop)
        self.assertIn("cannot read", podop.wait_log("event=config_warning"))


if __name__ == "__main__":
    harness.main()
