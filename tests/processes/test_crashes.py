"""Any process may be killed at any moment: a request ends in one result or one clear failure."""

import json
import os
import resource
import signal
from pathlib import Path

from sqlalchemy import text

from engine.desk import Desk
from engine.values import Phase, Progress, Request
from tests.loopback_llm import LoopbackLlm
from tests.processes.installation import Installation, Process
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


async def test_a_killed_renderer_is_survived_once(idle: Installation, idle_desk: Desk) -> None:
    idle.start("engine")
    renderer = idle.start("renderer")
    request = await idle_desk.submit(ask(steps=120))
    assert (await until_step(idle_desk, request)).phase is Phase.RENDERING
    renderer.kill()
    idle.start("renderer")
    answer = await finish(idle_desk, request)
    assert answer.phase is Phase.RENDERED
    assert len(answer.renderings) == 2
    assert await attempts(idle_desk, request) == 3  # composed once, rendered twice


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
    loopback_llm.answer([])
    idle.start("engine")
    answer = await finish(idle_desk, request)
    assert answer.phase is Phase.RENDERED
    assert answer.composition
    assert answer.composition.composer == "llm"
    assert await attempts(idle_desk, request) == 3  # composed twice, rendered once


async def test_a_renderer_that_dies_three_times_fails_the_request(
    idle: Installation, idle_desk: Desk
) -> None:
    idle.start("engine")
    request = await idle_desk.submit(ask(steps=150, images=1))
    for _ in range(3):
        renderer = idle.start("renderer")
        await until_step(idle_desk, request)
        renderer.kill()
    idle.start("renderer")
    answer = await finish(idle_desk, request)
    assert answer.phase is Phase.FAILED
    assert answer.failure
    assert "died 3 times" in answer.failure
    assert not answer.renderings


async def test_a_renderer_that_was_only_frozen_changes_nothing_afterwards(
    idle: Installation, idle_desk: Desk
) -> None:
    """SIGSTOP: thought dead, then awake again, its late result is refused."""
    idle.start("engine")
    frozen = idle.start("renderer")
    request = await idle_desk.submit(ask(steps=120))
    await until_step(idle_desk, request)
    frozen.popen.send_signal(signal.SIGSTOP)
    idle.start("renderer")
    answer = await finish(idle_desk, request)
    frozen.popen.send_signal(signal.SIGCONT)
    assert frozen.stop() == 0
    later = await idle_desk.answer(request.id)
    assert later.phase is Phase.RENDERED
    assert later.renderings == answer.renderings


def test_up_keeps_processes_running_and_is_alone(idle: Installation) -> None:
    """A killed worker is started again; a second `up` is refused; SIGTERM ends all."""
    up = idle.spawn("up")
    engine = _pid(idle, up)
    second = idle.run("up", "--json")
    assert second.returncode == 1
    assert "running already" in json.loads(second.stdout)["error"]
    os.kill(engine, signal.SIGKILL)
    up.until(r"engine \| ended with code -9; starting it again")
    up.until(r"engine \| .* ready ")
    seen = json.loads(idle.run("status", "--json").stdout)
    pids = {w["pid"] for w in seen["workers"] if w["role"] == "engine"}
    assert pids - {engine}
    assert up.stop() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def _pid(installation: Installation, up: Process) -> int:
    """The engine's process id, once both workers are ready."""
    for _ in range(2):
        up.until(" ready ")
    seen = json.loads(installation.run("status", "--json").stdout)
    return next(int(w["pid"]) for w in seen["workers"] if w["role"] == "engine")


async def test_a_full_store_fails_one_request_with_a_sentence(
    idle: Installation, idle_desk: Desk
) -> None:
    """The renderer may write no file of that size: it says so, lives on, leaves no half file."""
    idle.start("engine")
    renderer = idle.start("renderer")
    before = set(stored_files(idle))
    resource.prlimit(renderer.popen.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    answer = await finish(idle_desk, await idle_desk.submit(ask(seed=4711)))
    assert answer.phase is Phase.FAILED
    assert answer.failure == "The file store is full; free some room, then try again."
    assert set(stored_files(idle)) == before
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(renderer.popen.pid, resource.RLIMIT_FSIZE, unlimited)
    answer = await finish(idle_desk, await idle_desk.submit(ask(seed=4711)))
    assert answer.phase is Phase.RENDERED


def stored_files(installation: Installation) -> list[Path]:
    """All images that the installation's store holds, whole or not."""
    folder = installation.settings.home / "blobs" / "images"
    return [path for path in folder.rglob("*") if path.is_file()]
