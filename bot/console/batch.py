"""Many prompts from a JSONL file: each line's other keys pass through to its answer."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from bot.console.documents import Document
from engine.errors import BadFile, BadInput, StorageUnavailable


async def run_batch(
    source: Path, target: Path, answer: Callable[[str], Awaitable[Document]]
) -> Document:
    """Answers every line of `source` into `target`; returns how many and how long it took.

    A prompt that is refused gets a line with `error`. Raises `BadFile` for a line that is no
    object with a `prompt`; the target then stays as it was.
    """
    began = perf_counter()
    half = target.with_name(target.name + ".half")
    count = 0
    try:
        with half.open("w", encoding="utf-8") as file:
            async for line in _answers(_lines(source), answer):
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                count += 1
        half.replace(target)
    except OSError as error:
        raise StorageUnavailable(f"{target} cannot be written ({error.strerror}).") from error
    finally:
        half.unlink(missing_ok=True)
    return {"lines": count, "output": str(target), "seconds": round(perf_counter() - began, 3)}


async def _answers(
    lines: Iterator[dict[str, Any]], answer: Callable[[str], Awaitable[Document]]
) -> AsyncIterator[Document]:
    for line in lines:
        try:
            yield {**line, **await answer(line["prompt"])}
        except BadInput as error:
            yield {**line, "error": str(error)}


def _lines(source: Path) -> Iterator[dict[str, Any]]:
    try:
        with source.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _object(source, number, line)
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{source} cannot be read; give a JSONL file in UTF-8.") from error


def _object(source: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadFile(f"Line {number} of {source} is not JSON.") from error
    if not isinstance(found, dict) or not isinstance(found.get("prompt"), str):
        raise BadFile(f"Line {number} of {source} is no object with a text “prompt”.")
    return found
