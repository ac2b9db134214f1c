"""The mails of test_postfix_keys.py: for each thing that a map can do with an address, in each spelling of it."""

from postfix_outcomes import Mail

RECIPIENTS = """
bob@v.example
BOB@V.Example
Team@V.EXAMPLE
team@v.example
team+News@v.example
TEAM+news+more@V.example
team-news@v.example
team-a+b@v.example
box@v.example
box+own@v.example
Box+OWN@v.example
box+own+more@v.example
box+@v.example
box-own@v.example
fixed+x@v.example
mixed@v.example
mixed+x@v.example
desk@v.example
desk+x@v.example
comment@v.example
comment+x@v.example
quotes@v.example
quotes+x@v.example
quotes-y@v.example
elsewhere@v.example
Elsewhere+X@v.example
bare@v.example
bare+x@v.example
bare+x!y@v.example
bare+x%y@v.example
fixed+x!y%z@v.example
two@v.example
two+x@v.example
lines@v.example
lines+x@v.example
chain1@v.example
Chain1+Folder@v.example
loop1@v.example
me@v.example
Me+x@v.example
mine@v.example
MINE+x@v.example
comma@v.example
command@v.example
error@v.example
error+x@v.example
more@v.example
More+x@V.example
astray@v.example
astray+x@v.example
left@v.example
left+left@v.example
dot.+x@v.example
"dot."@v.example
owner-list@v.example
Owner-List@v.example
owner-other@v.example
owner+x@v.example
list@v.example
list-request@v.example
list-x-request@v.example
list-help@v.example
list+x-request@v.example
+a@v.example
-dash@v.example
-dash+x@v.example
+b@v.example
+@v.example
a.b.c@v.example
A.B.C+x.y@v.example
"a.b.c"@v.example
"team"@v.example
"Team+X"@v.example
"team+a b"@v.example
"quoted local"@v.example
"Quoted LOCAL"@v.example
"quoted local+x"@v.example
"at@sign"@v.example
"at@sign+x"@v.example
"plus local"@v.example
"plus local-y"@v.example
"plus local+y z"@v.example
"with blank"@v.example
"with blank+x"@v.example
"with\\ blank"@v.example
"team\\+x"@v.example
""@v.example
"no such"@v.example
postmaster
Postmaster
postmaster@v.example
postmaster+x@v.example
POSTMASTER-x@v.example
mailer-daemon@v.example
MAILER-DAEMON+x@v.example
double-bounce@v.example
strict@v.example
strict+only@v.example
STRICT+Only@v.example
strict+other@v.example
nobody@v.example
nobody+x@v.example
alice+special@v.example
straße@v.example
STRASSE@v.example
Strasse+ß@v.example
jörg@v.example
JÖRG+Ö@v.example
jörg@v.example
FINN@v.example
ﬁnn+ﬁ@v.example
ΣΊΣΥΦΟΣ@v.example
σίσυφος@v.example
I@v.example
ı@v.example
İ@v.example
rené@bücher.example
RENÉ+X@BÜCHER.example
rené@xn--bcher-kva.example
RENÉ@XN--BCHER-KVA.Example
jörg@bücher.example
Jörg+ext@xn--bcher-kva.example
plain@xn--bcher-kva.example
Plain+X@bücher.example
plain@BÜCHER.EXAMPLE
nobody@bücher.example
nobody@xn--bcher-kva.example
jürgen@bücher.example
JÜRGEN+x@xn--bcher-kva.example
someone@alias.example
Someone+X@ALIAS.example
far@alias.example
far+x@alias.example
nobody@alias.example
anybody@catch.example
ANY.body+x@Catch.Example
"any body"@catch.example
known@catch.example
known+x@catch.example
list@catch.example
list+x@catch.example
+x@catch.example
bob@move.example
Bob+X@move.example
alice@move.example
alice+x@move.example
team@move.example
team+x@move.example
nobody@move.example
"quoted local"@move.example
anybody@wild.example
anybody+x@WILD.example
bob@relay.example
Bob+X@Relay.Example
bob@sub.relay.example
BOB+x@Sub.Relay.example
nobody@sub.relay.example
bob@deep.sub.relay.example
bob+own@deep.sub.relay.example
bob+own+x@DEEP.sub.relay.example
any@other.example
any@sub.other.example
any@strasse.example
any@straße.example
any@notrelay.example
alice
Alice+x
bob
BOB-x
only+this
only+that
nobody-local
carol@local.example
carol+x@local.example
alice@local.example
alice@LOCAL.example
alias@local.example
Alias+x@Local.example
bob@[127.0.0.1]
literal@[127.0.0.1]
Literal+x@[127.0.0.1]
bob@[192.0.2.77]
alias@relay.example
alias+x@relay.example
alias@remote.example
Alias+X@Remote.Example
someone@remote.example
Some.One+X@Remote.example
carol@remote.example
carol+x@remote.example
carol+keep@remote.example
CAROL+KEEP+more@remote.example
user@inside.example
user+x@inside.example
ROBOT@inside.example
robot+x@inside.example
moved@v.example
Moved+x@v.example
moved+far@v.example
x@transport.example
x@sub.transport.example
user@sub.transport.example
User+x@Sub.Transport.example
x@deep.transport.example
x@very.deep.transport.example
x@notransport.example
x@[127.0.0.9]
"a b"@transport.example
x@sub.bücher.example
x@SUB.xn--bcher-kva.example
x@discard.example
x@bounce.example
kept@bounce.example
Kept+x@Bounce.example
x@sub.bounce.example
x@retry.example
nexthop@retry.example
tls@retry.example
TLS+x@retry.example
gone@v.example
Gone+x@v.example
gone+left@v.example
any@gone.example
here@gone.example
Here+x@gone.example
old.name@v.example
Old.Name+x@v.example
bob@old.example
bob+x@old.example
two@old.example
two+x@old.example
name@old.example
name+x@old.example
oldname@v.example
OldName+X@v.example
any@former.example
any+x@former.example
bob@former.example
bob+x@former.example
watched@v.example
Watched+x@v.example
any@watched.example
list@relay.example
blocked@v.example
Blocked+x@v.example
root@v.example
ROOT+x@v.example
root@relay.example
abuse@v.example
abuse+x@v.example
Abuse+Y@v.example
x@open.example
x@sub.open.example
x@sub.sub.open.example
hidden-things@v.example
hold+x@v.example
bob%v.example@local.example
bob%relay.example@local.example
remote.example!bob@local.example
@remote.example:bob@v.example
bob@v.example.
bob@.v.example
bob@v..example
bob@@v.example
bob@v@v.example
@v.example
bob@
bob@sub.v.example
bob@example
""
" "@v.example
bob@v.example@remote.example
'o'brien'@v.example
user=name@v.example
SRS0=xyz=AB=remote.example=bob@v.example
{curly}@v.example
bob@xn--.example
bob@xn--a.example
bob@xn--zzzzzz.example
bob@ex_ample.example
bob@ẞ.example
bob@ﬁ.example
bob@①.example
bob@日本。example
""".strip().splitlines()

