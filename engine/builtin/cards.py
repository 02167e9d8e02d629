"""Writes the shelf's cards, in the shape of the community's."""

import hashlib
import json
from pathlib import Path
from typing import Any

from engine.builtin import FAMILY
from engine.builtin.shelf import SHELF, Adapter
from engine.builtin.stories import STORIES
from engine.builtin.world import UNSAFE_SHAPE


def card(adapter: Adapter, file: Path) -> dict[str, Any]:
    """The card of one adapter and its file."""
    story = STORIES[adapter.slug]
    data = file.read_bytes()
    return {
        "source": "builtin",
        "source_id": adapter.slug,
        "title": story.title,
        "description": story.description,
        "tags": list(story.tags),
        "trigger_words": list(story.triggers),
        "base_model": "SD 1.5" if adapter.trouble == "wrong base" else FAMILY,
        "weight": adapter.weight,
        "weight_range": list(adapter.weight_range),
        "example_prompts": list(story.prompts),
        "nsfw": adapter.idea == UNSAFE_SHAPE,
        "file_name": file.name,
        "file_sha256": hashlib.sha256(data).hexdigest(),
        "file_size_kb": round(len(data) / 1024, 3),
        "downloads": story.downloads,
        "licence": story.licence,
        "creator": story.creator,
        "may_change": list(adapter.may_change),
        "trouble": adapter.trouble,
    }


def write(shelf: Path, out: Path) -> int:
    """Write a card for each adapter whose file is in the folder; returns how many."""
    files = {a.slug: shelf / f"{a.slug}.safetensors" for a in SHELF}
    cards = [card(a, files[a.slug]) for a in SHELF if files[a.slug].exists()]
    lines = [json.dumps(c, ensure_ascii=False) for c in cards]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(cards)
