"""The AppArmor profile: what podop opens in its life is allowed by it, and what it has no business with is not."""

import os
import re
import shutil
import signal
import subprocess

import apparmor
import documents
import harness
from certificates import Authority
from harness import Case, echo, run, url_table

PROFILE = os.path.join(documents.SOURCE, "etc", "apparmor.d", "usr.sbin.podop")
PROGRAM = r"""#!/bin/sh
while read -r line; do
    printf '{"id":%s,"status":"ok","value":"found"}\n' "$(echo "$line" | sed 's/.*"id": *\([0-9]*\).*/\1/')"
done
"""


class Profile(Case):
    def setUp(self):
        super().setUp()
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        harness.need(shutil.which("apparmor_parser"), "apparmor_parser")
        for name in ("etc", "run"):
            os.mkdir(self.path(name))

    def live(self, *through):
        """Lets podop do all that needs files: start, lookups in each kind of table, reload, counters, stop."""
        authority = Authority(self.path("etc"))
        backend = self.backend(default=echo, tls=authority.server(address="DNS:localhost"))
        program = self.write("etc/own.sh", PROGRAM)
        os.chmod(program, 0o755)
        url = {"param": backend.url.replace("127.0.0.1", "localhost") + "/{}"}
        token = self.write("etc/token", "secret\n")
        cert, key = authority.issue("client")
        self.backend(default=echo, unix_path=self.path("run/backend.sock"))
        text = harness.conf_file(
            listen=[{"socket": self.path("run/podop.sock"), "owner": "nobody", "group": "nogroup"}],
            control={"socket": self.path("run/control.sock")},
            tables=[url_table(backend, "url", auth={"type": "bearer", "token_file": token},
                              tls={"ca_file": authority.cert(), "cert_file": cert, "key_file": key}) | url,
                    url_table(backend, "system", tls={}) | url,
                    {"name": "unix", "type": "url", "param": "http://x/{}",
                     "unix_socket": self.path("run/backend.sock")},
                    {"name": "local", "type": "json", "param": self.write("etc/local.json", '{"a": "1"}'),
                     "watch": True},
                    {"name": "dns", "type": "dns", "param": "mx.invalid", "servers": ["127.0.0.1:1"]},
                    {"name": "own", "type": "program", "param": program}])
        podop = harness.Podop("-v", "-c", self.write("etc/podop.conf", text), through=through,
                              env={"ASAN_OPTIONS": "detect_leaks=0"})  # it cannot look for leaks under strace
        self.addCleanup(podop.stop)
        podop.wait_ready()
        for table, key, status in (("url", "k", 0), ("system", "k", 75), ("unix", "k", 0), ("local", "a", 0),
                                   ("own", "k", 0), ("dns", "example.com", 75)):
            with self.subTest(table=table):
                done = run("PODOPCTL", "get", table, key, "--socket", self.path("run/podop.sock"))
                self.assertEqual(done.returncode, status, done.stderr)
        for command in ("stats", "reload"):
            done = run("PODOPCTL", command, "--control", self.path("run/control.sock"))
            self.assertEqual(done.returncode, 0, done.stderr)
        podop.signal(signal.SIGHUP)
        podop.wait_lines(2, "event=reload ")
        podop.stop()

    def place(self, path):
        """Returns where a file of this test is in an installed podop."""
        for own, installed in ((harness.binary("PODOP"), "/usr/sbin/podop"), (self.path("etc/podop.conf"),
                               "/etc/podop.conf"), (self.path("etc/"), "/etc/podop/"), (self.path("run/"),
                                                                                        "/run/podop/")):
            if path.startswith(own):
                return installed + path[len(own):]
        return path

    def test_parser(self):
        apparmor.check(PROFILE)

    def test_allowed(self):
        """Every file that podop opens, and every socket that it uses, is allowed."""
        harness.need(shutil.which("strace"), "strace")
        trace = self.path("trace")
        # -D: podop is the child of this test. The writes of the program of a table are podop's business as well.
        self.live("strace", "-D", "-f", "-s", "4096", "-o", trace, "-e", "trace=" + apparmor.TRACED)
        with open(trace, encoding="utf-8", errors="replace") as file:
            used = {(self.place(path), modes) for path, modes in apparmor.used(file.read())}
        used.remove(("/usr/sbin/podop", "x"))  # by which podop gets the profile
        used = {(path, modes) for path, modes in used
                if not re.fullmatch(r"/proc/\d+/(cmdline|environ)", path)}  # of AddressSanitizer
        paths = {path for path, _ in used}
        for path in ("/etc/podop.conf", "/etc/podop/token", "/etc/podop/own.sh", "/run/podop/podop.sock",
                     "/run/podop/backend.sock"):
            self.assertIn(path, paths)
        profile = apparmor.Profile(PROFILE)
        refused = {(path, modes): profile.missing(path, modes) for path, modes in used}
        self.assertEqual({key: missing for key, missing in refused.items() if missing}, {})

    def test_refused(self):
        profile = apparmor.Profile(PROFILE)
        for path, modes in (("/etc/shadow", "r"), ("/etc/podop.conf", "w"), ("/etc/podop/token", "w"),
                            ("/home/bob/file", "r"), ("/root/.ssh/id_ed25519", "r"), ("/usr/sbin/podop", "w"),
                            ("/var/mail/bob", "r"), ("/run/docker.sock", "w"), ("/etc/ssl/private/a.key", "r")):
            with self.subTest(path=path, modes=modes):
                self.assertEqual(profile.missing(path, modes), modes)

    def test_documented(self):
        """Each file and socket that podop's own configurations and the test of its package name is allowed."""
        profile = apparmor.Profile(PROFILE)
        for name in ("etc/podop.conf", "etc/podop.conf.example", "README.md", "examples/mail-system/podop.conf",
                     "docs/admin-guide.md", "debian/tests/smoke"):
            with open(os.path.join(documents.SOURCE, name), encoding="utf-8") as file:
                paths = re.findall(r"""["=](/(?:etc/podop|run|usr|srv|var|home)/[^"\s]*)""", file.read())
            self.assertTrue(paths, name)
            for path in paths:
                modes = "rw" if path.startswith("/run/") else "r"
                with self.subTest(file=name, path=path):
                    self.assertEqual(profile.missing(path, modes), "")

    def test_in_the_kernel(self):
        """podop lives under the profile, where the kernel has AppArmor."""
        if not apparmor.is_enabled():
            self.skipTest("the kernel has no AppArmor")  # under CI as well: no package adds it
        harness.need(os.geteuid() == 0, "root, to load a profile")
        name = f"podop-test-{os.getpid()}"
        with open(PROFILE, encoding="utf-8") as file:
            text = file.read().replace("profile podop /usr/sbin/podop {", f"profile {name} {{\n  {self.dir}/** rwix,\n"
                                       f"  {harness.binary('PODOP')} mr,").replace("peer=podop", f"peer={name}")
        profile = self.write("profile", text)
        subprocess.run(["apparmor_parser", "--replace", "--skip-cache", profile], check=True)
        self.addCleanup(lambda: subprocess.run(["apparmor_parser", "--remove", profile], check=True))
        self.live("aa-exec", "-p", name, "--")


if __name__ == "__main__":
    harness.main()
