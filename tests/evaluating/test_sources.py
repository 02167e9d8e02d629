"""`stylus eval sources`: what images keep of the picture that they start from."""

import re
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from PIL import Image

from bot.benchmarks.sources import measure, outside_change
from engine.errors import BadOption
from engine.evaluating.eyes import Instrument, look
from engine.evaluating.world_sources import MARGIN, inpaintings, translations
from engine.settings import Settings
from engine.settings_rendering import Checkpoint, Sampling


async def test_sources_are_drawn_over_looked_at_and_shown(
    settings: Settings, tmp_path: Path
) -> None:
    quick = settings.model_copy(update={"sampling": Sampling(steps=4)})
    figures = {f.name: f for f in await measure(quick, 1, tmp_path, lambda _: None)}
    for way in ("base", "stylus"):
        outside = figures[f"inpainting, {way}: largest change outside of the mask"]
        assert (outside.value, outside.holds) == (0, True)
        little = figures[f"image to image, strength 0.3, {way}: source kept"]
        assert little.value > 0.5, "little is done over"
        assert figures[f"inpainting, {way}: prompt followed"].interval
    page = (tmp_path / "sources.html").read_text()
    shown = re.findall(r'src="(sources/[^"]+\.png)"', page)
    assert len(shown) == 9
    assert all((tmp_path / path).is_file() for path in shown)
    assert page.count("<svg") == 1


def test_the_truth_is_what_the_pictures_show(tmp_path: Path) -> None:
    for questions in (translations(30), inpaintings(30)):
        paths = []
        for number, one in enumerate(questions):
            paths.append(tmp_path / f"{number}.png")
            one.image.save(paths[-1])
        kept = look(Instrument(), paths, [one.kept for one in questions]).verdicts
        followed = look(Instrument(), paths, [one.followed for one in questions]).verdicts
        assert fmean(one.alignment for one in kept) > 0.9
        assert fmean(one.alignment for one in followed) < 0.1, "nobody has drawn it yet"


def test_a_change_outside_of_the_mask_is_seen(tmp_path: Path) -> None:
    question = inpaintings(1)[0]
    pixels = np.array(question.image)
    pixels[MARGIN : MARGIN + 5, MARGIN : MARGIN + 5] = 0
    inside, outside = tmp_path / "inside.png", tmp_path / "outside.png"
    Image.fromarray(pixels).save(inside)
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(outside)
    assert (outside_change(question, inside), outside_change(question, outside)) == (0, 1)


async def test_other_checkpoints_are_told(settings: Settings, tmp_path: Path) -> None:
    other = settings.model_copy(update={"checkpoint": Checkpoint(source="somewhere")})
    with pytest.raises(BadOption, match="built-in world"):
        await measure(other, 3, tmp_path, lambda _: None)
