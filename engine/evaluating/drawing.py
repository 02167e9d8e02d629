"""Draws what the gallery lacks, images of all prompts and ways side by side in one batch."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import RenderFailed, StylusError
from engine.evaluating.gallery import Gallery
from engine.rendering.job import Batch, Job
from engine.rendering.renderer import Renderer
from engine.storage.blobs import BlobStore
from engine.values import ImagePlan, PlannedAdapter, Sampling

#: Images of one batch.
TOGETHER = 16


def draw(
    renderer: Renderer,
    store: BlobStore,
    gallery: Gallery,
    sampling: Sampling,
    plans: Sequence[ImagePlan],
    tell: Callable[[str], None],
) -> None:
    """Draws the plans' images that are not in the gallery yet.

    Raises RenderFailed, also where an adapter cannot be loaded: such images would be counted
    for a way that did not make them.
    """
    missing = gallery.missing(sampling, plans)
    for start in range(0, len(missing), TOGETHER):
        some = missing[start : start + TOGETHER]
        numbered = [replace(plan, index=n) for n, plan in enumerate(some)]
        batch = _rendered(renderer, Job(sampling, numbered, lambda one: file_of(store, one)))
        for plan, rendered in zip(some, batch.images, strict=True):
            gallery.put(sampling, plan, rendered.image)
        tell(f"drawn {start + len(some)} of {len(missing)}")


def _rendered(renderer: Renderer, job: Job) -> Batch:
    (outcome,) = renderer.render([job])
    if isinstance(outcome, StylusError):
        raise outcome
    skipped = [one.reason for image in outcome.images for one in image.skipped]
    for sentence in (*outcome.failures, *skipped):
        raise RenderFailed(f"The evaluation cannot go on: {sentence}")
    return outcome


def file_of(store: BlobStore, adapter: PlannedAdapter) -> Path:
    """Returns an adapter's file. Raises RenderFailed where it is not here."""
    if adapter.blob is None:
        raise RenderFailed(f"The file of “{adapter.title}” is not here.")
    return store.file(adapter.blob)
