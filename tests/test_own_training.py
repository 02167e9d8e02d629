"""Training on a community's own answers: what they liked and switched off moves the scorer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.benchmarks.composer import train_further as train_own
from engine.composing.local_model import load_model, read_model
from engine.composing.scorer import CARD_FEATURES, Scorer
from engine.desk import Desk
from engine.errors import BadOption
from engine.learning import own_training
from engine.learning.own_answers import OwnAnswer, own_answers
from engine.learning.own_training import OwnLesson, is_right, train_further
from engine.values import Answer, Overrides
from tests.cards import adapter_id
from tests.discord.atelier import compose, render
from tests.samples import ADA, ask

STAR, NIGHT = adapter_id("star"), adapter_id("night")
TITLES = {STAR: "Big star", NIGHT: "Night sky"}


async def answered(desk: Desk, prompt: str = "star night", kind: str = "prompt") -> Answer:
    asked = ask(prompt)
    request = await (desk.duel(asked) if kind == "duel" else desk.submit(asked))
    await compose(desk, request, TITLES)
    await render(desk, request)
    return await desk.answer(request.id)


async def known(desk: Desk) -> list[OwnAnswer]:
    async with desk.database.transaction() as connection:
        return await own_answers(connection)


@pytest.mark.usefixtures("catalogue")
async def test_thumbs_and_duels_say_what_was_right(desk: Desk) -> None:
    liked, disliked = await answered(desk), await answered(desk)
    await answered(desk)  # nobody says anything
    await desk.feedback.judge(liked, "ann", 1)
    await desk.feedback.judge(disliked, "ann", -1)
    right = OwnAnswer("star night", {"star": (STAR,), "night": (NIGHT,)}, {})
    assert await known(desk) == [right]
    for wins in (False, True):
        duel = await answered(desk, kind="duel")
        with_adapters = next(one.index for one in duel.renderings if one.loaded)
        await desk.duels.vote(duel, "ann", with_adapters if wins else 1 - with_adapters)
        assert len(await known(desk)) == 1 + wins


@pytest.mark.usefixtures("catalogue")
async def test_what_is_switched_off_was_wrong_and_the_rest_right(desk: Desk) -> None:
    before = await answered(desk)
    await desk.feedback.judge(before, "bob", 1)
    change = Overrides(drop=(STAR,))
    revised = await desk.revise(before.request.id, change, ADA)
    await compose(desk, revised, {NIGHT: "Night sky"})
    await render(desk, revised)
    (only,) = await known(desk)
    assert only.dropped == {"star": (STAR,)}
    assert list(only.chosen.values()) == [(NIGHT,)]
    await desk.feedback.judge(await desk.answer(revised.id), "bob", -1)
    assert [one.dropped for one in await known(desk)] == [{}], "that was not better"


@pytest.mark.usefixtures("catalogue")
async def test_too_few_answers_are_told(desk: Desk, tmp_path: Path) -> None:
    await desk.feedback.judge(await answered(desk), "ann", 1)
    with pytest.raises(BadOption, match="changed here: 1; training needs 20"):
        await train_own(desk.settings, tmp_path / "own.safetensors")


@pytest.mark.usefixtures("catalogue")
async def test_the_file_is_the_trained_composer(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_training, "FEWEST", 2)
    for prompt in ("star night", "star night rain"):
        await desk.feedback.judge(await answered(desk, prompt), "ann", 1)
    out = tmp_path / "own.safetensors"
    trained = await train_own(desk.settings, out)
    assert trained.lessons == 4
    assert trained.after >= trained.before
    assert out.exists()
    ours, shipped = read_model(out), load_model()
    assert np.allclose(ours.scorer.weights, trained.scorer.weights, atol=1e-4)
    assert np.array_equal(ours.scorer.none_weights, shipped.scorer.none_weights)


def lessons(scorer: Scorer, count: int, *, dropped: bool = False) -> list[OwnLesson]:
    """People like what the scorer does not: cards with words in their tags and not in the title."""
    chance = np.random.default_rng(0)
    tags = CARD_FEATURES.index("keyword's words in the tags")
    made = []
    for number in range(count):
        cards = scorer.mean + scorer.spread * chance.normal(0, 0.3, (6, len(CARD_FEATURES)))
        cards[2, tags] += 4 * scorer.spread[tags]
        best = int(np.argmax(scorer.usefulness(cards)))
        chosen, wrong = np.zeros(6), np.zeros(6)
        if dropped:
            wrong[best] = 1
        else:
            chosen[2] = 1
        made.append(OwnLesson(f"prompt {number}", cards, chosen, wrong))
    return made


def test_many_answers_move_the_scorer_and_few_hardly() -> None:
    scorer = load_model().scorer
    scorer = replace(
        scorer, weights=np.where(np.arange(len(CARD_FEATURES)) == 6, 0, scorer.weights)
    )
    many = train_further(scorer, lessons(scorer, 200))
    assert many.after > many.before + 0.2
    few = train_further(scorer, lessons(scorer, 3))
    moved = [np.abs(one.scorer.weights - scorer.weights).sum() for one in (few, many)]
    assert moved[0] < moved[1] / 3


def test_what_was_switched_off_is_chosen_less() -> None:
    scorer = load_model().scorer
    wrong = lessons(scorer, 60, dropped=True)
    assert not any(is_right(scorer, one) for one in wrong)
    trained = train_further(scorer, wrong)
    assert sum(is_right(trained.scorer, one) for one in wrong) > 0
