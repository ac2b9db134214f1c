"""Typing mistakes in podop.conf: podop -t shows the line, names the likely cause, and never crashes.

test_syntax_mutations.c makes each small mistake at every place; here, podop itself is run for a sample of them, and for
the mistakes that a person makes in a file as a whole."""

import os
import random
import re

import documents
import harness
from harness import Case

CONFIG = 78
SEED = 20
SAMPLE = 4  # of the places of each character


def example():
    """Returns the example of all settings, with every setting set."""
    with open(os.path.join(documents.SOURCE, "etc", "podop.conf.example"), encoding="utf-8") as file:
        return re.sub(r'^(\s*)#(?=\w+ = )', r"\1", file.read(), flags=re.M)


def places(text, mark):
    """Returns where a character is, outside of comments; outside of strings unless it is a quote."""
    token = re.compile(r'"(?:\\.|[^"\\])*"|#[^\n]*|[^"#]')
    found = []
    for match in token.finditer(text):
        if mark == '"' and match[0][0] == '"':
            found += [match.start(), match.end() - 1]
        elif match[0] == mark:
            found.append(match.start())
    return found


class Checked(Case):
    def told(self, content):
        """Returns what podop -t reports about a file, in which it finds a fault."""
        self.file = self.write("podop.conf", content)
        done = harness.run("PODOP", "-t", "-c", self.file)
        self.assertEqual((done.returncode, done.stdout), (CONFIG, ""), done.stderr)
        self.assertTrue(done.stderr.startswith(self.file + ":"), done.stderr)
        return done.stderr

    def check(self, content, line, *words):
        told = self.told(content)
        self.assertTrue(told.startswith(f"{self.file}:{line}: "), told)
        for word in words:
            self.assertIn(word, told)


class Typing(Checked):
    def test_missing_characters(self):
        """A quote, bracket or '=' that is missing: the message names it and its line, or the next line."""
        text, chosen = example(), random.Random(SEED)
        for mark, word in (("=", "'='"), ('"', "quote"), ("(", "'('"), (")", "')'"), ("{", "'{'"), ("}", "'}'"),
                           ("[", "'['"), ("]", "']'")):
            found = places(text, mark)
            for at in chosen.sample(found, min(SAMPLE, len(found))):
                line = text.count("\n", 0, at) + 1
                with self.subTest(mark=mark, line=line):
                    told = self.told(text[:at] + text[at + 1:])
                    # a bracket at the beginning of its line: the line of the token before it or after it
                    lines = 5 if text[:at].rpartition("\n")[2].isspace() or mark in "{}" else 0
                    self.assertLessEqual(abs(int(re.search(r":(\d+): ", told)[1]) - line), lines, told)
                    self.assertIn(word, told)

    def test_commas(self):
        for text, line in (('a = (\n  { b = 1; }\n  { b = 2; } );', 2), ('a = (\n  { b = 1; } # x\n\n\n  , 5 6 );', 5),
                           ('a = ( "x",\n 5\n 6 );', 2)):
            with self.subTest(text):
                self.check(text, line, "a comma is missing after")
        self.check('a = ( 1,\n2;\n3 );', 2, "write ',', not ';'")
        self.check('a = "x",\n"y";', 2, '[ "a", "b" ]')

    def test_words_without_quotes(self):
        for value, word in (("podop", "in quotes"), ("/run/x", "in quotes"), ("127.0.0.1:9100", "in quotes"),
                            ("http://h/{}", "in quotes"), ("5s", "in quotes"), ("5 s", "in quotes"),
                            ("'x'", "write \", not '"), ("\u201cx\u201d", "write \", not \u201c"),
                            ("yes", "true or false"), ("off", "true or false"), ("null", "leave the setting out")):
            with self.subTest(value):
                self.check(f"a = 1;\nb = {value};\nc = 1;", 2, word)
                if "'" not in value and "\u201c" not in value:
                    self.assertIn("'b'", self.told(f"a = 1;\nb = {value};\nc = 1;"))

    def test_other_languages(self):
        for text, word in (("[podop]\nuser = \"x\"\n", "NAME = { ... };"), ('{ "user": "x" }', "not with '{'"),
                           ("---\nuser: x\n", "expected a setting"), ("; x\n", "a comment begins with '#'"),
                           ("-- x\n", "a comment, which begins with '#'"), ("user := \"x\"\n", "a single '='"),
                           ('user == "x"', "a single '='"), ('include "x"', "@include"),
                           ("this is\n", "or a '#' before a comment"), ("listen = { { socket", "( { ... }, { ... } )")):
            with self.subTest(text):
                self.check(text, 1, word)

    def test_a_setting_twice(self):
        included = self.write("included.conf", "\n\ngroup = \"x\";\n")
        self.check(f'user = "a";\ngroup = "b";\n@include "{included}"\nuser = "c";\n'.replace("@", "#"), 4,
                   "duplicate setting name 'user'", f"{self.path('podop.conf')}:1 ('user = \"a\";')")
        path = self.write("podop.conf", f'user = "a";\ngroup = "b";\n@include "{included}"\n')
        done = harness.run("PODOP", "-t", "-c", path)
        self.assertIn(f"{included}:3: duplicate setting name 'group': it is set in {self.path('podop.conf')}:2",
                      done.stderr)


class Files(Checked):
    def test_encodings(self):
        text = example()
        for content, line, word in ((text.encode("utf-16"), 1, "UTF-16: save it as UTF-8"),
                                    (text.encode("utf-16-le"), 1, "UTF-16: save it as UTF-8"),
                                    (text.encode("utf-32"), 1, "UTF-32: save it as UTF-8"),
                                    (text.replace("\n", "\r").encode(), 1, "CR only"),
                                    (b"a = 1;\n\0", 2, "a NUL byte"), (b'a = "\0";\n', 1, "a NUL byte"),
                                    (b"\x1f\x8b\x08\0\0\0", 1, "not a text file"),
                                    ("a = 1;\nb\u00a0= 1;".encode(), 2, "U+00A0"),
                                    ("a = 1;\n\u200bb = 1;".encode(), 2, "U+200B"),
                                    (b"a = 1;\nb = \xff;", 2, "\\xff")):
            with self.subTest(word=word, content=content[:20]):
                self.check(content, line, word)

    def test_marks_and_line_ends(self):
        """A byte order mark and CRLF are not faults."""
        path = self.write("podop.conf", ("\ufeff" + example().replace("\n", "\r\n")).encode())
        done = harness.run("PODOP", "-t", "-c", path)
        self.assertNotIn("syntax error", done.stderr)
        done = harness.run("PODOP", "-t", "-c", self.write("podop.conf", "user = 'a';\rgroup = 5;\r".replace("'", '"')))
        self.assertIn("'group' expects", done.stderr)
        self.check("\ufeffa = 1;\r\nb = x;\r\n".encode(), 2, "'b' must be in quotes", "'b = x;'")

    def test_includes(self):
        path = self.path("podop.conf")
        empty = self.write("empty.conf", "")
        for line, word in ((f'@include "{path}"', "would include itself"), ('@include "none"', "none': No such file"),
                           ("@include none", "in quotes after it"), ("@include <none>", "in quotes after it"),
                           ('a = 1; @include "x"', "the first word of its line"),
                           (f'@include "{self.dir}"', "Is a directory"), ('@include "x', "no closing quote")):
            with self.subTest(line):
                self.check(f'@include "{empty}"\n\n{line}\n', 3, word)
        other = self.write("other.conf", f'@include "{path}"\n')
        self.write("podop.conf", f'\n@include "{other}"\n')
        done = harness.run("PODOP", "-t", "-c", path)
        self.assertIn(f"{other}:1: @include: '{path}' would include itself", done.stderr)

    def test_parts_of_a_file(self):
        self.assertIn('add listen = ( { socket = "/run/podop/podop.sock"; } );', self.told(""))
        self.assertIn("add tables = ( {", self.told("# nothing\n"))
        text, chosen = example(), random.Random(SEED)
        at = text.index("tables = (")
        for end in sorted(chosen.sample(range(at, text.index("# A second table")), 8)):
            with self.subTest(end=end):
                self.assertRegex(self.told(text[:end]), "is missing|must be in quotes|no closing quote|after the comma")


if __name__ == "__main__":
    harness.main()
