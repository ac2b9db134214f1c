"""What the maps of test_postfix_keys.py hold, and the settings `key` with which podop searches them.

Every map is a dict of keys as its administrator writes them. A list is a list of addresses: an array in JSON, with
commas in a file. A key of a domain with an umlaut stands in a file twice, as U-labels and as A-labels; podop needs it
once, for it turns each into the other.
"""

from typing import Any, NamedTuple

Values = dict[str, str | list[str]]


class Map(NamedTuple):
    """One parameter of main.cf: the name of its table, its content, and how podop searches it."""

    table: str
    content: Values
    key: dict[str, Any]


ADDRESS = {"fold": True, "idna": "ascii", "extension": "+-", "search": "canonical"}
REWRITE = {**ADDRESS, "propagate": True}
ALIAS = {**REWRITE, "search": "virtual"}
LOCAL = {**ADDRESS, "search": ["key", "user@domain", "user+ext", "user", "@domain"]}
ACCESS = {**ADDRESS, "search": "access"}
TRANSPORT = {**ADDRESS, "search": "transport"}
DOMAIN = {"fold": True, "idna": "ascii", "search": "domain"}
NAME = {"fold": True, "idna": "ascii"}

ALIASES: Values = {
    "team@v.example": ["alice@v.example", "bob@v.example"],
    "box@v.example": "alice@v.example",
    "box+own@v.example": "carol@remote.example",
    "fixed@v.example": "alice+own@remote.example",
    "mixed@v.example": ["alice+own@v.example", '"quoted local"@remote.example', "carol@remote.example"],
    "desk@v.example": "Info Desk <bob@v.example>",
    "comment@v.example": "alice@v.example (the boss)",
    "quotes@v.example": '"quoted local"@remote.example',
    "elsewhere@v.example": "@remote.example",
    "bare@v.example": "alice",
    "two@v.example": "alice bob@v.example",
    "lines@v.example": "alice@v.example,, bob@v.example,",
    "chain1@v.example": "chain2@v.example",
    "chain2@v.example": "Chain3@V.Example",
    "chain3@v.example": "carol@remote.example",
    "loop1@v.example": "loop2@v.example",
    "loop2@v.example": "loop1@v.example",
    "me@v.example": ["me@v.example", "carol@remote.example"],
    "mine@v.example": "mine@v.example",
    "comma@v.example": ",",
    "command@v.example": "|/bin/false",
    "error@v.example": "nobody-at-all@v.example",
    "astray@v.example": "nobody@alias.example",
    "left@v.example": ["gone@v.example", "alice@v.example"],
    '"dot."@v.example': "alice@v.example",
    "owner-list@v.example": "alice@v.example",
    "list@v.example": "bob@v.example",
    "list-request@v.example": "carol@remote.example",
    "owner@v.example": "carol@remote.example",
    "+a@v.example": "alice@v.example",
    "-dash@v.example": "alice@v.example",
    "a.b.c@v.example": "bob@v.example",
    "postmaster@v.example": "alice@v.example",
    "mailer-daemon@v.example": "alice@v.example",
    '"quoted local"@v.example': "alice@v.example",
    '"at@sign"@v.example': "alice@v.example",
    '"plus local"@v.example': "bob@v.example",
    "straße@v.example": "alice@v.example",
    "jörg@v.example": "carol@remote.example",
    "ﬁnn@v.example": "bob@v.example",
    "σίσυφος@v.example": "bob@v.example",
    "i@v.example": "alice@v.example",
    "rené@bücher.example": "jörg@bücher.example",
    "plain@bücher.example": "alice@v.example",
    "someone@alias.example": "bob@v.example",
    "far@alias.example": "@remote.example",
    "@catch.example": "bob@v.example",
    "known@catch.example": "known@catch.example",
    "list@catch.example": ["alice@v.example", "carol@remote.example"],
    "@move.example": "@v.example",
    "alice@move.example": "alice+moved@remote.example",
    "team@move.example": "nobody@remote.example",
    "literal@[127.0.0.1]": "bob@v.example",
    "nickname": "bob@v.example",
    "alias@local.example": "bob@v.example",
    "alias@relay.example": "bob@v.example",
    "alias@remote.example": "bob@v.example",
}
MORE_ALIASES: Values = {
    "team@v.example": "bob@v.example",
    "more@v.example": "alice@v.example",
    "more@catch.example": "carol@remote.example",
}
MAILBOXES: Values = {
    "alice@v.example": "a/",
    "bob@v.example": "b/",
    "strict+only@v.example": "s/",
    "me@v.example": "m/",
    "mine@v.example": "m/",
    "gone@v.example": "g/",
    "gone+left@v.example": "g/",
    "kept@v.example": "k/",
    "old.name@v.example": "o/",
    "oldname@v.example": "o/",
    "watched@v.example": "w/",
    "blocked@v.example": "w/",
    "root@v.example": "r/",
    "abuse@v.example": "r/",
    "abuse+x@v.example": "r/",
    "moved@v.example": "t/",
    "boss@v.example": "t/",
    "intern@v.example": "t/",
    "sdt@v.example": "t/",
    "sdr@v.example": "t/",
    "shared@v.example": "t/",
    "postmaster@v.example": "p/",
    '"with blank"@v.example': "q/",
    "known@catch.example": "k/",
    "jörg@bücher.example": "j/",
    "plain@bücher.example": "j/",
    "@wild.example": "wild/",
    "any@watched.example": "w/",
    "@owned.example": "w/",
    "x@sub.open.example": "o/",
    "x@open.example": "o/",
}
RELAYED: Values = {
    "@relay.example": "ok",
    "bob@sub.relay.example": "ok",
    "bob+own@deep.sub.relay.example": "ok",
    "@other.example": "ok",
    "@straße.example": "ok",
}
LOCAL_USERS: Values = {
    "alice": "1",
    "bob": "1",
    "only+this": "1",
    "carol@local.example": "1",
    "@[127.0.0.1]": "1",
}
TRANSPORTS: Values = {
    "moved@v.example": "lmtp:unix:sink/other",
    "moved+far@v.example": "lmtp:unix:sink/relay",
    "transport.example": "lmtp:unix:sink/other",
    ".transport.example": "lmtp:unix:sink/relay",
    ".deep.transport.example": "lmtp:unix:sink/local",
    "user@sub.transport.example": "lmtp:unix:sink/mailbox",
    ".bücher.example": "lmtp:unix:sink/other",
    "discard.example": "discard:",
    "bounce.example": "error:5.7.1 nobody reads this",
    "kept@bounce.example": ":",
    "retry.example": "retry:4.7.1 not today",
    "nexthop@retry.example": "smtp:[127.0.0.3]:{port}",
    "tls@retry.example": "smtp:[127.0.0.4]:{port}",
    "*": ":",
}
RELOCATED: Values = {
    "gone@v.example": "gone@remote.example",
    "gone+left@v.example": "the garden",
    "@gone.example": "a better place",
    "here@gone.example": "another office",
}
CANONICAL: Values = {
    "old.name@v.example": "bob@v.example",
    "@old.example": "@v.example",
    "two@old.example": ["alice@v.example", "bob@v.example"],
    "name@old.example": "Bob <bob@v.example>",
    "jürgen@bücher.example": "jörg@bücher.example",
}
SENDER_CANONICAL: Values = {
    "s1@remote.example": "sender.one@remote.example",
    "s2@remote.example": '"sender two"@remote.example',
    "@hidden.example": "@remote.example",
    "robot@hidden.example": "noreply+fixed@remote.example",
}
RECIPIENT_CANONICAL: Values = {
    "oldname@v.example": "alice@v.example",
    "@former.example": "alice@v.example",
    "bob@former.example": "@v.example",
}
SENDER_BCC: Values = {
    "audited@remote.example": "auditor@remote.example",
    "audited+not@remote.example": "bob@v.example",
    "@audited.example": "auditor@remote.example",
}
RECIPIENT_BCC: Values = {
    "watched@v.example": "watcher@remote.example",
    "@watched.example": "watcher+all@remote.example",
    "list@relay.example": ["a@remote.example", "b@remote.example"],
}
SENDER_ACCESS: Values = {
    "spam@remote.example": "REJECT no spam",
    "spam+ok@remote.example": "PREPEND X-Access: full key",
    "tagged@remote.example": "PREPEND X-Access: user@domain",
    "domain.example": "PREPEND X-Access: domain",
    "parent.example": "PREPEND X-Access: parent",
    "near.parent.example": "PREPEND X-Access: near parent",
    "fine@blocked.example": "DUNNO",
    "blocked.example": "550 5.7.1 blocked",
    "list-admin+x@": "PREPEND X-Access: user+ext@",
    "newsletter@": "PREPEND X-Access: user@",
    "newsletter+x@": "PREPEND X-Access: user+ext@",
    '"sender two"@remote.example': "PREPEND X-Access: quoted",
    "bücher.example": "PREPEND X-Access: umlaut",
    "[192.0.2.7]": "PREPEND X-Access: literal",
    "later.example": "450 4.7.1 come again",
    "<>": "PREPEND X-Access: null",
}
RECIPIENT_ACCESS: Values = {
    "blocked@v.example": "REJECT not here",
    "root@": "554 5.7.1 no root",
    "abuse@": "PREPEND X-Recipient: user@",
    "abuse+x@": "PREPEND X-Recipient: user+ext@",
    "open.example": "PREPEND X-Recipient: domain",
    "hidden-things@v.example": "DISCARD",
    "hold@v.example": "REJECT held",
}
CLIENT_ACCESS: Values = {
    "bad.client.example": "REJECT bad client",
    "client.example": "PREPEND X-Client: parent",
    "mail.good.example": "PREPEND X-Client: name",
    "192.0.2": "PREPEND X-Client: network",
    "192.0.2.66": "554 5.7.1 bad address",
    "198.51": "PREPEND X-Client: big network",
    "2001:db8:1": "PREPEND X-Client: network of IPv6",
    "2001:db8:1::bad": "REJECT bad address",
    "unknown": "PREPEND X-Client: without a name",
}
HELO_ACCESS: Values = {
    "bad.helo.example": "REJECT bad helo",
    "helo.example": "PREPEND X-Helo: parent",
    "[192.0.2.9]": "PREPEND X-Helo: literal",
    "localhost": "REJECT you are not",
}
LOGINS: Values = {
    "boss@v.example": "bigboss",
    "shared@v.example": "alice, Bob bigboss",
    "shared+mine@v.example": "carol",
    "@owned.example": "alice",
    "intern@v.example": ["alice", "intern"],
}
GENERIC: Values = {
    "boss@v.example": "boss@public.example",
    "@inside.example": "@public.example",
    "cut@inside.example": "@public.example",
    "robot@inside.example": "noreply+bot@public.example",
    "carol@remote.example": "carol@public.example",
    "carol+keep@remote.example": "kept@public.example",
}
RELAYHOSTS: Values = {
    "sdr@v.example": "[127.0.0.2]:{port}",
    "sdr+not@v.example": "DUNNO",
    "@sdr.example": "[127.0.0.2]:{port}",
}
DEFAULT_TRANSPORTS: Values = {
    "sdt@v.example": "lmtp:unix:sink/other",
    "sdt+not@v.example": "DUNNO",
    "@sdt.example": "lmtp:unix:sink/other",
}
TLS_POLICIES: Values = {
    "[127.0.0.4]:{port}": "encrypt",
    "[127.0.0.1]:{port}": "may",
}
MAPS = {
    "first_alias_maps": Map("alias", ALIASES, ALIAS),
    "second_alias_maps": Map("more-aliases", MORE_ALIASES, ALIAS),
    "virtual_alias_domains": Map("alias-domain", {"alias.example": "ok", "move.example": "ok"}, NAME),
    "virtual_mailbox_domains": Map("domain", dict.fromkeys(
        ("v.example", "bücher.example", "catch.example", "wild.example", "gone.example", "watched.example",
         "open.example", "sub.open.example", "owned.example", "old.example", "former.example"), "ok"), NAME),
    "virtual_mailbox_maps": Map("mailbox", MAILBOXES, ADDRESS),
    "relay_domains": Map("relay-domain", dict.fromkeys(("relay.example", "other.example", "straße.example"), "ok"),
                         DOMAIN),
    "relay_recipient_maps": Map("relay", RELAYED, ADDRESS),
    "local_recipient_maps": Map("local", LOCAL_USERS, LOCAL),
    "transport_maps": Map("transport", TRANSPORTS, TRANSPORT),
    "relocated_maps": Map("relocated", RELOCATED, ADDRESS),
    "canonical_maps": Map("canonical", CANONICAL, REWRITE),
    "sender_canonical_maps": Map("sender-canonical", SENDER_CANONICAL, REWRITE),
    "recipient_canonical_maps": Map("recipient-canonical", RECIPIENT_CANONICAL, REWRITE),
    "sender_bcc_maps": Map("sender-bcc", SENDER_BCC, ADDRESS),
    "recipient_bcc_maps": Map("recipient-bcc", RECIPIENT_BCC, ADDRESS),
    "check_sender_access": Map("sender-access", SENDER_ACCESS, ACCESS),
    "check_recipient_access": Map("recipient-access", RECIPIENT_ACCESS, ACCESS),
    "check_client_access": Map("client-access", CLIENT_ACCESS, ACCESS),
    "check_helo_access": Map("helo-access", HELO_ACCESS, ACCESS),
    "smtpd_sender_login_maps": Map("login", LOGINS, ADDRESS),
    "smtp_generic_maps": Map("generic", GENERIC, ADDRESS),
    "sender_dependent_relayhost_maps": Map("relayhost", RELAYHOSTS, ADDRESS),
    "sender_dependent_default_transport_maps": Map("default-transport", DEFAULT_TRANSPORTS, ADDRESS),
    "smtp_tls_policy_maps": Map("tls", TLS_POLICIES, {}),
}
