"""The sandbox: what a podop that was taken over cannot do, and that everything podop needs still works."""

import errno
import json
import os
import platform
import re
import shutil
import signal
import socket
import sys

import harness
from certificates import Authority
from harness import Case, conf_file, echo, url_table

AT_FDCWD, O_WRONLY, O_CREAT = -100, os.O_WRONLY, os.O_CREAT
AF_PACKET, AF_VSOCK, AF_ALG, AF_NETLINK = 17, 40, 38, 16
CLONE_THREAD, CLONE_NEWUSER = 0x10000, 0x10000000
# Of mounts, control groups, host name, System V IPC, users, processes and the network.
CLONE_NAMESPACES = (0x20000, 0x2000000, 0x4000000, 0x8000000, CLONE_NEWUSER, 0x20000000, 0x40000000)
CLONE_NUMBERS = {"x86_64": 56, "aarch64": 220}
PROGRAM = """
import json, os, sys
for line in sys.stdin:
    request = json.loads(line)
    try:
        value = eval(request["key"])
    except OSError as failure:
        value = failure.strerror
    print(json.dumps({"id": request["id"], "status": "ok", "value": value}), flush=True)
"""


def errno_of(result):
    """Returns the name of the errno, or the result of a call that succeeded."""
    return errno.errorcode.get(-result, result) if result < 0 else result


class Sandbox(Case):
    THROUGH = ()  # a command that starts podop, if root runs the tests

    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def folder(self, name):
        """Makes a directory in which podop may make files, whatever its user is."""
        os.mkdir(self.path(name))
        os.chmod(self.path(name), 0o777)

    def start(self, *tables, listen=None, **settings):
        """Starts podop with a probe in it, and keeps the line of its log about the sandbox."""
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        for fd in (ours_in, ours_out):
            self.addCleanup(os.close, fd)
        self.probe_in, self.probe_out = ours_in, ours_out
        text = conf_file(listen=listen or [{"socket": self.socket}], tables=list(tables) or [url_table(self.http)],
                         **settings)
        options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS", ""), "verify_asan_link_order=0"]))
        podop = harness.Podop("-v", "-c", self.write("podop.conf", text), pass_fds=[theirs_in, theirs_out],
                              through=self.THROUGH if os.geteuid() == 0 else (),
                              env={"LD_PRELOAD": os.environ["SANDBOX_PROBE"], "PROBE_IN": str(theirs_in),
                                   "PROBE_OUT": str(theirs_out), "ASAN_OPTIONS": options})
        self.addCleanup(podop.stop)
        os.close(theirs_in)
        os.close(theirs_out)
        podop.wait_ready()
        self.server = podop
        self.state, = podop.lines("event=sandbox")
        return podop

    def call(self, *words):
        """Makes a system call within podop, and returns its result or the name of its errno."""
        os.write(self.probe_out, (" ".join(str(word) for word in words) + "\n").encode())
        self.server.signal(signal.SIGRTMIN)
        result = int(os.read(self.probe_in, 100))
        self.assertNotEqual(result, -9999, words)
        return errno_of(result)

    def need_filter(self):
        harness.need("seccomp=on" in self.state, "a podop with libseccomp, and a kernel that takes filters")

    def need_landlock(self):
        harness.need("landlock=on" in self.state, "a kernel with Landlock")

    def is_instrumented(self):
        """AddressSanitizer traces itself at the end of the process, which such a build allows."""
        with open(os.environ["PODOP"], "rb") as program:
            return b"__asan_init" in program.read()

    def check_serves(self):
        client = self.client()
        self.check_payload(client.ask("t", "k"), "OK k")
        client.close()

    def reload(self, podop, event="reload "):
        podop.log.clear()
        podop.signal(signal.SIGHUP)
        return podop.wait_log("event=" + event)


