"""Replays a capture against podop, connection by connection in the captured order."""

import json
from urllib.parse import unquote_to_bytes

from capture_files import CHANGED, METHODS, SKIP, Special
from capture_talks import DictTalk, SocketmapTalk, as_json, meaning
from dict import EXACT, NO_VALUES, RECURSE, Dict
from harness import CLOSE, Socketmap, http, percent, shown, url_table


# --- the backend ----------------------------------------------------------------------------------------------------


class Mirror:
    """The default answers of a backend that stores what is written; a test can also script the next answer."""

    def __init__(self):
        self.values = {}  # by target and user of a private key: the JSON text
        self.scripts = {}  # by method and target: steps instead of the answer
        self.gates = {}  # by method and target

    def __call__(self, request):
        where = (request.method, request.target.decode())
        gate = self.gates.get(where)
        steps = self.scripts.get(where) or (lambda: self._answer(request),)
        return ((gate,) if gate else ()) + steps

    def _answer(self, request):
        method, target = request.method, request.target.decode()
        key = (target, unquote_to_bytes("".join(request.header("Podop-User"))))
        if method == "GET" and target.endswith("/"):
            return self._list(*key)
        if method == "POST":
            self.values[key] = request.body.decode()
        elif key not in self.values:
            return http(status=404)
        elif method == "GET":
            return http(self.values[key])
        elif method == "DELETE":
            del self.values[key]
        else:
            self.values[key] = json.dumps(str(int(json.loads(self.values[key])) + json.loads(request.body)["inc"]))
        return http(status=204)

    def _list(self, path, user):
        tail = "/" + percent(user, b"/") if user else ""
        rows = {}
        for (target, owner), text in sorted(self.values.items()):
            if owner == user and target.startswith(path):
                rows[unquote_to_bytes(target[len(path):len(target) - len(tail)]).decode()] = text
        if not rows:
            return http(status=404)
        if len(rows) % 2:  # some capture has each of the two forms
            return http("{%s}" % ",".join(f"{json.dumps(name)}: {text}" for name, text in rows.items()))
        return http(json.dumps(list(rows)))


# --- the replay -----------------------------------------------------------------------------------------------------


