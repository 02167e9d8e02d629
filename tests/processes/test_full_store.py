"""A file store without room fails the request that needed it, and nothing else."""

import resource
from pathlib import Path

from engine.desk import Desk
from engine.values import Phase
from tests.processes.installation import Installation
from tests.processes.test_path import ask, finish


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
