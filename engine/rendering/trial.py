"""A trial: whether a LoRA file loads onto the configured checkpoint."""

from dataclasses import dataclass
from pathlib import Path

from engine import builtin
from engine.rendering.checkpoint import Checkpoint, load_checkpoint
from engine.rendering.layers import layers_of
from engine.rendering.lora_file import read_lora
from engine.settings import Settings


@dataclass(frozen=True, slots=True)
class Trial:
    """What a file turned out to be."""

    sha256: str
    #: Base family of the checkpoint that it fits.
    family: str
    #: Number of layers that it patches.
    layers: int


def try_lora(path: Path, settings: Settings) -> Trial:
    """Loads the checkpoint and the file. Raises `BadLora` and `CheckpointUnavailable`."""
    checkpoint = load_configured(settings)
    lora = read_lora(path, layers_of(checkpoint), path.name)
    return Trial(lora.sha256, checkpoint.family, len(lora.layers))


def load_configured(settings: Settings) -> Checkpoint:
    """Returns the checkpoint that the settings name. Raises `CheckpointUnavailable`."""
    chosen, renderer = settings.checkpoint, settings.renderer
    source = str(builtin.CHECKPOINT) if chosen.source == "builtin" else chosen.source
    return load_checkpoint(chosen.name, source, renderer.device, renderer.precision)
