"""Checkpoints of real size for measurements, with random weights: nothing is downloaded."""

import asyncio
import hashlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from bot.benchmarks.crew import Crew, open_crew
from engine import builtin
from engine.desk import Desk, open_desk
from engine.errors import Unavailable
from engine.library import catalogue
from engine.library.adapter_files import attach_file
from engine.library.cards import read_card
from engine.retrieving.embedder import load_embedder
from engine.settings import Settings, Storage
from engine.settings_rendering import Checkpoint
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.storage.scratch import scratch_database

if TYPE_CHECKING:
    from engine.rendering.base_models import BaseModel

GUIDANCE = 7.5
#: Adapter files that the cards share: as many as hold prompts apart, few enough for the disk.
FILES = 6
#: Seconds in which the workers have to be ready; SDXL is seven gigabytes.
PATIENCE = 600.0
#: Seconds between two looks.
LOOK = 0.25


class Family(StrEnum):
    """What there are random models of."""

    SD15 = "sd15"
    SDXL = "sdxl"


@dataclass(frozen=True, slots=True)
class RealSize:
    """A model to measure."""

    family: Family
    #: Pixels; None: what it was made for.
    side: int | None
    steps: int

    @property
    def base(self) -> "BaseModel":
        """Its shapes."""
        from engine.rendering.base_models import BASE_MODELS  # loads torch

        return BASE_MODELS[self.family]

    @asynccontextmanager
    async def settings(
        self, settings: Settings, tell: Callable[[str], None]
    ) -> AsyncIterator[Settings]:
        """Yields settings that name a checkpoint of that kind, which is gone afterwards."""
        model = self.base
        with tempfile.TemporaryDirectory(prefix="stylus-random-") as folder:
            tell(f"writing a {self.family} of random numbers")
            yield await asyncio.to_thread(
                with_random, settings, model, Path(folder), self.side or model.side, self.steps
            )


def with_random(
    settings: Settings, model: "BaseModel", folder: Path, side: int, steps: int
) -> Settings:
    """Writes the model into the folder and returns settings that render with it."""
    from engine.rendering.base_models import write_random

    source = write_random(model, folder)
    name = f"random-{model.family}"
    size = {"width": side, "height": side, "steps": steps, "guidance": GUIDANCE}
    changes = {
        "checkpoint": Checkpoint(name=name, source=str(source), family=model.family),
        "sampling": settings.sampling.model_copy(update=size),
        "renderer": settings.renderer.model_copy(update={"safety": "none"}),
    }
    return settings.model_copy(update=changes)


@asynccontextmanager
async def installation(
    settings: Settings, model: "BaseModel", tell: Callable[[str], None]
) -> AsyncIterator[Desk]:
    """Yields the desk of an installation of its own, with workers and random adapters.

    `settings` are those of `RealSize.settings`. Raises `Unavailable`.
    """
    with tempfile.TemporaryDirectory(prefix="stylus-random-") as folder:
        async with scratch_database(settings) as scratch:
            own = scratch.model_copy(update={"home": Path(folder), "storage": Storage()})
            async with open_desk(own) as desk:
                tell("writing adapters of random numbers")
                await _stock(desk.database, BlobStore(own), model, Path(folder))
                async with open_crew(own, ("engine", "renderer"), _told(own)) as crew:
                    tell("starting engine and renderer")
                    await _until_ready(desk, crew)
                    yield desk


async def _stock(database: Database, store: BlobStore, model: "BaseModel", folder: Path) -> None:
    """Catalogues the shelf's cards, each with a random file for the model."""
    lines = builtin.CARDS.read_text("utf-8").splitlines()
    ours = {"base_model": model.family, "file_sha256": None}
    cards = [json.loads(line) | ours for line in lines if line]
    await catalogue.import_cards(database, load_embedder(), cards)
    files = await asyncio.to_thread(_random_files, model, folder)
    contents = [file.read_bytes() for file in files]
    async with database.transaction() as connection:
        for number, card in enumerate(map(read_card, cards)):
            content = contents[number % FILES]
            blob = store.put("adapters", content, ".safetensors")
            await attach_file(connection, card.id, blob, hashlib.sha256(content).hexdigest())


def _random_files(model: "BaseModel", folder: Path) -> list[Path]:
    from engine.rendering.bench_formats import skeleton
    from engine.rendering.random_loras import RANK, trained_layers, write_random

    layers = skeleton(model)
    names = trained_layers(layers)
    paths = [folder / f"random-{number}.safetensors" for number in range(FILES)]
    return [write_random(layers, names, RANK, path) for path in paths]


def _told(settings: Settings) -> dict[str, str]:
    """What the workers are told by variables."""
    checkpoint, sampling = settings.checkpoint, settings.sampling
    return {
        "CHECKPOINT__NAME": checkpoint.name,
        "CHECKPOINT__SOURCE": checkpoint.source,
        "CHECKPOINT__FAMILY": checkpoint.family,
        "SAMPLING__WIDTH": str(sampling.width),
        "SAMPLING__HEIGHT": str(sampling.height),
        "SAMPLING__STEPS": str(sampling.steps),
        "SAMPLING__GUIDANCE": str(sampling.guidance),
    }


async def _until_ready(desk: Desk, crew: Crew) -> None:
    began = monotonic()
    while {member.pid for member in crew.members} > {one.pid for one in await desk.workers()}:
        for member in crew.members:
            if member.ended:
                said = crew.last_words(member.role)
                raise Unavailable(f"The {member.role} did not start: {said}")
        if monotonic() - began > PATIENCE:
            raise Unavailable(f"The workers were not ready within {PATIENCE:g} s.")
        await asyncio.sleep(LOOK)
