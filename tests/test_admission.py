"""Admission: every bad input gets one sentence that names it and the next step."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput, BadOption, BadPrompt, UnknownCheckpoint
from engine.plan import SEED_LIMIT
from engine.requests.admission import admit, clean_prompt, descend, new_id, refuse_failed
from engine.settings import Limits, Settings
from engine.settings_rendering import Checkpoint, OtherCheckpoint
from engine.values import Answer, Overrides, Phase, Timings
from tests.samples import ADA, BOB, ask, composition, plan, request

SETTINGS = Settings()


def refusal(prompt: str = "a star", settings: Settings = SETTINGS, **fields: Any) -> str:
    with pytest.raises(BadInput) as caught:
        admit(ask(prompt, **fields), settings)
    return str(caught.value)


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t", "\u200b", "...!?", "\u200d"])
def test_an_empty_prompt(prompt: str) -> None:
    assert refusal(prompt) == "The prompt is empty; say what the image should show."


def test_a_prompt_of_ten_thousand_characters() -> None:
    assert refusal("x" * 10_000) == "The prompt has 10000 characters; at most 2000 are read."
    assert admit(ask("x" * 2000), SETTINGS).prompt == "x" * 2000


@pytest.mark.parametrize(
    ("prompt", "code"),
    [("a\0b", "0000"), ("\x1b[31m", "001B"), ("a\x7f", "007F"), ("\ud800", "D800")],
)
def test_control_characters(prompt: str, code: str) -> None:
    expected = f"The prompt holds the control character U+{code}; type it without."
    assert refusal(prompt) == expected


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("images", 0, "images is 0; it may be 1 to 8."),
        ("images", 100, "images is 100; it may be 1 to 8."),
        ("images", -1, "images is -1; it may be 1 to 8."),
        ("width", 100, "width is 100; it may be a multiple of 64 up to 1536."),
        ("width", 0, "width is 0; it may be a multiple of 64 up to 1536."),
        ("height", -64, "height is -64; it may be a multiple of 64 up to 1536."),
        ("height", 1600, "height is 1600; it may be a multiple of 64 up to 1536."),
        ("seed", -1, "seed is -1; it may be 0 to 4294967295."),
        ("seed", 2**32, "seed is 4294967296; it may be 0 to 4294967295."),
        ("steps", 0, "steps is 0; it may be 1 to 150."),
        ("steps", 151, "steps is 151; it may be 1 to 150."),
        ("guidance", 0.5, "guidance is 0.5; it may be 1 to 30."),
        ("guidance", float("nan"), "guidance is nan; it may be 1 to 30."),
        ("guidance", float("inf"), "guidance is inf; it may be 1 to 30."),
    ],
)
def test_options_out_of_range(field: str, value: Any, sentence: str) -> None:
    assert refusal(**{field: value}) == sentence


@pytest.mark.parametrize("weight", [2.5, -3.0, 1e308, float("nan"), float("inf")])
def test_weights_beyond_the_bounds(weight: float) -> None:
    sentence = refusal(overrides=Overrides(weights={"test:star": weight}))
    assert re.fullmatch(r"The weight of test:star is \S+; it may be -2 to 2\.", sentence)


def test_an_adapter_pinned_and_dropped() -> None:
    sentence = refusal(overrides=Overrides(pin=("b", "a"), drop=("a", "c")))
    assert sentence == "Adapter a is both pinned and dropped; choose one."


def test_an_unknown_checkpoint() -> None:
    with pytest.raises(UnknownCheckpoint, match="no checkpoint “huge”; this installation has"):
        admit(ask(checkpoint="huge"), SETTINGS)


SEVERAL = Settings(
    checkpoint=Checkpoint(draft="/models/lcm.safetensors"),
    checkpoints={
        "xl": OtherCheckpoint(
            source="/models/xl", family="sdxl", width=1024, steps=30, negative="text"
        )
    },
)


def test_another_checkpoint_brings_its_own_sampling() -> None:
    usual, other = admit(ask(), SEVERAL), admit(ask(checkpoint="xl"), SEVERAL)
    assert usual.sampling.checkpoint == "builtin"
    assert (usual.sampling.width, usual.sampling.steps, usual.negative) == (128, 15, "")
    assert other.sampling.checkpoint == "xl"
    assert (other.sampling.width, other.sampling.height) == (1024, 128)
    assert (other.sampling.steps, other.negative) == (30, "text")
    assert admit(ask(checkpoint="xl", width=512), SEVERAL).sampling.width == 512
    assert "this installation has builtin, xl" in refusal(settings=SEVERAL, checkpoint="huge")


def test_a_draft_has_few_steps_and_little_guidance() -> None:
    made = admit(ask(draft=True), SEVERAL).sampling
    assert (made.scheduler, made.steps, made.guidance, made.draft) == ("LCM", 6, 1.5, True)
    assert admit(ask(draft=True, steps=4), SEVERAL).sampling.steps == 4
    for wrong, sentence in (
        ({"steps": 9}, "steps is 9; it may be 1 to 8."),
        ({"guidance": 4.0}, "guidance is 4.0; it may be 1 to 2."),
        ({"scheduler": "DDIM"}, "A draft is made with the scheduler LCM; leave it out."),
        (
            {"checkpoint": "xl"},
            "Checkpoint “xl” has no adapter for drafts; ask without a draft, or have the operator "
            "set one.",
        ),
    ):
        assert refusal(settings=SEVERAL, draft=True, **wrong) == sentence
    assert not admit(ask(), SEVERAL).sampling.draft


def test_a_draft_of_the_lightning_kind_has_the_steps_it_was_made_for() -> None:
    settings = Settings(checkpoint=Checkpoint(draft="/models/lightning_4step.bin", draft_steps=4))
    made = admit(ask(draft=True), settings).sampling
    assert (made.scheduler, made.steps, made.guidance) == ("EulerTrailing", 4, 1.0)
    for wrong, sentence in (
        ({"steps": 6}, "steps is 6; it may be 4 only."),
        ({"guidance": 1.5}, "guidance is 1.5; it may be 1 only."),
        ({"scheduler": "LCM"}, "A draft is made with the scheduler EulerTrailing; leave it out."),
    ):
        assert refusal(settings=settings, draft=True, **wrong) == sentence
    assert admit(ask(draft=True, steps=4), settings).sampling == made
    assert admit(ask(steps=6), settings).sampling.scheduler == "DDIM"


def test_a_long_or_controlling_negative_prompt() -> None:
    assert "2000 characters" in refusal(negative="x" * 2001)
    assert "U+0007" in refusal(negative="\a")


def test_what_is_not_said_comes_from_the_settings() -> None:
    admitted = admit(ask("  a\n star "), SETTINGS)
    sampling = SETTINGS.sampling
    assert admitted.prompt == "a star"
    assert admitted.image_count == sampling.images
    assert (admitted.sampling.width, admitted.sampling.steps) == (sampling.width, sampling.steps)
    assert admitted.sampling.checkpoint == "builtin"
    assert admitted.root_id == admitted.id
    assert 0 <= admitted.seed < SEED_LIMIT


def test_what_is_said_wins() -> None:
    said = ask(images=1, seed=0, width=64, height=1536, steps=1, guidance=30, scheduler="Euler")
    admitted = admit(said, SETTINGS)
    assert (admitted.image_count, admitted.seed) == (1, 0)
    made = admitted.sampling
    assert (made.width, made.height, made.steps, made.guidance) == (64, 1536, 1, 30)
    assert made.scheduler == "Euler"


def test_limits_are_those_of_the_settings() -> None:
    strict = SETTINGS.model_copy(update={"limits": Limits(images=1, side=64, prompt_characters=50)})
    assert refusal(settings=strict, images=2) == "images is 2; it may be 1 only."
    assert "up to 64" in refusal(settings=strict, images=1, width=128)
    assert "at most 50" in refusal("x" * 51, strict, images=1)


@pytest.mark.parametrize("prompt", ["a 🦊 star", "a 🫨 star", "👩‍🚀 star", "نجمة", "e\u0301toile"])
def test_what_people_type_passes(prompt: str) -> None:
    """Also letters and emoji that this Python's Unicode tables do not know yet."""
    assert admit(ask(prompt), SETTINGS).prompt


