"""Agreement with labelled compositions, on cases that can be counted by hand."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import BadFile
from engine.learning import agreement
from engine.learning.agreement import Answered
from engine.learning.labelled import Labelled, read_labelled
from engine.values import Composition, Task
from tests.samples import pick


def answered(
    labelled: Labelled, tasks: dict[str, tuple[str, ...]], candidates: tuple[str, ...] = ()
) -> Answered:
    made = tuple(Task(word, tuple(map(pick, ids))) for word, ids in tasks.items())
    return Answered(labelled, candidates, Composition(labelled.prompt, made, "local"))


FOX = Labelled(
    "A Red fox in the snow at night",
    {"red fox": ("f", "elsewhere"), "Snow": (), "night": ("unknown",)},
    {"red fox": ("f",)},
)
#: Where a card is at hand for nothing.
BARE = Labelled("a cup", {"cup": ()}, {})
UNLABELLED = Labelled("a dog", {}, {})


def test_keywords_are_compared_as_words() -> None:
    rows = [
        answered(FOX, {"Red fox": ("f",), "snow": (), "at night": ()}),
        answered(UNLABELLED, {"dog": ()}),
    ]
    counted = agreement.keyword_agreement(rows)
    assert (counted.both, counted.made, counted.wanted) == (2, 3, 3)
    assert counted.f1 == pytest.approx(2 / 3)


def test_none_counts_what_can_be_judged() -> None:
    """“night” has a pick without a card, so whatever we say of it is neither right nor wrong."""
    rows = [
        answered(FOX, {"Red fox": (), "snow": (), "night": ()}),
        answered(BARE, {"cup": ()}),
    ]
    counted = agreement.none_agreement(rows)
    assert (counted.both, counted.made, counted.wanted) == (1, 2, 1)
    assert agreement.always_none(rows) == counted


def test_picks_for_words_whose_published_adapter_is_unknown_are_not_held_against_us() -> None:
    rows = [answered(FOX, {"Red fox": ("f",), "snow": ("s",), "at night": ("n",)})]
    counted = agreement.adapter_agreement(rows)
    assert (counted.both, counted.made, counted.wanted) == (1, 2, 1)


def test_recall_counts_picks_among_the_first_candidates() -> None:
    rows = [answered(FOX, {}, ("a", "f")), answered(FOX, {}, ("f",))]
    assert agreement.recall(rows, 1) == 0.5
    assert agreement.recall(rows, 2) == 1


def test_two_answers_to_one_prompt_are_the_ceiling() -> None:
    again = Labelled(FOX.prompt, {"fox": (), "snow": ("elsewhere",)}, {})
    keywords, adapters = agreement.ceilings([FOX, BARE, again])
    assert keywords == pytest.approx(2 / 5)
    assert adapters == pytest.approx(2 / 4)


def test_labels_are_read_and_damage_is_said(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl.gz"
    line = {"prompt": "a fox", "tasks": {"fox": ["1", 2]}, "in_cards": {"fox": ["1"]}}
    file.write_bytes(gzip.compress(json.dumps(line).encode()))
    assert read_labelled(file) == [Labelled("a fox", {"fox": ("1", "2")}, {"fox": ("1",)})]
    file.write_bytes(gzip.compress(b'{"prompt": "a fox"}'))
    with pytest.raises(BadFile, match=r"Line 1 of .* needs prompt, tasks"):
        read_labelled(file)


def test_other_ways_are_counted_alike_beside_ours() -> None:
    """What is copied from elsewhere for a word whose published adapter is unknown is let pass."""
    copied = {"red fox": ("f",), "at night": ("n",), "cup": ("c",)}
    rows = [replace(answered(FOX, {}), others={"copied": copied}), answered(BARE, {})]
    counted = agreement.other_agreement(rows, "copied")
    assert (counted.both, counted.made, counted.wanted) == (1, 2, 1)
    (figure,) = [f for f in agreement.figures(rows) if f.name == "adapter sets, copied"]
    assert figure.value == pytest.approx(2 / 3)
    assert "adapter sets 0.000" in agreement.in_short(rows)
