"""Screens: a status or a reply as Slack's blocks show it, within all of Slack's limits.

A message holds at most 50 blocks; a section 10 fields of 2,000 characters and a text of 3,000; a
header 150; an actions block 25 buttons; a button's text 75.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    HeaderBlock,
    PlainTextObject,
    SectionBlock,
)

from bot.actions import Action, Button, buttons_for
from bot.breakdown import safe_link, summary, uses
from bot.duel import Announcement
from bot.lines import cut, join_lines
from bot.reply import Reply, Row
from bot.slack_frontend.escaping import escape, ours, plain
from bot.status import Status
from bot.texts import Texts
from engine.values import Phase

HEADER = 150
#: Two fields stand side by side: the words, and what serves them.
FIELDS = 10
WORDS, TITLE = 60, 60
FIELD = 600
REMARKS = 2000
SENTENCE = 2500
BUTTONS = 25
BUTTON = 75
#: Blocks of a breakdown with reasons, two for each adapter.
ROWS = 22
BAR = 15
PRIMARY = {Action.REROLL, Action.RETRY}


@dataclass(frozen=True, slots=True)
class Screen:
    """What a message shows."""

    blocks: tuple[Block, ...]
    #: What notifications show, escaped.
    text: str

    def as_json(self) -> list[dict[str, Any]]:
        """Returns the blocks as Slack takes them; the library refuses what Slack would."""
        return [block.to_dict() for block in self.blocks]


def status_screen(status: Status) -> Screen:
    """Returns how a request that is under way looks."""
    headline = f"*{escape(status.headline)}*"
    if status.done is not None:
        full = round(status.done * BAR)
        headline += f"\n`{'█' * full}{'░' * (BAR - full)}`"
    pairs = [(words, ", ".join(titles) or "—") for words, titles in status.tasks]
    blocks = [_header(status.prompt), SectionBlock(text=ours(headline)), *_pairs(pairs)]
    if status.hints:
        blocks.append(ContextBlock(elements=[plain(f"⚠ {h}", 300) for h in status.hints]))
    return Screen((*blocks, *_actions([list(status.buttons)])), _line(status.prompt))


def reply_screen(reply: Reply, texts: Texts) -> Screen:
    """Returns how an answer looks beside its images: breakdown, remarks, buttons."""
    about = ContextBlock(elements=[ours(escape(summary(reply, texts)))])
    blocks: list[Block] = [_header(reply.prompt), about, *_body(reply, texts)]
    if reply.remarks:
        lines = [cut(remark, 300) for remark in reply.remarks]
        blocks.append(ContextBlock(elements=[_lines(lines, REMARKS, texts)]))
    return Screen((*blocks, *_actions(buttons_for(reply, texts))), _line(reply.prompt))


def why_screen(reply: Reply, texts: Texts) -> Screen:
    """Returns the breakdown with reasons, credits and links, for one person."""
    blocks: list[Block] = []
    for row in reply.rows[:ROWS]:
        blocks.append(SectionBlock(fields=[plain(row.words, WORDS), _adapter(row, texts)]))
        about = [plain(part, 300) for part in (row.why, row.credit) if part and row.title]
        link = safe_link(row.link)
        elements = [*about, *([ours(f"<{link}>")] if link else [])]
        if elements:
            blocks.append(ContextBlock(elements=elements))
    if reply.remarks:
        lines = [cut(remark, 400) for remark in reply.remarks]
        blocks.append(ContextBlock(elements=[_lines(lines, REMARKS, texts)]))
    title = HeaderBlock(text=plain(texts.why_title, HEADER))
    whole = blocks or [SectionBlock(text=plain(texts.no_adapters, SENTENCE))]
    return Screen((title, *whole), _line(reply.prompt))


def lines_screen(title: str, lines: list[str]) -> Screen:
    """Returns how a list looks; its lines may hold people's words."""
    shown = join_lines([cut(line, FIELD) for line in lines], SENTENCE, "…")
    body = SectionBlock(text=PlainTextObject(text=shown, emoji=False))
    return Screen((HeaderBlock(text=plain(title, HEADER)), body), escape(cut(title, HEADER)))


def announcement_screen(told: Announcement) -> Screen:
    """Returns how a duel's result looks."""
    screen = lines_screen(told.title, list(told.lines))
    return Screen((*screen.blocks, *_actions([[told.button]])), screen.text)


def sentence_screen(sentence: str) -> Screen:
    """Returns how one sentence of ours looks; it may hold people's words."""
    text = plain(sentence, SENTENCE)
    return Screen((SectionBlock(text=text),), escape(text.text))


def _header(prompt: str) -> HeaderBlock:
    return HeaderBlock(text=plain(prompt, HEADER))


def _line(prompt: str) -> str:
    return escape(cut(prompt, HEADER))


def _body(reply: Reply, texts: Texts) -> list[Block]:
    if reply.phase is Phase.CANCELLED:
        return [SectionBlock(text=plain(texts.cancelled, SENTENCE))]
    if reply.failure:
        return [SectionBlock(text=plain(f"{texts.failed} {reply.failure}", SENTENCE))]
    return _fields(
        [f for row in reply.rows for f in (plain(row.words, WORDS), _adapter(row, texts))]
    )


def _adapter(row: Row, texts: Texts) -> PlainTextObject:
    if row.title is None:
        return plain(row.why, FIELD)
    return plain(" · ".join([cut(row.title, TITLE), *uses(row, texts)]), FIELD)


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[Block]:
    return _fields([f for words, by in pairs for f in (plain(words, WORDS), plain(by, FIELD))])


def _fields(fields: list[PlainTextObject]) -> list[Block]:
    starts = range(0, len(fields), FIELDS)
    return [SectionBlock(fields=list(fields[start : start + FIELDS])) for start in starts]


def _lines(lines: list[str], limit: int, texts: Texts) -> PlainTextObject:
    return PlainTextObject(text=join_lines(lines, limit, texts.more), emoji=False)


def _actions(rows: list[list[Button]]) -> list[Block]:
    return [
        ActionsBlock(elements=[button(one) for one in row[start : start + BUTTONS]])
        for row in rows
        for start in range(0, len(row), BUTTONS)
    ]


def button(button: Button) -> ButtonElement:
    """Returns one button."""
    style = "danger" if button.danger else None
    return ButtonElement(
        text=PlainTextObject(text=cut(button.label, BUTTON), emoji=False),
        action_id=button.click.custom_id,
        style="primary" if button.click.action in PRIMARY else style,
    )
