"""What somebody asks for, and the request that becomes of it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["prompt", "reroll", "vary", "revise", "translate", "inpaint", "upscale", "duel"]


ComposerName = Literal["local", "llm"]


#: What a duel holds the method against: the checkpoint alone, all adapters of each idea at once, or
#: the same adapters at half of their weights.
Opponent = Literal["base", "all", "half"]


#: Weights beyond this are no recommendation but an accident or an attack.
MAX_WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked, and where the answer goes."""

    platform: str
    #: Guild on Discord, enterprise and team on Slack, '' at a terminal.
    workspace: str = ""
    channel: str = ""
    user: str = ""
    #: The person's roles there at this moment; they decide what is allowed, and are never stored.
    roles: frozenset[str] = field(default=frozenset(), compare=False)


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
    #: Of a duel alone.
    against: Opponent = "base"


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
    #: Few steps by the checkpoint's few-step adapter: quick, and less fine.
    draft: bool = False
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
    #: The checkpoint's few-step adapter is on in all images.
    draft: bool = False


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
    #: Bytes that a file may have there; None where the platform does not tell.
    file_limit: int | None = None
    #: The platform's ids of the files that show the images, where it has such, in order.
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """What the admins of a workspace decide; the defaults leave everything to the settings."""

    checkpoint: str | None = None
    images: int | None = None
    #: Channels in which the bot answers; all where empty.
    channels: tuple[str, ...] = ()
    #: Images a day for each role; the most generous one counts.
    quotas: dict[str, int] = field(default_factory=dict)
    #: Images a day for people without such a role; None sets no limit.
    daily: int | None = None
    #: By how many rounds the people of a role are served before others; the highest counts.
    lanes: dict[str, int] = field(default_factory=dict)
    #: Whether adapters rated unsafe may be used, in age-restricted channels only.
    unsafe: bool = False
    #: Where starred answers are shown.
    gallery: str | None = None
    #: Whether mentioning the bot asks, besides commands.
    mentions: bool = True
    #: A role whose members may cancel and delete what others asked.
    moderators: str | None = None
    #: Roles, or people where a platform has no roles, who look after the library beside admins.
    librarians: tuple[str, ...] = ()

    def quota(self, roles: Collection[str]) -> int | None:
        """Returns how many images a day somebody with these roles may ask for; None: any."""
        granted = [self.quotas[role] for role in roles if role in self.quotas]
        return max(granted) if granted else self.daily

    def keeps_library(self, asker: Asker) -> bool:
        """Returns whether somebody who is no admin may look after the library all the same."""
        return not {*asker.roles, asker.user}.isdisjoint(self.librarians)

    def lane(self, roles: Collection[str]) -> int:
        """Returns by how many rounds somebody with these roles is served before others."""
        return max([self.lanes[role] for role in roles if role in self.lanes], default=0)
