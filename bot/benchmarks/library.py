"""`stylus bench library`: what looking after a large catalogue costs, and checking a large file."""

import resource
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from bot.benchmarks import crowd
from engine.composing.local_model import load_model
from engine.library import catalogue
from engine.library.catalogue import Filters
from engine.operations.figures import Figure, median_and_p95
from engine.retriever import Selection, retrieve
from engine.retrieving.embedder import load_embedder
from engine.settings import Settings
from engine.storage.database import Database, open_database
from engine.storage.scratch import scratch_database

#: Seconds that a search may take.
SEARCH_GOAL = 0.150
#: Megabytes that checking a file may take beside what the process has anyway.
CHECK_GOAL = 200
WARM_UP = 5
#: Cards that are imported into the full catalogue.
FRESH = 500


async def measure(
    settings: Settings, requests: int, rows: int, tell: Callable[[str], None]
) -> list[Figure]:
    """Returns seconds of searches, pages and an import among so many adapters."""
    async with scratch_database(settings) as scratch, open_database(scratch) as database:
        await crowd.fill(database, load_embedder(), rows, None, tell)
        searches = await _searches(database, requests)
        pages = await _pages(database, rows)
        tell(f"importing {FRESH} cards")
        began = perf_counter()
        await catalogue.import_cards(database, load_embedder(), map(_card, range(FRESH)))
        importing = perf_counter() - began
    median, p95 = median_and_p95("search", searches)
    tell("checking a file of 1 GB")
    return [
        median,
        Figure(p95.name, p95.value, "s", SEARCH_GOAL),
        Figure("a page of 100, slowest of the first and the middle", max(pages), "s"),
        Figure("cards imported and embedded", FRESH / importing, "cards/s"),
        *check_large_file(),
    ]


async def _searches(database: Database, requests: int) -> list[float]:
    embedder, seconds = load_embedder(), []
    selection = Selection(base="sd15", anybody=True, with_file=False)
    for n, prompt in enumerate(islice(crowd.prompts(), WARM_UP + requests)):
        began = perf_counter()
        async with database.transaction() as connection:
            await retrieve(connection, embedder, prompt, selection, 10, load_model().unmoved)
        if n >= WARM_UP:
            seconds.append(perf_counter() - began)
    return seconds


async def _pages(database: Database, rows: int) -> list[float]:
    seconds = []
    for start in (0, rows // 2):
        began = perf_counter()
        async with database.transaction() as connection:
            await catalogue.list_adapters(connection, 100, start, Filters(base=("sd15",)))
        seconds.append(perf_counter() - began)
    return seconds


def _card(number: int) -> dict[str, Any]:
    return {
        "source": "fresh",
        "source_id": str(number),
        "title": f"Fresh card {number}",
        "description": f"Draws what nobody has drawn before, the {number}th time.",
        "base_model": "SD 1.5",
    }


def check_large_file() -> list[Figure]:
    """Checks a sparse file of zeros on the layers of Stable Diffusion 1.5, there in shape only."""
    # Only this part needs torch.
    from engine.rendering.base_models import SD15
    from engine.rendering.bench_formats import skeleton, write_zeros
    from engine.rendering.layers import weight_of
    from engine.rendering.lora_file import examine_lora

    layers = skeleton(SD15)
    shapes = {}
    for name, module in layers.modules.items():
        weight = weight_of(module)
        if name.startswith("unet.") and weight.dim() == 2:
            stem = "lora_unet_" + name.removeprefix("unet.").replace(".", "_")
            rank = min(1024, min(weight.shape))
            shapes[f"{stem}.lora_down.weight"] = ("F32", (rank, weight.shape[1]))
            shapes[f"{stem}.lora_up.weight"] = ("F32", (weight.shape[0], rank))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "large.safetensors"
        write_zeros(shapes, path)
        before = _peak()
        began = perf_counter()
        examine_lora(path, layers, "it")
        seconds = perf_counter() - began
        size = path.stat().st_size / 2**20
    return [
        Figure("file checked", size, "MB"),
        Figure("seconds for it", seconds, "s"),
        Figure("memory for it", _peak() - before, "MB", CHECK_GOAL),
    ]


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
