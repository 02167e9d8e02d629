"""`stylus bench formats`: which adapter files of others are loaded, which refused by name.

Given lists of tensor names and shapes, it writes a file of zeros for each and loads it onto the
layers of Stable Diffusion 1.5 and of SDXL, which are there in shape only.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch

from engine.errors import BadFile, BadLora
from engine.operations.figures import Figure
from engine.rendering.base_models import BASE_MODELS, BaseModel, new_encoders, new_unet
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.layers import Layers, layers_of, weight_of
from engine.rendering.lora_file import read_lora
from engine.rendering.safetensors_header import DTYPE_BYTES

#: Of a refusal that says what the file is, or what it is for.
_NAMES = ("is of the kind", "seems to be for")

Shapes = Mapping[str, tuple[str, tuple[int, ...]]]


def measure(folder: Path, tell: Callable[[str], None]) -> list[Figure]:
    """Returns how many lists are loaded, refused by name and refused otherwise."""
    bases = [skeleton(model) for model in BASE_MODELS.values()]
    counts = {"loaded": 0, "refused by name": 0, "refused otherwise": 0}
    files = sorted(folder.glob("*.json"))
    if not files:
        raise BadFile(f"{folder} has no lists of keys; give a folder with .json files.")
    with tempfile.TemporaryDirectory() as place:
        for file in files:
            zeros = Path(place) / "zeros.safetensors"
            write_zeros(_shapes(file), zeros, _metadata(file))
            verdict, says = _tried(zeros, bases)
            counts[verdict] += 1
            tell(f"{file.stem}: {verdict}: {says}")
    goals = {"loaded": None, "refused by name": None, "refused otherwise": 0.0}
    return [Figure(name, count, "files", goals[name]) for name, count in counts.items()]


def _tried(path: Path, bases: list[Layers]) -> tuple[str, str]:
    refusals = []
    for base in bases:
        try:
            lora = read_lora(path, base, "it")
        except BadLora as error:
            refusals.append(str(error))
        else:
            numbers = sum(weight_of(base.modules[name]).numel() for name in lora.layers)
            slot = f"a slot in half precision takes {2 * numbers / 2**20:.0f} MiB"
            return "loaded", f"{len(lora.layers)} layers of {base.family}, {slot}"
    named = all(any(words in sentence for words in _NAMES) for sentence in refusals)
    return "refused by name" if named else "refused otherwise", refusals[0]


def _shapes(file: Path) -> Shapes:
    content = json.loads(file.read_text("utf-8"))
    if isinstance(content, list):  # names alone
        return {str(name): ("F16", (1, 1)) for name in content}
    found = {}
    for name, value in content.get("keys", content.get("tensors")).items():
        described = value if isinstance(value, dict) else {"dtype": "F16", "shape": value}
        found[name] = (described["dtype"], tuple(described["shape"]))
    return found


def _metadata(file: Path) -> Mapping[str, str]:
    content = json.loads(file.read_text("utf-8"))
    told = content.get("metadata") if isinstance(content, dict) else None
    return told if isinstance(told, dict) else {}


def write_zeros(shapes: Shapes, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Writes a safetensors file of zeros, which takes no room on the disk."""
    header: dict[str, object] = {"__metadata__": dict(metadata or {})}
    position = 0
    for name, (kind, shape) in shapes.items():
        size = prod(shape) * DTYPE_BYTES[kind]
        offsets = [position, position + size]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": offsets}
        position += size
    raw = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        file.truncate(8 + len(raw) + position)


def skeleton(model: BaseModel) -> Layers:
    """The layers of a base model, without numbers."""
    with torch.device("meta"):
        made: Any = _Skeleton(model.family, new_unet(model), *new_encoders(model))
    return layers_of(made)


@dataclass(frozen=True)
class _Skeleton:
    """What `layers_of` looks at."""

    family: str
    unet: Any
    text_encoder: Any
    text_encoder_2: Any = None
    tokenizer: Any = None
    tokenizer_2: Any = None
    name: str = "a base model"
    encoders = Checkpoint.encoders
