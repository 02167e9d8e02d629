"""The values that flow through Stylus, forward only.

    Ask -> Request -> Candidates -> Composition -> Masks -> ImagePlans -> Renderings -> Answer

All are frozen and hold plain data: no client, callback or connection. Times are seconds,
sizes are pixels, adapter ids are strings that stay the same when a card is imported again.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from engine.errors import CompositionRefused

Kind = Literal["prompt", "reroll", "vary", "revise", "translate", "inpaint", "upscale"]
ComposerName = Literal["local", "llm"]

#: Weights beyond this are no recommendation but an accident or an attack.
MAX_WEIGHT = 2.0


class Phase(StrEnum):
    """Where a request is. The last three are final."""

    QUEUED = "queued"
    COMPOSING = "composing"
    PLANNED = "planned"
    RENDERING = "rendering"
    RENDERED = "rendered"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the request."""
        return self in FINAL_PHASES


FINAL_PHASES = frozenset({Phase.RENDERED, Phase.FAILED, Phase.CANCELLED})
OPEN_PHASES = frozenset(Phase) - FINAL_PHASES


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked, and where the answer goes."""

    platform: str
    #: Guild on Discord, enterprise and team on Slack, '' at a terminal.
    workspace: str = ""
    channel: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the asker decides instead of the composer."""

    adapters: Literal["auto", "none"] = "auto"
    #: Adapter ids that must be used.
    pin: tuple[str, ...] = ()
    #: Adapter ids that must not be used.
    drop: tuple[str, ...] = ()
    #: Weight by adapter id, instead of the card's.
    weights: dict[str, float] = field(default_factory=dict)
    composer: ComposerName | None = None
    #: Adapters rated unsafe may be used: admins allow it, and the channel is age-restricted.
    unsafe: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody asks for, as they put it; None leaves a choice to the settings."""

    asker: Asker
    prompt: str
    negative: str | None = None
    images: int | None = None
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    checkpoint: str | None = None
    scheduler: str | None = None
    steps: int | None = None
    guidance: float | None = None
    overrides: Overrides = field(default_factory=Overrides)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How latents are denoised. The same sampling, seed and adapters give the same image."""

    checkpoint: str
    width: int
    height: int
    #: Name of a diffusers scheduler class without "Scheduler", such as "DDIM".
    scheduler: str
    steps: int
    guidance: float


@dataclass(frozen=True, slots=True)
class Source:
    """The picture that a request starts from, in the blob store."""

    #: A PNG; scaled to the sampling's size before it is encoded.
    image: str
    #: How much of the denoising is done over, from above 0 (nothing changes) to 1 (all of it).
    strength: float
    #: A PNG of the same size, white where the picture is to be painted anew; None: all of it.
    mask: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for; never changes once stored."""

    id: str
    kind: Kind
    prompt: str
    negative: str
    image_count: int
    seed: int
    sampling: Sampling
    asker: Asker
    overrides: Overrides = Overrides()
    #: What translations, inpaintings, upscalings and what descends from them start from.
    source: Source | None = None
    #: The request that this one rerolls, varies or upscales.
    parent_id: str | None = None
    #: The image of the parent that is varied or upscaled.
    parent_index: int | None = None
    #: The first request of the line; its own id for a first request.
    root_id: str = ""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A catalogue entry: what is known of one LoRA."""

    id: str
    #: Whose it is: a guild, a Slack workspace, or '' for everybody's.
    workspace: str
    source: str
    source_id: str
    title: str
    description: str
    tags: tuple[str, ...]
    trigger_words: tuple[str, ...]
    #: Base model family, such as "sd15", "sdxl" or "stylus-small".
    base: str
    #: Recommended weight.
    weight: float
    rating: Literal["safe", "unsafe"]
    status: Literal["active", "disabled", "removed", "proposed"]
    #: Lower-case hexadecimal hash of the file; None where the card states none.
    sha256: str | None
    #: Where the file is kept in the blob store; None for a card without a file here.
    blob: str | None
    link: str | None
    creator: str | None
    licence: str | None
    #: Whom it depicts: used only where the prompt has one of the names.
    kind: Literal["", "character", "person"] = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An adapter that may serve the prompt; a list of them is ordered best first."""

    adapter: Adapter
    score: float


@dataclass(frozen=True, slots=True)
class Pick:
    """An adapter chosen for a task, with what is needed to render and to credit it."""

    adapter_id: str
    source: str
    source_id: str
    title: str
    sha256: str | None
    blob: str | None
    trigger_words: tuple[str, ...]
    #: Weight before it is divided and capped.
    weight: float
    score: float
    #: Made by us from the card and the match, never a language model's words.
    reason: str
    link: str | None = None
    creator: str | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One idea of the prompt, in the prompt's own words, and the adapters that serve it."""

    keyword: str
    picks: tuple[Pick, ...]


