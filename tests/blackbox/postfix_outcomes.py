"""Mails sent through a private Postfix, and what became of each: replies, deliveries, rewritten addresses, bounces."""

import dataclasses
import re
import smtplib

import harness

# --- mails and their client -------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Mail:
    """A mail to send; `client`, `address`, `helo` and `login` are what smtpd is told of its client."""

    recipient: str
    sender: str = "sender@remote.example"
    client: str = ""
    address: str = ""
    helo: str = ""
    login: str = ""

    @property
    def name(self):
        """What a failure calls the mail."""
        values = dataclasses.asdict(self)
        return " ".join(f"{field}={value}" for field, value in values.items() if value)

    def identity(self):
        """Returns the arguments of XCLIENT."""
        names = {"NAME": self.client or self.address and "[UNAVAILABLE]",
                 "ADDR": "IPV6:" + self.address if ":" in self.address else self.address,
                 "HELO": self.helo, "LOGIN": self.login}
        return " ".join(f"{name}={value}" for name, value in names.items() if value)


class Client:
    """Sends mails, those of one client after the other in one SMTP session."""

    def __init__(self, port, kind):
        self.port, self.kind, self.identity, self.session = port, kind, None, None
        self.numbers = {}  # of each queue file: the number of its mail

    def become(self, mail):
        """Opens a session and tells smtpd who its client is, unless the session is of this client."""
        if mail.identity() == self.identity:
            return
        self.close()
        self.session = smtplib.SMTP("127.0.0.1", self.port, timeout=harness.GUARD)
        self.session.command_encoding = "utf-8"
        self.identity = mail.identity()
        if self.identity:
            reply = self.session.docmd("XCLIENT " + self.identity)
            if reply[0] != 220:
                raise AssertionError(f"XCLIENT {self.identity}: {reply}")
        self.session.docmd(f"EHLO {mail.helo or 'client.example'}")

    def send(self, number, mail):
        """Sends a mail; returns the replies to its commands."""
        self.become(mail)
        utf8 = "" if (mail.sender + mail.recipient).isascii() else " SMTPUTF8"
        replies = [self.command("RSET"), self.command(f"MAIL FROM:<{mail.sender}>{utf8}"),
                   self.command(f"RCPT TO:<{mail.recipient}>")]
        if replies[-1].startswith("250"):
            replies.append(self.command("DATA"))
            if replies[-1].startswith("354"):
                text = (f"X-Mail: {self.kind}/{number}\r\nFrom: <{mail.sender or 'nobody@remote.example'}>\r\n"
                        f"To: <{mail.recipient}>\r\n\r\ntext\r\n.\r\n")
                self.session.send(text.encode())
                reply = self.session.getreply()
                self.numbers.update((name.decode(), number) for name in re.findall(rb"queued as (\w+)", reply[1]))
                replies.append(self.reply(reply))
        return replies

    def command(self, line):
        return self.reply(self.session.docmd(line))

    @staticmethod
    def reply(reply):
        """Returns a reply as text, without the name of the queue file."""
        return f"{reply[0]} " + re.sub(r"queued as \w+", "queued", reply[1].decode(errors="backslashreplace"))

    def close(self):
        if self.session:
            self.session.close()


# --- what became of the mails -----------------------------------------------------------------------------------------

VARYING = ("received:", "date:", "message-id:", "x-mail:")
DELIVERED = re.compile(r"(?m) (\w+): to=<(.*?)>, (?:orig_to=<(.*?)>, )?relay=.*?, dsn=(\S+), status=(\w+) \((.*)\)$")
BOUNCE = re.compile(r"(?m) (\w+): sender non-delivery notification: (\w+)$")


class Outcome:
    """What became of one mail, as lines that are the same for every kind of map."""

    def __init__(self):
        self.replies, self.arrived, self.logged = [], [], []

    def lines(self):
        return [*self.replies, *sorted(self.arrived), *sorted(self.logged)]


def arrivals(sink, kind):
    """Yields the number of each mail that arrived, or came back in a notice, with a line on it."""
    for text, deliveries in sink.mails:
        mark = re.search(r"X-Mail: (\S+)/(\d+)", text)
        if mark and mark[1] == kind:
            for delivery in deliveries:
                headers = [line for line in delivery.headers if not line.lower().startswith(VARYING)]
                yield int(mark[2]), (f"at {delivery.place}: {delivery.sender} -> {delivery.recipient}: "
                                     + re.sub('boundary="[^"]*"', "", " | ".join(headers)))


def with_notices(log, numbers):
    """Returns the numbers of the queue files, and of the notices that were written about them, in whatever order."""
    parents = {notice: parent for parent, notice in BOUNCE.findall(log)}
    return numbers | {notice: numbers[parent] for notice, parent in parents.items() if parent in numbers}


def log_lines(log, numbers):
    """Yields the number of each mail that Postfix delivered, returned or deferred, with a line on it."""
    for name, address, original, dsn, status, text in DELIVERED.findall(log):
        if name in numbers:
            what = f"{status} {dsn}: {original or address} as {address}"
            yield numbers[name], what if status == "sent" else f"{what}: {text}"


def whole_log(postfix):
    """Returns the log when every mail was delivered, returned or deferred, and postlogd has written all of it."""
    for _ in range(2):  # as a mail can move while one looks
        harness.wait_until(postfix.is_idle, "the queue is empty")
    postfix.run("postlog", "-t", "postfix/test", "the end")
    harness.wait_until(lambda: "the end\n" in postfix.log(), "the log is written")
    return postfix.log()


def outcomes(postfix, sink, mails):
    """Sends the mails through a Postfix; returns what became of each."""
    results = [Outcome() for _ in mails]
    client = Client(postfix.port, postfix.kind.name)
    try:
        for number, mail in enumerate(mails):
            results[number].replies = client.send(number, mail)
    finally:
        client.close()
    log = whole_log(postfix)
    for number, line in arrivals(sink, postfix.kind.name):
        results[number].arrived.append(line)
    for number, line in log_lines(log, with_notices(log, client.numbers)):
        results[number].logged.append(line)
    return [result.lines() for result in results]
