"""The configuration file: what it accepts, and that every fault is reported with its file and line."""

import json
import os
import re

import harness
from harness import Case, conf, conf_file, echo, http, url_table

CONFIG = 78
FAULT = re.compile(r"(?P<file>.+?):(?P<line>\d+): (?P<text>.+)")


class ConfigFile(Case):
    def check(self, text, *args):
        """Runs -t on this file."""
        self.file = self.write("podop.conf", text)
        return harness.run("PODOP", "-c", self.file, "-t", *args)

    def check_good(self, text):
        done = self.check(text)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "configuration OK"), done.stderr)

    def check_bad(self, text, *faults):
        """Checks that -t fails and reports each (line, word) of this file; returns all reports as matches of
        FAULT."""
        done = self.check(text)
        self.assertEqual(done.returncode, CONFIG, done.stdout + done.stderr)
        self.assertNotIn("configuration OK", done.stdout)
        told = [match for match in map(FAULT.fullmatch, done.stderr.splitlines()) if match]
        for number, word in faults:
            with self.subTest(number=number, word=word):
                if not any(m["file"] == self.file and int(m["line"]) == number and word in m["text"] for m in told):
                    self.fail(f"no message about {word!r} in line {number}:\n{done.stderr}")
        return told

    def config(self, table="", listener="", top=""):
        """Writes a good configuration with additions at known lines: top 2, listener 4, table 8."""
        return "\n".join([
            "# podop", top,
            f'listen = ( {{ socket = "{self.socket}";', listener, "} );",
            "tables = (",
            '{ name = "t"; type = "url"; param = "http://localhost/§";', table, "} );", ""])


class Accepted(ConfigFile):
    def test_whole_file(self):
        self.check_good(f'''
            # every setting of the file, of sockets, of the log and of url tables
            log = {{ level = "info"; format = "text"; target = "stderr"; }};
            shutdown_timeout = "10s";
            listen = (
              {{ socket = "{self.socket}"; mode = "auto"; permissions = "0660"; owner = "root"; group = "root"; }},
              {{ socket = "127.0.0.1:9100"; mode = "postfix"; tables = [ "alias", "local" ]; max_clients = 1000;
                request_timeout = "10s"; max_request = "64K"; max_reply = 100000; }}
            );
            defaults = {{ timeout = "10s"; cache = {{ ttl = 0; }}; }};
            tables = (
              {{ name = "alias"; type = "url"; param = "http://admin:8080/internal/postfix/alias/§"; timeout = "5s";
                connect_timeout = "2s"; retries = 1; headers = [ "X-A: b" ]; max_response = "1M"; select = "/a/0";
                encode = "component"; skip = [ "\\\\*", "*@\\\\[*" ];
                cache = {{ ttl = "60s"; negative_ttl = "10s"; }}; }},
              {{ name = "unix"; type = "url"; param = "https://localhost/{{key}}";
                unix_socket = "/run/backend.sock"; }},
              {{ name = "local"; type = "json"; param = "{self.write("local.json", "{}")}"; }}
            );
            pool = {{ max_connections = 64; idle_timeout = "60s"; }};
        ''')

    def test_durations(self):
        for value in ("5", "1", '"250ms"', '"30s"', '"5m"', '"2h"', '"1d"'):
            with self.subTest(value=value):
                self.check_good(self.config(table=f"cache = {{ ttl = {value}; }};"))

    def test_sizes(self):
        for value in ("65536", '"64K"', '"16M"', '"1G"'):
            with self.subTest(value=value):
                self.check_good(self.config(table=f"cache = {{ ttl = 1; max_bytes = {value}; }};"))

    def test_permissions(self):
        for value in ('"0600"', '"0660"', '"666"', '"0777"'):
            with self.subTest(value=value):
                self.check_good(self.config(listener=f"permissions = {value};"))

    def test_addresses(self):
        for value in (self.socket, "unix:" + self.socket, "127.0.0.1:9100", "[::1]:9100", "inet:127.0.0.1:9100",
                      "localhost:9100",
                      "inet:[::1]:9100"):
            with self.subTest(value=value):
                self.check_good(self.config().replace(conf(self.socket), conf(value)))

    def test_names(self):
        for name in ("a", "my-map.v2_x", "jörg", "x" * 255, "a/b", "*", "§", "%s"):
            with self.subTest(name=name):
                self.check_good(self.config().replace('"t"', conf(name)))

    def test_include(self):
        included = self.write("tables.conf",
                              'tables = ( { name = "t"; type = "url"; param = "http://localhost/§"; } );\n')
        self.check_good(f'listen = ( {{ socket = "{self.socket}"; }} );\n@include "{included}"\n')

    def test_check_touches_nothing(self):
        backend = self.backend(default=echo)
        self.check_good(conf_file(listen=[{"socket": self.socket}], tables=[url_table(backend)]))
        self.assertEqual(os.listdir(self.dir), ["podop.conf"])
        self.assertEqual(backend.connections, 0)

    def test_check_beside_a_running_podop(self):
        backend = self.backend(default=echo)
        self.serve(url_table(backend))
        done = harness.run("PODOP", "-c", self.path("podop.conf"), "-t")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_payload(self.client().ask("t", "k"), "OK k")


class Refused(ConfigFile):
    def test_unknown_settings_and_the_nearest_name(self):
        for typo, name in (("timout", "timeout"), ("parm", "param"), ("retris", "retries"),
                           ("conect_timeout", "connect_timeout"),
                           ("max_respons", "max_response"), ("unix_soket", "unix_socket"), ("selct", "select")):
            with self.subTest(typo):
                self.check_bad(self.config(table=f"{typo} = 1;"), (8, typo), (8, name))
        for typo, name in (("max_client", "max_clients"), ("permission", "permissions"), ("ower", "owner"),
                           ("max_reqest", "max_request")):
            with self.subTest(typo):
                self.check_bad(self.config(listener=f"{typo} = 1;"), (4, typo), (4, name))
        for typo, name in (("listn", "listen"), ("tabels", "tables"), ("defalts", "defaults"), ("usr", "user"),
                           ("shutdown_timout", "shutdown_timeout")):
            with self.subTest(typo):
                self.check_bad(self.config(top=f"{typo} = 1;"), (2, typo), (2, name))
        for group, typo, name in (("log", "levl", "level"), ("pool", "max_conections", "max_connections"),
                                  ("defaults", "timout", "timeout")):
            with self.subTest(group + "." + typo):
                self.check_bad(self.config(top=f"{group} = {{ {typo} = 1; }};"), (2, typo), (2, name))
        with self.subTest("cache.negativ_ttl"):
            self.check_bad(self.config(table="cache = { negativ_ttl = 1; };"), (8, "negativ_ttl"), (8, "negative_ttl"))

    def test_bad_durations(self):
        for value in ('"5x"', '"-1s"', "-1", '"s"', '""', '"1s2"', '"5 apples"', '"1h30"', "true", "[ 5 ]",
                      '"99999999999999999999s"'):
            with self.subTest(value=value):
                self.check_bad(self.config(table=f"timeout = {value};"), (8, "timeout"))

    def test_bad_sizes(self):
        for value in ('"64Q"', '"-1K"', "-1", '"K"', '""', '"1KB1"', "true", '"99999999999999999999G"',
                      '"17179869184G"'):
            with self.subTest(value=value):
                self.check_bad(self.config(table=f"max_response = {value};"), (8, "max_response"))

    def test_bad_values(self):
        for setting, value in (("retries", "-1"), ("retries", '"x"'), ("encode", '"compnent"'), ("encode", "1"),
                               ("skip", '"x"'), ("skip", "[ 1 ]"), ("headers", "[ 1 ]"), ("headers", '"A: b"'),
                               ("cache", "1"), ("unix_socket", "1")):
            with self.subTest(setting=setting, value=value):
                self.check_bad(self.config(table=f"{setting} = {value};"), (8, setting))
        for setting, value in (("mode", '"posfix"'), ("mode", "1"), ("permissions", '"0999"'), ("permissions", '"rw"'),
                               ("permissions", '""'), ("permissions", '"-1"'), ("max_clients", "-1"),
                               ("max_clients", '"x"'), ("tables", '"t"')):
            with self.subTest(setting=setting, value=value):
                self.check_bad(self.config(listener=f"{setting} = {value};"), (4, setting))
        for group, setting, value in (("log", "level", '"loud"'), ("log", "format", '"xml"'),
                                      ("log", "target", '"paper"'), ("pool", "max_connections", '"x"')):
            with self.subTest(group=group, setting=setting, value=value):
                self.check_bad(self.config(top=f"{group} = {{ {setting} = {value}; }};"), (2, setting))
        with self.subTest("log = 1"):
            self.check_bad(self.config(top="log = 1;"), (2, "log"))

    def test_misspelt_values_name_the_nearest(self):
        self.check_bad(self.config().replace('"url"', '"ulr"'), (7, "url"))
        self.check_bad(self.config(listener='mode = "posfix";'), (4, "postfix"))
        self.check_bad(self.config(top='log = { level = "warnin"; };'), (2, "warning"))

    def test_missing_settings(self):
        for missing, word in (('name = "t"; ', "name"), ('type = "url"; ', "type"),
                              ('param = "http://localhost/§";', "param")):
            with self.subTest(word):
                told = self.check_bad(self.config().replace(missing, ""))
                self.assertTrue(any(word in fault["text"] for fault in told), told)
        with self.subTest("socket"):
            told = self.check_bad(self.config().replace(f'socket = "{self.socket}";', ""))
            self.assertTrue(any("socket" in fault["text"] for fault in told), told)

    def test_bad_names(self):
        for name in ("", "a b", "a\tb", " ", "a\n", "a\x01b", "x" * 256, "a\x7f"):
            with self.subTest(name=name):
                self.check_bad(self.config().replace('"t"', conf(name)), (7, "name"))

    def test_names_that_clash(self):
        table = '{ name = "t"; type = "url"; param = "http://localhost/§"; }'
        self.check_bad(f'listen = ( {{ socket = "{self.socket}"; }} );\ntables = ( {table},\n{table} );\n', (3, "t"))
        self.check_bad(self.config(listener='tables = [ "t", "nosuch" ];'), (4, "nosuch"))

    def test_bad_addresses(self):
        for value in ("", "relative/path", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "[::1:9100",
                      "unix:", "inet:"):
            with self.subTest(value=value):
                self.check_bad(self.config().replace(conf(self.socket), conf(value)), (3, ""))

    def test_wrong_shapes(self):
        for text in ("tables = 1;", 'tables = "x";', "tables = ( 1 );", "tables = { };", "listen = 1;",
                     'listen = [ "/run/x" ];', "pool = ( );", "defaults = 1;"):
            with self.subTest(text):
                self.check_bad(text + "\n")

    def test_syntax_errors(self):
        for text, line in (("listen = (\n", 1), ("a b c\n", 1), ("\n\nlog = { level = \"info\" \n\n;\n", 3),
                           ("log = {{ }};", 1)):
            with self.subTest(text):
                told = self.check_bad(text)
                self.assertEqual([int(fault["line"]) for fault in told], [line])

    def test_every_fault_is_reported(self):
        told = self.check_bad(self.config(top="usr = 1;", listener="ower = 1;", table='timeout = "5x"; retry = 1;'),
                              (2, "usr"), (4, "ower"), (8, "timeout"), (8, "retry"))
        self.assertEqual(len(told), 4, told)

    def test_fault_in_an_included_file(self):
        included = self.write("tables.conf", '\ntables = ( { name = "t"; type = "url"; '
                              'param = "http://localhost/§";\ntimout = 1; } );\n')
        done = self.check(f'listen = ( {{ socket = "{self.socket}"; }} );\n@include "{included}"\n')
        self.assertEqual(done.returncode, CONFIG)
        self.assertRegex(done.stderr, re.escape(included) + ":3: .*timout")

    def test_missing_include(self):
        done = self.check('@include "/no/such/file"\n')
        self.assertEqual(done.returncode, CONFIG)
        self.assertIn(f"{self.file}:1: ", done.stderr)

    def test_start_is_refused_alike(self):
        path = self.write("podop.conf", self.config(table="timout = 1;"))
        done = harness.run("PODOP", "-c", path)
        self.assertEqual(done.returncode, CONFIG)
        self.assertIn(f"{path}:8: ", done.stderr)
        self.assertFalse(os.path.exists(self.socket))

    def test_unreadable_files(self):
        for path in (self.path("none"), self.dir, self.write("binary", bytes(range(256)) * 64)):
            with self.subTest(path):
                done = harness.run("PODOP", "-c", path, "-t")
                self.assertEqual(done.returncode, CONFIG)
                self.assertIn(path, done.stderr)


