"""Admission: what a frontend asks becomes a request, or one clear sentence."""

import secrets
import unicodedata
from dataclasses import replace

from engine.checkpoints import find
from engine.errors import BadOption, BadPrompt, NotAllowed
from engine.plan import SEED_LIMIT
from engine.requests.access import unknown_request
from engine.requests.revision import revise_overrides
from engine.requests.sampling import SIZE_STEP, given, sampling_of, within
from engine.settings import Settings
from engine.values import (
    MAX_WEIGHT,
    Answer,
    Ask,
    Asker,
    Kind,
    Overrides,
    Phase,
    Rendering,
    Request,
)

_ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: nothing that looks alike


#: How much of an image changes unless asked otherwise.
STRENGTHS: dict[Kind, float] = {"translate": 0.6, "inpaint": 1.0, "upscale": 0.35}
#: Below this not even one of a few steps would be done over.
LEAST_STRENGTH = 0.05


def admit(ask: Ask, settings: Settings, kind: Kind = "prompt") -> Request:
    """Returns the request. Raises `BadInput` naming the option and what it may be."""
    defaults, limits = find(settings, ask.checkpoint).sampling, settings.limits
    request_id = new_id()
    return Request(
        id=request_id,
        kind=kind,
        prompt=_prompt(ask.prompt, limits.prompt_characters),
        negative=_negative(ask.negative, defaults.negative, limits.prompt_characters),
        image_count=within("images", given(ask.images, defaults.images), 1, limits.images),
        seed=_seed(ask.seed),
        sampling=sampling_of(ask, settings),
        asker=ask.asker,
        overrides=_overrides(ask.overrides),
        root_id=request_id,
    )


def check_strength(kind: Kind, strength: float | None) -> float:
    """Returns the strength, or the kind's own where none is given. Raises `BadOption`."""
    value = given(strength, STRENGTHS[kind])
    if not LEAST_STRENGTH <= value <= 1:  # also refuses what is no number
        raise BadOption(f"strength is {value:g}; it may be {LEAST_STRENGTH} to 1.")
    return value


def enlarge(parent: Answer, asker: Asker, index: int, factor: int, settings: Settings) -> Request:
    """Returns a request for image `index` of the parent in a larger size; it has no source yet.

    Raises `BadOption` where there is no such image and where it would become too large.
    """
    refuse_failed(parent)
    request = descend(parent, "upscale", asker, index)
    rendering, before = rendering_of(parent, index), request.sampling
    factor = within("factor", factor, 2, 4)
    width, height = (
        SIZE_STEP * round(side * factor / SIZE_STEP) for side in (rendering.width, rendering.height)
    )
    most = settings.limits.side
    if max(width, height) > most:
        raise BadOption(
            f"Image {index} would have {width}x{height} pixels; sides may have up to {most}."
        )
    sampling = replace(before, width=width, height=height)
    return replace(request, image_count=1, seed=parent.plans[index].seed, sampling=sampling)


def rendering_of(answer: Answer, index: int) -> Rendering:
    """Returns image `index` of an answer. Raises `BadOption` where it came out broken."""
    found = next((one for one in answer.renderings if one.index == index), None)
    if found is None:
        raise BadOption(f"Image {index} of request {answer.request.id} came out broken.")
    return found


def descend(parent: Answer, kind: Kind, asker: Asker, index: int | None = None) -> Request:
    """Returns a reroll of the parent, or what is made of its image `index`.

    Raises `BadOption` where the parent has nothing to start from.
    """
    origin = parent.request
    if parent.composition is None:
        raise BadOption(f"Request {origin.id} was not composed, so there is nothing to {kind}.")
    if kind not in ("reroll", "revise") and (index is None or not 0 <= index < len(parent.plans)):
        raise BadOption(
            f"Request {origin.id} has images 0 to {len(parent.plans) - 1}, not {index}."
        )
    return Request(
        id=new_id(),
        kind=kind,
        prompt=origin.prompt,
        negative=origin.negative,
        image_count=origin.image_count,
        seed=_seed(None),
        sampling=origin.sampling,
        asker=asker,
        overrides=_carried(origin, asker),
        source=origin.source,
        parent_id=origin.id,
        parent_index=index,
        root_id=origin.root_id,
    )


