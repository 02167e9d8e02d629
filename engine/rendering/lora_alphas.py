"""How strongly a LoRA layer counts, for files that keep it in PEFT's configuration.

kohya's files have an alpha tensor a layer. diffusers writes PEFT's configuration into the
metadata instead, as JSON with keys such as "unet.lora_alpha". A file with neither has alpha
equal to rank, as diffusers takes it.
"""

import json
import math
import re
from collections.abc import Collection
from typing import Any

from engine.errors import BadLora
from engine.rendering.lora_layout import PEFT_METADATA

#: Alpha divided by rank. People train with 0.1 to 4; beyond this the file is broken or hostile.
MAX_SCALE = 1024.0
#: PEFT reads the keys of its patterns as regular expressions; those of a stranger are not run.
_PLAIN_PATH = re.compile(r"[\w.]+")


class Alphas:
    """Scales by layer, from a file's metadata."""

    def __init__(self, metadata: dict[str, str], title: str) -> None:
        self._title = title
        self._fields = self._parse(metadata.get(PEFT_METADATA, "{}"))

    def scale(self, name: str, rank: int, alpha: float | None) -> float:
        """Alpha divided by rank for the layer of that full name.

        `alpha` is the layer's own alpha tensor, where the file has one. Raises BadLora.
        """
        part, path = name.split(".", 1)
        if alpha is None:
            alpha = self._alpha(part, path, rank)
            rooted = self._fields.get(f"{part}.use_rslora") is True
        else:
            rooted = False
        scale = alpha / (math.sqrt(rank) if rooted else rank)
        if not abs(scale) <= MAX_SCALE:
            raise BadLora(
                f"“{self._title}” has the impossible alpha {alpha:g} in {name}: get the file again."
            )
        return scale

    def check_magnitudes(self, name: str, roles: Collection[str]) -> None:
        """Raises BadLora for a layer of a DoRA without its magnitudes."""
        told = self._fields.get(f"{name.split('.', 1)[0]}.use_dora") is True
        if told and not {"magnitude", "dora_scale"} & set(roles):
            raise BadLora(
                f"“{self._title}” is a DoRA and lacks the magnitudes of {name}: get the file again."
            )

    def _alpha(self, part: str, path: str, rank: int) -> float:
        for key, value in self._dict(f"{part}.alpha_pattern").items():
            if _PLAIN_PATH.fullmatch(key) is None:
                raise self._unreadable()
            if path == _flat(key) or path.endswith(f".{_flat(key)}"):
                return self._number(value)
        return self._number(self._fields.get(f"{part}.lora_alpha", rank))

    def _dict(self, key: str) -> dict[str, Any]:
        value = self._fields.get(key) or {}
        if not isinstance(value, dict):
            raise self._unreadable()
        return value

    def _number(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._unreadable()
        return float(value)

    def _parse(self, text: str) -> dict[str, Any]:
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            raise self._unreadable() from None
        if not isinstance(fields, dict):
            raise self._unreadable()
        return fields

    def _unreadable(self) -> BadLora:
        return BadLora(
            f"“{self._title}” has a PEFT configuration that cannot be read: get the file again."
        )


def _flat(key: str) -> str:
    return key.removeprefix("text_model.")
