"""podop built for arm64 by Debian's cross compiler, as far as an emulator of the processor can try it."""

import os
import shutil
import tempfile
import unittest

import containerfile
import documents
import harness

FILE = os.path.join(documents.SOURCE, "tests", "blackbox", "arm64.containerfile")
EMULATOR = "qemu-aarch64"
TESTS = ("netstring", "dict_line", "json_index", "cache", "counter_set", "http1_parse", "secret")


class Arm64(unittest.TestCase):
    """The kernel would start programs of arm64 by itself where it is told to; the emulator needs no setting."""

    top: str
    stage: containerfile.Stage

    @classmethod
    def setUpClass(cls):
        harness.need(os.geteuid() == 0, "root, for chroots")
        cls.top = tempfile.mkdtemp(prefix="podop-", dir="/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.top)
        builder = containerfile.Builder(FILE, documents.SOURCE, cls.top, {})
        builder.ignored -= {"tests"}
        cls.stage = builder.build()
        cls.stage.shell("cmake --build build --target podop podopctl " + " ".join("test_" + name for name in TESTS))

    def test_hardening(self):
        """What this processor has is used, and nothing else."""
        self.stage.shell("grep -q -e -mbranch-protection=standard build/build.ninja")
        self.stage.shell("! grep -e -fcf-protection build/build.ninja")
        # The feature is noted in the program when every object file has it.
        self.stage.shell("aarch64-linux-gnu-readelf -n build/podop | grep 'AArch64 feature: BTI'")

    def test_unit_tests(self):
        for name in TESTS:
            with self.subTest(name=name):
                self.stage.shell(f"{EMULATOR} build/tests/unit/test_{name}")

    def test_lookup(self):
        """podop starts, answers from a file and from HTTP, and stops."""
        backend = harness.Backend(default=harness.echo)
        self.addCleanup(backend.stop)
        holder = harness.reserve()
        self.addCleanup(holder.close)
        address = ("127.0.0.1", harness.number(holder))
        self.stage.shell("echo '{\"a\": \"1\"}' >/local.json")
        enter = self.stage.enter('shift; exec chroot "$0/root" "$@"')
        podop = harness.Podop("/source/build/podop", "-v", "--socket", "%s:%d" % address,
                              "--name", "local", "--type", "json", "--param", "/local.json",
                              "--name", "url", "--type", "url", "--param", backend.url + "/{}",
                              through=enter, program="/usr/bin/" + EMULATOR)
        self.addCleanup(podop.stop)
        podop.wait_ready()
        client = harness.Socketmap(address)
        self.addCleanup(client.close)
        for table, key, answer in (("local", "a", b"OK 1"), ("local", "b", b"NOTFOUND "), ("url", "k", b"OK k")):
            with self.subTest(table=table, key=key):
                self.assertEqual(client.ask(table, key), answer)


if __name__ == "__main__":
    harness.main()
