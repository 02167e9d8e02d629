"""A LoRA that is unsafe, damaged, of another kind or for another base gets one sentence."""

import io
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.errors import BadLora
from engine.rendering.layers import Layers
from engine.rendering.lora_file import examine_lora, read_lora

from .toys import dotted, kohya, random_parts, save

LAYER = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
STEM = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"
SDXL = "lora_unet_down_blocks_2_attentions_1_transformer_blocks_7_attn1_to_q"


def _good(layers: Layers) -> dict[str, Tensor]:
    return kohya(random_parts(layers, [LAYER]))


def _sentence(path: Path, layers: Layers) -> str:
    with pytest.raises(BadLora) as caught:
        read_lora(path, layers, "Neon")
    sentence = str(caught.value)
    with pytest.raises(BadLora) as examined:
        examine_lora(path, layers, "Neon")
    assert str(examined.value) == sentence, "before it is taken and before it is used"
    assert "Neon" in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


Change = Callable[[dict[str, Tensor]], Mapping[str, Tensor]]


def _with(name: str, *shape: int) -> Change:
    return lambda tensors: {**tensors, name: torch.zeros(shape)}


def _without(suffix: str) -> Change:
    return lambda tensors: {k: v for k, v in tensors.items() if not k.endswith(suffix)}


def _only(*entries: tuple[str, tuple[int, ...]]) -> Change:
    return lambda _tensors: {name: torch.zeros(shape) for name, shape in entries}


def _filled(suffix: str, value: float) -> Change:
    return lambda tensors: {
        k: torch.full_like(v, value) if k.endswith(suffix) else v for k, v in tensors.items()
    }


