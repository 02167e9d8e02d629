"""SDXL: two text encoders, sizes, adapters under both kinds of names, as diffusers has it."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from engine.rendering.checkpoint import Checkpoint, load_checkpoint
from engine.rendering.job import Job
from engine.rendering.layers import Layers, layers_of
from engine.rendering.lora_file import Lora, read_lora
from engine.rendering.original_names import original_name
from engine.rendering.renderer import Renderer
from engine.values import ImagePlan

from .original import SDXL, write_hub_cache, write_xl_single_file
from .toys import (
    SAMPLING,
    batch_of,
    kohya,
    latents_of,
    merge,
    plan,
    random_parts,
    save,
    write_xl_checkpoint,
)

PIPELINE: Any = StableDiffusionXLPipeline
#: Without negative words the second one's are zeros in SDXL, not an empty prompt.
PLANS = (plan(0, {}, "a fox"), plan(1, {}, "a red cat", "blurry, text"))
MASKED = (
    plan(0, {"ink": 0.8}, "a fox"),
    plan(1, {}, "a red cat", "blurry"),
    plan(2, {"ink": -0.3, "neon": 1.1}, "two cats", "text"),
    plan(3, {"neon": 0.6}, "a fox"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("xl")
    write_xl_checkpoint(made)
    return made / "model"


@pytest.fixture(scope="module")
def xl(folder: Path) -> Checkpoint:
    return load_checkpoint("xl", str(folder), "cpu")


@pytest.fixture(scope="module")
def xl_layers(xl: Checkpoint) -> Layers:
    return layers_of(xl)


def pipeline(folder: Path) -> Any:
    made = PIPELINE.from_pretrained(folder, add_watermarker=False)
    made.set_progress_bar_config(disable=True)
    return made


def reference(made: Any, plans: Sequence[ImagePlan], width: int = 16, height: int = 16) -> Tensor:
    return torch.cat([_alone(made, one, width, height) for one in plans])


def _alone(made: Any, one: ImagePlan, width: int, height: int) -> Tensor:
    if one.adapters:
        made.enable_lora()
        made.set_adapters([a.adapter_id for a in one.adapters], [a.weight for a in one.adapters])
    elif made.get_list_adapters():
        made.disable_lora()
    latents: Tensor = made(
        one.prompt,
        negative_prompt=one.negative or None,
        width=width,
        height=height,
        num_inference_steps=SAMPLING.steps,
        guidance_scale=SAMPLING.guidance,
        generator=torch.Generator().manual_seed(one.seed),
        output_type="latent",
    ).images
    return latents


def test_the_family_is_read_off_the_folder(xl: Checkpoint) -> None:
    assert xl.family == "sdxl"
    assert len(xl.encoders) == 2
    assert xl.zeros_for_empty


@pytest.mark.parametrize("mended", [False, True])
def test_an_autoencoder_that_overflows_float16_is_used_in_float32(
    mended: bool, folder: Path, tmp_path: Path
) -> None:
    """As diffusers has it: not all that overflows becomes no number, which a retry would find."""
    model = Path(shutil.copytree(folder, tmp_path / "model"))
    settings = model / "vae" / "config.json"
    told = json.loads(settings.read_text()) | {"force_upcast": not mended}
    settings.write_text(json.dumps(told))
    loaded = load_checkpoint("xl", str(model), "cpu", "float16")
    assert loaded.vae.dtype == (torch.float16 if mended else torch.float32)
    assert loaded.unet.dtype == torch.float16
    batch = batch_of(Renderer(loaded), Job(SAMPLING, [PLANS[0]], lambda _: Path()))
    assert batch.images[0].image.size == (16, 16)
    with loaded.exact_vae():
        assert loaded.vae.dtype == torch.float32
    assert loaded.vae.dtype == (torch.float16 if mended else torch.float32)


def test_a_single_file_is_the_same_model(
    folder: Path, xl: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    write_xl_single_file(xl, tmp_path / "xl.safetensors")
    write_hub_cache(tmp_path / "hub", folder, SDXL)
    loaded = load_checkpoint("xl", str(tmp_path / "xl.safetensors"), "cpu")
    assert (loaded.family, len(loaded.encoders), loaded.zeros_for_empty) == ("sdxl", 2, True)
    assert torch.equal(latents_of(loaded, PLANS, {}), latents_of(xl, PLANS, {}))


def test_latents_are_diffusers_own(folder: Path, xl: Checkpoint) -> None:
    expected = reference(pipeline(folder), PLANS)
    assert (latents_of(xl, PLANS, {}) - expected).abs().max() < 1e-4


def _some(layers: Layers, *ends: str) -> list[str]:
    return [name for name in layers.modules if name.endswith(ends)]


def _original(tensors: dict[str, Tensor], layers: Layers) -> dict[str, Tensor]:
    """kohya's keys with the UNet's first names, as its scripts for SDXL write them."""
    first = {name: original_name(name, 2) for name in layers.modules}
    stems = {_stem(name): _stem(own) for name, own in first.items() if own}
    renamed = {}
    for key, tensor in tensors.items():
        stem, _, role = key.partition(".")
        renamed[f"{stems.get(stem, stem)}.{role}"] = tensor
    return renamed


def _stem(name: str) -> str:
    return f"lora_{name}".replace(".", "_")


@pytest.fixture(scope="module")
def files(xl_layers: Layers, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One adapter under diffusers' names, one under the first code's."""
    made = tmp_path_factory.mktemp("files")
    ink = random_parts(xl_layers, _some(xl_layers, "to_q", "to_out.0", "proj_in"), seed=1)
    neon = random_parts(xl_layers, _some(xl_layers, "to_v", "ff.net.2"), seed=2)
    renamed = _original(kohya(neon), xl_layers)
    assert any("middle_block" in key for key in renamed)
    assert any("output_blocks_0_1" in key for key in renamed)
    return {
        "ink": save(made / "ink.safetensors", kohya(ink)),
        "neon": save(made / "neon.safetensors", renamed),
    }


