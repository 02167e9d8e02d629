"""How well compositions agree with labelled ones.

Labels are noisy: where the published composer answered one caption twice, its two answers agree
on the keywords with F1 0.77 and on the adapters with F1 0.64. Those are the ceilings.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from engine.learning.labelled import Labelled
from engine.operations.figures import Figure, percentile
from engine.values import Composition, fold

KEYWORD_GOAL = 0.62
NONE_GOAL = 0.65
RECALL_GOALS = {10: 0.75, 150: 0.95}


@dataclass(frozen=True, slots=True)
class Counted:
    """Agreement of two sets, summed over many."""

    both: int = 0
    made: int = 0
    wanted: int = 0

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(self.both + other.both, self.made + other.made, self.wanted + other.wanted)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where there is nothing."""
        return 2 * self.both / max(1, self.made + self.wanted)


def count(made: Iterable[str], wanted: Iterable[str]) -> Counted:
    """Returns the agreement of two sets."""
    one, other = set(made), set(wanted)
    return Counted(len(one & other), len(one), len(other))


def total(counts: Iterable[Counted]) -> Counted:
    """Returns the sum."""
    return sum(counts, Counted())


@dataclass(frozen=True, slots=True)
class Answered:
    """A labelled prompt and what we made of it."""

    labelled: Labelled
    #: Source ids of the retrieved adapters, best first.
    candidates: tuple[str, ...]
    composition: Composition
    seconds: float = 0.0
    #: Sentences about broken rules.
    broken: tuple[str, ...] = ()
    #: What simpler ways would have chosen: source ids by folded keyword, by the way's name.
    others: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def keywords(self) -> dict[str, tuple[str, ...]]:
        """Source ids by folded keyword."""
        return {
            fold(task.keyword): tuple(pick.source_id for pick in task.picks)
            for task in self.composition.tasks
        }


def keyword_agreement(answered: Sequence[Answered]) -> Counted:
    """Returns the agreement on exact keywords, prompts without any label aside."""
    return total(count(a.keywords, a.labelled.keywords) for a in answered if a.labelled.tasks)


def none_agreement(answered: Sequence[Answered]) -> Counted:
    """Returns the agreement on which keywords no adapter serves.

    Counted for the keywords that both have, of prompts with at least one card at hand: elsewhere
    almost every keyword that can be judged is a "none", and saying so always would look good.
    """
    return total(
        count([] if mine[keyword] else ["none"], [] if ids else ["none"])
        for a in answered
        if a.labelled.known
        for mine in [a.keywords]
        for keyword, ids in a.labelled.decided.items()
        if keyword in mine
    )


def always_none(answered: Sequence[Answered]) -> Counted:
    """Returns what answering "none" to each of those keywords would reach."""
    return total(
        count(["none"], [] if ids else ["none"])
        for a in answered
        if a.labelled.known
        for keyword, ids in a.labelled.decided.items()
        if keyword in a.keywords
    )


def adapter_agreement(answered: Sequence[Answered]) -> Counted:
    """Returns the agreement on the set of adapters, of prompts with a card at hand.

    Our picks for words whose published adapter has no card here are left out: they may be good.
    """
    return total(
        count(_judged_picks(a.labelled, a.keywords), a.labelled.picks)
        for a in answered
        if a.labelled.known
    )


def other_agreement(answered: Sequence[Answered], way: str) -> Counted:
    """Returns the same of what another way would have chosen."""
    return total(
        count(_judged_picks(a.labelled, a.others[way]), a.labelled.picks)
        for a in answered
        if a.labelled.known and way in a.others
    )


def _judged_picks(labelled: Labelled, keywords: Mapping[str, tuple[str, ...]]) -> set[str]:
    unknown = {
        word
        for keyword, ids in labelled.tasks.items()
        if ids and keyword not in labelled.known
        for word in fold(keyword).split()
    }
    return {
        one
        for keyword, ids in keywords.items()
        if keyword in labelled.decided or unknown.isdisjoint(keyword.split())
        for one in ids
    }


def ceilings(labelled: Sequence[Labelled]) -> tuple[float, float]:
    """Returns the F1 of keywords and of adapter sets between two answers to one prompt."""
    by_prompt: dict[str, list[Labelled]] = {}
    for one in labelled:
        if one.tasks:
            by_prompt.setdefault(one.prompt, []).append(one)
    pairs = [pair for same in by_prompt.values() for pair in combinations(same, 2)]
    keywords = total(count(a.keywords, b.keywords) for a, b in pairs)
    return keywords.f1, total(count(_all_picks(a), _all_picks(b)) for a, b in pairs).f1


def _all_picks(labelled: Labelled) -> set[str]:
    return {one for ids in labelled.tasks.values() for one in ids}


def recall(answered: Sequence[Answered], k: int) -> float:
    """Returns the share of published picks with a card that are among our first k candidates."""
    pairs = [(pick, a.candidates[:k]) for a in answered for pick in a.labelled.picks]
    return sum(pick in first for pick, first in pairs) / max(1, len(pairs))


def in_short(answered: Sequence[Answered]) -> str:
    """Returns the figures that change from fold to fold, in a line."""
    parts = {
        "R@10": recall(answered, 10),
        "R@150": recall(answered, 150),
        "keywords": keyword_agreement(answered).f1,
        "none": none_agreement(answered).f1,
        "adapter sets": adapter_agreement(answered).f1,
    }
    return ", ".join(f"{name} {value:.3f}" for name, value in parts.items())


def figures(answered: Sequence[Answered]) -> list[Figure]:
    """Returns all of it beside its goals."""
    keyword_ceiling, adapter_ceiling = ceilings([a.labelled for a in answered])
    seconds = [a.seconds for a in answered]
    keywords, none = keyword_agreement(answered), none_agreement(answered)
    return [
        *(
            Figure(f"retrieval, R@{k}", recall(answered, k), "", goal, True)
            for k, goal in RECALL_GOALS.items()
        ),
        Figure("keywords, exact F1", keywords.f1, "", KEYWORD_GOAL, True),
        Figure("keywords, precision", keywords.both / max(1, keywords.made), ""),
        Figure("keywords, recall", keywords.both / max(1, keywords.wanted), ""),
        Figure("keywords, two published answers", keyword_ceiling, "F1"),
        Figure("none, F1", none.f1, "", NONE_GOAL, True),
        Figure("none, F1 of answering it always", always_none(answered).f1, ""),
        Figure("adapter sets, F1", adapter_agreement(answered).f1, ""),
        *(
            Figure(f"adapter sets, {way}", other_agreement(answered, way).f1, "F1")
            for way in dict.fromkeys(way for a in answered for way in a.others)
        ),
        Figure("adapter sets, two published answers", adapter_ceiling, "F1"),
        Figure("rules broken", sum(len(a.broken) for a in answered), "", 0),
        Figure("retrieve and compose, median", percentile(seconds, 0.5), "s"),
        Figure("retrieve and compose, p95", percentile(seconds, 0.95), "s"),
    ]
