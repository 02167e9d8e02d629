"""One batch with an own mask an image equals diffusers and PEFT, one image at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors import safe_open
from torch import Tensor

from engine.rendering.adapters import SLOT_BYTES
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.layers import Layers
from engine.rendering.lora_file import Lora, read_lora
from engine.values import ImagePlan

from .toys import SAMPLING, latents_of, plan

PIPELINE: Any = StableDiffusionPipeline
NAMES = ("ink", "neon", "clay")
#: Linear layers, 1x1 and 3x3 convolutions, some with a stride.
UNET_LAYERS = (
    r".*(to_q|to_k|to_v|to_out\.0|ff\.net\.0\.proj|proj_in|conv1|conv2|downsamplers.*conv)"
)
TEXT_LAYERS = r".*(q_proj|out_proj|fc1)"
PLANS = (
    plan(0, {}, "a fox"),
    plan(1, {"ink": 0.8}, "a red fox", "blurry"),
    plan(2, {"neon": 1.2, "clay": -0.5}, "a cat", "text"),
    plan(3, {"clay": 0.4, "ink": 0.9, "neon": 0.3}, "two cats"),
)


@pytest.fixture(scope="module")
def files(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three LoRAs as PEFT makes them and diffusers saves them, with alpha unlike rank."""
    folder = tmp_path_factory.mktemp("loras")
    for seed, name in enumerate(NAMES):
        _write_lora(PIPELINE.from_pretrained(model_folder, safety_checker=None), folder, name, seed)
    return {name: folder / f"{name}.safetensors" for name in NAMES}


def _write_lora(pipeline: Any, folder: Path, name: str, seed: int) -> None:
    torch.manual_seed(seed)
    unet: Any = LoraConfig(
        r=3 + seed, lora_alpha=5, init_lora_weights=False, target_modules=UNET_LAYERS
    )
    text: Any = LoraConfig(r=2, lora_alpha=3, init_lora_weights=False, target_modules=TEXT_LAYERS)
    pipeline.unet.add_adapter(unet, adapter_name=name)
    pipeline.text_encoder.add_adapter(text, adapter_name=name)
    PIPELINE.save_lora_weights(
        folder,
        unet_lora_layers=get_peft_model_state_dict(pipeline.unet, adapter_name=name),
        text_encoder_lora_layers=get_peft_model_state_dict(
            pipeline.text_encoder, adapter_name=name
        ),
        weight_name=f"{name}.safetensors",
        unet_lora_adapter_metadata=unet.to_dict(),
        text_encoder_lora_adapter_metadata=text.to_dict(),
    )


@pytest.fixture(scope="module")
def loras(files: dict[str, Path], layers: Layers) -> dict[str, Lora]:
    return {name: read_lora(path, layers, name) for name, path in files.items()}


def _one_at_a_time(pipeline: Any, plans: Sequence[ImagePlan]) -> Tensor:
    return torch.cat([_alone(pipeline, one) for one in plans])


def _alone(pipeline: Any, one: ImagePlan) -> Tensor:
    names = [adapter.adapter_id for adapter in one.adapters]
    if names:
        pipeline.enable_lora()
        pipeline.set_adapters(names, [adapter.weight for adapter in one.adapters])
    else:
        pipeline.disable_lora()
    latents: Tensor = pipeline(
        one.prompt,
        negative_prompt=one.negative,
        width=SAMPLING.width,
        height=SAMPLING.height,
        num_inference_steps=SAMPLING.steps,
        guidance_scale=SAMPLING.guidance,
        generator=torch.Generator().manual_seed(one.seed),
        output_type="latent",
    ).images
    return latents


# PEFT warns of what the reference means to do: several adapters in one model.
@pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
@pytest.mark.parametrize("slot_bytes", [0, SLOT_BYTES])
def test_four_masks_over_three_adapters(
    slot_bytes: int,
    model_folder: Path,
    files: dict[str, Path],
    loras: dict[str, Lora],
    checkpoint: Checkpoint,
) -> None:
    pipeline = PIPELINE.from_pretrained(model_folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    for name, path in files.items():
        pipeline.load_lora_weights(path, adapter_name=name)
    expected = _one_at_a_time(pipeline, PLANS)
    rendered = latents_of(checkpoint, PLANS, loras, slot_bytes=slot_bytes)
    assert (rendered - expected).abs().max() < 1e-4
    # The adapters must show, or the comparison above says nothing.
    plain = latents_of(checkpoint, [plan(p.index, {}, p.prompt, p.negative) for p in PLANS], {})
    differences = (rendered - plain).abs().amax((1, 2, 3))
    assert differences[0] < 1e-4
    assert bool((differences[1:] > 1e-2).all())


def test_every_layer_of_the_file_is_patched(files: dict[str, Path], loras: dict[str, Lora]) -> None:
    for name, path in files.items():
        with safe_open(path, framework="pt") as file:
            tensors = len(list(file.keys()))
        assert len(loras[name].layers) == tensors // 2
