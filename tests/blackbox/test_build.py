"""The build of podop: with another C library, on another processor, in another folder."""

import contextlib
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RELEASE = ("-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DPODOP_HARDEN=ON", "-DBUILD_TESTING=OFF")

# A compiler that knows no flag of x86, as GCC for arm64.
ARM64_CC = """#!/bin/sh
for word; do
    case $word in
    -fcf-protection*) echo "cc1: error: '-fcf-protection=full' is not supported for this target" >&2; exit 1 ;;
    -mbranch-protection=*) set -- "$@" -DPODOP_BRANCH_PROTECTION ;;
    esac
    [ "$word" = "-mbranch-protection=standard" ] || set -- "$@" "$word"
    shift
done
exec cc "$@"
"""

# A compiler that warns that these flags are for another architecture, as Clang for x86 does of -mbranch-protection.
UNUSED_CC = """#!/bin/sh
for word; do
    case $word in
    -fcf-protection* | -mbranch-protection=*)
        echo "clang: warning: argument unused during compilation: '$word' [-Wunused-command-line-argument]" >&2 ;;
    *) set -- "$@" "$word" ;;
    esac
    shift
done
exec cc "$@"
"""


def call(*command, fail=True, **env):
    """Runs a command; a failure shows its output."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env={**os.environ, "LC_ALL": "C", **env}, check=False)
    if fail and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-4000:]}")
    return done


class Build(unittest.TestCase):
    def setUp(self):
        for program in ("cmake", "ninja", "cc"):
            harness.need(shutil.which(program), program)
        self.dir = tempfile.mkdtemp(prefix="podop-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def program(self, name, text):
        """Writes a program of this test into a directory for PATH."""
        os.makedirs(self.path("bin"), exist_ok=True)
        with open(self.path("bin", name), "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(self.path("bin", name), 0o755)
        return self.path("bin", name)

    def read(self, *names):
        with open(self.path(*names), encoding="utf-8") as file:
            return file.read()


class Flags(Build):
    def test_flag_that_the_compiler_does_not_know(self):
        """-fcf-protection does not exist on arm64; every other flag is used."""
        compiler = self.program("arm64-cc", ARM64_CC)
        call("cmake", "-S", SOURCE, "-B", self.path("build"), *RELEASE, "-DCMAKE_C_COMPILER=" + compiler)
        call("cmake", "--build", self.path("build"), "--target", "CMakeFiles/podop_core.dir/src/base/mem.c.o")
        ninja = self.read("build", "build.ninja")
        self.assertNotIn("-fcf-protection", ninja)
        for flag in ("-fstack-protector-strong", "-fstack-clash-protection", "-mbranch-protection=standard"):
            with self.subTest(flag=flag):
                self.assertIn(flag, ninja)

    def test_flag_that_the_compiler_does_not_use(self):
        """Clang warns of an unused flag at each file, which PODOP_WERROR makes an error."""
        compiler = self.program("unused-cc", UNUSED_CC)
        call("cmake", "-S", SOURCE, "-B", self.path("build"), *RELEASE, "-DCMAKE_C_COMPILER=" + compiler)
        ninja = self.read("build", "build.ninja")
        for flag in ("-fcf-protection", "-mbranch-protection"):
            with self.subTest(flag=flag):
                self.assertNotIn(flag, ninja)
        for flag in ("-fstack-protector-strong", "-fstack-clash-protection", "-ffile-prefix-map"):
            with self.subTest(flag=flag):
                self.assertIn(flag, ninja)

    def test_flags_here(self):
        call("cmake", "-S", SOURCE, "-B", self.path("build"), *RELEASE)
        ninja = self.read("build", "build.ninja")
        wanted = ["-fstack-protector-strong", "-fstack-clash-protection"]
        wanted += ["-fcf-protection"] if os.uname().machine == "x86_64" else []
        for flag in wanted:
            with self.subTest(flag=flag):
                self.assertIn(flag, ninja)

    def test_hardened_tests(self):
        """Tests that choose a level of _FORTIFY_SOURCE compile beside the level of PODOP_HARDEN."""
        call("cmake", "-S", SOURCE, "-B", self.path("build"), *RELEASE, "-DBUILD_TESTING=ON", "-DPODOP_WERROR=ON")
        call("cmake", "--build", self.path("build"), "--target",
             "tests/unit/CMakeFiles/fortified_secret.dir/__/__/src/base/secret.c.o")

    def test_link_without_make(self):
        """Link-time optimisation does not warn where there is no make to run its jobs."""
        os.mkdir(self.path("bin"))
        for folder in ("/usr/bin", "/bin"):
            for name in set(os.listdir(folder)) - {"make", "gmake"}:
                with contextlib.suppress(FileExistsError):
                    os.symlink(os.path.join(folder, name), self.path("bin", name))
        call("cmake", "-S", SOURCE, "-B", self.path("build"), *RELEASE, "-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON",
             PATH=self.path("bin"))
        done = call("cmake", "--build", self.path("build"), "--target", "podop", PATH=self.path("bin"))
        self.assertNotIn("warning:", done.stdout)


class Reproducible(Build):
    def build(self, name):
        """Builds podopctl from a copy of the source in a folder of this name and returns its bytes."""
        shutil.copytree(SOURCE, self.path(name, "source"), ignore=shutil.ignore_patterns("build", ".git"))
        call("cmake", "-S", self.path(name, "source"), "-B", self.path(name, name), *RELEASE,
             "-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON")
        call("cmake", "--build", self.path(name, name), "--target", "podopctl")
        with open(self.path(name, name, "podopctl"), "rb") as file:
            return file.read()

    def test_another_folder(self):
        """The result is the same byte by byte, with debug information and build ID."""
        one, other = self.build("a"), self.build("a_longer_name")
        self.assertTrue(b".debug_" in one)
        self.assertFalse(self.dir.encode() in one, "it holds the folder's name")
        self.assertTrue(one == other, "they differ")


class Musl(Build):
    """podop builds against what Alpine has instead of glibc: its headers and its getopt."""

    FLAGS = ("-std=c11", "-D_GNU_SOURCE", '-DPODOP_VERSION="0"', '-DPODOP_DEFAULT_CONFIG="/etc/podop.conf"', "-Werror",
             "-Wall", "-Wextra", "-Werror=implicit-function-declaration")
    HEADERS = ("ev.h", "libconfig.h", "ares*.h", "idn2.h", "unicase.h", "uninorm.h", "unitypes.h", "unistring",
               "curl", "json-c", "openssl", "seccomp*.h", "microhttpd.h", "linux", "asm", "asm-generic")

    def setUp(self):
        super().setUp()
        harness.need(shutil.which("musl-gcc"), "musl-gcc")

    def copy_headers(self):
        """Copies the headers of the libraries without those of glibc."""
        multiarch = call("cc", "-print-multiarch").stdout.strip()
        os.mkdir(self.path("include"))
        for pattern in self.HEADERS:
            found = glob.glob(f"/usr/include/{pattern}") + glob.glob(f"/usr/include/{multiarch}/{pattern}")
            for header in found:
                with contextlib.suppress(FileExistsError):
                    os.symlink(header, self.path("include", os.path.basename(header)))
        configuration = f"/usr/include/{multiarch}/openssl"  # beside those that are the same everywhere
        if os.path.isdir(configuration) and os.path.isdir("/usr/include/openssl"):
            os.unlink(self.path("include", "openssl"))
            os.mkdir(self.path("include", "openssl"))
            for header in glob.glob("/usr/include/openssl/*") + glob.glob(configuration + "/*"):
                os.symlink(header, self.path("include", "openssl", os.path.basename(header)))

    def test_every_source_compiles(self):
        self.copy_headers()
        sources = glob.glob(os.path.join(SOURCE, "src", "**", "*.c"), recursive=True)
        self.assertTrue(sources)
        folders = sorted({os.path.dirname(source) for source in sources})
        include = [f"-I{folder}" for folder in [os.path.join(SOURCE, "include"), *folders]]
        optional = [f"-DPODOP_WITH_{name}" for name, header in (("SECCOMP", "seccomp.h"), ("HTTP", "microhttpd.h"))
                    if os.path.exists(self.path("include", header))]
        failures = []
        for source in sources:
            done = call("musl-gcc", "-fsyntax-only", *self.FLAGS, *optional, *include, "-isystem", self.path("include"),
                        source, fail=False)
            failures += [done.stdout] if done.returncode != 0 else []
        self.assertEqual(failures, [])

    def parser(self, compiler, *flags):
        """Builds a program of both command-line parsers alone, without any library."""
        sources = ("ctl/options.c", "config/cmdline.c", "config/suggestion.c", "base/error.c", "base/mem.c",
                   "base/span.c")
        program = self.path("parse-" + compiler)
        call(compiler, *self.FLAGS, *flags, "-I" + os.path.join(SOURCE, "include"),
             "-I" + os.path.join(SOURCE, "src"), "-o", program,
             os.path.join(SOURCE, "tests", "blackbox", "parse_options.c"),
             *(os.path.join(SOURCE, "src", source) for source in sources))
        return program

    def test_same_command_lines(self):
        """musl has another getopt, yet podop and podopctl accept the same words."""
        cases = ["podopctl get alias - --socket X", "podopctl get alias - -s X -j", "podopctl - - --json -",
                 "podopctl inc t k -5 --socket X", "podopctl get t k --socket", "podopctl get t k -s",
                 "podopctl get t - -s", "podopctl get -jx", "podopctl get --nothing", "podopctl get -- - --socket X",
                 "podopctl -jRuU iterate t -- -x", "podopctl get t -s - k", "podopctl --help", "podopctl",
                 "podop -t -c F", "podop -c", "podop -c F -c G", "podop - -t", "podop --socket", "podop -vvt --sockt",
                 "podop --name n --type url --param - -v", "podop -x", "podop -vx", "podop --check=1", "podop -- -t",
                 "podop x -t", "podop -nA -Turl -p", "podop"]
        musl, other = self.parser("musl-gcc", "-static"), self.parser("cc")
        for case in cases:
            for posix in ({}, {"POSIXLY_CORRECT": "1"}):
                with self.subTest(case, **posix):
                    answers = [call(program, *case.split(), fail=False, **posix) for program in (musl, other)]
                    self.assertEqual(*((done.returncode, done.stdout) for done in answers))
                    self.assertIn(answers[0].returncode, (0, 64))


class Sandbox(Build):
    def test_release(self):
        """A release forbids what AddressSanitizer needs in other builds. Without libseccomp, the rest holds."""
        for option in ("ON", "OFF"):
            with self.subTest(PODOP_SECCOMP=option):
                call("cmake", "-S", SOURCE, "-B", self.path("build"), *RELEASE, "-DPODOP_SECCOMP=" + option)
                call("cmake", "--build", self.path("build"), "--target", "podop", "podopctl")
                done = call(sys.executable, os.path.join(SOURCE, "tests", "blackbox", "test_sandbox.py"),
                            PODOP=self.path("build", "podop"), PODOPCTL=self.path("build", "podopctl"),
                            CI=os.environ.get("CI", "") if option == "ON" else "")  # it skips what needs the filter
                self.assertEqual("libseccomp, and a kernel" in done.stdout, option == "OFF", done.stdout)


if __name__ == "__main__":
    harness.main()
