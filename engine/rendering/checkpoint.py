"""One loaded model: the diffusers parts, where they run, and what family they are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import BadSettings
from engine.rendering.model_files import Parts, load_parts

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One loaded model. Its parts are diffusers' and transformers' own classes."""

    name: str
    #: "sd15", "sd21", "sdxl" or "stylus-small"; see `model_files.family_of`.
    family: str
    unet: nn.Module
    text_encoder: nn.Module
    #: CLIPTokenizer
    tokenizer: Any
    #: AutoencoderKL or AutoencoderTiny
    vae: Any
    #: The checkpoint's own scheduler configuration, which every scheduler is built from.
    scheduler_config: dict[str, Any]
    device: torch.device
    dtype: torch.dtype
    latent_channels: int
    #: Width and height, in pixels, of the square that one latent stands for.
    latent_pixels: int
    #: SDXL's second pair.
    text_encoder_2: nn.Module | None = None
    tokenizer_2: Any = None
    #: Nothing is said by zeros rather than by the empty prompt.
    zeros_for_empty: bool = False

    @property
    def encoders(self) -> tuple[tuple[Any, nn.Module], ...]:
        """Tokenizers and text encoders, in order."""
        first = (self.tokenizer, self.text_encoder)
        second = self.text_encoder_2
        return (first,) if second is None else (first, (self.tokenizer_2, second))

    @property
    def bytes(self) -> int:
        """Memory that its weights take."""
        models = [self.unet, self.vae, *(encoder for _, encoder in self.encoders)]
        return sum(weight.nbytes for model in models for weight in model.parameters())

    def encode(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """Latents of images (count, 3, height, width), -1 to 1; some encoders draw noise.

        In float32, and once: what a seed stands for depends neither on the number type nor on what
        had to be encoded again.
        """
        mean, spread = self._encode(pixels.to(self.vae.dtype))
        if self.vae.dtype != torch.float32 and not bool(torch.isfinite(mean).all()):
            with self.exact_vae():
                mean, spread = self._encode(pixels.float())
        if spread is not None:
            mean = mean + spread * torch.randn(mean.shape, generator=generator).to(spread)
        scaled: Tensor = mean * self.vae.config.scaling_factor
        return scaled.to(self.dtype)

    def _encode(self, pixels: Tensor) -> tuple[Tensor, Tensor | None]:
        """The latents' mean and how far they spread around it, where they do."""
        encoded = self.vae.encode(pixels)
        if not hasattr(encoded, "latent_dist"):
            return encoded.latents, None
        return encoded.latent_dist.mean, encoded.latent_dist.std

    @contextmanager
    def exact_vae(self) -> Iterator[None]:
        """The autoencoder in float32: some overflow half precision."""
        before = self.vae.dtype
        self.vae.to(torch.float32)
        try:
            yield
        finally:
            self.vae.to(before)

    def decode(self, latents: Tensor) -> Tensor:
        """Images (count, 3, height, width), about -1 to 1, of denoised latents."""
        scaled = latents.to(self.vae.dtype) / self.vae.config.scaling_factor
        images: Tensor = self.vae.decode(scaled, return_dict=False)[0]
        return images


def load_checkpoint(
    name: str, source: str, device: str = "auto", dtype: str = "auto"
) -> Checkpoint:
    """The checkpoint at `source`: a diffusers folder, a single .safetensors file or a hub id.

    `name` is what the settings call it. `device` is "auto", "cpu", "cuda" or "cuda:N"; `dtype`
    is "auto" (float16 on CUDA, else float32), "float32", "float16" or "bfloat16". A folder is
    read without any network. Raises CheckpointUnavailable and BadSettings.
    """
    place = device_of(device)
    number = dtype_of(dtype, place)
    return _assemble(name, load_parts(name, source, number), place, number)


def _assemble(name: str, parts: Parts, device: torch.device, dtype: torch.dtype) -> Checkpoint:
    for model in (parts.unet, parts.text_encoder, parts.text_encoder_2, parts.vae):
        if model is not None:
            model.requires_grad_(False).eval().to(device)
    if dtype == torch.float16 and parts.family == "sdxl" and parts.vae.config.get("force_upcast"):
        # SDXL's own overflows float16, not always as far as to what is no number; diffusers
        # never uses it there. One that was mended says so.
        parts.vae.to(torch.float32)
    if device.type == "cuda":
        # What tensor cores read convolutions in; on CPUs it measured slower.
        for model in (parts.unet, parts.vae):
            model.to(memory_format=torch.channels_last)
    return Checkpoint(
        name=name,
        family=parts.family,
        unet=parts.unet,
        text_encoder=parts.text_encoder,
        tokenizer=parts.tokenizer,
        vae=parts.vae,
        scheduler_config=parts.scheduler_config,
        device=device,
        dtype=dtype,
        latent_channels=parts.unet.config.in_channels,
        latent_pixels=2 ** (len(parts.vae.config.block_out_channels) - 1),
        text_encoder_2=parts.text_encoder_2,
        tokenizer_2=parts.tokenizer_2,
        zeros_for_empty=parts.zeros_for_empty,
    )


def device_of(wanted: str) -> torch.device:
    """The device of a setting: "auto", "cpu", "cuda" or "cuda:N". Raises BadSettings."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise BadSettings(f"There is no device “{wanted}”: use auto, cpu or cuda.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise BadSettings(f"Device “{wanted}” needs a GPU that torch can use: use auto or cpu.")
    return device


def dtype_of(wanted: str, device: torch.device) -> torch.dtype:
    """The number type of a setting, "auto" by the device. Raises BadSettings."""
    if wanted == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if wanted not in _DTYPES:
        known = ", ".join(_DTYPES)
        raise BadSettings(f"There is no number type “{wanted}”: use auto, {known}.")
    return _DTYPES[wanted]


def use_threads(wanted: int) -> None:
    """Lets torch use so many threads of the CPU; 0 is all cores but one, at least one.

    Its threads wait for each other after every operation. Where one of them shares its core with
    another process, all of them wait: ten to twenty times as long were measured.
    """
    torch.set_num_threads(wanted or max(1, (os.cpu_count() or 1) - 1))
