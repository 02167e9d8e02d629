"""The prompts of an evaluation, from a file of one's own or of a published set."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import BadFile

#: Names under which published sets keep a prompt: ours, PartiPrompts, COCO captions.
PROMPT_KEYS = ("prompt", "Prompt", "caption")


@dataclass(frozen=True, slots=True)
class Question:
    """One prompt, and what is known of its images."""

    prompt: str
    #: Prompts of a group are counted together, such as those that need no adapter.
    group: str = ""
    #: What an image must show, such as {"shape": "star"}; empty where nobody knows.
    truth: Mapping[str, str] = field(default_factory=dict)
    #: Kinds of facts in `truth` that the base cannot show, such as "style".
    needs: frozenset[str] = frozenset()


def read_questions(path: Path, count: int) -> list[Question]:
    """Returns the file's first `count` prompts.

    Lines of text, JSONL with "prompt", PartiPrompts as TSV, or a COCO captions file. Raises
    BadFile.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{path} cannot be read; give a file of prompts in UTF-8.") from error
    prompts = [prompt.strip() for prompt in _prompts(path, text) if prompt.strip()]
    if not prompts:
        raise BadFile(f"{path} has no prompts; give one a line, or JSONL with “prompt”.")
    return [Question(prompt) for prompt in prompts[:count]]


def _prompts(path: Path, text: str) -> Iterator[str]:
    match path.suffix.lower():
        case ".jsonl":
            yield from (
                _said(path, _json(path, line)) for line in text.splitlines() if line.strip()
            )
        case ".json":
            document = _json(path, text)
            rows = document.get("annotations") if isinstance(document, dict) else document
            yield from (_said(path, row) for row in (rows if isinstance(rows, list) else [None]))
        case ".tsv" | ".csv":
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            yield from (
                _said(path, row) for row in csv.DictReader(text.splitlines(), delimiter=delimiter)
            )
        case _:
            yield from text.splitlines()


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadFile(f"{path} is not the JSON that its name promises.") from error


def _said(path: Path, row: object) -> str:
    found = [row[key] for key in PROMPT_KEYS if key in row] if isinstance(row, dict) else []
    if not found or not isinstance(found[0], str):
        raise BadFile(f"{path} has an entry without a text “prompt” or “caption”.")
    return found[0]
