"""Samples of an adapter on a renderer: through the same batches as everybody's images."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.checkpoints import Chosen, find
from engine.errors import StylusError
from engine.library.cards import Card
from engine.library.controls import control_prompts
from engine.library.samples import Shown, sample_prompts
from engine.rendering.batcher import Batcher
from engine.rendering.controls import Drawn, find_steady
from engine.rendering.pool import Pool
from engine.rendering.safety import ImageGate
from engine.rendering.samples import sample_job, show_samples
from engine.settings import Settings
from engine.values import PlannedAdapter, Sampling

#: All samples begin with the same noise, so that adapters can be compared.
SEED = 1


async def render_samples(
    batcher: Batcher,
    pool: Pool,
    gates: Mapping[str, ImageGate],
    settings: Settings,
    card: Card,
    file: Path,
) -> Shown:
    """Returns the images, at a weight that does no harm if there is one, and what they tell.

    Raises `StylusError` where none come out.
    """
    chosen = _checkpoint_of(card, settings)
    used = chosen.sampling
    sampling = Sampling(
        chosen.name, used.width, used.height, used.scheduler, used.steps, used.guidance
    )
    studio = _Studio(batcher, file, sampling)
    return await asyncio.to_thread(_render, card, studio, pool, chosen.family, gates[chosen.name])


def _render(card: Card, studio: "_Studio", pool: Pool, family: str, gate: ImageGate) -> Shown:
    adapter = PlannedAdapter(card.id, card.title, card.sha256, None, card.weight)
    control = find_steady(adapter, control_prompts(family), studio.draw, pool.recognise)
    prompts = sample_prompts(card)
    drawn = studio.rows(prompts, [None, replace(adapter, weight=control.weight)])
    return show_samples(drawn.batch, len(prompts), gate, control)


@dataclass(frozen=True, slots=True)
class _Studio:
    """Draws through the same batches as everybody's images."""

    batcher: Batcher
    file: Path
    sampling: Sampling

    def rows(self, prompts: Sequence[str], rows: Sequence[PlannedAdapter | None]) -> Drawn:
        """All prompts once for each row. Raises `StylusError`."""
        job = sample_job(prompts, SEED, rows, self.file, self.sampling)
        outcome = self.batcher.submit(job).result()
        if isinstance(outcome, StylusError):
            raise outcome
        return Drawn(job, outcome)

    def draw(self, prompts: Sequence[str], adapter: PlannedAdapter | None) -> Drawn:
        """All prompts once. Raises `StylusError`."""
        return self.rows(prompts, [adapter])


def _checkpoint_of(card: Card, settings: Settings) -> Chosen:
    """The first checkpoint of the adapter's family."""
    known = [find(settings, name) for name in settings.checkpoint_names]
    return next((one for one in known if one.family == card.base), known[0])
