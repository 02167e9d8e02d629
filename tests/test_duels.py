"""Duels: which image comes first is chance, and time decides what votes do not."""

import asyncio

import pytest
from sqlalchemy import text

from bot.benchmarks import votes
from bot.reply import make_reply
from engine.community.duels import Duels
from engine.desk import Desk
from engine.errors import BadOption
from engine.learning.own_answers import own_answers
from engine.masks import best_mask, draw_duel, method_index
from engine.plan import plan_images, replan
from engine.settings import Duels as Rules
from engine.settings import Weights
from engine.values import Answer, Mask, Opponent, Overrides
from tests.discord.atelier import compose, render
from tests.samples import ADA, ask, composition, request


async def duel(desk: Desk, against: Opponent = "base") -> Answer:
    made = await desk.duel(ask("red star", overrides=Overrides(against=against)))
    await compose(desk, made)
    await render(desk, made)
    return await desk.answer(made.id)


async def results(desk: Desk) -> list[tuple[str, str]]:
    """Returns state and nonce of the results that are to be posted."""
    async with desk.database.transaction() as connection:
        rows = await connection.execute(
            text("select state, nonce from deliveries where part = 'result'")
        )
        return [(row.state, row.nonce) for row in rows]


def test_a_duel_is_the_best_mask_against_none_in_either_order() -> None:
    made = composition(("a", "b"), ("c",))
    pair = {best_mask(made), Mask(frozenset())}
    drawn = [draw_duel(made, seed).masks for seed in range(40)]
    assert all(set(masks) == pair for masks in drawn)
    first = sum(masks[0].on == frozenset() for masks in drawn)
    assert 10 < first < 30
    assert draw_duel(made, 3) == draw_duel(made, 3)
    plans = plan_images(request(made.prompt, kind="duel"), made, drawn[0], Weights())
    assert plans[0].seed == plans[1].seed == request().seed


@pytest.mark.parametrize("seed", range(4))
def test_a_duel_may_be_between_two_settings(seed: int) -> None:
    made = composition(("a", "b"), ("c",))
    ours = method_index(seed)
    opponents: dict[Opponent, set[str]] = {"all": {"a", "b", "c"}, "half": {"a", "c"}}
    for against, on in opponents.items():
        wishes = Overrides(against=against)
        asked = request(made.prompt, kind="duel", seed=seed, overrides=wishes)
        masks = draw_duel(made, seed, against).masks
        plans = plan_images(asked, made, masks, Weights())
        assert masks[ours] == best_mask(made)
        assert {one.adapter_id for one in plans[1 - ours].adapters} == on
        weights = [{one.adapter_id: one.weight for one in plan.adapters} for plan in plans]
        halved = weights[1 - ours]["c"] == weights[ours]["c"] / 2
        assert halved is (against == "half")
        lost = replan(plans[1 - ours], {"a"}, asked, made, Weights())
        assert lost.adapters[-1].weight == weights[1 - ours]["c"], "half stays half"


async def test_duels_between_settings_say_nothing_of_adapters(desk: Desk) -> None:
    answer = await duel(desk, "half")
    assert all(one.loaded for one in answer.renderings)
    method = method_index(answer.request.seed)
    assert (await desk.duels.tally(answer)).method == method
    for user, image in (("ann", method), ("bob", method), ("cid", 1 - method)):
        await desk.duels.vote(answer, user, image)
    (figure,) = await votes.measure(desk.settings)
    assert (figure.name, figure.unit) == ("duels: full weight preferred to half", "of 3")
    assert figure.value == pytest.approx(2 / 3)
    assert (await desk.opinions.of("a", ADA)).judged == 0
    async with desk.database.transaction() as connection:
        assert await own_answers(connection) == []


async def test_where_no_idea_has_two_adapters_all_are_as_one(desk: Desk) -> None:
    answer = await duel(desk, "all")
    assert (await desk.duels.tally(answer)).method is None
    assert "No idea of this prompt has several" in make_reply(answer).remarks[0]


async def test_hours_decide_what_votes_do_not(desk: Desk) -> None:
    answer = await duel(desk)
    duels = Duels(desk.database, desk.queue, Rules(votes=100, hours=2))
    assert not (await duels.tally(answer)).decided
    counted = await duels.vote(answer, "ann", 0)
    assert counted
    assert (counted.votes, counted.decided) == ((1, 0), False)
    async with desk.database.transaction() as connection:
        await connection.execute(
            text("update requests set created_at = created_at - interval '3 hours'")
        )
    assert (await duels.tally(answer)).decided
    assert [await duels.announce_due() for _ in range(2)] == [1, 0]
    assert await results(desk) == [("wanted", f"{answer.request.id}-result")]
    with pytest.raises(BadOption, match="is decided"):
        await duels.vote(answer, "bob", 1)


async def test_nobody_decides_by_not_voting(desk: Desk) -> None:
    answer = await duel(desk)
    duels = Duels(desk.database, desk.queue, Rules(hours=1e-9))
    assert not (await duels.tally(answer)).decided
    assert await duels.announce_due() == 0


async def test_of_two_who_vote_at_once_one_decides(desk: Desk) -> None:
    answer = await duel(desk)
    duels = Duels(desk.database, desk.queue, Rules(votes=2))
    tallies = await asyncio.gather(*(duels.vote(answer, who, 0) for who in ("ann", "bob")))
    assert sorted(one.decided for one in tallies if one) == [False, True]
    assert len(await results(desk)) == 1
    assert await duels.announce_due() == 0


async def test_ballots_count_for_the_image_with_adapters(desk: Desk) -> None:
    answer = await duel(desk)
    method = next(one.index for one in answer.renderings if one.loaded)
    assert await desk.duels.ballots() == []
    for user, image in (("ann", method), ("bob", method), ("cid", 1 - method)):
        await desk.duels.vote(answer, user, image)
    (ballot,) = await desk.duels.ballots()
    assert (ballot.won, ballot.cast, ballot.adapters) == (2, 3, ("a", "b"))
    assert (ballot.checkpoint, ballot.composer, ballot.ideas) == ("builtin", "local", 2)
    await desk.forgetting.person("discord", "cid")
    (ballot,) = await desk.duels.ballots()
    assert (ballot.won, ballot.cast) == (2, 2)


async def test_shares_come_with_how_sure_they_are(desk: Desk) -> None:
    answer = await duel(desk)
    method = next(one.index for one in answer.renderings if one.loaded)
    for user, image in (("ann", method), ("bob", method), ("cid", 1 - method)):
        await desk.duels.vote(answer, user, image)
    await desk.feedback.judge(answer, "ann", 1)
    figures = {f.name: f for f in await votes.measure(desk.settings)}
    liked = figures["liked by people, a"]
    assert (round(liked.value, 3), liked.unit) == (0.667, "of 3"), "Ann counts once"
    assert figures["duels, 2 ideas served"].value == figures["duels, checkpoint builtin"].value
    preferred = figures["duels: adapters preferred"]
    assert (round(preferred.value, 3), preferred.unit) == (0.667, "of 3")
    assert preferred.interval == pytest.approx((0.2077, 0.9385), abs=1e-4)
    assert figures["duels, a"].value == preferred.value
    assert (figures["thumbs up, b"].value, figures["thumbs up, b"].unit) == (1.0, "of 1")
