"""What people do on the loopback Slack, as the app hears of it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from bot.benchmarks.loopback_slack.workspace import (
    ANN,
    APP,
    ART,
    BOB,
    BOT,
    DM,
    Json,
    LoopbackSlack,
)


class People(LoopbackSlack):
    """A workspace with people in it."""

    async def slash(
        self, text: str, channel: str = ART, user: str = ANN, command: str = "/stylus"
    ) -> Json | None:
        return await self.send(
            "slash_commands",
            {
                "command": command,
                "text": text,
                "team_id": self.team,
                "enterprise_id": self.enterprise,
                "channel_id": channel,
                "user_id": user,
                "api_app_id": APP,
                "trigger_id": self.trigger(),
                "response_url": self.address(),
                "is_enterprise_install": "false",
            },
        )

    async def click(self, action_id: str, message: Json, user: str = BOB, **more: Any) -> None:
        channel = next(c for c, one in self.channels.items() if message["ts"] in one.messages)
        container = {"type": "message", "message_ts": message["ts"], "channel_id": channel}
        if "thread_ts" in message:
            container["thread_ts"] = message["thread_ts"]
        await self._interact(
            "block_actions",
            user,
            container=container,
            channel={"id": channel},
            message=message,
            actions=[{"action_id": action_id, "block_id": "b", "type": "button", **more}],
        )

    async def click_home(self, action_id: str, user: str) -> None:
        """A person clicks a button of their Home, which is in no channel."""
        actions = [{"action_id": action_id, "block_id": "b", "type": "button"}]
        container = {"type": "view", "view_id": "V1"}
        await self._interact("block_actions", user, container=container, actions=actions)

    async def point_at(self, message: Json, callback: str, channel: str = ART) -> None:
        """A person uses the message shortcut."""
        await self._interact(
            "message_action", BOB, callback_id=callback, channel={"id": channel}, message=message
        )

    async def take_shortcut(self, callback: str, user: str = ANN) -> None:
        """A person uses a global shortcut, which is in no channel."""
        await self._interact("shortcut", user, callback_id=callback)

    async def send_form(self, values: dict[str, Any], user: str = ANN) -> Json | None:
        """A person fills in the newest form; returns what Slack is told, such as errors."""
        form = self.forms[-1]
        state = {name: {name: value} for name, value in values.items()}
        addresses = [{"response_url": self.address(), "channel_id": ART}]
        return await self._interact(
            "view_submission",
            user,
            view={**form, "id": "V1", "state": {"values": state}},
            response_urls=addresses,
        )

    def upload(self, user: str, name: str, content: bytes) -> Json:
        """A person uploads a picture; returns it as events have it."""
        file_id = self.number("F")
        self.files[file_id] = {"id": file_id, "name": name, "user": user, "content": content}
        address = f"{self.url}/files/{file_id}"
        kind = {"mimetype": "image/png", "size": len(content)}
        return {"id": file_id, "name": name, "url_private_download": address, **kind}

    async def _interact(self, kind: str, user: str, **body: Any) -> Json | None:
        return await self.send(
            "interactive",
            {
                "type": kind,
                "team": {"id": self.team, "domain": "t"},
                "enterprise": {"id": self.enterprise} if self.enterprise else None,
                "user": {"id": user, "team_id": self.team},
                "api_app_id": APP,
                "trigger_id": self.trigger(),
                "response_url": self.address(),
                **body,
            },
        )

    async def event(self, event: Json, *, event_id: str = "", retry: int = 0) -> str:
        """Tells the app of an event; returns the event's id, to tell of it again."""
        event_id = event_id or self.number("Ev")
        body = {
            "type": "event_callback",
            "team_id": self.team,
            "api_app_id": APP,
            "event": event,
            "event_id": event_id,
            "event_time": int(time.time()),
            "authorizations": [
                {
                    "enterprise_id": self.enterprise or None,
                    "team_id": None if self.whole else self.team,
                    "user_id": BOT,
                    "is_enterprise_install": self.whole,
                }
            ],
        }
        await self.send("events_api", body, retry)
        return event_id

    async def mention(self, text: str, channel: str = ART, **more: Any) -> Json:
        message = self.say(channel, ANN, f"<@{BOT}> {text}", **more)
        await self.event({**message, "type": "app_mention", "channel": channel})
        return message

    async def write(self, text: str) -> Json:
        """Ann writes a direct message."""
        message = self.say(DM, ANN, text)
        await self.event({**message, "channel": DM, "channel_type": "im"})
        return message

    async def tell_of_share(self, message: Json) -> None:
        """Slack tells the app that its files are in a message now."""
        for file in message["files"]:
            shared = {"type": "file_shared", "file_id": file["id"], "user_id": BOT}
            await self.event({**shared, "channel_id": ART, "event_ts": message["ts"]})

    async def react(
        self, message: Json, name: str, user: str = BOB, *, channel: str = ART, away: bool = False
    ) -> Json:
        event = {
            "type": "reaction_removed" if away else "reaction_added",
            "user": user,
            "reaction": name,
            "item": {"type": "message", "channel": channel, "ts": message["ts"]},
            "event_ts": f"{time.time():.6f}",
        }
        await self.event(event)
        return event


@asynccontextmanager
async def serve_slack() -> AsyncIterator[People]:
    """Serves a Slack for the length of a test."""
    slack = People()
    runner = web.AppRunner(slack.routes(), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    slack.url = f"http://127.0.0.1:{port}"
    try:
        yield slack
    finally:
        await runner.cleanup()
