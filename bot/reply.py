"""The reply: what people get to see of an answer, with no platform in it.

What it says of adapters is what the renderer reported, not what was planned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.values import Answer, Composition, ImagePlan, Phase, Pick, Rendering

#: Words of the row of an idea that no adapter serves.
NOTHING_FITS = "no adapter fits it well; the checkpoint draws it"


@dataclass(frozen=True, slots=True)
class Cell:
    """One adapter in one image."""

    state: Literal["on", "off", "skipped"]
    weight: float = 0.0
    #: The weight before the image's total was capped.
    reduced_from: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One adapter of the breakdown, or an idea without one (`title` is None)."""

    words: str
    adapter_id: str | None
    title: str | None
    why: str
    #: One for each image, in order.
    cells: tuple[Cell, ...]
    #: Creator and licence, where the card names them.
    credit: str = ""


@dataclass(frozen=True, slots=True)
class ReplyImage:
    """One image of a reply."""

    rendering: Rendering
    #: What it shows, for people who cannot see it.
    alt: str
    #: A short caption: its number and adapters.
    label: str


@dataclass(frozen=True, slots=True)
class Reply:
    """Everything to show for an answer that is final."""

    request_id: str
    prompt: str
    images: tuple[ReplyImage, ...]
    rows: tuple[Row, ...]
    #: Sentences beside the breakdown: what was reduced, skipped or degraded.
    remarks: tuple[str, ...]
    #: Why there are no images.
    failure: str | None


def make_reply(answer: Answer) -> Reply:
    """Returns the reply to a final answer."""
    composition = answer.composition
    return Reply(
        request_id=answer.request.id,
        prompt=answer.request.prompt,
        images=tuple(_image(answer, rendering) for rendering in answer.renderings),
        rows=_rows(composition, answer.plans, answer.renderings) if composition else (),
        remarks=tuple(_remarks(answer)),
        failure=answer.failure if answer.phase is not Phase.RENDERED else None,
    )


def _rows(
    composition: Composition, plans: Sequence[ImagePlan], renderings: Sequence[Rendering]
) -> tuple[Row, ...]:
    rows = []
    for task in composition.tasks:
        rows += [_row(task.keyword, pick, plans, renderings) for pick in task.picks]
        if not task.picks:
            rows.append(Row(task.keyword, None, None, NOTHING_FITS, ()))
    return tuple(rows)


def _row(
    words: str, pick: Pick, plans: Sequence[ImagePlan], renderings: Sequence[Rendering]
) -> Row:
    cells = tuple(
        _cell(pick.adapter_id, plan, rendering)
        for plan, rendering in zip(plans, renderings, strict=False)
    )
    credit = ", ".join(part for part in (pick.creator, pick.licence) if part)
    return Row(words, pick.adapter_id, pick.title, pick.reason, cells, credit)


def _cell(adapter_id: str, plan: ImagePlan, rendering: Rendering) -> Cell:
    loaded = next((a for a in rendering.loaded if a.adapter_id == adapter_id), None)
    if loaded:
        planned = next(a for a in plan.adapters if a.adapter_id == adapter_id)
        return Cell("on", loaded.weight, planned.reduced_from)
    skipped = any(a.adapter_id == adapter_id for a in rendering.skipped)
    return Cell("skipped" if skipped else "off")


def _image(answer: Answer, rendering: Rendering) -> ReplyImage:
    titles = {pick.adapter_id: pick.title for pick in _picks(answer)}
    used = [f"{titles.get(a.adapter_id, a.adapter_id)} {a.weight:g}" for a in rendering.loaded]
    with_adapters = f"with the adapters {', '.join(used)}" if used else "without adapters"
    return ReplyImage(
        rendering=rendering,
        alt=f"Image {rendering.index + 1} of “{answer.request.prompt}”, {with_adapters}.",
        label=f"{rendering.index + 1} · {', '.join(used) or 'no adapters'}",
    )


def _picks(answer: Answer) -> tuple[Pick, ...]:
    return answer.composition.picks if answer.composition else ()


def _remarks(answer: Answer) -> list[str]:
    remarks = list(answer.notes)
    if answer.composition:
        remarks += answer.composition.degraded
    remarks += dict.fromkeys(
        f"“{skipped.title}” was skipped: {skipped.reason}"
        for rendering in answer.renderings
        for skipped in rendering.skipped
    )
    return remarks + _reductions(answer)


def _reductions(answer: Answer) -> list[str]:
    """One sentence for each image whose weights were capped."""
    remarks = []
    for plan in answer.plans:
        reduced = [a for a in plan.adapters if a.reduced_from is not None]
        if reduced:
            changes = ", ".join(f"{a.title} {a.reduced_from:g} → {a.weight:g}" for a in reduced)
            remarks.append(
                f"Image {plan.index + 1}: weights reduced so that nothing saturates: {changes}."
            )
    return remarks