def revise(parent: Answer, change: Overrides, asker: Asker) -> Request:
    """Returns the parent's request with other adapters or weights, and the same seeds.

    Raises `BadOption` where the parent was not composed or the change is refused.
    """
    wishes = _overrides(revise_overrides(parent.request.overrides, change))
    made = descend(parent, "revise", asker)
    carried = replace(wishes, unsafe=made.overrides.unsafe)
    return replace(made, seed=parent.request.seed, overrides=carried)


def once_more(request: Request, asker: Asker) -> Request:
    """Returns the same request under a new id, as the asker's."""
    fresh = new_id()
    root = fresh if request.root_id == request.id else request.root_id
    carried = _carried(request, asker)
    return replace(request, id=fresh, root_id=root, asker=asker, overrides=carried)


def _carried(origin: Request, asker: Asker) -> Overrides:
    """The wishes as they hold where something is made of the request: elsewhere, nothing unsafe."""
    there = (origin.asker.platform, origin.asker.workspace, origin.asker.channel)
    same = there == (asker.platform, asker.workspace, asker.channel)
    return replace(origin.overrides, unsafe=origin.overrides.unsafe and same)


def refuse_failed(parent: Answer) -> None:
    """Raises `BadOption` where the parent has no images, so that none can be varied."""
    if parent.phase is not Phase.RENDERED:
        raise BadOption(f"Request {parent.request.id} is {parent.phase}, so it has no images.")


def refuse_stranger(request: Request, asker: Asker, moderator: bool) -> None:
    """Raises `NotAllowed` unless the request is the asker's, or the asker moderates its place.

    From another place it is `UnknownRequest`: an outsider learns not even that it is there.
    """
    owner = request.asker
    mine = (owner.platform, owner.workspace, owner.user) == (
        asker.platform,
        asker.workspace,
        asker.user,
    )
    here = (owner.platform, owner.workspace) == (asker.platform, asker.workspace)
    if not here and asker.platform != "console":
        raise unknown_request(request.id)
    if not mine and not (moderator and here):
        raise NotAllowed(f"Request {request.id} is somebody else's; only they can do that.")


def new_id() -> str:
    """Returns ten letters and digits, never used before."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(10))


def clean_prompt(text: str) -> str:
    """Returns the prompt in one line and one Unicode form.

    Raises `BadPrompt` for control characters, which no keyboard makes and which hide text.
    Characters that this Python does not know yet pass: they are next year's emoji.
    """
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    hidden = next((c for c in spaced if unicodedata.category(c) in ("Cc", "Cs", "Co")), None)
    if hidden:
        raise BadPrompt(
            f"The prompt holds the control character U+{ord(hidden):04X}; type it without."
        )
    return "".join(c for c in spaced if unicodedata.category(c) != "Cf" or c in "\u200c\u200d")


def _prompt(text: str, limit: int) -> str:
    prompt = clean_prompt(text)
    if not any(unicodedata.category(c)[0] in "LNS" for c in prompt):  # emoji say something
        raise BadPrompt("The prompt is empty; say what the image should show.")
    if len(prompt) > limit:
        raise BadPrompt(f"The prompt has {len(prompt)} characters; at most {limit} are read.")
    return prompt


def _negative(text: str | None, default: str, limit: int) -> str:
    negative = clean_prompt(default if text is None else text)
    if len(negative) > limit:
        raise BadPrompt(f"The negative prompt is longer than {limit} characters.")
    return negative


def _seed(seed: int | None) -> int:
    if seed is None:
        return secrets.randbelow(SEED_LIMIT)
    return within("seed", seed, 0, SEED_LIMIT - 1)


def _overrides(overrides: Overrides) -> Overrides:
    for adapter_id, weight in overrides.weights.items():
        if not -MAX_WEIGHT <= weight <= MAX_WEIGHT:
            raise BadOption(
                f"The weight of {adapter_id} is {weight:g}; it may be -{MAX_WEIGHT:g} "
                f"to {MAX_WEIGHT:g}."
            )
    both = set(overrides.pin) & set(overrides.drop)
    if both:
        raise BadOption(f"Adapter {min(both)} is both pinned and dropped; choose one.")
    return overrides
