"""A Stable Diffusion of diffusers' own classes at toy size, and LoRA files for it."""

import json
from collections.abc import Callable, Mapping, Sequence
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
from safetensors.torch import save_file
from torch import Tensor
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from engine.errors import StylusError
from engine.rendering.adapters import SLOT_BYTES, Use, applied
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.denoise import denoise
from engine.rendering.job import Batch, Job
from engine.rendering.layers import Layers, layers_of, weight_of
from engine.rendering.lora_file import Lora
from engine.rendering.lora_parts import Factors
from engine.rendering.recording import Record
from engine.rendering.renderer import Renderer
from engine.values import ImagePlan, PlannedAdapter, Sampling

#: diffusers has no types for these.
UNET: Any = UNet2DConditionModel
KL: Any = AutoencoderKL
DDIM: Any = DDIMScheduler

TOKENS = 16
TEXT_WIDTH = 24

SAMPLING = Sampling("toy", width=16, height=16, scheduler="DDIM", steps=4, guidance=3.0)


def write_checkpoint(folder: Path) -> None:
    """Writes a diffusers folder with random weights."""
    torch.manual_seed(0)
    tokenizer = words_of(folder / "words")
    pipeline: Any = StableDiffusionPipeline
    pipeline(
        vae=vae(),
        text_encoder=_text_encoder(tokenizer),
        tokenizer=tokenizer,
        unet=_unet(),
        scheduler=DDIM(clip_sample=False, beta_schedule="scaled_linear", steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder / "model")


def vae() -> Any:
    """Two pixels a latent."""
    return KL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
    )


def _unet() -> Any:
    return UNET(
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=8,
        norm_num_groups=8,
    )


def _text_encoder(tokenizer: Any) -> Any:
    return CLIPTextModel(text_config(tokenizer, TEXT_WIDTH))


def text_config(tokenizer: Any, width: int, layers: int = 2) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        projection_dim=width,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=TOKENS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def write_xl_checkpoint(folder: Path) -> None:
    """Writes a diffusers folder of an SDXL with random weights."""
    torch.manual_seed(0)
    tokenizer = words_of(folder / "words")
    pipeline: Any = StableDiffusionXLPipeline
    second: Any = CLIPTextModelWithProjection
    pipeline(
        vae=vae(),
        text_encoder=_text_encoder(tokenizer),
        # A tenth layer is what single files of SDXL are known by.
        text_encoder_2=second(text_config(tokenizer, 32, layers=10)),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=_xl_unet(),
        scheduler=DDIM(clip_sample=False, beta_schedule="scaled_linear", steps_offset=1),
    ).save_pretrained(folder / "model")


def _xl_unet() -> Any:
    return UNET(
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=2,
        transformer_layers_per_block=(1, 2),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH + 32,
        attention_head_dim=(2, 4),
        norm_num_groups=8,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 32,
    )


