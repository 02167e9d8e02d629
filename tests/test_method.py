"""The method, whole: plans follow the asker's wishes, and a line of rerolls uses every mask."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.composing.llm_composer import Chosen
from engine.errors import UnknownAdapter
from engine.method import ALL_USED, Planned, plan_request
from engine.requests import answers, ledger
from engine.reranker import card_text
from engine.retrieving.embedder import MiniLM
from engine.settings import Settings
from engine.settings_rendering import OtherCheckpoint
from engine.settings_retrieving import Reranker
from engine.storage.database import Database
from engine.values import Adapter, ImagePlan, Mask, Overrides, Phase, Request
from tests.cards import adapter_id
from tests.loopback_llm import LoopbackLlm
from tests.loopback_models import by_length, serve_model
from tests.samples import SAMPLING, request
from tests.stages import COMPOSING, claim, stored

PROMPT = "a red star in the night sky"
STAR, NIGHT, HEART = adapter_id("star"), adapter_id("night"), adapter_id("heart")


class Engine:
    """Plans requests as the engine process does, and keeps what it planned."""

    def __init__(self, database: Database, embedder: MiniLM, settings: Settings) -> None:
        self.database = database
        self.embedder = embedder
        self.settings = settings
        self.chosen: Chosen = lambda _: None

    async def plan(self, made: Request) -> Planned:
        async with self.database.transaction() as connection:
            await stored(connection, made)
            claimed = await claim(connection, COMPOSING, made.id)

        async def keep(connection: AsyncConnection, planned: Planned) -> None:
            assert await ledger.store_plan(
                connection,
                claimed,
                planned.composition,
                planned.candidates,
                planned.plans,
                notes=planned.notes,
                retrieve_seconds=planned.retrieve_seconds,
                compose_seconds=planned.compose_seconds,
            )
            assert await answers.load_phase(connection, made.id) is Phase.PLANNED

        return await plan_request(
            self.database, made, self.embedder, self.settings, keep, chosen=self.chosen
        )

    async def wish(self, prompt: str = PROMPT, **overrides: object) -> Planned:
        """Plans a first request with these overrides."""
        return await self.plan(request(prompt, overrides=Overrides(**overrides)))  # type: ignore[arg-type]


@pytest.fixture
def engine(
    database: Database, catalogue: tuple[str, ...], embedder: MiniLM, settings: Settings
) -> Engine:
    return Engine(database, embedder, settings)


def ids(plans: Sequence[ImagePlan]) -> list[set[str]]:
    return [{adapter.adapter_id for adapter in plan.adapters} for plan in plans]


def reroll(number: int, seed: int, images: int = 2) -> Request:
    return request(
        PROMPT, id=f"r{number}", kind="reroll", parent_id="r1", seed=seed, image_count=images
    )


async def test_a_prompt_becomes_plans_the_best_first(engine: Engine) -> None:
    planned = await engine.wish()
    tasks = {task.keyword: task.picks for task in planned.composition.tasks}
    assert list(tasks) == ["red star", "night sky"]
    best = {picks[0].adapter_id for picks in tasks.values()}
    assert best == {STAR, NIGHT}
    assert ids(planned.plans)[0] == best
    assert ids(planned.plans)[1] != best
    assert [plan.seed for plan in planned.plans] == [7, 8]
    assert planned.notes == ()
    assert {pick.adapter_id for pick in planned.composition.picks} <= {
        candidate.adapter.id for candidate in planned.candidates
    }
    assert min(planned.retrieve_seconds, planned.compose_seconds) > 0


async def test_adapters_are_of_the_family_of_the_checkpoint_that_is_asked_for(
    engine: Engine,
) -> None:
    other = OtherCheckpoint(source="/models/xl", family="sdxl")
    engine.settings = engine.settings.model_copy(update={"checkpoints": {"xl": other}})
    sampling = replace(SAMPLING, checkpoint="xl")
    planned = await engine.plan(request(PROMPT, sampling=sampling))
    assert {candidate.adapter.id for candidate in planned.candidates} == {adapter_id("xl")}


async def test_without_adapters_nothing_is_retrieved(engine: Engine) -> None:
    planned = await engine.wish(adapters="none")
    assert ids(planned.plans) == [set(), set()]
    assert (planned.candidates, planned.composition.tasks) == ((), ())


async def test_a_pinned_adapter_is_on_in_every_image(engine: Engine) -> None:
    planned = await engine.wish(pin=(HEART,))
    assert all(HEART in on for on in ids(planned.plans))
    assert {STAR, NIGHT} <= ids(planned.plans)[0]
    assert planned.composition.picks[-1].reason == "you pinned it"


async def test_pinned_adapters_alone(engine: Engine) -> None:
    planned = await engine.wish(adapters="none", pin=(HEART,), weights={HEART: 0.35})
    assert ids(planned.plans) == [{HEART}, {HEART}]
    assert planned.plans[0].adapters[0].weight == 0.35


async def test_a_dropped_adapter_is_not_even_a_candidate(engine: Engine) -> None:
    planned = await engine.wish(drop=(STAR,))
    assert STAR not in {candidate.adapter.id for candidate in planned.candidates}
    assert all(STAR not in on for on in ids(planned.plans))


async def test_a_pinned_adapter_that_was_removed_since_is_named(engine: Engine) -> None:
    with pytest.raises(UnknownAdapter, match="There is no adapter “test:gone”"):
        await engine.wish(pin=("test:gone",))


async def test_the_llm_composer_is_asked_where_it_is_wished(
    engine: Engine, loopback_llm: LoopbackLlm
) -> None:
    llm = engine.settings.llm.model_copy(update={"base_url": loopback_llm.url, "model": "stub"})
    engine.settings = engine.settings.model_copy(update={"llm": llm})
    loopback_llm.answer([("red star", [1])])
    planned = await engine.wish(composer="llm")
    assert planned.composition.composer == "llm"
    first = planned.candidates[0].adapter.id
    assert [pick.adapter_id for pick in planned.composition.picks] == [first]
    assert ids(planned.plans) == [{first}, set()]


async def test_no_transaction_is_open_while_the_llm_thinks(
    engine: Engine, loopback_llm: LoopbackLlm
) -> None:
    """Twenty slow answers must not take twenty connections and hold back Postgres's cleaning."""
    llm = engine.settings.llm.model_copy(update={"base_url": loopback_llm.url, "model": "stub"})
    engine.settings = engine.settings.model_copy(update={"llm": llm})
    loopback_llm.hang()
    planning = asyncio.create_task(engine.wish(composer="llm"))
    await loopback_llm.asked.wait()
    async with engine.database.transaction() as connection:
        others = await connection.scalar(
            text(
                "select count(*) from pg_stat_activity where xact_start is not null"
                " and datname = current_database() and pid <> pg_backend_pid()"
                " and backend_type = 'client backend'"
            )
        )
    planning.cancel()
    await asyncio.gather(planning, return_exceptions=True)
    assert others == 0


