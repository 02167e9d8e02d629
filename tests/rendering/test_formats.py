"""Real-size base models in shape only: files that others wrote find their layers by any name."""

from pathlib import Path

import pytest

from engine.errors import BadLora
from engine.rendering.base_models import SD15, SDXL
from engine.rendering.bench_formats import Shapes, skeleton, write_zeros
from engine.rendering.lora_file import read_lora

Q = "transformer_blocks_7_attn1_to_q"


def _pair(stem: str, out: int, into: int) -> Shapes:
    return {
        f"{stem}.lora_down.weight": ("F16", (4, into)),
        f"{stem}.lora_up.weight": ("F16", (out, 4)),
        f"{stem}.alpha": ("BF16", ()),
    }


@pytest.mark.parametrize(
    "stem", [f"lora_unet_input_blocks_8_1_{Q}", f"lora_unet_down_blocks_2_attentions_1_{Q}"]
)
def test_a_layer_of_sdxl_by_both_of_its_names(stem: str, tmp_path: Path) -> None:
    path = tmp_path / "zeros.safetensors"
    write_zeros(_pair(stem, 1280, 1280), path)
    lora = read_lora(path, skeleton(SDXL), "it")
    name = "unet.down_blocks.2.attentions.1.transformer_blocks.7.attn1.to_q"
    assert list(lora.layers) == [name]
    with pytest.raises(BadLora, match="seems to be for SDXL"):
        read_lora(path, skeleton(SD15), "it")
