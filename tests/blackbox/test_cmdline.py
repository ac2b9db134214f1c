"""podop's command line: command lines of the podop written in Python, pairing of options, --set, -t, and exit
statuses."""

import re

import harness
from harness import Case, conf_file, echo, http, url_table

USAGE, CONFIG = 64, 78


class CommandLine(Case):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def url(self, path="/§"):
        return self.http.url + path

    def check_usage_error(self, *args, words=()):
        """Checks for status 64, a message with these words, and the hint at --help."""
        done = harness.run("PODOP", *args)
        self.assertEqual(done.returncode, USAGE, done.stderr)
        self.assertIn("--help", done.stderr)
        for word in words:
            with self.subTest(word=word):
                self.assertIn(word, done.stderr)
        return done

    def check_refused(self, *args, word=""):
        """Checks for a usage or configuration error; which of the two is left open for values of options."""
        done = harness.run("PODOP", *args)
        self.assertIn(done.returncode, (USAGE, CONFIG), done.stderr)
        self.assertIn(word, done.stderr)


class Information(CommandLine):
    def test_version(self):
        for option in ("-V", "--version"):
            with self.subTest(option):
                done = harness.run("PODOP", option)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertRegex(done.stdout, r"^podop v?[0-9]")
                for library in ("curl", "libconfig", "json-c", "libev"):
                    self.assertIn(library, done.stdout)

    def test_help(self):
        for option in ("-h", "--help"):
            with self.subTest(option):
                done = harness.run("PODOP", option)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                for name in ("config", "socket", "mode", "name", "type", "param", "set", "check", "verbose", "version",
                             "help"):
                    self.assertIn("--" + name, done.stdout)


class Tables(CommandLine):
    """Sockets and tables without a file."""

    def check_tables(self, *args, **expected):
        """Starts podop on self.socket with these arguments; each table must give its expected answer to the key k."""
        podop = self.podop("--socket", self.socket, *args)
        client = self.client()
        for table, answer in expected.items():
            with self.subTest(table=table, answer=answer):
                self.check_payload(client.ask(table, "k"), answer)
        client.close()
        podop.stop()

    def test_line_of_the_python_podop(self):
        self.check_tables("--mode", "postfix", "--name", "alias", "--type", "url", "--param", self.url("/alias/§"),
                          alias="OK k")
        self.assertEqual(self.http.requests[0].target, b"/alias/k")

    def test_short_and_joined_forms(self):
        for args in (["-m", "postfix", "-n", "t", "-T", "url", "-p", self.url()],
                     ["-mpostfix", "-nt", "-Turl", "-p" + self.url()],
                     ["--mode=auto", "--name=t", "--type=url", "--param=" + self.url()]):
            with self.subTest(args=args):
                self.check_tables(*args, t="OK k")

    def test_any_order(self):
        a, b = self.url("/a/§"), self.url("/b/§")
        self.http.on("/a/k", http('"a"'))
        self.http.on("/b/k", http('"b"'))
        for args in (
            ["--name", "x", "--type", "url", "--param", a, "--name", "y", "--type", "url", "--param", b],
            ["--name", "x", "--name", "y", "--type", "url", "--type", "url", "--param", a, "--param", b],
            ["--param", a, "--type", "url", "--param", b, "--name", "x", "--type", "url", "--name", "y"],
            ["--type", "url", "--type", "url", "--param", a, "--name", "x", "--param", b, "--name", "y"],
        ):
            with self.subTest(args=args):
                self.check_tables(*args, x="OK a", y="OK b")

    def test_types_belong_to_their_tables(self):
        file = self.write("t.json", '{"k": "json"}')
        self.check_tables("--name", "u", "--name", "j", "--type", "url", "--type", "json", "--param", self.url(),
                          "--param", file,
                          u="OK k", j="OK json")

    def test_several_sockets(self):
        """The n-th mode belongs to the n-th socket; without one it is auto."""
        port = self.reserve_port()
        self.podop("--socket", self.path("a"), "--mode", "postfix", "--socket", "unix:" + self.path("b"),
                   "--mode", "auto", "--socket", f"127.0.0.1:{port}", "--name", "t", "--type", "url", "--param",
                   self.url())
        for address in (self.path("a"), self.path("b"), ("127.0.0.1", port)):
            with self.subTest(address=address):
                self.check_payload(self.client(address).ask("t", "k"), "OK k")

    def test_ipv6_socket(self):
        try:
            self.backend(host="::1")
        except OSError:
            self.skipTest("no IPv6 loopback here")
        port = self.reserve_port("::1")
        self.podop("--socket", f"[::1]:{port}", "--name", "t", "--type", "url", "--param", self.url())
        self.check_payload(self.client(("::1", port)).ask("t", "k"), "OK k")


