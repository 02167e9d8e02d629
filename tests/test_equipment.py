"""What a renderer has is announced, kept up to date, and shown."""

from io import StringIO

from rich.console import Console

from bot.console.operations import overview_document, print_overview
from engine.operations.overview import look_around
from engine.processes import workers
from engine.settings import Settings
from engine.storage.database import Database
from engine.values import Equipment

GPU = Equipment("H100", 3 * 2**30, 80 * 2**30, ("sd15", "xl"), ("ab" * 32,))


async def test_status_shows_what_renderers_have_by_now(
    settings: Settings, database: Database
) -> None:
    async with database.transaction() as connection:
        await workers.announce(connection, "engine", ["compose"], "cpu")
        renderer = await workers.announce(connection, "renderer", ["render:sd15"], "cuda")
    async with database.transaction() as connection:
        await workers.beat(connection, renderer, GPU)
    seen = await look_around(settings)
    assert [one.equipment for one in seen.workers] == [Equipment(), GPU]
    shown = StringIO()
    print_overview(Console(file=shown, width=200), seen)
    assert "cuda H100, 3.0 of 80.0 GiB" in shown.getvalue()
    assert "sd15, xl; 1 adapters" in shown.getvalue()
    told = overview_document(seen)["workers"][1]["equipment"]
    assert (told["checkpoints"], told["adapters"]) == (("sd15", "xl"), ("ab" * 32,))
