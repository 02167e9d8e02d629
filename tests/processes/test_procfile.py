"""The Procfile serves other runners too: honcho starts the same processes from it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

from tests.processes.installation import Installation, Process

ROOT = Path(__file__).parent.parent.parent


def test_honcho_runs_the_procfile(idle: Installation) -> None:
    """Both workers get ready, and end when it is told to stop."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    popen = subprocess.Popen(
        # It says everything on standard output; tests read logs from standard error.
        ["sh", "-c", 'exec "$0" -m honcho --no-colour start engine renderer >&2', sys.executable],
        cwd=ROOT,
        env=idle.environment | {"PATH": path, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    honcho = Process(popen)
    idle.started.append(honcho)
    for _ in range(2):
        honcho.until(" ready ")
    workers = json.loads(idle.run("status", "--json").stdout)["workers"]
    assert {worker["role"] for worker in workers} == {"engine", "renderer"}
    honcho.stop()
    assert not any(is_running(worker["pid"]) for worker in workers)


def is_running(pid: int) -> bool:
    """Whether the process lives; one that ended and waits for its parent's look does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