class Replay:
    """A capture that is carried out connection by connection, in the captured order."""

    def __init__(self, case, capture):
        self.case, self.capture = case, capture
        self.mirror = Mirror()
        self.http = case.backend(default=self.mirror)
        self.model = {}  # by target: what the client must find, None for nothing
        self.written = set()  # those of them that the client wrote
        self.count = 0
        self.plan = self._plan()

    # the plan pairs requests and replies before anything is sent, so that the backend is prepared for them

    def _plan(self):
        """Turns the steps into (title, actions), in which packets hold the requests with their captured replies."""
        skip = SKIP.get(self.capture.kind, {})
        live, ignored, plan = {}, set(), []
        for title, events in self.capture.steps:
            actions = []
            plan.append((title, actions))
            opened, here = 0, {}
            for what, number, data in events:
                if what == "client connected" or number not in live and number not in ignored:
                    opened += 1
                    live.pop(number, None)
                    ignored.discard(number)
                    if (title, opened) in skip or title in skip:
                        ignored.add(number)
                    else:
                        live[number] = [None, None]
                        here[number] = opened
                    if what == "client connected":
                        continue
                if number in ignored or title in skip:
                    if number in live and what == "client closed":
                        actions.append(("close", live.pop(number)[0]))
                    continue
                try:
                    self._plan_event(live, number, what, data, actions)
                except Special as special:
                    raise AssertionError(f"{self.capture.name}, step {title!r}, connection {number} "
                                         f"({here.get(number, 'opened before')}): {special}") from None
        for talk, _ in live.values():
            if talk is not None:
                plan[-1][1].append(("close", talk))
        return plan

    def _plan_event(self, live, number, what, data, actions):
        talk, packet = live[number]
        if talk is None and data:
            talk = live[number][0] = DictTalk() if data[:1] == b"H" else SocketmapTalk()
        if what == ">":
            packet = live[number][1] = ([], [])
            actions.append(("send", talk, packet))
        if what in (">", ">+"):
            packet[0].append(data)
            asked = talk.client_line(data)
            if asked is not None:
                packet[1].append(asked)
        elif what == "<":
            for asked in talk.server_bytes(data):
                actions.append(("answer", talk, asked))
        elif what in ("client closed", "server closes"):
            if talk is not None and (talk.owed or talk.data):
                raise Special("the connection ends before all replies")
            if talk is not None:
                actions.append(("close", talk))
            del live[number]
        else:
            raise Special(what)

    # carrying out the plan

    def run(self):
        tables = {action[1].table for _, actions in self.plan for action in actions if action[1] is not None}
        tables |= {asked.table for _, actions in self.plan for action in actions if action[0] == "send"
                   for asked in action[2][1] if asked.kind == "P"}
        self.case.socket = self.case.path("s")
        podop = self.case.serve(*[url_table(self.http, table, f"/{table}/§", value="string", max_response="16M")
                                  for table in sorted(tables)])
        self.clients = {}
        for title, actions in self.plan:
            self.title = title
            with self.case.subTest(capture=self.capture.name, step=title):
                for action in actions:
                    getattr(self, "_" + action[0])(*action[1:])
        podop.stop()

    def _send(self, talk, packet):
        if talk not in self.clients:
            if talk.version:
                self.clients[talk] = Dict(self.case.socket, talk.version, greet=False)
            else:
                self.clients[talk] = Socketmap(self.case.socket)
            self.case.addCleanup(self.clients[talk].close)
        client = self.clients[talk]
        for asked in packet[1]:
            self._prepare(talk, asked)
            if talk.version:
                name = [path.decode() for path in asked.name] if asked.kind == "I" else asked.name.decode()
                asked.sent = client.expect(asked.kind, name, asked.flags)
        client.send(b"".join(packet[0]))

    def _answer(self, talk, asked):
        client = self.clients[talk]
        asked.gate.set()
        got = client.wait(asked.sent) if talk.version else client.read()
        self.count += 1
        for where in asked.where:
            self.mirror.gates.pop(where, None)
            self.mirror.scripts.pop(where, None)
        self._check(talk, asked, got)

    def _close(self, talk):
        """Checks that the connection still answers one more lookup, and that it ends when the client ends it."""
        client = self.clients.pop(talk, None)
        if client is None:
            return
        self.mirror.scripts["GET", f"/{talk.table}/still-open"] = (http(status=404),)
        if talk.version:
            client.send(b"Lshared/still-open" + (b"\n" if talk.version[0] == 2 else b"\t\n"))
            self.case.check_payload(client.wait(client.expect("L", "shared/still-open")), "N")
            client.half_close()
            client.read_end()
        else:
            self.case.check_payload(client.ask(talk.table, "still-open"), "NOTFOUND ")
            client.half_close()
            self.case.assertIsNone(client.read())
        client.close()

    def _know(self, key, text):
        """Gives the backend the value that the captured server had (None: no value); a second, different
        value is a fault."""
        if key in self.model and self.model[key] != text:
            if key in self.written and self.title not in CHANGED.get(self.capture.kind, {}):
                self.case.fail(f"{key[0]} was made {shown(repr(self.model[key]).encode())} by the client, "
                               f"and is {shown(repr(text).encode())}")
            del self.model[key]
            self.written.discard(key)
        if key not in self.model:
            self.model[key] = text
            if text is None:
                self.mirror.values.pop(key, None)
            else:
                self.mirror.values[key] = text

    def _prepare(self, talk, asked):
        """Gives the backend what the captured reply requires, and delays its answer until that reply is due."""
        asked.gate = self.http.gate()
        asked.where = [("GET", asked.key[0])] if asked.key else []
        letter = asked.answer[:1]
        if asked.kind == "P":
            self._prepare_lookup(asked, {b"TEMP": http(status=429), b"PERM": http(r'"a\u0000b"')}.get(asked.answer))
        elif asked.kind == "L":
            self._prepare_lookup(asked, http(status=500) if letter == b"F" else None)
        elif asked.kind == "I":
            self._prepare_list(talk, asked)
        else:
            self._prepare_commit(asked)
        for where in asked.where[:1]:
            self.mirror.gates[where] = asked.gate

    def _prepare_lookup(self, asked, failure):
        if failure:
            self.mirror.scripts["GET", asked.key[0]] = (failure,)
        elif asked.key[0].endswith("/"):  # an empty key, which has the target of a list
            self.mirror.scripts["GET", asked.key[0]] = (http(status=404),)
            if asked.answer[:1] != b"N":
                raise AssertionError("a value of the empty key")
        elif asked.answer[:1] == b"N":
            self._know(asked.key, None)
        elif asked.kind == "P":
            value = asked.answer[3:].decode()
            self._know(asked.key, json.dumps(value.split(",") if "," in value else value))
        else:
            self._know(asked.key, as_json(asked.answer[1:]))

    def _prepare_list(self, talk, asked):
        rows = {talk.key(key, asked.user): value for key, value in asked.rows}
        path, user = asked.key
        if asked.answer == b"F":
            self.mirror.scripts["GET", path] = (http(status=500),)
            return
        tail = len("/" + percent(user, b"/")) if user else 0
        for key in list(self.model):
            target, owner = key
            below = owner == user and target.startswith(path) and not asked.flags & EXACT
            deeper = "/" in target[len(path):len(target) - tail]
            if below and key not in rows and (asked.flags & RECURSE or not deeper):
                self._know(key, None)
        for key, value in rows.items():
            if not asked.flags & NO_VALUES or self.model.get(key) is None:
                self._know(key, as_json(value))

    def _prepare_commit(self, asked):
        asked.where = [(METHODS[op], key[0]) for op, key, _ in asked.ops]
        asked.before = len(self.http.requests)
        letter = asked.answer
        if letter == b"F":
            self.mirror.scripts[asked.where[0]] = (http(status=500),)
        elif letter == b"W":
            self.mirror.scripts[asked.where[0]] = (CLOSE,)
        else:
            self._model_commit(asked, letter)

    def _model_commit(self, asked, letter):
        self.written.update(key for _, key, _ in asked.ops)
        for op, key, value in asked.ops:
            if op == "S":
                self.model[key] = json.dumps(value.decode())
            elif op == "U":
                self.model[key] = None
            elif letter == b"N":
                self._know(key, None)
            elif self.model.get(key) is not None:
                self.model[key] = json.dumps(str(int(json.loads(self.model[key])) + int(value)))
            else:
                if key in self.model:
                    self._know(key, '"1000"')
                self.mirror.values[key] = '"1000"'
                self.model.pop(key, None)

    # what podop answered

    def _check(self, talk, asked, got):
        if asked.kind == "P":
            # for Postfix an empty value is a miss
            expected = "NOTFOUND " if asked.answer in (b"NOTFOUND", b"OK ") else asked.answer
            if expected in (b"TEMP", b"PERM"):
                self.case.check_reason(got, expected.decode(), asked.table)
            else:
                self.case.check_payload(got, expected)
        elif asked.answer[:1] in (b"F", b"W"):
            self.case.check_failure(got, talk.table, asked.answer[:1])
        elif asked.kind == "I":
            self.case.check_payload(got, b"")
            expected = [(key, b"" if asked.flags & NO_VALUES else value) for key, value in asked.rows]
            self.case.assertEqual(*(sorted(((key, meaning(value)) for key, value in rows), key=str)
                                    for rows in (asked.sent.rows, expected)))
        else:
            self.case.assertEqual((got[:1], meaning(got[1:])), (asked.answer[:1], meaning(asked.answer[1:])))
            if asked.kind in "CD":
                self._check_writes(asked)

    def _check_writes(self, asked):
        """Fails unless the backend got the changes of the transaction in their order."""
        targets = {key[0] for _, key, _ in asked.ops}
        seen = [(request.method, request.target.decode(), json.loads(request.body or b"null"))
                for request in self.http.requests[asked.before:]
                if request.method != "GET" and request.target.decode() in targets]
        body = {"S": bytes.decode, "U": lambda value: None, "A": lambda value: {"inc": int(value)}}
        expected = [(METHODS[op], key[0], body[op](value)) for op, key, value in asked.ops]
        self.case.assertEqual(seen, expected)
