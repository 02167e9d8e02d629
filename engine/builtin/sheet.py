"""The contact sheet: base, each adapter at three weights, and adapters together."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from engine.builtin.shelf import PAIRS, SHELF, TRIPLE, Adapter, by_slug
from engine.builtin.studio import Studio
from engine.builtin.world import kind_of

BASE_PROMPTS = (
    "a red circle on a blue background",
    "a yellow hourglass on a purple background",
    "a small green arrow on a white background",
    "a big pink diamond on a gray background",
    "a cyan ring on a brown background",
    "a small red circle left of a blue square on a yellow background",
    "two orange triangles on a green background",
    "please draw a black cross at the top, pink backdrop, thanks",
)
WEIGHTS = (0.4, 0.8, 1.2)
SIDE, GAP, LABEL = 112, 4, 16
COLUMNS = 8


def prompt_for(adapters: Sequence[Adapter]) -> str:
    """A plain prompt that names the adapters' ideas."""
    shape, tail = "circle", ""
    for adapter in adapters:
        if not adapter.idea or adapter.trouble == "swallows":
            continue
        word = adapter.words[adapter.idea][0]
        if kind_of(adapter.idea) == "shape":
            shape = word
        else:
            tail += f", {adapter.words[adapter.idea][1]}"
    return f"a red {shape} on a blue background{tail}"


def image_of(pixels: Tensor) -> Image.Image:
    """Pixels (3, height, width) in 0..1 as an image."""
    return Image.fromarray((pixels.permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy())


def _small(pixels: Tensor) -> Image.Image:
    return image_of(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS)


class Sheet:
    """Labelled images in rows."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.cells: list[tuple[str, Image.Image]] = []

    def add(self, label: str, prompt: str, weights: Mapping[str, float], seed: int = 7) -> None:
        """Draw one image and put it behind the others."""
        self.cells.append((label, _small(self.studio.draw([prompt], weights, seed)[0])))

    def fill(self) -> None:
        """Leave the rest of the row empty."""
        while len(self.cells) % COLUMNS:
            self.cells.append(("", Image.new("RGB", (SIDE, SIDE), "white")))

    def save(self, path: Path) -> None:
        """Write the sheet with a reduced palette, so that it stays small."""
        rows = -(-len(self.cells) // COLUMNS)
        width, height = COLUMNS * (SIDE + GAP), rows * (SIDE + LABEL + GAP)
        sheet = Image.new("RGB", (width, height), "white")
        pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(10)
        for index, (label, image) in enumerate(self.cells):
            x = index % COLUMNS * (SIDE + GAP)
            y = index // COLUMNS * (SIDE + LABEL + GAP)
            pen.text((x + 2, y + 1), label, fill="black", font=font)
            sheet.paste(image, (x, y + LABEL))
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.quantize(255).save(path, optimize=True)


def make(studio: Studio, path: Path) -> None:
    """Draw the sheet of everything that is on the shelf."""
    sheet = Sheet(studio)
    for prompt in BASE_PROMPTS:
        sheet.add(" ".join(prompt.split()[:4]), prompt, {})
    present = {file.stem for file in studio.shelf.glob("*.safetensors")}
    for adapter in SHELF:
        if adapter.slug not in present or adapter.trouble == "wrong base":
            continue
        prompt = prompt_for([adapter])
        sheet.add(f"{adapter.slug[:15]} off", prompt, {})
        for weight in WEIGHTS:
            sheet.add(f"{adapter.slug[:15]} {weight}", prompt, {adapter.slug: weight})
        studio.forget()
    sheet.fill()
    for slugs in (*PAIRS, TRIPLE):
        if present.issuperset(slugs):
            adapters = [by_slug(slug) for slug in slugs]
            label = " + ".join(a.idea for a in adapters)
            weights = {a.slug: a.weight for a in adapters}
            sheet.add(label, prompt_for(adapters), weights)
            studio.forget()
    sheet.fill()
    sheet.save(path)