# PEFT warns of what the reference means to do: several adapters in one model.
@pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
def test_masks_over_adapters_of_both_namings(
    folder: Path, files: dict[str, Path], xl: Checkpoint, xl_layers: Layers
) -> None:
    made = pipeline(folder)
    for name, path in files.items():
        made.load_lora_weights(path.parent, weight_name=path.name, adapter_name=name)
    loras: dict[str, Lora] = {n: read_lora(path, xl_layers, n) for n, path in files.items()}
    expected = reference(made, MASKED)
    rendered = latents_of(xl, MASKED, loras)
    assert (rendered - expected).abs().max() < 1e-4
    plain = latents_of(xl, [plan(p.index, {}, p.prompt, p.negative) for p in MASKED], {})
    assert bool(((rendered - plain).abs().amax((1, 2, 3))[[0, 2, 3]] > 1e-2).all())


def test_both_text_encoders_are_adapted(xl: Checkpoint, xl_layers: Layers, tmp_path: Path) -> None:
    # Held against merged weights: diffusers 0.42 reads such files wrongly with transformers 5.
    parts = random_parts(xl_layers, _some(xl_layers, "q_proj", "fc1"))
    keys = kohya(parts)
    assert {key.split("_")[1] for key in keys} == {"te1", "te2"}
    lora = read_lora(save(tmp_path / "words", keys), xl_layers, "words")
    plans = [plan(0, {"words": 0.7}, "a fox", "text"), plan(1, {}, "a fox")]
    rendered = latents_of(xl, plans, {"words": lora})
    with torch.inference_mode():
        restore = merge(xl_layers, parts, 0.7)
        expected = latents_of(xl, [plan(0, {}, "a fox", "text")], {})
        restore()
    assert (rendered[:1] - expected).abs().max() < 1e-4
    assert (rendered[:1] - latents_of(xl, [plan(0, {}, "a fox", "text")], {})).abs().max() > 1e-2


def test_every_layer_has_a_first_name_of_its_own(xl_layers: Layers) -> None:
    unet = [name for name in xl_layers.modules if name.startswith("unet.")]
    first = [original_name(name, 2) for name in unet]
    assert None not in first
    assert len(set(first)) == len(unet)
    assert original_name("unet.down_blocks.1.attentions.1.proj_in", 2) == (
        "unet.input_blocks.5.1.proj_in"
    )
    assert original_name("text_encoder.encoder.layers.0.mlp.fc1", 2) is None
