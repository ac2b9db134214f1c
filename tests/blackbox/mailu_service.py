"""A stand-in of Mailu's admin: what its internal views answer to each class of keys, with content of our own."""

import base64
import hashlib
import json
import re
import urllib.parse
from collections.abc import Callable
from typing import Any

from harness import Request

POSTFIX, DOVECOT = "/internal/postfix/", "/internal/dovecot/"
DOMAIN = "example.com"
DELIMITER = "+"
RATE_LIMIT = 3  # mails of each user
TOO_FAST = "450 4.2.1 You are sending too many emails too fast."

DOMAINS = {"example.com", "catch.example", "xn--bcher-kva.example"}
ALTERNATIVES = {"alt.example": "example.com"}
RELAYS = {"relay.example": "[mx.elsewhere.example]:2525", "relaybad.example": "[mx.elsewhere.example",
          "relaynone.example": None}
USERS = {"alice@example.com", "bob@example.com", "info@xn--bcher-kva.example", "chief@example.com"}
ALIASES = {"team@example.com": ["alice@example.com", "bob@example.com"], "@catch.example": ["alice@example.com"]}
SPOOFERS = {"example.com": "chief@example.com"}
DANE = {"dane.example"}


class Refusal(Exception):
    """An answer that is not JSON: a page of HTML with this status, and a Location if it is a redirect."""

    def __init__(self, status: int, location: str = "") -> None:
        super().__init__(status)
        self.status, self.location = status, location


def a_labels(domain: str) -> str:
    """Returns a domain as IDNA writes it; one that it does not allow is an error of the view, as the admin has them."""
    labels = []
    for label in domain.lower().split("."):
        if not label.isascii():
            label = label.encode("idna").decode()
        if not re.fullmatch("(?!-)[a-z0-9-]{1,63}(?<!-)", label):
            raise Refusal(500)
        labels.append(label)
    return ".".join(labels)


def address(key: str) -> str:
    """Returns an address as the database has it; anything else is an error of the view."""
    local, at, domain = key.rpartition("@")
    if not at or "@" in local:
        raise Refusal(500)
    return f"{local.lower()}@{a_labels(domain)}"


def is_unsupported(key: str) -> bool:
    """Returns True for what two of the views refuse before they look into the database."""
    return key.count("@") > 1 or key.startswith('"')


def split(key: str) -> tuple[str, str]:
    """Returns the local part, and the domain with alternative domains resolved; "" for a key without @."""
    local, _, domain = key.rpartition("@")
    labels = a_labels(domain)
    return local, ALTERNATIVES.get(labels, domain)


def target_of(relay: str) -> str:
    """Returns the value of transport_maps for a relay's target."""
    if not (host := re.fullmatch(r"\[([\w.-]+)\](:\d+)?", relay)):
        raise Refusal(400)
    return f"smtp:[{host[1]}]{host[2] or ''}"


def signature(text: str) -> str:
    """Returns what an SRS address is signed with; case does not matter, neither in it nor in the text."""
    return base64.b64encode(hashlib.sha256(text.lower().encode()).digest()).decode()[:4]