async def test_a_variation_keeps_the_mask_and_changes_the_seed(engine: Engine) -> None:
    first = await engine.wish()
    varied = await engine.plan(
        request(PROMPT, id="r2", kind="vary", parent_id="r1", parent_index=1, seed=99)
    )
    assert ids(varied.plans) == [ids(first.plans)[1]] * 2
    assert [plan.seed for plan in varied.plans] == [99, 100]
    assert varied.composition == first.composition
    assert varied.notes == ()


async def test_rerolls_take_unused_masks_until_all_are_used_and_say_so(engine: Engine) -> None:
    first = await engine.wish()
    sizes = [len(task.picks) for task in first.composition.tasks]
    whole = 1
    for size in sizes:
        whole *= {0: 1, 1: 2}.get(size, size + 2)
    assert whole > 2
    used = masks(first)
    number = 2
    while len(used) < whole:
        again = await engine.plan(reroll(number, seed=100 * number))
        fresh = masks(again) - used
        assert len(fresh) == min(2, whole - len(used))
        assert again.notes == ((ALL_USED,) if len(fresh) < 2 else ())
        assert again.composition == first.composition
        assert {plan.seed for plan in again.plans}.isdisjoint(p.seed for p in first.plans)
        used |= masks(again)
        number += 1
    last = await engine.plan(reroll(number, seed=100 * number))
    assert last.notes == (ALL_USED,)
    assert len(masks(last)) == 2


