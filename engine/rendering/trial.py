"""A trial: whether a LoRA file loads onto a checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.checkpoints import CheckpointSource
from engine.errors import BadLora
from engine.rendering.checkpoint import load_checkpoint
from engine.rendering.layers import Layers, layers_of
from engine.rendering.lora_file import read_lora


@dataclass(frozen=True, slots=True)
class Trial:
    """What a file turned out to be."""

    sha256: str
    #: Base family of the checkpoint that it fits.
    family: str
    #: Number of layers that it patches.
    layers: int
    #: Bytes of the file.
    size: int


class Trials:
    """Tries files on checkpoints, in order; one is loaded when the ones before refused a file."""

    def __init__(self, sources: Sequence[CheckpointSource]) -> None:
        self._sources = sources
        self._layers: dict[str, Layers] = {}

    def __call__(self, path: Path) -> Trial:
        """Returns what fits first. Raises `BadLora` with what the first one has against it."""
        refusals = []
        for source in self._sources:
            layers = self._loaded(source)
            try:
                lora = read_lora(path, layers, path.name)
            except BadLora as error:
                refusals.append(error)
            else:
                size = path.stat().st_size
                return Trial(lora.sha256, layers.family, len(lora.layers), size)
        raise refusals[0]

    def _loaded(self, source: CheckpointSource) -> Layers:
        if source.name not in self._layers:
            self._layers[source.name] = layers_of(load_checkpoint(*source))
        return self._layers[source.name]
