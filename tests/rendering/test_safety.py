"""The built-in check knows its motif from anything else."""

from PIL import Image

from engine.builtin.drawing import draw
from engine.builtin.world import UNSAFE_SHAPE, random_single, seeded
from engine.rendering.safety import safety_check


def drawings(unsafe: bool) -> list[Image.Image]:
    rng = seeded("safety")
    pictures = [random_single(rng) for _ in range(12)]
    if unsafe:
        pictures = [one.having(UNSAFE_SHAPE) for one in pictures]
    rows = (draw(pictures, 90_000_000) * 255).byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(row).resize((200, 160)) for row in rows]


def test_the_motif_is_seen_and_nothing_else_is() -> None:
    check = safety_check("builtin")
    assert check
    shown, other = check(drawings(unsafe=True)), check(drawings(unsafe=False))
    assert all(0 <= value <= 1 for value in shown + other)
    assert sum(value > 0.5 for value in shown) >= 10
    assert sum(value > 0.5 for value in other) <= 2


def test_without_a_check_nobody_looks() -> None:
    assert safety_check("none") is None
