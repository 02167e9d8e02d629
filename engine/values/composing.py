"""Adapters, and the prompt split into tasks that they serve."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import md5
from typing import Literal

from engine.errors import CompositionRefused


@dataclass(frozen=True, slots=True)
class Adapter:
    """A catalogue entry: what is known of one LoRA."""

    id: str
    #: Whose it is: a guild, a Slack workspace, or '' for everybody's.
    workspace: str
    source: str
    source_id: str
    title: str
    description: str
    tags: tuple[str, ...]
    trigger_words: tuple[str, ...]
    #: Base model family, such as "sd15", "sdxl" or "stylus-small".
    base: str
    #: Recommended weight.
    weight: float
    rating: Literal["safe", "unsafe"]
    status: Literal["active", "disabled", "removed", "proposed"]
    #: Lower-case hexadecimal hash of the file; None where the card states none.
    sha256: str | None
    #: Where the file is kept in the blob store; None for a card without a file here.
    blob: str | None
    link: str | None
    creator: str | None
    licence: str | None
    #: Whom it depicts: used only where the prompt has one of the names.
    kind: Literal["", "character", "person"] = ""
    names: tuple[str, ...] = ()
    #: The finer kind of base model, such as "Pony", as its source has it.
    lineage: str = ""
    #: Between which weights it works, where somebody has said so.
    weight_low: float | None = None
    weight_high: float | None = None
    #: What admins note for each other.
    notes: str = ""
    #: Size of the file.
    file_bytes: int | None = None
    #: A sheet of images with and without it, in the blob store.
    sample: str | None = None
    #: What was measured on them, in the shape of `engine.library.samples.Measured`.
    measured: Mapping[str, float] | None = None
    #: Whether it breaks images: then it is used only where somebody pins it.
    broken: bool = False

    @property
    def handle(self) -> str:
        """A name of 32 characters, for places where the id may be too long."""
        return md5(self.id.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An adapter that may serve the prompt; a list of them is ordered best first."""

    adapter: Adapter
    score: float


@dataclass(frozen=True, slots=True)
class Pick:
    """An adapter chosen for a task, with what is needed to render and to credit it."""

    adapter_id: str
    source: str
    source_id: str
    title: str
    sha256: str | None
    blob: str | None
    trigger_words: tuple[str, ...]
    #: Weight before it is divided and capped.
    weight: float
    score: float
    #: Made by us from the card and the match, never a language model's words.
    reason: str
    link: str | None = None
    creator: str | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One idea of the prompt, in the prompt's own words, and the adapters that serve it."""

    keyword: str
    picks: tuple[Pick, ...]


@dataclass(frozen=True, slots=True)
class Composition:
    """The prompt split into tasks (Stylus, section 3.3).

    Refuses a keyword that is not in the prompt and an adapter that is used twice; that every
    adapter was a candidate is checked by `composer.compose`, which has the candidates.
    """

    prompt: str
    tasks: tuple[Task, ...]
    composer: str
    #: Sentences about parts that answered in a lesser way, such as "The LLM did not answer ...".
    degraded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for task in self.tasks:
            if not is_part_of(task.keyword, self.prompt):
                raise CompositionRefused(f"“{task.keyword}” is not in the prompt.")
            for pick in task.picks:
                if pick.adapter_id in seen:
                    raise CompositionRefused(f"Adapter {pick.adapter_id} is used twice.")
                seen.add(pick.adapter_id)

    @property
    def picks(self) -> tuple[Pick, ...]:
        """All picks, in task order."""
        return tuple(pick for task in self.tasks for pick in task.picks)


def is_part_of(keyword: str, prompt: str) -> bool:
    """Whether the keyword is a run of whole words of the prompt, letter case aside.

    Whole words, since "bond" must never count as a part of "bondage".
    """
    return bool(fold(keyword)) and f" {fold(keyword)} " in f" {fold(prompt)} "


def fold(text: str) -> str:
    """Returns the words alone, in lower case, one blank apart."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


@dataclass(frozen=True, slots=True)
class Mask:
    """The set of adapters that are on in one image."""

    on: frozenset[str]