class Mailu:
    """The admin. `hits` are the mails that each user has sent, `quota` what Dovecot has written."""

    def __init__(self) -> None:
        self.hits: dict[str, int] = {}
        self.quota: dict[str, Any] = {}

    def __call__(self, request: Request) -> bytes:
        """Answers a request, as the function of a Backend."""
        try:
            return reply(200, "application/json", json.dumps(self.view(request)) + "\n")
        except Refusal as refusal:
            headers = [f"Location: {refusal.location}"] if refusal.location else []
            return reply(refusal.status, "text/html; charset=utf-8", f"<!doctype html>\n{refusal.status}\n", *headers)

    def view(self, request: Request) -> Any:
        """Returns the value of a view."""
        path = urllib.parse.unquote(request.target.decode().partition("?")[0])
        views: dict[str, Callable[..., Any]] = {
            POSTFIX + "alias/": self.alias, POSTFIX + "domain/": self.domain, POSTFIX + "mailbox/": self.mailbox,
            POSTFIX + "transport/": self.transport, POSTFIX + "recipient/map/": self.recipient_map,
            POSTFIX + "sender/map/": self.sender_map, POSTFIX + "sender/login/": self.sender_login,
            POSTFIX + "sender/rate/": self.sender_rate, POSTFIX + "dane/": self.dane,
            DOVECOT + "passdb/": self.passdb, DOVECOT + "userdb/": self.userdb,
            DOVECOT + "sieve/name/": self.sieve_name, DOVECOT + "sieve/data/default/": self.sieve_data,
            DOVECOT + "quota/": self.write_quota,
        }
        for prefix, view in views.items():
            if path.startswith(prefix):
                key = path.removeprefix(prefix)
                if key.startswith("/"):
                    raise Refusal(308, prefix + key.lstrip("/"))
                if (request.method == "POST") != (view == self.write_quota):
                    raise Refusal(405)
                if not key:
                    return self.users(prefix)
                return view(key, json.loads(request.body)) if request.method == "POST" else view(key)
        raise Refusal(404)

    # Postfix

    def alias(self, key: str) -> str:
        if is_unsupported(key):
            raise Refusal(404)
        local, domain = split(key)
        return ",".join(self.destinations(local, domain)) if local else domain

    def destinations(self, local: str, domain: str) -> list[str]:
        """Returns where the mail of an address goes; the local part stays as it was written."""
        base, delimiter, detail = local.partition(DELIMITER)
        labels = a_labels(domain)
        if {f"{name.lower()}@{labels}" for name in (local, base)} & USERS:
            return [f"{local}@{labels}"]
        if own := ALIASES.get(f"{local.lower()}@{labels}"):
            return own
        if stripped := ALIASES.get(f"{base.lower()}@{labels}"):
            return [one.replace("@", delimiter + detail + "@") for one in stripped]
        if wildcard := ALIASES.get("@" + labels):
            return wildcard
        raise Refusal(404)

    def domain(self, key: str) -> str:
        if "/" in key or re.fullmatch(r"\[.*\]", key):
            raise Refusal(404)
        if (labels := a_labels(key)) not in DOMAINS | ALTERNATIVES.keys():
            raise Refusal(404)
        return labels.encode().decode("idna")

    def mailbox(self, key: str) -> str:
        if address(key) not in USERS:
            raise Refusal(404)
        local, _, domain = address(key).rpartition("@")
        return f"{local}@{domain.encode().decode('idna')}"

    def transport(self, key: str) -> str:
        if key == "*" or re.fullmatch(r"(|.*@)\[.*\]", key):
            raise Refusal(404)
        labels = a_labels(split(key)[1])
        if labels not in RELAYS:
            raise Refusal(404)
        if (relay := RELAYS[labels]) is None:
            raise Refusal(500)
        return target_of(relay)

    def recipient_map(self, key: str) -> str:
        local, at, _ = key.rpartition("@")
        if not at:
            raise Refusal(500)
        srs = re.fullmatch(r"SRS0=(.{4})=TT=([^=]+)=(.+)", local, re.IGNORECASE)
        if not srs or srs[1].lower() != signature(f"{srs[3]}@{srs[2]}").lower():
            raise Refusal(404)
        return f"{srs[3]}@{srs[2]}"

    def sender_map(self, key: str) -> str:
        try:
            local, domain = split(key)
            is_own = a_labels(domain) in DOMAINS
        except Refusal as fault:
            raise Refusal(404) from fault
        if is_own:
            raise Refusal(404)
        if not local:
            raise Refusal(500)
        return f"SRS0={signature(f'{local}@{domain}')}=TT={domain}={local}@{DOMAIN}"

    def sender_login(self, key: str) -> str:
        if is_unsupported(key):
            raise Refusal(404)
        local, domain = split(key)
        if not local:
            raise Refusal(404)
        try:
            logins = self.destinations(local.partition(DELIMITER)[0], domain)
        except Refusal as refusal:
            if refusal.status != 404:
                raise
            logins = []
        logins = sorted({*logins, *filter(None, [SPOOFERS.get(a_labels(domain))])})
        if not logins:
            raise Refusal(404)
        return ",".join(logins)

    def sender_rate(self, key: str) -> str:
        user = address(key)
        if user not in USERS:
            raise Refusal(404)
        self.hits[user] = self.hits.get(user, 0) + 1
        if self.hits[user] <= RATE_LIMIT:
            raise Refusal(404)
        return TOO_FAST

    def dane(self, key: str) -> str:
        if key not in DANE:
            raise Refusal(404)
        return "dane-only"

    # Dovecot

    def known(self, key: str) -> str:
        """Returns the address of a user; every other key, however malformed, is unknown."""
        try:
            if (user := address(key)) in USERS:
                return user
        except Refusal:
            pass
        raise Refusal(404)

    def passdb(self, key: str) -> dict[str, Any]:
        self.known(key)
        return {"password": None, "nopassword": "Y", "allow_real_nets": "127.0.0.0/8"}

    def userdb(self, key: str) -> dict[str, str]:
        self.known(key)
        return {"quota_rule": "*:bytes=1024000"}

    def users(self, prefix: str) -> list[str]:
        """Returns what a view answers without a key."""
        if prefix != DOVECOT + "userdb/":
            raise Refusal(404)
        return sorted(USERS)

    def sieve_name(self, key: str) -> str:
        return key.partition("/")[0]

    def sieve_data(self, key: str) -> str:
        self.known(key)
        return ('require ["fileinto", "mailbox"];\r\nif header :is "X-Spam" "yes" {\r\n'
                '  fileinto :create "Junk";\r\n}\r\n')

    def write_quota(self, key: str, value: Any) -> None:
        name, _, user = key.partition("/")
        self.known(user)
        if name == "storage":
            if not isinstance(value, int):
                raise Refusal(500)
            self.quota[user] = value


def reply(status: int, content_type: str, body: str, *headers: str) -> bytes:
    """Returns an HTTP/1.1 answer."""
    head = [f"HTTP/1.1 {status} Status", f"Content-Type: {content_type}", f"Content-Length: {len(body.encode())}",
            *headers]
    return "\r\n".join([*head, "", body]).encode()
