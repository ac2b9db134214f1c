"""A terminal for a program under test: a pty, and what the program has drawn on it.

The screen knows only the sequences that every terminal knows or ignores; any other one fails the test.
"""

import codecs
import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
import unicodedata
from collections.abc import Mapping, Sequence

from basics import GUARD, wait_until

SEQUENCE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")


def columns_of(char: str) -> int:
    """Returns the columns that a character takes."""
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class Screen:
    """What a terminal shows: the screen of the program, and whether it is the one of its own."""

    def __init__(self, columns: int, lines: int) -> None:
        self.fault = ""
        self.is_own = False
        self.has_cursor = True
        self.colours: set[str] = set()
        self.pictures = 0  # that were begun
        self.overflows = 0  # lines and characters outside of the screen, as those of a picture before a change of size
        self.resize(columns, lines)

    def resize(self, columns: int, lines: int) -> None:
        """Forgets what was shown."""
        self.columns, self.height = columns, lines
        self.cells = [[" "] * columns for _ in range(lines)]
        self.row = self.column = 0

    @property
    def lines(self) -> list[str]:
        """The lines without the blanks at their ends."""
        return ["".join(row).rstrip() for row in self.cells]

    def _erase(self, row: int, column: int) -> None:
        self.cells[row][column:] = [" "] * (self.columns - column)

    def _obey(self, private: str, numbers: str, letter: str) -> None:
        if private:
            if (numbers, letter) not in {(number, letter) for number in ("25", "1049") for letter in "hl"}:
                raise ValueError(f"unknown mode {numbers}{letter}")
            if numbers == "25":
                self.has_cursor = letter == "h"
            else:
                self.is_own = letter == "h"
        elif letter == "H":
            row, column = (int(n) for n in numbers.split(";")) if numbers else (1, 1)
            self.pictures += row == 1
            self.overflows += row > self.height
            self.row, self.column = min(row, self.height) - 1, column - 1
        elif letter == "K" and not numbers:
            self._erase(self.row, self.column)
        elif letter == "J" and not numbers:
            self._erase(self.row, self.column)
            for row in range(self.row + 1, self.height):
                self._erase(row, 0)
        elif letter == "m" and numbers in ("", "7", "31"):
            self.colours.add(numbers)
        else:
            raise ValueError(f"unknown sequence {numbers}{letter}")

    def _put(self, char: str) -> None:
        if char == "\r":
            self.column = 0
            return
        if char == "\n":
            self.row = min(self.row + 1, self.height - 1)
            return
        if char in "\a\b" and not self.is_own:  # of a shell
            return
        if unicodedata.category(char)[0] == "C":
            raise ValueError(f"the character {char!r}")
        if self.column + columns_of(char) > self.columns:
            self.overflows += self.is_own
            return
        self.cells[self.row][self.column] = char
        for column in range(1, columns_of(char)):
            self.cells[self.row][self.column + column] = ""
        self.column += columns_of(char)

    def feed(self, text: str) -> str:
        """Draws the text, and returns its end that is the beginning of a sequence."""
        while text:
            if text[0] != "\x1b":
                self._put(text[0])
                text = text[1:]
                continue
            found = SEQUENCE.match(text)
            if found is None:
                if len(text) > 20:
                    raise ValueError(f"unknown sequence {text[:20]!r}")
                break
            self._obey(*found.groups())
            text = text[found.end():]
        return text


class Terminal:
    """A pty with a program in it, which is the leader of its session."""

    def __init__(self, args: Sequence[str], env: Mapping[str, str], columns: int = 80, lines: int = 24) -> None:
        self.screen = Screen(columns, lines)
        self._lock = threading.Lock()
        self._master, slave = pty.openpty()
        self._set_size(columns, lines)
        self.modes = termios.tcgetattr(slave)
        self._slave = slave  # stays open: the modes are compared after the end of the program
        self.process = subprocess.Popen(args, stdin=slave, stdout=slave, stderr=slave, env=dict(env),
                                        start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")()
        rest = ""
        with contextlib.suppress(OSError):  # EIO: no program has the terminal any more
            while True:
                rest += decoder.decode(os.read(self._master, 65536))
                with self._lock:
                    try:
                        rest = self.screen.feed(rest)
                    except ValueError as error:
                        self.screen.fault = self.screen.fault or str(error)
                        rest = ""

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns: int, lines: int) -> None:
        """Changes the size, which the kernel tells the program."""
        with self._lock:
            self.screen.resize(columns, lines)
            self._set_size(columns, lines)

    def press(self, keys: str) -> None:
        """Types."""
        os.write(self._master, keys.encode())

    @property
    def lines(self) -> list[str]:
        """What is shown."""
        with self._lock:
            if self.screen.fault:
                raise AssertionError("the program drew what not every terminal knows: " + self.screen.fault)
            return self.screen.lines

    def wait_line(self, pattern: str) -> str:
        """Waits until a line that matches is shown, and returns it."""
        def found() -> str | None:
            return next((line for line in self.lines if re.search(pattern, line)), None)

        try:
            wait_until(found, "a line with " + pattern)
        except AssertionError as error:
            raise AssertionError(str(error) + "\n" + "\n".join(self.lines)) from None
        return found() or ""

    def check_fits(self) -> None:
        """Waits for two further pictures, of which one is whole, and checks that nothing of them is outside."""
        for _ in range(2):
            before, pictures = self.screen.overflows, self.screen.pictures
            wait_until(lambda seen=pictures: self.screen.pictures > seen + 1, "another picture")
        if self.screen.overflows != before:
            raise AssertionError("the picture is larger than the screen:\n" + "\n".join(self.lines))

    def is_as_before(self) -> bool:
        """Returns True if the terminal is as the program found it."""
        with self._lock:
            return (termios.tcgetattr(self._slave) == self.modes and not self.screen.is_own
                    and self.screen.has_cursor)

    def wait(self) -> int:
        """Waits for the end of the program, and returns its status."""
        return self.process.wait(GUARD)

    def close(self) -> None:
        """Ends the program, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._slave)
        self._reader.join(GUARD)
        os.close(self._master)
