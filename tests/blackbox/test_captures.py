"""Captured transcripts of Dovecot and Postfix, replayed: podop must answer so that the client sees the same."""

import os
import re
from typing import Any

import harness
from capture_files import CHANGED, FOLDER, SKIP, Capture
from capture_replay import Replay
from dict import DictCase


class Captures(DictCase):
    def test_nothing_else_is_left_out(self):
        """Every step named in the tables is in a capture."""
        steps: dict[str, set[str]] = {}
        for name in NAMES:
            capture = Capture(name)
            steps.setdefault(capture.kind, set()).update(title for title, _ in capture.steps)
        tables: tuple[Any, ...] = (SKIP, CHANGED)
        for table in tables:
            with self.subTest(table=table):
                for kind, entries in table.items():
                    named = {entry if isinstance(entry, str) else entry[0] for entry in entries}
                    self.assertEqual(named - steps[kind], set())


def replay(name):
    def test(self):
        done = Replay(self, Capture(name))
        done.run()
        self.assertGreater(done.count, 0)
    return test


NAMES = sorted(name for name in os.listdir(FOLDER) if name.endswith(".txt"))
for file in NAMES:
    setattr(Captures, "test_" + re.sub(r"\W", "_", file[:-4]), replay(file))


if __name__ == "__main__":
    harness.main()
