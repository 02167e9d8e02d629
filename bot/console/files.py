"""The files that a prompt at a terminal leaves: one PNG an image and a labelled contact sheet."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.reply import Reply, ReplyImage
from engine.errors import StorageUnavailable
from engine.png import contact_sheet, encode_plain, open_image

#: Images beside each other on a contact sheet.
COLUMNS = 4


def write_images(folder: Path, reply: Reply, contents: Mapping[int, bytes]) -> dict[int, str]:
    """Writes every image and returns the paths by index. Raises `StorageUnavailable`."""
    return {
        index: str(_write(folder / f"{reply.request_id}-{index}.png", content))
        for index, content in contents.items()
    }


def write_sheet(folder: Path, reply: Reply, contents: Mapping[int, bytes]) -> Path:
    """Writes the contact sheet and returns its path. Raises `StorageUnavailable`."""
    labelled = [(open_image(contents[i.rendering.index]), i.label) for i in _ordered(reply.images)]
    sheet = contact_sheet(labelled, columns=min(COLUMNS, len(labelled)))
    return _write(folder / f"{reply.request_id}-sheet.png", encode_plain(sheet))


def _ordered(images: Sequence[ReplyImage]) -> list[ReplyImage]:
    return sorted(images, key=lambda image: image.rendering.index)


def check_folder(folder: Path) -> None:
    """Raises `StorageUnavailable` where no file can be written, before anything is rendered."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StorageUnavailable(
            f"{folder} cannot be written ({error.strerror}); choose another folder with --out."
        ) from error


def _write(path: Path, content: bytes) -> Path:
    """Writes beside the place and moves: there is never half a file."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            half = Path(file.name)
            try:
                file.write(content)
                file.flush()
                half.chmod(0o644)
                half.replace(path)
            except BaseException:
                half.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise StorageUnavailable(f"{path} cannot be written ({error.strerror}).") from error
    return path