CASES: dict[str, tuple[Change, str]] = {
    "unknown key": (_with("lora_unet_nowhere.alpha"), "1 key that fits no layer of toy"),
    "unknown keys are counted": (
        lambda tensors: {**tensors, "a": torch.zeros(1), "b": torch.zeros(1)},
        "2 keys that fit no layer of toy, the first is a:",
    ),
    "two kinds": (_with(f"{STEM}.hada_w1_a", 3, 3), f"two kinds of adapter for {LAYER}"),
    "a LoHa's half": (
        _only(*((f"{STEM}.hada_{half}", (32, 3)) for half in ("w1_a", "w1_b", "w2_a"))),
        f"lacks the hada_w2_b matrix of {LAYER}",
    ),
    "a LoHa of another width": (
        _only(
            *((f"{STEM}.hada_w{half}_a", (32, 3)) for half in (1, 2)),
            *((f"{STEM}.hada_w{half}_b", (3, 20)) for half in (1, 2)),
        ),
        f"(32, 3), (3, 20), (32, 3) and (3, 20), which do not fit {LAYER} of toy",
    ),
    "a LoHa for SDXL": (
        _only(
            *((f"{STEM}.hada_w{half}_a", (1280, 3)) for half in (1, 2)),
            *((f"{STEM}.hada_w{half}_b", (3, 2048)) for half in (1, 2)),
        ),
        "seems to be for SDXL",
    ),
    "a LoKr's half": (_only((f"{STEM}.lokr_w1", (4, 3))), f"lacks the lokr_w2 matrix of {LAYER}"),
    "a LoKr that fits no layer": (
        _only((f"{STEM}.lokr_w1", (4, 3)), (f"{STEM}.lokr_w2", (8, 9))),
        f"(4, 3) and (8, 9), which do not fit {LAYER} of toy",
    ),
    "a LoKr of no dimensions": (
        _only((f"{STEM}.lokr_w1", ()), (f"{STEM}.lokr_w2", (32, 24))),
        "do not fit",
    ),
    "OFT": (_with(f"{STEM}.oft_blocks", 3, 3), "of the kind OFT"),
    "OFT of kohya": (_with(f"{STEM}.oft_diag", 3, 3), "of the kind OFT"),
    "a DoRA of another width": (_with(f"{STEM}.dora_scale", 3, 1), "which do not fit"),
    "a DoRA with a matrix of them": (_with(f"{STEM}.dora_scale", 32, 24), "which do not fit"),
    "a DoRA of peft": (_with(f"{LAYER}.lora_magnitude_vector", 3), "which do not fit"),
    "a core in a linear layer": (_with(f"{STEM}.lora_mid.weight", 3, 3, 3, 3), "do not fit"),
    "whole differences": (_with(f"{STEM}.diff", 32, 24), "whole weight differences"),
    "numbered layers": (_with("unet:0:up", 3, 3), "cloneofsimo's numbered layers"),
    "a textual inversion": (_with("<s1>", 768), "of the kind LoRA with a textual inversion"),
    "no down": (_without(".lora_down.weight"), f"lacks the down matrix of {LAYER}"),
    "no up": (_without(".lora_up.weight"), f"lacks the up matrix of {LAYER}"),
    "alpha alone": (_only((f"{STEM}.alpha", ())), "lacks the"),
    "alpha is a list": (_with(f"{STEM}.alpha", 2), "an alpha that is no number"),
    "ranks disagree": (_with(f"{STEM}.lora_up.weight", 32, 4), "whose ranks disagree"),
    "no dimensions": (_with(f"{STEM}.lora_up.weight"), "whose ranks disagree"),
    "rank 0": (
        _only((f"{STEM}.lora_down.weight", (0, 24)), (f"{STEM}.lora_up.weight", (32, 0))),
        "whose ranks disagree",
    ),
    "rank 1025": (
        _only((f"{STEM}.lora_down.weight", (1025, 24)), (f"{STEM}.lora_up.weight", (32, 1025))),
        "rank 1,025",
    ),
    "another width": (
        _only((f"{STEM}.lora_down.weight", (3, 20)), (f"{STEM}.lora_up.weight", (32, 3))),
        f"do not fit {LAYER} of toy",
    ),
    "SD 1.x by its shapes": (
        _only((f"{STEM}.lora_down.weight", (3, 768)), (f"{STEM}.lora_up.weight", (1280, 3))),
        "seems to be for SD 1.x and toy is of the family stylus-small",
    ),
    "SD 2.x by its shapes": (
        _only((f"{STEM}.lora_down.weight", (3, 1024)), (f"{STEM}.lora_up.weight", (1280, 3))),
        "seems to be for SD 2.x",
    ),
    "SDXL by its shapes": (
        _only((f"{STEM}.lora_down.weight", (3, 2048)), (f"{STEM}.lora_up.weight", (1280, 3))),
        "seems to be for SDXL",
    ),
    "SDXL by its keys": (
        _only((f"{SDXL}.lora_down.weight", (3, 1280)), (f"{SDXL}.lora_up.weight", (1280, 3))),
        "seems to be for SDXL",
    ),
    "SDXL by its text encoders": (
        _with("lora_te2_text_model_encoder_layers_0_mlp_fc1.alpha"),
        "seems to be for SDXL",
    ),
    "Flux": (_with("lora_unet_double_blocks_1_img_attn_qkv.alpha"), "seems to be for Flux"),
    "a transformer of kohya": (
        _with("lora_unet_blocks_0_cross_attn_k_proj.alpha"),
        "seems to be for a transformer model",
    ),
    "a transformer": (
        _with("transformer_blocks.1.attn.to_k.alpha"),
        "seems to be for a transformer model",
    ),
    "NaN": (_filled(".lora_down.weight", float("nan")), "not finite"),
    "infinity": (_filled(".lora_up.weight", float("inf")), "not finite"),
    "alpha NaN": (_filled(".alpha", float("nan")), "not finite"),
    "alpha 1e308": (
        lambda tensors: {
            k: v.double() * 1e307 if k.endswith("alpha") else v for k, v in tensors.items()
        },
        "not finite",
    ),
    "alpha 1e30": (_filled(".alpha", 1e30), "the impossible alpha 1e+30"),
    "whole numbers": (
        lambda tensors: {k: v.to(torch.int64) for k, v in tensors.items()},
        "has I64 numbers",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused(case: str, layers: Layers, tmp_path: Path) -> None:
    change, words = CASES[case]
    path = save(tmp_path / "neon.safetensors", change(_good(layers)))
    assert words in _sentence(path, layers)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_one_number_that_is_not_finite(
    number: float, dtype: torch.dtype, layers: Layers, tmp_path: Path
) -> None:
    tensors = {name: tensor.to(dtype) for name, tensor in _good(layers).items()}
    tensors[f"{STEM}.lora_down.weight"][2, 17] = number
    path = save(tmp_path / "neon.safetensors", tensors)
    assert "has numbers that are not finite" in _sentence(path, layers)


@pytest.mark.parametrize("suffix", ["default", "other"])
def test_one_of_two_adapters_in_a_file_is_not_enough(
    suffix: str, layers: Layers, tmp_path: Path
) -> None:
    parts = random_parts(layers, [LAYER])
    tensors = dotted(parts, ".lora_A.weight", ".lora_B.weight", lambda name: name)
    tensors[f"{LAYER}.lora_A.{suffix}.weight"] = parts[LAYER].down.clone()
    path = save(tmp_path / "neon.safetensors", tensors)
    assert f"has two adapters for the layer {LAYER}" in _sentence(path, layers)


class _Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[[str, str], object], tuple[str, str]]:
        return open, (str(self._path), "w")


@pytest.mark.parametrize("suffix", ["safetensors", "pt", "ckpt", "zip"])
def test_a_pickle_is_never_loaded(suffix: str, layers: Layers, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    raw = pickle.dumps(_Canary(canary))
    if suffix == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("archive/data.pkl", raw)
        raw = buffer.getvalue()
    path = tmp_path / f"neon.{suffix}"
    path.write_bytes(raw)
    assert "is not a safetensors file" in _sentence(path, layers)
    assert not canary.exists()
    pickle.loads(pickle.dumps(_Canary(canary))).close()  # noqa: S301 - shows that the canary works
    assert canary.exists()


@pytest.mark.parametrize(
    "text",
    ['{"unet.lora_alpha": "8"}', '{"unet.alpha_pattern": {"(a+)+$": 1}}', "[]", "{", "[" * 5000],
)
def test_a_peft_configuration_that_cannot_be_read(
    text: str, layers: Layers, tmp_path: Path
) -> None:
    parts = random_parts(layers, [LAYER])
    tensors = dotted(parts, ".lora_A.weight", ".lora_B.weight", lambda name: name)
    path = save(tmp_path / "neon.safetensors", tensors, {"lora_adapter_metadata": text})
    assert "a PEFT configuration that cannot be read" in _sentence(path, layers)


def test_a_dora_without_its_magnitudes(layers: Layers, tmp_path: Path) -> None:
    metadata = {"lora_adapter_metadata": '{"unet.use_dora": true}'}
    path = save(tmp_path / "neon.safetensors", _good(layers), metadata)
    assert f"is a DoRA and lacks the magnitudes of {LAYER}" in _sentence(path, layers)


def test_a_missing_file_and_a_folder(layers: Layers, tmp_path: Path) -> None:
    assert "cannot be read (No such file" in _sentence(tmp_path / "none", layers)
    assert "cannot be read (Is a directory)" in _sentence(tmp_path, layers)
