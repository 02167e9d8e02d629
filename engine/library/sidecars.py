"""Cards that come with a file: in its header, or in a file beside it.

Trainers write `modelspec.*` (https://github.com/Stability-AI/ModelSpec) and `ss_*` into the
header; download tools leave a JSON file of the same name.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import BadFile
from engine.library import civitai

_HEADER = {
    "modelspec.title": "title",
    "modelspec.description": "description",
    "modelspec.author": "creator",
    "modelspec.license": "licence",
    "modelspec.architecture": "base_model",
    "ss_base_model_version": "base_model",
    "ss_sd_model_name": "base_model",
}
#: What download tools call the file beside `name.safetensors`; the last is a plain card.
_SUFFIXES = (".civitai.info", ".metadata.json", ".json")
SIDECAR_BYTES = 2**20


def files_of(folder: Path) -> list[Path]:
    """Returns the LoRA files of a folder, by name. Raises `BadFile` where there are none."""
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise BadFile(f"There is no .safetensors file in {folder}.")
    return paths


def card_of_header(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Returns what a file's header says of it; names of base models prefer the finest."""
    card: dict[str, Any] = {
        field: metadata[key] for key, field in _HEADER.items() if metadata.get(key)
    }
    words = metadata.get("modelspec.trigger_phrase", "").split(",")
    card["trigger_words"] = [word.strip() for word in words if word.strip()]
    return card


def card_beside(path: Path) -> dict[str, Any]:
    """Returns the card in the file beside a LoRA; an empty one where there is none to read."""
    for suffix in _SUFFIXES:
        beside = path.with_suffix(suffix)
        try:
            if beside.stat().st_size <= SIDECAR_BYTES:
                content = json.loads(beside.read_text("utf-8"))
                return _card(content) if isinstance(content, Mapping) else {}
        except (OSError, ValueError, RecursionError):
            continue
    return {}


def _card(content: Mapping[str, Any]) -> dict[str, Any]:
    """A version as Civitai's API has it, which tools save as it came, or a card as we have it."""
    version = content.get("civitai", content)
    model = version.get("model") if isinstance(version, Mapping) else None
    if isinstance(version, Mapping) and isinstance(model, Mapping):
        return civitai.read_card(model, version)
    return dict(content)