class Forbidden(Sandbox):
    def check_denied(self, *calls):
        for words in calls:
            with self.subTest(call=words):
                self.assertEqual(self.call(*words), "EPERM")

    def test_the_probe_itself(self):
        """It reports what succeeds, too."""
        podop = self.start(sandbox=False)
        self.assertIn("event=sandbox state=off", self.state)
        self.assertEqual(self.call("getpid"), podop.pid)
        self.assertEqual(self.call("openat", AT_FDCWD, "/no-such-file", 0), "ENOENT")
        self.assertGreater(self.call("socket", socket.AF_UNIX, socket.SOCK_SEQPACKET, 0), 2)
        self.assertGreater(self.call("openat", AT_FDCWD, self.write("file", "x"), 0), 2)
        self.assertEqual(self.call("execve", "/no-such-file", 0, 0), "ENOENT")
        self.assertEqual(self.call("unshare", 0), 0)
        self.assertEqual(podop.status_field("NoNewPrivs"), ["0"])

    def test_calls(self):
        podop = self.start()
        self.need_filter()
        self.check_denied(("execve", "/bin/true", 0, 0), ("execveat", AT_FDCWD, "/bin/true", 0, 0, 0),
                          ("process_vm_readv", podop.pid, 0, 0, 0, 0, 0), ("pidfd_getfd", -1, 0, 0),
                          ("process_madvise", -1, 0, 0, 0, 0), ("mount_setattr", AT_FDCWD, "/", 0, 0, 0),
                          ("mount", "none", "/mnt", "tmpfs", 0, 0), ("umount2", "/mnt", 0), ("chroot", "/"),
                          ("unshare", 0), ("unshare", CLONE_NEWUSER), ("setns", 0, 0), ("bpf", 0, 0, 0),
                          ("init_module", 0, 0, 0), ("io_uring_setup", 1, 0), ("perf_event_open", 0, 0, 0, 0, 0),
                          ("userfaultfd", 0), ("keyctl", 0, 0), ("reboot", 0, 0, 0, 0), ("setuid", 0))
        if not self.is_instrumented():
            self.check_denied(("ptrace", 0, 0, 0, 0), ("clone", int(signal.SIGCHLD), 0, 0, 0, 0))
        self.assertEqual(self.call("clone3", 0, 0), "ENOSYS")
        self.check_denied(*[("clone", flag | signal.SIGCHLD, 0, 0, 0, 0) for flag in CLONE_NAMESPACES])
        self.assertEqual(self.call("getpid"), podop.pid)
        self.check_serves()

    def test_sockets(self):
        self.start()
        self.need_filter()
        stream, datagram, raw, packet = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET
        self.check_denied(*[("socket", family, kind, 0) for family in (0, 3, 4, 9, 15, AF_PACKET, AF_ALG, AF_VSOCK, 60)
                            for kind in (stream, raw)],
                          *[("socket", family, kind | flag, 0) for family in (socket.AF_INET, socket.AF_INET6)
                            for kind in (raw, packet, 10) for flag in (0, socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)],
                          ("socket", 0x100000000 | AF_PACKET, raw, 0), ("socket", 0x100000000 | socket.AF_INET, raw, 0))
        for family, kind in ((socket.AF_UNIX, stream), (socket.AF_UNIX, datagram), (socket.AF_INET, stream),
                             (socket.AF_INET, datagram), (AF_NETLINK, raw)):
            with self.subTest(family=family, kind=kind):
                self.assertGreater(self.call("socket", family, kind | socket.SOCK_CLOEXEC, 0), 2)

    def test_files(self):
        other = self.path("other")
        os.mkdir(other)
        os.mkdir(self.path("own"))
        self.write("other/secret", "x")
        self.write("own/t.json", '{"k": "v"}')
        self.socket = self.path("run/s")
        os.mkdir(self.path("run"))
        self.dir, base = self.path("conf"), self.dir
        self.addCleanup(setattr, self, "dir", base)
        os.mkdir(self.dir)
        self.start({"name": "t", "type": "json", "param": base + "/own/t.json"})
        self.need_landlock()
        for path in (base + "/other/secret", base, "/root", "/var/log", "/home", "/"):
            with self.subTest(path=path):
                self.assertEqual(self.call("openat", AT_FDCWD, path, 0), "EACCES")
        for path in (base + "/own/t.json", self.path("podop.conf"), "/etc/hosts", "/etc/resolv.conf",
                     "/proc/self/statm"):
            with self.subTest(path=path):
                self.assertGreater(self.call("openat", AT_FDCWD, path, 0), 2)
        for path in (base + "/own/t.json", base + "/own/new", base + "/run/new", self.path("podop.conf"), "/etc/new",
                     base + "/other/secret"):
            with self.subTest(write=path):
                self.assertEqual(self.call("openat", AT_FDCWD, path, O_WRONLY | O_CREAT, 0o600), "EACCES")
        for words in (("unlinkat", AT_FDCWD, base + "/own/t.json", 0), ("mkdirat", AT_FDCWD, base + "/run/d", 0o700),
                      ("symlinkat", "/etc", AT_FDCWD, base + "/run/l"), ("truncate", base + "/own/t.json", 0),
                      ("unlinkat", AT_FDCWD, base + "/conf/podop.conf", 0)):
            with self.subTest(call=words):
                self.assertEqual(self.call(*words), "EACCES")
        self.assertGreater(self.call("openat", AT_FDCWD, "/dev/null", os.O_RDWR), 2)

    def test_signals(self):
        """From Linux 6.12 on, podop cannot signal other processes."""
        self.start()
        release = tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", platform.release()).groups())
        self.need_landlock()
        harness.need(release >= (6, 12), "Linux 6.12")
        self.assertEqual(self.call("kill", os.getpid(), 0), "EPERM")
        self.assertEqual(self.call("kill", self.server.pid, 0), 0)

    def test_all_threads(self):
        podop = self.start()
        self.need_filter()
        threads = os.listdir(f"/proc/{podop.pid}/task")
        self.assertGreater(len(threads), 1)
        for thread in threads:
            with open(f"/proc/{podop.pid}/task/{thread}/status", encoding="ascii") as status:
                text = status.read()
            self.assertRegex(text, r"NoNewPrivs:\t1\n")
            self.assertRegex(text, r"Seccomp:\t2\n")

    def test_memory_is_hidden(self):
        """Another process of the same user cannot read it."""
        if self.is_instrumented():
            self.skipTest("AddressSanitizer reads the memory; test_build.py runs this with a release")
        self.start()
        self.assertEqual(self.call("prctl", 3, 0, 0, 0, 0), 0)  # PR_GET_DUMPABLE


