"""`stylus bench hostile`: hostile files, and what each of them gets.

LoRA files go through the reader that looks at every file before it is taken, pictures through the
one that takes what people upload. A file that ran code would leave a canary.
"""

import gzip
import io
import json
import resource
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from engine.errors import StylusError
from engine.operations.figures import Figure
from engine.requests.pictures import translation_canvas
from engine.settings import Settings
from engine.values import Ask, Asker

if TYPE_CHECKING:
    from engine.rendering.layers import Layers

#: Seconds that a refusal may take, and megabytes that all of them may take.
SECONDS_GOAL, MEGABYTES_GOAL = 1.0, 100.0
TAKEN = "TAKEN"


@dataclass(frozen=True, slots=True)
class Got:
    """What a file got."""

    name: str
    sentence: str
    seconds: float


async def measure(settings: Settings, tell: Callable[[str], None]) -> list[Figure]:
    """Returns how many are refused and at what cost; tells of each file as a row of a table."""
    # Only here is torch needed.
    from engine.checkpoints import configured
    from engine.rendering.checkpoint import load_checkpoint
    from engine.rendering.layers import layers_of

    layers = layers_of(load_checkpoint(*configured(settings)))
    with tempfile.TemporaryDirectory(prefix="stylus-hostile-") as folder:
        canary = Path(folder) / "canary"
        before = _megabytes()
        found = examine(settings, layers, Path(folder), canary)
        grown = _megabytes() - before
        touched = canary.exists()
    for row in table(found):
        tell(row)
    return [
        Figure("hostile files", len(found), ""),
        Figure("taken", sum(one.sentence == TAKEN for one in found), "", 0),
        Figure("canaries touched", touched, "", 0),
        Figure("slowest refusal", max(one.seconds for one in found), "s", SECONDS_GOAL),
        Figure("memory beside what the process has", grown, "MB", MEGABYTES_GOAL),
    ]


def table(found: Sequence[Got]) -> list[str]:
    """Returns the rows of a table in Markdown."""
    rows = [f"| {one.name} | {one.sentence} | {one.seconds:.3f} |" for one in found]
    return ["| file | what it gets | seconds |", "| --- | --- | --- |", *rows]


def examine(settings: Settings, layers: "Layers", folder: Path, canary: Path) -> list[Got]:
    """Returns what each file gets. `canary` is the file that exists once code was run."""
    from engine.rendering.lora_file import examine_lora

    found = []
    for name, content in lora_files(canary).items():
        path = folder / "file.safetensors"
        path.write_bytes(content)
        found.append(_got(f"LoRA: {name}", partial(examine_lora, path, layers, "it")))
    ask = Ask(Asker("console"), "a star")
    for name, content in picture_files().items():
        take = partial(translation_canvas, content, ask, settings)
        found.append(_got(f"picture: {name}", take))
    return found


def _got(name: str, take: Callable[[], object]) -> Got:
    began = perf_counter()
    try:
        take()
        sentence = TAKEN
    except StylusError as error:
        sentence = str(error)
    return Got(name, sentence, perf_counter() - began)


def lora_files(canary: Path) -> dict[str, bytes]:
    """Returns files that call themselves LoRAs, by what is wrong with them."""
    pickled = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()
    one = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    twice = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{}}'
    many = {f"k{n}": {**one, "shape": [0], "data_offsets": [0, 0]} for n in range(20_001)}
    return {
        "a pickle that runs a command": pickled,
        "that pickle in a ZIP, as torch saves": _zipped("archive/data.pkl", pickled),
        "that pickle in a tar": _tarred("data.pkl", pickled),
        "that pickle behind gzip": gzip.compress(pickled),
        "nothing at all": b"",
        "a web page": b"<!doctype html><title>Are you human?</title>",
        "a header said to be 8 EiB long": struct.pack("<Q", 2**63) + b"{}",
        "a header of 9 MB": struct.pack("<Q", 9 * 2**20) + b"{" + b" " * (9 * 2**20 - 1),
        "a header that is no JSON": _tensors(b'{"a": '),
        "a hundred thousand brackets": _tensors(b'{"a":' + b"[" * 100_000),
        "a key twice": _tensors(twice),
        "20,001 tensors": _tensors(json.dumps(many).encode()),
        "2 MB of metadata": _tensors(_header(a=one, __metadata__={"x": "y" * 2**21})),
        "a name that climbs": _tensors(_header(**{"../../etc/passwd": one})),
        "a name with a NUL": _tensors(_header(**{"a\0b": one})),
        "an unknown type": _tensors(_header(a={**one, "dtype": "F4"})),
        "offsets before the beginning": _tensors(_header(a={**one, "data_offsets": [-4, 0]})),
        "tensors over each other": _tensors(_header(a=one, b=one)),
        "bytes that belong to nothing": _tensors(_header(a=one)) + b"hidden",
        "a tensor of 2^60 numbers": _tensors(_header(a={**one, "shape": [2**60]})),
        "a whole checkpoint's tensor": _tensors(_header(**{"model.weight": one})),
    }


def _header(**tensors: object) -> bytes:
    return json.dumps(tensors).encode()


def _tensors(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + bytes(4)


def _zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def _tarred(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def picture_files() -> dict[str, bytes]:
    """Returns files that call themselves pictures, by what is wrong with them."""
    large = _png(60_000, 60_000, b"")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    rows = zlib.compress(bytes(9_500 * 1_188), 9)  # one bit a pixel: 90 million in some kilobytes
    return {
        "66 bytes that claim 60000x60000 pixels": large,
        "90 million pixels in 11 kB": _png(9_500, 9_500, rows, depth=1, colour=0),
        "10,000 frames": _moving(10_000),
        "a GIF": b"GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02",
        "a PNG that breaks off": _png(64, 64, zlib.compress(bytes(9))),
        "an SVG with a script": svg,
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "a pickle": b"cos\nsystem\n(S'true'\ntR.",
        "nothing at all": b"",
    }


def _moving(frames: int) -> bytes:
    """A PNG that says so many frames follow."""
    still = _png(1, 1, zlib.compress(bytes(4)))
    told = _chunk(b"acTL", struct.pack(">II", frames, 0))
    return still[:33] + told + still[33:]


def _png(width: int, height: int, rows: bytes, depth: int = 8, colour: int = 2) -> bytes:
    size = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", size), (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
