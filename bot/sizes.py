"""Sizes of images, as people write them."""

import re

from engine.errors import BadOption


def read_size(text: str | None) -> tuple[int | None, int | None]:
    """Returns width and height. Raises `BadOption` for what is no size."""
    if text is None:
        return None, None
    found = re.fullmatch(r"\s*(\d{1,5})\s*[x×*]\s*(\d{1,5})\s*", text, re.IGNORECASE)
    if not found:
        raise BadOption(f"“{text[:40]}” is no size; write it as 512x512.")
    return int(found[1]), int(found[2])