SENDERS = """
s1@remote.example
S1+x@Remote.example
s2@remote.example
s2+x@remote.example
any@hidden.example
Any+X@hidden.example
robot@hidden.example
robot+x@hidden.example
audited@remote.example
Audited+x@remote.example
audited+not@remote.example
any@audited.example
spam@remote.example
Spam+x@Remote.example
spam+ok@remote.example
tagged+x@remote.example
any@domain.example
any@sub.domain.example
any@parent.example
any@near.parent.example
any@far.near.parent.example
any@other.parent.example
fine@blocked.example
fine+x@blocked.example
any@blocked.example
ANY@Sub.BLOCKED.example
list-admin+x@remote.example
list-admin@remote.example
newsletter@remote.example
Newsletter+x@remote.example
newsletter+y@any.example
newsletter@blocked.example
"sender two"@remote.example
"Sender Two+x"@remote.example
any@bücher.example
any@xn--bcher-kva.example
any@sub.bücher.example
any@[192.0.2.7]
any@later.example
nobody@v.example
nobody@local.example
alice@v.example
alice+x@local.example
any@catch.example
any@sub.relay.example
sdr@v.example
Sdr+x@v.example
sdr+not@v.example
any@sdr.example
sdt@v.example
SDT+x@v.example
sdt+not@v.example
any@sdt.example
boss@v.example
boss+x@v.example
Boss@V.example
shared@v.example
intern@v.example
any@owned.example
user@inside.example
robot+x@inside.example
rené@bücher.example
jürgen@xn--bcher-kva.example
any

""".strip("\n").splitlines()

CLIENTS = (
    ("mail.client.example", "203.0.113.1"), ("MAIL.Client.Example", "203.0.113.1"),
    ("bad.client.example", "203.0.113.1"), ("very.bad.client.example", "203.0.113.1"),
    ("mail.good.example", "203.0.113.1"), ("sub.mail.good.example", "192.0.2.25"), ("client.example", "192.0.2.66"),
    ("", "192.0.2.25"), ("x.example", "192.0.2.25"), ("x.example", "192.0.2.66"), ("x.example", "198.51.100.1"),
    ("x.example", "198.5.1.1"), ("x.example", "2001:db8:1::1"), ("x.example", "2001:db8:1:2::1"),
    ("x.example", "2001:db8:1::bad"), ("x.example", "2001:db8:1::bad:1"), ("x.example", "2001:db8:2::1"),
    ("x.example", "203.0.113.1"),
)
HELOS = ("bad.helo.example", "Bad.HELO.example", "sub.bad.helo.example", "good.helo.example", "helo.example",
         "[192.0.2.9]", "[192.0.2.10]", "localhost", "LocalHost", "x.localhost", "host.example.", "under_score")
LOGINS = (
    ("boss@v.example", "bigboss"), ("boss@v.example", "BigBoss"), ("Boss+x@v.example", "bigboss"),
    ("boss@v.example", "alice"), ("shared@v.example", "alice"), ("SHARED+x@v.example", "bob"),
    ("shared+mine@v.example", "carol"), ("shared+mine@v.example", "alice"), ("any@owned.example", "alice"),
    ("any+x@owned.example", "bob"), ("intern@v.example", "intern"), ("Intern+x@V.EXAMPLE", "ALICE"),
    ("alice@v.example", "alice"), ("any@remote.example", "alice"), ("", "alice"),
)


def mails():
    """Yields the mails of the test."""
    for recipient in RECIPIENTS:
        yield Mail(recipient)
    yield Mail("x" * 64 + "@v.example")
    yield Mail("team+" + "x" * 400 + "@v.example")
    yield Mail("bob@" + "sub." * 200 + "relay.example")
    yield Mail("any+" + "y" * 900 + "@catch.example")
    for sender in SENDERS:
        yield Mail("someone@remote.example", sender)
    for name, address in CLIENTS:
        yield Mail("bob@v.example", client=name, address=address)
    for helo in HELOS:
        yield Mail("bob@v.example", client="x.example", address="203.0.113.1", helo=helo)
    for sender, login in LOGINS:
        yield Mail("bob@v.example", sender, login=login)


# What a file does and podop cannot do, with the reason. podop.conf(5) has the list, too.
DIFFERENT = {
    Mail("nickname@local.example"): "a key without a domain is for Postfix's own domains, which podop does not know",
    Mail("cut+x@inside.example"): "Postfix takes the local part for @public.example from the whole key",
    Mail("more@catch.example"): "of two maps, Postfix looks for each form in both; podop looks for all in the first",
}
