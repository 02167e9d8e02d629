"""`stylus up`: the processes of one machine, kept running."""

import json
import os
import signal
from pathlib import Path

from tests.processes.installation import Installation, Process


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
