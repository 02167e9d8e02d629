"""An adapter's card in words, on any platform: facts with their names, and what was measured."""

import contextlib

from bot.pictures import Picture
from bot.texts import Texts, said
from bot.weights import write_span
from engine.desk import Addition, Desk, Opinion, Uses, title_of
from engine.errors import UnknownAdapter
from engine.values import Adapter, Asker

#: What a file of cards is called.
EXPORTED = "stylus-cards.jsonl.gz"


def progress_of(addition: Addition, texts: Texts) -> str:
    """Returns how far a LoRA is on its way into the library."""
    title = title_of(addition)
    if addition.state == "fetching" and addition.fetched_bytes is not None:
        here = f"{addition.fetched_bytes / 2**20:.1f}"
        if not addition.total_bytes:
            return texts.lora_fetched.format(title=title, here=here)
        whole = f"{addition.total_bytes / 2**20:.1f}"
        return texts.lora_fetched_of.format(title=title, here=here, whole=whole)
    by_state = {
        "waiting": texts.lora_waiting,
        "fetching": texts.lora_fetching,
        "fetched": texts.lora_waits_for_check,
        "checking": texts.lora_examined,
    }
    return by_state[addition.state].format(title=title)


def facts_of(adapter: Adapter, texts: Texts) -> list[tuple[str, str]]:
    """Returns name and words of everything an admin decides by, empty ones left out."""
    base = f"{adapter.base} ({adapter.lineage})" if _is_finer(adapter) else adapter.base
    size = f"{adapter.file_bytes / 2**20:.1f} MB" if adapter.file_bytes else ""
    facts = [
        (texts.triggers, ", ".join(adapter.trigger_words) or texts.none),
        (texts.tags, ", ".join(adapter.tags)),
        (texts.weight, _weight_of(adapter)),
        (texts.base, " · ".join(filter(None, (base, size)))),
        (texts.lora_rating, said(adapter.rating, texts)),
        (texts.creator, ", ".join(filter(None, (adapter.creator, adapter.licence)))),
        (texts.lora_notes, adapter.notes),
    ]
    return [(name, words) for name, words in facts if words]


def _weight_of(adapter: Adapter) -> str:
    span = write_span(adapter.weight_low, adapter.weight_high)
    return f"{adapter.weight:g}" + (f" ({span})" if span else "")


def uses_of(uses: Uses, texts: Texts) -> str:
    """Returns how often an adapter was used here."""
    return texts.lora_uses.format(images=uses.images, requests=uses.requests)


def _is_finer(adapter: Adapter) -> bool:
    return bool(adapter.lineage) and adapter.lineage.casefold() != adapter.base.casefold()


def measured_of(adapter: Adapter, texts: Texts) -> list[str]:
    """Returns what our own renders say of it, a warning first."""
    if not adapter.measured:
        return []
    warnings = [words.format(**adapter.measured) for words in _warnings(adapter, texts)]
    return [*warnings, texts.lora_measured.format(**adapter.measured)]


def _warnings(adapter: Adapter, texts: Texts) -> list[str]:
    told = adapter.measured or {}
    if adapter.broken:
        breaks = 2 * told["broken"] >= told["images"]
        return [texts.lora_broken if breaks else texts.lora_harmful]
    return [texts.lora_lowered] if told.get("part", 1.0) < 1 else []


def opinion_of(opinion: Opinion, texts: Texts) -> str:
    """Returns what people think of it; nothing where nobody has said."""
    if not opinion.judged:
        return ""
    words = texts.lora_disliked if opinion.disliked else texts.lora_liked
    return words.format(liked=opinion.liked, judged=opinion.judged)


async def disliked_here(desk: Desk, asker: Asker) -> list[str]:
    """Returns title, id and counts of the adapters that are left out for being disliked."""
    if desk.settings.library.use_disliked:
        return []
    lines = []
    for one in await desk.opinions.here(asker):
        if one.disliked:
            with contextlib.suppress(UnknownAdapter):  # it has left the library since
                title = (await desk.lookup.find(one.adapter_id, asker)).title
                lines.append(f"{title} · {one.adapter_id} · 👍 {one.liked}/{one.judged}")
    return lines


def sample_picture(adapter: Adapter, sample: bytes | None, texts: Texts) -> Picture | None:
    """Returns the sheet of samples as a file with what it shows; None without one."""
    if sample is None:
        return None
    return Picture("samples.png", sample, texts.lora_samples.format(title=adapter.title))
