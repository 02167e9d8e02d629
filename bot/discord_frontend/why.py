"""“Why these adapters”: the whole breakdown, shown to one person."""

from discord import ui

from bot.breakdown import safe_link
from bot.discord_frontend.escaping import plain
from bot.discord_frontend.screens import COLOURS, TEXT_LIMIT, Screen, row_line
from bot.lines import join_lines
from bot.pictures import Picture
from bot.reply import Reply, Row
from bot.texts import Texts

#: Characters of text, leaving room for the escapes of the last line.
LIMIT = TEXT_LIMIT - 200


def why_screen(reply: Reply, texts: Texts) -> Screen:
    """Returns the breakdown with reasons, credits and links.

    Where it is longer than a message holds, the whole of it also comes as a text file.
    """
    lines = [line for row in reply.rows for line in _lines(row, texts)]
    lines += [f"-# {plain(remark, 400)}" for remark in reply.remarks]
    body = join_lines(lines or [texts.no_adapters], LIMIT, texts.whole_in_file)
    text = ui.TextDisplay[ui.LayoutView](f"### {texts.why_title}\n{body}")
    container = ui.Container[ui.LayoutView](text, accent_colour=COLOURS[reply.phase])
    if len("\n".join(lines)) <= LIMIT:
        return Screen((container,))
    file = Picture(f"stylus-{reply.request_id}.txt", _document(reply, texts), "")
    container.add_item(ui.File(f"attachment://{file.name}"))
    return Screen((container,), (file,))


def _lines(row: Row, texts: Texts) -> list[str]:
    lines = [row_line(row, texts)]
    if row.title is not None:
        about = [plain(part, 160) for part in (row.why, row.credit) if part]
        link = safe_link(row.link)
        lines.append("-# " + " · ".join([*about, *([f"<{link}>"] if link else [])]))
    return lines


def _document(reply: Reply, texts: Texts) -> bytes:
    parts = [reply.prompt, ""]
    for row in reply.rows:
        parts += [f"{row.words} -> {row.title or texts.no_adapters}", f"  {row.why}"]
        parts += [f"  {cell.state} {cell.weight:g}" for cell in row.cells]
        parts += [f"  {extra}" for extra in (row.credit, row.link) if extra]
    return "\n".join([*parts, "", *reply.remarks]).encode()
