"""Pictures that people send, as what a request can start from.

They are strangers' files: their size is checked before anything is unpacked, and whatever they
hold beside pixels (places, names, programs) is left behind.
"""

import io
import math
import warnings
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageOps

from engine.checkpoints import find
from engine.errors import BadFile
from engine.png import encode_plain
from engine.requests.sampling import SIZE_STEP
from engine.settings import Settings
from engine.values import Ask

_FORMATS = ("PNG", "JPEG", "WEBP")
#: From here on a grey of a mask counts as white.
_WHITE = 128


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture to start from, ready to be stored, and the size to render it in."""

    #: PNG files of one size; the mask holds nothing but black and white.
    image: bytes
    mask: bytes | None
    width: int
    height: int


def translation_canvas(image: bytes, ask: Ask, settings: Settings) -> Canvas:
    """The picture in the asked size, or in its own shape and about the usual number of pixels.

    What does not fit an asked shape is cut off evenly. Raises `BadFile`.
    """
    picture = _picture(image, "image", settings)
    width, height = _size(picture, ask, settings)
    filled = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    return Canvas(encode_plain(filled), None, width, height)


def inpainting_canvas(image: bytes, mask: bytes | None, ask: Ask, settings: Settings) -> Canvas:
    """Picture and mask in the picture's own size, so that what is kept loses nothing.

    Without a mask, what is transparent in the picture is painted anew. Pictures larger than the
    limit of sides are scaled down to it. Raises `BadFile`.
    """
    picture = _picture(image, "image", settings)
    painted = _holes(image, settings) if mask is None else _mask(mask, settings)
    if painted.size != picture.size:
        raise BadFile(
            f"The mask has {_shown(painted)} pixels and the image {_shown(picture)}; "
            "give a mask of the image's size."
        )
    within = (settings.limits.side,) * 2
    picture.thumbnail(within, Image.Resampling.LANCZOS)
    painted = painted.resize(picture.size, Image.Resampling.NEAREST)
    if painted.getbbox() is None:
        raise BadFile("The mask has nothing white in it; paint white what is to change.")
    width, height = _size(picture, ask, settings)
    return Canvas(encode_plain(picture), encode_plain(painted), width, height)


def _size(picture: Image.Image, ask: Ask, settings: Settings) -> tuple[int, int]:
    """The asked size; else the picture's shape with about as many pixels as images usually have."""
    usual = find(settings, ask.checkpoint).sampling
    if ask.width is not None or ask.height is not None:
        return ask.width or usual.width, ask.height or usual.height
    scale = math.sqrt(usual.width * usual.height / (picture.width * picture.height))
    width, height = (_stepped(side * scale, settings) for side in picture.size)
    return width, height


def _stepped(side: float, settings: Settings) -> int:
    most = settings.limits.side // SIZE_STEP * SIZE_STEP
    return min(max(SIZE_STEP, SIZE_STEP * round(side / SIZE_STEP)), most)


def _holes(content: bytes, settings: Settings) -> Image.Image:
    """White where the picture is transparent: there alone two papers give two colours."""
    papers = [_picture(content, "image", settings, paper=paper) for paper in ("white", "black")]
    seen_through = ImageChops.difference(*papers).convert("L")
    holes = seen_through.point([255 if value >= _WHITE else 0 for value in range(256)])
    if holes.getbbox() is None:
        raise BadFile("The image has no transparent part; erase what is to change, or give a mask.")
    return holes


def _mask(content: bytes, settings: Settings) -> Image.Image:
    """Black and white; what is transparent counts as black."""
    grey = _picture(content, "mask", settings, paper="black").convert("L")
    return grey.point([255 if value >= _WHITE else 0 for value in range(256)])


def _picture(content: bytes, name: str, settings: Settings, paper: str = "white") -> Image.Image:
    """RGB, upright, on paper of that colour. Raises `BadFile`."""
    limit = settings.limits.picture_megabytes
    if len(content) > limit * 2**20:
        raise BadFile(
            f"The {name} has {len(content) / 2**20:.1f} megabytes; at most {limit} are read."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of sizes; ours are checked right below
            with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
                if opened.width * opened.height > settings.limits.picture_megapixels * 1_000_000:
                    raise _too_many(name, settings)
                if getattr(opened, "n_frames", 1) > 1:
                    raise BadFile(f"The {name} moves; send one that stands still.")
                upright = ImageOps.exif_transpose(opened).convert("RGBA")
    except BadFile:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many(name, settings) from error
    except Exception as error:
        # A broken file makes Pillow's readers raise nearly anything.
        raise BadFile(
            f"The {name} cannot be read as a picture; give a PNG, JPEG or WebP file."
        ) from error
    ground = Image.new("RGBA", upright.size, paper)
    ground.alpha_composite(upright)
    return ground.convert("RGB")


def _too_many(name: str, settings: Settings) -> BadFile:
    limit = settings.limits.picture_megapixels
    return BadFile(f"The {name} has more than {limit} million pixels; send a smaller one.")


def _shown(picture: Image.Image) -> str:
    return f"{picture.width}x{picture.height}"
