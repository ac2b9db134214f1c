"""bash completes the commands and options that podop and podopctl have, and no others."""

import os
import re
import shutil
import subprocess

import harness

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "etc",
                      "completion")
# compopt works only during a completion
ASK = r"""
source "$1"; shift; function=$1; shift
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
"$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""
VARIABLES = {"podop": "PODOP", "podopctl": "PODOPCTL"}


class Completion(harness.Case):
    def setUp(self):
        super().setUp()
        harness.need(shutil.which("bash"), "bash")

    def bash(self, *args):
        done = subprocess.run(["bash", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=self.dir,
                              timeout=harness.GUARD, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return set(done.stdout.split())

    def offers(self, *words):
        """Returns what bash offers for the last of the words."""
        program = words[0]
        return self.bash("-c", ASK, "bash", os.path.join(FOLDER, program + ".bash"), "_" + program, *words)

    def test_syntax(self):
        for program in VARIABLES:
            self.bash("-n", os.path.join(FOLDER, program + ".bash"))

    def test_options(self):
        """bash offers the options of --help, and no option after one that takes an argument."""
        for program, command in (("podop", []), *(("podopctl", [name]) for name in ("iterate", "get", "top"))):
            told = re.findall(r"(?m)^ +(-\w, )?(--[a-z-]+)( [A-Z]+)?", harness.run(VARIABLES[program], "--help").stdout)
            self.assertTrue(told)
            offered = self.offers(program, *command, "-")
            for other in ("get", "iterate", "top") if command else ():  # together they have all options
                offered |= self.offers(program, other, "-")
            self.assertEqual(offered, {name for _, name, _ in told})
            for short, name, argument in told:
                for option in filter(None, (name, short.rstrip(", "))):
                    with self.subTest(program=program, option=option):
                        self.assertEqual(bool(self.offers(program, *command, option, "--")), not argument)

    def test_commands(self):
        known = set(re.findall(r"(?m)^  ([a-z]+) ", harness.run("PODOPCTL", "--help").stdout))
        self.assertTrue(known)
        for before in ([], ["--socket", "/s"], ["--json"], ["-u", "get"]):
            with self.subTest(before=before):
                self.assertEqual(self.offers("podopctl", *before, ""), known)
        self.assertEqual(self.offers("podopctl", "get", ""), set())
        for command, option in (("get", "--recurse"), ("set", "--control"), ("stats", "--socket"), ("flush", "--as"),
                                ("top", "--json"), ("stats", "--once")):
            with self.subTest(command=command, option=option):
                self.assertNotIn(option, self.offers("podopctl", command, "--"))

    def test_words(self):
        self.write("file", "")
        types = re.search(r"--type TYPE +the table's type: ([a-z, \n]+)\n", harness.run("PODOP", "--help").stdout)[1]
        self.assertEqual(self.offers("podop", "--type", ""), set(re.findall("[a-z]+", types)))
        for words, expected in ((("podop", "--mode", ""), {"auto", "postfix", "dovecot"}),
                                (("podopctl", "get", "--as", "d"), {"dovecot"}),
                                (("podop", "-c", "f"), {"file"}),
                                (("podopctl", "--socket", "f"), {"file"}),
                                (("podopctl", "-c", "f"), {"file"})):
            with self.subTest(words=words):
                self.assertEqual(self.offers(*words), expected)


if __name__ == "__main__":
    harness.main()
