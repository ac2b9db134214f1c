"""podop with tables in Python: what Postfix and Dovecot get of what podop_table.py answers."""

import os

import dict as dicts
import harness
import mail_database
import test_python_table as by_pipes
from dict import EXACT, NO_VALUES, RECURSE
from python_table_case import PYTHON, Tables


class Program(dicts.DictCase, Tables):
    """podop with a file of Python tables as its program."""

    def serve_file(self, text, name="t", **settings):
        """Starts podop with one process, as some tables remember things."""
        return self.serve({**mail_database.program_table(name, self.file(text)), "processes": 1, **settings})

    def check_dovecot(self, client, key, expected):
        self.check_dict(client.get(key), expected)


class Postfix(Program):
    def test_answers(self):
        self.serve_file('''
class T:
    def get(self, key):
        if key in VALUES: return VALUES[key]
        raise {"temporary": Temporary("come back"), "permanent": Permanent("go away"), "fault": ValueError("a\\nb"),
               "exit": SystemExit("out")}.get(key, KeyError(key))
VALUES = {"text": "Grüße", "list": ["a@example.com", None, "b@example.com"], "int": 10**25, "true": True,
          "dict": {"a": [1]}, "empty": "", "none": None, "nan": float("nan"), "surrogate": "\\ud800", "nul": "a\\0b",
          "long": "x" * 99_997, "too long": "x" * 99_998, "huge": "x" * (1 << 20), "": "nothing", "a b\\n": "blank",
          "ü": 1.5}
serve({"t": T()})''')
        client = self.client()
        for key, expected in (("text", "OK Grüße"), ("list", "OK a@example.com,b@example.com"),
                              ("int", "OK 10000000000000000000000000"), ("true", "OK true"),
                              ("dict", 'OK {"a":[1]}'), ("empty", "NOTFOUND "), ("none", "NOTFOUND "),
                              ("nothing", "NOTFOUND "), ("nan", "TEMP"), ("surrogate", "TEMP"), ("huge", "TEMP"),
                              ("nul", "PERM"), ("too long", "PERM"), ("long", "OK " + "x" * 99_997),
                              ("", "OK nothing"), ("a b\n", "OK blank"), ("ü", "OK 1.5"), (b"\xff", "NOTFOUND "),
                              ("temporary", "TEMP"), ("permanent", "PERM"), ("fault", "TEMP"), ("exit", "TEMP")):
            with self.subTest(key):
                self.check_answer(client.ask("t", key), expected)
        for key, reason in (("temporary", b"come back"), ("permanent", b"go away"), ("fault", b"ValueError: a b")):
            with self.subTest(key=key, reason=reason):
                self.assertIn(reason, client.ask("t", key))

    def test_longest_answer(self):
        """An answer that podop would not take fails this one lookup and does not end the program."""
        podop = self.serve_file('class T:\n    def get(self, key): return "x" * int(key)\nserve({"t": T()})',
                                max_response=2000)
        client = self.client()
        for key, expected in (("1900", "OK " + "x" * 1900), ("2000", "TEMP"), ("1", "OK x")):
            with self.subTest(key=key[:40], expected=expected):
                self.check_answer(client.ask("t", key), expected)
        self.assertNotIn("level=warning", "\n".join(podop.log))

    def test_prints_and_tracebacks_are_logged(self):
        podop = self.serve_file('''
class T:
    def get(self, key):
        print("looking for", key)
        raise ValueError("not today")
serve({"t": T()})''')
        self.check_answer(self.client().ask("t", "k"), "TEMP")
        podop.wait_log("looking for k")
        podop.wait_log("ValueError: not today")

    def test_a_slow_key_delays_no_other(self):
        self.serve_file(self.gate() + '''
class T:
    def get(self, key):
        if key == "slow": reached("begun"); wait(key)
        return key
serve({"t": T()})''')
        slow, fast = self.client(), self.client()
        slow.request("t", "slow")
        self.signal_of("begun")
        for n in range(100):
            self.check_payload(fast.ask("t", f"k{n}"), f"OK k{n}")
        self.open("slow")
        self.check_payload(slow.read(), "OK slow")

    def test_end_of_podop(self):
        """A request under way is answered, and the program ends by itself."""
        podop = self.serve_file(self.gate() + '''
import atexit
atexit.register(reached, "ended")
class T:
    def get(self, key): reached("begun"); wait("go"); return key
serve({"t": T()})''')
        client = self.client()
        client.request("t", "k")
        self.signal_of("begun")
        podop.signal(15)
        self.open("go")
        self.check_payload(client.read(), "OK k")
        self.assertEqual(podop.wait(), 0)
        self.signal_of("ended")


