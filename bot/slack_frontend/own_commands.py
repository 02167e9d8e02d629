"""`/stylus help`, `show`, `history`, `queue`, `quota`, `cancel`, `lora`, `delete-my-data`.

What somebody wants to know or undo of their own; told to them alone.
"""

from collections.abc import Awaitable, Callable

from slack_sdk.models.blocks import ActionsBlock, ButtonElement, PlainTextObject, SectionBlock

from bot.actions import Action, Click
from bot.breakdown import images_said
from bot.slack_frontend.additions import STATUSES, Additions
from bot.slack_frontend.delivery import Mailman
from bot.slack_frontend.escaping import ours, plain
from bot.slack_frontend.languages import Languages
from bot.slack_frontend.listing import Turning
from bot.slack_frontend.people import PLATFORM, Place
from bot.slack_frontend.removal import Removal
from bot.slack_frontend.screens import Screen, lines_screen, sentence_screen, status_screen
from bot.slack_frontend.upkeep import Upkeep
from bot.status import first_status
from bot.texts import Texts, said
from engine.desk import Desk, Past
from engine.values import Asker

#: Returns what the person is shown; the second argument is what stands after the command.
Handler = Callable[[Place, str], Awaitable[Screen]]


class OwnCommands:
    """The commands by their first word."""

    def __init__(
        self,
        desk: Desk,
        mailman: Mailman,
        removal: Removal,
        additions: Additions,
        upkeep: Upkeep,
        turning: Turning,
        languages: Languages,
    ) -> None:
        self._upkeep = upkeep
        self._turning = turning
        self._languages = languages
        self._desk = desk
        self._additions = additions
        self._mailman = mailman
        self._removal = removal
        self.handlers: dict[str, Handler] = {
            "help": self._help,
            "show": self._show,
            "history": self._history,
            "queue": self._queue,
            "quota": self._quota,
            "cancel": self._cancel,
            "lora": self._lora,
            "delete-my-data": self._delete_my_data,
        }

    async def _help(self, place: Place, rest: str) -> Screen:
        return help_screen(await self._languages.of(place.asker))

    async def _show(self, place: Place, rest: str) -> Screen:
        """Here with `share`, else in the person's direct messages."""
        texts = await self._languages.of(place.asker)
        request_id, _, share = rest.strip().partition(" ")
        answer = await self._desk.show(request_id, place.asker)
        if not answer.phase.final:
            standings = await self._desk.standings(PLATFORM, answer.request.id)
            return status_screen(first_status(answer.request, standings, texts))
        private = (await self._desk.homes.of(answer.request.id)).private
        if share.strip() == "share" and not private:
            await self._mailman.copy(answer, place.asker, place.asker.channel, place.thread)
            return sentence_screen(texts.shown_here)
        await self._mailman.copy(answer, place.asker, place.asker.user)
        return sentence_screen(texts.shown_directly)

    async def _history(self, place: Place, rest: str) -> Screen:
        texts = await self._languages.of(place.asker)
        return lines_screen(
            texts.history_title, await history_lines(self._desk, place.asker, texts, rest)
        )

    async def _queue(self, place: Place, rest: str) -> Screen:
        texts = await self._languages.of(place.asker)
        return lines_screen(texts.queue_title, await queue_lines(self._desk, place.asker, texts))

    async def _quota(self, place: Place, rest: str) -> Screen:
        texts = await self._languages.of(place.asker)
        return lines_screen(texts.quota_title, await quota_lines(self._desk, place.asker, texts))

    async def _cancel(self, place: Place, rest: str) -> Screen:
        texts = await self._languages.of(place.asker)
        open_now = await self._desk.history.open(place.asker)
        request_id = rest.strip() or (open_now or [""])[-1]
        if not request_id:
            return sentence_screen(texts.nothing_open)
        ended = await self._removal.cancel(request_id, place.asker)
        return sentence_screen(texts.cancelled_now if ended else texts.ended_already)

    async def _lora(self, place: Place, rest: str) -> Screen:
        word, _, text = rest.strip().partition(" ")
        if word == "info":
            return await self._upkeep.info(place, text.strip())
        if word == "propose":
            return await self._additions.propose(place, text)
        if word == "proposed":
            return await self._additions.proposed(place)
        if word in STATUSES:
            return await self._additions.set_status(place, word, text.strip())
        if word in ("", "list"):
            return await self._turning.first(place)
        return await self._turning.first(place, text if word == "search" else rest)

    async def _delete_my_data(self, place: Place, rest: str) -> Screen:
        return forget_screen(await self._languages.of(place.asker))


def help_screen(texts: Texts) -> Screen:
    """Returns what there is."""
    return Screen((SectionBlock(text=ours("\n".join(texts.help_slack))),), "Stylus")


def forget_screen(texts: Texts) -> Screen:
    """Returns the question before everything of a person is forgotten."""
    button = ButtonElement(
        text=PlainTextObject(text=texts.forget),
        action_id=Click(Action.FORGET, "me").custom_id,
        style="danger",
    )
    question = SectionBlock(text=plain(texts.forget_question, 1000))
    return Screen((question, ActionsBlock(elements=[button])), texts.forget)


async def history_lines(desk: Desk, asker: Asker, texts: Texts, words: str = "") -> list[str]:
    """Returns a line for each of the person's newest requests."""
    past = await desk.history.of(asker, words)
    return [past_line(one, texts) for one in past] or [texts.history_empty]


def past_line(past: Past, texts: Texts) -> str:
    """Returns what is said of one earlier request."""
    made = images_said(past.images, texts) if past.images else said(past.phase, texts)
    asked = f"{past.request_id} · {past.created_at:%Y-%m-%d %H:%M}"
    return f"{asked} · {past.prompt} · {said(past.kind, texts)} · {made}"


async def queue_lines(desk: Desk, asker: Asker, texts: Texts) -> list[str]:
    """Returns how much waits, who works on it, and where the person's own requests are."""
    standings = await desk.standings(PLATFORM)
    workers = standings.workers
    lines = [
        texts.queue_open.format(count=len(standings.requests)),
        texts.queue_workers.format(
            engines=workers.get("engine", 0), renderers=workers.get("renderer", 0)
        ),
    ]
    return lines + [
        f"{one.request.id} · {one.request.prompt} · {said(one.phase, texts)} · "
        + texts.ahead.format(count=one.ahead)
        for one in standings.requests
        if (one.request.asker.workspace, one.request.asker.user) == (asker.workspace, asker.user)
    ]


async def quota_lines(desk: Desk, asker: Asker, texts: Texts) -> list[str]:
    """Returns how many requests the person has made and may make."""
    limit = (await desk.workspaces.rules(asker)).quota(())
    used = await desk.history.today(asker)
    waiting = len(await desk.history.open(asker))
    daily = texts.quota_daily if limit is not None else texts.quota_free
    most = desk.settings.limits.waiting
    return [
        daily.format(used=used, limit=limit),
        texts.quota_waiting.format(count=waiting, limit=most),
    ]
