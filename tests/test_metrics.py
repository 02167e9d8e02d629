"""What a process tells whoever watches it."""

import json
import re
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from engine.desk import Desk
from engine.errors import BadSettings
from engine.operations.endpoint import serve_endpoint
from engine.operations.metrics import (
    REGISTRY,
    counting_batches,
    watch_cache,
    watch_device,
    watch_slots,
)
from engine.requests import ledger
from engine.settings import Metrics, Settings
from engine.storage.database import Database
from engine.storage.file_cache import FileCache
from tests.samples import ask

WATCHED = Metrics(listen="127.0.0.1:19464")


@pytest.fixture
def watched(settings: Settings) -> Settings:
    return settings.model_copy(update={"metrics": WATCHED})


async def get(address: str, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"{address}{path}") as found:
        return found.status, await found.text()


def value(text: str, name: str) -> float:
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


async def test_the_state_of_the_installation_is_told(watched: Settings, desk: Desk) -> None:
    waiting = await desk.submit(ask("a secret wish"))
    async with serve_endpoint(watched, desk.database) as address:
        assert await get(address, "/healthz") == (200, "ok\n")
        assert await get(address, "/readyz") == (200, "ready\n")
        status, text = await get(address, "/metrics")
        assert status == 200
        assert value(text, 'stylus_requests_open{phase="queued"}') == 1
        assert value(text, "stylus_queue_age_seconds ") > 0
        assert value(text, 'stylus_workers{role="renderer"}') == 0
        assert "secret" not in text
        async with desk.database.transaction() as connection:
            await ledger.cancel(connection, waiting.id)
        assert value((await get(address, "/metrics"))[1], 'stylus_requests_open{phase="queued') == 0


async def test_several_processes_take_several_ports(watched: Settings, desk: Desk) -> None:
    async with (
        serve_endpoint(watched, desk.database) as one,
        serve_endpoint(watched, desk.database) as two,
    ):
        assert one != two
    async with serve_endpoint(desk.settings, desk.database) as nothing:
        assert nothing == ""
    nowhere = desk.settings.model_copy(update={"metrics": Metrics(listen="192.0.2.1:80")})
    with pytest.raises(BadSettings, match=r"change the setting metrics\.listen"):
        async with serve_endpoint(nowhere, desk.database):
            pass


async def test_without_its_database_a_process_is_alive_but_not_ready(
    watched: Settings, desk: Desk
) -> None:

    url = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"

    gone = Database(create_async_engine(url), "")
    async with serve_endpoint(watched, gone) as address:
        assert (await get(address, "/healthz"))[0] == 200
        status, sentence = await get(address, "/readyz")
        assert status == 503
        assert "The database does not answer" in sentence
        assert (await get(address, "/metrics"))[0] == 503


def test_a_batch_is_counted_by_its_images_and_their_adapters() -> None:
    before = told("stylus_batch_images_sum"), told("stylus_batch_adapter_sets_sum")
    render = counting_batches(len, lambda job: job)
    assert render([["star", ""], ["star", "", "moon"]]) == 2
    after = told("stylus_batch_images_sum"), told("stylus_batch_adapter_sets_sum")
    assert (after[0] - before[0], after[1] - before[1]) == (5, 3)


def told(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_caches_slots_and_the_gpu_are_looked_at_when_somebody_asks(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 10)
    watch_cache("files", cache)
    for _ in range(3):
        cache.get("images/a.png", lambda half: None)
    found = [told("stylus_cache_lookups", cache="files", found=one) for one in ("yes", "no")]
    assert found == [2, 1]
    taken = [4]
    watch_slots(8, lambda: taken[0])
    taken[0] = 5
    assert [told("stylus_job_slots", slots=one) for one in ("taken", "all")] == [5, 8]
    watch_device(lambda: None)
    assert REGISTRY.get_sample_value("stylus_device_bytes", {"memory": "used"}) is None
    watch_device(lambda: (3, 7))
    assert [told("stylus_device_bytes", memory=one) for one in ("used", "all")] == [3, 7]


def test_the_dashboard_asks_for_what_is_told() -> None:
    """A renamed metric must not leave an empty panel behind."""
    board = json.loads((Path(__file__).parents[1] / "deploy/grafana-dashboard.json").read_text())
    asked = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    exported = {metric.name for metric in REGISTRY.collect()}
    names = set(re.findall(r"stylus_\w+", asked))
    assert {re.sub("_(total|bucket|sum|count)$", "", name) for name in names} == exported
