"""LoRAs on their way into the library: proposed by anybody, decided by the workspace's admins."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, PlainTextObject

from bot.actions import Action, Click
from bot.adapter_actions import edit_buttons
from bot.adapter_card import (
    EXPORTED,
    disliked_here,
    facts_of,
    measured_of,
    progress_of,
    sample_picture,
)
from bot.pictures import Picture
from bot.slack_frontend.flags import Written, number, read_flags
from bot.slack_frontend.languages import Languages
from bot.slack_frontend.librarians import refuse_readers
from bot.slack_frontend.people import PLATFORM, Place
from bot.slack_frontend.posting import GONE
from bot.slack_frontend.screens import Screen, button, lines_screen, sentence_screen
from bot.slack_frontend.sharing import Sharing
from bot.slack_frontend.web import SlackRefused, Web, ask
from bot.texts import Texts, said
from engine.desk import Addition, Described, Desk, title_of
from engine.errors import BadOption, StylusError
from engine.values import Adapter

FLAGS = ("title", "description", "triggers", "weight")
Status = Literal["active", "disabled", "removed"]
#: What an admin writes, and what the adapter is then.
STATUSES: dict[str, Status] = {"disable": "disabled", "enable": "active", "remove": "removed"}
#: Slack's words for a place where nobody can be told.
OUT_OF_REACH = {"channel_not_found", "is_archived", "not_in_channel"}


class Additions:
    """Proposes, tells and decides for one workspace."""

    def __init__(self, desk: Desk, web: Web, sharing: Sharing, languages: Languages) -> None:
        self._sharing = sharing
        self._languages = languages
        self._desk = desk
        self._web = web

    async def propose(self, place: Place, rest: str) -> Screen:
        """`URL --title "..." --description "..." --triggers "a, b" --weight 0.8`."""
        written = read_flags(rest, FLAGS)
        if not written.prompt:
            raise BadOption("Give the URL of a .safetensors file after “lora propose”.")
        made = await self._desk.additions.propose_url(
            written.prompt, _described(written), place.asker
        )
        return await self._is_checked(made, place)

    async def propose_file(self, place: Place, file: dict[str, Any], rest: str) -> Screen:
        """The same with an uploaded file in the place of the URL."""
        described = _described(read_flags(rest, FLAGS))
        most = self._desk.settings.library.download_mb * 2**20
        content = await self._web.download(file, most)
        name = str(file.get("name", ""))
        made = await self._desk.additions.propose_file(name, content, described, place.asker)
        return await self._is_checked(made, place)

    async def _is_checked(self, made: Addition, place: Place) -> Screen:
        """Shows everybody that it has begun; returns what the person is told."""
        await self._desk.announcing.tell_waiting(PLATFORM)
        texts = await self._languages.of(place.asker)
        return sentence_screen(texts.lora_checking.format(title=title_of(made), id=made.id))

    async def proposed(self, place: Place) -> Screen:
        """Returns what waits for a decision, each with its buttons, for admins."""
        await refuse_readers(self._desk, self._web, place.asker)
        texts = await self._languages.of(place.asker)
        waiting = await self._desk.additions.proposed(place.asker)
        disliked = await disliked_here(self._desk, place.asker)
        return proposed_screen(waiting, disliked, texts)

    async def set_status(self, place: Place, word: str, adapter_id: str) -> Screen:
        """Switches one of the workspace's adapters on or off, or takes it away."""
        await refuse_readers(self._desk, self._web, place.asker)
        status = STATUSES[word]
        changed = await self._desk.upkeep.set_status(adapter_id, status, place.asker, allowed=True)
        texts = await self._languages.of(place.asker)
        words = texts.lora_status.format(title=changed.title, status=said(status, texts))
        return sentence_screen(words)

    async def export(self, place: Place) -> Screen:
        """Sends the person the workspace's own cards as a file, directly."""
        await refuse_readers(self._desk, self._web, place.asker)
        count, content = await self._desk.upkeep.export(place.asker, allowed=True)
        words = (await self._languages.of(place.asker)).lora_exported.format(count=count)
        direct = await ask(self._web.client.conversations_open(users=place.asker.user))
        file = Picture(EXPORTED, content, words)
        await self._sharing.share(str(direct["channel"]["id"]), None, words, [file])
        return sentence_screen(words)

    async def explain_import(self, place: Place) -> Screen:
        """Says how a file of cards is sent: Slack's commands take none."""
        return sentence_screen((await self._languages.of(place.asker)).lora_import_how)

    async def tell(self, addition: Addition, adapter: Adapter | None, sample: bytes | None) -> str:
        """Shows progress, the card or a refusal in its message, samples in a thread, and returns
        the message's id; the desk's teller.

        A message that somebody has deleted is posted anew once there is something to decide.
        """
        texts = await self._languages.of(addition.asker)
        screen = addition_screen(addition, adapter, texts)
        message_id = await self._show(addition, screen)
        picture = adapter and sample_picture(adapter, sample, texts)
        if message_id and picture:
            with suppress(StylusError):  # the card says what is needed without them, too
                await self._sharing.share(
                    addition.asker.channel, message_id, picture.alt, [picture]
                )
        return message_id

    async def _show(self, addition: Addition, screen: Screen) -> str:
        shown: dict[str, Any] = {
            "channel": addition.asker.channel,
            "text": screen.text,
            "blocks": screen.as_json(),
        }
        try:
            if addition.message_id and await self._change(addition.message_id, addition, shown):
                return addition.message_id
            post = self._web.client.chat_postMessage
            return str((await ask(post(unfurl_links=False, unfurl_media=False, **shown)))["ts"])
        except SlackRefused as error:
            if error.code in OUT_OF_REACH:
                return ""  # nobody can be told there; the admins' list still has it
            raise

    async def _change(self, ts: str, addition: Addition, shown: dict[str, Any]) -> bool:
        """Changes its message; returns whether that is to be left at that."""
        try:
            await ask(self._web.client.chat_update(ts=ts, **shown))
        except SlackRefused as error:
            if error.code not in GONE:
                raise
            return not addition.settled
        return True

    async def show_again(self, adapter: Adapter) -> None:
        """Shows the card that waits for a decision as it is now, where there is one."""
        addition = await self._desk.additions.of_adapter(adapter.id)
        if addition and addition.message_id:
            texts = await self._languages.of(addition.asker)
            await self._show(addition, addition_screen(addition, adapter, texts))

    async def decide(self, place: Place, click: Click) -> Screen:
        """Approves or rejects; the card then says so, and has no buttons any more."""
        await refuse_readers(self._desk, self._web, place.asker)
        decided = await self._desk.additions.decide(
            click.request_id,
            place.asker,
            approve=click.action is Action.APPROVE,
            allowed=True,
        )
        texts = await self._languages.of(place.asker)
        words = texts.lora_decided.format(title=title_of(decided), state=said(decided.state, texts))
        screen = sentence_screen(words)
        if decided.message_id:
            await ask(
                self._web.client.chat_update(
                    channel=decided.asker.channel,
                    ts=decided.message_id,
                    text=screen.text,
                    blocks=screen.as_json(),
                )
            )
        return screen


