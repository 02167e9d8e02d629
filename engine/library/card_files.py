"""Card files: JSONL, gzipped or not, one card a line."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import BadFile

#: A longer line is no card but an accident or an attack.
LINE_BYTES = 1_000_000


def read_cards(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the raw cards. Raises `BadFile` naming the line that is none."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            number = 0
            while line := file.readline(LINE_BYTES + 1):
                number += 1
                if line.strip():
                    yield _card(path, number, line)
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"{path} cannot be read as a card file (JSONL, gzipped or not).") from error


def _card(path: Path, number: int, line: bytes) -> dict[str, Any]:
    if len(line) > LINE_BYTES:
        raise BadFile(f"Line {number} of {path} is longer than {LINE_BYTES} bytes.")
    try:
        card = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"Line {number} of {path} is not JSON.") from error
    if not isinstance(card, dict):
        raise BadFile(f"Line {number} of {path} is no JSON object.")
    return card
