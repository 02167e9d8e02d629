"""A Slack on loopback that keeps Slack's rules: Web API, files, Socket Mode, response URLs.

People do things with it (`slash`, `click`, `mention` ...), and look at what is in its channels.
An acknowledgement that takes over three seconds fails the test, as it fails people.
"""

import asyncio
import json
import math
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, encode_basic_auth, web

from bot.benchmarks.loopback_slack.rules import refuse_message

TEAM, BOT, BOT_ID, APP = "T1", "UBOT", "BBOT", "A1"
TOKEN, APP_TOKEN = "xoxb-loopback", "xapp-loopback"
#: Of the app, where workspaces add it by themselves.
CLIENT_ID, CLIENT_SECRET = "1.2", "loopback-client-secret"
ANN, BOB, ADMIN = "UANN", "UBOB", "UADMIN"
ART, OTHER, OLD, DM = "CART", "COTHER", "COLD", "DANN"
#: Seconds in which Slack wants its acknowledgement.
DEADLINE = 3.0
#: How often a response URL may be used, and for how many seconds.
MOST_USES, ADDRESS_LIFE = 5, 1800.0
#: What is seen as a new message.
POSTING = {"chat.postMessage", "files.completeUploadExternal"}

Json = dict[str, Any]
#: Hands a payload of some kind to the app, and returns what came with the acknowledgement.
Door = Callable[[str, Json], Awaitable[Json | None]]


@dataclass
class Channel:
    members: set[str]
    archived: bool = False
    messages: dict[str, Json] = field(default_factory=dict)


