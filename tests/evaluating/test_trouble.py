"""`stylus eval trouble`: what the shelf's troublemakers do, by the paper's weights and ours."""

import re
from pathlib import Path

import pytest

from bot.benchmarks.trouble import PAPER, measure
from engine.errors import BadOption
from engine.evaluating.world_trouble import SATURATES, SWALLOWS, Call, blocked, calls
from engine.settings import Settings
from engine.settings_rendering import Checkpoint


async def test_harm_is_drawn_counted_and_shown(settings: Settings, tmp_path: Path) -> None:
    figures = {f.name: f for f in await measure(settings, 2, tmp_path, lambda _: None)}
    for trouble in (SATURATES, SWALLOWS):
        assert figures[f"prompts with the one that {trouble}"].value == 1
    burnt = {way: figures[f"{way}: burnt channels"].value for way in ("base", "stylus", PAPER)}
    assert burnt["base"] < burnt["stylus"] < burnt[PAPER]
    saturation = figures["saturation against the paper's"]
    assert saturation.value < 1
    assert (saturation.goal, saturation.holds) == (0.5, saturation.value <= 0.5)
    assert "task blocking against the paper's" in figures
    page = (tmp_path / "trouble.html").read_text()
    assert all((tmp_path / path).is_file() for path in re.findall(r'src="([^"]+)"', page))


def test_every_second_prompt_has_something_to_lose() -> None:
    asked = calls(20)
    assert len({call.prompt for call in asked}) == 40
    assert all("vivid" in call.prompt and not call.other for call in asked[:20])
    assert all(call.trouble == SWALLOWS and call.other for call in asked[20:])


def test_lost_is_what_the_base_shows_and_we_do_not() -> None:
    call = Call("a flower beside a ring", SWALLOWS, "ring")
    there = {"shape": "flower", "other shape": "ring"}
    first = {"shape": "ring", "other shape": "none"}
    gone = {"shape": "flower", "other shape": "flower"}
    assert blocked(call, [gone, there, first, gone], [there, first, there, gone]) == pytest.approx(
        1 / 3
    )
    assert blocked(call, [gone], [gone]) is None


async def test_other_checkpoints_have_other_troublemakers(
    settings: Settings, tmp_path: Path
) -> None:
    other = settings.model_copy(update={"checkpoint": Checkpoint(source=str(tmp_path))})
    with pytest.raises(BadOption, match="built-in world"):
        await measure(other, 2, tmp_path, lambda _: None)
