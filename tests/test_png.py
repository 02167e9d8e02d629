"""PNG files say how to render them again; contact sheets show and label every image."""

import io
import json
import struct
import zlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from engine.errors import BadFile
from engine.png import Recipe, UsedAdapter, contact_sheet, encode, read_recipe
from engine.values import Sampling, Source

SAMPLING = Sampling("small", 64, 48, "DDIM", 20, 3.5)
RECIPE = Recipe(
    request_id="r1",
    prompt="a fox, neon\nglow 霓虹 “quoted”",
    negative="blurry",
    seed=2**53 + 1,
    sampling=SAMPLING,
    adapters=(
        UsedAdapter("a1", "Neon, glow: <v2>", "ab" * 32, 0.8),
        UsedAdapter("a2", "Fox", "cd" * 32, -0.25),
    ),
)
PICTURE = Image.linear_gradient("L").resize((64, 48)).convert("RGB")


def _write(path: Path, raw: bytes) -> Path:
    path.write_bytes(raw)
    return path


def _with_text(text: str) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("stylus", text)
    file = io.BytesIO()
    PICTURE.save(file, "PNG", pnginfo=chunks)
    return file.getvalue()


def _sentence(path: Path) -> str:
    with pytest.raises(BadFile) as caught:
        read_recipe(path)
    assert path.name in str(caught.value)
    assert str(path.parent) not in str(caught.value)
    return str(caught.value)


SOURCE = Source(f"sources/ab/{'ab' * 32}.png", 0.6, f"sources/cd/{'cd' * 32}.png")


def test_a_recipe_names_the_picture_that_it_starts_from(tmp_path: Path) -> None:
    recipe = replace(RECIPE, source=SOURCE)
    path = _write(tmp_path / "fox.png", encode(PICTURE, recipe))
    assert read_recipe(path) == recipe
    with Image.open(path) as image:
        assert "Denoising strength: 0.6" in image.info["parameters"]


@pytest.mark.parametrize("key", ["image", "mask"])
@pytest.mark.parametrize(
    "place", ["images/ab/x.png", "sources/../images/x.png", "/etc/passwd", 7, f"sources/ab/{1}.png"]
)
def test_a_recipe_leads_to_no_other_place(key: str, place: Any, tmp_path: Path) -> None:
    fields = json.loads(json.dumps({"version": 1, **asdict(replace(RECIPE, source=SOURCE))}))
    fields["adapters"] = []
    assert read_recipe(_write(tmp_path / "a.png", _with_text(json.dumps(fields)))).source == SOURCE
    fields["source"][key] = place
    sentence = _sentence(_write(tmp_path / "b.png", _with_text(json.dumps(fields))))
    assert "broken recipe" in sentence


def test_a_recipe_comes_back(tmp_path: Path) -> None:
    path = _write(tmp_path / "fox.png", encode(PICTURE, RECIPE))
    assert read_recipe(path) == RECIPE
    with Image.open(path) as image:
        assert image.convert("RGB").tobytes() == PICTURE.tobytes()


def test_the_same_image_and_recipe_give_the_same_bytes() -> None:
    assert encode(PICTURE, RECIPE) == encode(PICTURE, RECIPE)


def test_parameters_as_people_s_tools_read_them(tmp_path: Path) -> None:
    with Image.open(_write(tmp_path / "fox.png", encode(PICTURE, RECIPE))) as image:
        lines = image.info["parameters"].split("\n")
    assert lines == [
        "a fox, neon glow 霓虹 “quoted” <lora:Neon glow v2:0.8> <lora:Fox:-0.25>",
        "Negative prompt: blurry",
        "Steps: 20, Sampler: DDIM, CFG scale: 3.5, Seed: 9007199254740993, Size: 64x48, "
        'Model: small, Lora hashes: "Neon glow v2: abababababab, Fox: cdcdcdcdcdcd", '
        "Version: Stylus",
    ]


def test_parameters_without_adapters_and_negative(tmp_path: Path) -> None:
    plain = Recipe("r1", "a fox", "", 1, SAMPLING, ())
    with Image.open(_write(tmp_path / "fox.png", encode(PICTURE, plain))) as image:
        first, second = image.info["parameters"].split("\n")
    assert first == "a fox"
    assert second.startswith("Steps: 20")
    assert "Lora" not in second


