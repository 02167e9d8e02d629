"""Any process may be killed at any moment: a request ends in one result or one clear failure."""

import asyncio
import json
from pathlib import Path

from sqlalchemy import text

from engine.desk import Described, Desk
from engine.values import Asker, Phase, Progress, Request
from tests.loopback_llm import LoopbackLlm
from tests.processes.installation import Installation, fall_silent, make_lora
from tests.processes.test_path import ask, finish


async def until_step(desk: Desk, request: Request) -> Progress:
    """Follows a request until a step of its denoising is done."""
    async for progress in desk.follow(request.id):
        if progress.phase.final or (progress.phase is Phase.RENDERING and progress.step):
            return progress
    raise AssertionError("the request has ended without a step")


async def attempts(desk: Desk, request: Request) -> int:
    """How often a stage of the request was claimed."""
    async with desk.database.transaction() as connection:
        found = await connection.scalar(
            text("select attempt from requests where id = :id"), {"id": request.id}
        )
    return int(found or 0)


async def test_a_renderer_that_loses_its_gpu_and_one_that_is_killed_are_survived(
    idle: Installation, idle_desk: Desk
) -> None:
    """Without its GPU a renderer ends by itself and in good order; nobody hears of either."""
    broken = idle.spawn_python("-m", "tests.processes.breaking_renderer")
    idle.start("engine")
    broken.until(" ready ")
    request = await idle_desk.submit(ask(steps=60))
    neighbour = await idle_desk.submit(ask(images=1))
    broken.until("the device is lost")
    renderer = idle.spawn("renderer")
    assert await asyncio.to_thread(broken.popen.wait, 60) == 0
    assert (await until_step(idle_desk, request)).phase is Phase.RENDERING
    renderer.kill()
    await fall_silent(idle_desk, alive=1)
    idle.start("renderer")
    answer = await finish(idle_desk, request)
    assert (answer.phase, answer.failure, len(answer.renderings)) == (Phase.RENDERED, None, 2)
    assert await attempts(idle_desk, request) == 4  # composed once, rendered three times
    other = await finish(idle_desk, neighbour)
    assert (other.phase, other.failure, len(other.renderings)) == (Phase.RENDERED, None, 1)


async def test_a_killed_engine_is_survived_once(
    idle: Installation, idle_desk: Desk, loopback_llm: LoopbackLlm
) -> None:
    """The engine dies while it waits for the LLM; its successor composes."""
    idle.environment |= {
        "STYLUS_LLM__BASE_URL": loopback_llm.url,
        "STYLUS_LLM__MODEL": "stub",
        "STYLUS_COMPOSER__DEFAULT": "llm",
    }
    loopback_llm.hang()
    engine = idle.start("engine")
    idle.start("renderer")
    request = await idle_desk.submit(ask())
    await loopback_llm.asked.wait()
    engine.kill()
    await fall_silent(idle_desk, alive=1)
    loopback_llm.answer([])
    idle.start("engine")
    answer = await finish(idle_desk, request)
    assert answer.phase is Phase.RENDERED
    assert answer.composition
    assert answer.composition.composer == "llm"
    assert await attempts(idle_desk, request) == 3  # composed twice, rendered once


async def test_a_renderer_that_dies_three_times_fails_the_request_and_no_other(
    idle: Installation, idle_desk: Desk
) -> None:
    idle.start("engine")
    renderer = idle.start("renderer")
    request = await idle_desk.submit(ask(steps=150, images=1))
    await until_step(idle_desk, request)
    neighbour = await idle_desk.submit(ask(images=1))
    async for progress in idle_desk.follow(neighbour.id):
        if progress.phase is Phase.RENDERING:  # the same process has it in hand
            break
    renderer.kill()
    for _ in range(2):
        await fall_silent(idle_desk, alive=1)
        renderer = idle.start("renderer")
        await until_step(idle_desk, request)
        renderer.kill()
    await fall_silent(idle_desk, alive=1)
    idle.start("renderer")
    answer = await finish(idle_desk, request)
    assert answer.phase is Phase.FAILED
    assert answer.failure
    assert "died 3 times" in answer.failure
    assert not answer.renderings
    assert (await finish(idle_desk, neighbour)).phase is Phase.RENDERED


async def from_chats(desk: Desk) -> int:
    """How many adapters of the catalogue came from chats."""
    async with desk.database.transaction() as connection:
        statement = "select count(*) from adapters where source = 'chat'"
        return int(await connection.scalar(text(statement)) or 0)


async def test_a_lora_on_its_way_in_outlives_the_renderer_that_checks_it(
    idle: Installation, idle_desk: Desk, loopback_llm: LoopbackLlm, tmp_path: Path
) -> None:
    """It is killed when the file was loaded and its samples rendered, while the refiner looks at
    them: until another has done it all, nothing of it is in the catalogue."""
    idle.environment |= {
        "STYLUS_REFINER__DEFAULT": "vision",
        "STYLUS_REFINER__BASE_URL": loopback_llm.url,
        "STYLUS_REFINER__MODEL": "eyes",
        "STYLUS_SAMPLING__STEPS": "2",
    }
    loopback_llm.hang()
    lora = make_lora(tmp_path / "wavy.safetensors", idle.settings, seed=31).read_bytes()
    described = Described("Wavy lines", "", ("wavy",), 0.7)
    asker = Asker("console", user="admin")
    made = await idle_desk.additions.propose_file("wavy.safetensors", lora, described, asker)
    idle.start("engine")  # which notices the dead
    renderer = idle.start("renderer")
    await loopback_llm.asked.wait()
    renderer.kill()
    await fall_silent(idle_desk, alive=1)
    assert (await idle_desk.additions.load(made.id)).state == "checking"
    assert await from_chats(idle_desk) == 0
    told = {"description": "Lines that wave.", "kind": "", "weight": 0.7, "rating": "safe"}
    loopback_llm.say(json.dumps(told))
    idle.start("renderer")
    seen = [one async for one in idle_desk.additions.follow(made.id)][-1]
    assert (seen.state, seen.sentence) == ("proposed", None)
    assert await from_chats(idle_desk) == 1
    adapter = await idle_desk.lookup.find(str(seen.adapter_id), asker)
    assert (adapter.description, adapter.status) == ("Lines that wave.", "proposed")
    assert idle_desk.store.read(str(adapter.sample)).startswith(b"\x89PNG")
    assert idle_desk.store.read(str(adapter.blob)) == lora
