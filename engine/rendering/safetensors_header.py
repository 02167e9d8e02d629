"""What a safetensors file claims to hold, checked before anything is loaded.

The format (https://github.com/huggingface/safetensors#format): eight bytes of little-endian
header length, a JSON header that maps names to dtype, shape and offsets, then the data. The
safetensors library accepts duplicate keys, path-like names and headers that cost gigabytes to
parse, and files come from strangers; hence this reader. It needs no torch.
"""

import json
import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from engine.errors import BadLora

MAX_FILE_BYTES = 4 * 2**30
MAX_HEADER_BYTES = 8 * 2**20
MAX_METADATA_CHARACTERS = 2**20
MAX_TENSORS = 20_000
MAX_NAME_CHARACTERS = 512
#: Commas outside of strings; 20,000 convolution entries have 140,000 commas. The limit
#: keeps what `json.loads` builds small, since a few bytes of "[],[]" cost it a hundred.
MAX_COMMAS = 150_000
#: Quotes; 20,000 entries have 200,000. Stripping more strings than that costs memory, too.
MAX_QUOTES = 260_000
MAX_DIMENSIONS = 8

#: Bytes of one element by the format's dtype names.
DTYPE_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor: where its bytes lie and what they mean."""

    dtype: str
    shape: tuple[int, ...]
    #: Bytes from the start of the data part.
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """A checked header."""

    tensors: dict[str, Entry]
    metadata: dict[str, str]
    #: Where the data part starts in the file, and its length, both in bytes.
    data_start: int
    data_bytes: int


def read_header(path: Path, title: str) -> Header:
    """The header of the file at `path`; the file's data is not read.

    `title` names the adapter in sentences. Raises BadLora for every file that breaks a rule.
    """
    try:
        with path.open("rb") as file:
            return header_of(file, path.stat().st_size, title)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadLora(
            f"The file of “{title}” cannot be read ({reason}): add the adapter again."
        ) from error


def header_of(file: BinaryIO, file_bytes: int, title: str) -> Header:
    """As `read_header`, from an open file that stands at its start."""
    if file_bytes > MAX_FILE_BYTES:
        raise _refusal(title, f"has {file_bytes:,} bytes and {MAX_FILE_BYTES:,} are allowed")
    length = _header_length(file.read(8), file_bytes, title)
    raw = file.read(length)
    if not raw.startswith(b"{"):
        raise _not_safetensors(title)
    fields = _parse(raw, title)
    metadata = _metadata(fields.pop("__metadata__", {}), title)
    data_bytes = file_bytes - 8 - length
    tensors = _tensors(fields, data_bytes, title)
    return Header(tensors, metadata, 8 + length, data_bytes)


def _header_length(raw: bytes, file_bytes: int, title: str) -> int:
    length = int.from_bytes(raw, "little")
    if len(raw) < 8 or length < 2 or length > file_bytes - 8:
        raise _not_safetensors(title)
    if length > MAX_HEADER_BYTES:
        allowed = f"{MAX_HEADER_BYTES:,} are allowed"
        raise _refusal(title, f"has a header of {length:,} bytes and {allowed}")
    return length


def _parse(raw: bytes, title: str) -> dict[str, Any]:
    quotes = raw.count(b'"') - raw.count(b'\\"')
    if quotes > MAX_QUOTES or _STRING.sub(b"", raw).count(b",") > MAX_COMMAS:
        raise _refusal(title, f"has more than {MAX_TENSORS:,} tensors")
    try:
        fields = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant
        )
    except _DuplicateKeyError as error:
        raise _refusal(title, f"has the key {_shown(str(error))} twice") from None
    except (ValueError, RecursionError):
        raise _refusal(title, "has a header that is not JSON") from None
    if not isinstance(fields, dict):
        raise _refusal(title, "has a header that is not JSON")
    return fields


class _DuplicateKeyError(Exception):
    pass


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in pairs:
        if key in fields:
            raise _DuplicateKeyError(key)
        fields[key] = value
    return fields


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _metadata(value: Any, title: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _refusal(title, "has metadata that are not text")
    length = sum(len(key) + len(text) for key, text in value.items())
    if length > MAX_METADATA_CHARACTERS:
        allowed = f"{MAX_METADATA_CHARACTERS:,} are allowed"
        raise _refusal(title, f"has {length:,} characters of metadata and {allowed}")
    return value


def _tensors(fields: dict[str, Any], data_bytes: int, title: str) -> dict[str, Entry]:
    if len(fields) > MAX_TENSORS:
        raise _refusal(title, f"has {len(fields):,} tensors and {MAX_TENSORS:,} are allowed")
    if not fields:
        raise _refusal(title, "has no tensors")
    for name in fields:
        _check_name(name, title)
    tensors = {name: _entry(name, value, title) for name, value in fields.items()}
    _check_offsets(tensors, data_bytes, title)
    return tensors


def _check_name(name: str, title: str) -> None:
    fine = name.isprintable() and 0 < len(name) <= MAX_NAME_CHARACTERS
    if not fine or ".." in name or "/" in name or "\\" in name:
        raise _refusal(title, f"has a tensor with the unsafe name {_shown(name)}")


def _entry(name: str, value: Any, title: str) -> Entry:
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise _refusal(title, f"describes the tensor {_shown(name)} wrongly")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise _refusal(title, f"has a tensor of the unknown type {_shown(str(dtype))}")
    if not _are_sizes(shape) or len(shape) > MAX_DIMENSIONS:
        raise _refusal(title, f"gives the tensor {_shown(name)} an impossible shape")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise _refusal(title, f"gives the tensor {_shown(name)} impossible offsets")
    start, end = offsets
    if end - start != prod(shape) * DTYPE_BYTES[dtype]:
        raise _refusal(title, f"has offsets and shape that disagree for {_shown(name)}")
    return Entry(dtype, tuple(shape), start, end)


def _are_sizes(value: Any) -> bool:
    # `type` rather than isinstance: true is an int to Python.
    return isinstance(value, list) and all(
        type(item) is int and 0 <= item < 2**48 for item in value
    )


def _check_offsets(tensors: dict[str, Entry], data_bytes: int, title: str) -> None:
    """Tensors lie one after the other and fill the file: no overlap, no hole, no hidden tail."""
    position = 0
    for name, entry in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)):
        if entry.start != position or entry.end > data_bytes:
            raise _refusal(title, f"has the tensor {_shown(name)} outside of its place")
        position = entry.end
    if position != data_bytes:
        raise _refusal(title, "has bytes that belong to no tensor")


def _shown(text: str) -> str:
    return ascii(text[:80])


def _not_safetensors(title: str) -> BadLora:
    return BadLora(
        f"The file of “{title}” is not a safetensors file: only .safetensors LoRAs are loaded."
    )


def _refusal(title: str, what: str) -> BadLora:
    return BadLora(f"The LoRA file of “{title}” {what}: get it again from its source.")
