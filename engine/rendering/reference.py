"""What the renderer is measured against: diffusers with PEFT, one image at a time."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import diffusers

from engine.errors import Unavailable
from engine.rendering.checkpoint import Checkpoint


def reference_of(checkpoint: Checkpoint, files: Sequence[Path]) -> Any:
    """diffusers' pipeline with the files as PEFT's adapters "a0", "a1", ..., and DDIM.

    On a copy of the checkpoint: PEFT rebuilds a model's layers. Raises Unavailable.
    """
    if checkpoint.text_encoder_2 is None:
        kind: Any = diffusers.StableDiffusionPipeline
        more: dict[str, Any] = {
            "safety_checker": None,
            "feature_extractor": None,
            "requires_safety_checker": False,
        }
    else:
        kind = diffusers.StableDiffusionXLPipeline
        second = copy.deepcopy(checkpoint.text_encoder_2)
        more = {"text_encoder_2": second, "tokenizer_2": checkpoint.tokenizer_2}
    scheduler: Any = diffusers.DDIMScheduler
    pipeline = kind(
        vae=checkpoint.vae,
        text_encoder=copy.deepcopy(checkpoint.text_encoder),
        tokenizer=checkpoint.tokenizer,
        unet=copy.deepcopy(checkpoint.unet),
        scheduler=scheduler.from_config(checkpoint.scheduler_config),
        **more,
    )
    pipeline.set_progress_bar_config(disable=True)
    try:
        for number, file in enumerate(files):
            pipeline.load_lora_weights(
                str(file.parent), weight_name=file.name, adapter_name=f"a{number}"
            )
    except ValueError as error:
        raise Unavailable(
            'PEFT is not installed, which this compares with; run pip install -e ".[dev]".'
        ) from error
    return pipeline