class Effects(Case):
    """Settings that have no test file of their own."""

    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def test_defaults_and_what_a_table_says_itself(self):
        self.hold_clock()
        self.http.on("/late", self.hang(self.http, 0.2))
        gate = self.http.gate()
        self.http.on("/slow", (gate, http('"slow"')))
        self.serve(url_table(self.http, "short"), url_table(self.http, "long", timeout="1h", cache={"ttl": 0}),
                   defaults={"timeout": "200ms", "cache": {"ttl": "1h"}})
        slow, client = self.client(), self.client()
        slow.request("long", "slow")
        self.http.wait_target("/slow")
        self.check_reason(client.ask("short", "late"), "TIMEOUT", "short")
        gate.set()
        self.check_payload(slow.read(), "OK slow")
        for table, requests in (("short", 1), ("long", 2)):
            with self.subTest(table=table, requests=requests):
                self.http.forget()
                for _ in range(2):
                    self.check_payload(client.ask(table, "k"), "OK k")
                self.assertEqual(len(self.http.requests), requests)

    def test_log_as_json(self):
        podop = self.serve(url_table(self.http), log={"format": "json"}, args=["-vv"])
        client = self.client()
        for key in ("k", b"\xff\0\"\n", "jörg"):
            client.ask("t", key)
        podop.stop()
        lines = [json.loads(line) for line in podop.log]
        (ready,) = [line for line in lines if line["event"] == "ready"]
        self.assertEqual((ready["level"], int(ready["sockets"]), int(ready["tables"])), ("info", 1, 1))

    def test_log_level_of_the_file(self):
        podop = self.podop("-c", self.write("podop.conf", conf_file(
            log={"level": "debug"}, listen=[{"socket": self.socket}], tables=[url_table(self.http)])), verbose=())
        podop.wait_ready()
        self.check_payload(self.client().ask("t", "k"), "OK k")
        podop.wait_log("level=debug")

    def test_pool_limits_connections(self):
        self.serve(url_table(self.http), pool={"max_connections": 3})
        gate = self.http.gate()
        self.http.default = lambda request: (gate, echo(request))
        clients = [self.client() for _ in range(12)]
        for number, client in enumerate(clients):
            client.request("t", f"k{number}")
        self.http.wait_requests(3)
        gate.set()
        for number, client in enumerate(clients):
            self.check_payload(client.read(), f"OK k{number}")
        self.assertLessEqual(self.http.connections, 3)


if __name__ == "__main__":
    harness.main()