class Needed(Sandbox):
    """As a user without privileges, whose own files below /proc belong to root in the sandbox."""

    THROUGH = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--inh-caps", "-all")

    def setUp(self):
        super().setUp()
        os.chmod(self.dir, 0o777)

    def test_json_files_and_reload(self):
        """New files in the same directories are read, also through links; those elsewhere need a restart."""
        os.mkdir(self.path("own"))
        os.mkdir(self.path("else"))
        self.write("own/t.json", '{"k": "v"}')
        table = {"name": "t", "type": "json", "param": self.path("own/t.json")}
        settings = {"listen": [{"socket": self.socket}]}
        podop = self.start(table)
        client = self.client()
        self.check_payload(client.ask("t", "k"), "OK v")
        os.mkdir(self.path("own/sub"))
        self.write("own/sub/u.json", '{"k": "u"}')
        self.write("podop.conf", conf_file(tables=[{**table, "param": self.path("own/sub/u.json")}], **settings))
        self.reload(podop)
        self.check_payload(client.ask("t", "k"), "OK u")
        # The private directory itself has podop.conf in it, so /tmp beside it is what is forbidden.
        outside = "/var/tmp/podop-sandbox-%d.json" % os.getpid()
        with open(outside, "w", encoding="ascii") as file:
            file.write('{"k": "o"}')
        self.addCleanup(os.unlink, outside)
        self.write("podop.conf", conf_file(tables=[{**table, "param": outside}], **settings))
        if "landlock=on" in self.state:
            failed = self.reload(podop, "reload_failed")
            self.assertIn(f"{outside}: Permission denied by the sandbox", failed)
            self.assertIn("a restart", failed)
            self.check_payload(client.ask("t", "k"), "OK u")
            self.write("podop.conf", f'@include "{outside}"\n')
            self.assertIn("cannot include", self.reload(podop, "reload_failed"))
        podop.stop()
        self.write("podop.conf", conf_file(tables=[{**table, "param": outside}], **settings))
        podop = self.podop("-c", self.path("podop.conf"))
        self.check_payload(self.client().ask("t", "k"), "OK o")

    def test_links_to_other_directories(self):
        """The directories where links lead at the start may have other files later."""
        for name in ("conf", "own", "between", "data"):
            os.mkdir(self.path(name))
        self.write("data/1.json", '{"k": "a"}')
        self.write("data/2.json", '{"k": "b"}')
        os.symlink("../between/link", self.path("own/t.json"))
        os.symlink(self.path("data/1.json"), self.path("between/link"))
        table = {"name": "t", "type": "json", "param": self.path("own/t.json")}
        base, self.dir = self.dir, self.path("conf")
        self.addCleanup(setattr, self, "dir", base)
        podop = self.start(table)
        client = self.client()
        self.check_payload(client.ask("t", "k"), "OK a")
        os.unlink(base + "/between/link")
        os.symlink("../data/2.json", base + "/between/link")
        self.reload(podop)
        self.check_payload(client.ask("t", "k"), "OK b")

    def test_watched_file_behind_links(self):
        """As Kubernetes writes them: a link to a directory is replaced."""
        for name, value in (("1", "a"), ("2", "b")):
            os.mkdir(self.path(name))
            self.write(name + "/t.json", json.dumps({"k": value}))
        os.symlink("1", self.path("data"))
        os.symlink("data/t.json", self.path("t.json"))
        podop = self.start({"name": "t", "type": "json", "param": self.path("t.json"), "watch": True})
        client = self.client()
        self.check_payload(client.ask("t", "k"), "OK a")
        os.symlink("2", self.path("data.new"))
        os.rename(self.path("data.new"), self.path("data"))
        podop.wait_log("event=json_renewed")
        self.check_payload(client.ask("t", "k"), "OK b")

    def test_switched_directory(self):
        """As a deployment does it: a link among the directories of a file leads to the next version."""
        for absolute in (False, True):
            with self.subTest(absolute=absolute):
                maps = self.path("maps-%d" % absolute)
                for name in ("", "/versions", "/versions/1", "/versions/2"):
                    os.mkdir(maps + name)
                for version, value in (("1", "a"), ("2", "b")):
                    with open(f"{maps}/versions/{version}/t.json", "w", encoding="ascii") as file:
                        json.dump({"k": value}, file)
                where = maps + "/versions/" if absolute else "versions/"
                os.symlink(where + "1", maps + "/current")
                base, self.dir = self.dir, self.path("conf-%d" % absolute)
                os.mkdir(self.dir)
                podop = self.start({"name": "t", "type": "json", "param": maps + "/current/t.json"})
                self.dir = base
                client = self.client()
                self.check_payload(client.ask("t", "k"), "OK a")
                os.symlink(where + "2", maps + "/next")
                os.rename(maps + "/next", maps + "/current")
                self.reload(podop)
                self.check_payload(client.ask("t", "k"), "OK b")
                podop.stop()

    def test_sockets_at_reload(self):
        """New sockets in a directory that is in use; another directory needs a restart."""
        self.folder("run")
        self.folder("other")
        self.socket = self.path("run/s")
        podop = self.start(listen=[{"socket": self.socket}, {"socket": self.path("run/old")}])
        port = self.reserve_port()
        listen = [{"socket": self.socket, "permissions": "0600"}, {"socket": self.path("run/new")},
                  {"socket": f"127.0.0.1:{port}"}]
        self.write("podop.conf", conf_file(listen=listen, tables=[url_table(self.http)]))
        self.reload(podop)
        self.assertEqual(sorted(os.listdir(self.path("run"))), ["new", "s"])
        for address in (self.socket, self.path("run/new"), ("127.0.0.1", port)):
            self.check_payload(self.client(address).ask("t", "k"), "OK k")
        if "landlock=on" in self.state:
            self.write("podop.conf", conf_file(listen=[*listen, {"socket": self.path("other/s")}],
                                               tables=[url_table(self.http)]))
            self.assertIn("Permission denied by the sandbox", self.reload(podop, "reload_failed"))
        self.check_serves()
        podop.stop()
        self.assertEqual(os.listdir(self.path("run")), [])

    def test_longest_socket_path(self):
        """It is bound by way of /proc/self/fd."""
        self.folder("run")
        self.socket = self.path("run/" + "x" * (107 - len(self.path("run/"))))
        podop = self.start()
        for mode in ("0600", "0666"):
            self.write("podop.conf", conf_file(listen=[{"socket": self.socket, "permissions": mode}],
                                               tables=[url_table(self.http)]))
            self.reload(podop)
            self.assertEqual(oct(os.stat(self.socket).st_mode & 0o777), "0o" + mode.lstrip("0"))
            self.check_serves()

    def test_tls_files_at_reload(self):
        authority = Authority(self.dir)
        backend = self.backend(default=echo, tls=authority.server())
        table = url_table(backend, tls={"ca_file": authority.cert()})
        podop = self.start(table)
        self.check_serves()
        shutil.copy(authority.cert(), self.path("new-ca.pem"))
        self.write("podop.conf", conf_file(listen=[{"socket": self.socket}], tables=[
            {**table, "tls": {"ca_file": self.path("new-ca.pem")}}]))
        self.reload(podop)
        self.check_serves()

    def test_names(self):
        """A name of /etc/hosts, by c-ares; and a socket's host, by the C library, at a reload."""
        table = {**url_table(self.http), "param": f"http://localhost:{self.http.port}/§"}
        podop = self.start(table)
        self.check_serves()
        port = self.reserve_port()
        self.write("podop.conf", conf_file(listen=[{"socket": self.socket}, {"socket": f"localhost:{port}"}],
                                           tables=[table]))
        self.reload(podop)
        self.check_payload(self.client(("127.0.0.1", port)).ask("t", "k"), "OK k")

    def test_users_at_reload(self):
        """allow looks them up by way of nsswitch.conf."""
        podop = self.start()
        self.write("podop.conf", conf_file(listen=[{"socket": self.socket, "allow": ["daemon", "group:mail"]}],
                                           tables=[url_table(self.http)]))
        self.reload(podop)
        self.assertEqual(podop.lines("no user"), [])

    def test_switches(self):
        """What was given up cannot be taken back, so a reload says that a restart is needed."""
        podop = self.start()
        listen = [{"socket": self.socket}]
        self.write("podop.conf", conf_file(listen=listen, tables=[url_table(self.http)], sandbox=False))
        self.assertIn("'sandbox' cannot change at a reload: restart podop", self.reload(podop, "reload_failed"))
        program = {"name": "p", "type": "program", "param": "cat"}
        self.write("podop.conf", conf_file(listen=listen, tables=[url_table(self.http), program]))
        if "programs=forbidden" in self.state:
            self.assertRegex(self.reload(podop, "reload_failed"), r"podop.conf:\d+: table 'p' runs a program.*restart")
        self.check_serves()


