"""A model's parts from a diffusers folder, the hub or a single file.

Weights are read from safetensors only, never from a pickle. A folder needs no network; a hub id
uses the hub's cache first; a single file needs the configuration of its family from the hub's
cache or the hub, since it holds none.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    DDIMScheduler,
    DiffusionPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError, safe_open
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from engine.errors import CheckpointUnavailable

_FAMILIES = {768: "sd15", 1024: "sd21", 2048: "sdxl"}
#: Nobody's text is narrower than this but our own small model's.
_SMALL_TEXT_WIDTH = 512
#: diffusers has no types for its loaders.
_UNET: Any = UNet2DConditionModel
_VAES: dict[str, Any] = {"AutoencoderKL": AutoencoderKL, "AutoencoderTiny": AutoencoderTiny}
#: The second text encoder's place in a single file of SDXL.
_SDXL_KEY = "conditioner.embedders.1."
#: What single files of other families have in their keys; they lack text encoders as a rule.
_OTHER_KEYS = {"double_blocks.": "Flux", "joint_blocks.": "Stable Diffusion 3"}


@dataclass(frozen=True, slots=True)
class Parts:
    """A model's parts, on the CPU. diffusers has no types, hence `Any`."""

    family: str
    unet: Any
    text_encoder: Any
    tokenizer: Any
    vae: Any
    scheduler_config: dict[str, Any]
    #: SDXL's second pair.
    text_encoder_2: Any = None
    tokenizer_2: Any = None
    #: Nothing is said by zeros rather than by the empty prompt.
    zeros_for_empty: bool = False


def load_parts(name: str, source: str, dtype: torch.dtype) -> Parts:
    """The parts at `source`, of a family that the renderer knows. Raises CheckpointUnavailable."""
    hide_progress()
    path = Path(source).expanduser()
    if not path.exists() and _is_path(source):
        raise CheckpointUnavailable(
            f"Checkpoint “{name}” is not at {source}: correct its source in the settings."
        )
    try:
        if path.is_file():
            return _from_file(name, path, dtype)
        return _from_folders(name, str(path) if path.is_dir() else source, path.is_dir(), dtype)
    except CheckpointUnavailable:
        raise
    except Exception as error:
        # Two libraries, a hub client and anybody's files: whatever they raise means the same.
        raise unavailable(name, source, error) from error


def load_tiny_decoder(name: str, source: str, dtype: torch.dtype) -> Any:
    """An AutoencoderTiny for quick looks at the checkpoint's latents.

    Raises CheckpointUnavailable.
    """
    hide_progress()
    folder = Path(source).expanduser()
    place = {"local_files_only": folder.is_dir(), "use_safetensors": True}
    try:
        return _VAES["AutoencoderTiny"].from_pretrained(
            str(folder) if folder.is_dir() else source, torch_dtype=dtype, **place
        )
    except Exception as error:  # as above: a hub client's, a library's, or a file's
        raise CheckpointUnavailable(
            f"The preview decoder of checkpoint “{name}” cannot be loaded from {source}: "
            "name an AutoencoderTiny, or leave it empty."
        ) from error


def hide_progress() -> None:
    """Keeps the two libraries from drawing over a worker's log."""
    for library in (diffusers_logging, transformers_logging):
        library.disable_progress_bar()


def family_of(unet: dict[str, Any], index: dict[str, Any]) -> str:
    """The base model family, from the UNet's configuration and the pipeline's index.

    Adapters fit a family, so it follows from shapes and never from a name: two text encoders or
    text 2048 wide is "sdxl", 768 is "sd15", 1024 is "sd21", anything narrow is our own
    "stylus-small". A "stylus_family" key in either configuration wins. Empty where unknown.
    """
    told = index.get("stylus_family") or unet.get("stylus_family")
    if told:
        return str(told)
    if "text_encoder_2" in index:
        return "sdxl"
    width = unet.get("cross_attention_dim")
    if not isinstance(width, int):
        return ""
    return "stylus-small" if width < _SMALL_TEXT_WIDTH else _FAMILIES.get(width, "")


def _from_folders(name: str, source: str, local: bool, dtype: torch.dtype) -> Parts:
    place: dict[str, Any] = {"local_files_only": local}
    index = DiffusionPipeline.load_config(source, **place)
    config = _UNET.load_config(source, subfolder="unet", **place)
    family = family_of(config, index)
    _check_support(name, family, config, index)
    weights = {**place, "use_safetensors": True}
    second = _second(source, place, dtype) if "text_encoder_2" in index else {}
    parts = Parts(
        family,
        _UNET.from_pretrained(source, subfolder="unet", torch_dtype=dtype, **weights),
        CLIPTextModel.from_pretrained(source, subfolder="text_encoder", dtype=dtype, **weights),
        CLIPTokenizer.from_pretrained(source, subfolder="tokenizer", **place),
        _VAES[index["vae"][1]].from_pretrained(
            source, subfolder="vae", torch_dtype=dtype, **weights
        ),
        DDIMScheduler.load_config(source, subfolder="scheduler", **place),
        **second,
        zeros_for_empty=bool(index.get("force_zeros_for_empty_prompt", False)),
    )
    _check_words(name, parts.tokenizer, parts.text_encoder)
    if parts.text_encoder_2 is not None:
        _check_words(name, parts.tokenizer_2, parts.text_encoder_2)
    return parts


