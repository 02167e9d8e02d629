"""Base models of real size: diffusers' and transformers' own classes, with random weights.

How fast a model is, and which layers an adapter finds in it, depends on its shapes alone; so both
can be measured without anybody's weights. Shapes are those of the published configurations.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from engine.rendering.model_files import hide_progress

_DOWN, _CROSS = "DownBlock2D", "CrossAttnDownBlock2D"
_UP, _CROSS_UP = "UpBlock2D", "CrossAttnUpBlock2D"
#: CLIP's; the last two say where a text begins and ends.
_WORDS = 49_408
#: diffusers has no types.
_UNET: Any = UNet2DConditionModel
_VAE: Any = AutoencoderKL
_DDIM: Any = DDIMScheduler
_PIPELINES: tuple[Any, ...] = (StableDiffusionPipeline, StableDiffusionXLPipeline)


@dataclass(frozen=True, slots=True)
class BaseModel:
    """What the models of one family look like."""

    family: str
    #: Pixels along the square that it was trained for.
    side: int
    unet: Mapping[str, Any]
    #: Width, layers and heads of each text encoder.
    texts: Sequence[tuple[int, int, int]]
    #: Channels of the autoencoder, level by level.
    vae: Sequence[int]


SD15 = BaseModel(
    "sd15",
    512,
    {
        "sample_size": 64,
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
        "block_out_channels": (320, 640, 1280, 1280),
        "down_block_types": (_CROSS, _CROSS, _CROSS, _DOWN),
        "up_block_types": (_UP, _CROSS_UP, _CROSS_UP, _CROSS_UP),
    },
    ((768, 12, 12),),
    (128, 256, 512, 512),
)
SDXL = BaseModel(
    "sdxl",
    1024,
    {
        "sample_size": 128,
        "cross_attention_dim": 2048,
        "attention_head_dim": (5, 10, 20),
        "block_out_channels": (320, 640, 1280),
        "transformer_layers_per_block": (1, 2, 10),
        "down_block_types": (_DOWN, _CROSS, _CROSS),
        "up_block_types": (_CROSS_UP, _CROSS_UP, _UP),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
    ((768, 12, 12), (1280, 32, 20)),
    (128, 256, 512, 512),
)
BASE_MODELS = {model.family: model for model in (SD15, SDXL)}


def new_unet(model: BaseModel) -> Any:
    """A UNet2DConditionModel with torch's own random start."""
    return _UNET(**model.unet)


def new_encoders(model: BaseModel) -> list[Any]:
    """CLIPTextModel, and where there are two CLIPTextModelWithProjection."""
    kinds: tuple[Any, ...] = (CLIPTextModel, CLIPTextModelWithProjection)
    return [kind(_text(*size)) for kind, size in zip(kinds, model.texts, strict=False)]


def _text(width: int, layers: int, heads: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=_WORDS,
        hidden_size=width,
        projection_dim=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        bos_token_id=_WORDS - 2,
        eos_token_id=_WORDS - 1,
    )


def write_random(model: BaseModel, folder: Path) -> Path:
    """Writes a diffusers folder with random weights in half precision; returns it.

    SD 1.5 takes 2 GB of disk and memory for that, SDXL 7.
    """
    hide_progress()
    torch.manual_seed(0)
    with _half():
        encoders = new_encoders(model)
        tokenizer = _tokenizer(folder / "words")
        parts = {
            "vae": _new_vae(model),
            "unet": new_unet(model),
            "text_encoder": encoders[0],
            "tokenizer": tokenizer,
            "scheduler": _DDIM(
                beta_start=0.00085,
                beta_end=0.012,
                beta_schedule="scaled_linear",
                clip_sample=False,
                set_alpha_to_one=False,
                steps_offset=1,
            ),
        }
    if len(encoders) == 1:
        alone = {"safety_checker": None, "feature_extractor": None}
        pipeline = _PIPELINES[0](**parts, **alone, requires_safety_checker=False)
    else:
        pipeline = _PIPELINES[1](**parts, text_encoder_2=encoders[1], tokenizer_2=tokenizer)
    pipeline.save_pretrained(folder / "model")
    return folder / "model"


def _new_vae(model: BaseModel) -> Any:
    levels = len(model.vae)
    return _VAE(
        block_out_channels=tuple(model.vae),
        layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        latent_channels=4,
        sample_size=model.side,
    )


def _tokenizer(folder: Path) -> Any:
    """A letter a token, and as many words beside them as CLIP has."""
    folder.mkdir(parents=True)
    letters = [chr(code) for code in range(33, 127)]
    signs = [*letters, *(f"{letter}</w>" for letter in letters)]
    signs += [f"unused{number}" for number in range(_WORDS - 2 - len(signs))]
    signs += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({sign: n for n, sign in enumerate(signs)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(str(folder), model_max_length=77)


@contextmanager
def _half() -> Iterator[None]:
    """New models have half precision: SDXL in single would not fit into many machines."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
