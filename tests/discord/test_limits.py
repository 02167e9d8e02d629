"""Whatever people write, a message keeps within Discord's limits, and nothing in it is markup."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.choices import as_composed
from bot.discord_frontend.escaping import plain
from bot.discord_frontend.screens import Screen, reply_screen
from bot.discord_frontend.tasks import tasks_screen
from bot.discord_frontend.why import why_screen
from bot.lines import cut, join_lines, width
from bot.pictures import Picture
from bot.reply import Cell, Reply, ReplyImage, Row
from bot.texts import ENGLISH
from engine.values import Composition, Phase, Task, Timings
from tests.discord.conftest import walk
from tests.samples import pick, rendering

#: What hurts: markup, mentions, links, wide letters, emoji of several parts, long words.
HOSTILE = [
    "@everyone @here <@123> <@&45> <#67>",
    "[free](https://evil.example) https://evil.example discord.gg/abc",
    "# Title\n> quote\n- list ```code``` ||spoiler|| **bold** __under__ ~~gone~~",
    "狐 " * 400,
    "👨‍👩‍👧‍👦🏳️‍🌈" * 200,
    "W" * 3000,
    "\\",
]


async def test_the_largest_answer_fits() -> None:
    for text in HOSTILE:
        images = tuple(ReplyImage(rendering(n), text, text) for n in range(8))
        cells = tuple(Cell("on", 0.1 + n / 10, 1.0) for n in range(8))
        rows = tuple(Row(text, f"a{n}", text, text, cells, text, None) for n in range(12))
        reply = Reply(
            "r123456789", "p123456789", text, Phase.RENDERED, "local", Timings(), images, rows,
            (text,) * 12, None,
        )  # fmt: skip
        pictures = {n: Picture(f"{n}.png", b"", text) for n in range(8)}
        screen = reply_screen(reply, pictures, Picture("sheet.png", b"", text), ENGLISH)
        check(screen)
        assert len(screen.files()) == 9
        check(why_screen(reply, ENGLISH))
        failed = Reply("r1", None, text, Phase.FAILED, None, Timings(), (), (), (), text * 5)
        check(reply_screen(failed, {}, None, ENGLISH))


async def test_the_largest_screen_of_tasks_fits() -> None:
    for text in HOSTILE:
        line = cut(text, 1000)
        picks = [pick(f"a{n}") for n in range(12)]
        composition = Composition(f"{line} x", (Task("x", tuple(picks)),), composer="local")
        screen = tasks_screen("r1", composition, as_composed(composition), ENGLISH)
        check(screen)


def check(screen: Screen) -> None:
    """Asserts Discord's limits."""
    view: Any = screen.view()
    parts = list(walk(view.to_components()))
    assert len(parts) <= 40
    assert sum(width(part.get("content", "")) for part in parts) <= 4000
    ids = [part["custom_id"] for part in parts if "custom_id" in part]
    assert len(ids) == len(set(ids))
    assert all(1 <= len(one) <= 100 for one in ids)
    for part in parts:
        assert width(part.get("label") or "") <= 80
        assert width(part.get("placeholder") or "") <= 150
        assert len(part.get("options", [])) <= 25
        for option in part.get("options", []):
            assert 1 <= width(option["label"]) <= 100
            assert width(option.get("description") or "") <= 100
        for item in part.get("items", []):
            assert width(item.get("description") or "") <= 1024


@given(st.text(st.sampled_from("a*_~`|>#[]()<>:/.-@\\\n x1狐👍"), max_size=60))
def test_no_sign_of_markup_is_left_bare(text: str) -> None:
    shown = plain(text, 40)
    assert "\n" not in shown
    bare = re.sub(r"\\[^a-zA-Z0-9\s]", "", shown)
    assert not set(bare) & set("*_~`|<>[]()#:./\\-")
    assert "@everyone" not in shown
    assert not re.search(r"@\w", shown)
    read = re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", shown).replace("\u200b", "")
    assert read == cut(text, 40)


@given(st.text(max_size=80), st.integers(1, 40))
def test_what_is_cut_is_not_longer_than_it_may_be(text: str, limit: int) -> None:
    assert width(cut(text, limit)) <= limit


@given(st.lists(st.text(max_size=20), max_size=9), st.integers(10, 60))
def test_lines_are_left_out_whole(lines: list[str], limit: int) -> None:
    joined = join_lines(lines, limit, "…")
    assert width(joined) <= limit
    if joined != "\n".join(lines):
        assert joined.endswith("…")
