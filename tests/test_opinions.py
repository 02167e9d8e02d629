"""Opinions of adapters: one a person, and what most of a workspace dislike is left out there."""

from dataclasses import replace

import pytest

from bot.adapter_card import disliked_here, opinion_of
from bot.benchmarks import votes
from bot.texts import ENGLISH
from engine.community.opinions import Opinion
from engine.desk import Desk
from engine.method import plan_request
from engine.retrieving.embedder import MiniLM
from engine.values import Answer, Asker
from tests.cards import adapter_id
from tests.discord.atelier import compose, render
from tests.samples import ADA, ask

STAR, NIGHT = adapter_id("star"), adapter_id("night")
PROMPT = "a red star in the night sky"
ELSEWHERE = Asker("discord", workspace="w2", channel="c1", user="ada")


async def answered(desk: Desk, asker: Asker = ADA, kind: str = "prompt") -> Answer:
    """Returns an answer whose images all have the star."""
    asked = ask(PROMPT, asker)
    request = await (desk.duel(asked) if kind == "duel" else desk.submit(asked))
    await compose(desk, request, {STAR: "Big star"})
    await render(desk, request)
    return await desk.answer(request.id)


async def used(desk: Desk, embedder: MiniLM, asker: Asker = ADA) -> set[str]:
    """Returns the adapters that a prompt of the asker's may use."""
    request = await desk.submit(ask(PROMPT, asker))

    async def keep(*_: object) -> None:
        await desk.cancel(request.id, asker)

    planned = await plan_request(desk.database, request, embedder, desk.settings, keep)
    return {one.adapter.id for one in planned.candidates}


@pytest.mark.parametrize(
    ("liked", "judged", "disliked"),
    [(0, 3, False), (0, 4, True), (1, 6, False), (1, 8, True), (41, 100, False), (40, 100, True)],
)
def test_dislike_has_to_be_sure(liked: int, judged: int, *, disliked: bool) -> None:
    opinion = Opinion("a", liked, judged)
    assert opinion.disliked is disliked
    assert opinion_of(opinion, ENGLISH).startswith("⚠") is disliked


async def test_nothing_is_said_of_what_nobody_judged(desk: Desk) -> None:
    assert opinion_of(await desk.opinions.of(STAR, ADA), ENGLISH) == ""
    assert await votes.measure(desk.settings) == []


async def test_a_person_has_one_opinion_however_often_it_is_said(desk: Desk) -> None:
    for verdict in (1, -1, -1):
        await desk.feedback.judge(await answered(desk), "bob", verdict)
    await desk.feedback.judge(await answered(desk), "ann", 1)
    duel = await answered(desk, kind="duel")
    with_star = next(one.index for one in duel.renderings if one.loaded)
    await desk.duels.vote(duel, "ann", with_star)
    await desk.duels.vote(duel, "cid", 1 - with_star)
    assert await desk.opinions.here(ADA) == [Opinion(STAR, 1, 3)]
    assert await desk.opinions.here(ELSEWHERE) == []


async def test_what_most_dislike_is_left_out_there_and_admins_see_it(
    catalogue: tuple[str, ...], desk: Desk, embedder: MiniLM
) -> None:
    assert STAR in await used(desk, embedder)
    answer = await answered(desk)
    for person in ("ann", "bob", "cid"):
        await desk.feedback.judge(answer, person, -1)
    assert STAR in await used(desk, embedder), "three people are not enough"
    await desk.feedback.judge(answer, "dan", -1)
    assert STAR not in await used(desk, embedder)
    assert NIGHT in await used(desk, embedder)
    assert STAR in await used(desk, embedder, ELSEWHERE), "others have their own opinions"
    assert await disliked_here(desk, ADA) == [f"Big star · {STAR} · 👍 0/4"]
    assert await disliked_here(desk, ELSEWHERE) == []
    await desk.feedback.judge(answer, "dan", 1)
    assert STAR in await used(desk, embedder), "people may change their minds"


async def test_the_settings_may_use_what_is_disliked(
    catalogue: tuple[str, ...], desk: Desk, embedder: MiniLM
) -> None:
    library = desk.settings.library.model_copy(update={"use_disliked": True})
    desk = replace(desk, settings=desk.settings.model_copy(update={"library": library}))
    answer = await answered(desk)
    for person in ("ann", "bob", "cid", "dan"):
        await desk.feedback.judge(answer, person, -1)
    assert STAR in await used(desk, embedder)
    assert await disliked_here(desk, ADA) == []
