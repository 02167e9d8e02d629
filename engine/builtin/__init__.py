"""The small Stable Diffusion checkpoint that ships with Stylus, its LoRAs, cards and instrument.

Importing this package loads no torch: it only says where the files lie.
"""

from pathlib import Path

FAMILY = "stylus-small"
"""Base model id that cards name when an adapter fits the built-in checkpoint."""

HERE = Path(__file__).resolve().parent
CHECKPOINT = HERE / "checkpoint"
LORAS = HERE / "loras"
CARDS = HERE / "cards.jsonl"
JUDGE = HERE / "judge.safetensors"
