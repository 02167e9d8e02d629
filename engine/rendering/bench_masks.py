"""`stylus bench masks`: what an adapter set for each image costs, beside the ways without it.

Four images with four masks over three adapters, against one plain batch of four without any and
against diffusers with PEFT, which renders one mask after the other. All run in turns, and ratios
are medians over the turns, since the machine's speed changes meanwhile.
"""

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import torch

from engine.operations.figures import Figure
from engine.rendering.adapters import Use, applied
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.denoise import denoise
from engine.rendering.layers import Layers, layers_of, weight_of
from engine.rendering.lora_file import Lora, read_lora
from engine.rendering.lora_layout import MAX_RANK
from engine.rendering.memory import release
from engine.rendering.random_loras import KINDS, kinds_like, three_adapters, write_random
from engine.rendering.recording import Record, record_cuda
from engine.rendering.reference import reference_of
from engine.values import ImagePlan, Sampling

WEIGHT = 0.8
PROMPT = "a red star in neon glow on a starry night sky"
#: Which of three adapters are on in each image; the heaviest case, without an image that has none.
MASKS = ((0, 1, 2), (0, 1), (0,), (2,))
#: Megabytes of the file whose loading is measured.
COLD_FILE = 150

Row = dict[str, float]


def measure(
    checkpoint: Checkpoint,
    sampling: Sampling,
    slot_bytes: int,
    turns: int,
    tell: Callable[[str], None],
) -> list[Figure]:
    """Returns the figures. Raises Unavailable where PEFT is not installed."""
    layers = layers_of(checkpoint)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        files = three_adapters(checkpoint, layers, Path(folder))
        stage = _Stage(checkpoint, layers, sampling, slot_bytes, files)
        stage.turn()  # the first one warms up
        rows = []
        for turn in range(turns):
            rows.append(stage.turn())
            tell(f"{turn + 1} of {turns}")
        cold = _cold(layers, Path(folder))
        memory = [*_memory(layers, stage.loras), *stage.most_memory()]
        return [*_figures(rows, checkpoint), cold, *memory]


