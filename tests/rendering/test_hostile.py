"""The hostile files of `stylus bench hostile`: every one refused, and no code run."""

from pathlib import Path

from bot.benchmarks.hostile import TAKEN, examine, table
from engine.rendering.layers import Layers
from engine.settings import Settings


def test_none_is_taken_and_none_runs_code(layers: Layers, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    found = examine(Settings(home=tmp_path), layers, tmp_path, canary)
    assert len(found) == len({one.name for one in found}) > 25
    assert [one.name for one in found if one.sentence == TAKEN] == []
    assert not canary.exists()
    for one in found:
        assert one.sentence.endswith("."), one.name
        assert "\n" not in one.sentence
    assert len(table(found)) == len(found) + 2
