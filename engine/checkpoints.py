"""Which checkpoint the settings name, as what the renderer loads. Imports no torch."""

from typing import NamedTuple

from engine import builtin
from engine.settings import Settings


class CheckpointSource(NamedTuple):
    """The arguments of `rendering.checkpoint.load_checkpoint`."""

    name: str
    #: A folder, a single file or a hub id.
    source: str
    device: str
    precision: str


def configured(settings: Settings) -> CheckpointSource:
    """Returns the checkpoint of the settings; "builtin" is the folder that ships with us."""
    chosen, renderer = settings.checkpoint, settings.renderer
    source = str(builtin.CHECKPOINT) if chosen.source == "builtin" else chosen.source
    return CheckpointSource(chosen.name, source, renderer.device, renderer.precision)
