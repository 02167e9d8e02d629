"""Pictures that people send become canvases, or one sentence that says what is wrong with them."""

import io
import struct
import zlib
from resource import RUSAGE_SELF, getrusage
from time import process_time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.errors import BadFile
from engine.requests.pictures import Canvas, inpainting_canvas, translation_canvas
from engine.settings import Limits, Settings
from tests.samples import ask

SETTINGS = Settings()
SMALL = Settings(limits=Limits(picture_megabytes=1, picture_megapixels=1, side=256))


def picture(width: int = 128, height: int = 128, mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(1).integers(0, 255, (height, width, 4), dtype=np.uint8)
    return Image.fromarray(noise, "RGBA").convert(mode)


def file(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def mask(width: int = 128, height: int = 128, white: int = 64) -> Image.Image:
    made = Image.new("L", (width, height))
    made.paste(255, (0, 0, white, height))
    return made


def refusal(image: bytes, settings: Settings = SETTINGS) -> str:
    with pytest.raises(BadFile) as caught:
        translation_canvas(image, ask(), settings)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_every_kind_becomes_a_plain_png(kind: str) -> None:
    canvas = translation_canvas(file(picture(), kind), ask(), SETTINGS)
    image = opened(canvas.image)
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (128, 128))
    assert canvas.mask is None


def test_nothing_but_pixels_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "at my house"
    content = translation_canvas(file(picture(), "JPEG", exif=exif), ask(), SETTINGS).image
    assert b"my house" not in content
    assert not opened(content).info


def test_a_photo_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    canvas = translation_canvas(file(picture(512, 128), "JPEG", exif=exif), ask(), SETTINGS)
    assert (canvas.width, canvas.height) == (64, 256)


def test_transparency_is_on_white_paper() -> None:
    clear = Image.new("RGBA", (128, 128), (0, 0, 0, 0))
    canvas = translation_canvas(file(clear), ask(), SETTINGS)
    assert opened(canvas.image).getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize(
    ("size", "wanted", "expected"),
    [
        ((1000, 1000), {}, (128, 128)),
        ((1000, 250), {}, (256, 64)),
        ((10, 5000), {}, (64, 1536)),
        ((3, 3), {}, (128, 128)),
        ((1000, 250), {"width": 192}, (192, 128)),
        ((1000, 250), {"width": 192, "height": 320}, (192, 320)),
    ],
)
def test_the_size(size: tuple[int, int], wanted: dict[str, Any], expected: tuple[int, int]) -> None:
    canvas = translation_canvas(file(picture(*size)), ask(**wanted), SETTINGS)
    assert (canvas.width, canvas.height) == expected
    assert opened(canvas.image).size == expected


def test_what_does_not_fit_is_cut_off_and_nothing_is_stretched() -> None:
    wide = Image.new("RGB", (300, 100))
    wide.paste((255, 0, 0), (100, 0, 200, 100))
    canvas = translation_canvas(file(wide), ask(width=128, height=128), SETTINGS)
    reds = np.asarray(opened(canvas.image))[:, :, 0]
    assert reds[:, 4:-4].min() > 200


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        file(picture())[:300],
        file(picture(), "BMP"),
        file(picture(), "GIF"),
        b"%PDF-1.4",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    ],
)
def test_what_is_no_picture(content: bytes) -> None:
    expected = "The image cannot be read as a picture; give a PNG, JPEG or WebP file."
    assert refusal(content) == expected


def test_a_file_that_is_too_large() -> None:
    assert refusal(b"x" * (2**20 + 1), SMALL) == (
        "The image has 1.0 megabytes; at most 1 are read."
    )


@pytest.mark.parametrize("side", [4_001, 60_000])
def test_a_small_file_of_many_pixels_is_never_unpacked(side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    bomb += struct.pack(">I", zlib.crc32(chunk)) + struct.pack(">I", 0) + b"IDAT"
    assert refusal(bomb) == "The image has more than 16 million pixels; send a smaller one."


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_picture_that_moves_is_refused_before_its_frames_are_unpacked(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), (n % 256, 0, 0)) for n in range(300)]
    content = file(frames[0], kind, save_all=True, append_images=frames[1:])
    began = process_time()
    assert refusal(content) == "The image moves; send one that stands still."
    assert process_time() - began < 1