def _png(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "is not a PNG file"),
        (b"GIF89a" + bytes(40), "is not a PNG file"),
        (_png(60_000, 60_000), "claims 60000x60000 pixels"),
        (_png(4001, 4000), "at most 16,000,000 pixels"),
        (_png(64, 64), "cannot be read as a PNG file"),
        (encode(PICTURE, RECIPE)[:60], "cannot be read as a PNG file"),
        (_with_text("{"), "a broken recipe"),
        (_with_text("[" * 100_000), "a broken recipe"),
        (_with_text("1"), "a broken recipe"),
        (_with_text('{"version": 2}'), "a recipe of another version"),
        (_with_text('{"version": 1}'), "a broken recipe"),
    ],
)
def test_refused(raw: bytes, words: str, tmp_path: Path) -> None:
    assert words in _sentence(_write(tmp_path / "fox.png", raw))


def test_a_png_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "fox.png"
    PICTURE.save(path)
    assert "holds no recipe of Stylus" in _sentence(path)


def test_a_missing_file(tmp_path: Path) -> None:
    assert "cannot be read" in _sentence(tmp_path / "fox.png")


def test_a_text_chunk_that_unpacks_to_much(tmp_path: Path) -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("stylus", "x" * 80_000_000, zip=True)
    path = tmp_path / "fox.png"
    PICTURE.save(path, pnginfo=chunks)
    assert path.stat().st_size < 1_000_000
    assert "cannot be read as a PNG file" in _sentence(path)


def _changed(path: tuple[str | int, ...], value: Any) -> str:
    fields = json.loads(json.dumps({"version": 1, **asdict(RECIPE)}))
    fields["adapters"] = [adapter._asdict() for adapter in RECIPE.adapters]
    place = fields
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(fields)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("prompt",), 1),
        (("seed",), "1"),
        (("seed",), True),
        (("sampling",), None),
        (("sampling", "steps"), 2.5),
        (("sampling", "guidance"), float("nan")),
        (("adapters",), {}),
        (("adapters", 0, "weight"), "much"),
        (("adapters", 0), []),
    ],
)
def test_fields_of_the_wrong_type(path: tuple[str | int, ...], value: Any, tmp_path: Path) -> None:
    good = _write(tmp_path / "good.png", _with_text(_changed(("seed",), 5)))
    assert read_recipe(good).seed == 5
    raw = _with_text(_changed(path, value))
    assert "a broken recipe" in _sentence(_write(tmp_path / "fox.png", raw))


def _cells(count: int, size: tuple[int, int] = (64, 48)) -> list[tuple[Image.Image, str]]:
    return [
        (Image.new("RGB", size, (200, 10 * index, 0)), f"image {index}") for index in range(count)
    ]


def _has_colour(sheet: Image.Image, colour: tuple[int, int, int]) -> bool:
    return bool((np.asarray(sheet) == colour).all(axis=2).any())


def test_every_image_is_on_the_sheet_scaled_up_by_a_whole_factor() -> None:
    sheet = contact_sheet(_cells(5), columns=3)
    assert all(_has_colour(sheet, (200, 10 * index, 0)) for index in range(5))
    # Three columns of 4 * 64 pixels with gaps; two rows with labels.
    assert sheet.width == 3 * 256 + 4 * 20
    assert sheet.height > 2 * 192 + 3 * 20
    columns = (np.asarray(sheet) == (200, 0, 0)).all(axis=2).any(axis=0)
    assert columns.sum() == 256


def test_a_sheet_is_no_wider_than_its_images_and_leaves_large_ones_alone() -> None:
    sheet = contact_sheet(_cells(1, (300, 200)), columns=4)
    assert sheet.width == 300 + 2 * 20


def test_labels_are_drawn_and_wrapped() -> None:
    heights = []
    for label in ("", "short", "many words " * 12, "first\nsecond\nthird", "x" * 200):
        sheet = contact_sheet([(Image.new("RGB", (256, 64), (255, 255, 255)), label)], columns=1)
        heights.append(sheet.height)
        dark = np.asarray(sheet).max(axis=2) < 128
        assert dark.any() == bool(label)
        # Nothing is written into the margins.
        assert not dark[:, :20].any()
        assert not dark[:, -20:].any()
    assert heights[1] < heights[3] < heights[2]
    assert heights[4] > heights[1]
