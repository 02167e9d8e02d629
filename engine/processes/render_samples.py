"""Samples of an adapter on a renderer: through the same batches as everybody's images."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from engine.checkpoints import Chosen, find
from engine.errors import StylusError
from engine.library.cards import Card
from engine.library.controls import control_prompts
from engine.library.samples import Shown, sample_prompts
from engine.rendering.batcher import Batcher
from engine.rendering.controls import Draw, find_steady
from engine.rendering.job import Batch, Job
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
    gate = gates[chosen.name]
    return await asyncio.to_thread(
        _render, card, partial(_draw, batcher, file, sampling), pool, chosen.family, gate
    )


def _render(card: Card, draw: Draw, pool: Pool, family: str, gate: ImageGate) -> Shown:
    adapter = PlannedAdapter(card.id, card.title, card.sha256, None, card.weight)
    control = find_steady(adapter, control_prompts(family), draw, pool.recognise)
    prompts = sample_prompts(card)
    _, batch = draw(prompts, replace(adapter, weight=control.weight))
    return show_samples(batch, len(prompts), gate, control)


def _draw(
    batcher: Batcher,
    file: Path,
    sampling: Sampling,
    prompts: Sequence[str],
    adapter: PlannedAdapter,
) -> tuple[Job, Batch]:
    job = sample_job(prompts, SEED, adapter, file, sampling)
    outcome = batcher.submit(job).result()
    if isinstance(outcome, StylusError):
        raise outcome
    return job, outcome


def _checkpoint_of(card: Card, settings: Settings) -> Chosen:
    """The first checkpoint of the adapter's family."""
    known = [find(settings, name) for name in settings.checkpoint_names]
    return next((one for one in known if one.family == card.base), known[0])
