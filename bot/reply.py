"""The reply: what people get to see of an answer, with no platform in it.

What it says of adapters is what the renderer reported, not what was planned.
"""

from dataclasses import dataclass, replace
from typing import Literal

from bot.texts import ENGLISH, Texts, said
from engine.values import Answer, Composition, Phase, Pick, Rendering, Timings


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
    link: str | None = None


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
    parent_id: str | None
    prompt: str
    phase: Phase
    #: Who split the prompt; None where it did not come that far.
    composer: str | None
    timings: Timings
    images: tuple[ReplyImage, ...]
    rows: tuple[Row, ...]
    #: Sentences beside the breakdown: what was reduced, skipped or degraded.
    remarks: tuple[str, ...]
    #: Why there are no images.
    failure: str | None
    #: Whether people are to vote: then nothing here tells which image has adapters.
    duel: bool = False


def make_reply(answer: Answer, texts: Texts = ENGLISH) -> Reply:
    """Returns the reply to a final answer."""
    if answer.request.kind == "duel" and answer.phase is Phase.RENDERED:
        return _blind(answer, texts)
    return _full(answer, texts)


def reveal_reply(answer: Answer, texts: Texts = ENGLISH) -> Reply:
    """Returns the reply that tells which image of a duel has which adapters."""
    return _full(answer, texts)


def _blind(answer: Answer, texts: Texts) -> Reply:
    """What is shown of a duel: two images that nobody can tell apart by words."""
    prompt = answer.request.prompt
    images = tuple(
        ReplyImage(
            one,
            alt=texts.duel_alt.format(number=one.index + 1, prompt=prompt),
            label=str(one.index + 1),
        )
        for one in answer.renderings
    )
    full = _full(answer, texts)
    against = answer.request.overrides.against
    alike = len({one.loaded for one in answer.renderings}) < len(answer.renderings)
    question = (texts.duel_alike if alike else texts.duel_question)[against]
    return replace(full, images=images, rows=(), remarks=(question,), composer=None, duel=True)


def _full(answer: Answer, texts: Texts) -> Reply:
    composition = answer.composition
    return Reply(
        request_id=answer.request.id,
        parent_id=answer.request.parent_id,
        prompt=answer.request.prompt,
        phase=answer.phase,
        composer=composition.composer if composition else None,
        timings=answer.timings,
        images=tuple(_image(answer, rendering, texts) for rendering in answer.renderings),
        rows=_rows(composition, answer, texts) if composition else (),
        remarks=tuple(_remarks(answer, texts)),
        failure=None if answer.phase is Phase.RENDERED else said(answer.failure or "", texts),
    )


def _rows(composition: Composition, answer: Answer, texts: Texts) -> tuple[Row, ...]:
    rows = []
    for task in composition.tasks:
        rows += [_row(task.keyword, pick, answer, texts) for pick in task.picks]
        if not task.picks:
            rows.append(Row(task.keyword, None, None, texts.nothing_fits, ()))
    return tuple(rows)


def _row(words: str, pick: Pick, answer: Answer, texts: Texts) -> Row:
    cells = tuple(_cell(pick.adapter_id, one) for one in answer.renderings)
    credit = ", ".join(part for part in (pick.creator, pick.licence) if part)
    why = said(pick.reason, texts)
    return Row(words, pick.adapter_id, pick.title, why, cells, credit, pick.link)


def _cell(adapter_id: str, rendering: Rendering) -> Cell:
    loaded = next((a for a in rendering.loaded if a.adapter_id == adapter_id), None)
    if loaded:
        return Cell("on", loaded.weight, loaded.reduced_from)
    skipped = any(a.adapter_id == adapter_id for a in rendering.skipped)
    return Cell("skipped" if skipped else "off")


def _image(answer: Answer, rendering: Rendering, texts: Texts) -> ReplyImage:
    titles = {pick.adapter_id: pick.title for pick in _picks(answer)}
    used = [f"{titles.get(a.adapter_id, a.adapter_id)} {a.weight:g}" for a in rendering.loaded]
    names = ", ".join(used)
    adapters = texts.with_adapters.format(adapters=names) if used else texts.without_adapters
    number = rendering.index + 1
    return ReplyImage(
        rendering=rendering,
        alt=texts.alt.format(number=number, prompt=answer.request.prompt, adapters=adapters),
        label=f"{number} · {names or texts.no_adapters}",
    )


def _picks(answer: Answer) -> tuple[Pick, ...]:
    return answer.composition.picks if answer.composition else ()


def _remarks(answer: Answer, texts: Texts) -> list[str]:
    remarks = list(answer.notes)
    if answer.composition:
        remarks += answer.composition.degraded
    remarks = [said(remark, texts) for remark in remarks]
    remarks += dict.fromkeys(
        texts.skipped_because.format(title=skipped.title, reason=said(skipped.reason, texts))
        for rendering in answer.renderings
        for skipped in rendering.skipped
    )
    return remarks + _reductions(answer, texts)


def _reductions(answer: Answer, texts: Texts) -> list[str]:
    """One sentence for each image whose weights were capped."""
    remarks = []
    titles = {pick.adapter_id: pick.title for pick in _picks(answer)}
    for one in answer.renderings:
        reduced = [a for a in one.loaded if a.reduced_from is not None]
        if reduced:
            changes = ", ".join(
                f"{titles.get(a.adapter_id, a.adapter_id)} {a.reduced_from:g} → {a.weight:g}"
                for a in reduced
            )
            remarks.append(texts.reductions.format(number=one.index + 1, changes=changes))
    return remarks
