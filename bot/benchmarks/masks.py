"""`stylus bench masks`: an adapter set for each image, beside a plain batch and beside PEFT."""

from collections.abc import Callable
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
    from engine.rendering import bench_change

    asked = bench_change.measure(model.base)
    async with model.settings(settings, tell) as random:
        return [*_measured(random, turns, tell), *asked]


def _measured(settings: Settings, turns: int, tell: Callable[[str], None]) -> list[Figure]:
    # Of all commands these load torch into their own process.
    from engine.rendering import bench_masks, bench_steps

    checkpoint, sampling = _opened(settings)
    return [
        *bench_masks.measure(checkpoint, sampling, settings.renderer.slots_mb * 2**20, turns, tell),
        *bench_steps.measure(checkpoint, sampling, turns, tell),
    ]


async def compiled(settings: Settings, backend: str, tell: Callable[[str], None]) -> list[Figure]:
    """Returns what `torch.compile` would cost and gain with the configured checkpoint."""
    from engine.rendering import bench_compile

    return bench_compile.measure(*_opened(settings), backend, tell)


def _opened(settings: Settings) -> "tuple[Checkpoint, Sampling]":
    """The configured checkpoint and how its images are made. Raises `Unavailable`."""
    from engine.rendering.checkpoint import load_checkpoint, use_threads

    use_threads(settings.renderer.threads)
    chosen = settings.sampling
    sampling = Sampling(
        settings.checkpoint.name,
        chosen.width,
        chosen.height,
        "DDIM",
        chosen.steps,
        chosen.guidance,
    )
    return load_checkpoint(*configured(settings)), sampling
