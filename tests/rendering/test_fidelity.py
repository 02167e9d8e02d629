"""Images of one batch are PEFT's, in single precision and, by eye, in half: the built-in models."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bot.benchmarks import gpu
from engine.checkpoints import configured
from engine.errors import Unavailable
from engine.rendering import bench_fidelity
from engine.rendering.bench_fidelity import apart, compose_sheet, peak_ratio
from engine.settings import Settings
from engine.values import Sampling


# PEFT warns of what the reference means to do: several adapters in one model.
@pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
def test_four_images_with_own_adapters_look_like_pefts_in_half_precision(tmp_path: Path) -> None:
    source = configured(Settings())._replace(device="cpu")
    sampling = Sampling(source.name, 64, 64, "DDIM", 4, 4.0)
    sheet = tmp_path / "sheet.png"
    told: list[str] = []
    figures = bench_fidelity.measure(source, sampling, sheet, told.append)
    assert told == ["float32", "bfloat16"]
    values = {one.name: one.value for one in figures}
    assert figures[0].holds
    assert values["pixels in float32, ours against PEFT"] < 0.05
    # Half precision rounds, which is there and nobody sees.
    assert 0 < values["pixels in bfloat16, ours against PEFT"] < 2
    assert 0 < values["pixels PEFT in bfloat16 against float32"] < 2
    rows = np.asarray(Image.open(sheet)).reshape(4, -1, 4 * 128, 3)[:, 18:].astype(int)
    assert rows.shape == (4, 128, 512, 3)
    assert np.abs(rows - rows[0]).mean() < 2
    first, last = rows[0, :, :128], rows[0, :, 384:]
    assert np.abs(first - last).mean() > 10, "each image has adapters of its own"


def test_how_far_pictures_lie_apart() -> None:
    black, grey = (Image.new("RGB", (4, 4), (shade,) * 3) for shade in (0, 51))
    assert apart([black, black], [black, grey]) == 25.5
    assert peak_ratio([black, black], [black, grey]) == pytest.approx(13.979, abs=1e-3)
    assert peak_ratio([grey], [grey]) == float("inf")
    assert compose_sheet({"one": [black, grey], "two": [grey, grey]}).size == (256, 292)


async def test_figures_of_a_gpu_are_not_taken_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", bool)
    settings = Settings()
    auto = settings.renderer.model_copy(update={"device": "auto"})
    with pytest.raises(Unavailable, match="torch sees no GPU here: install its CUDA build"):
        await gpu.measure(settings.model_copy(update={"renderer": auto}), [], 1, print)
    named = settings.renderer.model_copy(update={"device": "cpu"})
    (memory,) = await gpu.measure(settings.model_copy(update={"renderer": named}), [], 1, print)
    assert (memory.name, memory.value) == ("memory of cpu", 0)