class Usage(CommandLine):
    def test_unequal_numbers(self):
        """The message says which option is missing for which table."""
        table = ["--name", "alpha", "--type", "url", "--param", self.url()]
        socket = ["--socket", self.socket]
        cases = [
            ([*table, "--name", "beta"], ["--type", "beta"]),
            ([*table, "--name", "beta", "--type", "url"], ["--param", "beta"]),
            ([*table, "--name", "beta", "--param", self.url()], ["--type", "beta"]),
            ([*table, "--type", "url", "--param", self.url()], ["--name"]),
            ([*table, "--type", "url"], ["--name"]),
            ([*table, "--param", self.url()], ["--name"]),
            (["--name", "alpha"], ["--type", "alpha"]),
            (["--type", "url"], ["--name"]),
        ]
        for args, words in cases:
            with self.subTest(args=args):
                self.check_usage_error(*socket, *args, words=words)
                self.check_usage_error(*args, *socket, "-t", words=words)

    def test_nonsense(self):
        socket = ["--socket", self.socket]
        for args, words in (
            (["--nosuch"], ["nosuch"]),
            (["-Z"], ["Z"]),
            ([*socket, "stray"], ["stray"]),
            ([*socket, "--", "stray"], ["stray"]),
            (["--socket"], ["socket"]),
            (["-c"], ["c"]),
            ([*socket, "--name"], ["name"]),
            ([*socket, "--set"], ["set"]),
            ([*socket, "--set", "log.level"], ["log.level"]),
            ([*socket, "--mode", "auto", "--mode", "postfix"], ["mode"]),
        ):
            with self.subTest(args=args):
                self.check_usage_error(*args, words=words)

    def test_bad_values(self):
        table = ["--name", "t", "--type", "url", "--param", self.url()]
        socket = ["--socket", self.socket]
        for args, word in (
            ([*socket, "--mode", "posfix", *table], "posfix"),
            ([*socket, "--name", "t", "--type", "ulr", "--param", self.url()], "ulr"),
            ([*socket, "--name", "a b", "--type", "url", "--param", self.url()], ""),
            ([*socket, "--name", "", "--type", "url", "--param", self.url()], ""),
            ([*socket, "--name", "t", "--type", "url", "--param", "ftp://x/§"], ""),
            ([*socket, "--name", "t", "--type", "url", "--param", "http://§/"], ""),
            ([*socket, "--name", "t", "--type", "json", "--param", "/no/such/file"], "/no/such/file"),
            (["--socket", "relative", *table], "relative"),
            (["--socket", "", *table], ""),
            (["--socket", "127.0.0.1:", *table], "127.0.0.1:"),
            (["--socket", "127.0.0.1:port", *table], "127.0.0.1:port"),
            (["--socket", "127.0.0.1:65536", *table], "65536"),
            (["--socket", "[::1", *table], "[::1"),
        ):
            with self.subTest(args=args):
                self.check_refused(*args, word=word)
                self.check_refused(*args, "-t", word=word)

    def test_missing_file(self):
        for args in ([], ["-t"]):
            with self.subTest(args=args):
                done = harness.run("PODOP", "-c", "/no/such/podop.conf", *args)
                self.assertEqual(done.returncode, CONFIG, done.stderr)
                self.assertIn("/no/such/podop.conf", done.stderr)


