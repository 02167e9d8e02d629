"""`stylus bench masks`: an adapter set for each image, beside a plain batch and beside PEFT.

And `stylus bench fidelity`: whether the images are the same.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bot.benchmarks.real_size import RealSize
from engine.checkpoints import configured
from engine.operations.figures import Figure
from engine.settings import Settings
from engine.values import Sampling

if TYPE_CHECKING:
    from engine.rendering.checkpoint import Checkpoint


async def measure(
    settings: Settings, model: RealSize | None, turns: int, tell: Callable[[str], None]
) -> list[Figure]:
    """Returns the figures of the model, by default the configured one. Raises `Unavailable`."""
    if model is None:
        return _measured(settings, turns, tell)
    async with model.settings(settings, tell) as random:
        return [*_measured(random, turns, tell), *await asked(model)]


async def asked(model: RealSize) -> list[Figure]:
    """Returns what changing the adapter set asks of any device with that model."""
    from engine.rendering import bench_change

    return bench_change.measure(model.base)


def _measured(settings: Settings, turns: int, tell: Callable[[str], None]) -> list[Figure]:
    # Of all commands these load torch into their own process.
    from engine.rendering import bench_masks, bench_steps
    from engine.rendering.memory import mapped, release

    slot_bytes = settings.renderer.slots_mb * 2**20
    with mapped():
        checkpoint, sampling = _opened(settings)
        figures = bench_masks.measure(checkpoint, sampling, slot_bytes, turns, tell)
        figures += bench_steps.measure(checkpoint, sampling, turns, tell)
    del checkpoint
    release()  # a renderer of its own may be next
    return figures


async def fidelity(
    settings: Settings, model: RealSize | None, sheet: Path | None, tell: Callable[[str], None]
) -> list[Figure]:
    """Returns how far images lie from PEFT's. Raises `Unavailable`."""
    if model is None:
        return _compared(settings, sheet, tell)
    async with model.settings(settings, tell) as random:
        return _compared(random, sheet, tell)


def _compared(settings: Settings, sheet: Path | None, tell: Callable[[str], None]) -> list[Figure]:
    from engine.rendering import bench_fidelity
    from engine.rendering.checkpoint import use_threads

    use_threads(settings.renderer.threads)
    return bench_fidelity.measure(configured(settings), _sampling(settings), sheet, tell)


async def compiled(settings: Settings, backend: str, tell: Callable[[str], None]) -> list[Figure]:
    """Returns what `torch.compile` would cost and gain with the configured checkpoint."""
    from engine.rendering import bench_compile

    return bench_compile.measure(*_opened(settings), backend, tell)


def _opened(settings: Settings) -> "tuple[Checkpoint, Sampling]":
    """The configured checkpoint and how its images are made. Raises `Unavailable`."""
    from engine.rendering.checkpoint import load_checkpoint, use_threads

    use_threads(settings.renderer.threads)
    return load_checkpoint(*configured(settings)), _sampling(settings)


def _sampling(settings: Settings) -> Sampling:
    chosen = settings.sampling
    size = chosen.width, chosen.height
    return Sampling(settings.checkpoint.name, *size, "DDIM", chosen.steps, chosen.guidance)
