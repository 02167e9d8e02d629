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
from engine.operations.metrics import REGISTRY, counting_images
from engine.requests import ledger
from engine.settings import Metrics, Settings
from engine.storage.database import Database
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


def test_a_batch_is_counted_by_its_images() -> None:
    render = counting_images(lambda jobs: len(jobs), lambda job: job)
    assert render([3, 4]) == 2


def test_the_dashboard_asks_for_what_is_told() -> None:
    """A renamed metric must not leave an empty panel behind."""
    board = json.loads((Path(__file__).parents[1] / "deploy/grafana-dashboard.json").read_text())
    asked = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    told = {metric.name for metric in REGISTRY.collect()}
    names = set(re.findall(r"stylus_\w+", asked))
    assert {re.sub("_(total|bucket|sum|count)$", "", name) for name in names} == told
