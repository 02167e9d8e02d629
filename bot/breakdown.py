"""The breakdown: how adapters, weights and images are put into words, alike on every platform."""

from collections import defaultdict
from collections.abc import Iterator

from bot.reply import Cell, Reply, Row
from bot.texts import Texts
from engine.values import Phase


def images_said(count: int, texts: Texts) -> str:
    """Returns how many images there are, in words."""
    return texts.summary_one if count == 1 else texts.summary.format(count=count)


def summary(reply: Reply, texts: Texts) -> str:
    """Returns the line under the prompt: how many images, by whom, how long, which request."""
    count = len(reply.images)
    parts = []
    if count:
        parts.append(images_said(count, texts))
    if reply.composer:
        parts.append(texts.composed_by.format(composer=reply.composer))
    if reply.phase is Phase.RENDERED:
        parts.append(texts.seconds.format(seconds=f"{reply.timings.total:.1f}"))
    parts.append(texts.request.format(id=f"`{reply.request_id}`"))
    if reply.parent_id:
        parts.append(texts.from_parent.format(id=f"`{reply.parent_id}`"))
    return " · ".join(parts)


def uses(row: Row, texts: Texts) -> Iterator[str]:
    """Yields with which weight in which images the adapter was on, off or skipped."""
    by_weight: dict[str, list[int]] = defaultdict(list)
    for number, cell in enumerate(row.cells, 1):
        if cell.state == "on":
            by_weight[_weight(cell, texts)].append(number)
    for weight, numbers in by_weight.items():
        if len(numbers) == len(row.cells):
            yield texts.in_all.format(weight=weight)
        else:
            yield texts.in_some.format(weight=weight, images=_numbers(numbers))
    skipped = [n for n, cell in enumerate(row.cells, 1) if cell.state == "skipped"]
    if skipped:
        yield texts.skipped_in.format(images=_numbers(skipped))
    if not by_weight and not skipped:
        yield texts.in_none


def _weight(cell: Cell, texts: Texts) -> str:
    return f"{cell.weight:.2f}" + (f" ({texts.reduced})" if cell.reduced_from is not None else "")


def _numbers(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def safe_link(link: str | None) -> str | None:
    """Returns a card's link where it leads to a place that we know; None for all others."""
    hosts = ("https://civitai.com/", "https://huggingface.co/")
    if link and link.startswith(hosts) and not set(link) & set(" <>()[]`|\\"):
        return link
    return None
