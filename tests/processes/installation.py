"""A whole installation for tests: a database, a home, adapters, and real processes on them."""

import asyncio
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

from sqlalchemy import text

from engine.checkpoints import configured
from engine.desk import Desk
from engine.library import catalogue
from engine.library.adapter_files import attach_file
from engine.rendering.checkpoint import load_checkpoint
from engine.rendering.layers import layers_of
from engine.retrieving.embedder import load_embedder
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import open_database
from tests.cards import card
from tests.rendering.toys import kohya, random_parts, save

#: Two adapters for one idea and one for another, so that masks have something to choose.
ADAPTERS = {
    "star": card("star", "Big star", description="A five-pointed star.", trigger_words=["star"]),
    "star2": card(
        "star2", "Round star", description="A star with soft tips.", trigger_words=["star"]
    ),
    "neon": card("neon", "Neon glow", description="Glowing lines.", trigger_words=["neon glow"]),
}
PROMPT = "a red star in neon glow"
#: Seconds after which a silent worker is thought dead.
STALLED = "60"


@dataclass(slots=True)
class Process:
    """A worker process whose log is read as it comes."""

    popen: subprocess.Popen[str]

    def until(self, pattern: str) -> str:
        """Reads the log until a line matches; fails the test where the process ends before."""
        seen = []
        assert self.popen.stderr
        for line in self.popen.stderr:
            seen.append(line)
            if re.search(pattern, line):
                return line
        raise AssertionError(f"{pattern!r} is not in the log: {''.join(seen)}")

    def kill(self) -> None:
        """kill -9."""
        self.popen.kill()
        self.popen.communicate()

    def stop(self) -> int:
        """Asks it to stop, waits, and returns its exit code."""
        self.popen.send_signal(signal.SIGTERM)
        self.popen.communicate(timeout=60)
        return self.popen.returncode


@dataclass(slots=True)
class Installation:
    """`environment` is what every process of it is started with."""

    settings: Settings
    environment: dict[str, str]
    started: list[Process] = field(default_factory=list)

    def start(self, *arguments: str) -> Process:
        """Starts a process and waits until it is ready to work."""
        process = self.spawn(*arguments)
        process.until(" ready ")
        return process

    def spawn(self, *arguments: str, **changes: str) -> Process:
        """Starts a process without waiting for it."""
        return self.spawn_python("-m", "bot", *arguments, **changes)

    def spawn_python(self, *arguments: str, **changes: str) -> Process:
        """Starts Python with these arguments in the installation's environment."""
        popen = subprocess.Popen(
            [sys.executable, *arguments],
            env=self.environment | changes,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        process = Process(popen)
        self.started.append(process)
        return process

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return self._run(arguments, changes, lambda: None)

    def run_limited(self, size: int, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command that may write files of at most so many bytes."""
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))
        return self._run(arguments, {}, limit)

    def _run(
        self, arguments: Sequence[str], changes: dict[str, str], prepare: Callable[[], None]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bot", *arguments],
            env=self.environment | changes,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
            preexec_fn=prepare,
        )

    def end(self) -> None:
        """Kills what is still running."""
        for process in self.started:
            if process.popen.poll() is None:
                process.kill()
            for pipe in (process.popen.stdin, process.popen.stderr):
                if pipe:
                    pipe.close()


def environment_for(home: Path, url: str) -> dict[str, str]:
    """Returns the environment of an installation that thinks nobody dead, however busy the machine
    is, until `fall_silent` lets time pass."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STYLUS_")}
    return kept | {
        "STYLUS_HOME": str(home),
        "STYLUS_DATABASE__URL": url,
        "STYLUS_QUEUE__HEARTBEAT": "0.3",
        "STYLUS_QUEUE__STALLED": STALLED,
        "STYLUS_QUEUE__RESCUE": "1",
        "STYLUS_RENDERER__THREADS": "1",
        "COLUMNS": "160",
    }


async def fall_silent(desk: Desk, alive: int) -> None:
    """Whoever is dead or frozen gave the last sign of life two minutes ago; so many workers have
    given one meanwhile."""
    newer = text("select count(*) from procrastinate_workers where last_heartbeat > :since")
    async with desk.database.transaction() as connection:
        since = {"since": await connection.scalar(text("select clock_timestamp()"))}
    async with asyncio.timeout(60):
        while True:
            async with desk.database.transaction() as connection:
                if int(await connection.scalar(newer, since) or 0) >= alive:
                    break
            await asyncio.sleep(0.05)
    async with desk.database.transaction() as connection:
        change = "update procrastinate_workers set last_heartbeat = now() - interval '2 minutes'"
        await connection.execute(text(f"{change} where last_heartbeat <= :since"), since)


def make_lora(path: Path, settings: Settings, seed: int) -> Path:
    """Writes a LoRA that fits the built-in checkpoint and is seen in its images."""
    layers = layers_of(load_checkpoint(*configured(settings)))
    names = [name for name in layers.modules if name.startswith("unet") and "attn" in name][:12]
    return save(path, kohya(random_parts(layers, names, seed=seed)))


async def stock(settings: Settings, folder: Path) -> None:
    """Catalogues `ADAPTERS` with a file for each."""
    store = BlobStore(settings)
    async with open_database(settings) as database:
        await catalogue.import_cards(database, load_embedder(), ADAPTERS.values())
        for seed, name in enumerate(ADAPTERS):
            content = make_lora(folder / f"{name}.safetensors", settings, seed).read_bytes()
            async with database.transaction() as connection:
                blob = store.put("adapters", content, ".safetensors")
                await attach_file(connection, f"test:{name}", blob, sha256(content).hexdigest())
