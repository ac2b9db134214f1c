import os


def _log(*words):
    with open(os.path.join(os.path.dirname(__file__), "log"), "a") as file:
        file.write(" ".join(map(str, words)) + "\n")


def get(key):
    if key.startswith("broken"):
        raise ValueError(key)
    return None if key.startswith("no such") else "got " + key


def set(key, value):
    _log("set", key, value)


def unset(key):
    _log("unset", key)


def increment(key, number):
    if not key.startswith("no such"):
        _log("increment", key, number)
        return True
    return False