@dataclass(frozen=True, slots=True)
class Composition:
    """The prompt split into tasks (Stylus, section 3.3).

    Refuses a keyword that is not in the prompt and an adapter that is used twice; that every
    adapter was a candidate is checked by `composer.compose`, which has the candidates.
    """

    prompt: str
    tasks: tuple[Task, ...]
    composer: str
    #: Sentences about parts that answered in a lesser way, such as "The LLM did not answer ...".
    degraded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for task in self.tasks:
            if not is_part_of(task.keyword, self.prompt):
                raise CompositionRefused(f"“{task.keyword}” is not in the prompt.")
            for pick in task.picks:
                if pick.adapter_id in seen:
                    raise CompositionRefused(f"Adapter {pick.adapter_id} is used twice.")
                seen.add(pick.adapter_id)

    @property
    def picks(self) -> tuple[Pick, ...]:
        """All picks, in task order."""
        return tuple(pick for task in self.tasks for pick in task.picks)


def is_part_of(keyword: str, prompt: str) -> bool:
    """Whether the keyword is a run of whole words of the prompt, letter case aside.

    Whole words, since "bond" must never count as a part of "bondage".
    """
    return bool(fold(keyword)) and f" {fold(keyword)} " in f" {fold(prompt)} "


def fold(text: str) -> str:
    """Returns the words alone, in lower case, one blank apart."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


@dataclass(frozen=True, slots=True)
class Mask:
    """The set of adapters that are on in one image."""

    on: frozenset[str]


@dataclass(frozen=True, slots=True)
class PlannedAdapter:
    """One adapter in one image."""

    adapter_id: str
    title: str
    sha256: str | None
    blob: str | None
    weight: float
    #: The weight before the total was capped; None where it was not reduced.
    reduced_from: float | None = None


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """Everything the renderer needs for one image, beside the request's sampling."""

    index: int
    seed: int
    #: The prompt with the trigger words of the adapters that are on.
    prompt: str
    negative: str
    adapters: tuple[PlannedAdapter, ...]


@dataclass(frozen=True, slots=True)
class LoadedAdapter:
    """What the renderer really loaded."""

    adapter_id: str
    sha256: str
    weight: float
    #: Number of layers that were patched.
    layers: int


@dataclass(frozen=True, slots=True)
class SkippedAdapter:
    """An adapter that could not be loaded, and why, in one sentence."""

    adapter_id: str
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rendering:
    """One finished image."""

    index: int
    seed: int
    width: int
    height: int
    #: Where the PNG is kept in the blob store.
    blob: str
    #: Lower-case hexadecimal hash of the PNG.
    sha256: str
    loaded: tuple[LoadedAdapter, ...]
    skipped: tuple[SkippedAdapter, ...]
    #: Probability that it shows what must not be shown; None where nobody looked.
    unsafe: float | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds that a request spent in each stage."""

    queued: float = 0.0
    retrieve: float = 0.0
    compose: float = 0.0
    load: float = 0.0
    render: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """A sign of life from a request that is under way."""

    request_id: str
    phase: Phase
    step: int = 0
    steps: int = 0
    #: How many requests wait before this one, where it is queued.
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Home:
    """The place in a chat where a request's progress and answer are shown."""

    #: Only the asker may see it.
    private: bool = False
    #: Whether the frontend may post in the channel by its own rights.
    direct: bool = True
    #: The message that it answers.
    reply_to: str | None = None
    #: None until the platform has told it.
    message_id: str | None = None
    #: Lets the frontend change the message until then, whatever its own rights.
    token: str | None = field(default=None, repr=False)
    token_until: datetime | None = None
    #: The asker's language, such as "en-US".
    locale: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the admins of a workspace decide; the defaults leave everything to the settings."""

    checkpoint: str | None = None
    images: int | None = None
    #: Channels in which the bot answers; all where empty.
    channels: tuple[str, ...] = ()
    #: Requests a day for each role; the most generous one counts.
    quotas: dict[str, int] = field(default_factory=dict)
    #: Requests a day for people without such a role; None sets no limit.
    daily: int | None = None
    #: Whether adapters rated unsafe may be used, in age-restricted channels only.
    unsafe: bool = False
    #: Where starred answers are shown.
    gallery: str | None = None
    #: Whether mentioning the bot asks, besides commands.
    mentions: bool = True
    #: A role whose members may cancel and delete what others asked.
    moderators: str | None = None

    def quota(self, roles: Collection[str]) -> int | None:
        """Returns how many requests a day somebody with these roles may make; None: any."""
        granted = [self.quotas[role] for role in roles if role in self.quotas]
        return max(granted) if granted else self.daily


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an open request is, as its frontend shows it."""

    request: Request
    phase: Phase
    #: How many open requests were made before it.
    ahead: int
    home: Home
    #: None until it is composed.
    composition: Composition | None


@dataclass(frozen=True, slots=True)
class Standings:
    """All open requests of a platform, and who works on them."""

    requests: tuple[Standing, ...]
    #: Worker processes alive, by role.
    workers: dict[str, int]
    #: Seconds a request took lately, from rendering to done; None where none was rendered.
    pace: float | None


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process that gave a sign of life lately."""

    id: str
    role: str
    host: str
    pid: int
    version: str
    device: str
    queues: tuple[str, ...]
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything known of a request; complete once its phase is final."""

    request: Request
    phase: Phase
    composition: Composition | None
    plans: tuple[ImagePlan, ...]
    renderings: tuple[Rendering, ...]
    timings: Timings
    #: Sentences worth telling, such as that all masks have been used.
    notes: tuple[str, ...]
    #: Why the request failed, in one sentence.
    failure: str | None
