"""Plans: seeds count up, trigger words come and go with their adapter."""

from hypothesis import given
from hypothesis import strategies as st

from engine.plan import SEED_LIMIT, plan_images, replan, with_trigger_words
from engine.settings import Weights
from engine.values import Composition, Mask, Overrides, Task
from tests.samples import pick, planned, request

COMPOSED = Composition(
    "a red star at night",
    (
        Task("star", (pick("star", triggers=("star", "five points")),)),
        Task("night", (pick("neon", triggers=("neon glow", "glow")), pick("dark"))),
    ),
    "local",
)
MASKS = [Mask(frozenset(on)) for on in ({"star"}, {"star", "neon"}, {"neon", "dark"}, set())]


def test_one_plan_for_each_mask_with_seeds_in_a_row() -> None:
    plans = plan_images(request(COMPOSED.prompt, seed=40), COMPOSED, MASKS, Weights())
    assert [plan.index for plan in plans] == [0, 1, 2, 3]
    assert [plan.seed for plan in plans] == [40, 41, 42, 43]
    assert [{a.adapter_id for a in plan.adapters} for plan in plans] == [set(m.on) for m in MASKS]


@given(st.integers(0, SEED_LIMIT - 1))
def test_seeds_stay_below_the_limit_and_differ(seed: int) -> None:
    plans = plan_images(request(COMPOSED.prompt, seed=seed), COMPOSED, MASKS, Weights())
    assert len({plan.seed for plan in plans}) == len(plans)
    assert all(0 <= plan.seed < SEED_LIMIT for plan in plans)


def test_trigger_words_are_there_only_where_the_adapter_is_on() -> None:
    plans = plan_images(request(COMPOSED.prompt), COMPOSED, MASKS, Weights())
    assert [plan.prompt for plan in plans] == [
        "a red star at night",  # "star" is in it already
        "a red star at night, neon glow",
        "a red star at night, neon glow",
        "a red star at night",
    ]


def test_without_a_lost_adapter_the_others_of_its_task_have_their_whole_weight() -> None:
    made = request(COMPOSED.prompt, seed=40)
    both = plan_images(made, COMPOSED, MASKS, Weights())[2]
    assert {a.adapter_id: a.weight for a in both.adapters} == {"neon": 0.4, "dark": 0.4}
    left = replan(both, {"neon"}, made, COMPOSED, Weights())
    assert {a.adapter_id: a.weight for a in left.adapters} == {"dark": 0.8}
    assert (left.index, left.seed, left.prompt) == (2, 42, "a red star at night")
    assert replan(both, (), made, COMPOSED, Weights()) == both


def test_a_trigger_word_inside_another_word_is_still_added() -> None:
    composed = Composition("bondage", (Task("bondage", (pick("a", triggers=("bond",)),)),), "local")
    assert with_trigger_words("bondage", composed, [planned("a")]) == "bondage, bond"


@given(st.lists(st.text("abc ", min_size=1, max_size=8).filter(str.strip), max_size=3))
def test_words_that_are_there_are_not_added_again(triggers: list[str]) -> None:
    picks = tuple(pick(f"a{n}", triggers=(word,)) for n, word in enumerate(triggers))
    composed = Composition("star", (Task("star", picks),), "local")
    on = [planned(one.adapter_id) for one in picks]
    once = with_trigger_words("star", composed, on)
    assert with_trigger_words(once, composed, on) == once


def test_a_trigger_without_letters_is_added_once() -> None:
    composed = Composition("star", (Task("star", (pick("a", triggers=("★",)),)),), "local")
    once = with_trigger_words("star", composed, [planned("a")])
    assert once == "star, ★"
    assert with_trigger_words(once, composed, [planned("a")]) == once


def test_the_negative_prompt_and_chosen_weights_reach_every_plan() -> None:
    asked = request(COMPOSED.prompt, negative="rain", overrides=Overrides(weights={"star": 1.2}))
    plans = plan_images(asked, COMPOSED, MASKS[:2], Weights())
    assert {plan.negative for plan in plans} == {"rain"}
    assert {a.weight for plan in plans for a in plan.adapters if a.adapter_id == "star"} == {1.2}