@given(st.text(max_size=100))
def test_a_cleaned_prompt_stays_and_is_one_line(text: str) -> None:
    try:
        once = clean_prompt(text)
    except BadPrompt:
        return
    assert "\n" not in once
    assert "\0" not in once
    assert clean_prompt(once) == clean_prompt(clean_prompt(once))


def parent(phase: Phase = Phase.RENDERED, composed: bool = True) -> Answer:
    made = composition(("a",)) if composed else None
    origin = request(id="p1", root_id="root", overrides=Overrides(pin=("a",)))
    return Answer(origin, phase, made, (plan(0), plan(1)), (), Timings(), (), None)


def test_a_descendant_keeps_what_was_asked_and_belongs_to_the_line() -> None:
    child = descend(parent(), "vary", BOB, 1)
    assert (child.kind, child.parent_id, child.parent_index, child.root_id) == (
        "vary",
        "p1",
        1,
        "root",
    )
    assert child.asker == BOB
    assert child.overrides == Overrides(pin=("a",))
    assert child.id not in ("p1", "root")


@pytest.mark.parametrize("index", [-1, 2, None])
def test_an_image_that_is_not_there_cannot_be_varied(index: int | None) -> None:
    with pytest.raises(BadOption, match=f"has images 0 to 1, not {index}"):
        descend(parent(), "vary", ADA, index)


def test_a_request_without_tasks_cannot_be_rerolled() -> None:
    with pytest.raises(BadOption, match="p1 was not composed, so there is nothing to reroll"):
        descend(parent(composed=False), "reroll", ADA)


def test_a_failed_request_has_nothing_to_vary() -> None:
    refuse_failed(parent())
    with pytest.raises(BadOption, match="p1 is failed, so it has no images"):
        refuse_failed(parent(Phase.FAILED))


def test_ids_do_not_repeat_and_hold_no_letters_that_look_alike() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch("[0-9a-hjkmnp-tv-z]{10}", one) for one in ids)


def test_a_prompt_of_emoji_alone_says_something() -> None:
    assert admit(ask("🦊🌧️"), SETTINGS).prompt.startswith("🦊")
