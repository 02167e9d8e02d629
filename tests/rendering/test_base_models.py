"""Random models and adapters for measurements: the renderer takes both as it takes trained ones."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.rendering import bench_masks
from engine.rendering.base_models import SD15, SDXL, BaseModel, write_random
from engine.rendering.bench_formats import skeleton
from engine.rendering.checkpoint import load_checkpoint
from engine.rendering.lora_file import examine_lora
from engine.rendering.random_loras import trained_layers
from engine.rendering.random_loras import write_random as write_lora

from .toys import SAMPLING

WIDE = {"norm_num_groups": 8, "layers_per_block": 1, "block_out_channels": (16, 32)}
#: The same families, smaller.
SMALL15 = replace(
    SD15,
    unet={**SD15.unet, **WIDE}
    | {"down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D")}
    | {"up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D")},
    texts=((768, 1, 12),),
    vae=(32, 32),
)


# PEFT warns of what the comparison means to do: several adapters in one model.
@pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
def test_a_random_model_is_measured_like_a_trained_one(tmp_path: Path) -> None:
    checkpoint = load_checkpoint("random", str(write_random(SMALL15, tmp_path)), "cpu")
    assert checkpoint.family == "sd15"
    told: list[str] = []
    figures = bench_masks.measure(checkpoint, SAMPLING, 2**30, 1, told.append)
    values = {figure.name: figure.value for figure in figures}
    assert all(value > 0 for value in values.values())
    assert {"... against plain", "PEFT against 4 masks at once", "changing the adapter set"} < set(
        values
    )


@pytest.mark.parametrize(("model", "count"), [(SD15, 264), (SDXL, 986)])
def test_random_adapters_fit_models_of_real_size(
    model: BaseModel, count: int, tmp_path: Path
) -> None:
    layers = skeleton(model)
    names = trained_layers(layers)
    assert len(names) == count
    path = write_lora(layers, names, 1, tmp_path / "random.safetensors")
    assert len(examine_lora(path, layers, "it")) == 64
