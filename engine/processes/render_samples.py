"""Samples of an adapter on a renderer: through the same batches as everybody's images."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from engine.checkpoints import Chosen, find
from engine.errors import StylusError
from engine.library.cards import Card
from engine.library.samples import Shown, sample_prompts
from engine.rendering.batcher import Batcher
from engine.rendering.safety import ImageGate
from engine.rendering.samples import sample_job, show_samples
from engine.settings import Settings
from engine.values import PlannedAdapter, Sampling

#: All samples begin with the same noise, so that adapters can be compared.
SEED = 1


async def render_samples(
    batcher: Batcher, gates: Mapping[str, ImageGate], settings: Settings, card: Card, file: Path
) -> Shown:
    """Returns the images and what they tell. Raises `StylusError` where none come out."""
    chosen = _checkpoint_of(card, settings)
    used = chosen.sampling
    sampling = Sampling(
        chosen.name, used.width, used.height, used.scheduler, used.steps, used.guidance
    )
    prompts = sample_prompts(card)
    adapter = PlannedAdapter(card.id, card.title, card.sha256, None, card.weight)
    job = sample_job(prompts, SEED, adapter, file, sampling)
    outcome = await asyncio.wrap_future(batcher.submit(job))
    if isinstance(outcome, StylusError):
        raise outcome
    return await asyncio.to_thread(show_samples, outcome, len(prompts), gates[chosen.name])


def _checkpoint_of(card: Card, settings: Settings) -> Chosen:
    """The first checkpoint of the adapter's family."""
    known = [find(settings, name) for name in settings.checkpoint_names]
    return next((one for one in known if one.family == card.base), known[0])
