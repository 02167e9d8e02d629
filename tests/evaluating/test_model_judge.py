"""A vision model as judge: both orders, and contradictions are ties."""

import base64
import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from aiohttp import web
from PIL import Image
from pydantic import SecretStr

from bot.benchmarks import votes
from engine.desk import Desk
from engine.errors import BadSettings, ComposerUnavailable
from engine.evaluating.model_judge import Judgement, judge, read_judgement, seeing_model
from engine.settings import Llm, Refiner, Settings
from tests.discord.atelier import compose, png, render
from tests.loopback_llm import LoopbackLlm, completion
from tests.samples import ask

RED, BLUE = png("red"), png("blue")


def prefer(server: LoopbackLlm, choose: Callable[[list[bytes]], str]) -> None:
    """Makes the server answer by looking at the pictures, in the order that it gets them."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        shown = [base64.b64decode(url.partition(",")[2]) for url in pictures(body)]
        message = {"role": "assistant", "content": json.dumps({"better": choose(shown)})}
        return web.json_response(completion(message))

    server._handler = handle


def pictures(body: dict[str, Any]) -> list[str]:
    parts = body["messages"][1]["content"]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


def redder(shown: list[bytes]) -> str:
    colours = [Image.open(BytesIO(one)).convert("RGB").getpixel((0, 0)) for one in shown]
    return "first" if colours[0] == (255, 0, 0) else "second"


def model(server: LoopbackLlm) -> Llm:
    return Llm(base_url=server.url, api_key=SecretStr("key"), model="sees")


async def test_the_better_image_is_found_wherever_it_stands(loopback_llm: LoopbackLlm) -> None:
    prefer(loopback_llm, redder)
    assert await judge(model(loopback_llm), "a red star", RED, BLUE) == Judgement("first")
    assert await judge(model(loopback_llm), "a red star", BLUE, RED) == Judgement("second")
    asked = loopback_llm.bodies
    assert len(asked) == 4
    assert pictures(asked[0]) == pictures(asked[1])[::-1], "both orders"
    assert "a red star" in asked[0]["messages"][1]["content"][0]["text"]


@pytest.mark.parametrize(
    ("answer", "judgement"),
    [("first", Judgement("tie", inconsistent=True)), ("tie", Judgement("tie"))],
)
async def test_who_favours_a_place_has_judged_nothing(
    loopback_llm: LoopbackLlm, answer: str, judgement: Judgement
) -> None:
    loopback_llm.say(json.dumps({"better": answer}))
    assert await judge(model(loopback_llm), "a red star", RED, BLUE) == judgement


@pytest.mark.parametrize("said", ["", "first", '{"better": "both"}', "[]", '{"better": {}}'])
def test_what_is_no_judgement_is_refused(said: str) -> None:
    with pytest.raises(ComposerUnavailable, match="JSON"):
        read_judgement(said)


def test_a_judge_has_to_see(settings: Settings) -> None:
    with pytest.raises(BadSettings, match="STYLUS_REFINER__MODEL"):
        seeing_model(settings)


async def test_the_pairs_that_people_voted_on_are_judged(
    desk: Desk, loopback_llm: LoopbackLlm
) -> None:
    seeing = Refiner(default="vision", base_url=loopback_llm.url, model="sees")
    settings = desk.settings.model_copy(update={"refiner": seeing})
    assert await votes.measure_judge(settings, print) == []
    for winner in (True, False):
        request = await desk.duel(ask("red star"))
        await compose(desk, request)
        await render(desk, request)
        answer = await desk.answer(request.id)
        method = next(one.index for one in answer.renderings if one.loaded)
        await desk.duels.vote(answer, "ann", method if winner else 1 - method)
    loopback_llm.say('{"better": "first"}')
    figures = {f.name: f for f in await votes.measure_judge(settings, print)}
    assert figures["judge: inconsistent, a tie each"].value == 1
    assert figures["judge: pairs answered"].value == 1
    assert figures["judge and most people agree"].unit == "of 0"
    loopback_llm.send(500, "{}")
    figures = {f.name: f for f in await votes.measure_judge(settings, print)}
    assert figures["judge: pairs answered"].value == 0


async def test_preferences_and_agreement_are_counted(desk: Desk) -> None:
    request = await desk.duel(ask("red star"))
    await compose(desk, request)
    await render(desk, request)
    answer = await desk.answer(request.id)
    method = next(one.index for one in answer.renderings if one.loaded)
    await desk.duels.vote(answer, "ann", method)
    (ballot,) = await desk.duels.ballots()
    judged = [
        (ballot, Judgement("first")),
        (ballot, Judgement("second")),
        (ballot, Judgement("tie")),
    ]
    figures = {f.name: f for f in votes.judge_figures(judged, 4)}
    preferred = figures["judge: adapters preferred"]
    assert (preferred.value, preferred.unit) == (0.5, "of 2")
    assert preferred.interval == pytest.approx((0.0945, 0.9055), abs=1e-4)
    assert figures["judge: ties"].value == pytest.approx(1 / 3)
    assert figures["judge: pairs answered"].value == 0.75
    assert figures["judge and most people agree"].value == 0.5