class Programs(Sandbox):
    def start_program(self, **settings):
        self.write("program.py", PROGRAM)
        table = {"name": "t", "type": "program", "param": f"{sys.executable} {self.path('program.py')}", "processes": 1}
        podop = self.start(table, url_table(self.http, "u"), **settings)
        self.asker = self.client()
        return podop

    def ask(self, text):
        """Evaluates Python in the program."""
        return self.asker.ask("t", text).decode().removeprefix("OK ")

    def test_they_work(self):
        """Programs open and write files, and start others."""
        podop = self.start_program()
        self.assertIn("programs=allowed", self.state)
        self.assertIn('landlock="off, for the programs of tables"', self.state)
        self.write("data", "content")
        self.assertEqual(self.ask(f"open('{self.path('data')}').read()"), "content")
        self.assertEqual(self.ask(f"str(open('{self.path('out')}','w').write('abc'))"), "3")
        self.assertEqual(self.ask("__import__('subprocess').check_output(['echo','-n','hi']).decode()"), "hi")
        self.assertEqual(self.ask("str(__import__('socket').socket(2,1).fileno()>2)"), "True")
        self.reload(podop)
        self.assertEqual(self.ask("'again'"), "again")

    def test_what_they_cannot_do(self):
        self.start_program()
        self.need_filter()
        denied = os.strerror(errno.EPERM)
        for text in ("__import__('socket').socket(17,3)", "__import__('socket').socket(2,3)", "os.chroot('/')"):
            with self.subTest(text=text):
                self.assertEqual(self.ask(text), denied)
        self.assertEqual(self.ask("[l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')][0]"),
                         "1")

    def test_they_make_no_namespaces(self):
        """Neither by unshare() nor by clone(), but other processes."""
        self.start_program()
        self.need_filter()
        harness.need(platform.machine() in CLONE_NUMBERS, "a processor whose number of clone() is known")
        clone = CLONE_NUMBERS[platform.machine()]
        for call in ("unshare(%d)" % CLONE_NEWUSER,
                     *["syscall(%d, %d, 0, 0, 0, 0)" % (clone, flag | signal.SIGCHLD) for flag in CLONE_NAMESPACES]):
            with self.subTest(call=call):
                self.assertEqual(self.ask("(lambda c: str([c.CDLL(None, use_errno=True).%s, c.get_errno()]))"
                                          "(__import__('ctypes'))" % call), f"[-1, {errno.EPERM}]")

    def test_without_the_sandbox(self):
        self.start_program(sandbox=False)
        self.assertEqual(self.ask("[l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')][0]"),
                         "0")


if __name__ == "__main__":
    harness.main()
