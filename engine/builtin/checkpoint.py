"""The checkpoint's parts and how they are put on disk as a diffusers pipeline."""

import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor

from engine.builtin import autoencoder, text
from engine.builtin.vendor import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from engine.builtin.world import SIDE

STEPS = 1000


def new_unet() -> Any:
    """An untrained UNet for latents of (CHANNELS, 16, 16)."""
    attended, plain = "CrossAttn{}Block2D", "{}Block2D"
    return UNet2DConditionModel(
        sample_size=SIDE // autoencoder.PATCH,
        in_channels=autoencoder.CHANNELS,
        out_channels=autoencoder.CHANNELS,
        block_out_channels=(64, 112, 128),
        layers_per_block=1,
        down_block_types=tuple(b.format("Down") for b in (plain, attended, attended)),
        up_block_types=tuple(b.format("Up") for b in (attended, attended, plain)),
        cross_attention_dim=text.WIDTH,
        attention_head_dim=(2, 4, 4),
        norm_num_groups=16,
    )


def new_scheduler() -> Any:
    """Noise schedule: velocity prediction down to pure noise, sampled from its very end."""
    return DDIMScheduler(
        num_train_timesteps=STEPS,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=0,
    )


def for_training(unet: Any) -> Any:
    """The UNet with attention in plain steps: on CPU, the fused one is slow backwards."""
    unet.set_attn_processor(AttnProcessor())
    return unet


def save(
    folder: Path,
    unet: Any,
    encoder: Any,
    tokenizer: Any,
    vae: Any,
) -> None:
    """Write the pipeline in half precision, replacing the folder in one step."""
    pipe = StableDiffusionPipeline(
        vae=vae,
        text_encoder=encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    pipe.save_pretrained(str(fresh))
    for part, model in (("unet", unet), ("text_encoder", encoder), ("vae", vae)):
        copy = type(model).from_pretrained(str(fresh / part)).half()
        copy.save_pretrained(str(fresh / part))
    # Without this, transformers alone would load its part in half precision.
    config = fresh / "text_encoder" / "config.json"
    config.write_text(config.read_text("utf-8").replace('"float16"', '"float32"'), "utf-8")
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    fresh.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def load(folder: Path) -> Any:
    """The pipeline in single precision on the CPU, silent."""
    pipe = StableDiffusionPipeline.from_pretrained(
        str(folder), dtype=torch.float32, safety_checker=None, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe
