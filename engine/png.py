"""PNG files that say how to render them again, and contact sheets.

The recipe lies in the text chunk "stylus" as JSON; beside it the chunk "parameters" has the
form that Stable Diffusion web UI writes, which many viewers and galleries read.
"""

import io
import json
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from engine.errors import BadFile
from engine.values import Sampling, Source

VERSION = 1
MAX_PIXELS = 16_000_000
#: Folder of the blob store that pictures to start from are kept in.
SOURCES = "sources"
_SOURCE_KEY = re.compile(rf"{SOURCES}/[0-9a-f]{{2}}/[0-9a-f]{{64}}\.png")
_CHUNK = "stylus"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_T = TypeVar("_T")


class UsedAdapter(NamedTuple):
    """An adapter that was loaded for an image."""

    id: str
    title: str
    sha256: str
    weight: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that is needed to render an image again."""

    request_id: str
    #: The prompt as it was encoded, with trigger words.
    prompt: str
    negative: str
    seed: int
    sampling: Sampling
    adapters: tuple[UsedAdapter, ...]
    #: The picture that it started from, by its place in the blob store.
    source: Source | None = None


def encode(image: Image.Image, recipe: Recipe) -> bytes:
    """The bytes of a PNG file that holds the recipe."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt(_CHUNK, json.dumps({"version": VERSION, **_plain(recipe)}, ensure_ascii=False))
    chunks.add_itxt("parameters", _parameters(recipe))
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=chunks)
    return file.getvalue()


def read_recipe(path: Path) -> Recipe:
    """The recipe in the PNG file at `path`. No pixel is decoded. Raises BadFile."""
    text = _recipe_text(path)
    try:
        fields = json.loads(text)
        if fields["version"] != VERSION:
            raise BadFile(f"{path.name} has a recipe of another version: use a newer Stylus.")
        return _recipe(fields)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadFile(
            f"{path.name} has a broken recipe: use the file as Stylus wrote it."
        ) from error


def _plain(recipe: Recipe) -> dict[str, Any]:
    adapters = [adapter._asdict() for adapter in recipe.adapters]
    return {**asdict(recipe), "adapters": adapters}


def _parameters(recipe: Recipe) -> str:
    """As https://github.com/AUTOMATIC1111/stable-diffusion-webui writes it."""
    sampling = recipe.sampling
    tags = "".join(f" <lora:{_tag(a.title)}:{a.weight:g}>" for a in recipe.adapters)
    hashes = ", ".join(f"{_tag(a.title)}: {a.sha256[:12]}" for a in recipe.adapters)
    facts = [
        f"Steps: {sampling.steps}",
        f"Sampler: {sampling.scheduler}",
        f"CFG scale: {sampling.guidance:g}",
        f"Seed: {recipe.seed}",
        f"Size: {sampling.width}x{sampling.height}",
        f"Model: {sampling.checkpoint}",
        *([f"Denoising strength: {recipe.source.strength:g}"] if recipe.source else []),
        *([f'Lora hashes: "{hashes}"'] if hashes else []),
        "Version: Stylus",
    ]
    lines = [_one_line(recipe.prompt) + tags]
    if recipe.negative:
        lines.append(f"Negative prompt: {_one_line(recipe.negative)}")
    return "\n".join([*lines, ", ".join(facts)])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _tag(title: str) -> str:
    """A title without the signs that the form gives a meaning."""
    return _one_line("".join(" " if sign in '<>:,"' else sign for sign in title))


def _recipe_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            _check_size(file.read(24), path.name)
            file.seek(0)
            with Image.open(file, formats=["PNG"]) as image:
                text = image.info.get(_CHUNK)
    except BadFile:
        raise
    except (OSError, ValueError, SyntaxError, struct.error) as error:
        raise BadFile(f"{path.name} cannot be read as a PNG file: give another file.") from error
    if not isinstance(text, str):
        raise BadFile(f"{path.name} holds no recipe of Stylus: give an image that Stylus made.")
    return text


def _check_size(start: bytes, name: str) -> None:
    if len(start) < 24 or not start.startswith(_SIGNATURE) or start[12:16] != b"IHDR":
        raise BadFile(f"{name} is not a PNG file: give an image that Stylus made.")
    width, height = struct.unpack(">II", start[16:24])
    if width * height > MAX_PIXELS:
        raise BadFile(
            f"{name} claims {width}x{height} pixels: give an image of at most "
            f"{MAX_PIXELS:,} pixels."
        )


def _recipe(fields: dict[str, Any]) -> Recipe:
    sampling = fields["sampling"]
    return Recipe(
        request_id=_typed(fields["request_id"], str),
        prompt=_typed(fields["prompt"], str),
        negative=_typed(fields["negative"], str),
        seed=_typed(fields["seed"], int),
        sampling=Sampling(
            checkpoint=_typed(sampling["checkpoint"], str),
            width=_typed(sampling["width"], int),
            height=_typed(sampling["height"], int),
            scheduler=_typed(sampling["scheduler"], str),
            steps=_typed(sampling["steps"], int),
            guidance=_finite(sampling["guidance"]),
            draft=_typed(sampling.get("draft", False), bool),
        ),
        adapters=tuple(_adapter(item) for item in _typed(fields["adapters"], list)),
        source=_source(fields.get("source")),
    )


def _source(fields: dict[str, Any] | None) -> Source | None:
    if fields is None:
        return None
    mask = fields["mask"]
    return Source(
        image=_source_key(fields["image"]),
        strength=_finite(fields["strength"]),
        mask=None if mask is None else _source_key(mask),
    )


def _source_key(value: Any) -> str:
    """A place in the blob store that holds sources only, whoever wrote the file."""
    if not _SOURCE_KEY.fullmatch(_typed(value, str)):
        raise ValueError(f"{value!r} is no place of a source")
    return str(value)


def _adapter(fields: dict[str, Any]) -> UsedAdapter:
    return UsedAdapter(
        _typed(fields["id"], str),
        _typed(fields["title"], str),
        _typed(fields["sha256"], str),
        _finite(fields["weight"]),
    )


def _typed(value: Any, kind: type[_T]) -> _T:
    # `type` rather than isinstance: true is an int to Python.
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _finite(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise TypeError(f"{value!r} is no finite number")
    return float(value)


def contact_sheet(images: Sequence[tuple[Image.Image, str]], columns: int) -> Image.Image:
    """One picture of many, each with its label below it, on white.

    Small images are scaled up by a whole factor, so that a cell is at least 256 pixels wide.
    """
    cells = [_cell(image, label) for image, label in images]
    columns = min(columns, len(cells))
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    width = max(cell.width for cell in cells)
    heights = [max(cell.height for cell in row) for row in rows]
    sheet = Image.new(
        "RGB", (columns * (width + _GAP) + _GAP, sum(heights) + _GAP * (len(rows) + 1)), _PAPER
    )
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            sheet.paste(cell, (_GAP + column * (width + _GAP), top))
        top += height + _GAP
    return sheet


_GAP = 20
_PAPER = (255, 255, 255)
_INK = (40, 40, 44)
_CELL_WIDTH = 256
_FONT_SIZE = 15


def _cell(image: Image.Image, label: str) -> Image.Image:
    factor = max(1, math.ceil(_CELL_WIDTH / image.width))
    size = (image.width * factor, image.height * factor)
    picture = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    font = ImageFont.load_default(_FONT_SIZE)
    text = "\n".join(_wrapped(label, font, picture.width))
    box = ImageDraw.Draw(picture).multiline_textbbox((0, 0), text, font, spacing=6)
    cell = Image.new("RGB", (picture.width, picture.height + 10 + math.ceil(box[3])), _PAPER)
    cell.paste(picture, (0, 0))
    ImageDraw.Draw(cell).multiline_text((0, picture.height + 8), text, _INK, font, spacing=6)
    return cell


def _wrapped(label: str, font: Any, width: int) -> list[str]:
    """The label in lines of at most `width` pixels; a word that is longer is cut."""
    lines: list[str] = []
    for paragraph in label.splitlines():
        line = ""
        for word in paragraph.split():
            for piece in _pieces(word, font, width):
                candidate = f"{line} {piece}".strip()
                if line and font.getlength(candidate) > width:
                    lines.append(line)
                    candidate = piece
                line = candidate
        lines.append(line)
    return lines


def _pieces(word: str, font: Any, width: int) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def open_image(content: bytes) -> Image.Image:
    """The image of a PNG's bytes, decoded."""
    with Image.open(io.BytesIO(content)) as image:
        return image.convert("RGB")


def encode_plain(image: Image.Image) -> bytes:
    """The bytes of a PNG file without a recipe."""
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