def png_chunk(kind: bytes, data: bytes) -> bytes:
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


def whole_png(
    side: int, depth: int, pixels: bytes, between: bytes = b"", after: bytes = b""
) -> bytes:
    """Returns a grey PNG that any program can show."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, 0, 0, 0, 0))
    image = png_chunk(b"IDAT", zlib.compress(pixels, 9))
    return b"\x89PNG\r\n\x1a\n" + header + between + image + after + png_chunk(b"IEND", b"")


def many_frames(count: int) -> bytes:
    """Returns an animated PNG of one pixel, frame after frame."""
    moves = [struct.pack(">IIIIIHHBB", n, 1, 1, 0, 0, 1, 10, 0, 0) for n in range(2 * count - 1)]
    pixel = zlib.compress(b"\0\0")
    frames = b"".join(
        png_chunk(b"fcTL", moves[n]) + png_chunk(b"fdAT", struct.pack(">I", n + 1) + pixel)
        for n in range(1, 2 * count - 1, 2)
    )
    begin = png_chunk(b"acTL", struct.pack(">II", count, 0)) + png_chunk(b"fcTL", moves[0])
    return whole_png(1, 8, b"\0\0", begin, frames)


def test_bombs_are_refused_within_a_second_and_little_memory() -> None:
    """90 million pixels in 11 kB, and ten thousand frames, both in whole files."""
    large = whole_png(9500, 1, bytes(9500 * (1 + 9500 // 8 + 1)))
    moving = many_frames(10_000)
    assert len(large) < 12_000
    assert opened(moving).n_frames == 10_000  # type: ignore[attr-defined]
    before, began = getrusage(RUSAGE_SELF).ru_maxrss, process_time()
    assert refusal(large) == "The image has more than 16 million pixels; send a smaller one."
    assert refusal(moving) == "The image moves; send one that stands still."
    assert process_time() - began < 1
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 100 * 1024, "kilobytes"


def _inpainting(image: Image.Image, painted: Image.Image, settings: Settings = SETTINGS) -> Canvas:
    return inpainting_canvas(file(image), file(painted), ask(), settings)


def test_an_inpainted_picture_keeps_its_own_size_and_pixels() -> None:
    canvas = _inpainting(picture(300, 200), mask(300, 200))
    assert opened(canvas.image).tobytes() == picture(300, 200).tobytes()
    assert canvas.mask
    assert opened(canvas.mask).convert("L").tobytes() == mask(300, 200).tobytes()
    assert (canvas.width, canvas.height) == (128, 128)


def test_a_picture_beyond_the_limit_is_scaled_down_with_its_mask() -> None:
    canvas = _inpainting(picture(512, 256), mask(512, 256), SMALL)
    assert canvas.mask
    assert opened(canvas.image).size == opened(canvas.mask).size == (256, 128)


def test_a_mask_is_black_and_white_and_transparency_is_black() -> None:
    drawn = Image.new("RGBA", (128, 128), (255, 255, 255, 0))
    drawn.paste((200, 210, 190, 255), (0, 0, 10, 10))
    canvas = _inpainting(picture(), drawn)
    assert canvas.mask
    pixels = np.asarray(opened(canvas.mask).convert("L"))
    assert set(np.unique(pixels)) == {0, 255}
    assert int((pixels == 255).sum()) == 100


def test_a_mask_of_another_size() -> None:
    with pytest.raises(BadFile) as caught:
        _inpainting(picture(), mask(64, 128))
    assert str(caught.value) == (
        "The mask has 64x128 pixels and the image 128x128; give a mask of the image's size."
    )


def test_a_mask_without_white() -> None:
    with pytest.raises(BadFile, match="The mask has nothing white in it"):
        _inpainting(picture(), mask(white=0))


def test_a_mask_that_is_no_picture_is_named() -> None:
    with pytest.raises(BadFile, match="The mask cannot be read as a picture"):
        inpainting_canvas(file(picture()), b"?", ask(), SETTINGS)
