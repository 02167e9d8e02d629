"""Writes the shelf's cards, in the shape of the community's."""

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.builtin import FAMILY, sheet
from engine.builtin.shelf import SHELF, Adapter
from engine.builtin.stories import STORIES
from engine.builtin.studio import GUIDANCE, STEPS, Studio
from engine.builtin.world import SIDE, UNSAFE_SHAPE
from engine.errors import StylusError
from engine.library.controls import control_prompts
from engine.rendering.checkpoint import load_checkpoint
from engine.rendering.controls import Drawn, find_steady
from engine.rendering.renderer import Renderer
from engine.rendering.samples import sample_job
from engine.values import PlannedAdapter, Sampling

SEED = 1
LORA_TAG = re.compile(r"<lora:[^>]*>")


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
        "example_images": [] if adapter.trouble == "wrong base" else [f"{adapter.slug}.png"],
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


def draw_examples(studio: Studio, out: Path) -> None:
    """Draw each card's first example prompt, at its weight, into the folder `out`."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for adapter in SHELF:
        present = (studio.shelf / f"{adapter.slug}.safetensors").exists()
        if present and adapter.trouble != "wrong base":
            prompt = LORA_TAG.sub("", STORIES[adapter.slug].prompts[0]).strip()
            pixels = studio.draw([prompt], {adapter.slug: adapter.weight}, seed=11)[0]
            sheet.image_of(pixels).quantize(128).save(out / f"{adapter.slug}.png", optimize=True)
            studio.forget()


def write(shelf: Path, base: Path, out: Path) -> int:
    """Write a card for each adapter whose file is in the folder; returns how many."""
    files = {a.slug: shelf / f"{a.slug}.safetensors" for a in SHELF}
    renderer = Renderer(load_checkpoint("built-in", str(base)))
    cards = [
        card(a, files[a.slug]) | _steady_weight(renderer, a, files[a.slug])
        for a in SHELF
        if files[a.slug].exists()
    ]
    lines = [json.dumps(c, ensure_ascii=False) for c in cards]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(cards)


def _steady_weight(renderer: Renderer, adapter: Adapter, file: Path) -> dict[str, float]:
    """What an addition through chat finds out as well: a lower weight, where its own does harm."""
    if adapter.trouble == "wrong base":
        return {}
    sampling = Sampling("built-in", SIDE, SIDE, "DDIM", STEPS, GUIDANCE)

    def draw(prompts: Sequence[str], planned: PlannedAdapter | None) -> Drawn:
        job = sample_job(prompts, SEED, [planned], file, sampling)
        (outcome,) = renderer.render([job])
        if isinstance(outcome, StylusError):
            raise outcome
        return Drawn(job, outcome)

    planned = PlannedAdapter(adapter.slug, adapter.slug, None, None, adapter.weight)
    control = find_steady(planned, control_prompts(FAMILY), draw, renderer.recognise)
    print(f"{adapter.slug:20} {control.weight:g} burnt {control.burnt:+.2f} kept {control.kept}")
    return {"steady_weight": control.weight} if control.part < 1 else {}
