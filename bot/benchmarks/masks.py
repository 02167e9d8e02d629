"""`stylus bench masks`: an adapter set for each image, beside a plain batch and beside PEFT."""

from collections.abc import Callable

from bot.benchmarks.real_size import RealSize
from engine.checkpoints import configured
from engine.operations.figures import Figure
from engine.settings import Settings
from engine.values import Sampling


async def measure(
    settings: Settings, model: RealSize | None, turns: int, tell: Callable[[str], None]
) -> list[Figure]:
    """Returns the figures of the model, by default the configured one. Raises `Unavailable`."""
    if model is None:
        return _measured(settings, turns, tell)
    async with model.settings(settings, tell) as random:
        return _measured(random, turns, tell)


def _measured(settings: Settings, turns: int, tell: Callable[[str], None]) -> list[Figure]:
    # Of all commands only this one loads torch into its own process.
    from engine.rendering import bench_masks, bench_steps
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
    checkpoint = load_checkpoint(*configured(settings))
    return [
        *bench_masks.measure(checkpoint, sampling, settings.renderer.slots_mb * 2**20, turns, tell),
        *bench_steps.measure(checkpoint, sampling, turns, tell),
    ]