class Check(CommandLine):
    """-t for settings on the command line: messages have neither file nor line."""

    def test_good(self):
        for option in ("-t", "--check"):
            with self.subTest(option):
                done = harness.run("PODOP", "--socket", self.socket, "--name", "t", "--type", "url", "--param",
                                   self.url(), option)
                self.assertEqual((done.returncode, done.stdout.strip()), (0, "configuration OK"), done.stderr)
        self.assertEqual(self.http.requests, [])

    def test_bad(self):
        done = harness.run("PODOP", "--socket", self.socket, "--name", "t", "--type", "url", "--param", "ftp://x/§",
                           "-t")
        self.assertEqual(done.returncode, CONFIG, done.stderr)
        self.assertNotIn("configuration OK", done.stdout)
        self.assertRegex(done.stderr, r"\S")
        self.assertNotRegex(done.stderr, re.escape(self.dir) + r"\S*:\d+:")

    def test_every_fault_is_reported(self):
        done = harness.run("PODOP", "--socket", self.socket, "--name", "t1", "--name", "t2", "--type", "ulr", "--type",
                           "jsn",
                           "--param", self.url(), "--param", "/x", "-t")
        self.assertEqual(done.returncode, CONFIG, done.stderr)
        self.assertIn("ulr", done.stderr)
        self.assertIn("jsn", done.stderr)


class OnTopOfTheFile(CommandLine):
    def setUp(self):
        super().setUp()
        self.file = self.write("podop.conf", conf_file(listen=[{"socket": self.socket, "mode": "postfix"}], tables=[
            url_table(self.http, "alias", "/file/alias/§", cache={"ttl": "1h"}),
            url_table(self.http, "domain", "/file/domain/§")]))

    def test_table_is_added(self):
        self.podop("-c", self.file, "--name", "more", "--type", "url", "--param", self.url("/more/§"))
        client = self.client()
        for table in ("alias", "domain", "more"):
            with self.subTest(table=table):
                self.check_payload(client.ask(table, "k"), "OK k")
        self.assertEqual([request.target for request in self.http.requests],
                         [b"/file/alias/k", b"/file/domain/k", b"/more/k"])

    def test_table_of_the_same_name_replaces(self):
        """The whole table is replaced, also its cache settings."""
        self.podop("--name", "alias", "--type", "url", "--param", self.url("/line/alias/§"), "--config", self.file)
        client = self.client()
        for table in ("alias", "alias", "domain"):
            with self.subTest(table=table):
                self.check_payload(client.ask(table, "k"), "OK k")
        self.assertEqual([request.target for request in self.http.requests],
                         [b"/line/alias/k", b"/line/alias/k", b"/file/domain/k"])

    def test_socket_is_added(self):
        self.podop("-c", self.file, "--socket", self.path("more"), "--mode", "postfix")
        for address in (self.socket, self.path("more")):
            with self.subTest(address=address):
                self.check_payload(self.client(address).ask("alias", "k"), "OK k")


