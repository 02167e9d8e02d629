"""Weights of adapters and ranges of them, as people write them."""

import re

from engine.errors import BadOption
from engine.values import MAX_WEIGHT

_NUMBER = r"\s*([+-]?(?:\d{1,3}(?:[.,]\d{0,4})?|[.,]\d{1,4}))\s*"


def read_weight(text: str) -> float:
    """Returns a weight. Raises `BadOption` for what is none."""
    if not re.fullmatch(_NUMBER, text):
        raise BadOption(f"“{text[:20]}” is no weight; write a number such as 0.8.")
    weight = float(text.replace(",", "."))
    if not -MAX_WEIGHT <= weight <= MAX_WEIGHT:
        raise BadOption(f"The weight is {weight:g}; it may be -{MAX_WEIGHT:g} to {MAX_WEIGHT:g}.")
    return weight


def read_span(text: str) -> tuple[float, float] | None:
    """Returns both ends of a range, None for an empty text. Raises `BadOption` for what is none."""
    if not text.strip():
        return None
    found = re.fullmatch(f"{_NUMBER}[-–]{_NUMBER}", text)
    if found is None:
        raise BadOption(f"“{text[:20]}” is no range of weights; write it as 0.6-1, or nothing.")
    return read_weight(found[1]), read_weight(found[2])


def write_span(low: float | None, high: float | None) -> str:
    """Returns the range as `read_span` reads it back."""
    return "" if low is None or high is None else f"{low:g}-{high:g}"
