"""`stylus bench gpu`: every figure that wants a GPU, in one run, with models of real size."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bot.benchmarks import masks, renderer
from bot.benchmarks.real_size import RealSize
from engine.errors import StylusError, Unavailable
from engine.operations.figures import Figure
from engine.settings import Settings

#: What measures a part when it is called.
Measurement = Callable[[], Coroutine[Any, Any, list[Figure]]]
#: Requests of one image each: people at once, against one at a time.
IMAGES = 1


async def measure(
    settings: Settings, sizes: Sequence[RealSize], turns: int, tell: Callable[[str], None]
) -> list[Figure]:
    """Returns the figures of all sizes. What one part lacks is told, and the others go on.

    Raises `Unavailable` where torch sees no GPU, unless the settings name a device by its name.
    """
    figures = [_device(settings)]
    for size in sizes:
        async with size.settings(settings, tell) as random:
            for part, measuring in _parts(random, size, turns, tell).items():
                tell(f"{size.family}: {part}")
                figures += await _told(f"{size.family}: ", measuring, tell)
    return figures


def _device(settings: Settings) -> Figure:
    """How much memory it has, under its name."""
    from engine.rendering.checkpoint import device_of
    from engine.rendering.memory import gpu_memory, gpu_name

    device = device_of(settings.renderer.device)
    if device.type != "cuda" and settings.renderer.device == "auto":
        raise Unavailable(
            "torch sees no GPU here: install its CUDA build and the driver, or name a device as "
            "renderer.device."
        )
    _, bytes_ = gpu_memory(device) or (0, 0)
    return Figure(f"memory of {gpu_name(device) or device}", bytes_ / 2**30, "GiB")


def _parts(
    random: Settings, size: RealSize, turns: int, tell: Callable[[str], None]
) -> dict[str, Measurement]:
    people = partial(renderer.measure_random, random, size, IMAGES, max(1, turns // 2), tell)
    return {
        "adapters in a batch": partial(masks.measure, random, None, turns, tell),
        "what changing adapters asks": partial(masks.asked, size),
        "images beside PEFT's": partial(masks.fidelity, random, None, None, tell),
        "eight people at once": people,
    }


async def _told(prefix: str, measuring: Measurement, tell: Callable[[str], None]) -> list[Figure]:
    """The figures, told as they come: a part that ends badly takes no others along."""
    from engine.rendering.memory import release

    try:
        found = [replace(one, name=prefix + one.name) for one in await measuring()]
    except StylusError as error:
        tell(f"{prefix}not measured: {error}")
        found = []
    release()  # the next part may be another process
    for one in found:
        tell(f"{one.name}: {one.value:.4g} {one.unit}")
    return found
