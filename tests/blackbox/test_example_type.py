"""docs/howto-table-type.md: its table type works in a podop that has it, and its text is the source's."""

import os
import re

import documents
import harness
from harness import Case

HOWTO = ("docs", "howto-table-type.md")
CONFIG = 78


def setUpModule():
    """The podop that is tested is the one with the type."""
    os.environ["PODOP"] = harness.binary("PODOP_WITH_SUFFIX")


def read(*path):
    with open(os.path.join(documents.SOURCE, *path), encoding="utf-8") as file:
        return file.read()


class Type(Case):
    def table(self, **settings):
        return {"name": "t", "type": "suffix", "param": "@example.org", **settings}

    def test_lookups(self):
        """One that is answered at once, and one that waits."""
        self.serve(self.table(), self.table(name="slow", delay="10ms"))
        client = self.client()
        self.check_payload(client.ask("t", "bob"), "OK bob@example.org")
        self.check_payload(client.ask("slow", "bob"), "OK bob@example.org")

    def test_document_configuration(self):
        """The tables that the document shows."""
        text = next(text for language, text in documents.fenced(*HOWTO) if language == "conf")
        path = self.write("podop.conf", 'listen = ( { socket = "%s"; } );\n' % self.socket + text)
        self.podop("-c", path).wait_ready()
        self.check_payload(self.client().ask("origin", "bob"), "OK bob@example.org")

    def test_faults(self):
        """What podop says of its settings is what it says of those of other types."""
        for settings, fault in (
                (self.table(delya="1s"), "unknown setting 'delya' in table 't' (did you mean 'delay'?)"),
                (self.table(delay=[]),
                 "'delay' in table 't' expects a duration such as \"30s\" (units: ms, s, m, h, d), got an array"),
                (self.table(retries=1), "'retries' in table 't' is for type \"url\" only, and this is \"suffix\""),
                (self.table(type="json", delay=1),
                 "'delay' in table 't' is for type \"suffix\" only, and this is \"json\""),
                (self.table(write_behind=1), "'write_behind' in table 't' is for type \"url\" or \"program\" only, "
                                             "and this is \"suffix\""),
                (self.table(param="x" * 101), "table 't': the suffix has more than 100 bytes"),
                (self.table(type="suffx"), "'type' in table 't' must be \"url\", \"json\", \"dns\", \"program\" or "
                                           "\"suffix\", got \"suffx\" (did you mean \"suffix\"?)"),
        ):
            with self.subTest(fault=fault):
                path = self.write("podop.conf", harness.conf_file(listen=[{"socket": self.socket}], tables=[settings]))
                done = harness.run("PODOP", "-t", "-c", path)
                self.assertEqual(done.returncode, CONFIG, done.stderr)
                self.assertIn(fault, done.stderr)


class Document(Case):
    def test_code(self):
        """The fenced C blocks, one after another, are the source."""
        shown = "".join(text for language, text in documents.fenced(*HOWTO) if language == "c")
        source = read("tests", "example_type", "suffix_table.c")
        self.assertEqual(re.sub(r"\n+", "\n", shown), re.sub(r"\n+", "\n", source))

    def test_one_line(self):
        """The line that the document adds to table_types.c is the one that is built here."""
        self.assertIn("    TYPE(suffix) \\\n", [text for _, text in documents.fenced(*HOWTO)])
        self.assertIn("TYPE(suffix) \\", read("tests", "example_type", "CMakeLists.txt"))

    def test_names(self):
        """Each file and folder that the document names is there, but for the new one."""
        for name in re.findall(r"`((?:src|include|tests|docs|man)/[\w./-]+)`", read(*HOWTO)):
            with self.subTest(name=name):
                self.assertTrue(name.startswith("src/table/suffix") or
                                os.path.exists(os.path.join(documents.SOURCE, name)))


if __name__ == "__main__":
    harness.main()
