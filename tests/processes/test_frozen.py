"""A worker that was only frozen, and thought dead, spoils nothing when it wakes."""

import signal

from engine.desk import Desk
from engine.values import Phase
from tests.processes.installation import Installation, fall_silent
from tests.processes.test_crashes import until_step
from tests.processes.test_path import ask, finish


async def test_a_renderer_that_was_only_frozen_changes_nothing_afterwards(
    idle: Installation, idle_desk: Desk
) -> None:
    """SIGSTOP: thought dead, then awake again, its late result is refused."""
    idle.start("engine")
    frozen = idle.start("renderer")
    request = await idle_desk.submit(ask(steps=120))
    await until_step(idle_desk, request)
    frozen.popen.send_signal(signal.SIGSTOP)
    await fall_silent(idle_desk, alive=1)
    idle.start("renderer")
    answer = await finish(idle_desk, request)
    frozen.popen.send_signal(signal.SIGCONT)
    assert frozen.stop() == 0
    later = await idle_desk.answer(request.id)
    assert later.phase is Phase.RENDERED
    assert later.renderings == answer.renderings
