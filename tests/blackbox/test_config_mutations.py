"""Every small mistake at every place of real configurations: podop -t reports its line and names its cause.

A place is changed in one way, as a person mistypes: a character is missing, doubled or another one. For each result,
podop -t must end with status 0 or 78, never with a signal. If the file became invalid, the first message must be about
the line of the change, or about a line near it."""

import os
import random
import re
import unittest

import documents
import harness
from harness import Case

CONFIG = 78
SEED = 20
SAMPLE = 1000  # runs of podop -t for each class of mistakes and file, at most
TYPOGRAPHIC = "\N{LEFT DOUBLE QUOTATION MARK}"


class Text:
    """A configuration, with the places of its tokens outside of strings and comments."""

    TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|#[^\n]*|//[^\n]*|[{}()\[\]=,;]|[^\s"#{}()\[\]=,;]+|\s+', re.S)

    def __init__(self, name, text):
        self.name, self.text = name, text
        self.tokens = [match for match in self.TOKEN.finditer(text) if not match[0].isspace() and match[0][0] != "#"]

    def places(self, mark):
        """Returns the offsets of a mark: a character, or both quotes of each string for a quote."""
        if mark == '"':
            return [at for token in self.tokens if token[0][0] == '"' for at in (token.start(), token.end() - 1)]
        return [token.start() for token in self.tokens if token[0] == mark]

    def without(self, at):
        return self.text[:at] + self.text[at + 1:]

    def replaced(self, at, char):
        return self.text[:at] + char + self.text[at + 1:]

    def line(self, at):
        return self.text.count("\n", 0, at) + 1


def without_comments(text):
    """The example with every setting: a setting after a '#' is set."""
    return re.sub(r'^(\s*)#(?=\w+ = )', r"\1", text, flags=re.M)


class Mutations(Case):
    def setUp(self):
        super().setUp()
        with open(os.path.join(documents.SOURCE, "etc", "podop.conf.example"), encoding="utf-8") as file:
            whole = without_comments(file.read())
        with open(os.path.join(documents.SOURCE, "etc", "podop.conf"), encoding="utf-8") as file:
            small = file.read()
        self.texts = [Text("podop.conf.example", whole), Text("podop.conf", small), Text("tables", TABLES)]
        self.random = random.Random(SEED)

    def check(self, text):
        """Runs podop -t; returns the line and the text of the first message, or None if the file is valid."""
        path = self.write("podop.conf", text)
        done = harness.run("PODOP", "-t", "-c", path)
        self.assertIn(done.returncode, (0, CONFIG), f"{done.stderr}\n{text}")
        if done.returncode == 0:
            return None
        match = re.match(r"(.+?)(?::(\d+))?: (.*)", done.stderr)
        self.assertEqual(match[1], path)
        return int(match[2] or 0), match[3]

    def try_class(self, change, mark):
        """Tries a change at the places of a mark: yields (the text, the offset, what podop -t says)."""
        for text in self.texts:
            places = text.places(mark)
            for at in sorted(self.random.sample(places, min(SAMPLE, len(places)))):
                yield text, at, self.check(change(text, at))

    def survey(self, change, mark):
        for text, at, told in self.try_class(change, mark):
            print(text.name, text.line(at), repr(text.text[max(0, at - 20):at] + "^" + text.text[at:at + 20]), told)


TABLES = '''\
user = "root";
listen = (
  { socket = "/tmp/p.sock"; permissions = "0660"; tables = [ "alias", "domain" ]; },
  { socket = "127.0.0.1:9100"; mode = "postfix"; }
);
tables = (
  { name = "alias"; type = "url"; param = "http://127.0.0.1:9101/alias/{}"; },
  { name = "domain"; type = "url"; param = "http://127.0.0.1:9101/domain/{}"; miss = ( 404, "5xx" );
    cache = { ttl = "60s"; negative_ttl = "10s"; }; },
  {
    name = "auth"
    type = "url"
    param = [ "http://127.0.0.1:9101/auth/{}", "http://127.0.0.1:9102/auth/{}" ]
    timeout = 5
    strict = true
  }
);
control = { socket = "/tmp/control.sock"; };
'''

if __name__ == "__main__":
    harness.main()
