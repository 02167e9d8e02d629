"""A renderer that loses its device in a batch: `python -m tests.processes.breaking_renderer`.

All of it is the real thing but the device. From a step of the denoiser on, whatever is asked of a
model raises what torch raises of a GPU that has gone, and nothing brings it back.
"""

import asyncio
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from engine.configuration import load_settings
from engine.operations.log import configure_log
from engine.processes.render_worker import run_renderer

#: The step that is the last.
LAST = 5


class Device:
    """Counts the denoiser's steps."""

    def __init__(self) -> None:
        self.steps = 0

    def __call__(self, module: nn.Module, _args: Any) -> None:
        self.steps += isinstance(module, UNet2DConditionModel)
        if self.steps > LAST:
            raise torch.AcceleratorError("CUDA error: unspecified launch failure")


if __name__ == "__main__":
    register_module_forward_pre_hook(Device())
    settings = load_settings()
    configure_log(settings.log)
    asyncio.run(run_renderer(settings))
