"""An adapter file as what it adds to the layers of a checkpoint; see `lora_parts` for the kinds.

A file is loaded whole or refused: a key that is unknown or fits no layer is never passed over.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from engine.errors import BadLora
from engine.rendering.layers import Layers, weight_of
from engine.rendering.lora_alphas import Alphas
from engine.rendering.lora_kinds import part_of, rank_of
from engine.rendering.lora_layout import Group, layout_of
from engine.rendering.lora_parts import Part
from engine.rendering.safetensors_header import Entry, Header, header_of

_CHUNK_BYTES = 2**20

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
#: Kept in RAM as the file has them; the others become float32.
_KEPT = (torch.float16, torch.bfloat16, torch.float32)


@dataclass(frozen=True, slots=True)
class Lora:
    """A parsed file: its parts in RAM by full layer name, for one checkpoint."""

    sha256: str
    layers: Mapping[str, Part]
    #: Bytes of RAM that were pinned for it.
    pinned: int = 0

    @property
    def bytes(self) -> int:
        """Bytes of RAM that it takes."""
        return max(self.pinned, sum(part.bytes for part in self.layers.values()))


def read_lora(path: Path, layers: Layers, title: str) -> Lora:
    """The LoRA in the file at `path`, for the checkpoint that `layers` came from.

    `title` names the adapter in sentences. Raises BadLora with the reason for every file that
    is unsafe, damaged, of another kind or for another base model.
    """
    try:
        with path.open("rb") as file:
            header = header_of(file, path.stat().st_size, title)
            groups = layout_of(header, layers, title)
            data, sha256 = _read_data(file, header, layers.on_gpu, title)
    except OSError as error:
        raise _unreadable(title, error) from error
    parts = _parts(groups, data, layers, Alphas(header.metadata, title), title)
    return Lora(sha256, parts, pinned_bytes(len(data)) if layers.on_gpu else 0)


def examine_lora(path: Path, layers: Layers, title: str) -> str:
    """The sha256 of a file that `read_lora` would load, tensor by tensor: a large one takes little
    memory. Raises BadLora like `read_lora`."""
    try:
        with path.open("rb") as file:
            header = header_of(file, path.stat().st_size, title)
            groups = layout_of(header, layers, title)
            alphas = Alphas(header.metadata, title)
            for name, group in groups.items():
                tensors = {
                    role: _tensor(_alone(entry), _piece(file, header, entry, title), name, title)
                    for role, entry in group.items()
                }
                _part(name, group, tensors, layers, alphas)
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(title, error) from error


def pinned_bytes(asked: int) -> int:
    """Bytes that torch pins where so many are asked for: the next power of two."""
    return 1 << max(0, asked - 1).bit_length()


def _alone(entry: Entry) -> Entry:
    return Entry(entry.dtype, entry.shape, 0, entry.end - entry.start)


def _piece(file: BinaryIO, header: Header, entry: Entry, title: str) -> Tensor:
    """The bytes of one tensor."""
    file.seek(header.data_start + entry.start)
    data = bytearray(file.read(entry.end - entry.start))
    if len(data) != entry.end - entry.start:
        raise BadLora(f"The file of “{title}” ends early: get it again.")
    return torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)


def _unreadable(title: str, error: OSError) -> BadLora:
    reason = error.strerror or type(error).__name__
    return BadLora(f"The file of “{title}” cannot be read ({reason}): add the adapter again.")


def _read_data(file: BinaryIO, header: Header, pinned: bool, title: str) -> tuple[Tensor, str]:
    """The data part as bytes, and the whole file's hash, of one and the same read."""
    file.seek(0)
    digest = hashlib.sha256(file.read(header.data_start))
    data = torch.empty(header.data_bytes, dtype=torch.uint8, pin_memory=pinned)
    view = memoryview(data.numpy().data)
    for start in range(0, len(data), _CHUNK_BYTES):
        piece = view[start : start + _CHUNK_BYTES]
        if file.readinto(piece) != len(piece):  # type: ignore[attr-defined]
            raise BadLora(f"The file of “{title}” ends early: get it again.")
        digest.update(piece)
    return data, digest.hexdigest()


def _parts(
    groups: Mapping[str, Group], data: Tensor, layers: Layers, alphas: Alphas, title: str
) -> dict[str, Part]:
    return {
        name: _part(
            name,
            group,
            {role: _tensor(entry, data, name, title) for role, entry in group.items()},
            layers,
            alphas,
        )
        for name, group in groups.items()
    }


def _part(
    name: str, group: Group, tensors: Mapping[str, Tensor], layers: Layers, alphas: Alphas
) -> Part:
    rank = rank_of({role: entry.shape for role, entry in group.items()})
    alpha = tensors.get("alpha")
    number = None if alpha is None else float(alpha.reshape(-1)[0])
    # Two whole matrices have no rank, and lycoris trains and applies them without alpha.
    scale = 1.0 if rank is None else alphas.scale(name, rank, number)
    alphas.check_magnitudes(name, group)
    return part_of(tensors, scale, weight_of(layers.modules[name]).dim())


def _tensor(entry: Entry, data: Tensor, name: str, title: str) -> Tensor:
    dtype = _DTYPES.get(entry.dtype)
    if dtype is None:
        raise BadLora(f"“{title}” has {entry.dtype} numbers in {name}: choose a plain LoRA.")
    raw = data[entry.start : entry.end]
    # The format aligns tensors, old files do not, and a view has to be aligned.
    raw = raw if entry.start % dtype.itemsize == 0 else raw.clone()
    tensor = raw.view(dtype).reshape(entry.shape)
    tensor = tensor if dtype in _KEPT else tensor.float()
    if not _finite(tensor):
        raise BadLora(f"“{title}” has numbers that are not finite in {name}: choose another LoRA.")
    return tensor


def _finite(tensor: Tensor) -> bool:
    """Whether all numbers are; by the two outermost, forty times as fast as one by one."""
    if not tensor.numel():
        return True
    # NaN anywhere makes both NaN.
    return all(bool(torch.isfinite(one)) for one in torch.aminmax(tensor))
