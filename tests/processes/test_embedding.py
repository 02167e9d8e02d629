"""Another embedder is configured: the engine makes its vectors in the background."""

import asyncio

from engine.retrieving.embedder import MINILM
from engine.retrieving.search_index import standing
from engine.storage.database import open_database
from tests.loopback_models import letters, serve_model
from tests.processes.installation import ADAPTERS, Installation


async def test_the_engine_embeds_all_cards_anew(idle: Installation) -> None:
    async with serve_model("embeddings", letters) as api:
        engine = idle.spawn(
            "engine",
            STYLUS_EMBEDDINGS__KIND="api",
            STYLUS_EMBEDDINGS__BASE_URL=api.url,
            STYLUS_EMBEDDINGS__MODEL="letters",
        )
        await asyncio.to_thread(engine.until, "cards are embedded anew")
        await asyncio.to_thread(engine.until, "no card waits for its vectors")
    async with open_database(idle.settings) as database, database.transaction() as connection:
        for embedder, dimensions in (("api:letters:whole", 26), (MINILM, 384)):
            made = await standing(connection, embedder)
            assert (made.cards, made.missing) == (len(ADAPTERS), 0)
            assert made.dimensions == dimensions
    status = idle.run(
        "status",
        STYLUS_EMBEDDINGS__KIND="api",
        STYLUS_EMBEDDINGS__MODEL="words",
        STYLUS_EMBEDDINGS__BASE_URL=api.url,
    )
    assert "0 of 3 cards have the configured embedder's vectors" in " ".join(status.stdout.split())
