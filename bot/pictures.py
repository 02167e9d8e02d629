"""Pictures: the files that an answer comes with, on any platform."""

import asyncio
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.reply import Reply
from bot.status import Status
from bot.texts import Texts
from engine.desk import Desk
from engine.png import contact_sheet, encode_plain, open_image
from engine.values import Rendering

#: Images beside each other on the sheet: two make a square of four.
COLUMNS = 2
#: Of a JPEG file where the PNG is too large to be sent.
QUALITY = 90
#: Pixels of a side below which nothing is made smaller.
SMALLEST = 16


@dataclass(frozen=True, slots=True)
class Picture:
    """One file with what it shows, for people who cannot see it."""

    name: str
    content: bytes
    alt: str

    def open(self) -> io.BytesIO:
        """Returns the content as a new file."""
        return io.BytesIO(self.content)


async def load_pictures(desk: Desk, reply: Reply) -> dict[int, Picture]:
    """Returns the reply's images by index. Raises `StorageUnavailable`."""
    return {
        image.rendering.index: Picture(
            name=f"stylus-{reply.request_id}-{image.rendering.index + 1}.png",
            content=await load_content(desk, image.rendering, blind=reply.duel),
            alt=image.alt,
        )
        for image in reply.images
    }


async def load_content(desk: Desk, rendering: Rendering, *, blind: bool) -> bytes:
    """Returns a rendering's PNG. A file says which adapters made it: of a duel, it may hold no more
    than pixels. Raises `StorageUnavailable`."""
    content = await desk.image(rendering)
    return await asyncio.to_thread(_pixels, content) if blind else content


def _pixels(content: bytes) -> bytes:
    return encode_plain(open_image(content))


def fit(picture: Picture, limit: int) -> Picture:
    """Returns the picture with at most so many bytes, as a JPEG file and then ever smaller; one
    that fits stays as it is. The name stays the same: what shows it, shows it by that name."""
    image = open_image(picture.content)
    while len(picture.content) > limit and min(image.size) >= SMALLEST:
        file = io.BytesIO()
        image.convert("RGB").save(file, "JPEG", quality=QUALITY)
        picture = replace(picture, content=file.getvalue())
        image = image.reduce(2)
    return picture


async def load_preview(desk: Desk, status: Status) -> Picture | None:
    """Returns what the images of a request under way look like so far; None before that."""
    content = await desk.preview(status.request_id) if status.done is not None else None
    if content is None:
        return None
    return Picture(f"stylus-{status.request_id}-preview.jpg", content, status.headline)


def make_sheet(reply: Reply, pictures: Mapping[int, Picture], texts: Texts) -> Picture | None:
    """Returns all images in one file, each with its number and adapters; None for one image."""
    if len(pictures) < 2:
        return None
    labelled = [
        (open_image(pictures[image.rendering.index].content), image.label) for image in reply.images
    ]
    columns = COLUMNS if len(labelled) <= COLUMNS**2 else 2 * COLUMNS
    content = encode_plain(contact_sheet(labelled, columns=columns))
    alt = texts.sheet.format(count=len(labelled), prompt=reply.prompt)
    return Picture(f"stylus-{reply.request_id}-sheet.png", content, alt)