class LoopbackSlack:
    """One workspace with one app in it, and a server for it and its neighbours."""

    def __init__(
        self, team: str = TEAM, enterprise: str = "", token: str = TOKEN, numbers: Any = None
    ) -> None:
        self.team = team
        self.enterprise = enterprise
        self.token = token
        #: Seconds that its tokens live, where the app has chosen that they end; else 0.
        self.lives = 0
        #: What buys its next token.
        self.refresh = ""
        #: Whether the app was added for the whole organisation.
        self.whole = False
        self._numbers = numbers or count(1)
        #: The workspaces that the server serves, by the app's token there.
        self.served: dict[str, LoopbackSlack] = {token: self}
        #: What admins have allowed: codes, each good for one token.
        self.codes: dict[str, LoopbackSlack] = {}
        self.channels = {
            ART: Channel({BOT, ANN, BOB, ADMIN}),
            OTHER: Channel({ANN}),
            OLD: Channel({BOT, ANN}, archived=True),
            DM: Channel({BOT, ANN}),
        }
        self.users = {user: {"id": user, "is_admin": user == ADMIN} for user in (ANN, BOB, ADMIN)}
        self.calls: list[tuple[str, Json]] = []
        self.files: dict[str, Json] = {}
        self.whispers: list[Json] = []
        #: What was said by a response URL that is good no more.
        self.overused: list[str] = []
        #: Forms that were opened, oldest first, and each person's Home.
        self.forms: list[Json] = []
        self.homes: dict[str, Json] = {}
        self._triggers: dict[str, float] = {}
        self.revoked = False
        #: Faults of the next calls, by method; "after" ones are carried out first.
        self.before: dict[str, list[web.Response]] = defaultdict(list)
        self.after: dict[str, list[web.Response]] = defaultdict(list)
        #: Seconds that people wait for an acknowledgement.
        self.deadline = DEADLINE
        self.slowest_ack = 0.0
        #: Seconds between two messages in a channel, above which Slack asks for a pause.
        self.pace = 0.0
        self.pauses = 0
        self._ready: dict[str, float] = {}
        #: Each with whose it is, when it was given, and how often it was used.
        self._addresses: dict[str, tuple[LoopbackSlack, float, list[str]]] = {}
        self._acks: dict[str, asyncio.Future[Any]] = {}
        self._sockets: list[web.WebSocketResponse] = []
        #: Whether everything comes by each connection of the app, as it may.
        self.echoes = False
        self.connected = asyncio.Event()
        self.changed = asyncio.Condition()
        self.url = ""
        #: Takes envelopes in the place of the socket: an app that listens to HTTP.
        self.door: Door | None = None

    @property
    def base_url(self) -> str:
        return f"{self.url}/api/"

    def routes(self) -> web.Application:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/api/{method}", self._api)
        app.router.add_get("/api/{method}", self._api)
        app.router.add_post("/upload/{id}", self._upload)
        app.router.add_post("/response/{id}", self._respond)
        app.router.add_get("/socket", self._serve_socket)
        app.router.add_get("/files/{id}", self._download)
        return app

    def neighbour(self, team: str, token: str, enterprise: str = "") -> Self:
        """Returns another workspace of the same server."""
        other = type(self)(team, enterprise, token, self._numbers)
        other.served, other.codes, other.url = self.served, self.codes, self.url
        other._addresses, other.door = self._addresses, self.door
        other.deadline = self.deadline
        self.served[token] = other
        return other

    # ---- what people see -------------------------------------------------------------------

    def messages(self, channel: str = ART, thread: str | None = None) -> list[Json]:
        """Returns the messages of a channel, or of a thread, oldest first."""
        found = self.channels[channel].messages.values()
        return [m for m in found if m.get("thread_ts") == thread or m["ts"] == thread]

    def called(self, method: str) -> list[Json]:
        return [arguments for name, arguments in self.calls if name == method]

    def counts(self) -> Counter[str]:
        return Counter(name for name, _ in self.calls)

    async def until(self, holds: Callable[[], object], seconds: float = 120) -> None:
        """Waits until something holds that a call to us can make true."""
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(lambda: bool(holds()))

    # ---- the parts of what people do ----------------------------------------------------------

    def number(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers)}"

    def trigger(self) -> str:
        """Returns what allows to open one form within some seconds."""
        trigger = self.number("trigger")
        self._triggers[trigger] = time.monotonic()
        return trigger

    def use_trigger(self, trigger: str) -> str:
        """Returns Slack's word for a trigger that is no longer good; empty for one that is."""
        given = self._triggers.pop(trigger, None)
        if given is None:
            return "exchanged_trigger_id"
        return "expired_trigger_id" if time.monotonic() - given > self.deadline else ""

    def say(self, channel: str, user: str, text: str, **more: Any) -> Json:
        """A person writes a message; nobody is told."""
        ts = f"{time.time():.0f}.{next(self._numbers):06d}"
        message = {"type": "message", "ts": ts, "user": user, "text": text, **more}
        self.channels[channel].messages[ts] = message
        return message

    async def send(self, kind: str, payload: Json, retry: int = 0) -> Json | None:
        """Sends an envelope and returns what came with its acknowledgement, within 3 seconds."""
        if self.door:
            return await asyncio.wait_for(self.door(kind, payload), self.deadline)
        envelope: Json = {"type": kind, "payload": payload}
        if retry:
            envelope |= {"retry_attempt": retry, "retry_reason": "timeout"}
        sockets = self._sockets if self.echoes else self._sockets[-1:]
        answers = await asyncio.gather(*(self._envelop(envelope, one) for one in sockets))
        return answers[0]

    async def _envelop(self, envelope: Json, socket: web.WebSocketResponse) -> Json | None:
        name = self.number("envelope")
        acked = self._acks[name] = asyncio.Future()
        began = time.monotonic()
        await socket.send_json(envelope | {"envelope_id": name})
        answer: Json | None = await asyncio.wait_for(acked, self.deadline)
        self.slowest_ack = max(self.slowest_ack, time.monotonic() - began)
        return answer

    # ---- Socket Mode -----------------------------------------------------------------------

    async def hang_up(self) -> None:
        """Ends the connection, as Slack does every few hours."""
        self.connected.clear()
        await self._sockets[-1].send_json({"type": "disconnect", "reason": "refresh_requested"})
        await self._sockets[-1].close()

    async def _serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        await socket.send_json({"type": "hello", "num_connections": 1})
        self.connected.set()
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                answer = json.loads(message.data)
                acked = self._acks.get(answer.get("envelope_id"))
                if acked and not acked.done():
                    acked.set_result(answer.get("payload"))
        self._sockets.remove(socket)
        return socket

    # ---- response URLs ---------------------------------------------------------------------

    def address(self) -> str:
        name = self.number("r")
        self._addresses[name] = (self, time.time(), [])
        return f"{self.url}/response/{name}"

    def most_used(self) -> int:
        """Returns how often the response URL was used that was used most."""
        return max((len(uses) for _, _, uses in self._addresses.values()), default=0)

    async def _respond(self, request: web.Request) -> web.Response:
        workspace, given, uses = self._addresses[request.match_info["id"]]
        body = await request.json()
        uses.append(str(body.get("text", "")))
        if len(uses) > MOST_USES or time.time() - given > ADDRESS_LIFE:
            workspace.overused.append(uses[-1])
            return web.Response(status=404, text="used_url")
        refused = refuse_message(body.get("text", ""), body.get("blocks", []))
        if refused:
            return web.Response(status=400, text=refused)
        workspace.whispers.append(body)
        await workspace._tell()
        return web.Response(text="ok")

    # ---- Web API ---------------------------------------------------------------------------

    async def _api(self, request: web.Request) -> web.Response:
        authorization = request.headers.get("Authorization", "")
        workspace = self.served.get(authorization.removeprefix("Bearer "), self)
        method = request.match_info["method"]
        return await workspace._answer(method, await _arguments(request), authorization)

    async def _answer(self, method: str, arguments: Json, authorization: str) -> web.Response:
        self.calls.append((method, arguments))
        if self._too_fast(method, arguments):
            self.pauses += 1
            pause = {"Retry-After": str(math.ceil(self.pace))}
            busy = {"ok": False, "error": "ratelimited"}
            return web.json_response(busy, status=429, headers=pause)
        if self.before[method]:
            return self.before[method].pop(0)
        answer = self._carry_out(method, arguments, authorization)
        await self._tell()
        if self.after[method]:
            return self.after[method].pop(0)
        return web.json_response(answer)

    def _too_fast(self, method: str, arguments: Json) -> bool:
        if not self.pace or method not in POSTING:
            return False
        channel = str(arguments.get("channel") or arguments.get("channel_id"))
        now = time.monotonic()
        if now < self._ready.get(channel, 0.0):
            return True
        self._ready[channel] = now + self.pace
        return False

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    def _carry_out(self, method: str, arguments: Json, authorization: str) -> Json:
        from bot.benchmarks.loopback_slack.methods import METHODS

        expected = {"apps.connections.open": f"Bearer {APP_TOKEN}"}
        expected["oauth.v2.access"] = encode_basic_auth(CLIENT_ID, CLIENT_SECRET)
        if authorization != expected.get(method, f"Bearer {self.token}"):
            return {"ok": False, "error": "invalid_auth"}
        if self.revoked:
            return {"ok": False, "error": "token_revoked"}
        answer = METHODS[method](self, arguments)
        refused = answer.get("error")
        return {"ok": not refused, **answer}

    async def _download(self, request: web.Request) -> web.Response:
        file, workspace = self._find(request.match_info["id"])
        if request.headers.get("Authorization") != f"Bearer {workspace.token}":
            return web.Response(status=302, headers={"Location": "/login"})
        return web.Response(body=file["content"])

    async def _upload(self, request: web.Request) -> web.Response:
        file, _ = self._find(request.match_info["id"])
        file["content"] = await request.read()
        right = len(file["content"]) == file["length"]
        return web.Response(status=200 if right else 400, text="OK")

    def _find(self, file_id: str) -> tuple[Json, "LoopbackSlack"]:
        return next((w.files[file_id], w) for w in self.served.values() if file_id in w.files)


async def _arguments(request: web.Request) -> Json:
    raw = await request.read()
    if request.content_type == "application/json":
        found = json.loads(raw or b"{}")
    else:
        found = dict(parse_qsl(raw.decode())) | dict(request.query)
    return {
        k: _read(v) if k in ("blocks", "metadata", "files", "view") else v for k, v in found.items()
    }


def _read(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
