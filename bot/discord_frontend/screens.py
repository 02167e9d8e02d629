"""Screens: a status or a reply as Discord's components show it, within all of Discord's limits.

A message holds at most 40 components and 4,000 characters of text; a file's description 1,024.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import discord
from discord import ui

from bot.actions import Action, Button, buttons_for
from bot.breakdown import summary, uses
from bot.discord_frontend.escaping import plain
from bot.duel import Announcement
from bot.lines import cut, join_lines
from bot.pictures import Picture
from bot.reply import Reply, Row
from bot.status import Status
from bot.texts import Texts
from engine.values import Phase

#: Characters that one message shows at most, with room for what stands around the breakdown.
TEXT_LIMIT = 4000
BREAKDOWN_LIMIT = 2400
REMARKS_LIMIT = 700
PROMPT_LIMIT = 240
TITLE_LIMIT = 60
#: Buttons side by side.
ROW = 5
#: Characters of an alt text.
ALT_LIMIT = 1024
BAR = 15

COLOURS = {Phase.RENDERED: 0x57A773, Phase.FAILED: 0xC8553D, Phase.CANCELLED: 0x8A8D91}
WORKING = 0x4F7CAC
STYLES = {
    Action.REROLL: discord.ButtonStyle.primary,
    Action.RETRY: discord.ButtonStyle.primary,
}


@dataclass(frozen=True, slots=True)
class Screen:
    """What a message shows. Files are read anew for each try, so they are kept as bytes."""

    items: tuple[ui.Item[ui.LayoutView], ...]
    pictures: tuple[Picture, ...] = field(default=())

    def view(self) -> ui.LayoutView:
        """Returns the components. The view is stopped: clicks are understood by their ids alone,
        and the library need not remember every message."""
        view = ui.LayoutView(timeout=None)
        for item in self.items:
            view.add_item(item)
        view.stop()
        return view

    def files(self) -> list[discord.File]:
        """Returns new files."""
        return [
            discord.File(picture.open(), picture.name, description=cut(picture.alt, ALT_LIMIT))
            for picture in self.pictures
        ]


def status_screen(status: Status, preview: Picture | None = None) -> Screen:
    """Returns how a request that is under way looks; `preview` is how far the images are."""
    lines = [f"**{plain(status.headline, 200)}**"]
    if status.done is not None:
        full = round(status.done * BAR)
        lines[0] += f"\n`{'█' * full}{'░' * (BAR - full)}`"
    lines += [
        f"{plain(words, TITLE_LIMIT)} → {plain(', '.join(titles), 3 * TITLE_LIMIT) or '—'}"
        for words, titles in status.tasks
    ]
    lines += [f"-# ⚠ {hint}" for hint in status.hints]
    container = ui.Container[ui.LayoutView](
        ui.TextDisplay(_title(status.prompt)),
        ui.TextDisplay(join_lines(lines, BREAKDOWN_LIMIT, "…")),
        accent_colour=WORKING,
    )
    shown = {0: preview} if preview else {}
    if shown:
        container.add_item(_gallery(shown))
    return Screen((container, *button_rows([list(status.buttons)])), tuple(shown.values()))


def reply_screen(
    reply: Reply, pictures: Mapping[int, Picture], sheet: Picture | None, texts: Texts
) -> Screen:
    """Returns how an answer looks: images, breakdown, remarks, buttons.

    `pictures` are by image index; `sheet` shows all of them in one file.
    """
    container = ui.Container[ui.LayoutView](accent_colour=COLOURS[reply.phase])
    container.add_item(ui.TextDisplay(f"{_title(reply.prompt)}\n-# {summary(reply, texts)}"))
    if pictures:
        container.add_item(_gallery(pictures))
    body = join_lines(list(_body(reply, texts)), BREAKDOWN_LIMIT, f"-# {texts.more}")
    if body:
        container.add_item(ui.TextDisplay(body))
    if reply.remarks:
        remarks = [f"-# {plain(remark, 300)}" for remark in reply.remarks]
        container.add_item(ui.TextDisplay(join_lines(remarks, REMARKS_LIMIT, f"-# {texts.more}")))
    shown = list(pictures.values())
    if sheet:
        container.add_item(ui.File(f"attachment://{sheet.name}"))
        shown.append(sheet)
    return Screen((container, *button_rows(buttons_for(reply, texts))), tuple(shown))


def lines_screen(title: str, lines: list[str]) -> Screen:
    """Returns how a list looks; the lines are escaped already."""
    body = join_lines(lines, TEXT_LIMIT - 300, "…")
    text = ui.TextDisplay[ui.LayoutView](f"### {title}\n{body}")
    return Screen((ui.Container[ui.LayoutView](text, accent_colour=WORKING),))


def announcement_screen(told: Announcement) -> Screen:
    """Returns how a duel's result looks."""
    lines = [plain(line, 300) for line in told.lines]
    screen = lines_screen(plain(told.title, PROMPT_LIMIT), lines)
    return Screen((*screen.items, *button_rows([[told.button]])))


def sentence_screen(sentence: str, colour: int = COLOURS[Phase.CANCELLED]) -> Screen:
    """Returns how one sentence of ours looks."""
    text = ui.TextDisplay[ui.LayoutView](plain(sentence, 1500))
    return Screen((ui.Container[ui.LayoutView](text, accent_colour=colour),))


def _title(prompt: str) -> str:
    return f"### {plain(prompt, PROMPT_LIMIT)}"


def _gallery(pictures: Mapping[int, Picture]) -> ui.MediaGallery[ui.LayoutView]:
    return ui.MediaGallery(
        *(
            discord.MediaGalleryItem(
                f"attachment://{picture.name}", description=cut(picture.alt, ALT_LIMIT)
            )
            for picture in pictures.values()
        )
    )


def _body(reply: Reply, texts: Texts) -> Iterator[str]:
    if reply.phase is Phase.CANCELLED:
        yield f"**{texts.cancelled}**"
    elif reply.failure:
        yield f"**{texts.failed}** {plain(reply.failure, 1000)}"
    else:
        yield from (row_line(row, texts) for row in reply.rows)


def row_line(row: Row, texts: Texts) -> str:
    """Returns one adapter of the breakdown: its words, title, and weight in which images."""
    words = f"**{plain(row.words, TITLE_LIMIT)}**"
    if row.title is None:
        return f"{words} — {row.why}"
    return f"{words} → {plain(row.title, TITLE_LIMIT)} · {' · '.join(uses(row, texts))}"


def button_rows(buttons: list[list[Button]]) -> tuple[ui.Item[ui.LayoutView], ...]:
    """Returns buttons in rows as Discord allows them."""
    return tuple(
        ui.ActionRow[ui.LayoutView](*map(_button, row[start : start + ROW]))
        for row in buttons
        for start in range(0, len(row), ROW)
    )


def _button(button: Button) -> ui.Button[ui.LayoutView]:
    danger = discord.ButtonStyle.danger if button.danger else discord.ButtonStyle.secondary
    return ui.Button(
        label=cut(button.label, 80),
        custom_id=button.click.custom_id,
        style=STYLES.get(button.click.action, danger),
    )
