"""`stylus bench compile`: what `torch.compile` would make of one batch after another.

The UNet is compiled as a whole and asked once for each of some batches that differ as people's do.
What counts is how often it has to be compiled anew, what that takes, and what a step gains.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch._dynamo import config as dynamo
from torch._dynamo.exc import TorchDynamoException
from torch._dynamo.utils import counters

from engine.errors import Unavailable
from engine.operations.figures import Figure
from engine.rendering.adapters import Use, applied
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.denoise import predict
from engine.rendering.latents import generators_of, noise_of
from engine.rendering.layers import Layers, layers_of
from engine.rendering.lora_file import Lora, read_lora
from engine.rendering.random_loras import three_adapters
from engine.rendering.text import encode_texts
from engine.values import Sampling

PROMPT = "a red star in neon glow on a starry night sky"
#: Steps that a step's time is the least of.
STEPS = 5
#: Batches: which adapter has which weight in each image.
BATCHES: Mapping[str, Sequence[Mapping[int, float]]] = {
    "four without adapters": ({}, {}, {}, {}),
    "one without adapters": ({},),
    "four masks": ({0: 0.8, 1: 0.8, 2: 0.8}, {0: 0.8, 1: 0.8}, {0: 0.8}, {2: 0.8}),
    "the same with other weights": ({0: 0.5, 1: 0.9, 2: 0.4}, {0: 0.7, 1: 0.3}, {0: 1}, {2: 0.6}),
    "the same with other adapters": (
        {1: 0.8, 2: 0.8, 0: 0.8},
        {1: 0.8, 2: 0.8},
        {1: 0.8},
        {0: 0.8},
    ),
    "two images of one mask": ({0: 0.8}, {0: 0.8}, {1: 0.8}, {2: 0.8}),
    "one mask": ({0: 0.8}, {0: 0.8}, {0: 0.8}, {0: 0.8}),
    "another mask": ({1: 0.8}, {1: 0.8}, {1: 0.8}, {1: 0.8}),
}


def measure(
    checkpoint: Checkpoint,
    sampling: Sampling,
    backend: str,
    tell: Callable[[str], None],
) -> list[Figure]:
    """Returns what compiling costs over the batches, and what it gains. Raises Unavailable."""
    layers = layers_of(checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        files = three_adapters(checkpoint, layers, Path(folder))
        loras = [read_lora(file, layers, file.name) for file in files]
    dynamo.recompile_limit = len(BATCHES)  # beyond it torch gives up and says nothing
    counters.clear()
    with _told(backend):
        compiled: Any = torch.compile(checkpoint.unet, backend=backend, dynamic=False)
    both = checkpoint, replace(checkpoint, unet=compiled)
    waits, gains = [], []
    for name, batch in BATCHES.items():
        before = _graphs()
        with _told(backend):
            first, gain = _batch(both, layers, sampling, loras, batch)
        if new := _graphs() - before:
            waits.append(first)
        gains.append(gain)
        tell(f"{name}: {new} new graphs, {first:.1f} s before the first step, {gain:.2f} of a step")
    return [
        Figure("batches", len(BATCHES), ""),
        Figure("graphs compiled for them", _graphs(), ""),
        Figure("breaks in a graph", sum(counters["graph_break"].values()), ""),
        Figure("wait where one is compiled, median", median(waits), "s"),
        Figure("a step compiled, against not", median(gains), "x"),
    ]


@contextmanager
def _told(backend: str) -> Iterator[None]:
    try:
        yield
    except TorchDynamoException as error:
        reason = str(error).strip().splitlines()[0][:200].rstrip(".")
        raise Unavailable(
            f"torch cannot compile with the backend {backend} ({reason}); try --backend eager."
        ) from error


def _graphs() -> int:
    return int(counters["stats"]["unique_graphs"])


def _batch(
    both: Sequence[Checkpoint],
    layers: Layers,
    sampling: Sampling,
    loras: Sequence[Lora],
    batch: Sequence[Mapping[int, float]],
) -> tuple[float, float]:
    """Seconds until the compiled UNet's first step is done, and a later one's share of a plain."""
    checkpoint, count = both[0], len(batch)
    unit = checkpoint.latent_pixels
    size = checkpoint.latent_channels, sampling.height // unit, sampling.width // unit
    uses = [[Use(loras[n], weight) for n, weight in mask.items()] for mask in batch]
    with torch.inference_mode(), applied(layers, uses):
        texts = encode_texts(checkpoint, ["", PROMPT] * count, sampling)
        rows = noise_of(generators_of(range(2 * count)), *size)
        rows = rows.to(checkpoint.device, checkpoint.dtype)
        timestep = torch.tensor(500, device=checkpoint.device)

        def step(which: Checkpoint) -> float:
            began = time.perf_counter()
            predict(which, texts, rows, timestep).sum().item()  # waits for a GPU
            return time.perf_counter() - began

        step(checkpoint)
        first = step(both[1])
        plain, compiled = (min(step(which) for _ in range(STEPS)) for which in both)
    return first, compiled / plain