def words_of(folder: Path) -> Any:
    """A letter a token: byte-pair encoding without merges."""
    folder.mkdir(parents=True)
    letters = [chr(code) for code in range(33, 127)]
    signs = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({sign: i for i, sign in enumerate(signs)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(str(folder), model_max_length=TOKENS)


@dataclass(frozen=True)
class Part:
    """What one layer of a LoRA file holds."""

    down: Tensor
    up: Tensor
    alpha: float


Parts = Mapping[str, Part]


def random_parts(
    layers: Layers, names: Sequence[str], rank: int = 3, alpha: float = 6.0, seed: int = 1
) -> dict[str, Part]:
    """Factors for layers by full name, large enough to be seen in the image."""
    source = torch.Generator().manual_seed(seed)
    parts = {}
    for name in names:
        shape = weight_of(layers.modules[name]).shape
        down = torch.randn((rank, *shape[1:]), generator=source) * 0.2
        up = torch.randn((shape[0], rank, *(1 for _ in shape[2:])), generator=source) * 0.2
        parts[name] = Part(down, up, alpha)
    return parts


def merge(layers: Layers, parts: Parts, weight: float = 1.0) -> Callable[[], None]:
    """Adds the parts into the layers' own weights; returns what takes them out again.

    The definition of a LoRA, and so the reference that the renderer is held against.
    """
    before = {name: weight_of(layers.modules[name]).clone() for name in parts}
    for name, part in parts.items():
        delta = part.up.flatten(1) @ part.down.flatten(1) * (weight * part.alpha / len(part.down))
        target = weight_of(layers.modules[name])
        target += delta.reshape(target.shape)

    def restore() -> None:
        for name, weight in before.items():
            weight_of(layers.modules[name]).copy_(weight)

    return restore


def kohya(parts: Parts) -> dict[str, Tensor]:
    """The parts under kohya's keys, which number the text encoders where there are two."""
    two = any(name.startswith("text_encoder_2.") for name in parts)
    first = "te1_text_model_" if two else "te_text_model_"
    tensors = {}
    for name, part in parts.items():
        stem = name.replace(".", "_").replace("text_encoder_2_", "te2_text_model_", 1)
        stem = stem.replace("text_encoder_", first, 1)
        tensors[f"lora_{stem}.lora_down.weight"] = part.down
        tensors[f"lora_{stem}.lora_up.weight"] = part.up
        tensors[f"lora_{stem}.alpha"] = torch.tensor(part.alpha)
    return tensors


def dotted(parts: Parts, down: str, up: str, rename: Callable[[str], str]) -> dict[str, Tensor]:
    """The parts under module paths, with the given suffixes."""
    tensors = {}
    for name, part in parts.items():
        tensors[f"{rename(name)}{down}"] = part.down
        tensors[f"{rename(name)}{up}"] = part.up
    return tensors


def save(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> Path:
    """Writes a safetensors file and gives its path."""
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata)
    return path


_DTYPE_NAMES = {torch.float32: "F32", torch.float8_e4m3fn: "F8_E4M3"}


def write_raw(path: Path, tensors: Mapping[str, Tensor]) -> Path:
    """As `save`, with the tensors in the given order."""
    header: dict[str, object] = {}
    data = b""
    for name, tensor in tensors.items():
        raw = tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        offsets = [len(data), len(data) + len(raw)]
        dtype = _DTYPE_NAMES[tensor.dtype]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        data += raw
    return write_file(path, json.dumps(header).encode(), data)


def write_file(path: Path, header: bytes, data: bytes = b"") -> Path:
    """A safetensors file of any header and data, however wrong."""
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    return path


def plan(
    index: int,
    weights: Mapping[str, float],
    prompt: str = "a fox",
    negative: str = "",
    seed: int | None = None,
) -> ImagePlan:
    """A plan whose adapter ids are also their titles, without hashes."""
    adapters = tuple(
        PlannedAdapter(name, name, None, None, weight) for name, weight in weights.items()
    )
    return ImagePlan(index, 100 + index if seed is None else seed, prompt, negative, adapters)


def factors_of(lora: Lora) -> dict[str, Factors]:
    """A plain LoRA's factors by layer."""
    plain = {n: part for n, part in lora.layers.items() if isinstance(part, Factors)}
    assert len(plain) == len(lora.layers)
    return plain


def batch_of(renderer: Renderer, job: Job) -> Batch:
    """What the renderer makes of one job; its error is raised."""
    (outcome,) = renderer.render([job])
    if isinstance(outcome, StylusError):
        raise outcome
    return outcome


def latents_of(
    checkpoint: Checkpoint,
    plans: Sequence[ImagePlan],
    loras: Mapping[str, Lora],
    sampling: Sampling = SAMPLING,
    slot_bytes: int = SLOT_BYTES,
    record: Record | None = None,
) -> Tensor:
    """The denoised latents of the plans in one batch; `loras` by adapter id."""
    uses = [[Use(loras[a.adapter_id], a.weight) for a in one.adapters] for one in plans]
    with torch.inference_mode(), applied(layers_of(checkpoint), uses, slot_bytes):
        return denoise(checkpoint, sampling, plans, lambda *_: None, lambda: False, record=record)
