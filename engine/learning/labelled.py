"""Labelled compositions: prompts with the keywords and adapters that somebody chose for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import BadFile
from engine.library.card_files import read_cards
from engine.values import fold


@dataclass(frozen=True, slots=True)
class Labelled:
    """One prompt's composition. Adapters are named by their source ids, best first."""

    prompt: str
    #: Adapters by keyword; a keyword need not be a part of the prompt. Empty: nothing is known.
    tasks: Mapping[str, tuple[str, ...]]
    #: The part of `tasks` whose cards are at hand.
    known: Mapping[str, tuple[str, ...]]

    @property
    def keywords(self) -> frozenset[str]:
        """The keywords as plain lower-case words, so that two spellings are one."""
        return frozenset(filter(None, map(fold, self.tasks)))

    @property
    def picks(self) -> frozenset[str]:
        """All adapters whose cards are at hand."""
        return frozenset(one for ids in self.known.values() for one in ids)

    @property
    def decided(self) -> dict[str, tuple[str, ...]]:
        """Folded keywords that can be judged: served by nothing, or by a card at hand."""
        return {
            fold(keyword): self.known.get(keyword, ())
            for keyword, ids in self.tasks.items()
            if keyword in self.known or not ids
        }


def read_labelled(path: Path) -> list[Labelled]:
    """Returns the lines of a JSONL file with `prompt`, `tasks` and `in_cards`, gzipped or not.

    Raises `BadFile` naming the line that is none.
    """
    return [_labelled(path, n, raw) for n, raw in enumerate(read_cards(path), 1)]


def _labelled(path: Path, number: int, raw: Mapping[str, Any]) -> Labelled:
    try:
        return Labelled(str(raw["prompt"]), _tasks(raw["tasks"]), _tasks(raw.get("in_cards", {})))
    except (KeyError, TypeError, AttributeError) as error:
        raise BadFile(
            f"Line {number} of {path} is no labelled composition; it needs prompt, tasks "
            "(a list of source ids by keyword) and in_cards."
        ) from error


def _tasks(raw: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {str(keyword): tuple(map(str, ids)) for keyword, ids in raw.items()}
