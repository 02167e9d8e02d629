"""A Discord on loopback, gateway and REST, for the real client over real sockets.

Only what one bot in one server needs. Benchmarks and tests drive it; calls are kept, so that one
can wait for one.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import discord
import yarl
from aiohttp import WSMsgType, web

from bot.benchmarks.loopback_server import (
    APP,
    CHANNEL,
    EVERYTHING,
    GUILD,
    USER,
    Json,
    application,
    direct_channel,
    guild,
    member,
    person,
)

#: How long Discord takes changes by an interaction's token.
TOKEN_SECONDS = 15 * 60
#: The kind of an acknowledgement without words.
DEFERRED = 5


@dataclass(slots=True)
class Call:
    """One REST call."""

    method: str
    path: str
    body: Any
    #: Contents by file name.
    files: dict[str, bytes]


@dataclass(slots=True)
class LoopbackDiscord:
    """Serves one bot."""

    port: int = 0
    calls: list[Call] = field(default_factory=list)
    messages: dict[str, Json] = field(default_factory=dict)
    commands: list[Json] = field(default_factory=list)
    #: Sequence numbers that the client resumed from.
    resumed: list[int] = field(default_factory=list)
    #: Answers that are refused once with 429, by a part of their path.
    busy: list[str] = field(default_factory=list)
    #: Messages that say “thinking” until there is more to say, by the interaction's token.
    _thinking: dict[str, str] = field(default_factory=dict)
    #: The first message of each interaction's token.
    _first: dict[str, str] = field(default_factory=dict)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _socket: web.WebSocketResponse | None = None
    _sequence: int = 0
    _ids: Any = field(
        default_factory=lambda: itertools.count(
            discord.utils.time_snowflake(discord.utils.utcnow())
        )
    )
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def new_id(self) -> str:
        """Returns an id never used before."""
        return str(next(self._ids))

    # The gateway

    async def gateway(self, request: web.Request) -> web.WebSocketResponse:
        """Speaks first, then answers heartbeats, identification and resumption."""
        self._socket = socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41250}, "s": None, "t": None})
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                await self._heard(json.loads(frame.data))
        return socket

    async def _heard(self, said: Json) -> None:
        assert self._socket
        if said["op"] == 1:
            await self._socket.send_json({"op": 11})
        elif said["op"] == 2:
            await self.dispatch("READY", self._ready() | shard_of(said["d"]))
            await self.dispatch("GUILD_CREATE", guild())
            self.ready.set()
        elif said["op"] == 6:
            self.resumed.append(said["d"]["seq"])
            await self.dispatch("RESUMED", {})
            await self._tell()

    def _ready(self) -> Json:
        return {
            "v": 10,
            "user": person(APP, "stylus", bot=True),
            "guilds": [{"id": GUILD, "unavailable": True}],
            "session_id": "s",
            "resume_gateway_url": f"ws://127.0.0.1:{self.port}/gateway/",
            "application": {"id": APP, "flags": 0},
        }

    async def dispatch(self, name: str, data: Json) -> None:
        """Sends an event."""
        assert self._socket
        self._sequence += 1
        await self._socket.send_json({"op": 0, "t": name, "s": self._sequence, "d": data})

    async def drop(self) -> None:
        """Closes the gateway as Discord does for a restart of its own."""
        assert self._socket
        await self._socket.close(code=4000)

    async def slash(
        self,
        path: str,
        user: str = USER,
        event: str | None = None,
        context: Json | None = None,
        **options: Any,
    ) -> str:
        """Somebody uses a slash command; returns the interaction's id.

        `context` is what Discord says of another place than the server.
        """
        root, name = path.split()
        kinds = {str: 3, int: 4, bool: 5}
        given = [{"name": k, "type": kinds[type(v)], "value": v} for k, v in options.items()]
        leaf = {"name": name, "type": 1, "options": given}
        command = next(one for one in self.commands if one["name"] == root)
        data = {"id": command["id"], "name": root, "type": 1, "options": [leaf]}
        return await self.interact(2, data, id=event, **{"member": member(user), **(context or {})})

    async def click(self, message: Json, custom_id: str) -> str:
        """Presses a button; returns the interaction's id."""
        data = {"custom_id": custom_id, "component_type": 2}
        return await self.interact(3, data, message=message)

    async def interact(self, kind: int, data: Json, **more: Any) -> str:
        """Sends an interaction; returns its id."""
        interaction_id = more.pop("id", None) or self.new_id()
        event: Json = {
            "id": interaction_id,
            "application_id": APP,
            "type": kind,
            "token": f"token{interaction_id}",
            "version": 1,
            "guild_id": GUILD,
            "channel_id": CHANNEL,
            "channel": {"id": CHANNEL, "type": 0, "name": "art", "permissions": EVERYTHING},
            "member": member(),
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": GUILD},
            "context": 0,
            "app_permissions": EVERYTHING,
            "attachment_size_limit": 10 << 20,
            "data": data,
        }
        await self.dispatch("INTERACTION_CREATE", event | more)
        return interaction_id

    async def react(self, message: Json, emoji: str) -> None:
        """Adds a reaction."""
        where = {"channel_id": CHANNEL, "message_id": message["id"], "guild_id": GUILD}
        event: Json = {"user_id": USER, "member": member(), "emoji": {"id": None, "name": emoji}}
        await self.dispatch("MESSAGE_REACTION_ADD", {**where, **event, "burst": False, "type": 0})

    # REST

    async def rest(self, request: web.Request) -> web.Response:
        """Answers one call."""
        path = request.match_info["tail"]
        body, files = await _body(request)
        for part in [part for part in self.busy if part in path]:
            self.busy.remove(part)
            return _json({"message": "slow down", "retry_after": 0.05, "global": False}, 429)
        answer = self._answer(request.method, path, body, files)
        self.calls.append(Call(request.method, path, body, files))
        await self._tell()
        return answer

    def _answer(self, method: str, path: str, body: Any, files: dict[str, bytes]) -> web.Response:
        fixed: dict[str, Callable[[], Json]] = {
            "gateway/bot": self._way_in,
            "users/@me": lambda: person(APP, "stylus", bot=True),
            "oauth2/applications/@me": application,
            "users/@me/channels": direct_channel,
            f"users/{USER}": lambda: person(USER, "ann"),
        }
        if path in fixed:
            return _json(fixed[path]())
        if path.startswith("webhooks/") and _is_dead(path.split("/")[2]):
            return _json({"message": "Invalid Webhook Token", "code": 50027}, 401)
        if path.endswith("/commands"):
            if method == "PUT":
                theirs = {"application_id": APP, "version": "1", "description": ""}
                self.commands = [{**theirs, **c, "id": self.new_id()} for c in body]
            return _json(self.commands)
        if path.endswith("/callback"):
            return self._callback(path.split("/")[1], body, files)
        if path.startswith("webhooks/") and method == "POST":
            # The first message after a deferral takes the place of “thinking”.
            place = self._thinking.pop(path.split("/")[2], None)
            return _json(self._store(body, files, place or self.new_id()))
        if "/messages" in path:
            return self._message(method, path, body, files)
        return _json({"message": f"no such place: {path}", "code": 0}, 404)

    def _way_in(self) -> Json:
        limits = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
        url = f"ws://127.0.0.1:{self.port}/gateway/"
        return {"url": url, "shards": 1, "session_start_limit": limits}

    def _callback(self, interaction_id: str, body: Json, files: dict[str, bytes]) -> web.Response:
        if any(f"/{interaction_id}/" in call.path for call in self.calls):
            return _json({"message": "acknowledged already", "code": 40060}, 400)
        message = self._store(body.get("data") or {}, files, self.new_id())
        self._first[f"token{interaction_id}"] = message["id"]
        if body["type"] == DEFERRED:
            self._thinking[f"token{interaction_id}"] = message["id"]
        shown = {"id": interaction_id, "type": 2, "response_message_id": message["id"]}
        resource = {"type": body["type"], "message": message}
        return _json({"interaction": shown, "resource": resource})

    def _message(self, method: str, path: str, body: Any, files: dict[str, bytes]) -> web.Response:
        last = path.split("/")[-1]
        if method == "GET":
            return _json(list(self.messages.values())[::-1])
        if last == "@original":
            last = self._first.get(path.split("/")[2], "")
        if method == "DELETE":
            self.messages.pop(last, None)
            self._thinking = {token: at for token, at in self._thinking.items() if at != last}
            return web.Response(status=204)
        if method == "PATCH" and last not in self.messages:
            return _json({"message": "Unknown Message", "code": 10008}, 404)
        channel = path.split("/")[1] if path.startswith("channels/") else CHANNEL
        message_id = last if method == "PATCH" else self.new_id()
        return _json(self._store(body, files, message_id, channel))

    def _store(
        self, body: Json, files: dict[str, bytes], message_id: str, channel: str = CHANNEL
    ) -> Json:
        described = {
            one["filename"]: one for one in body.get("attachments", []) if "filename" in one
        }
        attachments = [
            {
                "id": self.new_id(),
                "filename": name,
                "description": described.get(name, {}).get("description"),
                "size": len(content),
                "url": f"http://127.0.0.1:{self.port}/cdn/{name}",
                "proxy_url": "",
                "content_type": "image/png",
            }
            for name, content in files.items()
        ]
        self.messages[message_id] = {
            "id": message_id,
            "channel_id": channel,
            "author": person(APP, "stylus", bot=True),
            "content": "",
            "timestamp": "2026-01-01T00:00:00+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": attachments,
            "embeds": [],
            "components": body.get("components", []),
            "pinned": False,
            "type": 0,
            "flags": body.get("flags", 0),
            "application_id": APP,
        }
        return self.messages[message_id]

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Any, seconds: float = 120) -> Any:
        """Waits until the condition, asked after every call, returns something."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(condition)
        return condition()

    def answered(self, interaction_id: str) -> Call | None:
        """Returns the first answer to an interaction."""
        callbacks = (one for one in self.calls if one.path.endswith("/callback"))
        return next((one for one in callbacks if f"/{interaction_id}/" in one.path), None)


def shard_of(identified: Json) -> Json:
    """Returns the shard that a client has said it is, where it has said so."""
    return {"shard": identified["shard"]} if "shard" in identified else {}


def snowflake() -> int:
    """Returns an id of this moment: tokens live as long as their interaction's id says."""
    return discord.utils.time_snowflake(discord.utils.utcnow())


def _is_dead(token: str) -> bool:
    made = discord.utils.snowflake_time(int(token.removeprefix("token")))
    return (discord.utils.utcnow() - made).total_seconds() > TOKEN_SECONDS


def _json(content: Any, status: int = 200) -> web.Response:
    """The client wants exactly this type, without a character set."""
    headers = {"Content-Type": "application/json"}
    if status == 429:
        headers |= {"Retry-After": "0.05", "Via": "1.1 loopback"}
    return web.Response(body=json.dumps(content).encode(), status=status, headers=headers)


async def _body(request: web.Request) -> tuple[Any, dict[str, bytes]]:
    if not request.content_type.startswith("multipart/"):
        raw = await request.text()
        return (json.loads(raw) if raw else None), {}
    payload: Any = {}
    files = {}
    async for part in await request.multipart():
        name, file = getattr(part, "name", ""), getattr(part, "filename", None)
        content = bytes(await part.read())  # type: ignore[union-attr]
        if name == "payload_json":
            payload = json.loads(content)
        else:
            files[str(file)] = content
    return payload, files


@asynccontextmanager
async def serve_discord() -> AsyncIterator[LoopbackDiscord]:
    """Starts the server and points the library at it."""
    server = LoopbackDiscord()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_get("/gateway/", server.gateway)
    app.router.add_route("*", "/api/v10/{tail:.*}", server.rest)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        with _pointed_at(server.port):
            yield server
    finally:
        await runner.cleanup()


@contextmanager
def _pointed_at(port: int) -> Iterator[None]:
    route, socket = discord.http.Route, discord.gateway.DiscordWebSocket
    before = route.BASE, socket.DEFAULT_GATEWAY
    route.BASE = f"http://127.0.0.1:{port}/api/v10"
    socket.DEFAULT_GATEWAY = yarl.URL(f"ws://127.0.0.1:{port}/gateway/")
    try:
        yield
    finally:
        route.BASE, socket.DEFAULT_GATEWAY = before
