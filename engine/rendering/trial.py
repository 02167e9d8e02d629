"""A trial: whether a LoRA file loads onto a checkpoint."""

from dataclasses import dataclass
from pathlib import Path

from engine.rendering.checkpoint import Checkpoint
from engine.rendering.layers import layers_of
from engine.rendering.lora_file import read_lora


@dataclass(frozen=True, slots=True)
class Trial:
    """What a file turned out to be."""

    sha256: str
    #: Base family of the checkpoint that it fits.
    family: str
    #: Number of layers that it patches.
    layers: int


def try_lora(path: Path, checkpoint: Checkpoint) -> Trial:
    """Loads the file onto the checkpoint. Raises `BadLora`."""
    lora = read_lora(path, layers_of(checkpoint), path.name)
    return Trial(lora.sha256, checkpoint.family, len(lora.layers))
