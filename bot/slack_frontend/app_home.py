"""The app's Home: what somebody asked lately, their quota, and the queue; for admins, settings and
library."""

from collections.abc import Sequence
from itertools import chain

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    DividerBlock,
    HeaderBlock,
    ImageElement,
    SectionBlock,
)
from slack_sdk.models.blocks.basic_components import SlackFile
from slack_sdk.models.views import View

from bot.actions import Action, Click
from bot.lines import cut
from bot.slack_frontend.escaping import escape, ours, plain
from bot.slack_frontend.languages import Languages
from bot.slack_frontend.own_commands import past_line, queue_lines, quota_lines
from bot.slack_frontend.screens import FIELD, HEADER, lines_screen
from bot.slack_frontend.web import BAD_BLOCKS, SlackRefused, Web, ask
from bot.texts import Texts
from engine.desk import Addition, Desk, Past, title_of
from engine.values import Asker, Rules

#: Characters of what a picture shows.
ALT = 300
#: Channels, or people, that are named.
LINKS = 40


class AppHome:
    """Shows the Homes of one workspace's people."""

    def __init__(self, desk: Desk, web: Web, languages: Languages) -> None:
        self._desk = desk
        self._web = web
        self._languages = languages

    async def publish(self, asker: Asker) -> None:
        """Shows the person their Home as it is now, with what admins need for those who are.

        Raises as `ask` does.
        """
        texts = await self._languages.of(asker)
        past = await self._desk.history.of(asker)
        rest: list[Sequence[Block]] = [
            lines_screen(texts.quota_title, await quota_lines(self._desk, asker, texts)).blocks,
            lines_screen(texts.queue_title, await queue_lines(self._desk, asker, texts)).blocks,
        ]
        if await self._web.is_admin(asker.user):
            rules = await self._desk.workspaces.rules(asker)
            waiting = await self._desk.additions.proposed(asker)
            rest.append(admin_blocks(rules, waiting, texts))
        try:
            await self._show(asker, [past_blocks(past, texts), *rest])
        except SlackRefused as error:
            if error.code not in BAD_BLOCKS:
                raise
            # Somebody has deleted one of the files: then without pictures.
            await self._show(asker, [past_blocks(past, texts, pictures=False), *rest])

    async def _show(self, asker: Asker, parts: Sequence[Sequence[Block]]) -> None:
        view = home_view(parts).to_dict()
        await ask(self._web.client.views_publish(user_id=asker.user, view=view))


def home_view(parts: Sequence[Sequence[Block]]) -> View:
    """Returns a Home of these parts."""
    blocks = list(chain.from_iterable((DividerBlock(), *part) for part in parts))[1:]
    return View(type="home", blocks=blocks)


def past_blocks(past: Sequence[Past], texts: Texts, *, pictures: bool = True) -> list[Block]:
    """Returns the newest requests, each with its first image beside it."""
    lines: list[Block] = [
        SectionBlock(
            text=plain(past_line(one, texts), FIELD),
            accessory=_thumbnail(one) if pictures and one.files and one.images else None,
        )
        for one in past
    ]
    nothing = SectionBlock(text=plain(texts.history_empty, FIELD))
    return [HeaderBlock(text=plain(texts.history_title, HEADER)), *(lines or [nothing])]


def _thumbnail(past: Past) -> ImageElement:
    return ImageElement(slack_file=SlackFile(id=past.files[0]), alt_text=cut(past.prompt, ALT))


def admin_blocks(rules: Rules, waiting: Sequence[Addition], texts: Texts) -> list[Block]:
    """Returns how the workspace is set, and the LoRAs that wait for a decision."""
    settings = SectionBlock(text=ours("\n".join(rules_lines(rules, texts))))
    titles = [f"{title_of(one)} · {one.url or one.file_name}" for one in waiting]
    return [
        HeaderBlock(text=plain(texts.home_settings, HEADER)),
        settings,
        ActionsBlock(elements=[_button("settings", texts.home_settings)]),
        *lines_screen(texts.home_library, titles or [texts.lora_none_proposed]).blocks,
        ActionsBlock(elements=[_button("lora", texts.home_library)]),
    ]


def rules_lines(rules: Rules, texts: Texts) -> list[str]:
    """Returns a line of markup for each rule; channels are links."""
    channels = _some([f"<#{one}>" for one in rules.channels])
    librarians = _some([f"<@{one}>" for one in rules.librarians])
    on = {texts.switch_mentions: rules.mentions, texts.switch_unsafe: rules.unsafe}
    return [
        f"*{texts.checkpoint}* {escape(cut(rules.checkpoint or texts.as_installed, 60))}",
        f"*{texts.images}* {rules.images or texts.as_installed}",
        f"*{texts.quotas}* {texts.no_limit if rules.daily is None else rules.daily}",
        f"*{texts.channels}* {channels or texts.all_of_them}",
        f"*{texts.librarians}* {librarians or texts.none}",
        f"*{texts.gallery}* {f'<#{rules.gallery}>' if rules.gallery else texts.none}",
        *(f"{'✓' if value else '✗'} {name}" for name, value in on.items()),
    ]


def _some(links: list[str]) -> str:
    """Returns the first links: a section of Slack has no room for any number."""
    return ", ".join(links[:LINKS]) + (" …" if len(links) > LINKS else "")


def _button(part: str, label: str) -> ButtonElement:
    return ButtonElement(text=label, action_id=Click(Action.ADMIN, part).custom_id)
