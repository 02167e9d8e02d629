"""The local composer: keywords from the prompt, adapters once, none where nothing fits."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from engine.composer import _checked, pin_adapters
from engine.composing.local_composer import compose_locally
from engine.composing.local_model import load_model
from engine.errors import CompositionRefused
from engine.library.cards import read_card
from engine.retrieving.embedder import MiniLM
from engine.settings import Settings
from engine.values import Candidate, Composition, is_part_of
from tests.cards import CARDS, adapter_id
from tests.samples import adapter, composition, retrieval

WORDS = """red star heart neon glow watercolor night sky checker forest bond james in a of and ,
    . the tall lantern rope house 42 star_shape naïve""".split()


@pytest.fixture(scope="module")
def everything() -> list[Candidate]:
    """Every card of `tests.cards` as a candidate, the unsafe one as well."""
    cards = [read_card(raw) for raw in CARDS]
    return [
        Candidate(
            adapter(
                card.id,
                card.title,
                description=card.description,
                tags=card.tags,
                trigger_words=card.trigger_words,
            ),
            0.5,
        )
        for card in cards
    ]


def composed(
    everything: list[Candidate],
    embedder: MiniLM,
    prompt: str,
    per_task: int = 3,
    total: int = 12,
) -> Composition:
    found = retrieval(prompt, everything, embedder)
    return compose_locally(prompt, found, load_model(), per_task, total)


def tasks(made: Composition) -> dict[str, list[str]]:
    return {
        task.keyword: [pick.adapter_id.removeprefix("test:") for pick in task.picks]
        for task in made.tasks
    }


def test_every_idea_gets_what_draws_it(everything: list[Candidate], embedder: MiniLM) -> None:
    made = tasks(composed(everything, embedder, "a heart with neon glow in a deep forest"))
    assert {keyword: ids[0] for keyword, ids in made.items()} == {
        "heart": "heart",
        "neon glow": "neon",
        "deep forest": "forest",
    }


def test_the_reason_is_made_from_the_words(everything: list[Candidate], embedder: MiniLM) -> None:
    (pick,) = composed(everything, embedder, "a watercolor").picks
    assert pick.reason == "“watercolor” has its name or a trigger word"
    assert pick.weight == 0.8
    assert 0.5 < pick.score <= 1.01


def test_where_nothing_fits_the_list_is_empty(
    everything: list[Candidate], embedder: MiniLM
) -> None:
    made = composed(everything, embedder, "quarterly tax report, an old tractor")
    assert {"tax report", "tractor"} <= {" ".join(task.keyword.split()[-2:]) for task in made.tasks}
    assert made.picks == ()
    assert composed(everything, embedder, "of the and").tasks == ()


def test_the_word_style_says_nothing_of_a_style(embedder: MiniLM) -> None:
    offered = [
        Candidate(adapter(f"a{n}", title, tags=("style",)), 0.5)
        for n, title in enumerate(("Coloured Pencil Sketch", "Blueprint Room", "Wet Paper"))
    ]
    assert composed(offered, embedder, "a blue square in hello style").picks == ()
    made = tasks(composed(offered, embedder, "a blue square in blueprint style"))
    assert ["a1"] in made.values()


@pytest.mark.parametrize("prompt", ["james bond", "bond", "James Bond, a spy with a gun", "bonds"])
def test_bond_is_not_bondage(everything: list[Candidate], embedder: MiniLM, prompt: str) -> None:
    made = composed(everything, embedder, prompt)
    assert adapter_id("rope") not in {pick.adapter_id for pick in made.picks}


def test_a_hostile_and_a_stuffed_card_win_nothing(
    everything: list[Candidate], embedder: MiniLM
) -> None:
    """Both name or claim everything; neither takes an idea from the card that is about it."""
    made = composed(everything, embedder, "a star, a heart, a neon glow, the night sky")
    first = [task.picks[0].adapter_id for task in made.tasks]
    assert first == [adapter_id(name) for name in ("star", "heart", "neon", "night")]
    chosen = {pick.adapter_id for pick in made.picks}
    assert chosen.isdisjoint({adapter_id("hostile"), adapter_id("stuffed")})


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join) | st.text(max_size=60),
    st.integers(1, 3),
    st.integers(1, 4),
)
def test_the_rules_hold_for_any_prompt(
    everything: list[Candidate], embedder: MiniLM, prompt: str, per_task: int, total: int
) -> None:
    made = composed(everything, embedder, prompt, per_task, total)
    assert all(is_part_of(task.keyword, prompt) for task in made.tasks)
    assert all(len(task.picks) <= per_task for task in made.tasks)
    ids = [pick.adapter_id for pick in made.picks]
    assert len(set(ids)) == len(ids) <= total


def test_limits_leave_the_best(everything: list[Candidate], embedder: MiniLM) -> None:
    prompt = "a heart with neon glow in a deep forest"
    full = composed(everything, embedder, prompt)
    (only,) = composed(everything, embedder, prompt, total=1).picks
    assert only.score == max(pick.score for pick in full.picks)
    assert len(full.picks) > 1
    for task in composed(everything, embedder, prompt, per_task=1).tasks:
        assert len(task.picks) <= 1


@pytest.mark.parametrize("per_task", [1, 2, 3])
def test_a_task_takes_so_many_that_fit_alike(embedder: MiniLM, per_task: int) -> None:
    twins = [
        Candidate(adapter(f"a{n}", "Big star", trigger_words=("star",)), 0.5) for n in range(6)
    ]
    (task,) = composed(twins, embedder, "a star", per_task=per_task).tasks
    assert len(task.picks) == per_task


def test_an_adapter_that_was_no_candidate_is_refused(
    everything: list[Candidate], embedder: MiniLM
) -> None:
    """The last check, whatever a composer may answer."""
    made = composed(everything, embedder, "a star")
    fewer = retrieval("a star", everything[1:], embedder)
    with pytest.raises(CompositionRefused, match="Adapter test:star was no candidate"):
        _checked(made, fewer, Settings())


def test_a_pinned_adapter_is_a_task_of_the_whole_prompt() -> None:
    made = composition(("a",), ("b",))
    pinned = pin_adapters(made, [adapter("b"), adapter("c")])
    assert pinned.tasks[:2] == made.tasks
    assert pinned.tasks[2].keyword == made.prompt
    (pick,) = pinned.tasks[2].picks
    assert (pick.adapter_id, pick.reason) == ("c", "you pinned it")
    assert pin_adapters(made, [adapter("a")]) == made
    assert pin_adapters(made, []) == made