def proposed_screen(waiting: Sequence[Addition], disliked: list[str], texts: Texts) -> Screen:
    """Returns what waits for a decision with its buttons, and what nobody wants any more."""
    left_out = lines_screen(texts.lora_left_out, disliked).blocks if disliked else ()
    if not waiting:
        none = sentence_screen(texts.lora_none_proposed)
        return Screen((*none.blocks, *left_out), none.text)
    lines = [f"{title_of(one)} · {one.url or one.file_name}" for one in waiting]
    screen = lines_screen(texts.lora_proposed.format(title=title_of(waiting[0])), lines)
    rows = [_buttons(one, texts) for one in waiting[:5]]
    return Screen((*screen.blocks, *rows, *left_out), screen.text)


def _described(written: Written) -> Described:
    triggers = (written.last("triggers") or "").split(",")
    return Described(
        title=written.last("title"),
        description=written.last("description") or "",
        trigger_words=tuple(word.strip() for word in triggers if word.strip()),
        weight=number(written, "weight", float),
    )


def addition_screen(addition: Addition, adapter: Adapter | None, texts: Texts) -> Screen:
    """Returns how far a LoRA is, its card with the buttons, or why it was refused."""
    title = title_of(addition)
    if not addition.settled:
        return sentence_screen(progress_of(addition, texts))
    if adapter is None:
        reason = said(addition.sentence or "", texts)
        return sentence_screen(texts.lora_refused.format(title=title, reason=reason))
    lines = [
        adapter.description or texts.no_description,
        *fact_lines(adapter, texts),
        f"{adapter.id} · sha256 {(adapter.sha256 or '')[:12]}",
        adapter.link or "",
    ]
    screen = lines_screen(texts.lora_proposed.format(title=title), [one for one in lines if one])
    edit = ActionsBlock(elements=[button(one) for one in edit_buttons(adapter, texts)])
    return Screen((*screen.blocks, _buttons(addition, texts), edit), screen.text)


def fact_lines(adapter: Adapter, texts: Texts) -> list[str]:
    """Returns the facts of a card, and what was measured."""
    facts = [f"{name}: {words}" for name, words in facts_of(adapter, texts)]
    return [*facts, *measured_of(adapter, texts)]


def _buttons(addition: Addition, texts: Texts) -> Block:
    approve = _button(Action.APPROVE, addition.id, texts.lora_approve, "primary")
    reject = _button(Action.REJECT, addition.id, texts.lora_reject, "danger")
    return ActionsBlock(elements=[approve, reject])


def _button(action: Action, addition_id: str, label: str, style: str) -> ButtonElement:
    action_id = Click(action, addition_id).custom_id
    return ButtonElement(text=PlainTextObject(text=label), action_id=action_id, style=style)
