"""`stylus bench formats`: which adapter files of other people are loaded or refused by name."""

from collections.abc import Callable
from pathlib import Path

from engine.operations.figures import Figure


async def measure(folder: Path, tell: Callable[[str], None]) -> list[Figure]:
    """Returns the counts over all lists of keys in the folder. Raises `BadFile`."""
    from engine.rendering import bench_formats  # loads torch, which no other command needs

    return bench_formats.measure(folder, tell)
