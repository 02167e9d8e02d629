"""Card files: JSONL, gzipped or not, one card a line."""

import gzip
import json
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

from engine.errors import BadFile

#: A longer line is no card but an accident or an attack.
LINE_BYTES = 1_000_000
#: Bytes that an uploaded file may unpack to.
UNPACKED_BYTES = 16 * 2**20
#: How a gzipped file begins.
_GZIP = b"\x1f\x8b"


def read_cards(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the raw cards. Raises `BadFile` naming the line that is none."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in _lines(file, str(path)):
                yield _card(number, line, str(path))
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"{path} cannot be read as a card file (JSONL, gzipped or not).") from error


def read_upload(content: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the raw cards of an uploaded file with the numbers of their lines.

    Raises `BadFile` naming the line that is none, or once it unpacks to more than fits.
    """
    told, read = "the file", 0
    packed = BytesIO(content)
    try:
        with gzip.open(packed) if content.startswith(_GZIP) else packed as file:
            for number, line in _lines(file, told):
                read += len(line)
                if read > UNPACKED_BYTES:
                    raise BadFile(
                        f"The file unpacks to more than {UNPACKED_BYTES // 2**20} MB; split it."
                    )
                yield number, _card(number, line, told)
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile("The file cannot be unpacked; send it as JSONL, gzipped or not.") from error


class _Lines(Protocol):
    def readline(self, size: int, /) -> bytes: ...


def _lines(file: _Lines, called: str) -> Iterator[tuple[int, bytes]]:
    """Yields the lines that are not empty, with their numbers. Raises `BadFile`."""
    number = 0
    while line := file.readline(LINE_BYTES + 1):
        number += 1
        if len(line) > LINE_BYTES:
            raise BadFile(f"Line {number} of {called} is longer than {LINE_BYTES} bytes.")
        if line.strip():
            yield number, line


def _card(number: int, line: bytes, called: str) -> dict[str, Any]:
    try:
        card = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"Line {number} of {called} is not JSON.") from error
    if not isinstance(card, dict):
        raise BadFile(f"Line {number} of {called} is no JSON object.")
    return card
