"""What changing the adapter set asks of a device, at real size and without one.

The layers are there in shape only (torch's "meta" device), so that only the asking is counted.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine.operations.figures import Figure
from engine.rendering.adapters import Use, applied
from engine.rendering.base_models import BaseModel
from engine.rendering.bench_formats import skeleton
from engine.rendering.bench_masks import MASKS, WEIGHT
from engine.rendering.lora_file import read_lora
from engine.rendering.random_loras import RANK, trained_layers, write_random

TURNS = 4


class Asked(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations, and those that take numbers from this machine's memory to the device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0
        self.copies = 0

    def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.operations += 1
        moved = str(func).startswith(("aten._to_copy", "aten.to."))
        self.copies += moved and made.device != args[0].device
        return made


def measure(model: BaseModel) -> list[Figure]:
    """Returns operations, copies and processor seconds of four masks over three adapters."""
    layers = skeleton(model)
    names = trained_layers(layers)
    with tempfile.TemporaryDirectory() as folder:
        files = [write_random(layers, names, RANK, Path(folder) / str(n)) for n in range(3)]
        loras = [read_lora(file, layers, file.name) for file in files]
    images = [[Use(loras[n], WEIGHT) for n in mask] for mask in MASKS]
    seconds = []
    with torch.inference_mode():
        for _ in range(TURNS):
            began = time.process_time()
            with applied(layers, images, 2**62):
                seconds.append(time.process_time() - began)
        with Asked() as asked, applied(layers, images, 2**62):
            pass
    return [
        Figure("changing the adapter set, in shape only: operations", asked.operations, ""),
        Figure("... of these copies to the device", asked.copies, ""),
        Figure("... processor seconds, least of four", min(seconds), "s"),
    ]
