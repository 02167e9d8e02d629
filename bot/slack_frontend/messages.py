"""Messages: a mention in a channel, a direct message, or a message that somebody points at."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.slack_frontend.additions import Additions
from bot.slack_frontend.errands import Errands
from bot.slack_frontend.escaping import read_text, without_mention
from bot.slack_frontend.flags import read_flags, to_ask, within
from bot.slack_frontend.opening import Entry, Opener, alone, submit_text
from bot.slack_frontend.people import Place
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.web import Web
from engine.desk import Desk
from engine.values import Request

#: The words with which a LoRA's file is sent, and those with a file of cards.
PROPOSE, IMPORT = "lora propose", "lora import"
#: What Slack says of a file that somebody has sent, as far as we need it.
FETCHED = ("name", "size", "url_private_download", "url_private")


class Messages:
    """Makes requests of messages."""

    def __init__(
        self,
        desk: Desk,
        web: Web,
        opener: Opener,
        additions: Additions,
        telling: Telling,
        errands: Errands,
    ) -> None:
        self._errands = errands
        errands.register("propose", self._propose)
        self._additions = additions
        self._telling = telling
        self._desk = desk
        self._web = web
        self._opener = opener

    async def mentioned(self, place: Place, event: dict[str, Any]) -> None:
        """“@stylus a fox in neon rain”, in a channel or a thread."""
        rules = await self._desk.workspaces.rules(place.asker)
        if is_by_person(event) and rules.mentions:
            await self._ask(place, event)

    async def written(self, place: Place, event: dict[str, Any]) -> None:
        """A direct message is a prompt; other messages are not for us."""
        if event.get("channel_type") == "im" and is_by_person(event):
            await self._ask(place, event)

    async def pointed_at(self, place: Place, message: dict[str, Any], ack: AsyncAck) -> None:
        """“Stylus this” on a message: its words are the prompt."""
        text = without_mention(str(message.get("text", "")), await self._web.me())
        await self._opener.open(
            place, partial(submit_text, self._desk, self._web, read_text(text)), ack
        )

    async def _ask(self, place: Place, event: dict[str, Any]) -> None:
        text = read_text(without_mention(str(event.get("text", "")), await self._web.me()))
        if taken := taken_of(text, event.get("files", [])):
            kind, details = taken
            await self._errands.want(place, kind, details)
            return
        pictures = [f for f in event.get("files", []) if is_picture(f)]
        if pictures:
            submit = partial(self._start_from, pictures, text)
        else:
            submit = partial(submit_text, self._desk, self._web, text)
        await self._opener.open_event(place, submit)

    async def _propose(self, place: Place, details: Mapping[str, Any]) -> None:
        (file,) = details["files"]
        await self._telling.show(
            place, await self._additions.propose_file(place, file, details["text"])
        )

    async def _start_from(self, files: list[dict[str, Any]], text: str, entry: Entry) -> Request:
        """Changes the picture as the words say; after “inpaint”, only where the second one is
        white, or where the first is transparent."""
        if "private" in read_flags(text).flags:
            entry = await alone(self._web, entry)
        most = self._desk.settings.limits.picture_megabytes * 2**20
        contents = [await self._web.download(file, most) for file in files[:2]]
        word, _, rest = text.partition(" ")
        if word.lower() == "inpaint":
            ask = within(to_ask(rest, entry.asker), entry.rules)
            mask = contents[1] if len(contents) > 1 else None
            return await self._desk.inpaint(contents[0], mask, ask, None, entry.origin, entry.home)
        ask = within(to_ask(text, entry.asker), entry.rules)
        return await self._desk.translate(contents[0], ask, None, entry.origin, entry.home)


def taken_of(text: str, files: Sequence[dict[str, Any]]) -> tuple[str, dict[str, Any]] | None:
    """Returns the errand that takes a message's files into the library, where its words say so."""
    loras = [known_of(file) for file in files if is_lora(file)]
    if loras and text.lower().startswith(PROPOSE):
        return "propose", {"files": loras[:1], "text": text[len(PROPOSE) :]}
    if text.lower().strip() == IMPORT:
        return "import", {"files": [known_of(file) for file in files]}
    return None


def known_of(file: dict[str, Any]) -> dict[str, Any]:
    """Returns what is needed of a file to fetch it."""
    return {name: file[name] for name in FETCHED if name in file}


def is_lora(file: dict[str, Any]) -> bool:
    """Whether somebody has sent a file that may be a LoRA with the message."""
    return str(file.get("name", "")).endswith(".safetensors")


def is_picture(file: dict[str, Any]) -> bool:
    """Whether somebody has sent an image with the message."""
    return str(file.get("mimetype", "")).startswith("image/")


def is_by_person(event: dict[str, Any]) -> bool:
    """Whether a person has written the message now; changes and bots are not for us."""
    subtype = event.get("subtype")
    return subtype in (None, "file_share") and not event.get("bot_id") and "user" in event