def _second(source: str, place: dict[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    encoder: Any = CLIPTextModelWithProjection
    return {
        "text_encoder_2": encoder.from_pretrained(
            source, subfolder="text_encoder_2", dtype=dtype, use_safetensors=True, **place
        ),
        "tokenizer_2": CLIPTokenizer.from_pretrained(source, subfolder="tokenizer_2", **place),
    }


def _from_file(name: str, path: Path, dtype: torch.dtype) -> Parts:
    try:
        with safe_open(path, framework="pt") as file:
            keys = list(file.keys())
    except SafetensorError as error:
        raise CheckpointUnavailable(
            f"Checkpoint “{name}” at {path} is no safetensors file: convert it to safetensors."
        ) from error
    _check_no_other(name, path, keys)
    is_sdxl = any(key.startswith(_SDXL_KEY) for key in keys)
    kind: Any = StableDiffusionXLPipeline if is_sdxl else StableDiffusionPipeline
    pipeline = kind.from_single_file(str(path), torch_dtype=dtype)
    config = dict(pipeline.unet.config)
    family = family_of(config, {"text_encoder_2": None} if is_sdxl else {})
    encoder = type(pipeline.text_encoder).__name__ if pipeline.text_encoder else None
    index = {"vae": ("", type(pipeline.vae).__name__), "text_encoder": ("", encoder)}
    _check_support(name, family, config, index)
    return Parts(
        family,
        pipeline.unet,
        pipeline.text_encoder,
        pipeline.tokenizer,
        pipeline.vae,
        dict(pipeline.scheduler.config),
        getattr(pipeline, "text_encoder_2", None),
        getattr(pipeline, "tokenizer_2", None),
        bool(pipeline.config.get("force_zeros_for_empty_prompt", False)),
    )


def _check_no_other(name: str, path: Path, keys: list[str]) -> None:
    for words, family in _OTHER_KEYS.items():
        if any(words in key for key in keys):
            raise CheckpointUnavailable(
                f"Checkpoint “{name}” at {path} is a single file of {family}, which is read from "
                "a diffusers folder or hub id only: name one of those as its source."
            )


def _check_support(name: str, family: str, unet: dict[str, Any], index: dict[str, Any]) -> None:
    if not family:
        raise CheckpointUnavailable(
            f"Checkpoint “{name}” is of no family that is known: use one of Stable Diffusion 1.5 "
            "or SDXL, or a diffusers folder of another family."
        )
    if family == "sdxl" and index.get("text_encoder", (None, None))[1] is None:
        raise CheckpointUnavailable(
            f"Checkpoint “{name}” is SDXL's refiner, which has one text encoder: use a base model."
        )
    if unet.get("time_cond_proj_dim") is not None or unet.get("class_embed_type") is not None:
        raise CheckpointUnavailable(
            f"Checkpoint “{name}” is a distilled or class-conditioned variant, which cannot be "
            "rendered yet: use a plain one of Stable Diffusion 1.5."
        )
    if index["vae"][1] not in _VAES:
        raise CheckpointUnavailable(
            f"Checkpoint “{name}” has a {index['vae'][1]}: use one with an AutoencoderKL."
        )


def _check_words(name: str, tokenizer: Any, text_encoder: Any) -> None:
    """Without its files transformers makes a tokenizer of no words, and says nothing."""
    words, known = len(tokenizer), text_encoder.config.vocab_size
    if not known / 2 <= words <= known:
        raise CheckpointUnavailable(
            f"Checkpoint “{name}” has a tokenizer of {words} words and a text encoder of {known}: "
            "check that its files are complete."
        )


def _is_path(source: str) -> bool:
    """Whether this can be no hub id, which is "owner/name"."""
    return source.startswith(("/", ".", "~")) or source.count("/") != 1 or "\\" in source


def unavailable(name: str, source: str, error: Exception) -> CheckpointUnavailable:
    """The sentence for whatever a library said while it loaded the checkpoint."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return CheckpointUnavailable(
        f"Checkpoint “{name}” cannot be loaded from {source} ({lines[0][:200].rstrip('.')}): "
        "check that its files are complete, or correct its source in the settings."
    )
