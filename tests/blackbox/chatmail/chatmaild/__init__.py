"""A stand-in of chatmail's package: its modules and methods by name, with content of our own."""

import json
import pathlib


class Config:
    """The configuration, a file in JSON here: mail_domain, uid, and the directory of users, also as Dovecot sees it."""

    def __init__(self, path: str) -> None:
        values = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        self.domain, self.uid = values["mail_domain"], values["uid"]
        self.folder, self.homes = pathlib.Path(values["folder"]), values["homes"]

    def home(self, user: str) -> pathlib.Path:
        """Returns the directory of a user; an address that is not one is an error."""
        if "@" not in user or "/" in user:
            raise ValueError(f"invalid address {user!r}")
        return self.folder / user
