"""Measurements over running processes, in their shortest form."""

from pathlib import Path

import pytest

from bot.benchmarks import stages
from tests.processes.installation import Installation


async def test_the_time_of_every_stage_is_measured_and_drawn(
    running: Installation, tmp_path: Path
) -> None:
    told: list[str] = []
    figures = {
        f.name: f.value for f in await stages.measure(running.settings, 1, tmp_path, told.append)
    }
    assert told == [f"local composer, {images} images" for images in stages.SIZES]
    for name in told:
        row = {key: value for key, value in figures.items() if key.startswith(f"{name}: ")}
        whole = row.pop(f"{name}: all")
        assert len(row) == 5
        assert row[f"{name}: render"] > 0
        assert whole == pytest.approx(sum(row.values()))
    drawn = (tmp_path / "time.svg").read_text()
    assert drawn.startswith("<svg")
    assert "local composer, 8 images" in drawn
    assert "paper, 4 images" in drawn