class _Stage:
    """Everything that is compared, loaded once."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        layers: Layers,
        sampling: Sampling,
        slot_bytes: int,
        files: Sequence[Path],
    ) -> None:
        self._checkpoint, self._layers, self._sampling = checkpoint, layers, sampling
        self._slot_bytes = slot_bytes
        self._plans = [ImagePlan(n, n, PROMPT, "", ()) for n in range(len(MASKS))]
        self.loras = [read_lora(file, layers, file.name) for file in files]
        self._kinds = kinds_like(self.loras[0], layers)
        self._pipeline = reference_of(checkpoint, files)

    def turn(self) -> Row:
        """Seconds of each way, one after the other."""
        none: list[list[Use]] = [[]] * len(MASKS)
        masked = [[Use(self.loras[n], WEIGHT) for n in mask] for mask in MASKS]
        row = {
            "plain": self._ours(none),
            "ours": self._ours(masked),
            "factors": self._ours(masked, slot_bytes=0),
            "same": self._ours([masked[0]] * len(MASKS)),
            "change": _seconds(self._checkpoint, lambda: self._change(masked)),
            **{
                kind: _seconds(self._checkpoint, partial(self._change, [[Use(lora, WEIGHT)]]))
                for kind, lora in self._kinds.items()
            },
            "peft": _seconds(self._checkpoint, self._peft),
        }
        if _on_gpu(self._checkpoint):
            row["plain alone"] = self._ours(none[:1])
            row["plain alone, recorded"] = self._ours(none[:1], record=record_cuda)
            row["plain, recorded"] = self._ours(none, record=record_cuda)
            row["ours, recorded"] = self._ours(masked, record=record_cuda)
        return row

    def _ours(
        self,
        images: Sequence[Sequence[Use]],
        slot_bytes: int | None = None,
        record: Record | None = None,
    ) -> float:
        room = self._slot_bytes if slot_bytes is None else slot_bytes
        plans = self._plans[: len(images)]

        def render() -> None:
            with applied(self._layers, images, room):
                denoise(
                    self._checkpoint,
                    self._sampling,
                    plans,
                    lambda *_: None,
                    lambda: False,
                    record=record,
                )

        return _seconds(self._checkpoint, render)

    def _change(self, images: Sequence[Sequence[Use]]) -> None:
        with applied(self._layers, images, self._slot_bytes):
            pass

    def most_memory(self) -> list[Figure]:
        """The most that a GPU held for a batch, beside what lies there all the time."""
        if not _on_gpu(self._checkpoint):
            return []
        figures = []
        masked = [[Use(self.loras[n], WEIGHT) for n in mask] for mask in MASKS]
        for name, images in (("without adapters", [[]] * len(MASKS)), ("with 4 masks", masked)):
            release()
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            self._ours(images)
            most = (torch.cuda.max_memory_allocated() - before) / 2**20
            figures.append(Figure(f"most memory of a batch {name}", most, "MiB"))
        return figures

    def _peft(self) -> None:
        for plan, mask in zip(self._plans, MASKS, strict=True):
            self._pipeline.set_adapters([f"a{n}" for n in mask], [WEIGHT] * len(mask))
            self._pipeline(
                plan.prompt,
                width=self._sampling.width,
                height=self._sampling.height,
                num_inference_steps=self._sampling.steps,
                guidance_scale=self._sampling.guidance,
                generator=torch.Generator().manual_seed(plan.seed),
                output_type="latent",
            )


def _seconds(checkpoint: Checkpoint, work: Callable[[], None]) -> float:
    _wait(checkpoint)
    begun = time.perf_counter()
    work()
    _wait(checkpoint)
    return time.perf_counter() - begun


def _on_gpu(checkpoint: Checkpoint) -> bool:
    return checkpoint.device.type == "cuda"


def _wait(checkpoint: Checkpoint) -> None:
    if _on_gpu(checkpoint):
        torch.cuda.synchronize(checkpoint.device)


def _figures(rows: Sequence[Row], checkpoint: Checkpoint) -> list[Figure]:
    gpu = _on_gpu(checkpoint)
    change_goal = (0.15 if checkpoint.family == "sdxl" else 0.05) if gpu else None
    return [
        Figure("plain batch of 4", _median(rows, "plain"), "s"),
        Figure("4 masks over 3 adapters", _median(rows, "ours"), "s"),
        Figure("... against plain", _ratio(rows, "ours", "plain"), "x", 1.10 if gpu else 1.25),
        Figure("... by factors alone, against plain", _ratio(rows, "factors", "plain"), "x"),
        Figure("one mask in 4 images, against plain", _ratio(rows, "same", "plain"), "x"),
        Figure("PEFT, mask after mask", _median(rows, "peft"), "s"),
        Figure(
            "PEFT against 4 masks at once",
            _ratio(rows, "peft", "ours"),
            "x",
            1.8 if gpu and checkpoint.family == "sd15" else None,
            higher_is_better=True,
        ),
        Figure("changing the adapter set", _median(rows, "change"), "s", change_goal),
        *(Figure(f"... to one {kind}", _median(rows, kind), "s", change_goal) for kind in KINDS),
        *(_recorded(rows) if gpu else ()),
    ]


def _recorded(rows: Sequence[Row]) -> list[Figure]:
    """What `renderer.graphs` would give."""
    return [
        Figure("one image alone", _median(rows, "plain alone"), "s"),
        *(
            Figure(f"{name}, recorded against not", _ratio(rows, f"{way}, recorded", way), "x")
            for name, way in (
                ("one image alone", "plain alone"),
                ("plain batch of 4", "plain"),
                ("4 masks over 3 adapters", "ours"),
            )
        ),
    ]


def _median(rows: Sequence[Row], way: str) -> float:
    return median(row[way] for row in rows)


def _ratio(rows: Sequence[Row], way: str, other: str) -> float:
    return median(row[way] / row[other] for row in rows)


def _cold(layers: Layers, folder: Path) -> Figure:
    """Reading, hashing and parsing a large file that the disk's cache has."""
    shapes = [weight_of(module).shape for module in layers.modules.values()]
    a_rank = sum(2 * (shape[0] + shape[1:].numel()) for shape in shapes)
    rank = min(MAX_RANK, math.ceil(COLD_FILE * 10**6 / a_rank))
    path = write_random(layers, list(layers.modules), rank, folder / "cold.safetensors")
    begun = time.perf_counter()
    read_lora(path, layers, path.name)
    seconds = time.perf_counter() - begun
    size = path.stat().st_size / 10**6
    return Figure(f"a file of {size:.0f} MB from disk to memory", seconds, "s", 0.4)


def _memory(layers: Layers, loras: Sequence[Lora]) -> list[Figure]:
    touched = {name for lora in loras for name in lora.layers}
    slot = sum(weight_of(layers.modules[name]).nbytes for name in touched)
    return [
        Figure("merged weights of one mask", slot / 2**20, "MiB"),
        Figure("three adapters in memory", sum(lora.bytes for lora in loras) / 2**20, "MiB"),
    ]