class Set(CommandLine):
    def setUp(self):
        super().setUp()
        self.file = self.write("podop.conf", conf_file(
            listen=[{"socket": self.socket}], tables=[url_table(self.http, "other"), url_table(self.http, "alias")]))

    def start(self, *sets):
        args = [word for value in sets for word in ("--set", value)]
        podop = self.podop("-c", self.file, *args)
        self.postfix = self.client()
        return podop

    def check_requests(self, table, number):
        """Checks that two lookups of one key cost so many requests."""
        self.http.forget()
        for _ in range(2):
            self.check_payload(self.postfix.ask(table, "k"), "OK k")
        self.assertEqual(len(self.http.requests), number)

    def test_table_by_name(self):
        self.start("tables.alias.cache.ttl=60")
        self.check_requests("alias", 1)
        self.check_requests("other", 2)

    def test_table_by_index(self):
        self.start("tables.[1].cache.ttl=60")
        self.check_requests("alias", 1)
        self.check_requests("other", 2)

    def test_value_with_a_unit_is_a_string(self):
        self.start("tables.alias.cache.ttl=1h", 'tables.other.cache.ttl="1h"')
        self.check_requests("alias", 1)
        self.check_requests("other", 1)

    def test_defaults(self):
        self.start("defaults.cache.ttl=60")
        self.check_requests("alias", 1)
        self.check_requests("other", 1)

    def test_last_one_wins(self):
        self.start("tables.alias.cache.ttl=60", "tables.alias.cache.ttl=0")
        self.check_requests("alias", 2)

    def test_listener(self):
        self.start("listen.[0].max_reply=5")
        self.check_payload(self.postfix.ask("alias", "xy"), "OK xy")
        self.check_reason(self.postfix.ask("alias", "xyz"), "PERM", "alias")

    def test_array(self):
        self.start('tables.alias.skip=[ "x*", "y" ]')
        for key, answer in (("xy", "NOTFOUND "), ("y", "NOTFOUND "), ("z", "OK z")):
            with self.subTest(key=key, answer=answer):
                self.check_payload(self.postfix.ask("alias", key), answer)

    def test_log_level(self):
        podop = self.start("log.level=debug")
        self.check_payload(self.postfix.ask("alias", "k"), "OK k")
        podop.wait_log("level=debug")

    def test_table_of_the_command_line(self):
        self.podop("--socket", self.socket, "--name", "alias", "--type", "url", "--param", self.url(),
                   "--set", "tables.alias.cache.ttl=60")
        self.postfix = self.client()
        self.check_requests("alias", 1)

    def test_faults(self):
        for value, word in (("no.such=1", "no"), ("tables.alias.timout=5s", "timeout"),
                            ("tables.nosuch.timeout=5s", "nosuch"),
                            ("log.level=loud", "loud"), ("tables.alias.timeout=5x", "5x"),
                            ("tables.[7].timeout=5s", "7"),
                            ("listen.[0].max_clients=many", "many"), ("=1", ""), ("tables.alias=1", "alias")):
            with self.subTest(value=value):
                self.check_refused("-c", self.file, "--set", value, word=word)
                self.check_refused("-c", self.file, "--set", value, "-t", word=word)


class Verbosity(CommandLine):
    KEY = "somebody@example.com"

    def log_of(self, *args):
        """Returns what a podop logged for hits, misses and failures, without the lines before them."""
        self.http.on("/miss", http(status=404))
        self.http.on("/fail", http(status=503))
        podop = self.podop("--socket", self.socket, "--name", "t", "--type", "url", "--param", self.url(), *args,
                           verbose=())
        harness.wait_until(lambda: not harness.refuses(self.socket), "podop listens")
        client = self.client()
        self.http.on(f"/{harness.percent(self.KEY)}", http('"the value"'))
        client.ask("t", self.KEY)
        client.ask("t", "miss")
        client.ask("t", "fail")
        podop.stop()
        return podop.stderr

    def test_default_is_warning(self):
        self.assertNotRegex(self.log_of(), "level=(info|debug)")

    def test_once_is_info(self):
        log = self.log_of("-v")
        self.assertRegex(log, r"(?m)^.*level=info.*event=ready.*sockets=1 tables=1")
        self.assertNotIn("level=debug", log)

    def test_twice_is_debug(self):
        for args in (["-v", "-v"], ["-vv"], ["--verbose", "--verbose"], ["-vvv"]):
            with self.subTest(args=args):
                self.assertIn("level=debug", self.log_of(*args))

    def test_keys_only_at_debug_and_values_never(self):
        """Keys are addresses of people."""
        for args in ([], ["-v"]):
            with self.subTest(args=args):
                self.assertNotIn(self.KEY, self.log_of(*args))
        log = self.log_of("-vv")
        self.assertIn(self.KEY, log)
        self.assertNotIn("the value", log)

    def test_key_forges_no_line(self):
        podop = self.podop("--socket", self.socket, "--name", "t", "--type", "url", "--param", self.url(),
                           verbose=("-vv",))
        client = self.client()
        for key in (b"a\nlevel=error event=forged", b'a" level=error event=forged b="', b"a\r\x1b[2Jb", b"\xff\0"):
            client.ask("t", key)
        client.ask(b"x\nlevel=error event=forged", "k")
        podop.stop()
        for line in podop.log:
            self.assertNotRegex(line, r"[\x00-\x1f\x7f]")
            self.assertNotIn("event=forged", re.sub(r'"(?:[^"\\]|\\.)*"', "quoted", line))


if __name__ == "__main__":
    harness.main()