class Dovecot(Program):
    text = by_pipes.Operations.text

    def test_all(self):
        self.serve_file(self.text)
        client = self.dict(user="bob")
        self.check_dovecot(client, "shared/k", "N")
        self.check_dict(client.change(("set", "shared/k", "v\t\nü")), "O")
        self.check_dovecot(client, "priv/k", "N")
        self.check_dict(client.change(("set", "priv/k", "41")), "O")
        self.check_dict(client.change(("increment", "priv/k", 2), ("increment", "priv/k", -1)), "O")
        self.check_dovecot(client, "priv/k", "O42")
        self.check_dict(client.change(("increment", "priv/n", 1)), "N")
        self.check_dict(client.change(("unset", "priv/k")), "O")
        self.check_dict(client.change(("unset", "priv/k")), "O")
        self.check_dovecot(client, "priv/k", "N")
        self.assertEqual(client.change(("set", "priv/k", "x"), ("increment", "priv/k", 1))[:1], b"W")

    def test_iterate(self):
        self.serve_file(self.text)
        client = self.dict(user="bob")
        client.change(*(("set", f"priv/d/{n:04}", f"{n}") for n in range(2000)), ("set", "priv/d/sub/k", ""),
                      ("set", "shared/d/k", "all"))
        rows = [(b"priv/d/%04d" % n, b"%d" % n) for n in range(2000)]
        self.assertEqual(client.rows("priv/d/"), rows)
        self.assertEqual(client.rows("priv/d/", RECURSE), [*rows, (b"priv/d/sub/k", b"")])
        self.assertEqual(client.rows("priv/d/", NO_VALUES), [(key, b"") for key, _ in rows])
        self.assertEqual(len(client.rows("priv/d/", RECURSE, limit=700)), 700)
        self.assertEqual(client.rows("priv/d/0001", EXACT), [(b"priv/d/0001", b"1")])
        self.assertEqual(client.rows("shared/d/"), [(b"shared/d/k", b"all")])
        self.assertEqual(client.rows("priv/nothing/"), [])


class AsyncDovecot(Dovecot):
    text = by_pipes.AsyncOperations.text


class ThePythonPodopsTables(Program):
    def test_unchanged(self):
        self.serve_file(by_pipes.PythonPodop.TABLE)
        postfix, client = self.client(), self.dict(user="bob")
        self.check_answer(postfix.ask("t", "d/a"), 'OK {"x":1}')
        self.check_answer(postfix.ask("t", "nothing"), "NOTFOUND ")
        self.check_answer(postfix.ask("t", "broken"), "TEMP")
        self.check_dovecot(client, "shared/d/a", 'O{"x":1}')
        self.check_dovecot(client, "priv/d/k", "Obob's")
        self.check_dovecot(client, "priv/d/a", "N")
        self.check_dovecot(client, "shared/broken", "F")
        self.check_dict(client.change(("set", "priv/quota", "12"), ("set", "shared/text", "t")), "O")
        self.check_dovecot(client, "shared/quota/bob", "O12")
        self.check_answer(postfix.ask("t", "text"), "OK t")
        self.check_dict(client.change(("unset", "priv/quota")), "F")
        self.assertEqual(client.rows("priv/d/"), [(b"priv/d/k", b"bob's")])
        self.assertEqual(client.rows("shared/d/", NO_VALUES), [(b"shared/d/" + name, b"") for name in
                                                               (b"a", b"gone", b"k")])


class Readme(Program):
    def test_example(self):
        """The first block of python/README.md is a whole table."""
        with open(os.path.join(PYTHON, "README.md"), encoding="utf-8") as file:
            text = file.read().partition("```python\n")[2].partition("```")[0]
        self.serve_file(text, "alias")
        self.check_answer(self.client().ask("alias", "team@example.com"), "OK alice@example.com,bob@example.com")


if __name__ == "__main__":
    harness.main()