async def test_rerolls_at_once_never_draw_the_same(engine: Engine) -> None:
    used = masks(await engine.wish())
    asked = [reroll(number, seed=5, images=1) for number in (2, 3)]
    planned = await asyncio.gather(*map(engine.plan, asked))
    for one in planned:
        assert masks(one).isdisjoint(used)
        used |= masks(one)


def masks(planned: Planned) -> set[Mask]:
    return {Mask(frozenset(on)) for on in ids(planned.plans)}


async def test_another_line_has_used_nothing_of_this_one(engine: Engine) -> None:
    first = await engine.wish()
    other = await engine.plan(request(PROMPT, id="other", root_id="other"))
    assert ids(other.plans) == ids(first.plans)


async def test_the_same_request_gives_the_same_plans(engine: Engine) -> None:
    first = await engine.wish()
    same = await engine.plan(request(PROMPT, id="r9", root_id="r9"))
    assert same.plans == first.plans
    assert same.composition == first.composition


async def test_a_reranker_stands_between_retriever_and_composer(
    engine: Engine, settings: Settings
) -> None:
    async with serve_model("rerank", by_length) as server:
        asking = Reranker(kind="api", base_url=server.url, model="stub", keep=2)
        engine.settings = settings.model_copy(update={"reranker": asking})
        planned = await engine.wish()
    assert len(server.bodies) == 1
    lengths = [len(card_text(one.adapter)) for one in planned.candidates]
    assert len(lengths) == 2
    assert lengths == sorted(lengths)
    assert {p.adapter_id for p in planned.composition.picks} <= {
        candidate.adapter.id for candidate in planned.candidates
    }
    assert planned.retrieve_seconds > 0


async def test_files_are_fetched_while_the_model_writes(
    engine: Engine, loopback_llm: LoopbackLlm
) -> None:
    llm = engine.settings.llm.model_copy(update={"base_url": loopback_llm.url, "model": "stub"})
    engine.settings = engine.settings.model_copy(update={"llm": llm})
    first = (await engine.plan(request("a star", id="r0"))).candidates[0].adapter
    answer = '{"tasks": [{"keyword": "star", "adapters": [1]}'
    go_on = loopback_llm.say_slowly(answer, "]}")
    told: list[Adapter] = []

    def chosen(adapters: Sequence[Adapter]) -> None:
        told.extend(adapters)
        go_on.set()

    engine.chosen = chosen
    planned = await engine.plan(request("a star", overrides=Overrides(composer="llm")))
    assert {one.id for one in told} == {first.id}
    assert [pick.adapter_id for pick in planned.composition.picks] == [first.id]


async def test_pinning_and_dropping_ask_no_model_again(
    engine: Engine, loopback_llm: LoopbackLlm
) -> None:
    """A revision keeps the answer it came from, and the same question is asked once."""
    llm = engine.settings.llm.model_copy(update={"base_url": loopback_llm.url, "model": "stub"})
    engine.settings = engine.settings.model_copy(update={"llm": llm})
    loopback_llm.answer([("red star", [1, 2]), ("night sky", [3])])
    first = await engine.wish(composer="llm")
    assert len(first.composition.picks) == 3
    gone = first.composition.picks[0].adapter_id
    loopback_llm.send(500, "{}")
    changes = Overrides(composer="llm", drop=(gone,), pin=(HEART,))
    revised = await engine.plan(
        request(PROMPT, id="r2", kind="revise", parent_id="r1", overrides=changes)
    )
    chosen = {pick.adapter_id for pick in revised.composition.picks}
    assert HEART in chosen
    assert gone not in chosen
    assert (revised.composition.composer, revised.composition.degraded) == ("llm", ())
    await engine.plan(reroll(3, seed=5))
    pinned = await engine.plan(
        request(PROMPT, id="r4", overrides=Overrides(composer="llm", pin=(HEART,)))
    )
    assert (pinned.composition.composer, pinned.composition.degraded) == ("llm", ())
    assert HEART in {pick.adapter_id for pick in pinned.composition.picks}
    assert len(loopback_llm.bodies) == 1
