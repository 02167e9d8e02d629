"""Which checkpoints the settings name, and what follows from each. Imports no torch."""

from dataclasses import dataclass
from typing import NamedTuple

from engine import builtin
from engine.errors import UnknownCheckpoint
from engine.settings import Settings
from engine.settings_rendering import Sampling


class CheckpointSource(NamedTuple):
    """The arguments of `rendering.checkpoint.load_checkpoint`."""

    name: str
    #: A folder, a single file or a hub id.
    source: str
    device: str
    precision: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """One checkpoint of the settings."""

    name: str
    #: Base model family, which adapters have to be of.
    family: str
    source: str
    #: File of the adapter that drafts are made with; empty: there is none.
    draft: str
    #: Its steps, which are the only ones it can; 0: any few.
    draft_steps: int
    #: Folder or hub id of the decoder that previews are made with; empty: a linear map.
    preview: str
    #: What its images are made with unless a request says otherwise.
    sampling: Sampling


def find(settings: Settings, name: str | None = None) -> Chosen:
    """Returns the checkpoint of that name, by default the first. Raises `UnknownCheckpoint`."""
    first = settings.checkpoint
    if name in (None, first.name):
        extras = first.draft, first.draft_steps, first.preview
        return Chosen(first.name, first.family, first.source, *extras, settings.sampling)
    other = settings.checkpoints.get(name or "")
    if other is None:
        known = ", ".join(settings.checkpoint_names)
        raise UnknownCheckpoint(f"There is no checkpoint “{name}”; this installation has {known}.")
    own = {"source", "family", "draft", "draft_steps", "preview"}
    told = other.model_dump(exclude=own, exclude_none=True)
    sampling = settings.sampling.model_copy(update=told)
    extras = other.draft, other.draft_steps, other.preview
    return Chosen(name or "", other.family, other.source, *extras, sampling)


def configured(settings: Settings, name: str | None = None) -> CheckpointSource:
    """Returns what loads the checkpoint; "builtin" is the folder that ships with us."""
    chosen, renderer = find(settings, name), settings.renderer
    source = str(builtin.CHECKPOINT) if chosen.source == "builtin" else chosen.source
    return CheckpointSource(chosen.name, source, renderer.device, renderer.precision)
